#include "app/rate_limits.hpp"

namespace postil::app {
namespace {

accounts::LoginPolicy login_policy(const config::Limits& limits) {
  accounts::LoginPolicy policy;
  policy.per_address = static_cast<std::uint32_t>(limits.login_failures_per_address);
  policy.per_account = static_cast<std::uint32_t>(limits.login_failures_per_account);
  policy.address_window = policy.account_window = limits.login_window;
  policy.lock_first = limits.login_block;
  policy.lock_max = limits.login_block_max;
  return policy;
}

accounts::RecipientPolicy recipient_policy(const config::Limits& limits) {
  accounts::RecipientPolicy policy;
  policy.per_hour = static_cast<std::uint32_t>(limits.recipients_per_hour);
  policy.per_day = static_cast<std::uint32_t>(limits.recipients_per_day);
  return policy;
}

}  // namespace

RateLimits::RateLimits(const config::Limits& limits, std::uint64_t seed)
    : seed_(seed), used_(limits), logins_(login_policy(limits), seed), recipients_(recipient_policy(limits), seed) {}

void RateLimits::set(const config::Limits& limits) {
  const std::lock_guard lock(mutex_);
  const auto logins = [](const config::Limits& l) {
    return std::tuple(l.login_failures_per_address, l.login_failures_per_account, l.login_window, l.login_block,
                      l.login_block_max);
  };
  const auto recipients = [](const config::Limits& l) {
    return std::pair(l.recipients_per_hour, l.recipients_per_day);
  };
  if (logins(limits) != logins(used_)) logins_ = accounts::LoginLimits(login_policy(limits), seed_);
  if (recipients(limits) != recipients(used_)) recipients_ = accounts::RecipientLimits(recipient_policy(limits), seed_);
  used_ = limits;
}

std::optional<Duration> RateLimits::login_blocked(std::string_view address, std::string_view user, MonoTime now) {
  const std::lock_guard lock(mutex_);
  return logins_.blocked(address, user, now);
}

void RateLimits::login_ended(std::string_view address, std::string_view user, bool ok, MonoTime now) {
  const std::lock_guard lock(mutex_);
  logins_.ended(address, user, ok, now);
}

std::optional<RateLimits::Exceeded> RateLimits::count_recipient(std::string_view login, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto over = recipients_.count(login, now);
  if (!over) return {};
  return Exceeded{over->limit, over->period};
}

}  // namespace postil::app
