// One end of a connection in the world. Inside of network.cpp and stream.cpp.
#pragma once

#include "base/limits.hpp"
#include "support/world/network.hpp"
#include "support/world/parking.hpp"

namespace postil::test {

struct Hello {  // of a handshake
  std::string sni;
  WorldCertificate certificate;
  std::string exporter;
};

struct Segment {
  enum class Kind : std::uint8_t {
    clear,
    sealed,
    client_hello,
    server_hello,
    finished,
    alert,
    end,
    reset
  } kind = Kind::clear;
  std::string data;
  std::shared_ptr<const Hello> hello;
};

class WorldTlsContext : public env::TlsServerContext {
 public:
  explicit WorldTlsContext(WorldCertificate c) : certificate(std::move(c)) {}
  WorldCertificate certificate;
};

class End : public std::enable_shared_from_this<End> {
 public:
  End(std::shared_ptr<Node> node, Line line, env::Endpoint local, env::Endpoint remote, bool server);

  static env::Awaitable<env::NetResult<std::string_view>> read(std::shared_ptr<End> self, MonoTime deadline,
                                                               std::size_t octets_max = limits::read_buffer_octets);
  static env::Awaitable<env::NetResult<void>> write(std::shared_ptr<End> self, std::string_view data,
                                                    MonoTime deadline);
  static env::Awaitable<env::NetResult<crypto::TlsFacts>> accept_tls(std::shared_ptr<End> self,
                                                                     std::shared_ptr<env::TlsServerContext> context,
                                                                     MonoTime deadline);
  static env::Awaitable<env::NetResult<crypto::TlsFacts>> connect_tls(std::shared_ptr<End> self,
                                                                      env::TlsClientRequest request, MonoTime deadline);
  void cancel();
  void close();
  void reset();
  void cut(bool silence);
  bool readable() const;
  bool on(const Node& node) const { return node_.get() == &node; }
  void join(const std::shared_ptr<End>& peer) { peer_ = peer; }

  const env::Endpoint local, remote;
  std::uint64_t id = 0;

 private:
  void send(Segment segment);
  void arrive(Segment segment, const std::string& from);
  void break_line();
  std::optional<env::NetFailure> failure() const;
  static env::Awaitable<env::NetResult<Segment>> next(std::shared_ptr<End> self, MonoTime deadline, bool skip_clear);
  env::NetFailure tls_failure(std::string detail);
  void consumed(std::size_t octets);

  std::shared_ptr<Node> node_;
  std::weak_ptr<End> peer_;
  Line line_;
  bool server_;
  Parking reader_, writer_;
  std::deque<Segment> inbox_;
  std::size_t in_flight_ = 0;  // sent and not yet read by the peer
  std::uint64_t sent_ = 0;
  MonoTime last_arrival_{};  // of what we sent
  bool tls_ = false;
  bool ended_ = false;   // the peer's end was read
  bool closed_ = false;  // by us
  bool cancelled_ = false;
  bool silent_ = false;  // the line is dead, and nobody says so
  std::optional<env::NetFailure> broken_;
};

std::unique_ptr<env::Stream> make_stream(std::shared_ptr<End> end);

}  // namespace postil::test
