#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <iterator>
#include <utility>

#include "delivery/attempt_run.hpp"
#include "delivery/host_policy.hpp"
#include "delivery/tell.hpp"
#include "delivery/words.hpp"

namespace postil::delivery {

void Attempt::tell_opened(const Connection& connection, const transport::Requirement& requirement) {
  const auto& tls = connection.session().tls();
  const std::string_view proven = !tls                       ? ""
                                  : !tls->dane_match.empty() ? "dane"
                                  : tls->peer_verified       ? "authority"
                                                             : "nothing";
  tell(services_, what_.message,
       {event::Name::connection_opened,
        {{"remote", to_string(connection.host())},
         {"tls", tls ? tls->version : std::string()},
         {"policy", std::string(transport::to_string(requirement.basis))},
         {"proven", std::string(proven)}}});
}

void Attempt::tell_tls(const Connection& connection, const smtp::Outcome& outcome, bool may_go_on) {
  if (envelope_.kind == queue::Kind::tls_report) return;  // reports are not about their own delivery [rfc8460 3]
  const HostAddress& host = connection.host();
  const bool failed = outcome.trouble == smtp::Trouble::tls_failed || outcome.trouble == smtp::Trouble::tls_refused ||
                      outcome.trouble == smtp::Trouble::tls_not_offered;
  if (!connection.ready() && !failed) return;  // it says nothing of TLS
  SessionTold told{*host.policy, host.host, host.address};
  if (const auto& tls = connection.session().tls()) told.facts = &*tls;
  told.fault = connection.tls_fault();
  told.failed = !connection.ready() && !may_go_on;
  told.offered = outcome.trouble != smtp::Trouble::tls_not_offered;
  if (failed) told.reason = words_of(outcome);
  told.local_address = connection.local_address();
  tell_session(services_, told);
}

bool Attempt::ruled_out(const HostAddress& host, const transport::MessageRuling& ruling) {
  const auto obstacle = ruling.ruling.obstacle;
  if (obstacle == transport::Obstacle::none && !ruling.requiretls_missing) return false;
  const auto cause = ruling.requiretls_missing ? route::Cause::requiretls_unsupported : cause_of(obstacle);
  Said said = own_words(host.host, cause);
  if (ruling.requiretls_missing) {
    said.words += " (neither DNSSEC nor MTA-STS vouches for its name)";
  } else if (!ruling.ruling.detail.empty()) {
    said.words += fmt::format(" ({})", ruling.ruling.detail);
  }
  if (obstacle != transport::Obstacle::none && envelope_.kind != queue::Kind::tls_report) {
    SessionTold told{*host.policy, host.host, host.address, nullptr, crypto::TlsFault::none, true, true, said.words};
    tell_session(services_, told);
  }
  host_failed(route::judge_cause(cause), std::move(said));
  return true;
}

env::Awaitable<std::unique_ptr<Connection>> Attempt::connect(HostAddress host, transport::Requirement requirement,
                                                             smtp::TlsUse tls) {
  const bool v6 = host.address.find(':') != std::string::npos;
  env::Endpoint to{host.address, host.port};
  std::string source = v6 ? settings_->source_ipv6 : settings_->source_ipv4;
  auto stream = co_await services_.network.connect(std::move(to), std::move(source),
                                                   services_.clock.now() + settings_->connect_timeout);
  if (!stream) {
    const auto& failure = stream.error();
    smtp::Outcome outcome;
    outcome.stage = smtp::Stage::connect;
    outcome.trouble =
        failure.error == env::NetError::timed_out ? smtp::Trouble::timed_out : smtp::Trouble::connection_lost;
    outcome.detail = failure.detail.empty() ? std::string(env::to_string(failure.error)) : failure.detail;
    route::Judgement judgement = route::judge(outcome, context());
    host_failed(judgement, {to_string(host), words_of(outcome)});
    co_return nullptr;
  }
  const env::Executor here = co_await boost::asio::this_coro::executor;
  co_return std::make_unique<Connection>(services_, settings_, std::move(host), std::move(*stream),
                                         std::move(requirement), tls, here);
}

env::Awaitable<void> Attempt::try_address(HostAddress host, bool in_clear) {
  const auto ruling = transport::rule_on_message(host.policy->ruling, needs_of(envelope_), host.host);
  if (ruled_out(host, ruling)) co_return;
  const smtp::TlsUse wanted = tls_use(ruling.ruling.requirement, settings_->client.tls);
  const smtp::TlsUse tls = in_clear ? smtp::TlsUse::never : wanted;
  if (!in_clear) {
    const bool sent = co_await try_shared(host, ruling);
    if (sent) {
      co_await send_rest(std::move(host), in_clear);
      co_return;
    }
  }
  if (!std::exchange(room_made_, true)) pool_.make_room(what_.hosts);
  auto connection = co_await connect(host, ruling.ruling.requirement, tls);
  if (!connection) co_return;
  pool_.in_use(connection.get());
  const smtp::Outcome opened = co_await connection->open();
  pool_.not_in_use(connection.get());
  if (tls != smtp::TlsUse::never) tell_tls(*connection, opened, tls == smtp::TlsUse::opportunistic);
  if (!connection->ready()) {
    route::Context with = context();
    with.after_tls = connection->session().tls().has_value();
    with.tls_required = tls != smtp::TlsUse::opportunistic;
    const route::Judgement judgement =
        under_policy(route::judge(opened, with), ruling, opened, connection->tls_fault());
    if (judgement.cause == route::Cause::host_accepts_no_mail) finder_.heard_null(host.address, words_of(opened));
    if (judgement.try_without_tls && tls == smtp::TlsUse::opportunistic) {
      connection.reset();
      co_await try_address(std::move(host), true);
      co_return;
    }
    note_throttle(judgement, opened, to_string(host));
    host_failed(judgement, {to_string(host), words_of(opened), opened.reply.has_value()});
    co_return;
  }
  finder_.heard_other(host.address);
  tell_opened(*connection, ruling.ruling.requirement);
  if (ruling.must_offer_requiretls && !connection->session().extensions().requiretls) {
    any_good_ = true;
    host_failed(route::judge_cause(route::Cause::requiretls_unsupported),
                own_words(host.host, route::Cause::requiretls_unsupported));
    pool_.keep(what_.site, std::move(connection));
    co_return;
  }
  co_await send(std::move(connection), false);
  co_await send_rest(std::move(host), in_clear);
}

// What a connection could not have goes over another one.
env::Awaitable<void> Attempt::send_rest(HostAddress host, bool in_clear) {
  if (unsent_.empty()) co_return;
  // Each connection takes some, so this comes to an end.
  std::vector<Pending> put_off = std::exchange(pending_, std::exchange(unsent_, {}));
  co_await try_address(std::move(host), in_clear);
  std::ranges::move(put_off, std::back_inserter(pending_));
}

}  // namespace postil::delivery
