// What is known of domains' MTA-STS policies, and when to ask again. [rfc8461 3.3] [rfc8461 5.1] [rfc8461 10.2]
//
// Pure: the caller asks DNS and fetches; the cache says what to do and what counts. Times are wall times, since the
// cache outlives the process; a clock that jumps back makes no entry younger than its max_age from now.
//
//   advise(domain, record, now) ─► use it, or fetch first ─► fetched(...) or fetch_failed(...)
//
// A failed look-up or fetch never takes away a policy that has not expired: an attacker could cause it.
// One owner at a time (the caller locks).
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "transport/sts_policy.hpp"

namespace postil::transport {

struct StsEntry {
  StsPolicy policy;
  std::string id;      // of the record with which it was fetched
  WallTime fetched{};  // max_age counts from here
  WallTime used{};     // last asked for; those not used for long are let go first, and not refreshed
  WallTime expires() const { return fetched + seconds(policy.max_age_seconds); }
};

// The TXT record, as the look-up ended.
struct StsSeen {
  enum class Kind : std::uint8_t {
    record,   // there is one, good: `id`
    none,     // surely none, or one that does not count
    unknown,  // DNS gave no definite answer
  } kind = Kind::unknown;
  std::string id;
};
StsSeen sts_seen(const dns::Answer& txt);

class StsCache {
 public:
  explicit StsCache(std::size_t domains_max = 10'000) : domains_max_(domains_max) {}

  struct Advice {
    bool fetch = false;             // get the policy now, then ask again
    std::optional<StsEntry> entry;  // what counts if nothing is fetched; none: no policy
    std::string failure;            // why the last fetch of this id failed, where that was lately
  };
  Advice advise(const std::string& domain, const StsSeen& seen, WallTime now);
  void fetched(const std::string& domain, const std::string& id, StsPolicy policy, WallTime now);
  // why: a sentence for people.
  void fetch_failed(const std::string& domain, const std::string& id, std::string why, WallTime now);

  // Domains whose policy is to be fetched again before it expires: a day old, and used within the last 30 days.
  // Oldest first, at most count_max.
  std::vector<std::string> to_refresh(WallTime now, std::size_t count_max) const;
  // Drops what has expired; true when something was dropped.
  bool drop_expired(WallTime now);
  const StsEntry* find(const std::string& domain, WallTime now) const;  // not expired; until the next change
  std::size_t size() const { return entries_.size(); }
  const std::map<std::string, StsEntry>& entries() const { return entries_; }

  // The file form (docs/formats/sts-policies.md): text, a checksum in its last line.
  std::string encode() const;
  // Takes what can be read; the error is a sentence. Entries that have expired are left out. A fetch time in the future
  // (the clock was set back) counts as now.
  std::expected<void, std::string> decode(std::string_view file, WallTime now);

 private:
  void make_room();
  struct Failure {
    std::string id, why;
    WallTime at{};
  };
  std::size_t domains_max_;
  std::map<std::string, StsEntry> entries_;
  std::map<std::string, Failure> failures_;
};

// Between two tries to fetch the same version.
inline constexpr Duration sts_fetch_pause = minutes(5);
inline constexpr Duration sts_refresh_age = hours(24);
inline constexpr Duration sts_unused_max = days(30);

}  // namespace postil::transport
