// The seven rules of docs/formats/spool.md, one test each, or more.
#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "rig.hpp"
#include "spool/format.hpp"

namespace postil::spool {
namespace {

using test::DiskCall;

class SpoolRules : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(rig_.open(), ""); }
  // The last segment's name.
  std::string last_segment() const {
    std::string last;
    for (const auto& name : rig_.disk.names()) {
      if (parse_segment_name(name)) last = name;
    }
    return last;
  }
  std::size_t segment_files() const {
    std::size_t count = 0;
    for (const auto& name : rig_.disk.names()) count += parse_segment_name(name).has_value();
    return count;
  }
  std::optional<std::uint64_t> offset_of(const std::string& name, std::string_view octets) const {
    const auto at = rig_.disk.content(name).find(octets);
    return at == std::string::npos ? std::nullopt : std::optional<std::uint64_t>(at);
  }
  Rig rig_;
};

TEST_F(SpoolRules, a_message_exists_from_its_commit_on) {
  // Streamed over several segments, but never committed: there is nothing after a cut.
  auto writer = rig_.run(Rig::body(*rig_.log, std::string(70000, 'a')));
  ASSERT_TRUE(*writer);
  ASSERT_GT(segment_files(), 1u);
  writer.reset();
  ASSERT_EQ(rig_.cut_and_open(1), "");
  EXPECT_EQ(rig_.log->message_count(), 0u);

  // Committed: every octet is there, whatever the cut leaves of what was not synced.
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::string octets(70000, '\0');
    Prng prng(seed);
    for (auto& octet : octets) octet = static_cast<char>(prng());
    const auto id = rig_.take(octets);
    ASSERT_TRUE(id);
    ASSERT_EQ(rig_.cut_and_open(seed), "");
    EXPECT_EQ(rig_.body_of(*id).value(), octets);
  }
}

TEST_F(SpoolRules, b_delete_outlives_every_add) {
  // One message keeps the first segment; a second one is added there and deleted from a later one.
  const auto stays = rig_.take(std::string(20000, 's'));
  const auto gone = rig_.take("gone");
  ASSERT_TRUE(stays && gone);
  const auto first = last_segment();
  auto filler = rig_.take(std::string(25000, 'f'));
  ASSERT_NE(last_segment(), first);
  ASSERT_TRUE(rig_.remove(*gone));
  const auto with_delete = last_segment();
  // The segment with the delete is left behind with nothing else in it, so that it is copied forward and given back.
  for (int i = 0; i < 6; ++i) {
    const auto next = rig_.take(std::string(25000, 'f'));
    ASSERT_TRUE(rig_.remove(*filler));
    filler = next;
  }
  rig_.settle();
  const auto names = rig_.disk.names();
  ASSERT_TRUE(std::ranges::count(names, first));
  ASSERT_FALSE(std::ranges::count(names, with_delete));
  // No checkpoint was written: everything is read again, and the delete is still known.
  ASSERT_EQ(rig_.cut_and_open(3), "");
  EXPECT_FALSE(rig_.log->report().from_checkpoint);
  EXPECT_TRUE(rig_.body_of(*stays));
  EXPECT_EQ(rig_.body_of(*gone).error(), env::StoreError::not_found);
}

TEST_F(SpoolRules, b_newest_state_lives_with_its_message) {
  const auto id = rig_.take("body", 2);
  ASSERT_TRUE(rig_.update(*id, 0, 5));
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(rig_.remove(*rig_.take(std::string(25000, 'f'))));
    ASSERT_TRUE(rig_.update(*id, 1, static_cast<std::uint16_t>(i)));
  }
  rig_.settle();
  EXPECT_LE(segment_files(), 2u);  // what was alive was copied forward
  ASSERT_EQ(rig_.cut_and_open(3), "");
  const auto state = rig_.run(rig_.log->read_state(*id))->value();
  EXPECT_EQ(state.recipients[0].attempts, 5);
  EXPECT_EQ(state.recipients[1].attempts, 11);
  EXPECT_EQ(rig_.body_of(*id).value(), "body");
}

TEST_F(SpoolRules, c_batch_is_whole_or_absent) {
  const auto id = rig_.take("returned", 1);
  bool whole = false, absent = false;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    // Its result and its bounce, cut off in front of the sync or behind it.
    const MessageId bounce{1000 + seed};
    env::Batch batch;
    auto report = rig_.run(Rig::body(*rig_.log, std::string(900, 'r')));
    batch.push_back(env::AddMessage{Rig::envelope(bounce, 1, queue::Kind::bounce), std::move(**report), {}});
    queue::MessageState state;
    state.id = *id;
    state.recipients.emplace_back().attempts = static_cast<std::uint16_t>(seed + 1);
    batch.push_back(env::UpdateState{state});
    rig_.disk.stop_after(static_cast<std::int64_t>(1 + seed % 4));
    rig_.run(rig_.log->commit(std::move(batch)));
    ASSERT_EQ(rig_.cut_and_open(seed), "");
    const auto now = rig_.run(rig_.log->read_state(*id))->value();
    const bool updated = now.recipients[0].attempts == seed + 1;
    EXPECT_EQ(rig_.body_of(bounce).has_value(), updated);
    (updated ? whole : absent) = true;
  }
  EXPECT_TRUE(whole && absent);
}

TEST_F(SpoolRules, d_body_that_looks_like_records) {
  // The octets of a whole segment as a body, again and again; a torn tail in front of it does not wake them.
  const auto first = rig_.take("hello");
  ASSERT_TRUE(first);
  const auto segment = rig_.disk.content(last_segment()).substr(segment_header_alignment, 3000);
  const auto id = rig_.take(segment + segment + segment);
  ASSERT_TRUE(id);
  ASSERT_TRUE(rig_.remove(*first));
  const auto at = offset_of(last_segment(), segment.substr(0, 64));
  ASSERT_TRUE(at);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    ASSERT_EQ(rig_.cut_and_open(seed), "");
    EXPECT_EQ(rig_.log->message_count(), 1u);
    EXPECT_EQ(rig_.body_of(*id).value(), segment + segment + segment);
    EXPECT_EQ(rig_.body_of(*first).error(), env::StoreError::not_found);
  }
}

TEST_F(SpoolRules, d_corruption_is_loud) {
  const auto before = rig_.take("before the fault");
  const auto hit = rig_.take("the octets that go bad");
  const auto after = rig_.take("after the fault");
  ASSERT_TRUE(before && hit && after);
  const auto name = last_segment();
  const auto at = offset_of(name, "the octets that go bad");
  ASSERT_TRUE(at);
  rig_.disk.spoil(name, *at + 3, 4);
  // Read at once, without a start.
  EXPECT_EQ(rig_.body_of(*hit).error(), env::StoreError::corrupt);
  EXPECT_EQ(rig_.sink.count(event::Name::spool_corrupt), 1u);
  rig_.sink.events.clear();
  ASSERT_EQ(rig_.cut_and_open(1), "");
  EXPECT_GE(rig_.sink.count(event::Name::spool_corrupt), 1u);  // at the start, and when it cannot be copied
  EXPECT_EQ(rig_.sink.text(event::Name::spool_corrupt, "ids"), to_string(*hit));
  EXPECT_EQ(rig_.sink.count(event::Name::spool_torn_tail), 0u);
  EXPECT_EQ(rig_.body_of(*before).value(), "before the fault");
  EXPECT_EQ(rig_.body_of(*after).value(), "after the fault");
  EXPECT_EQ(rig_.body_of(*hit).error(), env::StoreError::corrupt);
  EXPECT_TRUE(rig_.run(rig_.log->read_envelope(*hit))->has_value());
}

TEST_F(SpoolRules, d_corrupt_commit_is_loud) {
  const auto before = rig_.take("before");
  const auto hit = rig_.take("hit", 7);
  const auto after = rig_.take("after");
  const auto name = last_segment();
  const auto at = offset_of(name, "bob6@example.net");
  ASSERT_TRUE(at);
  rig_.disk.spoil(name, *at, 2);
  rig_.sink.events.clear();
  ASSERT_EQ(rig_.cut_and_open(1), "");
  EXPECT_EQ(rig_.sink.text(event::Name::spool_corrupt, "ids"), to_string(*hit));
  EXPECT_TRUE(rig_.body_of(*before));
  EXPECT_TRUE(rig_.body_of(*after));
  EXPECT_FALSE(rig_.body_of(*hit));
}

TEST_F(SpoolRules, d_torn_tail_is_normal) {
  const auto kept = rig_.take("kept");
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    rig_.disk.stop_after(1);  // the write, not its sync
    EXPECT_FALSE(rig_.take(std::string(3000, 't')));
    rig_.sink.events.clear();
    ASSERT_EQ(rig_.cut_and_open(seed), "");
    EXPECT_EQ(rig_.sink.count(event::Name::spool_corrupt), 0u);
    EXPECT_TRUE(rig_.body_of(*kept));
    torn = torn || rig_.sink.count(event::Name::spool_torn_tail) > 0;
    ASSERT_TRUE(rig_.take("between"));
  }
  EXPECT_TRUE(torn);
}

TEST_F(SpoolRules, e_failed_sync_is_cut_off) {
  const auto kept = rig_.take("kept");
  const auto name = last_segment();
  rig_.disk.fail(DiskCall::sync_data, 1, env::DiskError::io);
  EXPECT_FALSE(rig_.take("refused"));
  EXPECT_EQ(rig_.sink.count(event::Name::spool_sync_failed), 1u);
  EXPECT_NE(last_segment(), name);  // never written again
  const auto spoiled = rig_.disk.content(name);
  const auto later = rig_.take("later");
  ASSERT_TRUE(later);
  EXPECT_EQ(rig_.disk.content(name).substr(0, spoiled.size()), spoiled.substr(0, rig_.disk.content(name).size()));
  EXPECT_EQ(rig_.log->message_count(), 2u);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    ASSERT_EQ(rig_.cut_and_open(seed), "");
    EXPECT_EQ(rig_.log->message_count(), 2u);
    EXPECT_TRUE(rig_.body_of(*kept));
    EXPECT_TRUE(rig_.body_of(*later));
  }
}

TEST_F(SpoolRules, e_no_space_while_writing) {
  const auto kept = rig_.take("kept");
  rig_.disk.fail(DiskCall::write, 1, env::DiskError::no_space);
  const MessageId id{500};
  EXPECT_EQ(rig_.run(Rig::add(*rig_.log, Rig::envelope(id), "refused"))->error(), env::StoreError::no_space);
  ASSERT_TRUE(rig_.take("later"));
  ASSERT_EQ(rig_.cut_and_open(2), "");
  EXPECT_EQ(rig_.log->message_count(), 2u);
  EXPECT_TRUE(rig_.body_of(*kept));
}

TEST_F(SpoolRules, e_late_commit_is_voided) {
  ASSERT_TRUE(rig_.take("in time"));
  bool slow = true;
  rig_.disk.on_call([&](DiskCall call) {
    if (slow && call == DiskCall::sync_data) {
      rig_.clock.passed += seconds(90);
      slow = false;
    }
  });
  EXPECT_FALSE(rig_.take("too late"));
  EXPECT_FALSE(slow);
  EXPECT_EQ(rig_.log->message_count(), 1u);
  // Results are never too late.
  slow = true;
  EXPECT_TRUE(rig_.update({1}, 0, 9));
  rig_.disk.on_call({});
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    ASSERT_EQ(rig_.cut_and_open(seed), "");
    EXPECT_EQ(rig_.log->message_count(), 1u);
    EXPECT_EQ(rig_.run(rig_.log->read_state({1}))->value().recipients[0].attempts, 9);
  }
}

TEST_F(SpoolRules, f_reserve_lets_the_queue_drain) {
  std::vector<MessageId> queued;
  for (int i = 0; i < 40; ++i) queued.push_back(*rig_.take(std::string(5000, 'q')));
  rig_.settle();
  ASSERT_EQ(rig_.log->usage().reserve, 2u);
  rig_.disk.set_capacity(rig_.disk.used_octets() + 100);  // not one more segment
  while (rig_.take(std::string(5000, 'q'))) {
    ASSERT_LT(rig_.next_id, 100u);
  }
  rig_.settle();
  EXPECT_FALSE(rig_.log->accepts_mail());
  EXPECT_GE(rig_.sink.count(event::Name::spool_full), 1u);
  EXPECT_EQ(rig_.run(Rig::add(*rig_.log, Rig::envelope({900}), "x"))->error(), env::StoreError::no_space);
  EXPECT_FALSE(*rig_.run(Rig::body(*rig_.log, std::string(5000, 'x'))) &&
               *rig_.run(Rig::add(*rig_.log, Rig::envelope({901}), std::string(9000, 'x'))));
  // Results, a report and deletes go on, until everything is drained.
  for (const auto id : queued) ASSERT_TRUE(rig_.update(id, 0, 1));
  ASSERT_TRUE(rig_.take("a bounce", 1, queue::Kind::bounce));
  const auto all = *rig_.run(dump(*rig_.log));
  ASSERT_TRUE(all);
  for (const auto& [id, _] : *all) ASSERT_TRUE(rig_.remove(id));
  rig_.clock.passed += seconds(5);
  rig_.log->accepts_mail();
  rig_.settle();
  EXPECT_TRUE(rig_.log->accepts_mail());
  EXPECT_GE(rig_.sink.count(event::Name::spool_space_back), 1u);
  EXPECT_TRUE(rig_.take("mail again"));
}

TEST_F(SpoolRules, f_watermark) {
  rig_.options.watermark_octets = 200 << 10;
  ASSERT_EQ(rig_.open(), "");
  EXPECT_TRUE(rig_.log->accepts_mail());
  rig_.disk.set_capacity(rig_.disk.used_octets() + (150 << 10));
  rig_.clock.passed += seconds(5);
  rig_.log->accepts_mail();  // asks
  rig_.settle();
  EXPECT_FALSE(rig_.log->accepts_mail());
  EXPECT_EQ(rig_.sink.count(event::Name::spool_full), 1u);
  EXPECT_TRUE(rig_.take("what was on its way is still taken"));
  rig_.disk.set_capacity(rig_.disk.used_octets() + (400 << 10));
  rig_.clock.passed += seconds(5);
  rig_.log->accepts_mail();
  rig_.settle();
  EXPECT_TRUE(rig_.log->accepts_mail());
  EXPECT_EQ(rig_.sink.count(event::Name::spool_space_back), 1u);
}

TEST_F(SpoolRules, f_watermark_changes_while_running) {
  rig_.options.watermark_octets = 200 << 10;
  ASSERT_EQ(rig_.open(), "");
  rig_.disk.set_capacity(rig_.disk.used_octets() + (1 << 20));
  rig_.log->set_watermark(8 << 20);
  rig_.settle();
  EXPECT_EQ(rig_.log->refuses_mail(), env::StoreError::no_space);
  rig_.log->set_watermark(200 << 10);
  rig_.settle();
  EXPECT_EQ(rig_.log->refuses_mail(), std::nullopt);
}

TEST_F(SpoolRules, f_drained_queue_gives_space_back) {
  std::vector<MessageId> queued;
  for (int i = 0; i < 60; ++i) queued.push_back(*rig_.take(std::string(5000, 'q')));
  ASSERT_GT(segment_files(), 8u);
  for (const auto id : queued) ASSERT_TRUE(rig_.remove(id));
  rig_.settle();
  EXPECT_EQ(segment_files(), 1u);
  EXPECT_EQ(rig_.log->usage().live_octets, 0u);
}

// More than is read at once; states stand beside their messages, and far behind them.
TEST_F(SpoolRules, leases_more_than_is_read_at_once) {
  rig_.options.segment_octets = 64 << 20;
  rig_.options.chunk_octets = 256 << 10;
  rig_.options.queue_octets_max = 8 << 20;
  ASSERT_EQ(rig_.open(), "");
  std::vector<MessageId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(rig_.take(std::string(1 << 20, 'x'), 2).value());
    ASSERT_TRUE(rig_.update(ids.back(), 0, 1));
  }
  for (const auto id : ids) ASSERT_TRUE(rig_.update(id, 1, 2));
  rig_.stop();
  ASSERT_EQ(rig_.open(), "");
  std::vector<MessageId> leased;
  const auto each = [&](env::Waiting&& one) {
    leased.push_back(one.id);
    ASSERT_EQ(one.state.recipients.size(), 2u);
    EXPECT_EQ(one.state.recipients[0].attempts, 1u);
    EXPECT_EQ(one.state.recipients[1].attempts, 2u);
  };
  EXPECT_EQ(rig_.run(rig_.log->lease_all(each))->value(), ids.size());
  EXPECT_EQ(leased, ids);
  EXPECT_EQ(rig_.sink.count(event::Name::spool_corrupt), 0u);
}

// While messages are leased, the keeper copies them forward, from thread to thread: into a segment of which the lease
// has read a part before the copy was there. And the deletes of a segment are more than a segment holds: copying them
// ends.
TEST_F(SpoolRules, leases_what_is_copied_forward_meanwhile) {
  rig_.options.segment_octets = 256 << 10;
  ASSERT_EQ(rig_.open(), "");
  std::vector<MessageId> all;
  auto fill = [](Log& log, std::uint64_t* next, std::vector<MessageId>* made) -> env::Awaitable<bool> {
    for (int i = 0; i < 12000; ++i) {
      const MessageId id{(*next)++};
      auto added = co_await Rig::add(log, Rig::envelope(id), "short");
      EXPECT_TRUE(added);
      made->push_back(id);
    }
    co_return true;
  };
  rig_.run(fill(*rig_.log, &rig_.next_id, &all));
  rig_.stop();

  boost::asio::thread_pool readers(2), flusher(1), callers(2);
  auto opened = boost::asio::co_spawn(callers,
                                      Log::open(rig_.options, rig_.disk, flusher.get_executor(), readers.get_executor(),
                                                rig_.clock, rig_.entropy, rig_.sink),
                                      boost::asio::use_future)
                    .get();
  ASSERT_TRUE(opened);
  const std::unique_ptr<Log> log = std::move(*opened);
  std::atomic<bool> thinned{false};
  auto lease = [](Log& from, std::atomic<bool>* stop) -> env::Awaitable<std::uint64_t> {
    for (int behind = 0; behind < 5; behind += *stop ? 1 : 0) {
      std::uint64_t count = 0;
      auto each = [&count](env::Waiting&&) { ++count; };
      auto done = co_await from.lease_all(each);
      EXPECT_TRUE(done);
      EXPECT_GE(count, from.message_count());
    }
    co_return from.message_count();
  };
  auto thin = [](Log& from, std::vector<MessageId> ids, std::atomic<bool>* ended) -> env::Awaitable<void> {
    for (std::size_t at = 0; at < ids.size();) {
      env::Batch batch;
      for (const std::size_t end = std::min(ids.size(), at + 500); at < end; ++at) {
        if (at % 5 != 0) batch.push_back(env::DeleteMessage{ids[at]});
      }
      auto done = co_await from.commit(std::move(batch));
      EXPECT_TRUE(done);
    }
    *ended = true;
  };
  auto leased = boost::asio::co_spawn(callers, lease(*log, &thinned), boost::asio::use_future);
  boost::asio::co_spawn(callers, thin(*log, all, &thinned), boost::asio::use_future).get();
  EXPECT_EQ(leased.get(), (all.size() + 4) / 5);
  boost::asio::co_spawn(callers, log->stop(), boost::asio::use_future).get();
  for (auto* pool : {&callers, &readers, &flusher}) pool->join();
  EXPECT_EQ(rig_.sink.count(event::Name::spool_corrupt), 0u);
}

TEST_F(SpoolRules, g_queue_is_bounded) {
  // Many bodies stream in while the flusher gets no turn: what is queued stays below the bound.
  const auto bound = rig_.options.queue_octets_max;
  std::size_t done = 0;
  std::uint64_t most = 0;
  rig_.disk.on_call([&](DiskCall call) {
    if (call == DiskCall::write) most = std::max(most, rig_.log->usage().queued_octets);
  });
  for (std::uint64_t i = 0; i < 40; ++i) {
    boost::asio::co_spawn(
        rig_.io,
        [](Log& log, std::uint64_t number, std::size_t* count) -> env::Awaitable<void> {
          auto writer = co_await log.begin_body();
          for (int part = 0; part < 10; ++part) {
            const std::string octets(2000, 'x');
            auto appended = co_await (*writer)->append(octets);
            EXPECT_TRUE(appended);
          }
          env::Batch batch;
          batch.push_back(env::AddMessage{Rig::envelope({5000 + number}), std::move(*writer), {}});
          auto result = co_await log.commit(std::move(batch));
          EXPECT_TRUE(result);
          ++*count;
        }(*rig_.log, i, &done),
        boost::asio::detached);
  }
  rig_.settle();
  rig_.disk.on_call({});
  EXPECT_EQ(done, 40u);
  EXPECT_GT(most, bound / 2);
  EXPECT_LE(most, bound);
  EXPECT_EQ(rig_.log->usage().queued_octets, 0u);
}

// --- what else a start must do

TEST_F(SpoolRules, second_opener_is_told_who_has_it) {
  auto other = rig_.run(Log::open(rig_.options, rig_.disk, rig_.io.get_executor(), rig_.io.get_executor(), rig_.clock,
                                  rig_.entropy, rig_.sink));
  ASSERT_FALSE(*other);
  EXPECT_EQ(other->error().sentence, "The spool in /var/spool/postil is in use by another process: process 4242.");
}

TEST_F(SpoolRules, newer_format_is_refused) {
  ASSERT_TRUE(rig_.take("x"));
  const auto name = last_segment();
  rig_.stop();
  auto octets = rig_.disk.content(name);
  octets[8] = 2;
  rig_.disk.put(name, octets);
  const auto sentence = rig_.open();
  EXPECT_NE(sentence.find("was written by a newer version of Postil"), std::string::npos) << sentence;
  EXPECT_EQ(rig_.disk.content(name), octets);
}

TEST_F(SpoolRules, broken_checkpoint_is_passed_over) {
  const auto id = rig_.take("x");
  rig_.stop();
  rig_.disk.spoil("checkpoint", 30, 1);
  ASSERT_EQ(rig_.open(), "");
  EXPECT_FALSE(rig_.log->report().from_checkpoint);
  EXPECT_EQ(rig_.body_of(*id).value(), "x");
}

TEST_F(SpoolRules, stopped_log_says_so) {
  rig_.run([](Log& log) -> env::Awaitable<bool> {
    co_await log.stop();
    co_return true;
  }(*rig_.log));
  EXPECT_EQ(rig_.run(Rig::add(*rig_.log, Rig::envelope({5}), "x"))->error(), env::StoreError::stopped);
}

TEST_F(SpoolRules, many_states_are_drawn_together) {
  const auto id = rig_.take("body", 100);
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(rig_.update(*id, i, static_cast<std::uint16_t>(i + 1)));
  rig_.settle();
  ASSERT_EQ(rig_.cut_and_open(1), "");
  const auto state = rig_.run(rig_.log->read_state(*id))->value();
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(state.recipients[i].attempts, i + 1);
}

}  // namespace
}  // namespace postil::spool
