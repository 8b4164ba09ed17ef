// Limits, fairness, grouping, admin actions, views.
#include "engine_harness.hpp"

namespace postil::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(Engine, recipients_of_one_site_go_in_one_attempt) {
  Harness h;
  h.arrive(1, "a@example.com", {"a@one.example", "b@two.example", "c@ONE.example", "d@two.example"});
  ASSERT_THAT(h.running, SizeIs(2));
  std::map<std::string, std::vector<std::uint32_t>> by_site;
  for (const auto& attempt : h.running) by_site[attempt.site] = attempt.recipients;
  EXPECT_THAT(by_site["one.example"], ElementsAre(0, 2));
  EXPECT_THAT(by_site["two.example"], ElementsAre(1, 3));
}

TEST(Engine, a_domain_in_both_its_forms_is_one_site) {
  Harness h;
  h.arrive(1, "a@example.com", {"a@m\xc3\xbcnchen.example", "b@xn--mnchen-3ya.example"});
  ASSERT_THAT(h.running, SizeIs(1));
  EXPECT_EQ(h.running[0].site, "xn--mnchen-3ya.example");
}

TEST(Engine, a_big_message_goes_in_pieces_at_the_same_time) {
  EngineSettings settings = no_jitter();
  settings.recipients_per_attempt_max = 100;
  Harness h(settings);
  std::vector<std::string> recipients;
  for (int i = 0; i < 250; ++i) recipients.push_back(std::to_string(i) + "@example.org");
  h.arrive(1, "a@example.com", recipients);
  ASSERT_THAT(h.running, SizeIs(3));
  EXPECT_THAT(h.running[0].recipients, SizeIs(100));
  EXPECT_EQ(h.running[0].recipients[0], 0u);
  EXPECT_THAT(h.running[2].recipients, SizeIs(50));
  EXPECT_FALSE(h.end(Outcome::delivered).finished);
  EXPECT_FALSE(h.end(Outcome::delivered).finished);
  EXPECT_TRUE(h.end(Outcome::delivered).finished);
}

TEST(Engine, limits_of_a_site_and_of_all_hold) {
  EngineSettings settings = no_jitter();
  settings.attempts_per_site_max = 3;
  settings.attempts_max = 5;
  Harness h(settings);
  for (std::uint64_t id = 1; id <= 10; ++id) h.arrive(id, "a@example.com", {"b@one.example"});
  EXPECT_THAT(h.running, SizeIs(3));
  for (std::uint64_t id = 11; id <= 20; ++id) h.arrive(id, "a@example.com", {"b@two.example"});
  EXPECT_THAT(h.running, SizeIs(5));
  for (int i = 0; i < 20; ++i) {
    std::map<std::string, int> by_site;
    for (const auto& attempt : h.running) ++by_site[attempt.site];
    EXPECT_LE(h.running.size(), 5u);
    for (const auto& [site, count] : by_site) EXPECT_LE(count, 3) << site;
    h.end(Outcome::delivered);
  }
  EXPECT_EQ(h.engine.totals().messages, 0u);
}

TEST(Engine, one_message_overtakes_the_flood_of_another_sender) {
  EngineSettings settings = no_jitter();
  settings.attempts_per_site_max = 1;
  Harness h(settings);
  for (std::uint64_t id = 1; id <= 1000; ++id) h.arrive(id, "flood@example.com", {"b@example.org"});
  h.arrive(2001, "one@example.com", {"b@example.org"});
  Envelope by_login = mail(3001, "flood@example.com", {"b@example.org"});
  by_login.login = "someone";
  h.arrive(by_login);
  for (int i = 0; i < 4; ++i) h.end(Outcome::delivered);
  const auto ids = h.started_ids();
  EXPECT_THAT(std::vector(ids.begin(), ids.begin() + 5), ElementsAre(1, 2, 2001, 3001, 3));
}

TEST(Engine, sites_take_turns) {
  EngineSettings settings = no_jitter();
  settings.attempts_max = 1;
  Harness h(settings);
  h.arrive(1, "a@example.com", {"x@one.example"});
  for (std::uint64_t id = 2; id <= 5; ++id) h.arrive(id, "a@example.com", {"b@one.example"});
  for (std::uint64_t id = 11; id <= 13; ++id) h.arrive(id, "a@example.com", {"b@two.example"});
  for (int i = 0; i < 8; ++i) h.end(Outcome::delivered);
  EXPECT_THAT(h.started_ids(), ElementsAre(1, 2, 11, 3, 12, 4, 13, 5));
}

TEST(Engine, mixed_results_of_one_attempt) {
  Harness h;
  h.arrive(1, "a@example.com",
           {"ok@example.org", "bad@example.org", "later@example.org", "grey@example.org", "lost@example.org"});
  AttemptDone done{.attempt = h.running.at(0).attempt, .results = {}, .site = SiteHealth::good};
  done.results.push_back({.index = 0, .outcome = Outcome::delivered, .code = {2, 1, 5}});
  done.results.push_back(
      {.index = 1, .outcome = Outcome::failed, .reason = Reason::recipient_refused, .code = {5, 1, 1}});
  done.results.push_back({.index = 2, .outcome = Outcome::deferred, .reason = Reason::recipient_deferred});
  done.results.push_back({.index = 3, .outcome = Outcome::deferred, .reason = Reason::greylisted});
  const Persist p = h.end(std::move(done));
  EXPECT_FALSE(p.finished);
  EXPECT_THAT(p.changes.recipients, SizeIs(5));
  EXPECT_THAT(p.failed, ElementsAre(1));
  EXPECT_EQ(p.changes.recipients[4].reason, Reason::local_trouble) << "a recipient without a result is not lost";
  EXPECT_EQ(h.until_next_attempt(), Duration(minutes(6)));
  EXPECT_THAT(h.running.at(0).recipients, ElementsAre(3));
  EXPECT_EQ(h.until_next_attempt(), Duration(minutes(4)));
  EXPECT_THAT(h.running.at(1).recipients, ElementsAre(2, 4)) << "the others, while the first is still being tried";
  EXPECT_FALSE(h.end(Outcome::delivered).finished);
  EXPECT_TRUE(h.end(Outcome::delivered).finished);
}

TEST(Engine, all_mail_goes_to_the_fixed_site_and_moves_when_that_changes) {
  EngineSettings settings = no_jitter();
  settings.fixed_site = "smart.example";
  Harness h(settings);
  h.arrive(1, "a@example.com", {"a@one.example", "b@two.example"});
  h.arrive(2, "a@example.com", {"a@one.example", "b@two.example"});
  ASSERT_THAT(h.running, SizeIs(2));
  EXPECT_EQ(h.running[0].site, "smart.example");
  h.end(Outcome::deferred);
  settings.fixed_site = "";
  h.take(h.engine.step(h.now, SettingsChanged{settings}));
  EXPECT_EQ(h.engine.totals().sites, 3u);
  h.end(Outcome::deferred);  // was under way to the old one
  EXPECT_EQ(h.engine.totals().sites, 2u);
  h.until_next_attempt();
  EXPECT_THAT(h.running, SizeIs(4));
  settings.fixed_site = "other.example";
  for (int i = 0; i < 3; ++i) h.end(Outcome::deferred);
  h.take(h.engine.step(h.now, SettingsChanged{settings}));
  EXPECT_FALSE(h.end(Outcome::deferred).finished);
  EXPECT_EQ(h.engine.totals().sites, 1u);
  h.until_next_attempt();
  ASSERT_THAT(h.running, SizeIs(2));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(h.running[0].site, "other.example");
    EXPECT_THAT(h.running[0].recipients, UnorderedElementsAre(0, 1));
    EXPECT_TRUE(h.end(Outcome::delivered).finished);
  }
}

TEST(Engine, settings_count_at_once) {
  EngineSettings settings = no_jitter();
  settings.attempts_per_site_max = 1;
  Harness h(settings);
  for (std::uint64_t id = 1; id <= 10; ++id) h.arrive(id, "a@example.com", {"b@example.org"});
  EXPECT_THAT(h.running, SizeIs(1));
  settings.attempts_per_site_max = 4;
  h.take(h.engine.step(h.now, SettingsChanged{settings}));
  EXPECT_THAT(h.running, SizeIs(4));
}

TEST(EngineAdmin, retry_is_now_and_wakes_the_site) {
  Harness h;
  for (std::uint64_t id = 1; id <= 3; ++id) h.arrive(id, "a@example.com", {"b@example.org"});
  for (int i = 0; i < 3; ++i) h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  h.arrive(4, "a@example.com", {"b@example.org"});
  EXPECT_THAT(h.running, IsEmpty());
  h.admin(Admin::Action::retry, {{2}, {3}, {99}});
  EXPECT_EQ(h.engine.rows({3}, h.now).at(0).reason, Reason::connect_failed);
  ASSERT_THAT(h.running, SizeIs(1)) << "a probe first";
  EXPECT_EQ(h.running[0].message.value, 2u) << "and it is the one that was asked for";
  h.end(Outcome::delivered);
  EXPECT_THAT(h.started_ids(), ElementsAre(1, 2, 3, 2, 3, 4));
}

TEST(EngineAdmin, held_mail_waits_until_it_is_released) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@example.org"});
  h.admin(Admin::Action::hold, {{1}});
  EXPECT_TRUE(h.persisted.back().changes.held);
  EXPECT_THAT(h.persisted.back().changes.recipients, IsEmpty());
  EXPECT_TRUE(h.end(Outcome::deferred).changes.held);
  EXPECT_EQ(h.engine.totals().held, 1u);
  h.admin(Admin::Action::retry, {{1}});
  EXPECT_THAT(h.engine.changed_by(Admin::Action::retry, {{1}}), IsEmpty());
  EXPECT_THAT(h.engine.changed_by(Admin::Action::release, {{1}}), SizeIs(1));
  EXPECT_EQ(h.engine.rows({1}, h.now).at(0).reason, Reason::recipient_deferred) << "why it waits is not forgotten";
  h.advance(days(10));
  EXPECT_THAT(h.running, IsEmpty());
  EXPECT_EQ(h.engine.rows({1}, h.now).at(0).next_in, std::nullopt);
  h.admin(Admin::Action::release, {{1}});
  EXPECT_FALSE(h.persisted.back().changes.held);
  ASSERT_THAT(h.running, SizeIs(1)) << "it is not returned without a try";
  EXPECT_TRUE(h.end(Outcome::deferred).finished);
}

TEST(EngineAdmin, a_held_message_is_held_after_a_restart) {
  Harness h;
  const MessageState state{.id = {1}, .held = true, .recipients = {}};
  h.arrive(mail(1, "a@example.com", {"b@example.org"}), &state);
  EXPECT_THAT(h.running, IsEmpty());
  h.admin(Admin::Action::release, {{1}});
  EXPECT_THAT(h.running, SizeIs(1));
}

TEST(EngineAdmin, returned_and_dropped_mail_ends) {
  Harness h;
  for (std::uint64_t id = 1; id <= 2; ++id) {
    h.arrive(id, "a@example.com", {"b@example.org"});
    h.end(Outcome::deferred);
  }
  h.admin(Admin::Action::return_to_sender, {{1}});
  Persist p = h.persisted.back();
  EXPECT_TRUE(p.finished);
  EXPECT_THAT(p.failed, ElementsAre(0));
  EXPECT_EQ(p.changes.recipients.at(0).status, RecipientStatus::removed);
  EXPECT_EQ(p.changes.recipients.at(0).reason, Reason::returned_by_admin);
  EXPECT_EQ(p.changes.recipients.at(0).code, (reply::EnhancedCode{5, 3, 0}));
  h.admin(Admin::Action::drop, {{2}});
  p = h.persisted.back();
  EXPECT_TRUE(p.finished);
  EXPECT_THAT(p.failed, IsEmpty());
  EXPECT_THAT(p.unreported, ElementsAre(0));
  EXPECT_EQ(p.changes.recipients.at(0).reason, Reason::dropped_by_admin);
  EXPECT_EQ(h.engine.totals().recipients, 0u);
}

TEST(EngineAdmin, an_attempt_that_runs_decides_whether_the_message_can_still_be_removed) {
  for (Outcome outcome : {Outcome::delivered, Outcome::deferred, Outcome::failed}) {
    Harness h;
    h.arrive(1, "a@example.com", {"b@example.org", "c@example.net"});
    ASSERT_THAT(h.running, SizeIs(2));
    h.end(Outcome::deferred);
    h.admin(Admin::Action::drop, {{1}});
    EXPECT_FALSE(h.persisted.back().finished);
    EXPECT_THAT(h.persisted.back().changes.recipients, SizeIs(1));
    const Persist p = h.end(outcome);
    EXPECT_TRUE(p.finished);
    EXPECT_THAT(p.failed, IsEmpty());
    EXPECT_EQ(p.changes.recipients.at(0).status,
              outcome == Outcome::delivered ? RecipientStatus::delivered : RecipientStatus::removed);
  }
}

TEST(EngineAdmin, one_batch_ends_a_message_at_many_sites) {
  Harness h;
  h.arrive(1, "a@example.com", {"a@one.example", "b@two.example", "c@three.example"});
  for (int i = 0; i < 3; ++i) h.end(Outcome::deferred);
  h.admin(Admin::Action::return_to_sender, {{1}});
  EXPECT_TRUE(h.persisted.back().finished);
  EXPECT_THAT(h.persisted.back().failed, UnorderedElementsAre(0, 1, 2));
  EXPECT_EQ(h.engine.totals().sites, 0u);
}

TEST(EngineViews, groups_by_reason_and_site) {
  Harness h;
  h.arrive(1, "a@example.com", {"a@one.example", "b@one.example", "c@two.example"});
  h.arrive(2, "a@example.com", {"a@one.example"});
  h.end(h.running.at(0), Outcome::deferred, Reason::greylisted);
  h.end(h.running.at(0), Outcome::deferred, Reason::greylisted);
  h.pass(minutes(1));
  const auto reasons = h.engine.by_reason(h.now);
  ASSERT_THAT(reasons, SizeIs(2));
  EXPECT_EQ(reasons[0].reason, Reason::greylisted);
  EXPECT_EQ(reasons[0].site, "one.example");
  EXPECT_EQ(reasons[0].sites, 2u);
  EXPECT_EQ(reasons[0].messages, 1u);
  EXPECT_EQ(reasons[0].recipients, 3u);
  EXPECT_EQ(reasons[0].oldest, wall_start);
  EXPECT_EQ(reasons[0].next_in, Duration(minutes(5)));
  EXPECT_EQ(reasons[0].last_reply, "450 not now");
  EXPECT_EQ(reasons[1].reason, Reason::new_message);
  EXPECT_EQ(reasons[1].next_in, std::nullopt) << "it is being tried";
  const auto sites = h.engine.by_site(h.now);
  ASSERT_THAT(sites, SizeIs(2));
  EXPECT_EQ(sites[0].site, "one.example");
  EXPECT_EQ(sites[0].messages, 2u);
  EXPECT_EQ(sites[0].recipients, 3u);
  EXPECT_EQ(sites[0].reason, Reason::greylisted);
  const Totals totals = h.engine.totals();
  EXPECT_EQ(totals.messages, 2u);
  EXPECT_EQ(totals.recipients, 4u);
  EXPECT_EQ(totals.attempts_running, 1u);
  EXPECT_EQ(totals.oldest, wall_start);
}

TEST(EngineViews, counts_messages_by_domain_and_age) {
  Harness h;
  h.arrive(1, "a@example.com", {"a@one.example", "b@one.example"});
  h.pass(minutes(10));
  h.arrive(2, "a@example.com", {"a@one.example", "a@two.example"});
  const Duration bounds[] = {minutes(10), hours(1)};
  auto rows = h.engine.by_age(h.now, bounds, 10);
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].site, "one.example");
  EXPECT_EQ(rows[0].messages, 2u);
  EXPECT_THAT(rows[0].by_age, ElementsAre(1, 1, 0)) << "ten minutes are not less than ten minutes";
  EXPECT_THAT(rows[1].by_age, ElementsAre(1, 0, 0));
  h.pass(hours(1));
  EXPECT_THAT(h.engine.by_age(h.now, bounds, 1), SizeIs(1));
  EXPECT_THAT(h.engine.by_age(h.now, bounds, 1)[0].by_age, ElementsAre(0, 0, 2));
}

TEST(EngineViews, selects_by_all_that_is_set) {
  Harness h;
  h.arrive(1, "a@example.com", {"a@one.example"});
  h.arrive(2, "b@example.com", {"a@one.example", "a@two.example"});
  h.arrive(3, "", {"a@two.example"});
  h.pass(hours(1));
  h.arrive(4, "a@example.com", {"a@two.example"});
  h.admin(Admin::Action::hold, {{1}});
  const auto select = [&](Filter filter, std::size_t max = 100) {
    std::vector<std::uint64_t> ids;
    for (MessageId id : h.engine.select(filter, h.now, max)) ids.push_back(id.value);
    return ids;
  };
  EXPECT_THAT(select({}), IsEmpty()) << "an empty filter selects nothing";
  EXPECT_THAT(select({.all = true}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(select({.all = true}, 2), ElementsAre(1, 2));
  EXPECT_THAT(select({.ids = {{3}, {9}, {1}, {3}}}), ElementsAre(1, 3));
  EXPECT_THAT(select({.site = "TWO.example"}), ElementsAre(2, 3, 4));
  EXPECT_THAT(select({.site = "none.example"}), IsEmpty());
  EXPECT_THAT(select({.sender = "a@example.com"}), ElementsAre(1, 4));
  EXPECT_THAT(select({.sender = "<>"}), ElementsAre(3));
  EXPECT_THAT(select({.sender = "a@example.com", .older_than = minutes(30)}), ElementsAre(1));
  EXPECT_THAT(select({.held = true}), ElementsAre(1));
  EXPECT_THAT(select({.held = false}), ElementsAre(2, 3, 4));
  EXPECT_THAT(select({.reason = Reason::greylisted}), IsEmpty());
  EXPECT_THAT(select({.site = "two.example", .reason = Reason::new_message}), ElementsAre(2, 3, 4));
}

}  // namespace
}  // namespace postil::queue
