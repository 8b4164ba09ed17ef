#include "server/acceptor.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "reply/catalogue.hpp"
#include "server/refusal_record.hpp"

namespace postil::server {
namespace {

// Where TLS comes first nobody reads a plain reply, and a handshake is just what a server with too many connections
// cannot afford. The client is told in its own terms, for seven octets: a fatal alert, internal_error (80), in a record
// that is not encrypted yet (RFC 8446, 6.2).
constexpr std::string_view tls_alert{"\x15\x03\x01\x00\x02\x02\x50", 7};
// Its ClientHello is read first, since a close with octets unread is a reset, which may overtake the alert. So many may
// take their time with it; others get the alert at once.
constexpr int hellos_awaited_max = 100;

env::Awaitable<void> alert(env::Clock& clock, env::Stream& stream, std::shared_ptr<std::atomic<int>> awaited) {
  const bool patient = awaited->fetch_add(1) < hellos_awaited_max;
  if (patient) co_await stream.read(clock.now() + seconds(2));
  co_await stream.write(tls_alert, clock.now() + seconds(2));
  awaited->fetch_sub(1);
}

// A connection that gets no session: one reply, at most a moment's patience. entered: the address whose place in the
// registry it gives back; empty: it got none.
env::Awaitable<void> turn_away(Services& services, Registry& registry, env::StreamPtr stream, reply::Reply reply,
                               std::shared_ptr<const smtp::ServerSettings> settings, std::string entered,
                               std::shared_ptr<void> load, std::shared_ptr<std::atomic<int>> hellos_awaited) {
  if (settings->implicit_tls) {
    co_await alert(services.clock, *stream, std::move(hellos_awaited));
  } else {
    const std::string wire = reply::to_wire(reply, settings->receipt_url);
    co_await stream->write(wire, services.clock.now() + seconds(2));
  }
  stream->close();
  if (!entered.empty()) registry.leave(entered);
  load.reset();
}

}  // namespace

std::optional<reply::Reply> refuse_peer(const ListenerState& listener, const std::string& address) {
  const auto holds = [&](const address::Network& network) { return network.contains(address); };
  if (listener.networks.empty() || std::ranges::any_of(listener.networks, holds)) return {};
  return reply::make(reply::TextId::relay_not_for_you, {{"host", listener.settings->host_name}, {"address", address}});
}

Acceptor::Acceptor(Services& services, Registry& registry, SessionExecutors& executors,
                   std::unique_ptr<env::Listener> listener, std::shared_ptr<const ListenerState> state)
    : services_(services),
      registry_(registry),
      executors_(executors),
      listener_(std::move(listener)),
      state_(std::move(state)) {}

void Acceptor::set_state(std::shared_ptr<const ListenerState> state) {
  state_.store(std::move(state));
}

void Acceptor::stop() {
  stopped_ = true;
  listener_->close();
}

env::Awaitable<void> Acceptor::run() {
  const env::Executor here = co_await boost::asio::this_coro::executor;
  auto pause = services_.timers.make(here);
  bool told = false;
  while (!stopped_) {
    SessionExecutors::Place place = executors_.pick();
    auto stream = co_await listener_->accept(place.executor);
    if (stream) {
      told = false;
      serve(std::move(*stream), std::move(place));
      continue;
    }
    if (stopped_ || stream.error().error == env::NetError::cancelled) co_return;
    if (!told) {
      services_.events.emit(
          {event::Name::accept_failed, {{"listener", to_string(listener_->local())}, {"why", stream.error().detail}}});
      told = true;  // once per trouble, not per try
    }
    // Out of descriptors: the pending connection stays in the backlog; without a pause this would spin.
    co_await pause->wait_until(services_.clock.now() + milliseconds(100));
  }
}

void Acceptor::serve(env::StreamPtr stream, SessionExecutors::Place place) {
  const auto listener = state_.load();
  const std::string address = stream->remote().local() ? "local" : stream->remote().address;
  auto refusal = registry_.enter(address, listener->settings->host_name);
  const bool entered = !refusal.has_value();
  if (entered) refusal = refuse_peer(*listener, address);
  const SessionId id = registry_.next_id();
  if (refusal) {
    services_.events.emit({event::Name::session_refused, {{"peer", address}, {"reply", reply::text_of(*refusal)}}});
    if (reply::entry(refusal->text).receipt) {
      refusal->receipt = make_receipt_id(services_.entropy.word());
      record_refusal(services_, {*refusal->receipt, *refusal, "connect", {}, {}, {}, {}}, address, id);
    }
  }
  // run_session() stands alone, since each frame around it would live as long as the session.
  auto whole = refusal ? turn_away(services_, registry_, std::move(stream), std::move(*refusal), listener->settings,
                                   entered ? address : std::string(), std::move(place.load), hellos_awaited_)
                       : run_session(services_, registry_, listener, std::move(stream), id, std::move(place.load));
  boost::asio::co_spawn(place.executor, std::move(whole), boost::asio::detached);
}

}  // namespace postil::server
