// links: smtp
// A next hop that says anything, in every state of the client's session. The first octets choose settings and cuts.
#include "smtp/client_session.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postil;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t octet() { return at_ < size_ ? data_[at_++] : 0; }
  std::string_view some(std::size_t count) {
    count = std::min(count, size_ - at_);
    const std::string_view out(reinterpret_cast<const char*>(data_) + at_, count);
    at_ += count;
    return out;
  }
  bool empty() const { return at_ == size_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

smtp::Transaction transaction(std::uint8_t flags) {
  smtp::Transaction t;
  t.mail.sender = *address::parse_address("a@us.example", true);
  const int count = 1 + (flags & 3);
  for (int i = 0; i < count; ++i) {
    t.recipients.push_back({*address::parse_address("r" + std::to_string(i) + "@x.example", true), 0, {}});
  }
  t.body_8bit = flags & 4;
  t.header_utf8 = flags & 8;
  t.size_octets = flags & 16 ? 100 : 0;
  if (flags & 32) t.mail.body = smtp::BodyType::binary;
  return t;
}

void check(const smtp::TransactionResult& result, const smtp::Transaction& t) {
  if (result.missing != smtp::Missing::none) {
    require(result.recipients.empty() && !result.sent_to_end);
    return;
  }
  require(result.recipients.size() == t.recipients.size());
  for (const auto& o : result.recipients) {
    require(o.trouble != smtp::Trouble::none || o.reply);
    if (o.ok()) require(result.sent_to_end && o.reply->code / 100 == 2 && o.stage == smtp::Stage::end_of_data);
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t flags = input.octet();
  const std::uint8_t shape = input.octet();
  const std::size_t cut = 1 + input.octet();
  smtp::ClientSettings settings;
  settings.host_name = "us.example";
  settings.tls = static_cast<smtp::TlsUse>(flags & 3);
  settings.pipelining = flags & 4;
  settings.chunking = flags & 8;
  settings.lmtp = shape & 64;
  settings.login_without_tls = flags & 16;
  if (flags & 32) settings.login = smtp::ClientLogin{"user", "pencil", flags & 64 ? "LOGIN" : ""};
  const bool timeout = flags & 128;
  crypto::TlsFacts facts;
  facts.exporter = "exporter";
  facts.peer_verified = true;

  const smtp::Transaction t = transaction(shape);
  const std::string body = "Subject: x\r\n\r\n.dot\r\nmore and more\r\n";
  smtp::ClientSession session(settings, 7);
  MonoTime now{};
  int transactions = 0;
  smtp::ClientAction action = session.start(now);
  for (int steps = 0; steps < 200'000; ++steps) {
    now += milliseconds(1);
    if (const auto* read = std::get_if<smtp::ClientRead>(&action)) {
      require(read->deadline > MonoTime{});
      require(read->output.size() < 100'000);
      if (input.empty()) {
        action = timeout ? session.timed_out(now) : session.failed("gone", now);
      } else {
        action = session.bytes(input.some(cut), now);
      }
    } else if (std::get_if<smtp::ClientWrite>(&action)) {
      const bool early = input.octet() == 255 && !input.empty();
      action = early ? session.bytes(input.some(cut), now) : session.written(now);
    } else if (std::get_if<smtp::ClientStartTls>(&action)) {
      require(!session.tls());
      action = input.octet() == 255 ? session.tls_failed("no", now) : session.tls_done(facts, now);
    } else if (const auto* hash = std::get_if<smtp::ClientHash>(&action)) {
      const auto work = hash->work;
      if (input.octet() == 255) {
        action = session.abort(now);
      } else {
        work();
        action = session.hashed(now);
      }
    } else if (const auto* need = std::get_if<smtp::NeedBody>(&action)) {
      require(need->offset <= body.size());
      const auto part = std::string_view(body).substr(need->offset, 1 + shape / 8);
      action = session.body(part, need->offset + part.size() == body.size(), now);
    } else if (std::get_if<smtp::Idle>(&action)) {
      if (settings.tls == smtp::TlsUse::required || settings.tls == smtp::TlsUse::implicit)
        require(session.tls().has_value());
      action = ++transactions > 3 ? session.quit(now) : session.send(t, now);
    } else if (std::get_if<smtp::Finished>(&action)) {
      check(session.take_result(), t);
      action = session.resume(now);
    } else {
      if (session.transaction_open()) check(session.take_result(), t);
      require(std::holds_alternative<smtp::ClientClose>(session.failed("again", now)));
      return 0;
    }
  }
  std::abort();  // it did not end
}
