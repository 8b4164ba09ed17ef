#include "history/suppression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "address/domain.hpp"
#include "base/bytes.hpp"

namespace postil::history {
namespace {

constexpr std::size_t why_octets_max = 300;
constexpr std::size_t address_octets_max = 1000;
constexpr std::string_view new_name = "suppressed.new";

std::uint32_t checksum(std::string_view text) {
  std::uint32_t hash = 0x811c9dc5u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193u;
  return hash;
}

std::string line_of(std::string_view text) {
  return fmt::format("{}\t{:08x}\n", text, checksum(text));
}

std::string line_of(const Suppressed& one) {
  return line_of(fmt::format("+\t{}\t{}\t{}\t{}\t{}", one.address, unix_microseconds(one.since),
                             unix_microseconds(one.until), one.by_hand ? "hand" : "reply",
                             printable(one.why, why_octets_max)));
}

std::optional<WallTime> time_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return wall_from_microseconds(value);
}

// Letters of any size are the same, and so are both forms of a domain.
std::string key_of(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return to_lower(address);
  const auto domain = address::to_ascii(address.substr(at + 1));
  return to_lower(address.substr(0, at + 1)) + domain.value_or(to_lower(address.substr(at + 1)));
}

bool good_address(std::string_view address) {
  return !address.empty() && address.size() <= address_octets_max && std::ranges::none_of(address, is_control);
}

}  // namespace

// A whole line without its end; false: it is none.
bool Suppressions::apply(std::string_view line) {
  const auto tab = line.rfind('\t');
  if (tab == std::string_view::npos || fmt::format("{:08x}", checksum(line.substr(0, tab))) != line.substr(tab + 1))
    return false;
  const auto parts = split(line.substr(0, tab), '\t');
  if (parts.size() == 2 && parts[0] == "-") {
    entries_.erase(key_of(parts[1]));
    return true;
  }
  if (parts.size() != 6 || parts[0] != "+") return false;
  const auto since = time_of(parts[2]), until = time_of(parts[3]);
  if (!since || !until || !good_address(parts[1])) return false;
  entries_[key_of(parts[1])] = {std::string(parts[1]), *since, *until, parts[4] == "hand", std::string(parts[5])};
  return true;
}

env::DiskResult<void> Suppressions::open(WallTime now) {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  (void)disk_.remove(new_name);  // of a start that was broken off
  auto opened = disk_.open(file_name, true);
  if (!opened) {
    if (opened.error().error != env::DiskError::not_found) return std::unexpected(opened.error());
    opened = disk_.create(file_name);
    if (!opened) return std::unexpected(opened.error());
    if (auto synced = disk_.sync_folder(); !synced) return synced;
  }
  file_ = std::move(*opened);
  const auto size = file_->size();
  if (!size) return std::unexpected(size.error());
  std::string text(*size, '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const auto part = file_->read(got, std::span(text).subspan(got));
    if (!part) return std::unexpected(part.error());
    if (*part == 0) break;
    got += *part;
  }
  text.resize(got);
  std::size_t lines = 0;
  end_ = 0;  // of the last good line: one that is damaged takes no others with it
  for (std::size_t at = 0, next; (next = text.find('\n', at)) != std::string::npos; at = next + 1) {
    if (!apply(std::string_view(text).substr(at, next - at))) continue;
    end_ = next + 1;
    ++lines;
  }
  if (end_ < text.size()) {
    if (auto cut = file_->truncate(end_); !cut) return cut;
  }
  if (lines > 100 && lines > 2 * entries_.size()) return write_anew(now);
  return {};
}

env::DiskResult<void> Suppressions::write_anew(WallTime now) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.over(now); });
  auto made = disk_.create(new_name);
  if (!made) return std::unexpected(made.error());
  std::uint64_t at = 0;
  for (const auto& [address, one] : entries_) {
    const std::string line = line_of(one);
    const std::string_view part = line;
    if (auto written = (*made)->write(at, std::span(&part, 1)); !written) return written;
    at += line.size();
  }
  if (auto synced = (*made)->sync_data(); !synced) return synced;
  if (auto renamed = disk_.rename(new_name, file_name); !renamed) return renamed;
  if (auto synced = disk_.sync_folder(); !synced) return synced;
  file_ = std::move(*made);
  end_ = at;
  return {};
}

std::optional<Suppressed> Suppressions::find(std::string_view address, WallTime now) const {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return {};
  const auto found = entries_.find(key_of(address));
  if (found == entries_.end() || found->second.over(now)) return {};
  return found->second;
}

std::vector<Suppressed> Suppressions::list(std::string_view after, std::size_t count_max, WallTime now) const {
  const std::lock_guard lock(mutex_);
  const std::string from = key_of(after);
  std::vector<const std::pair<const std::string, Suppressed>*> all;
  for (const auto& entry : entries_) {
    if (entry.first > from && !entry.second.over(now)) all.push_back(&entry);
  }
  const std::size_t count = std::min(count_max, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count), {},
                            [](const auto* entry) -> const std::string& { return entry->first; });
  std::vector<Suppressed> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(all[i]->second);
  return out;
}

std::size_t Suppressions::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

// A line counts only once it is synced: what a failed sync left is written over by the next one.
Suppressions::Change Suppressions::write(const std::string& line) {
  if (!file_) return Change::not_durable;
  const std::string_view part = line;
  if (!file_->write(end_, std::span(&part, 1)) || !file_->sync_data()) {
    (void)file_->truncate(end_);
    return Change::not_durable;
  }
  end_ += line.size();
  return Change::done;
}

Suppressions::Change Suppressions::add_now(const Suppressed& one) {
  const std::string key = key_of(one.address);
  {
    const std::lock_guard lock(mutex_);
    const auto before = entries_.find(key);
    if (before != entries_.end() && !before->second.over(one.since)) {
      const bool as_long =
          before->second.until == WallTime{} || (one.until != WallTime{} && before->second.until >= one.until);
      if ((before->second.by_hand && !one.by_hand) || (before->second.by_hand == one.by_hand && as_long))
        return Change::nothing;
    } else if (before == entries_.end() && entries_.size() >= entries_max) {
      return Change::full;
    }
  }
  const Change written = write(line_of(one));
  if (written != Change::done) return written;
  const std::lock_guard lock(mutex_);
  entries_[key] = one;
  return Change::done;
}

Suppressions::Change Suppressions::remove_now(const std::string& address) {
  const std::string key = key_of(address);
  {
    const std::lock_guard lock(mutex_);
    if (!entries_.contains(key)) return Change::nothing;
  }
  const Change written = write(line_of("-\t" + key));
  if (written != Change::done) return written;
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
  return Change::done;
}

env::Awaitable<Suppressions::Change> Suppressions::add(Suppressed one) {
  if (!good_address(one.address)) co_return Change::nothing;
  auto work = [this, entry = std::move(one)] { return add_now(entry); };
  co_return co_await env::on(writer_, std::move(work));
}

env::Awaitable<Suppressions::Change> Suppressions::remove(std::string address) {
  auto work = [this, which = std::move(address)] { return remove_now(which); };
  co_return co_await env::on(writer_, std::move(work));
}

}  // namespace postil::history
