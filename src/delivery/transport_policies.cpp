#include "delivery/transport_policies.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "delivery/web_address.hpp"

namespace postil::delivery {
namespace {

constexpr std::size_t known_max = 20'000;
constexpr std::size_t refresh_at_once_max = 20;
constexpr Duration known_min = minutes(1), known_most = minutes(5);
constexpr Duration fetch_time = seconds(30);
constexpr std::size_t file_octets_max = 64 * 1024 * 1024;
constexpr std::string_view file_name = "sts-policies";

std::shared_ptr<const transport::StsPolicy> counting(const std::optional<transport::StsEntry>& entry) {
  if (!entry || entry->policy.mode == transport::StsMode::none) return nullptr;
  return std::make_shared<const transport::StsPolicy>(entry->policy);
}

}  // namespace

TransportPolicies::Fetched TransportPolicies::policy_in(const env::HttpsResult& response) {
  using transport::TlsResult;
  if (!response) {
    const bool certificate = response.error().error == env::HttpsError::certificate;
    auto words = fmt::format("{} ({})", response.error().detail, env::to_string(response.error().error));
    const auto result = certificate ? TlsResult::sts_webpki_invalid : TlsResult::sts_policy_fetch_error;
    return std::unexpected(FetchFailure{std::move(words), result});
  }
  if (response->status != 200) {
    return std::unexpected(FetchFailure{fmt::format("the server answers {}", response->status)});
  }
  if (!transport::sts_media_type(response->content_type)) {
    auto words = fmt::format("the policy is not text/plain but \"{}\"", response->content_type);
    return std::unexpected(FetchFailure{std::move(words), TlsResult::sts_policy_invalid});
  }
  auto parsed = transport::parse_sts_policy(response->body);
  if (parsed.policy) return std::move(*parsed.policy);
  const auto fatal = std::ranges::find(parsed.faults, true, &transport::StsFault::fatal);
  auto words = fmt::format("the policy cannot be read: {} in line {}, column {}", transport::to_string(fatal->kind),
                           fatal->line, fatal->column);
  return std::unexpected(FetchFailure{std::move(words), TlsResult::sts_policy_invalid});
}

env::Awaitable<TransportPolicies::PolicyPtr> TransportPolicies::of(std::shared_ptr<const Settings> settings,
                                                                   std::string domain) {
  if (services_.https == nullptr) co_return nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(domain);
    if (known != known_.end() && known->second.until > services_.clock.now()) co_return known->second.policy;
  }
  const MonoTime deadline = services_.clock.now() + settings->dns_timeout;
  const dns::Answer txt =
      co_await services_.resolver.query(transport::sts_record_name(domain), dns::Type::txt, deadline);
  const auto seen = transport::sts_seen(txt);
  transport::StsCache::Advice advice;
  {
    const std::lock_guard lock(mutex_);
    advice = cache_.advise(domain, seen, services_.clock.wall());
  }
  if (advice.fetch) {
    co_await fetch(settings, domain, seen.id);
    const std::lock_guard lock(mutex_);
    advice = cache_.advise(domain, seen, services_.clock.wall());
  }
  PolicyPtr policy = counting(advice.entry);
  remember(domain, policy, txt.ttl_seconds);
  co_return policy;
}

void TransportPolicies::remember(const std::string& domain, PolicyPtr policy, std::uint32_t ttl_seconds) {
  const MonoTime now = services_.clock.now();
  const std::lock_guard lock(mutex_);
  if (known_.size() >= known_max) {
    std::erase_if(known_, [&](const auto& one) { return one.second.until <= now; });
    if (known_.size() >= known_max) known_.clear();
  }
  known_[domain] = {std::move(policy), now + std::clamp<Duration>(seconds(ttl_seconds), known_min, known_most)};
}

env::Awaitable<TransportPolicies::Fetched> TransportPolicies::get(std::shared_ptr<const Settings> settings,
                                                                  std::string domain) {
  env::HttpsRequest request;
  request.host = transport::sts_policy_host(domain);
  request.path = transport::sts_policy_path;
  request.port = settings->sts_port;
  request.ca_file = settings->tls_ca_file;
  request.octets_max = transport::sts_policy_octets_max;
  const MonoTime deadline = services_.clock.now() + fetch_time;
  request.addresses = co_await addresses_of(services_.resolver, request.host, deadline);
  const env::HttpsResult response = co_await services_.https->exchange(std::move(request), deadline);
  co_return policy_in(response);
}

env::Awaitable<bool> TransportPolicies::fetch(std::shared_ptr<const Settings> settings, std::string domain,
                                              std::string id) {
  bool mine = false;
  {
    const std::lock_guard lock(mutex_);
    mine = fetching_.try_emplace(domain).second;
  }
  if (!mine) {
    auto wait = [&](env::Resume<bool> resume) {
      std::unique_lock lock(mutex_);
      const auto under_way = fetching_.find(domain);
      if (under_way != fetching_.end()) {
        under_way->second.push_back(std::move(resume));
        return;
      }
      lock.unlock();
      resume(true);
    };
    co_return co_await env::async<bool>(wait);
  }
  auto policy = co_await get(settings, domain);
  const bool good = policy.has_value();
  if (good) {
    services_.events.emit({event::Name::sts_policy_fetched,
                           {{"domain", domain},
                            {"mode", std::string(transport::to_string(policy->mode))},
                            {"policy", id},
                            {"max_age_seconds", static_cast<std::int64_t>(policy->max_age_seconds)}}});
  } else {
    services_.events.emit(
        {event::Name::sts_fetch_failed, {{"domain", domain}, {"policy", id}, {"reason", policy.error().words}}});
    tell_failure(domain, policy.error());
  }
  std::vector<env::Resume<bool>> others;
  {
    const std::lock_guard lock(mutex_);
    const auto now = services_.clock.wall();
    if (good) {
      cache_.fetched(domain, id, std::move(*policy), now);
      known_.erase(domain);
    } else {
      cache_.fetch_failed(domain, id, std::move(policy.error().words), now);
    }
    const auto under_way = fetching_.find(domain);
    others = std::move(under_way->second);
    fetching_.erase(under_way);
  }
  for (auto& other : others) other(good);
  if (good) save_soon();
  co_return good;
}

// For TLS reports: a session that would have stood under the policy.
void TransportPolicies::tell_failure(const std::string& domain, const FetchFailure& failure) {
  if (!services_.tls_session) return;
  transport::TlsSession told;
  told.domain = domain;
  told.policy = transport::ReportPolicy::sts;
  told.result = failure.result;
  told.receiving_host = transport::sts_policy_host(domain);
  told.reason = failure.words;
  services_.tls_session(told);
}

env::Awaitable<void> TransportPolicies::refresh(std::shared_ptr<const Settings> settings) {
  std::vector<std::string> old;
  {
    const std::lock_guard lock(mutex_);
    if (refreshing_ || services_.https == nullptr) co_return;
    refreshing_ = true;
    cache_.drop_expired(services_.clock.wall());
    old = cache_.to_refresh(services_.clock.wall(), refresh_at_once_max);
  }
  for (auto& domain : old) {
    const MonoTime deadline = services_.clock.now() + settings->dns_timeout;
    const dns::Answer txt =
        co_await services_.resolver.query(transport::sts_record_name(domain), dns::Type::txt, deadline);
    auto seen = transport::sts_seen(txt);
    {
      const std::lock_guard lock(mutex_);
      const auto* entry = cache_.find(domain, services_.clock.wall());
      if (entry == nullptr) continue;
      if (seen.kind != transport::StsSeen::Kind::record) seen.id = entry->id;
    }
    co_await fetch(settings, std::move(domain), std::move(seen.id));
  }
  const std::lock_guard lock(mutex_);
  refreshing_ = false;
}

env::Awaitable<void> TransportPolicies::load() {
  if (services_.disk == nullptr) co_return;
  auto read = [disk = services_.disk] { return env::read_file(*disk, file_name, file_octets_max).value_or(""); };
  const std::string text = co_await env::on(services_.pool, std::move(read));
  if (text.empty()) co_return;
  std::expected<void, std::string> taken;
  {
    const std::lock_guard lock(mutex_);
    taken = cache_.decode(text, services_.clock.wall());
  }
  if (!taken) services_.events.emit({event::Name::resource_trouble, {{"reason", taken.error()}}});
}

void TransportPolicies::save_soon() {
  if (services_.disk == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(saving_, true)) return;
  }
  env::asio::post(services_.pool, [this] { save(); });
}

void TransportPolicies::save() {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    saving_ = false;
    text = cache_.encode();
  }
  const std::lock_guard writing(writing_);
  const auto done = env::replace_file(*services_.disk, file_name, text);
  if (!done) services_.events.emit({event::Name::resource_trouble, {{"reason", done.error().detail}}});
}

}  // namespace postil::delivery
