#include "transport/sts_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"
#include "crypto/crc32c.hpp"

namespace postil::transport {
namespace {

constexpr std::string_view first_line = "postil-sts-cache 1";
constexpr std::size_t failures_max = 10'000;

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

// "domain id fetched used mode max_age mx,mx"
std::optional<std::pair<std::string, StsEntry>> read_entry(std::string_view line) {
  const auto parts = split(line, ' ');
  if (parts.size() != 7 || parts[0].empty()) return {};
  StsEntry entry;
  entry.id = std::string(parts[1]);
  std::int64_t fetched = 0, used = 0;
  if (!read_number(parts[2], fetched) || !read_number(parts[3], used)) return {};
  entry.fetched = WallTime(seconds(fetched));
  entry.used = WallTime(seconds(used));
  std::string file = fmt::format("version: STSv1\nmode: {}\nmax_age: {}\n", parts[4], parts[5]);
  for (const auto mx : split(parts[6], ',')) {
    if (!mx.empty()) file += fmt::format("mx: {}\n", mx);
  }
  auto parsed = parse_sts_policy(file);
  if (!parsed.policy) return {};
  entry.policy = std::move(*parsed.policy);
  return std::pair(std::string(parts[0]), std::move(entry));
}

std::int64_t unix_seconds(WallTime time) {
  return unix_microseconds(time) / 1'000'000;
}

}  // namespace

StsSeen sts_seen(const dns::Answer& txt) {
  if (!txt.definite()) return {StsSeen::Kind::unknown, {}};
  auto parsed = parse_sts_records(txt.records);
  if (!parsed.record) return {StsSeen::Kind::none, {}};
  return {StsSeen::Kind::record, std::move(parsed.record->id)};
}

StsCache::Advice StsCache::advise(const std::string& domain, const StsSeen& seen, WallTime now) {
  Advice advice;
  const auto found = entries_.find(domain);
  if (found != entries_.end()) {
    auto& entry = found->second;
    entry.fetched = std::min(entry.fetched, now);
    if (entry.expires() > now) {
      entry.used = now;
      advice.entry = entry;
    } else {
      entries_.erase(found);
    }
  }
  if (seen.kind != StsSeen::Kind::record) return advice;
  if (advice.entry && advice.entry->id == seen.id) return advice;
  const auto failed = failures_.find(domain);
  if (failed != failures_.end() && failed->second.id == seen.id) {
    const auto age = now - failed->second.at;
    if (age >= Duration(0) && age < sts_fetch_pause) {
      advice.failure = failed->second.why;
      return advice;
    }
  }
  advice.fetch = true;
  return advice;
}

void StsCache::fetched(const std::string& domain, const std::string& id, StsPolicy policy, WallTime now) {
  failures_.erase(domain);
  StsEntry entry{std::move(policy), id, now, now};
  if (const auto found = entries_.find(domain); found != entries_.end()) {
    entry.used = found->second.used;  // a refresh is no use
    found->second = std::move(entry);
    return;
  }
  make_room();
  entries_.emplace(domain, std::move(entry));
}

void StsCache::fetch_failed(const std::string& domain, const std::string& id, std::string why, WallTime now) {
  if (failures_.size() >= failures_max && !failures_.contains(domain)) {
    const auto oldest = std::ranges::min_element(failures_, {}, [](const auto& one) { return one.second.at; });
    failures_.erase(oldest);
  }
  failures_[domain] = {id, std::move(why), now};
}

void StsCache::make_room() {
  if (entries_.size() < domains_max_) return;
  entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& one) { return one.second.used; }));
}

std::vector<std::string> StsCache::to_refresh(WallTime now, std::size_t count_max) const {
  std::vector<std::pair<WallTime, std::string>> old;
  for (const auto& [domain, entry] : entries_) {
    const auto half = std::min<Duration>(sts_refresh_age, seconds(entry.policy.max_age_seconds / 2));
    if (now - entry.fetched < half || now - entry.used > sts_unused_max || entry.expires() <= now) continue;
    const auto failed = failures_.find(domain);
    if (failed != failures_.end() && now - failed->second.at < hours(1) && now >= failed->second.at) continue;
    old.emplace_back(entry.fetched, domain);
  }
  std::ranges::sort(old);
  if (old.size() > count_max) old.resize(count_max);
  std::vector<std::string> domains;
  for (auto& [when, domain] : old) domains.push_back(std::move(domain));
  return domains;
}

bool StsCache::drop_expired(WallTime now) {
  return std::erase_if(entries_, [&](const auto& one) { return one.second.expires() <= now; }) > 0;
}

const StsEntry* StsCache::find(const std::string& domain, WallTime now) const {
  const auto found = entries_.find(domain);
  return found != entries_.end() && found->second.expires() > now ? &found->second : nullptr;
}

std::string StsCache::encode() const {
  std::string text = fmt::format("{}\n", first_line);
  for (const auto& [domain, entry] : entries_) {
    text +=
        fmt::format("{} {} {} {} {} {} {}\n", domain, entry.id, unix_seconds(entry.fetched), unix_seconds(entry.used),
                    to_string(entry.policy.mode), entry.policy.max_age_seconds, fmt::join(entry.policy.mx, ","));
  }
  return text + fmt::format("crc32c {:08x}\n", crypto::crc32c(0, text));
}

std::expected<void, std::string> StsCache::decode(std::string_view file, WallTime now) {
  if (!file.starts_with(fmt::format("{}\n", first_line))) {
    return std::unexpected("The file of MTA-STS policies is none, or of a newer version.");
  }
  const auto last = file.rfind("crc32c ");
  if (last == std::string_view::npos || last == 0 || file[last - 1] != '\n' ||
      file.substr(last) != fmt::format("crc32c {:08x}\n", crypto::crc32c(0, file.substr(0, last)))) {
    return std::unexpected("The file of MTA-STS policies is damaged: its checksum is wrong.");
  }
  for (const auto line : split(file.substr(first_line.size() + 1, last - first_line.size() - 1), '\n')) {
    if (line.empty()) continue;
    auto read = read_entry(line);
    if (!read)
      return std::unexpected(fmt::format("The file of MTA-STS policies is damaged: \"{}\".", printable(line, 80)));
    auto& entry = read->second;
    entry.fetched = std::min(entry.fetched, now);
    entry.used = std::min(entry.used, now);
    if (entry.expires() > now && entries_.size() < domains_max_) entries_.insert(std::move(*read));
  }
  return {};
}

}  // namespace postil::transport
