#include "delivery/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "address/path.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "delivery/tell.hpp"
#include "route/trouble.hpp"

namespace postil::delivery {
namespace {

constexpr std::size_t addresses_per_attempt_max = 30;

// The causes are named alike on both sides; a test walks them.
queue::Reason reason_of(route::Cause cause) {
  return queue::parse_reason(route::to_string(cause)).value_or(queue::Reason::local_trouble);
}

std::string words_of(const smtp::Outcome& outcome) {
  if (outcome.reply) return outcome.reply->one_line();
  std::string text = outcome.detail.empty() ? std::string(smtp::to_string(outcome.trouble)) : outcome.detail;
  return fmt::format("{} ({})", printable(text, 800), smtp::to_string(outcome.stage));
}

class Attempt {
 public:
  Attempt(AttemptServices with, queue::StartAttempt what)
      : services_(with.services),
        pool_(with.pool),
        finder_(with.finder),
        settings_(std::move(with.settings)),
        what_(std::move(what)) {}

  env::Awaitable<queue::AttemptDone> run(std::unique_ptr<Connection> idle);

 private:
  // A recipient that has no result yet, and what the hosts so far made of it.
  struct Pending {
    std::uint32_t index = 0;
    std::vector<route::Judgement> judgements;
  };
  // What the last host said, for the results of those that stay undelivered.
  struct Said {
    std::string remote, words;
    bool by_remote = false;
  };

  env::Awaitable<void> try_hosts();
  env::Awaitable<void> try_host(const route::PlanHost& host);
  env::Awaitable<void> try_address(HostAddress host, smtp::TlsUse tls);
  env::Awaitable<std::unique_ptr<Connection>> connect(HostAddress host, smtp::TlsUse tls);
  // Sends to all that are pending; false: this connection cannot be used for them and nothing was sent (a stale one).
  env::Awaitable<void> send(std::unique_ptr<Connection> connection, bool reused);
  smtp::Transaction transaction() const;
  void apply(const smtp::TransactionResult& result, const Connection& connection, const route::Context& context);
  void host_failed(const HostAddress* host, const route::Judgement& judgement, std::string words, bool by_remote);
  void finish(Pending& pending, const route::Judgement& judgement, const Said& said, bool without_dsn = false);
  void fail_all(route::Cause cause, std::string words);
  void conclude();
  route::Context context() const;

  Services& services_;
  ConnectionPool& pool_;
  HostFinder& finder_;
  std::shared_ptr<const Settings> settings_;
  queue::StartAttempt what_;
  queue::Envelope envelope_;
  std::vector<Pending> pending_;
  std::vector<route::Judgement> hosts_;   // judgements at the scope of hosts, of all hosts asked
  std::vector<HostAddress> null_before_;  // said 521 some time ago; asked again only if all else fails
  Said said_;
  std::size_t addresses_tried_ = 0;
  bool stop_ = false;      // no further hosts in this attempt
  bool any_good_ = false;  // a host was ready for a transaction
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
  result.relayed_without_dsn = without_dsn;
  done_.results.push_back(std::move(result));
}

void Attempt::fail_all(route::Cause cause, std::string words) {
  const route::Judgement judgement = route::judge_cause(cause);
  for (auto& pending : pending_) finish(pending, judgement, {"", words, false});
  pending_.clear();
}

void Attempt::host_failed(const HostAddress* host, const route::Judgement& judgement, std::string words,
                          bool by_remote) {
  hosts_.push_back(judgement);
  for (auto& pending : pending_) pending.judgements.push_back(judgement);
  said_ = {host ? to_string(*host) : std::string(), words, by_remote};
  if (!judgement.try_other_hosts) stop_ = true;
  tell(services_, what_.message,
       {event::Name::connection_failed,
        {{"remote", said_.remote},
         {"reason", std::string(route::to_string(judgement.cause))},
         {"reply", std::move(words)}}});
}

smtp::Transaction Attempt::transaction() const {
  smtp::Transaction out;
  if (!envelope_.sender.empty()) {
    const auto sender = address::parse_address(envelope_.sender, true);
    POSTIL_ASSERT(sender);  // it was read from a path, and the store keeps octets
    out.mail.sender = *sender;
  }
  out.mail.size_octets = envelope_.size_octets;
  out.mail.body = static_cast<smtp::BodyType>(envelope_.body);
  out.mail.smtputf8 = envelope_.smtputf8;
  out.mail.ret = static_cast<smtp::Ret>(envelope_.ret);
  out.mail.envid = envelope_.envid;
  for (const auto& pending : pending_) {
    const auto& recipient = envelope_.recipients[pending.index];
    const auto path = address::parse_address(recipient.address, true);
    POSTIL_ASSERT(path);
    out.recipients.push_back({*path, recipient.notify, recipient.original});
  }
  out.size_octets = envelope_.size_octets;
  out.body_8bit = envelope_.body_8bit;
  out.header_utf8 = envelope_.header_utf8;
  return out;
}

// What the transaction's result means for each recipient; those that another host may take stay pending.
void Attempt::apply(const smtp::TransactionResult& result, const Connection& connection,
                    const route::Context& context) {
  const std::string remote = to_string(connection.host());
  std::vector<Pending> left;
  if (result.missing != smtp::Missing::none) {
    const route::Judgement judgement = route::judge_missing(result.missing);
    const Said said{remote, "", false};
    for (auto& pending : pending_) {
      if (judgement.try_other_hosts) {
        pending.judgements.push_back(judgement);
        left.push_back(std::move(pending));
      } else {
        finish(pending, judgement, said);
      }
    }
    if (judgement.try_other_hosts) hosts_.push_back(judgement);
    said_ = said;
    pending_ = std::move(left);
    return;
  }
  POSTIL_ASSERT(result.recipients.size() == pending_.size());
  route::Context each = context;
  each.sent_to_end = result.sent_to_end;
  each.others_taken = std::ranges::any_of(
      result.recipients, [](const smtp::Outcome& outcome) { return outcome.stage > smtp::Stage::rcpt; });
  std::optional<route::Judgement> told;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const smtp::Outcome& outcome = result.recipients[i];
    const route::Judgement judgement = route::judge(outcome, each);
    const Said said{remote, words_of(outcome), outcome.reply.has_value()};
    if (judgement.permanence != reply::Permanence::success && judgement.try_other_hosts) {
      pending_[i].judgements.push_back(judgement);
      left.push_back(std::move(pending_[i]));
      told = judgement;
      said_ = said;
    } else {
      finish(pending_[i], judgement, said, !connection.session().extensions().dsn);
    }
  }
  if (told) hosts_.push_back(*told);
  pending_ = std::move(left);
}

env::Awaitable<void> Attempt::send(std::unique_ptr<Connection> connection, bool reused) {
  route::Context with = context();
  with.connection_reused = reused;
  with.after_tls = connection->session().tls().has_value();
  pool_.in_use(connection.get());
  const smtp::TransactionResult result = co_await connection->send(transaction(), what_.message);
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
  if (connection->ready() && connection->sent() < settings_->messages_per_connection_max) {
    pool_.keep(what_.site, std::move(connection));
  } else if (connection->ready()) {
    co_await connection->quit();
  }
}

env::Awaitable<std::unique_ptr<Connection>> Attempt::connect(HostAddress host, smtp::TlsUse tls) {
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
    host_failed(&host, judgement, words_of(outcome), false);
    co_return nullptr;
  }
  const env::Executor here = co_await boost::asio::this_coro::executor;
  co_return std::make_unique<Connection>(services_, settings_, std::move(host), std::move(*stream), tls, here);
}

env::Awaitable<void> Attempt::try_address(HostAddress host, smtp::TlsUse tls) {
  auto connection = co_await connect(host, tls);
  if (!connection) co_return;
  pool_.in_use(connection.get());
  const smtp::Outcome opened = co_await connection->open();
  pool_.not_in_use(connection.get());
  if (!connection->ready()) {
    route::Context with = context();
    with.after_tls = connection->session().tls().has_value();
    const route::Judgement judgement = route::judge(opened, with);
    if (judgement.cause == route::Cause::host_accepts_no_mail) finder_.heard_null(*settings_, host.address);
    if (judgement.try_without_tls && tls == smtp::TlsUse::opportunistic) {
      connection.reset();
      co_await try_address(std::move(host), smtp::TlsUse::never);
      co_return;
    }
    host_failed(&host, judgement, words_of(opened), opened.reply.has_value());
    co_return;
  }
  finder_.heard_other(host.address);
  tell(services_, what_.message,
       {event::Name::connection_opened,
        {{"remote", to_string(host)},
         {"tls", connection->session().tls() ? connection->session().tls()->version : std::string()}}});
  co_await send(std::move(connection), false);
}

env::Awaitable<void> Attempt::try_host(const route::PlanHost& host) {
  const HostFinder::Addresses found = co_await finder_.addresses(settings_, host.name);
  if (found.addresses.empty()) {
    route::Judgement judgement = route::judge_cause(found.why);
    // One host without addresses says nothing of the others, unless we ourselves are that host.
    judgement.try_other_hosts = found.why != route::Cause::mail_loop;
    host_failed(nullptr, judgement, fmt::format("{}: {}", host.name, route::to_string(found.why)), false);
    co_return;
  }
  for (const auto& address : found.addresses) {
    if (stop_ || pending_.empty() || addresses_tried_ >= addresses_per_attempt_max) co_return;
    // What an address said as an MX host is no reason to pass over the smarthost.
    const HostFinder::Known known =
        settings_->smarthost ? HostFinder::Known::nothing : finder_.known(*settings_, address.address);
    if (known == HostFinder::Known::null_before) {
      null_before_.push_back(address);
      continue;
    }
    if (known == HostFinder::Known::null_lately) {
      host_failed(&address, route::judge_cause(route::Cause::host_accepts_no_mail), "521 (heard a moment ago)", false);
      continue;
    }
    ++addresses_tried_;
    co_await try_address(address, settings_->client.tls);
  }
}

env::Awaitable<void> Attempt::try_hosts() {
  const HostFinder::Hosts plan = co_await finder_.hosts(settings_, what_.site);
  if (plan.hosts.empty()) {
    fail_all(plan.why,
             plan.detail.empty() ? fmt::format("{}: {}", what_.site, route::to_string(plan.why)) : plan.detail);
    const bool temporary = route::judge_cause(plan.why).permanence == reply::Permanence::temporary;
    if (temporary) done_.site = queue::SiteHealth::down;
    co_return;
  }
  for (const auto& host : plan.hosts) {
    if (stop_ || pending_.empty()) co_return;
    co_await try_host(host);
  }
  // All that is left are hosts whose 521 is too old to return mail on: they are asked again, unless another one may
  // take the mail later.
  const bool none_later = std::ranges::all_of(
      hosts_, [](const route::Judgement& judgement) { return judgement.cause == route::Cause::host_accepts_no_mail; });
  for (auto& address : null_before_) {
    if (!none_later || stop_ || pending_.empty()) co_return;
    co_await try_address(std::move(address), settings_->client.tls);
  }
}

void Attempt::conclude() {
  for (auto& pending : pending_) {
    if (pending.judgements.empty()) {
      finish(pending, route::judge_cause(route::Cause::local_trouble), {"", "no host was asked", false});
      continue;
    }
    finish(pending, route::conclude(pending.judgements), said_);
  }
  pending_.clear();
  if (done_.site != queue::SiteHealth::unknown) return;
  if (any_good_) {
    done_.site = queue::SiteHealth::good;
  } else if (!hosts_.empty()) {
    const route::Judgement all = route::conclude(hosts_);
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
  if (idle && idle->fresh()) co_await send(std::move(idle), true);
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
