// The limits over time of a running server: accounts::LoginLimits and RecipientLimits behind a lock.
#pragma once

#include <mutex>

#include "accounts/limits.hpp"
#include "config/config.hpp"
#include "server/services.hpp"

namespace postil::app {

class RateLimits : public server::RateLimits {
 public:
  RateLimits(const config::Limits& limits, std::uint64_t seed);
  // Counts so far are dropped only where a limit has changed.
  void set(const config::Limits& limits);
  std::optional<Duration> login_blocked(std::string_view address, std::string_view user, MonoTime now) override;
  void login_ended(std::string_view address, std::string_view user, bool ok, MonoTime now) override;
  std::optional<Exceeded> count_recipient(std::string_view login, MonoTime now) override;

 private:
  std::mutex mutex_;
  std::uint64_t seed_;
  config::Limits used_;
  accounts::LoginLimits logins_;
  accounts::RecipientLimits recipients_;
};

}  // namespace postil::app
