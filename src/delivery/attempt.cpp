#include "delivery/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "delivery/attempt_run.hpp"
#include "delivery/tell.hpp"

namespace postil::delivery {
namespace {

constexpr std::size_t addresses_per_attempt_max = 30;

}  // namespace

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
      std::ranges::move(std::exchange(unsent_, {}), std::back_inserter(pending_));
    } else {
      pool_.keep(what_.site, std::move(idle));  // another message may use it, or it is let go in order
    }
  }
  idle.reset();
  if (!pending_.empty() && !stop_) co_await try_hosts();
  conclude();
  co_return std::move(done_);
}

env::Awaitable<queue::AttemptDone> run_attempt(AttemptServices with, queue::StartAttempt attempt,
                                               std::unique_ptr<Connection> idle) {
  auto whole = std::make_unique<Attempt>(std::move(with), std::move(attempt));
  queue::AttemptDone done = co_await whole->run(std::move(idle));
  co_return done;
}

}  // namespace postil::delivery
