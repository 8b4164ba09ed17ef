#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "address/path.hpp"
#include "base/assert.hpp"
#include "delivery/attempt_run.hpp"
#include "delivery/host_policy.hpp"
#include "delivery/words.hpp"

namespace postil::delivery {
namespace {

// Hosts that may put off a recipient or the message in one attempt: a mailbox that is full is full behind each of them.
constexpr std::size_t deferrals_per_attempt_max = 3;

}  // namespace

std::vector<smtp::RcptCommand> Attempt::commands_for(const std::vector<Pending>& recipients) const {
  std::vector<smtp::RcptCommand> out;
  for (const auto& pending : recipients) {
    const auto& recipient = envelope_.recipients[pending.index];
    const auto path = address::parse_address(recipient.address, true);
    POSTIL_ASSERT(path);
    out.push_back({*path, recipient.notify, recipient.original});
  }
  return out;
}

// The time that is left; and where the next hop cannot keep to it, it is asked to tell of delays at least.
// [rfc2852 4.1.4]
void Attempt::set_deliver_by(smtp::Transaction& out, const smtp::Extensions& offered) const {
  if (envelope_.by == queue::By::none) return;
  const auto left = envelope_.deliver_by - services_.clock.wall();
  out.mail.by.mode = static_cast<smtp::DeliverBy::Mode>(envelope_.by);
  out.mail.by.trace = envelope_.by_trace;
  out.mail.by.seconds = std::chrono::floor<seconds>(left).count();
  if (envelope_.by != queue::By::notify || offered.deliverby) return;
  for (auto& rcpt : out.recipients) {
    if (rcpt.notify & queue::notify_never) continue;
    if (rcpt.notify == queue::notify_unset) rcpt.notify = queue::notify_failure;
    rcpt.notify |= queue::notify_delay;
  }
}

// Whether the sender is to be told that we have passed the message on. [rfc2852 4.1.4]
bool Attempt::tells_relayed(const Connection& connection) const {
  if (envelope_.by_trace) return true;
  return envelope_.by == queue::By::notify && !connection.session().extensions().deliverby &&
         services_.clock.wall() < envelope_.deliver_by;
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
  out.mail.priority = envelope_.priority;
  out.recipients = commands_for(pending_);
  set_deliver_by(out, connection.session().extensions());
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
      put_off = put_off || judgement.scope == reply::Scope::recipient || judgement.scope == reply::Scope::message;
    } else {
      finish(pending_[i], judgement, said);
      done_.results.back().relayed_without_dsn = !connection.session().extensions().dsn;
      done_.results.back().tell_relayed = tells_relayed(connection);
    }
  }
  if (told) {
    hosts_.push_back(*told);
    tell_put_off(*left.back().said.back(), told->cause, left.size());
  }
  if (put_off) {
    asked_.insert(connection.host().address);  // of a kept connection it is not there yet
    deferring_.insert(connection.host().address);
    if (deferring_.size() >= deferrals_per_attempt_max) stop_ = true;
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

// One transaction, for all that are pending.
env::Awaitable<void> Attempt::transact(Connection& connection, bool reused) {
  route::Context with = context();
  with.connection_reused = reused;
  with.after_tls = connection.session().tls().has_value();
  pool_.in_use(&connection);
  const smtp::TransactionResult result = co_await connection.send(transaction(connection), outgoing_);
  pool_.not_in_use(&connection);
  // A reused connection that broke before anything was said proves nothing about the host: a fresh one is tried.
  const bool stale =
      reused && !result.sent_to_end && result.missing == smtp::Missing::none &&
      std::ranges::all_of(result.recipients, [](const smtp::Outcome& outcome) {
        return outcome.trouble == smtp::Trouble::connection_lost || (outcome.reply && outcome.reply->code == 421);
      });
  stale_ = stale;
  if (stale) co_return;
  any_good_ = true;
  apply(result, connection, with);
}

std::vector<std::size_t> Attempt::fitting_in(const Connection& connection, const std::vector<Pending>& waiting) const {
  return connection.session().fitting(waiting.size(), [&](std::size_t at) {
    const std::string_view address = envelope_.recipients[waiting[at].index].address;
    return address.substr(address.rfind('@') + 1);
  });
}

// Moves those of `waiting` to the pending ones that the server's LIMITS let the next transaction have.
void Attempt::take_fitting(const Connection& connection, std::vector<Pending>& waiting) {
  const auto fitting = fitting_in(connection, waiting);
  for (const auto at : fitting) pending_.push_back(std::move(waiting[at]));
  for (auto at = fitting.rbegin(); at != fitting.rend(); ++at) {
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(*at));
  }
}

env::Awaitable<void> Attempt::send(std::unique_ptr<Connection> connection, bool reused) {
  const bool signed_and_ready = co_await make_outgoing();
  if (!signed_and_ready) {
    pool_.keep(what_.site, std::move(connection));
    co_return;
  }
  const auto most =
      std::min<std::uint64_t>(settings_->messages_per_connection_max, what_.limits.messages_per_connection);
  std::vector<Pending> put_off;
  unsent_ = std::exchange(pending_, {});
  while (!unsent_.empty() && connection->ready() && connection->sent() < most) {
    take_fitting(*connection, unsent_);
    if (pending_.empty()) break;
    co_await transact(*connection, reused);
    reused = false;
    std::ranges::move(std::exchange(pending_, {}), std::back_inserter(put_off));
  }
  // What ended it in the middle counts for those as well that were still to come; the server's MAILMAX does not.
  if (!connection->ready() && connection->session().may_begin() && !put_off.empty()) {
    const Pending& last = put_off.back();
    if (!last.judgements.empty()) {
      for (auto& pending : unsent_) pending.add(last.judgements.back(), last.said.back());
      std::ranges::move(std::exchange(unsent_, {}), std::back_inserter(put_off));
    }
  }
  pending_ = std::move(put_off);
  if (!connection->ready()) co_return;
  if (unsent_.empty() && connection->sent() < most && connection->session().may_begin()) {
    pool_.keep(what_.site, std::move(connection), what_.hosts);
  } else {
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
  if (fitting_in(connection, pending_).empty()) return false;
  return transport::satisfies(connection.verified(), ruling.ruling.requirement);
}

bool Attempt::keeps_requiretls(const Connection& connection) {
  const auto& tls = connection.session().tls();
  const auto& policy = connection.host().policy;
  return tls && policy && policy->ruling.name_proven && connection.session().extensions().requiretls &&
         (tls->peer_verified || !tls->dane_match.empty());
}

}  // namespace postil::delivery
