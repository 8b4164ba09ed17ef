// Groups of sites that share one pace. A domain begins alone; when an attempt has found its MX hosts it joins the
// group of these hosts, and is known to belong there while the group is remembered.
#include <algorithm>

#include "base/bytes.hpp"
#include "queue/engine_state.hpp"

namespace postil::queue {
namespace {

constexpr std::size_t hosts_max = 20;            // of a domain; more make no other site
constexpr std::size_t domains_known_max = 4096;  // of a group
constexpr std::size_t idle_groups_max = 10'000;
constexpr Duration idle_age_max = hours(1);

std::string joined_hosts(std::span<const std::string> given) {
  std::vector<std::string> hosts;
  for (const auto& host : given) hosts.push_back(to_lower(host));
  std::ranges::sort(hosts);
  hosts.erase(std::ranges::unique(hosts).begin(), hosts.end());
  if (hosts.size() > hosts_max) hosts.resize(hosts_max);
  std::string out;
  for (const auto& host : hosts) out += (out.empty() ? "" : " ") + host;
  return out;
}

using ReadyGroups = Ring<Group, &Group::ready_prev, &Group::ready_next>;
using ProbeGroups = Ring<Group, &Group::probe_prev, &Group::probe_next>;
using ExpressGroups = Ring<Group, &Group::express_prev, &Group::express_next>;
using IdleGroups = Ring<Group, &Group::idle_prev, &Group::idle_next>;
using ExpressFlows = Ring<Flow, &Flow::express_prev, &Flow::express_next>;

template <class RingOf>
void keep_in(Arena<Group>& groups, Slot& head, Slot slot, bool in, bool wanted) {
  if (in == wanted) return;
  if (wanted) {
    RingOf::push_back(groups, head, slot);
  } else {
    RingOf::remove(groups, head, slot);
  }
}

}  // namespace

std::uint64_t hash_of_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return std::max<std::uint64_t>(mix(hash), 1);
}

std::uint64_t hash_of_hosts(std::span<const std::string> hosts) {
  return hash_of_text(joined_hosts(hosts));
}

void Engine::State::set_limits(Slot slot, std::string_view domain) {
  Group& group = groups[slot];
  std::vector<std::string> hosts;
  for (const auto host : split(group.hosts, ' ')) {
    if (!host.empty()) hosts.emplace_back(host);
  }
  const PaceLimits defaults{.connections = settings.attempts_per_site_max,
                            .messages_per_connection = settings.messages_per_connection_max};
  SiteLimits found = limits_for(settings.site_rules, defaults, domain, hosts);
  group.pace.set_limits(found.limits);
  group.rule = std::move(found.rule);
}

// A new site's group: the one that its domain was known to belong to, or one of its own.
void Engine::State::join_group(Slot at) {
  Site& site = sites[at];
  const std::string& name = names.text(site.name);
  const auto known = group_by_domain.find(name);
  if (known != group_by_domain.end()) {
    site.group = known->second;
    if (groups[site.group].sites == 0) {
      IdleGroups::remove(groups, idle_groups, site.group);
      --idle_count;
    }
  } else {
    site.group = groups.take();
    set_limits(site.group, name);
    groups[site.group].pace = Pace(groups[site.group].pace.limits());
  }
  ++groups[site.group].sites;
  if (settings.probe_new_sites && !groups[site.group].proven) site.mode = Site::Mode::probing;
}

// It is nobody's member and in no ring any more; what it has learned is kept for a while.
void Engine::State::leave_group(Slot at) {
  Site& site = sites[at];
  const Slot slot = site.group;
  Group& group = groups[slot];
  site.group = no_slot;
  POSTIL_ASSERT(group.sites > 0);
  if (--group.sites > 0) return update_group(slot);
  update_group(slot);
  if (group.hosts.empty()) {
    if (!group.pace.slowed()) return free_group(slot);
    if (group.domains.empty()) group.domains.push_back(names.text(site.name));
    group_by_domain.emplace(group.domains.front(), slot);
  }
  group.idle_since = latest;
  IdleGroups::push_back(groups, idle_groups, slot);
  ++idle_count;
}

void Engine::State::free_group(Slot slot) {
  Group& group = groups[slot];
  POSTIL_ASSERT(group.sites == 0 && group.pace.running() == 0 && group.ready == no_slot && group.probes == no_slot &&
                group.express == no_slot && group.heap_at == no_slot);
  for (const auto& domain : group.domains) {
    const auto known = group_by_domain.find(domain);
    if (known != group_by_domain.end() && known->second == slot) group_by_domain.erase(known);
  }
  if (!group.hosts.empty()) group_by_hosts.erase(group.hosts);
  groups.give_back(slot);
}

void Engine::State::forget_idle_groups(Now now) {
  while (idle_groups != no_slot &&
         (idle_count > idle_groups_max || now.mono - groups[idle_groups].idle_since >= idle_age_max)) {
    const Slot slot = idle_groups;
    IdleGroups::remove(groups, idle_groups, slot);
    --idle_count;
    free_group(slot);
  }
}

void Engine::State::move_site(Slot at, Slot to) {
  Site& site = sites[at];
  const Slot from = site.group;
  std::vector<Slot> express;
  if (site.flows != no_slot) {
    Slot flow = site.flows;
    do {
      if (flows[flow].express) express.push_back(flow);
      flow = flows[flow].next;
    } while (flow != site.flows);
  }
  for (Slot flow : express) leave_express(flow);
  if (site.place == Site::Place::ready) Ring<Site>::remove(sites, groups[from].ready, at);
  if (site.place == Site::Place::probes) Ring<Site>::remove(sites, groups[from].probes, at);
  site.place = Site::Place::none;
  groups[to].ends_at = std::min(groups[to].ends_at, groups[from].ends_at);
  groups[from].pace.hand_over(site.running);
  groups[to].pace.adopt(site.running);
  leave_group(at);
  if (groups[to].sites == 0 && groups[to].idle_next != no_slot) {
    IdleGroups::remove(groups, idle_groups, to);
    --idle_count;
  }
  site.group = to;
  ++groups[to].sites;
  for (Slot flow : express) {
    ExpressFlows::push_back(flows, groups[to].express, flow);
    flows[flow].express = true;
  }
  if (groups[to].proven && site.mode == Site::Mode::probing && !site.failure) site.mode = Site::Mode::open;
  update_ring(at);
  update_group(to);
}

void Engine::State::take(Now now, SiteFound& input, Effects& out) {
  const auto found = attempts.find(input.attempt.value);
  if (found == attempts.end() || input.hosts.empty()) return;
  const Slot at = jobs[found->second.job].site;
  std::string hosts = joined_hosts(input.hosts);
  const std::string domain = names.text(sites[at].name);
  Slot group = sites[at].group;
  const auto put_back_if_full = [&] {
    if (groups[group].pace.running() > groups[group].pace.connections()) put_back(input.attempt, now, out);
  };
  if (groups[group].hosts == hosts) return put_back_if_full();
  const auto same = group_by_hosts.find(hosts);
  if (same != group_by_hosts.end()) {
    group = same->second;
    move_site(at, group);
  } else {
    if (!groups[group].hosts.empty()) {  // the domain has moved
      group = groups.take();
      groups[group].hosts = hosts;
      set_limits(group, domain);
      groups[group].pace = Pace(groups[group].pace.limits());
      move_site(at, group);
    } else {
      groups[group].hosts = hosts;
      set_limits(group, domain);
      update_group(group);
    }
    group_by_hosts.emplace(std::move(hosts), group);
  }
  if (groups[group].domains.size() < domains_known_max) {
    group_by_domain[domain] = group;
    groups[group].domains.push_back(domain);
  } else {
    group_by_domain.erase(domain);
  }
  put_back_if_full();
}

// Nothing is written: it has not been tried.
void Engine::State::put_back(AttemptId id, Now now, Effects& out) {
  const auto found = attempts.find(id.value);
  const Attempt attempt = std::move(found->second);
  attempts.erase(found);
  end_attempt(attempt);
  for (Slot waiter : attempt.waiters) waiters[waiter].phase = Phase::waiting;
  out.push_back(PutBack{id});
  const Slot site = jobs[attempt.job].site;
  const Slot message = jobs[attempt.job].message;
  if (messages[message].pending == Pending::none) {
    unplace(attempt.job);
    place(attempt.job, now, true);
    update_ring(site);
  } else {  // what was asked for meanwhile is done now, and may be the end of the message
    remove(message, messages[message].pending, now, out);
  }
}

// Which rings of groups it stands in, and whether it waits for its rate.
void Engine::State::update_group(Slot slot) {
  Group& group = groups[slot];
  const bool room = group.pace.running() < group.pace.connections();
  const bool in_time = group.pace.earliest() <= latest;
  const bool may = room && in_time;
  keep_in<ReadyGroups>(groups, ready_groups, slot, group.ready_next != no_slot, may && group.ready != no_slot);
  keep_in<ProbeGroups>(groups, probe_groups, slot, group.probe_next != no_slot, may && group.probes != no_slot);
  keep_in<ExpressGroups>(groups, express_groups, slot, group.express_next != no_slot, may && group.express != no_slot);
  const bool waits = room && !in_time && (group.ready != no_slot || group.probes != no_slot);
  const MonoTime due = !waits                ? never
                       : group.pace.slowed() ? std::min(group.pace.earliest(), group.ends_at)
                                             : group.pace.earliest();
  if (group.heap_at != no_slot && group.due != due) timed_groups.remove(slot);
  group.due = due;
  if (waits && group.heap_at == no_slot) timed_groups.insert(slot);
}

// A rate of the configuration holds for the last attempt of a message, too; what a site makes wait is not kept longer.
void Engine::State::update_timed(Now now, Effects& out) {
  while (!timed_groups.empty() && groups[timed_groups.top()].due <= now.mono) {
    const Slot group = timed_groups.top();
    if (groups[group].pace.slowed() && groups[group].ends_at <= now.mono) {
      end_overdue(group, now, out);
    } else {
      update_group(group);
    }
  }
}

}  // namespace postil::queue
