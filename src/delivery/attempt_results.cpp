#include <fmt/format.h>

#include "delivery/attempt_run.hpp"
#include "delivery/tell.hpp"
#include "delivery/words.hpp"
#include "message/date.hpp"

namespace postil::delivery {
namespace {

// The causes are named alike on both sides; a test walks them.
queue::Reason reason_of(route::Cause cause) {
  return queue::parse_reason(route::to_string(cause)).value_or(queue::Reason::local_trouble);
}

}  // namespace

route::Context Attempt::context() const {
  route::Context context;
  context.smarthost = settings_->smarthost.has_value();
  context.tls_required =
      settings_->client.tls == smtp::TlsUse::required || settings_->client.tls == smtp::TlsUse::implicit;
  return context;
}

void Attempt::finish(Pending& pending, const route::Judgement& judgement, const Said& said) {
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
  done_.results.push_back(std::move(result));
}

void Attempt::fail_all(route::Cause cause, std::string words) {
  const route::Judgement judgement = route::judge_cause(cause);
  const Said said{"", std::move(words)};
  for (auto& pending : pending_) finish(pending, judgement, said);
  pending_.clear();
}

Attempt::Said Attempt::own_words(const std::string& about, route::Cause cause) {
  return {"", fmt::format("{}: {}", about, queue::describe(reason_of(cause)))};
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
    // Why an administrator put it there is a note for administrators.
    const std::string since = message::rfc3339_date(entry->since).substr(0, 10);
    result.diagnostic = entry->by_hand
                            ? fmt::format("an administrator put the address on our suppression list on {}", since)
                            : fmt::format("on our suppression list since {}: {}", since, entry->why);
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

}  // namespace postil::delivery
