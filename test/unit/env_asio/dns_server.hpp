// A small DNS server for tests, UDP and TCP on 127.0.0.1, and a signer for one zone.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/bytes.hpp"
#include "unit/dns/packet.hpp"

namespace postil::test {

class DnsServer {
 public:
  // Gives the packet that answers (its id is filled in here); "" = says nothing. Called on the server's thread.
  using Answer = std::function<std::string(const std::string& name, unsigned type)>;

  explicit DnsServer(Answer answer) : answer_(std::move(answer)) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in at{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
      socklen_t length = sizeof at;
      auto* address = reinterpret_cast<sockaddr*>(&at);
      if (::bind(udp_, address, sizeof at) == 0 && ::getsockname(udp_, address, &length) == 0 &&
          ::bind(tcp_, address, sizeof at) == 0 && ::listen(tcp_, 10) == 0) {
        port_ = ntohs(at.sin_port);
        thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
        return;
      }
      ::close(udp_);
      ::close(tcp_);
    }
    throw std::runtime_error("no port for the DNS server");
  }
  ~DnsServer() {
    thread_.request_stop();
    thread_.join();
    ::close(udp_);
    ::close(tcp_);
  }
  std::string address() const { return "127.0.0.1@" + std::to_string(port_); }
  int asked_in_all() {
    const std::lock_guard lock(mutex_);
    int sum = 0;
    for (const auto& [name, count] : asked_) sum += count;
    return sum;
  }
  int asked(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return asked_[name];
  }

 private:
  std::string reply(const std::string& query) {
    if (query.size() < 17) return {};
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      if (!name.empty()) name += '.';
      name += to_lower(query.substr(at + 1, length));
      at += 1 + length;
    }
    const unsigned type =
        static_cast<unsigned char>(query.at(at + 1)) * 256u + static_cast<unsigned char>(query.at(at + 2));
    {
      const std::lock_guard lock(mutex_);
      ++asked_[name];
    }
    auto packet = answer_(name, type);
    if (!packet.empty()) packet.replace(0, 2, query, 0, 2);
    return packet;
  }
  void serve(const std::stop_token& stop) {
    char buffer[65536];
    while (!stop.stop_requested()) {
      pollfd sockets[] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
      if (::poll(sockets, 2, 20) <= 0) continue;
      if ((sockets[0].revents & POLLIN) != 0) {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const auto got = ::recvfrom(udp_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (got <= 0) continue;
        auto packet = reply({buffer, static_cast<std::size_t>(got)});
        if (packet.size() > 1232) {  // truncated: header with TC, question only
          packet.resize(static_cast<std::size_t>(got));
          packet[2] = static_cast<char>(packet[2] | 2);
          packet.replace(6, 6, std::string(6, '\0'));
          packet.resize(packet.find('\0', 12) + 5);
        }
        if (!packet.empty())
          ::sendto(udp_, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
      }
      if ((sockets[1].revents & POLLIN) != 0) serve_tcp();
    }
  }
  void serve_tcp() {
    const int fd = ::accept(tcp_, nullptr, nullptr);
    unsigned char head[2];
    if (::recv(fd, head, 2, MSG_WAITALL) == 2) {
      std::string query(head[0] * 256u + head[1], '\0');
      if (::recv(fd, query.data(), query.size(), MSG_WAITALL) == static_cast<ssize_t>(query.size())) {
        const auto packet = reply(query);
        const auto out = u16(static_cast<unsigned>(packet.size())) + packet;
        if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) errno = 0;
      }
    }
    ::close(fd);
  }

  Answer answer_;
  int udp_ = -1;
  int tcp_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> asked_;
  std::jthread thread_;
};

// A DNSSEC key (ECDSAP256SHA256) for one zone. [rfc4034 3.1.8.1] [rfc6605]
class ZoneKey {
 public:
  explicit ZoneKey(std::string zone) : zone_(std::move(zone)), key_(EVP_EC_gen("P-256")) {
    std::size_t length = 0;
    unsigned char point[65];
    if (EVP_PKEY_get_octet_string_param(key_, "pub", point, sizeof point, &length) != 1 || length != 65) {
      throw std::runtime_error("no public key");
    }
    rdata_ = u16(257) + "\x03\x0d" + std::string(reinterpret_cast<char*>(point) + 1, 64);
  }
  ~ZoneKey() { EVP_PKEY_free(key_); }
  ZoneKey(const ZoneKey&) = delete;
  ZoneKey& operator=(const ZoneKey&) = delete;

  static constexpr auto dnskey = static_cast<dns::Type>(48);
  static constexpr auto rrsig = static_cast<dns::Type>(46);
  const std::string& rdata() const { return rdata_; }
  std::string trust_anchor() const {
    std::string base64(100, '\0');
    const auto length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                                        reinterpret_cast<const unsigned char*>(rdata_.data()) + 4, 64);
    base64.resize(static_cast<std::size_t>(length));
    return zone_ + ". IN DNSKEY 257 3 13 " + base64;
  }
  // The record and its signature into the answer section. A forged signature is one over other data.
  void add_signed(Packet& packet, const std::string& owner, dns::Type type, const std::string& data,
                  bool forged = false) const {
    const auto name = wire_name(owner);
    packet.add(name, type, data);
    const auto now = static_cast<std::uint32_t>(std::time(nullptr));
    const char labels = owner.empty() ? '\0' : static_cast<char>(1 + std::count(owner.begin(), owner.end(), '.'));
    auto signature_head = u16(static_cast<unsigned>(type)) + "\x0d" + labels + u32(300) + u32(now + 3600) +
                          u32(now - 3600) + u16(tag()) + wire_name(zone_);
    const auto to_sign = signature_head + Packet::record(name, type, data);
    packet.add(name, rrsig, signature_head + sign(forged ? to_sign + "x" : to_sign));
    packet.edns();
  }

 private:
  unsigned tag() const {  // [rfc4034 B]
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < rdata_.size(); ++i) {
      sum += static_cast<unsigned char>(rdata_[i]) << (i % 2 == 0 ? 8 : 0);
    }
    return (sum + (sum >> 16)) & 0xffff;
  }
  std::string sign(const std::string& data) const {
    unsigned char der[100];
    std::size_t length = sizeof der;
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const bool good =
        EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_) == 1 &&
        EVP_DigestSign(context, der, &length, reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
    EVP_MD_CTX_free(context);
    if (!good) throw std::runtime_error("sign");
    const unsigned char* in = der;
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(length));
    unsigned char out[64];
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
    ECDSA_SIG_free(pair);
    return {reinterpret_cast<char*>(out), 64};
  }

  std::string zone_;
  EVP_PKEY* key_;
  std::string rdata_;
};

}  // namespace postil::test
