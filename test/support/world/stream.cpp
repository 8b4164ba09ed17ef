#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "support/world/end.hpp"
#include "support/world/world.hpp"

namespace postil::test {
namespace {

using env::NetError;
using env::NetFailure;
using env::NetResult;

constexpr std::size_t window_octets = 256 * 1024;
constexpr std::string_view record_seen_in_clear = "\x16\x03\x01";  // how TLS looks to who does not speak it

// Belongs to the thread, as the port says: whoever keeps a view over a co_await reads what others got.
std::array<char, limits::read_buffer_octets>& thread_buffer() {
  static std::array<char, limits::read_buffer_octets> buffer;
  return buffer;
}

std::string_view kind_name(Segment::Kind kind) {
  switch (kind) {
    case Segment::Kind::clear:
      return "clear";
    case Segment::Kind::sealed:
      return "sealed";
    case Segment::Kind::client_hello:
      return "client hello";
    case Segment::Kind::server_hello:
      return "server hello";
    case Segment::Kind::finished:
      return "finished";
    case Segment::Kind::alert:
      return "alert";
    case Segment::Kind::end:
      return "end";
    case Segment::Kind::reset:
      return "reset";
  }
  return "";
}

crypto::TlsFacts facts_of(const Hello& hello) {
  crypto::TlsFacts facts;
  facts.version = "TLSv1.3";
  facts.cipher = "TLS_AES_256_GCM_SHA384";
  facts.sni = hello.sni;
  facts.exporter = hello.exporter;
  facts.server_end_point =
      "digest-of-" + (hello.certificate.names.empty() ? std::string() : hello.certificate.names[0]);
  return facts;
}

bool is_for(const WorldCertificate& certificate, const std::vector<std::string>& names) {
  for (const std::string& one : certificate.names) {
    for (const std::string& name : names) {
      if (one == name) return true;
      if (one.starts_with("*.") && name.find('.') != std::string::npos && name.substr(name.find('.')) == one.substr(1))
        return true;
    }
  }
  return false;
}

// What the authorities say of a certificate.
void verify(const WorldCertificate& certificate, const std::vector<std::string>& names, crypto::TlsFacts& facts) {
  if (!certificate.trusted) {
    facts.verify_error = "the certificate was issued by an unknown authority";
    facts.verify_fault = crypto::TlsFault::not_trusted;
  } else if (certificate.expired) {
    facts.verify_error = "the certificate has expired";
    facts.verify_fault = crypto::TlsFault::expired;
  } else if (!is_for(certificate, names)) {
    facts.verify_error = "the certificate is for another name";
    facts.verify_fault = crypto::TlsFault::host_mismatch;
  }
  facts.peer_verified = facts.verify_error.empty();
}

// The first TLSA record that matches; nothing: none does. [rfc7671 5.1] [rfc7671 5.2]
std::string match(const WorldCertificate& certificate, const env::TlsClientRequest& request) {
  for (const auto& record : request.tlsa) {
    const bool key = record.usage == 3 && record.data == std::string(32, certificate.key);
    const bool anchor = record.usage == 2 && record.data == std::string(32, certificate.issuer) &&
                        !certificate.expired && is_for(certificate, request.dane_names);
    if (!key && !anchor) continue;
    return std::string{static_cast<char>(record.usage), static_cast<char>(record.selector),
                       static_cast<char>(record.matching)} +
           record.data;
  }
  return {};
}

}  // namespace

End::End(std::shared_ptr<Node> node, Line line, env::Endpoint own, env::Endpoint other, bool server)
    : local(std::move(own)),
      remote(std::move(other)),
      node_(node),
      line_(line),
      server_(server),
      reader_(node),
      writer_(node) {}

std::optional<NetFailure> End::failure() const {
  if (cancelled_ || closed_) return NetFailure{NetError::cancelled, "the connection was given up"};
  return broken_;
}

// Puts a segment on the line; it arrives in order, after the latency.
void End::send(Segment segment) {
  const auto peer = peer_.lock();
  World& world = node_->world();
  if (silent_ || !node_->alive()) return;
  if (!peer) {  // nobody is there any more: the other host says so
    if (segment.kind == Segment::Kind::reset) return;
    world.at(world.now() + line_.latency * 2, node_.get(), [self = weak_from_this(), name = node_->name()] {
      if (const auto here = self.lock()) here->arrive({.kind = Segment::Kind::reset, .data = {}, .hello = {}}, name);
    });
    return;
  }
  if (tls_ && segment.kind == Segment::Kind::clear) world.internet().counts.clear_after_tls += segment.data.size();
  last_arrival_ = std::max(world.now() + line_.latency, last_arrival_ + line_.gap);
  Node* where = peer->node_.get();
  world.at(last_arrival_, where,
           [to = std::weak_ptr<End>(peer), segment = std::move(segment), from = node_->name()]() mutable {
             if (const auto there = to.lock()) there->arrive(std::move(segment), from);
           });
}

void End::arrive(Segment segment, const std::string& from) {
  World& world = node_->world();
  if (!node_->alive()) return;
  if (world.internet().parted(from, node_->name())) {  // sent again until it comes through
    if (closed_) return;
    world.at(world.now() + seconds(10), node_.get(),
             [self = weak_from_this(), segment = std::move(segment), from]() mutable {
               if (const auto here = self.lock()) here->arrive(std::move(segment), from);
             });
    return;
  }
  world.note(
      fmt::format("{} > {} {} {}", to_string(remote), to_string(local), kind_name(segment.kind), segment.data.size()));
  if (closed_) {
    if (segment.kind != Segment::Kind::end && segment.kind != Segment::Kind::reset &&
        segment.kind != Segment::Kind::alert)
      send({.kind = Segment::Kind::reset, .data = {}, .hello = {}});
    return;
  }
  if (segment.kind == Segment::Kind::reset) {
    inbox_.clear();
    if (!broken_) broken_ = NetFailure{NetError::reset, "the connection was reset by the peer"};
    writer_.wake(Woke::ready);
  } else {
    inbox_.push_back(std::move(segment));
  }
  reader_.wake(Woke::ready);
}

// Room for what we wrote is there again once the peer has read it.
void End::consumed(std::size_t octets) {
  const auto peer = peer_.lock();
  if (!peer) return;
  World& world = node_->world();
  world.at(world.now() + line_.latency, peer->node_.get(), [to = std::weak_ptr<End>(peer), octets] {
    const auto there = to.lock();
    if (!there) return;
    there->in_flight_ -= std::min(octets, there->in_flight_);
    there->writer_.wake(Woke::ready);
  });
}

env::Awaitable<NetResult<std::string_view>> End::read(std::shared_ptr<End> self, MonoTime deadline,
                                                      std::size_t octets_max) {
  for (;;) {
    if (auto failed = self->failure()) co_return std::unexpected(std::move(*failed));
    if (self->ended_) co_return std::unexpected(NetFailure{NetError::closed, ""});
    std::size_t count = 0;
    auto& buffer = thread_buffer();
    if (!self->inbox_.empty()) std::memset(buffer.data(), '#', buffer.size());
    while (!self->inbox_.empty() && count < octets_max) {
      Segment& segment = self->inbox_.front();
      if (segment.kind == Segment::Kind::end) {
        if (count > 0) break;
        self->inbox_.clear();
        self->ended_ = true;
        break;
      }
      const bool sealed = segment.kind != Segment::Kind::clear;
      if (self->tls_ && segment.kind != Segment::Kind::sealed) {
        self->broken_ = NetFailure{NetError::tls, "a record was bad"};
        break;
      }
      if (!self->tls_ && sealed) {
        segment.data = record_seen_in_clear;
        segment.kind = Segment::Kind::clear;
      }
      const std::size_t take = std::min(segment.data.size(), octets_max - count);
      std::memcpy(buffer.data() + count, segment.data.data(), take);
      count += take;
      segment.data.erase(0, take);
      if (segment.data.empty()) self->inbox_.pop_front();
    }
    if (count > 0) {
      self->consumed(count);
      co_return std::string_view(buffer.data(), count);
    }
    if (self->ended_ || self->broken_) continue;
    const Woke why = co_await self->reader_.park(deadline);
    if (why == Woke::timed_out && self->inbox_.empty() && !self->failure()) {
      co_return std::unexpected(NetFailure{NetError::timed_out, ""});
    }
  }
}

void End::break_line() {
  ++node_->world().internet().counts.broken;
  const auto peer = peer_.lock();
  if (line_.how == Line::Break::silence) {
    silent_ = true;
    if (peer) peer->silent_ = true;
    return;
  }
  send({.kind = Segment::Kind::reset, .data = {}, .hello = {}});
  inbox_.clear();
  broken_ = NetFailure{NetError::reset, "the connection was reset"};
}

env::Awaitable<NetResult<void>> End::write(std::shared_ptr<End> self, std::string_view data, MonoTime deadline) {
  while (!data.empty()) {
    if (auto failed = self->failure()) co_return std::unexpected(std::move(*failed));
    if (self->in_flight_ >= window_octets) {
      const Woke why = co_await self->writer_.park(deadline);
      if (why == Woke::timed_out && self->in_flight_ >= window_octets && !self->failure()) {
        co_return std::unexpected(NetFailure{NetError::timed_out, ""});
      }
      continue;
    }
    std::size_t count = std::min({data.size(), self->line_.segment_octets, window_octets - self->in_flight_});
    const auto& limit = self->server_ ? self->line_.break_to_client : self->line_.break_to_server;
    const bool breaks = limit && !self->silent_ && self->sent_ + count >= *limit;
    if (breaks) count = static_cast<std::size_t>(*limit - std::min(*limit, self->sent_));
    self->sent_ += count;
    self->in_flight_ += count;
    if (count > 0) {
      self->send({.kind = self->tls_ ? Segment::Kind::sealed : Segment::Kind::clear,
                  .data = std::string(data.substr(0, count)),
                  .hello = {}});
    }
    data.remove_prefix(count);
    if (breaks) self->break_line();
  }
  if (auto failed = self->failure()) co_return std::unexpected(std::move(*failed));
  co_return NetResult<void>{};
}

NetFailure End::tls_failure(std::string detail) {
  broken_ = NetFailure{NetError::tls, detail};
  return {NetError::tls, std::move(detail)};
}

// The next segment of a handshake.
env::Awaitable<NetResult<Segment>> End::next(std::shared_ptr<End> self, MonoTime deadline, bool skip_clear) {
  for (;;) {
    if (auto failed = self->failure()) {
      if (failed->error == NetError::reset)
        failed = self->tls_failure("the peer closed the connection during the TLS handshake");
      co_return std::unexpected(std::move(*failed));
    }
    if (!self->inbox_.empty()) {
      Segment segment = std::move(self->inbox_.front());
      self->inbox_.pop_front();
      self->consumed(segment.data.size());
      if (skip_clear && segment.kind == Segment::Kind::clear) continue;
      co_return segment;
    }
    const Woke why = co_await self->reader_.park(deadline);
    if (why == Woke::timed_out && self->inbox_.empty() && !self->failure()) {
      self->tls_failure("the handshake took too long");
      co_return std::unexpected(NetFailure{NetError::timed_out, ""});
    }
  }
}

env::Awaitable<NetResult<crypto::TlsFacts>> End::accept_tls(std::shared_ptr<End> self,
                                                            std::shared_ptr<env::TlsServerContext> context,
                                                            MonoTime deadline) {
  const auto own = std::dynamic_pointer_cast<WorldTlsContext>(context);
  POSTIL_ASSERT(own != nullptr && !self->tls_);
  // What came in clear before the client's hello is thrown away. [rfc3207 4.2]
  auto first = co_await next(self, deadline, true);
  if (!first) co_return std::unexpected(std::move(first.error()));
  if (first->kind != Segment::Kind::client_hello || own->certificate.broken || self->line_.tls_fails) {
    self->send({.kind = Segment::Kind::alert, .data = {}, .hello = {}});
    co_return std::unexpected(self->tls_failure("no shared cipher"));
  }
  auto hello = std::make_shared<Hello>(*first->hello);
  hello->certificate = own->certificate;
  self->send({.kind = Segment::Kind::server_hello, .data = {}, .hello = hello});
  auto last = co_await next(self, deadline, false);
  if (!last) co_return std::unexpected(std::move(last.error()));
  if (last->kind != Segment::Kind::finished)
    co_return std::unexpected(self->tls_failure("the client ended the handshake"));
  self->tls_ = true;
  co_return facts_of(*hello);
}

env::Awaitable<NetResult<crypto::TlsFacts>> End::connect_tls(std::shared_ptr<End> self, env::TlsClientRequest request,
                                                             MonoTime deadline) {
  POSTIL_ASSERT(!self->tls_);
  self->inbox_.clear();
  auto hello = std::make_shared<Hello>();
  hello->sni = request.server_name;
  for (int i = 0; i < 32; ++i) hello->exporter += static_cast<char>(self->node_->entropy().word());
  self->send({.kind = Segment::Kind::client_hello, .data = {}, .hello = hello});
  auto answer = co_await next(self, deadline, false);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  if (answer->kind != Segment::Kind::server_hello) {
    co_return std::unexpected(
        self->tls_failure(answer->kind == Segment::Kind::clear ? "wrong version number" : "handshake failure"));
  }
  crypto::TlsFacts facts = facts_of(*answer->hello);
  verify(answer->hello->certificate, request.names.empty() ? std::vector{request.server_name} : request.names, facts);
  if (!request.tlsa.empty()) {
    facts.dane_match = match(answer->hello->certificate, request);
    if (facts.dane_match.empty()) {
      self->send({.kind = Segment::Kind::alert, .data = {}, .hello = {}});
      auto failure = self->tls_failure("no TLSA record matches the certificate");
      failure.tls_fault = crypto::TlsFault::dane_mismatch;
      co_return std::unexpected(std::move(failure));
    }
  }
  if (request.verify && !facts.peer_verified) {
    self->send({.kind = Segment::Kind::alert, .data = {}, .hello = {}});
    auto failure = self->tls_failure(facts.verify_error);
    failure.tls_fault = facts.verify_fault;
    co_return std::unexpected(std::move(failure));
  }
  self->send({.kind = Segment::Kind::finished, .data = {}, .hello = {}});
  self->tls_ = true;
  co_return facts;
}

bool End::readable() const {
  return !failure() && !inbox_.empty() && inbox_.front().kind != Segment::Kind::end;
}

void End::cancel() {
  cancelled_ = true;
  reader_.wake(Woke::cancelled);
  writer_.wake(Woke::cancelled);
}

void End::close() {
  if (closed_) return;
  if (!broken_) send({.kind = Segment::Kind::end, .data = {}, .hello = {}});
  closed_ = true;
  inbox_.clear();
  reader_.wake(Woke::cancelled);
  writer_.wake(Woke::cancelled);
}

void End::reset() {
  if (closed_) return;
  send({.kind = Segment::Kind::reset, .data = {}, .hello = {}});
  closed_ = true;
  inbox_.clear();
  reader_.wake(Woke::cancelled);
  writer_.wake(Woke::cancelled);
}

// The process died: the peer is told by its host's reset, or not at all; here nothing works any more.
void End::cut(bool silence) {
  const auto peer = peer_.lock();
  if (peer && !silence && !closed_) {
    World& world = node_->world();
    world.at(world.now() + line_.latency, peer->node_.get(), [to = std::weak_ptr<End>(peer), from = node_->name()] {
      if (const auto there = to.lock()) there->arrive({.kind = Segment::Kind::reset, .data = {}, .hello = {}}, from);
    });
  }
  silent_ = true;
  if (peer && silence) peer->silent_ = true;
  broken_ = NetFailure{NetError::reset, "the process has ended"};
  reader_.wake(Woke::ready);
  writer_.wake(Woke::ready);
}

namespace {

class WorldStream : public env::Stream {
 public:
  explicit WorldStream(std::shared_ptr<End> end) : end_(std::move(end)) {}
  ~WorldStream() override { end_->close(); }
  env::Awaitable<NetResult<std::string_view>> read(MonoTime deadline) override { return End::read(end_, deadline); }
  env::Awaitable<NetResult<std::string>> read_few(std::size_t octets_max, MonoTime deadline) override {
    const auto octets = co_await End::read(end_, deadline, octets_max);
    if (!octets) co_return std::unexpected(octets.error());
    co_return std::string(*octets);
  }
  env::Awaitable<NetResult<void>> write(std::string_view data, MonoTime deadline) override {
    return End::write(end_, data, deadline);
  }
  env::Awaitable<NetResult<crypto::TlsFacts>> tls_accept(std::shared_ptr<env::TlsServerContext> context,
                                                         MonoTime deadline) override {
    return End::accept_tls(end_, std::move(context), deadline);
  }
  env::Awaitable<NetResult<crypto::TlsFacts>> tls_connect(env::TlsClientRequest request, MonoTime deadline) override {
    return End::connect_tls(end_, std::move(request), deadline);
  }
  bool readable_now() override { return end_->readable(); }
  void cancel() override { end_->cancel(); }
  void close() override { end_->close(); }
  void reset() { end_->reset(); }
  const env::Endpoint& remote() const override { return end_->remote; }
  const env::Endpoint& local() const override { return end_->local; }
  std::optional<Credentials> credentials() const override {
    if (!end_->remote.local() && !end_->local.local()) return std::nullopt;
    return Credentials{.uid = 1000, .gid = 1000, .pid = 1};
  }

 private:
  std::shared_ptr<End> end_;
};

}  // namespace

std::unique_ptr<env::Stream> make_stream(std::shared_ptr<End> end) {
  return std::make_unique<WorldStream>(std::move(end));
}

void Internet::reset(env::Stream& stream) {
  if (auto* own = dynamic_cast<WorldStream*>(&stream)) own->reset();
}

}  // namespace postil::test
