#include "server/session_driver.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "server/refusal_record.hpp"

namespace postil::server {
namespace {

class Random : public smtp::SessionRandom {
 public:
  explicit Random(env::Entropy& entropy) : entropy_(entropy) {}
  ReceiptId receipt() override { return make_receipt_id(entropy_.word()); }
  std::string nonce() override { return fmt::format("{:016x}{:016x}", entropy_.word(), entropy_.word()); }

 private:
  env::Entropy& entropy_;
};

// One connection: the loop that carries out the session's actions.
class Driver {
 public:
  Driver(Services& services, Registry& registry, std::shared_ptr<const ListenerState> listener, env::StreamPtr stream,
         SessionId id)
      : services_(services),
        registry_(registry),
        listener_(std::move(listener)),
        stream_(std::move(stream)),
        id_(id),
        address_(stream_->remote().local() ? "local" : stream_->remote().address),
        random_(services.entropy),
        answers_(services, listener_->policy, listener_->settings, address_) {}

  env::Awaitable<void> run();

 private:
  env::Awaitable<bool> prepare(smtp::PeerFacts& peer);
  env::Awaitable<smtp::Action> read(smtp::Read action);
  env::Awaitable<smtp::Action> start_tls(smtp::StartTls action);
  env::Awaitable<bool> write(std::string_view output, MonoTime deadline);
  void tell();
  smtp::Action interrupted();

  Services& services_;
  Registry& registry_;
  std::shared_ptr<const ListenerState> listener_;
  env::StreamPtr stream_;
  SessionId id_;
  std::string address_;
  Random random_;
  Answers answers_;
  std::unique_ptr<smtp::ServerSession> session_;
};

// What stands before the session: implicit TLS, the local peer's login.
env::Awaitable<bool> Driver::prepare(smtp::PeerFacts& peer) {
  const auto& settings = *listener_->settings;
  peer.session = id_;
  peer.address = address_;
  peer.local_address = stream_->local().address;
  if (settings.job == smtp::Job::local) {
    const auto credentials = stream_->credentials();
    std::optional<std::string> login;
    if (credentials) login = listener_->local_login(credentials->uid);
    if (!login) co_return false;
    peer.local_login = *login;
  }
  if (settings.implicit_tls) {
    auto facts = co_await stream_->tls_accept(listener_->tls, services_.clock.now() + settings.command_timeout);
    if (!facts) {
      services_.events.emit({event::Name::session_tls,
                             {{"session", static_cast<std::int64_t>(id_.value)},
                              {"peer", address_},
                              {"ok", false},
                              {"why", facts.error().detail}}});
      co_return false;
    }
    peer.tls = std::move(*facts);
  } else {
    peer.readable_before_greeting = stream_->readable_now();
  }
  co_return true;
}

env::Awaitable<bool> Driver::write(std::string_view output, MonoTime deadline) {
  if (output.empty()) co_return true;
  const auto written = co_await stream_->write(output, deadline);
  co_return written.has_value();
}

smtp::Action Driver::interrupted() {
  const auto now = services_.clock.now();
  return session_->shut_down(reply::make(reply::TextId::stopping, {{"host", listener_->settings->host_name}}), now);
}

env::Awaitable<smtp::Action> Driver::read(smtp::Read action) {
  // A client that takes no replies is not waited for longer than one that sends nothing.
  const bool sent = co_await write(action.output, action.deadline);
  action.output = {};
  if (!sent) co_return session_->closed(services_.clock.now());
  if (action.flush) co_return session_->written(services_.clock.now());
  if (registry_.stopping()) {
    const bool in_message = session_->in_message();
    if (!in_message) co_return interrupted();
  }
  const auto octets = co_await stream_->read(action.deadline);
  const auto now = services_.clock.now();
  if (octets) co_return session_->bytes(*octets, now);
  switch (octets.error().error) {
    case env::NetError::timed_out: co_return session_->timed_out(now);
    case env::NetError::cancelled: co_return interrupted();
    default: co_return session_->closed(now);
  }
}

env::Awaitable<smtp::Action> Driver::start_tls(smtp::StartTls action) {
  const bool sent = co_await write(action.output, action.deadline);
  if (!sent) co_return session_->closed(services_.clock.now());
  auto facts = co_await stream_->tls_accept(listener_->tls, action.deadline);
  const auto now = services_.clock.now();
  if (facts) co_return session_->tls_done(*facts, now);
  // After a broken handshake the octets on the wire mean nothing any more: the connection is over.
  services_.events.emit({event::Name::session_tls,
                         {{"session", static_cast<std::int64_t>(id_.value)},
                          {"peer", address_},
                          {"ok", false},
                          {"why", facts.error().detail}}});
  co_return session_->closed(now);
}

void Driver::tell() {
  for (auto& told : session_->take_events()) services_.events.emit(told);
  for (const auto& refusal : session_->take_refusals()) {
    record_refusal(services_, refusal, address_, id_);
  }
}

env::Awaitable<void> Driver::run() {
  smtp::PeerFacts peer;
  const bool prepared = co_await prepare(peer);
  if (!prepared) co_return;
  session_ = std::make_unique<smtp::ServerSession>(listener_->settings, std::move(peer), random_);
  const env::Executor executor = co_await boost::asio::this_coro::executor;
  // The interrupt is posted, and finds the stream only while this frame lives.
  auto alive = std::make_shared<env::Stream*>(stream_.get());
  registry_.add(id_, [executor, weak = std::weak_ptr(alive)] {
    boost::asio::post(executor, [weak] {
      if (const auto stream = weak.lock()) (*stream)->cancel();
    });
  });
  struct Leave {
    Registry& registry;
    SessionId id;
    ~Leave() { registry.remove(id); }
  } leave{registry_, id_};

  smtp::Action action = session_->start(services_.clock.now());
  for (;;) {
    tell();
    if (auto* reading = std::get_if<smtp::Read>(&action)) {
      smtp::Action next = co_await read(std::move(*reading));
      action = std::move(next);
    } else if (auto* question = std::get_if<smtp::Ask>(&action)) {
      smtp::Answer answer = co_await answers_.answer(std::move(question->question));
      action = session_->answer(std::move(answer), services_.clock.now());
    } else if (auto* tls = std::get_if<smtp::StartTls>(&action)) {
      smtp::Action next = co_await start_tls(std::move(*tls));
      action = std::move(next);
    } else {
      const auto& last = std::get<smtp::Close>(action);
      co_await write(last.output, services_.clock.now() + seconds(5));
      stream_->close();
      break;
    }
  }
  tell();
  services_.events.emit({event::Name::session_closed,
                         {{"session", static_cast<std::int64_t>(id_.value)},
                          {"peer", address_},
                          {"login", session_->login()},
                          {"messages", static_cast<std::int64_t>(answers_.messages_accepted())}}});
}

}  // namespace

env::Awaitable<void> run_session(Services& services, Registry& registry, std::shared_ptr<const ListenerState> listener,
                                 env::StreamPtr stream, SessionId id) {
  // On the heap: a coroutine frame that holds a driver is copied by nobody, but this keeps frames small.
  auto driver = std::make_unique<Driver>(services, registry, std::move(listener), std::move(stream), id);
  co_await driver->run();
}

}  // namespace postil::server
