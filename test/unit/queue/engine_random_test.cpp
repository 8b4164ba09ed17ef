// Whatever happens in whatever order: accounts balance, each recipient ends once, limits hold, nothing is tried twice
// at once, nothing is returned before its time, and in the end the queue is empty.
#include <map>
#include <numeric>
#include <set>

#include "base/prng.hpp"
#include "engine_harness.hpp"

namespace postil::queue {
namespace {

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed) : random_(seed), settings_(make_settings(seed)), engine_(settings_) {}

  void run() {
    for (int i = 0; i < 3000; ++i) {
      act();
      if (testing::Test::HasFailure()) return;
      if (i % 100 == 0) check_accounts();
    }
    calm_ = true;
    for (std::uint64_t id = 1; id <= last_id_; ++id) give(Admin{Admin::Action::release, {{id}}});
    for (int i = 0; i < 200'000 && !waiting_.empty() && !testing::Test::HasFailure(); ++i) {
      if (!running_.empty()) {
        end_one();
      } else {
        ASSERT_NE(wake_, never) << waiting_.size() << " recipients wait for ever";
        pass(std::max(wake_ - now_.mono, Duration(0)));
        give(TimeCame{});
      }
    }
    check_accounts();
    EXPECT_TRUE(waiting_.empty());
    EXPECT_EQ(engine_.totals().sites, 0u);
    EXPECT_EQ(wake_, never);
  }

 private:
  struct Life {
    MonoTime arrived, expires;
    std::size_t open = 0;
    std::string sender;
  };
  struct One {
    bool running = false, notified = false;
  };
  using Key = std::pair<std::uint64_t, std::uint32_t>;

  static EngineSettings make_settings(std::uint64_t seed) {
    Prng random(seed * 77);
    EngineSettings s;
    s.random = seed;
    s.attempts_per_site_max = 1 + static_cast<std::uint32_t>(random.below(4));
    s.attempts_max = 1 + static_cast<std::uint32_t>(random.below(12));
    s.recipients_per_attempt_max = 1 + static_cast<std::uint32_t>(random.below(5));
    s.probes_max = 1 + static_cast<std::uint32_t>(random.below(4));
    s.probe_new_sites = random.chance(0.5);
    if (random.chance(0.3)) s.fixed_site = "smart.example";
    return s;
  }
  void pass(Duration d) {
    now_.mono += d;
    now_.wall += d;
  }
  void act() {
    switch (random_.below(12)) {
      case 0:
      case 1:
      case 2:
        return arrive();
      case 3:
      case 4:
      case 5:
      case 6:
        if (!running_.empty()) end_one();
        return;
      case 7: {
        const auto action = static_cast<Admin::Action>(random_.below(5));
        Admin admin{action, {}};
        for (std::uint64_t n = random_.below(5); n > 0; --n) admin.ids.push_back({1 + random_.below(last_id_ + 2)});
        return give(admin);
      }
      case 8:
        if (random_.chance(0.1)) now_.wall += hours(random_.below(400)) - hours(200);
        if (random_.chance(0.1)) {
          settings_ = make_settings(random_());
          give(SettingsChanged{settings_});
        }
        return;
      default:
        pass(random_.chance(0.5) && wake_ != never ? std::max(wake_ - now_.mono, Duration(0))
                                                   : Duration(minutes(random_.below(300))));
        return give(TimeCame{});
    }
  }
  void arrive() {
    Envelope envelope =
        mail(++last_id_, random_.chance(0.2) ? "" : "s" + std::to_string(random_.below(4)) + "@example.com", {});
    envelope.arrived = now_.wall;
    envelope.expires = now_.wall + days(5);
    for (std::uint64_t n = 1 + random_.below(12); n > 0; --n) {
      envelope.recipients.push_back({std::to_string(n) + "@d" + std::to_string(random_.below(6)) + ".example", "",
                                     static_cast<std::uint8_t>(random_.chance(0.7) ? 0 : random_.below(8) << 1)});
      waiting_[{last_id_, static_cast<std::uint32_t>(envelope.recipients.size() - 1)}];
    }
    lives_[last_id_] = {now_.mono, now_.mono + days(5), envelope.recipients.size(), envelope.sender};
    give(Arrived{&envelope, nullptr});
  }
  void end_one() {
    auto at = running_.begin();
    std::advance(at, static_cast<long>(random_.below(running_.size())));
    const StartAttempt attempt = at->second;
    if (!found_.contains(attempt.attempt.value) && settings_.fixed_site.empty() && random_.chance(0.9)) {
      found_.insert(attempt.attempt.value);
      give(SiteFound{attempt.attempt, {hosts_of(attempt.site)}});
      if (!running_.contains(attempt.attempt.value)) return;  // put back
      EXPECT_LE(connected(attempt.site), settings_.attempts_per_site_max);
      return;
    }
    found_.erase(attempt.attempt.value);
    running_.erase(attempt.attempt.value);
    AttemptDone done{.attempt = attempt.attempt, .results = {}, .site = SiteHealth::good, .throttle = {}};
    if (!calm_ && random_.chance(0.1)) done.throttle = Throttle{random_.chance(0.5), "mx", "421 4.7.28 slow down"};
    const std::uint64_t all = random_.below(6);
    if (all == 0) done.site = SiteHealth::down;
    if (all == 1) done.site = SiteHealth::refused_us;
    if (all == 2) done.site = SiteHealth::unknown;
    for (std::uint32_t index : attempt.recipients) {
      RecipientResult r{.index = index, .diagnostic = "450 no"};
      const std::uint64_t what = all < 2 ? 9 : random_.below(10);
      if (what < (calm_ ? 7 : 3))
        r.outcome = Outcome::delivered;
      else if (what == 8)
        r.outcome = Outcome::failed, r.reason = Reason::recipient_refused;
      else
        r.reason = all == 1 ? Reason::refused_us : static_cast<Reason>(2 + random_.below(17));
      if (!random_.chance(0.02)) done.results.push_back(r);
      waiting_.at({attempt.message.value, index}).running = false;
    }
    pass(seconds(random_.below(60)));
    give(std::move(done));
  }
  void give(Input input) {
    for (Effect& effect : engine_.step(now_, std::move(input))) {
      std::visit([&](auto& e) { check(e); }, effect);
    }
    std::map<std::string, std::uint32_t> per_site;
    for (const auto& [id, attempt] : running_) ++per_site[attempt.site];
    most_per_site_ = 0;
    for (const auto& [site, n] : per_site) most_per_site_ = std::max(most_per_site_, n);
  }
  void check(const StartAttempt& a) {
    EXPECT_FALSE(a.recipients.empty());
    EXPECT_LE(a.recipients.size(), settings_.recipients_per_attempt_max);
    for (std::uint32_t index : a.recipients) {
      ASSERT_TRUE(waiting_.contains({a.message.value, index})) << "it has ended";
      One& one = waiting_[{a.message.value, index}];
      EXPECT_FALSE(one.running) << "twice at once";
      one.running = true;
    }
    running_.emplace(a.attempt.value, a);
    std::uint32_t at_site = 0;
    for (const auto& [id, attempt] : running_) at_site += attempt.site == a.site;
    EXPECT_LE(at_site, settings_.attempts_per_site_max);
    // What began under larger limits may still run.
    most_attempts_ = std::max(most_attempts_, settings_.attempts_max);
    most_probes_ = std::max(most_probes_, settings_.probes_max);
    EXPECT_LE(running_.size(), most_attempts_ + most_probes_);
    if (a.hosts != 0) {
      EXPECT_EQ(a.hosts, hash_of_hosts(std::vector{hosts_of(a.site)}));
      found_.insert(a.attempt.value);
      EXPECT_LE(connected(a.site), settings_.attempts_per_site_max) << "domains with one host share its limit";
    }
  }
  void check(const Persist& p) {
    const std::uint64_t id = p.changes.id.value;
    ASSERT_TRUE(lives_.contains(id));
    Life& life = lives_[id];
    const std::set<std::uint32_t> told(p.failed.begin(), p.failed.end());
    std::size_t ended_badly = 0;
    for (const RecipientState& state : p.changes.recipients) {
      ASSERT_TRUE(waiting_.contains({id, state.index})) << "it ended twice";
      One& one = waiting_[{id, state.index}];
      EXPECT_FALSE(one.running) << "changed while it is being tried";
      if (state.status == RecipientStatus::waiting) continue;
      if (state.status == RecipientStatus::expired) EXPECT_GE(now_.mono, life.expires);
      ended_badly += state.status != RecipientStatus::delivered;
      waiting_.erase({id, state.index});
      --life.open;
    }
    EXPECT_EQ(ended_badly, p.failed.size() + p.unreported.size());
    if (life.sender.empty()) {
      EXPECT_TRUE(p.failed.empty() && p.delayed.empty() && p.relayed.empty());
    }
    for (std::uint32_t index : p.delayed) {
      EXPECT_FALSE((waiting_[{id, index}].notified));
      waiting_[{id, index}].notified = true;
    }
    EXPECT_EQ(p.finished, life.open == 0);
    if (p.finished) lives_.erase(id);
  }
  void check(const WakeAt& w) { wake_ = w.at; }
  void check(const PaceChanged& c) {
    EXPECT_GE(c.change.connections, 1u);
    EXPECT_LE(c.change.connections, settings_.attempts_per_site_max);
  }
  void check(const PutBack& back) {
    ASSERT_TRUE(running_.contains(back.attempt.value));
    const StartAttempt& attempt = running_.at(back.attempt.value);
    for (std::uint32_t index : attempt.recipients) {
      const auto one = waiting_.find({attempt.message.value, index});
      if (one != waiting_.end()) one->second.running = false;
    }
    found_.erase(back.attempt.value);
    running_.erase(back.attempt.value);
  }
  // Two domains each have the same host.
  static std::string hosts_of(const std::string& site) {
    return site.size() > 1 && site[0] == 'd' ? "mx" + std::to_string((site[1] - '0') / 2) + ".example" : "mx." + site;
  }
  std::size_t connected(const std::string& site) const {
    std::size_t count = 0;
    for (const auto& [id, attempt] : running_) count += found_.contains(id) && hosts_of(attempt.site) == hosts_of(site);
    return count;
  }
  void check_accounts() {
    const Totals totals = engine_.totals();
    EXPECT_EQ(totals.messages, lives_.size());
    EXPECT_EQ(totals.recipients, waiting_.size());
    EXPECT_EQ(totals.attempts_running, running_.size());
    std::uint64_t by_reason = 0, by_site = 0;
    for (const GroupRow& row : engine_.by_reason(now_)) by_reason += row.recipients;
    for (const GroupRow& row : engine_.by_site(now_)) by_site += row.recipients;
    EXPECT_EQ(by_reason, waiting_.size());
    EXPECT_EQ(by_site, waiting_.size());
    const Duration bounds[] = {minutes(1), hours(1)};
    std::map<std::string, std::uint64_t> messages;
    for (const GroupRow& row : engine_.by_site(now_)) messages[row.site] = row.messages;
    for (const AgeRow& row : engine_.by_age(now_, bounds, 1'000'000)) {
      EXPECT_EQ(row.messages, messages[row.site]);
      messages.erase(row.site);
      EXPECT_EQ(row.by_age.size(), 3u);
      EXPECT_EQ(std::accumulate(row.by_age.begin(), row.by_age.end(), std::uint64_t{0}), row.messages);
    }
    EXPECT_TRUE(messages.empty());
    EXPECT_EQ(engine_.select({.all = true}, now_, 1'000'000).size(), lives_.size());
    for (const auto& [id, life] : lives_) EXPECT_EQ(engine_.rows({id}, now_).size(), life.open);
  }

  Prng random_;
  EngineSettings settings_;
  Engine engine_;
  Now now_{MonoTime(hours(1)), wall_start};
  MonoTime wake_ = never;
  bool calm_ = false;
  std::uint64_t last_id_ = 0;
  std::uint32_t most_per_site_ = 0, most_attempts_ = 0, most_probes_ = 0;
  std::map<std::uint64_t, StartAttempt> running_;
  std::set<std::uint64_t> found_;  // attempts whose hosts the engine knows
  std::map<Key, One> waiting_;
  std::map<std::uint64_t, Life> lives_;
};

TEST(EngineRandom, accounts_balance) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomRun(seed).run();
    if (HasFailure()) return;
  }
}

TEST(EngineRandom, a_hundred_thousand_messages_at_one_dead_site_cost_little_per_step) {
  Harness h;
  for (std::uint64_t id = 1; id <= 100'000; ++id)
    h.arrive(id, "s" + std::to_string(id % 100) + "@example.com", {"b@down.example"});
  while (!h.running.empty()) h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  const std::size_t before = h.started.size();
  for (int i = 0; i < 20; ++i) {
    h.until_next_attempt();
    h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  }
  EXPECT_LE(h.started.size() - before, 20u);
  EXPECT_LT(h.engine.memory_octets(), 200u * 100'000);
}

}  // namespace
}  // namespace postil::queue
