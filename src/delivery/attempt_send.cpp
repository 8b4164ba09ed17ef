#include <fmt/format.h>

#include <algorithm>

#include "address/path.hpp"
#include "base/assert.hpp"
#include "delivery/attempt_run.hpp"
#include "delivery/host_policy.hpp"
#include "delivery/words.hpp"

namespace postil::delivery {
namespace {

// Hosts that may put off a recipient in one attempt: a mailbox that is full is full behind each of them.
constexpr int deferrals_per_attempt_max = 3;

}  // namespace

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

bool Attempt::may_use(const Connection& connection) const {
  const auto& policy = connection.host().policy;
  if (!policy || policy->site != what_.site || policy->settings->smarthost != settings_->smarthost ||
      !same_tls(*policy->settings, *settings_) || policy->until <= services_.clock.now()) {
    return false;
  }
  const auto ruling = transport::rule_on_message(policy->ruling, needs_of(envelope_), connection.host().host);
  if (ruling.ruling.obstacle != transport::Obstacle::none || ruling.requiretls_missing) return false;
  if (ruling.must_offer_requiretls && !connection.session().extensions().requiretls) return false;
  return transport::satisfies(connection.verified(), ruling.ruling.requirement);
}

bool Attempt::keeps_requiretls(const Connection& connection) {
  const auto& tls = connection.session().tls();
  const auto& policy = connection.host().policy;
  return tls && policy && policy->ruling.name_proven && connection.session().extensions().requiretls &&
         (tls->peer_verified || !tls->dane_match.empty());
}

}  // namespace postil::delivery
