#include "server/session_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <optional>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "server/refusal_record.hpp"

namespace postil::server {

std::optional<reply::Reply> refuse_peer(const ListenerState& listener, const std::string& address) {
  const auto holds = [&](const address::Network& network) { return network.contains(address); };
  if (listener.networks.empty() || std::ranges::any_of(listener.networks, holds)) return {};
  return reply::make(reply::TextId::relay_not_for_you, {{"host", listener.settings->host_name}, {"address", address}});
}

namespace {

class Random : public smtp::SessionRandom {
 public:
  explicit Random(env::Entropy& entropy) : entropy_(entropy) {}
  ReceiptId receipt() override { return make_receipt_id(entropy_.word()); }
  std::string nonce() override { return fmt::format("{:016x}{:016x}", entropy_.word(), entropy_.word()); }

 private:
  env::Entropy& entropy_;
};

// One connection. Its loop is run_session(), whose frame lives as long as the session: what an idle session need not
// keep stands in other functions, since g++ gives each temporary of a coroutine a place of its own in the frame.
class Driver {
 public:
  Driver(Services& services, Registry& registry, std::shared_ptr<const ListenerState> listener, env::StreamPtr stream,
         Client client, env::Executor executor)
      : services_(services),
        registry_(registry),
        listener_(std::move(listener)),
        stream_(std::move(stream)),
        id_(client.session),
        address_(std::move(client.address)),
        local_address_(std::move(client.local_address)),
        refusal_(std::move(client.refusal)),
        random_(services.entropy),
        answers_(services, listener_->policy, listener_->settings, address_),
        executor_(std::move(executor)) {}

  // What became of a Read.
  struct Came {
    bool sent = true;  // its output
    bool flush = false;
    std::optional<env::NetResult<std::string_view>> octets;  // nothing: none were waited for
  };
  // Both go up to the next wait for the client, and give nothing when the session is over.
  env::Awaitable<std::optional<smtp::Read>> begin();
  env::Awaitable<std::optional<smtp::Read>> go_on(Came came);
  env::Awaitable<bool> write(std::string_view output, MonoTime deadline);
  env::Stream& stream() { return *stream_; }
  bool begin_wait() { return waiting_ = !registry_.stopping() || session_->in_message(); }
  void end_wait() { waiting_ = false; }
  void interrupt();
  void tell_closed();
  const std::string& address() const { return address_; }

 private:
  env::Awaitable<bool> prepare(smtp::PeerFacts& peer);
  env::Awaitable<smtp::Action> start_tls(smtp::StartTls action);
  env::Awaitable<std::optional<smtp::Read>> carry_out(smtp::Action action);
  smtp::Action action_after(const Came& came);
  void tell();
  smtp::Answer client_changed(const smtp::CheckClient& question);
  env::Awaitable<smtp::Answer> answer(smtp::Question question);
  smtp::Action stop_session();
  env::Awaitable<void> say_goodbye(smtp::Action action);

  Services& services_;
  Registry& registry_;
  std::shared_ptr<const ListenerState> listener_;
  env::StreamPtr stream_;
  SessionId id_;
  std::string address_;
  std::string local_address_;
  std::unique_ptr<reply::Reply> refusal_;  // until the session has it
  Random random_;
  Answers answers_;
  std::unique_ptr<smtp::ServerSession> session_;
  env::Executor executor_;
  bool waiting_ = false;  // for the client's octets
  enum class Goodbye : std::uint8_t { none, being_said, over } goodbye_ = Goodbye::none;
  std::unique_ptr<env::Timer> said_goodbye_;
};

// What stands before the session: implicit TLS, the local peer's login.
env::Awaitable<bool> Driver::prepare(smtp::PeerFacts& peer) {
  const auto& settings = *listener_->settings;
  peer.session = id_;
  peer.address = address_;
  peer.local_address = local_address_;
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
    peer.tls = std::make_unique<crypto::TlsFacts>(std::move(*facts));
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

smtp::Action Driver::stop_session() {
  const auto now = services_.clock.now();
  return session_->shut_down(reply::make(reply::TextId::stopping, {{"host", listener_->settings->host_name}}), now);
}

// The server stops while the session is on its way. A client that is silent between commands is told now; what is
// busy, or sends a message, sees it when it comes back to read().
void Driver::interrupt() {
  if (!session_) return stream_->cancel();  // in the handshake of implicit TLS
  if (!waiting_ || session_->in_message()) return;
  smtp::Action action = stop_session();
  if (std::holds_alternative<smtp::Read>(action)) return;  // no reply may be given here yet
  goodbye_ = Goodbye::being_said;
  boost::asio::co_spawn(executor_, say_goodbye(std::move(action)), boost::asio::detached);
}

// Beside the read that waits: a stream that was cancelled could not be written to any more.
env::Awaitable<void> Driver::say_goodbye(smtp::Action action) {
  while (auto* question = std::get_if<smtp::Ask>(&action)) {
    smtp::Answer given = co_await answer(std::move(question->question));
    action = session_->answer(std::move(given), services_.clock.now());
  }
  const auto* last = std::get_if<smtp::Close>(&action);
  if (last) co_await write(last->output, services_.clock.now() + seconds(5));
  goodbye_ = Goodbye::over;
  stream_->cancel();
  if (said_goodbye_) said_goodbye_->cancel();
}

smtp::Action Driver::action_after(const Came& came) {
  const auto now = services_.clock.now();
  if (!came.sent) return session_->closed(now);
  if (came.flush) return session_->written(now);
  if (!came.octets) return stop_session();
  if (*came.octets) return session_->bytes(**came.octets, now);
  if (came.octets->error().error == env::NetError::timed_out) return session_->timed_out(now);
  return session_->closed(now);
}

env::Awaitable<std::optional<smtp::Read>> Driver::go_on(Came came) {
  if (goodbye_ == Goodbye::being_said) {
    said_goodbye_ = services_.timers.make(executor_);
    while (goodbye_ != Goodbye::over) co_await said_goodbye_->wait_until(never);
  }
  smtp::Action action = smtp::Close{};
  if (goodbye_ == Goodbye::none) action = action_after(came);
  auto reading = co_await carry_out(std::move(action));
  co_return std::move(reading);
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

env::Awaitable<std::optional<smtp::Read>> Driver::begin() {
  smtp::PeerFacts peer;
  peer.started = services_.clock.wall();
  peer.refusal = std::move(refusal_);
  const bool prepared = co_await prepare(peer);
  if (!prepared) co_return std::nullopt;
  session_ = std::make_unique<smtp::ServerSession>(listener_->settings, std::move(peer), random_);

  services_.events.emit(
      {event::Name::session_opened, {{"session", static_cast<std::int64_t>(id_.value)}, {"peer", address_}}});
  smtp::Action action = session_->start(services_.clock.now());
  auto reading = co_await carry_out(std::move(action));
  co_return std::move(reading);
}

// XCLIENT: the connection counts for another client, if that one may connect at all.
smtp::Answer Driver::client_changed(const smtp::CheckClient& question) {
  auto refusal = registry_.move(address_, question.address, listener_->settings->host_name);
  if (refusal) return smtp::Refusal{std::move(*refusal)};
  address_ = question.address;
  answers_.set_peer(address_);
  refusal = refuse_peer(*listener_, address_);
  if (refusal) return smtp::Refusal{std::move(*refusal)};
  return smtp::Continue{};
}

env::Awaitable<smtp::Answer> Driver::answer(smtp::Question question) {
  if (const auto* client = std::get_if<smtp::CheckClient>(&question)) co_return client_changed(*client);
  smtp::Answer given = co_await answers_.answer(std::move(question));
  co_return given;
}

env::Awaitable<std::optional<smtp::Read>> Driver::carry_out(smtp::Action action) {
  for (;;) {
    tell();
    if (auto* reading = std::get_if<smtp::Read>(&action)) {
      co_return std::move(*reading);
    } else if (auto* question = std::get_if<smtp::Ask>(&action)) {
      smtp::Answer given = co_await answer(std::move(question->question));
      action = session_->answer(std::move(given), services_.clock.now());
    } else if (auto* tls = std::get_if<smtp::StartTls>(&action)) {
      smtp::Action next = co_await start_tls(std::move(*tls));
      action = std::move(next);
    } else {
      const auto& last = std::get<smtp::Close>(action);
      co_await write(last.output, services_.clock.now() + seconds(5));
      stream_->close();
      co_return std::nullopt;
    }
  }
}

void Driver::tell_closed() {
  if (!session_) return;
  tell();
  services_.events.emit({event::Name::session_closed,
                         {{"session", static_cast<std::int64_t>(id_.value)},
                          {"peer", address_},
                          {"login", session_->login()},
                          {"messages", static_cast<std::int64_t>(answers_.messages_accepted())}}});
}

}  // namespace

env::Awaitable<void> run_session(Services& services, Registry& registry, std::shared_ptr<const ListenerState> listener,
                                 env::StreamPtr stream, Client client, std::shared_ptr<void> load) {
  const env::Executor executor = co_await boost::asio::this_coro::executor;
  const SessionId id = client.session;
  Driver driver(services, registry, std::move(listener), std::move(stream), std::move(client), executor);
  // The interrupt is posted, and finds the driver only while this frame lives.
  auto alive = std::make_shared<Driver*>(&driver);
  registry.add(id, [executor, weak = std::weak_ptr(alive)] {
    boost::asio::post(executor, [weak] {
      if (const auto found = weak.lock()) (*found)->interrupt();
    });
  });
  struct Leave {
    Registry& registry;
    SessionId id;
    ~Leave() { registry.remove(id); }
  } leave{registry, id};
  std::optional<smtp::Read> reading = co_await driver.begin();
  while (reading) {
    Driver::Came came;
    came.flush = reading->flush;
    // A client that takes no replies is not waited for longer than one that sends nothing.
    came.sent = co_await driver.write(reading->output, reading->deadline);
    std::string().swap(reading->output);
    if (came.sent && !came.flush) {
      const bool waits = driver.begin_wait();
      if (waits) came.octets = co_await driver.stream().read(reading->deadline);
      driver.end_wait();
    }
    reading = co_await driver.go_on(std::move(came));
  }
  driver.tell_closed();
  registry.leave(driver.address());
  load.reset();
}

}  // namespace postil::server
