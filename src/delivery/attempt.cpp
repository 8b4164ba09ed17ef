#include "delivery/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <unordered_set>

#include "address/path.hpp"
#include "base/assert.hpp"
#include "delivery/host_policy.hpp"
#include "delivery/tell.hpp"
#include "delivery/words.hpp"
#include "message/date.hpp"
#include "route/trouble.hpp"

namespace postil::delivery {
namespace {

constexpr std::size_t addresses_per_attempt_max = 30;
// Hosts that may put off a recipient in one attempt: a mailbox that is full is full behind each of them.
constexpr int deferrals_per_attempt_max = 3;

// The causes are named alike on both sides; a test walks them.
queue::Reason reason_of(route::Cause cause) {
  return queue::parse_reason(route::to_string(cause)).value_or(queue::Reason::local_trouble);
}

class Attempt {
 public:
  Attempt(AttemptServices with, queue::StartAttempt what)
      : services_(with.services),
        pool_(with.pool),
        finder_(with.finder),
        settings_(std::move(with.settings)),
        found_(std::move(with.found)),
        what_(std::move(what)) {}

  env::Awaitable<queue::AttemptDone> run(std::unique_ptr<Connection> idle);

 private:
  // What one host said, or we of it.
  struct Said {
    std::string remote, words;
    bool by_remote = false;
    WallTime before{};  // when, where that was before this attempt
  };
  // A recipient that has no result yet, and what the hosts so far made of it: one of each for each host.
  struct Pending {
    std::uint32_t index = 0;
    std::vector<route::Judgement> judgements;
    std::vector<std::shared_ptr<const Said>> said;
    void add(const route::Judgement& judgement, std::shared_ptr<const Said> words) {
      judgements.push_back(judgement);
      said.push_back(std::move(words));
    }
  };

  env::Awaitable<void> try_hosts();
  // False: no worse hosts may be tried.
  env::Awaitable<bool> try_equal(std::vector<route::PlanHost> hosts, HostFinder::Security security);
  // in_clear: TLS has just failed there, and may be left out.
  env::Awaitable<void> try_address(HostAddress host, bool in_clear = false);
  env::Awaitable<std::unique_ptr<Connection>> connect(HostAddress host, transport::Requirement requirement,
                                                      smtp::TlsUse tls);
  // Whether what is known of the host rules it out for this message before it is asked.
  bool ruled_out(const HostAddress& host, const transport::MessageRuling& ruling);
  // An idle connection carries this message only if what it proved satisfies the message's and the site's policy.
  bool may_use(const Connection& connection) const;
  // REQUIRETLS may be said there [rfc8689 2].
  static bool keeps_requiretls(const Connection& connection);
  void tell_opened(const Connection& connection, const transport::Requirement& requirement);
  // may_go_on: mail goes there though TLS failed.
  void tell_tls(const Connection& connection, const smtp::Outcome& outcome, bool may_go_on);
  // Sends to all that are pending; false: this connection cannot be used for them and nothing was sent (a stale one).
  env::Awaitable<void> send(std::unique_ptr<Connection> connection, bool reused);
  smtp::Transaction transaction(const Connection& connection) const;
  env::Awaitable<bool> make_outgoing();
  void apply(const smtp::TransactionResult& result, const Connection& connection, const route::Context& context);
  void host_failed(const route::Judgement& judgement, Said said);
  void host_counts(const route::Judgement& judgement, Said said);
  // For what it said 521 to before. Told once for each time that it said so, not in each attempt.
  void tell_skipped(const std::string& remote, const route::HostMemory::Heard& heard);
  void tell_put_off(const Said& said, route::Cause cause, std::size_t recipients);
  void finish(Pending& pending, const route::Judgement& judgement, const Said& said, bool without_dsn = false);
  void fail_all(route::Cause cause, std::string words);
  static Said own_words(const std::string& about, route::Cause cause) {
    return {"", fmt::format("{}: {}", about, queue::describe(reason_of(cause)))};
  }
  void note_throttle(const route::Judgement& judgement, const smtp::Outcome& outcome, const std::string& remote,
                     bool reused = false);
  // Those on the suppression list have failed.
  void leave_out_suppressed();
  void conclude();
  route::Context context() const;

  Services& services_;
  ConnectionPool& pool_;
  HostFinder& finder_;
  std::shared_ptr<const Settings> settings_;
  std::function<env::Awaitable<bool>(AttemptId, std::vector<std::string>)> found_;
  queue::StartAttempt what_;
  queue::Envelope envelope_;
  std::shared_ptr<OutgoingMessage> outgoing_;  // of the first send on
  std::vector<Pending> pending_;
  std::vector<route::Judgement> hosts_;    // judgements at the scope of hosts, of all hosts asked
  std::vector<HostAddress> null_before_;   // said 521 some time ago; asked again only if all else fails
  std::unordered_set<std::string> asked_;  // addresses; one that is behind two names is asked once
  int deferrals_ = 0;                      // hosts that put recipients off, and not for a trouble of their own
  bool stop_ = false;                      // no further hosts in this attempt
  bool any_good_ = false;                  // a host was ready for a transaction
  queue::AttemptDone done_;
};

route::Context Attempt::context() const {
  route::Context context;
  context.smarthost = settings_->smarthost.has_value();
  context.tls_required =
      settings_->client.tls == smtp::TlsUse::required || settings_->client.tls == smtp::TlsUse::implicit;
  return context;
}

void Attempt::finish(Pending& pending, const route::Judgement& judgement, const Said& said, bool without_dsn) {
  using Outcome = queue::RecipientResult::Outcome;
  queue::RecipientResult result;
  result.index = pending.index;
  result.outcome = judgement.permanence == reply::Permanence::success     ? Outcome::delivered
                   : judgement.permanence == reply::Permanence::temporary ? Outcome::deferred
                                                                          : Outcome::failed;
  result.reason = reason_of(judgement.cause);
  result.code = judgement.status;
  result.remote = said.remote;
  result.diagnostic = said.words;
  result.diagnostic_remote = said.by_remote;
  result.diagnostic_time = said.before;
  result.relayed_without_dsn = without_dsn;
  done_.results.push_back(std::move(result));
}

void Attempt::fail_all(route::Cause cause, std::string words) {
  const route::Judgement judgement = route::judge_cause(cause);
  const Said said{"", std::move(words)};
  for (auto& pending : pending_) finish(pending, judgement, said);
  pending_.clear();
}

void Attempt::host_counts(const route::Judgement& judgement, Said said) {
  hosts_.push_back(judgement);
  if (!judgement.try_other_hosts) stop_ = true;
  const auto shared = std::make_shared<const Said>(std::move(said));
  for (auto& pending : pending_) pending.add(judgement, shared);
}

void Attempt::host_failed(const route::Judgement& judgement, Said said) {
  tell(services_, what_.message,
       {event::Name::connection_failed,
        {{"remote", said.remote}, {"reason", std::string(route::to_string(judgement.cause))}, {"reply", said.words}}});
  host_counts(judgement, std::move(said));
}

void Attempt::tell_skipped(const std::string& remote, const route::HostMemory::Heard& heard) {
  if (std::chrono::floor<seconds>(heard.said) <= what_.last_attempt) return;
  tell(services_, what_.message,
       {event::Name::host_skipped,
        {{"remote", remote}, {"reply", heard.reply}, {"said", message::rfc3339_date(heard.said)}}});
}

void Attempt::tell_put_off(const Said& said, route::Cause cause, std::size_t recipients) {
  tell(services_, what_.message,
       {event::Name::host_put_off,
        {{"remote", said.remote},
         {"reason", std::string(route::to_string(cause))},
         {"recipients", static_cast<std::int64_t>(recipients)},
         {"reply", said.words}}});
}

smtp::Transaction Attempt::transaction(const Connection& connection) const {
  smtp::Transaction out;
  if (!envelope_.sender.empty()) {
    const auto sender = address::parse_address(envelope_.sender, true);
    POSTIL_ASSERT(sender);  // it was read from a path, and the store keeps octets
    out.mail.sender = *sender;
  }
  out.mail.size_octets = outgoing_->size_octets();
  out.mail.body = static_cast<smtp::BodyType>(envelope_.body);
  out.mail.smtputf8 = envelope_.smtputf8;
  out.mail.ret = static_cast<smtp::Ret>(envelope_.ret);
  out.mail.envid = envelope_.envid;
  out.mail.requiretls = envelope_.requiretls && keeps_requiretls(connection);
  for (const auto& pending : pending_) {
    const auto& recipient = envelope_.recipients[pending.index];
    const auto path = address::parse_address(recipient.address, true);
    POSTIL_ASSERT(path);
    out.recipients.push_back({*path, recipient.notify, recipient.original});
  }
  out.size_octets = outgoing_->size_octets();
  out.body_8bit = envelope_.body_8bit;
  out.header_utf8 = envelope_.header_utf8;
  return out;
}

// What the transaction's result means for each recipient; those that another host may take stay pending.
void Attempt::apply(const smtp::TransactionResult& result, const Connection& connection,
                    const route::Context& context) {
  const std::string remote = to_string(connection.host());
  if (result.missing != smtp::Missing::none) {
    const route::Judgement judgement = route::judge_missing(result.missing);
    POSTIL_ASSERT(judgement.try_other_hosts);
    hosts_.push_back(judgement);
    Said words{remote, words_of(result.missing, connection.session().extensions(), outgoing_->size_octets())};
    tell_put_off(words, judgement.cause, pending_.size());
    const auto said = std::make_shared<const Said>(std::move(words));
    for (auto& pending : pending_) pending.add(judgement, said);
    return;
  }
  POSTIL_ASSERT(result.recipients.size() == pending_.size());
  route::Context each = context;
  each.sent_to_end = result.sent_to_end;
  each.others_taken = std::ranges::any_of(
      result.recipients, [](const smtp::Outcome& outcome) { return outcome.stage > smtp::Stage::rcpt; });
  std::vector<Pending> left;
  std::optional<route::Judgement> told;
  bool put_off = false;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const smtp::Outcome& outcome = result.recipients[i];
    const route::Judgement judgement = route::judge(outcome, each);
    note_throttle(judgement, outcome, remote, context.connection_reused);
    Said said{remote, words_of(outcome), outcome.reply.has_value()};
    if (judgement.permanence != reply::Permanence::success && judgement.try_other_hosts) {
      pending_[i].add(judgement, std::make_shared<const Said>(std::move(said)));
      left.push_back(std::move(pending_[i]));
      told = judgement;
      put_off = put_off || judgement.scope == reply::Scope::recipient;
    } else {
      finish(pending_[i], judgement, said, !connection.session().extensions().dsn);
    }
  }
  if (told) {
    hosts_.push_back(*told);
    tell_put_off(*left.back().said.back(), told->cause, left.size());
  }
  if (put_off) {
    asked_.insert(connection.host().address);  // of a kept connection it is not there yet
    if (++deferrals_ >= deferrals_per_attempt_max) stop_ = true;
  }
  pending_ = std::move(left);
}

// Signed now, and not before somebody is there to take it. False: every recipient has its result.
env::Awaitable<bool> Attempt::make_outgoing() {
  if (outgoing_) co_return true;
  auto envelope = std::make_shared<const queue::Envelope>(envelope_);
  auto made = co_await OutgoingMessage::make(services_, settings_, std::move(envelope));
  if (made) {
    outgoing_ = std::move(*made);
    co_return true;
  }
  fail_all(route::Cause::local_trouble,
           fmt::format("the spool cannot give the message: {}", env::to_string(made.error())));
  co_return false;
}

env::Awaitable<void> Attempt::send(std::unique_ptr<Connection> connection, bool reused) {
  const bool signed_and_ready = co_await make_outgoing();
  if (!signed_and_ready) {
    pool_.keep(what_.site, std::move(connection));
    co_return;
  }
  route::Context with = context();
  with.connection_reused = reused;
  with.after_tls = connection->session().tls().has_value();
  pool_.in_use(connection.get());
  const smtp::TransactionResult result = co_await connection->send(transaction(*connection), outgoing_);
  pool_.not_in_use(connection.get());
  // A reused connection that broke before anything was said proves nothing about the host: a fresh one is tried.
  const bool stale =
      reused && !result.sent_to_end && result.missing == smtp::Missing::none &&
      std::ranges::all_of(result.recipients, [](const smtp::Outcome& outcome) {
        return outcome.trouble == smtp::Trouble::connection_lost || (outcome.reply && outcome.reply->code == 421);
      });
  if (!stale) {
    any_good_ = true;
    apply(result, *connection, with);
  }
  const auto most =
      std::min<std::uint64_t>(settings_->messages_per_connection_max, what_.limits.messages_per_connection);
  if (connection->ready() && connection->sent() < most) {
    pool_.keep(what_.site, std::move(connection), what_.hosts);
  } else if (connection->ready()) {
    co_await connection->quit();
  }
}

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

bool Attempt::keeps_requiretls(const Connection& connection) {
  const auto& tls = connection.session().tls();
  const auto& policy = connection.host().policy;
  return tls && policy && policy->ruling.name_proven && connection.session().extensions().requiretls &&
         (tls->peer_verified || !tls->dane_match.empty());
}

bool Attempt::may_use(const Connection& connection) const {
  const auto& policy = connection.host().policy;
  if (!policy || policy->site != what_.site || !same_tls(*policy->settings, *settings_) ||
      policy->until <= services_.clock.now()) {
    return false;
  }
  const auto ruling = transport::rule_on_message(policy->ruling, needs_of(envelope_), connection.host().host);
  if (ruling.ruling.obstacle != transport::Obstacle::none || ruling.requiretls_missing) return false;
  if (ruling.must_offer_requiretls && !connection.session().extensions().requiretls) return false;
  return transport::satisfies(connection.verified(), ruling.ruling.requirement);
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
  if (obstacle != transport::Obstacle::none) {
    SessionTold told{*host.policy, host.host, host.address, nullptr, crypto::TlsFault::none, true, true, said.words};
    tell_session(services_, told);
  }
  host_failed(route::judge_cause(cause), std::move(said));
  return true;
}

void Attempt::tell_tls(const Connection& connection, const smtp::Outcome& outcome, bool may_go_on) {
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
  tell_session(services_, told);
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
  auto connection = co_await connect(host, ruling.ruling.requirement, tls);
  if (!connection) co_return;
  pool_.in_use(connection.get());
  const smtp::Outcome opened = co_await connection->open();
  pool_.not_in_use(connection.get());
  if (!in_clear) tell_tls(*connection, opened, tls == smtp::TlsUse::opportunistic);
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
}

env::Awaitable<bool> Attempt::try_equal(std::vector<route::PlanHost> hosts, HostFinder::Security security) {
  HostFinder::Addresses found = co_await finder_.addresses(settings_, std::move(hosts), std::move(security));
  if (found.ours) {
    // Better hosts that failed for now may take it later; with none, the message would come back to us.
    if (hosts_.empty() && null_before_.empty())
      host_failed(route::judge_cause(route::Cause::mail_loop), own_words(what_.site, route::Cause::mail_loop));
    co_return false;
  }
  for (const auto& [host, why] : found.without) {
    route::Judgement judgement = route::judge_cause(why);
    judgement.try_other_hosts = true;  // it says nothing of the others
    host_failed(judgement, own_words(host, why));
  }
  for (auto& address : found.addresses) {
    if (stop_ || pending_.empty() || asked_.size() >= addresses_per_attempt_max) co_return false;
    if (!asked_.insert(address.address).second) continue;
    // What an address said as an MX host is no reason to pass over the smarthost.
    const auto known = settings_->smarthost ? std::nullopt : finder_.known(*settings_, address.address);
    if (known) tell_skipped(to_string(address), known->heard);
    if (!known) {
      co_await try_address(std::move(address));
    } else if (known->proof) {
      host_counts(route::judge_cause(route::Cause::host_accepts_no_mail),
                  {to_string(address), known->heard.reply, true, known->heard.said});
    } else {
      null_before_.push_back(std::move(address));
    }
  }
  co_return !stop_ && !pending_.empty();
}

env::Awaitable<void> Attempt::try_hosts() {
  const HostFinder::Hosts plan = co_await finder_.hosts(settings_, what_.site);
  if (plan.hosts.empty()) {
    const bool temporary = route::judge_cause(plan.why).permanence == reply::Permanence::temporary;
    if (temporary && any_good_) co_return;  // what the host of a kept connection said tells more
    fail_all(plan.why, plan.detail.empty() ? own_words(what_.site, plan.why).words : plan.detail);
    if (temporary) done_.site = queue::SiteHealth::down;
    co_return;
  }
  if (found_ && !settings_->smarthost && !what_.site.starts_with('[')) {
    std::vector<std::string> names;
    for (const auto& host : plan.hosts) names.push_back(host.name);
    const std::uint64_t hosts = queue::hash_of_hosts(names);
    if (hosts != what_.hosts) {
      what_.hosts = hosts;
      const bool may = co_await found_(what_.attempt, std::move(names));
      if (!may) {
        pending_.clear();
        co_return;
      }
    }
  }
  bool go_on = true;
  for (auto from = plan.hosts.begin(); go_on && from != plan.hosts.end();) {
    const auto unequal = [&](const route::PlanHost& host) { return host.preference != from->preference; };
    const auto to = std::find_if(from, plan.hosts.end(), unequal);
    std::vector<route::PlanHost> equal(from, to);
    go_on = co_await try_equal(std::move(equal), plan.security);
    from = to;
  }
  // All that is left are hosts whose 521 is too old to return mail on: they are asked again, unless another one may
  // take the mail later.
  const bool none_later = std::ranges::all_of(
      hosts_, [](const route::Judgement& judgement) { return judgement.cause == route::Cause::host_accepts_no_mail; });
  for (auto& address : null_before_) {
    if (!none_later || stop_ || pending_.empty()) co_return;
    co_await try_address(std::move(address));
  }
}

// Does the site say that we are too much for it? A reused connection may end with any 421.
void Attempt::note_throttle(const route::Judgement& judgement, const smtp::Outcome& outcome, const std::string& remote,
                            bool reused) {
  if (!outcome.reply || outcome.reply->code < 400 || outcome.reply->code > 499) return;
  const reply::EnhancedCode code = outcome.reply->enhanced;
  // "This user receives mail too fast" is about one mailbox.
  const bool mailbox = judgement.scope == reply::Scope::recipient && (code.subject == 1 || code.subject == 2);
  const bool rate =
      !mailbox && (judgement.cause == route::Cause::rate_limited || (outcome.reply->code == 421 && code.subject == 7));
  const bool busy = (outcome.reply->code == 421 && !reused) || (code.subject == 4 && code.detail == 5);
  if ((!rate && !busy) || judgement.cause == route::Cause::greylisted) return;
  if (!done_.throttle || (rate && !done_.throttle->rate)) done_.throttle = {rate, remote, words_of(outcome)};
}

void Attempt::leave_out_suppressed() {
  if (services_.suppressions == nullptr || envelope_.kind != queue::Kind::mail) return;
  std::vector<Pending> left;
  for (auto& pending : pending_) {
    const auto entry =
        services_.suppressions->find(envelope_.recipients[pending.index].address, services_.clock.wall());
    if (!entry) {
      left.push_back(std::move(pending));
      continue;
    }
    queue::RecipientResult result;
    result.index = pending.index;
    result.outcome = queue::RecipientResult::Outcome::failed;
    result.reason = queue::Reason::suppressed;
    result.code = {5, 7, 1};
    result.diagnostic = entry->why;
    result.diagnostic_time = entry->since;
    done_.results.push_back(std::move(result));
  }
  pending_ = std::move(left);
}

void Attempt::conclude() {
  for (auto& pending : pending_) {
    if (pending.judgements.empty()) {
      finish(pending, route::judge_cause(route::Cause::local_trouble), {"", "no host was asked", false});
      continue;
    }
    const std::size_t by = route::deciding(pending.judgements);
    finish(pending, pending.judgements[by], *pending.said[by]);
  }
  pending_.clear();
  if (done_.site != queue::SiteHealth::unknown) return;
  if (any_good_) {
    done_.site = queue::SiteHealth::good;
  } else if (!hosts_.empty()) {
    const route::Judgement& all = hosts_[route::deciding(hosts_)];
    if (all.cause == route::Cause::refused_us) {
      done_.site = queue::SiteHealth::refused_us;
    } else if (all.permanence == reply::Permanence::temporary) {
      done_.site = queue::SiteHealth::down;
    }
  }
}

env::Awaitable<queue::AttemptDone> Attempt::run(std::unique_ptr<Connection> idle) {
  done_.attempt = what_.attempt;
  for (const auto index : what_.recipients) pending_.push_back({index, {}});
  auto envelope = co_await services_.store.read_envelope(what_.message);
  if (!envelope) {
    fail_all(route::Cause::local_trouble,
             fmt::format("the spool cannot give the message: {}", env::to_string(envelope.error())));
    co_return std::move(done_);
  }
  envelope_ = std::move(*envelope);
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(what_.recipients.size(), 5); ++i) {
    names += (i ? ", " : "") + envelope_.recipients[what_.recipients[i]].address;
  }
  tell(services_, what_.message,
       {event::Name::attempt_started,
        {{"site", what_.site}, {"recipients", static_cast<std::int64_t>(what_.recipients.size())}, {"to", names}}});
  leave_out_suppressed();
  if (pending_.empty()) {
    if (idle) pool_.keep(what_.site, std::move(idle), what_.hosts);
    co_return std::move(done_);
  }
  if (idle && idle->fresh()) {
    if (may_use(*idle)) {
      co_await send(std::move(idle), true);
    } else {
      pool_.keep(what_.site, std::move(idle));  // another message may use it, or it is let go in order
    }
  }
  idle.reset();
  if (!pending_.empty() && !stop_) co_await try_hosts();
  conclude();
  co_return std::move(done_);
}

}  // namespace

env::Awaitable<queue::AttemptDone> run_attempt(AttemptServices with, queue::StartAttempt attempt,
                                               std::unique_ptr<Connection> idle) {
  auto whole = std::make_unique<Attempt>(std::move(with), std::move(attempt));
  queue::AttemptDone done = co_await whole->run(std::move(idle));
  co_return done;
}

}  // namespace postil::delivery
