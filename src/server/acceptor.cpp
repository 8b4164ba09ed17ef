#include "server/acceptor.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "reply/catalogue.hpp"
#include "server/refusal_record.hpp"
#include "server/refusal_rule.hpp"
#include "smtp/proxy_header.hpp"

namespace postil::server {
namespace {

// Where TLS comes first nobody reads a plain reply, and a handshake is just what a server with too many connections
// cannot afford. The client is told in its own terms, for seven octets: a fatal alert, internal_error (80), in a record
// that is not encrypted yet (RFC 8446, 6.2).
constexpr std::string_view tls_alert{"\x15\x03\x01\x00\x02\x02\x50", 7};
// Its ClientHello is read first, since a close with octets unread is a reset, which may overtake the alert. So many may
// take their time with it; others get the alert at once.
constexpr int hellos_awaited_max = 100;
// A proxy sends its header with the connection.
constexpr Duration proxy_header_timeout = seconds(5);

// So often at the most is it told that connections cannot be accepted, however the trouble comes and goes.
constexpr Duration tell_interval = minutes(1);

env::Awaitable<void> alert(env::Clock& clock, env::Stream& stream, std::shared_ptr<std::atomic<int>> awaited) {
  const bool patient = awaited->fetch_add(1) < hellos_awaited_max;
  if (patient) co_await stream.read(clock.now() + seconds(2));
  co_await stream.write(tls_alert, clock.now() + seconds(2));
  awaited->fetch_sub(1);
}

// A connection on its way to a session.
struct Arrival {
  Services& services;
  Registry& registry;
  std::shared_ptr<const ListenerState> listener;
  env::StreamPtr stream;
  Client client;
  std::shared_ptr<void> load;
  std::shared_ptr<std::atomic<int>> hellos_awaited;
  bool entered = true;  // it has a place in the registry, as client.address
};

// A connection that gets no session: one reply, at most a moment's patience.
env::Awaitable<void> turn_away(Arrival arrival, reply::Reply reply) {
  const auto& settings = *arrival.listener->settings;
  if (settings.implicit_tls) {
    co_await alert(arrival.services.clock, *arrival.stream, arrival.hellos_awaited);
  } else {
    const std::string wire = reply::to_wire(reply, settings.receipt_url);
    co_await arrival.stream->write(wire, arrival.services.clock.now() + seconds(2));
  }
  arrival.stream->close();
  if (arrival.entered) arrival.registry.leave(arrival.client.address);
}

// Its client is known: a session, or the refusal.
void serve_client(Arrival arrival, std::optional<reply::Reply> refusal, const env::Executor& executor) {
  auto& services = arrival.services;
  // A host that never takes mail says so also when it is busy: "try again later" would bring the client back for
  // nothing [rfc7504 3], and a session costs more than this.
  const auto& settings = *arrival.listener->settings;
  if (refusal && smtp::refuses_all(settings)) refusal = smtp::null_host_greeting(settings);
  if (refusal) {
    services.events.emit(
        {event::Name::session_refused, {{"peer", arrival.client.address}, {"reply", reply::text_of(*refusal)}}});
    if (reply::entry(refusal->text).receipt) {
      refusal->receipt = make_receipt_id(services.entropy.word());
      record_refusal(services, {*refusal->receipt, *refusal, "connect", {}, {}, {}, {}}, arrival.client.address,
                     arrival.client.session);
    }
    if (refusal->code == 421 || smtp::refuses_all(settings)) {
      boost::asio::co_spawn(executor, turn_away(std::move(arrival), std::move(*refusal)), boost::asio::detached);
      return;
    }
    arrival.client.refusal = std::make_unique<reply::Reply>(std::move(*refusal));
  }
  // run_session() stands alone, since each frame around it would live as long as the session.
  boost::asio::co_spawn(executor,
                        run_session(services, arrival.registry, std::move(arrival.listener), std::move(arrival.stream),
                                    std::move(arrival.client), std::move(arrival.load)),
                        boost::asio::detached);
}

// Why the peer's header is not taken; empty: it was read.
env::Awaitable<std::string> read_proxy_header(Arrival& arrival, smtp::ProxyHeader& header) {
  const auto& peer = arrival.client.address;
  const bool known =
      std::ranges::any_of(arrival.listener->proxies, [&](const address::Network& from) { return from.contains(peer); });
  if (!known) co_return "it is not in proxy.networks";
  const MonoTime deadline = arrival.services.clock.now() + proxy_header_timeout;
  smtp::ProxyHeaderParser parser;
  for (;;) {
    const auto octets = co_await arrival.stream->read_few(parser.wanted(), deadline);
    if (!octets) {
      co_return octets.error().error == env::NetError::timed_out ? "its PROXY header took too long"
                                                                 : "it closed before its PROXY header was whole";
    }
    const auto status = parser.feed(*octets);
    if (status == smtp::ProxyHeaderParser::Status::more) continue;
    header = parser.header();
    co_return status == smtp::ProxyHeaderParser::Status::done ? "" : "it sent no PROXY header that can be read";
  }
}

// A connection of a proxy's listener: nothing is said to it before its header has said whose it is, and nothing at all
// to who sends none. The place in the registry counts for no address so far.
env::Awaitable<void> serve_proxied(Arrival arrival, env::Executor executor) {
  auto& [services, registry, listener, stream, client, load, hellos_awaited, entered] = arrival;
  auto alive = std::make_shared<env::Stream*>(stream.get());
  registry.add(client.session, [executor, weak = std::weak_ptr(alive)] {
    boost::asio::post(executor, [weak] {
      if (const auto found = weak.lock()) (*found)->cancel();
    });
  });
  smtp::ProxyHeader header;
  const std::string fault = co_await read_proxy_header(arrival, header);
  alive.reset();
  registry.remove(client.session);
  if (!fault.empty()) {
    services.events.emit({event::Name::session_refused, {{"peer", client.address}, {"why", fault}}});
    stream->close();
    registry.leave("");
    co_return;
  }
  const std::string proxy = client.address;
  if (!header.client_address.empty()) {
    client.address = header.client_address;
    client.local_address = header.server_address;
  }
  services.events.emit({event::Name::session_client,
                        {{"session", static_cast<std::int64_t>(client.session.value)},
                         {"peer", proxy},
                         {"client", client.address},
                         {"by", "PROXY"}}});
  auto refusal = registry.move("", client.address, listener->settings->host_name);
  if (refusal) {
    registry.leave("");
    entered = false;
  } else {
    refusal = refuse_peer(*listener, client.address);
  }
  serve_client(std::move(arrival), std::move(refusal), executor);
}

}  // namespace

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
  while (!stopped_) {
    SessionExecutors::Place place = executors_.pick();
    auto stream = co_await listener_->accept(place.executor);
    if (stream) {
      serve(std::move(*stream), std::move(place));
      continue;
    }
    if (stopped_ || stream.error().error == env::NetError::cancelled) co_return;
    tell_failure(stream.error());
    if (stream.error().error == env::NetError::limit && turn_away()) continue;
    // Without a pause this would spin.
    co_await pause->wait_until(services_.clock.now() + milliseconds(100));
  }
}

void Acceptor::tell_failure(const env::NetFailure& failure) {
  const auto now = services_.clock.now();
  if (told_failure_ != MonoTime{} && now - told_failure_ < tell_interval) return;
  told_failure_ = now;
  services_.events.emit(
      {event::Name::accept_failed, {{"listener", to_string(listener_->local())}, {"why", failure.detail}}});
}

// Whoever comes while there is no descriptor for a session is told so, and does not wait for an answer in vain.
bool Acceptor::turn_away() {
  const auto listener = state_.load();
  const auto& settings = *listener->settings;
  auto reply = smtp::refuses_all(settings)
                   ? smtp::null_host_greeting(settings)
                   : reply::make(reply::TextId::too_many_sessions, {{"host", settings.host_name}});
  reply.rule = rule_descriptors;
  const bool receipt = reply::entry(reply.text).receipt;
  if (receipt) reply.receipt = make_receipt_id(services_.entropy.word());
  const std::string wire = settings.implicit_tls ? std::string(tls_alert) : reply::to_wire(reply, settings.receipt_url);
  const auto who = listener_->turn_away(wire);
  if (!who) return false;
  const std::string address = who->local() ? "local" : who->address;
  services_.events.emit({event::Name::session_refused, {{"peer", address}, {"reply", reply::text_of(reply)}}});
  if (receipt) {
    record_refusal(services_, {*reply.receipt, reply, "connect", {}, {}, {}, {}}, address, registry_.next_id());
  }
  return true;
}

void Acceptor::serve(env::StreamPtr stream, SessionExecutors::Place place) {
  const auto listener = state_.load();
  Client client{registry_.next_id(), stream->remote().local() ? "local" : stream->remote().address,
                stream->local().address, nullptr};
  const bool proxied = !listener->proxies.empty() && !stream->remote().local();
  auto refusal = registry_.enter(proxied ? std::string() : client.address, listener->settings->host_name);
  Arrival arrival{services_,      registry_, listener, std::move(stream), std::move(client), std::move(place.load),
                  hellos_awaited_};
  if (refusal) {
    arrival.entered = false;
  } else if (proxied) {
    // Whose connection it is will be seen.
    boost::asio::co_spawn(place.executor, serve_proxied(std::move(arrival), place.executor), boost::asio::detached);
    return;
  } else {
    refusal = refuse_peer(*listener, arrival.client.address);
  }
  serve_client(std::move(arrival), std::move(refusal), place.executor);
}

}  // namespace postil::server
