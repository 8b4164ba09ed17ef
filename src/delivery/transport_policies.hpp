// The MTA-STS policies of domains: looked up, fetched, kept over a restart, refreshed. Thread-safe.
//
//   of(domain)  TXT of _mta-sts.domain ─► transport::StsCache ─► (fetch by HTTPS) ─► the policy, or none
//
// A domain without a policy is remembered for some minutes, so that mail to it asks nothing. A policy in use is fetched
// again a day after it was fetched. A failed look-up or fetch never takes a policy away.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "delivery/services.hpp"
#include "transport/sts_cache.hpp"

namespace postil::delivery {

class TransportPolicies {
 public:
  explicit TransportPolicies(Services& services) : services_(services) {}

  // Null: the domain has no policy that counts. domain: A-labels, lower case.
  using PolicyPtr = std::shared_ptr<const transport::StsPolicy>;
  env::Awaitable<PolicyPtr> of(std::shared_ptr<const Settings> settings, std::string domain);

  // What was kept over a restart. Before the first of().
  env::Awaitable<void> load();
  // Fetches again what is old, one after the other; call it about once a minute. On any executor.
  env::Awaitable<void> refresh(std::shared_ptr<const Settings> settings);

 private:
  struct Known {
    PolicyPtr policy;
    MonoTime until;
  };
  void remember(const std::string& domain, PolicyPtr policy, std::uint32_t ttl_seconds);
  // True: the cache has changed.
  env::Awaitable<bool> fetch(std::shared_ptr<const Settings> settings, std::string domain, std::string id);
  struct FetchFailure {
    std::string words;
    transport::TlsResult result = transport::TlsResult::sts_policy_fetch_error;  // for TLS reports
  };
  using Fetched = std::expected<transport::StsPolicy, FetchFailure>;
  static Fetched policy_in(const env::HttpsResult& response);
  env::Awaitable<Fetched> get(std::shared_ptr<const Settings> settings, std::string domain);
  void tell_failure(const std::string& domain, const FetchFailure& failure);
  void save_soon();
  void save();

  Services& services_;
  std::mutex mutex_;
  transport::StsCache cache_;
  std::map<std::string, Known> known_;
  std::map<std::string, std::vector<env::Resume<bool>>> fetching_;  // and who else waits for it
  bool refreshing_ = false;
  bool saving_ = false;
  std::mutex writing_;  // the file
};

}  // namespace postil::delivery
