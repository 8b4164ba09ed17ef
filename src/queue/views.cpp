// What people are shown. These walk over all that waits: in the order of memory, tens of nanoseconds each.
#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "base/bytes.hpp"
#include "queue/engine_state.hpp"

namespace postil::queue {

// A job that waits with its site waits for the site's reason.
Reason Engine::State::shown_reason(const Job& job, const Waiter& waiter) const {
  const Site& site = sites[job.site];
  return waiter.phase == Phase::waiting && job.flow != no_slot && site.failure ? site.failure->reason : waiter.reason;
}

std::optional<Duration> Engine::State::next_in(const Message& message, const Job& job, const Waiter& waiter,
                                               Now now) const {
  if (message.held || waiter.phase != Phase::waiting) return std::nullopt;
  const Site& site = sites[job.site];
  MonoTime at = std::max(waiter.due, now.mono);
  if (site.mode == Site::Mode::resting) at = std::max(at, site.due);
  return at - now.mono;
}

Totals Engine::totals() const {
  const State& s = *state_;
  Totals totals{.messages = s.by_id.size(),
                .recipients = s.recipients,
                .held = s.held,
                .attempts_running = s.attempts.size(),
                .sites = s.sites.live(),
                .oldest = {}};
  bool first = true;
  s.each_message([&](Slot slot) {
    const WallTime arrived = s.messages[slot].life.arrived;
    if (first || arrived < totals.oldest) totals.oldest = arrived;
    first = false;
  });
  return totals;
}

std::uint64_t Engine::delivered_last_minute(Now now) const {
  return state_->delivered.within(now.mono);
}

namespace {

struct Tally {
  std::uint64_t messages = 0, recipients = 0;
  WallTime oldest = WallTime::max();
  std::optional<Duration> next_in;

  void add(WallTime arrived, std::optional<Duration> next) {
    ++recipients;
    oldest = std::min(oldest, arrived);
    if (next) next_in = std::min(next_in.value_or(*next), *next);
  }
  void add(const Tally& other) {
    recipients += other.recipients;
    oldest = std::min(oldest, other.oldest);
    if (other.next_in) next_in = std::min(next_in.value_or(*other.next_in), *other.next_in);
  }
};

constexpr std::size_t reasons_max = 64;
static_assert(static_cast<std::size_t>(Reason::retry_asked) < reasons_max, "the masks below have 64 bits");

struct Tallies {
  std::unordered_map<std::uint64_t, Tally> by_site_reason;  // key_of
  std::array<std::uint64_t, reasons_max> messages_by_reason{};
  static std::uint64_t key_of(Slot site, Reason reason) {
    return std::uint64_t{site} << 8 | static_cast<std::uint8_t>(reason);
  }
  static Slot site_of(std::uint64_t key) { return static_cast<Slot>(key >> 8); }
  static Reason reason_of(std::uint64_t key) { return static_cast<Reason>(key & 255); }
};

template <class State>
Tallies tally(const State& s, Now now) {
  Tallies out;
  s.each_message([&](Slot slot) {
    const Message& message = s.messages[slot];
    std::uint64_t message_seen = 0;
    for (Slot j = message.jobs; j != no_slot; j = s.jobs[j].sibling) {
      const Job& job = s.jobs[j];
      std::uint64_t job_seen = 0;
      for (Slot w = job.waiters; w != no_slot; w = s.waiters[w].next) {
        const Waiter& waiter = s.waiters[w];
        const Reason reason = s.shown_reason(job, waiter);
        Tally& one = out.by_site_reason[Tallies::key_of(job.site, reason)];
        one.add(message.life.arrived, s.next_in(message, job, waiter, now));
        const std::uint64_t bit = std::uint64_t{1} << static_cast<std::uint8_t>(reason);
        if (!(job_seen & bit)) ++one.messages;
        if (!(message_seen & bit)) ++out.messages_by_reason[static_cast<std::uint8_t>(reason)];
        job_seen |= bit;
        message_seen |= bit;
      }
    }
  });
  return out;
}

void most_first(std::vector<GroupRow>& rows) {
  std::sort(rows.begin(), rows.end(), [](const GroupRow& a, const GroupRow& b) {
    if (a.recipients != b.recipients) return a.recipients > b.recipients;
    return a.reason != b.reason ? a.reason < b.reason : a.site < b.site;
  });
}

}  // namespace

std::vector<GroupRow> Engine::by_reason(Now now) const {
  const State& s = *state_;
  const Tallies tallies = tally(s, now);
  struct Sums {
    Tally sum;
    Slot most = no_slot;
    std::uint64_t most_recipients = 0;
    std::uint32_t sites = 0;
  };
  std::map<Reason, Sums> groups;
  for (const auto& [key, one] : tallies.by_site_reason) {
    Sums& group = groups[Tallies::reason_of(key)];
    group.sum.add(one);
    ++group.sites;
    const Slot site = Tallies::site_of(key);
    const auto name = [&](Slot at) -> const std::string& { return s.names.text(s.sites[at].name); };
    if (one.recipients > group.most_recipients ||
        (one.recipients == group.most_recipients && name(site) < name(group.most))) {
      group.most = site;
      group.most_recipients = one.recipients;
    }
  }
  std::vector<GroupRow> rows;
  for (const auto& [reason, group] : groups) {
    rows.push_back({.reason = reason,
                    .site = s.names.text(s.sites[group.most].name),
                    .sites = group.sites,
                    .messages = tallies.messages_by_reason[static_cast<std::uint8_t>(reason)],
                    .recipients = group.sum.recipients,
                    .oldest = group.sum.oldest,
                    .next_in = group.sum.next_in,
                    .last_reply = s.sites[group.most].last_reply});
  }
  most_first(rows);
  return rows;
}

std::vector<GroupRow> Engine::by_site(Now now) const {
  const State& s = *state_;
  struct Sums {
    Tally sum;
    Reason most = Reason::new_message;
    std::uint64_t most_recipients = 0;
  };
  std::unordered_map<Slot, Sums> groups;
  for (const auto& [key, one] : tally(s, now).by_site_reason) {
    Sums& group = groups[Tallies::site_of(key)];
    group.sum.add(one);
    const Reason reason = Tallies::reason_of(key);
    if (one.recipients > group.most_recipients || (one.recipients == group.most_recipients && reason < group.most)) {
      group.most = reason;
      group.most_recipients = one.recipients;
    }
  }
  std::unordered_map<Slot, std::uint64_t> messages;  // one job a message and site
  s.each_message([&](Slot slot) {
    for (Slot j = s.messages[slot].jobs; j != no_slot; j = s.jobs[j].sibling) ++messages[s.jobs[j].site];
  });
  std::vector<GroupRow> rows;
  for (const auto& [site, group] : groups) {
    rows.push_back({.reason = group.most,
                    .site = s.names.text(s.sites[site].name),
                    .sites = 1,
                    .messages = messages[site],
                    .recipients = group.sum.recipients,
                    .oldest = group.sum.oldest,
                    .next_in = group.sum.next_in,
                    .last_reply = s.sites[site].last_reply});
  }
  most_first(rows);
  return rows;
}

std::optional<PaceRow> Engine::pace_of(std::string_view name) const {
  const State& s = *state_;
  const Slot at = s.names.find(name);
  const Slot site = at == no_slot ? no_slot : s.names.site(at);
  if (site == no_slot) return std::nullopt;
  const Group& group = s.groups[s.sites[site].group];
  const Pace& pace = group.pace;
  PaceRow row{.running = pace.running(),
              .connections = pace.connections(),
              .messages_per_second = pace.rate(),
              .slowed = pace.slowed(),
              .limits = pace.limits(),
              .rule = group.rule,
              .hosts = {},
              .domains = group.sites,
              .changes = pace.changes()};
  for (const auto host : split(group.hosts, ' ')) {
    if (!host.empty()) row.hosts.emplace_back(host);
  }
  return row;
}

std::vector<AgeRow> Engine::by_age(Now now, std::span<const Duration> bounds, std::size_t rows_max) const {
  const State& s = *state_;
  std::unordered_map<Slot, AgeRow> sites;
  s.each_message([&](Slot slot) {
    const Message& message = s.messages[slot];
    const Duration age = now.mono - message.life.arrived_mono;
    const auto place = static_cast<std::size_t>(std::ranges::upper_bound(bounds, age) - bounds.begin());
    for (Slot j = message.jobs; j != no_slot; j = s.jobs[j].sibling) {
      AgeRow& row = sites[s.jobs[j].site];
      row.by_age.resize(bounds.size() + 1);
      ++row.by_age[place];
      ++row.messages;
    }
  });
  std::vector<AgeRow> rows;
  for (auto& [site, row] : sites) {
    row.site = s.names.text(s.sites[site].name);
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, [](const AgeRow& a, const AgeRow& b) {
    return a.messages != b.messages ? a.messages > b.messages : a.site < b.site;
  });
  if (rows.size() > rows_max) rows.resize(rows_max);
  return rows;
}

std::vector<MessageId> Engine::select(const Filter& filter, Now now, std::size_t count_max) const {
  const State& s = *state_;
  if (!filter.all && filter.ids.empty() && filter.site.empty() && filter.sender.empty() && !filter.reason &&
      !filter.older_than && !filter.held)
    return {};
  const std::string site_text = to_lower(filter.site);
  const Slot site = filter.site.empty() ? no_slot : s.names.find(site_text);
  const Slot sender = filter.sender.empty() ? no_slot : s.names.find(filter.sender);
  const auto matches = [&](const Message& message) {
    if (filter.held && *filter.held != message.held) return false;
    if (filter.older_than && now.mono - message.life.arrived_mono <= *filter.older_than) return false;
    if (!filter.sender.empty() && filter.sender != "<>" &&
        (sender == no_slot || (message.sender != sender && message.login != sender)))
      return false;
    if (filter.sender == "<>" && message.sender != no_slot) return false;
    if (filter.site.empty() && !filter.reason) return true;
    for (Slot j = message.jobs; j != no_slot; j = s.jobs[j].sibling) {
      const Job& job = s.jobs[j];
      for (Slot w = job.waiters; w != no_slot; w = s.waiters[w].next) {
        const Waiter& waiter = s.waiters[w];
        if (!filter.site.empty() && (site == no_slot || (waiter.domain != site && s.sites[job.site].name != site)))
          continue;
        if (filter.reason && *filter.reason != s.shown_reason(job, waiter)) continue;
        return true;
      }
    }
    return false;
  };
  std::vector<MessageId> out;
  if (!filter.ids.empty()) {
    for (MessageId id : filter.ids) {
      const Slot slot = s.find(id);
      if (slot != no_slot && matches(s.messages[slot])) out.push_back(id);
    }
  } else {
    s.each_message([&](Slot slot) {
      if (matches(s.messages[slot])) out.push_back(s.messages[slot].id);
    });
  }
  std::sort(out.begin(), out.end());  // by age: ids grow with time
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > count_max) out.resize(count_max);
  return out;
}

std::vector<MessageId> Engine::changed_by(Admin::Action action, std::vector<MessageId> ids) const {
  const State& s = *state_;
  if (action != Admin::Action::retry) return ids;
  std::erase_if(ids, [&](MessageId id) {
    const Slot slot = s.find(id);
    return slot == no_slot || s.messages[slot].held || s.messages[slot].life.begins_mono() > s.latest;
  });
  return ids;
}

std::uint64_t Engine::leave_later(const std::vector<MessageId>& ids) const {
  const State& s = *state_;
  const auto later = std::ranges::count_if(ids, [&](MessageId id) {
    const Slot slot = s.find(id);
    return slot != no_slot && !s.messages[slot].held && s.messages[slot].life.begins_mono() > s.latest;
  });
  return static_cast<std::uint64_t>(later);
}

std::uint32_t Engine::leave_later_of(std::string_view login) const {
  const Slot name = state_->names.find(login);
  return name == no_slot ? 0 : state_->names.later(name);
}

std::vector<Engine::Row> Engine::rows(MessageId id, Now now) const {
  const State& s = *state_;
  std::vector<Row> rows;
  const Slot slot = s.find(id);
  if (slot == no_slot) return rows;
  const Message& message = s.messages[slot];
  for (Slot j = message.jobs; j != no_slot; j = s.jobs[j].sibling) {
    for (Slot w = s.jobs[j].waiters; w != no_slot; w = s.waiters[w].next) {
      const Waiter& waiter = s.waiters[w];
      rows.push_back({.index = waiter.index,
                      .reason = s.shown_reason(s.jobs[j], waiter),
                      .attempts = waiter.attempts,
                      .held = message.held,
                      .running = waiter.phase == Phase::running,
                      .next_in = s.next_in(message, s.jobs[j], waiter, now)});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.index < b.index; });
  return rows;
}

std::size_t Engine::memory_octets() const {
  const State& s = *state_;
  std::size_t octets = s.names.memory_octets() + s.messages.memory_octets() + s.jobs.memory_octets() +
                       s.waiters.memory_octets() + s.flows.memory_octets() + s.sites.memory_octets() +
                       s.groups.memory_octets() + s.timed_groups.memory_octets() + s.by_id.memory_octets() +
                       s.by_site_sender.memory_octets() + s.due_jobs.memory_octets() + s.resting_sites.memory_octets();
  for (Slot slot = 0; slot < s.groups.end(); ++slot) {
    const Group& group = s.groups[slot];
    octets += group.pace.memory_octets() + group.hosts.capacity() + group.domains.capacity() * sizeof(std::string);
  }
  octets += (s.group_by_hosts.size() + s.group_by_domain.size()) * (64 + sizeof(std::string));
  for (const auto& [id, attempt] : s.attempts)
    octets += 64 + sizeof attempt + attempt.waiters.capacity() * sizeof(Slot);
  return octets;
}

}  // namespace postil::queue
