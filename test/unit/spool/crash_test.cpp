// Random work on the log, cut off at each call of the disk; after the power cut everything acknowledged is there, and
// a batch that was on its way is whole or absent. The oracle is what the model's rules make of the acknowledged
// batches.
#include <array>

#include "rig.hpp"

namespace postil::spool {
namespace {

// A batch in a form that both the log and the model can be given.
struct Plan {
  struct Step {
    enum Kind : std::uint8_t { add, update, remove } kind;
    MessageId id;
    std::size_t recipients = 1;
    std::uint32_t index = 0;
    std::uint16_t attempts = 0;
    std::string octets;
  };
  std::vector<Step> steps;

  env::Batch for_model() const {
    env::Batch batch;
    for (const auto& step : steps) batch.push_back(change(step, body(step)));
    return batch;
  }
  static std::unique_ptr<env::BodyWriter> body(const Step& step) {
    auto writer = std::make_unique<test::ModelStore::Body>();
    writer->octets = step.octets;
    return writer;
  }
  static env::Change change(const Step& step, std::unique_ptr<env::BodyWriter> body) {
    if (step.kind == Step::add) return env::AddMessage{Rig::envelope(step.id, step.recipients), std::move(body), {}};
    if (step.kind == Step::remove) return env::DeleteMessage{step.id};
    env::UpdateState update;
    update.state.id = step.id;
    auto& part = update.state.recipients.emplace_back();
    part.index = step.index;
    part.attempts = step.attempts;
    part.diagnostic = std::string(step.attempts % 50, 'd');
    return update;
  }
};

// One client of the store: its messages are its own, one batch after the other.
struct Worker {
  Prng prng{0};
  test::ModelMessages known;                 // what was acknowledged
  std::optional<test::ModelMessages> maybe;  // with the batch that is on its way
  std::uint64_t next = 0;
  std::size_t refused = 0;

  Plan plan() {
    Plan plan;
    const auto any = [&]() -> const test::ModelMessage* {
      if (known.empty()) return nullptr;
      auto at = known.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(prng.below(known.size())));
      return &at->second;
    };
    const auto* old = any();
    const auto what = prng.below(10);
    if (old && what < 3) {
      plan.steps.push_back({Plan::Step::update,
                            old->envelope.id,
                            1,
                            static_cast<std::uint32_t>(prng.below(old->envelope.recipients.size())),
                            static_cast<std::uint16_t>(prng.below(1000)),
                            {}});
    } else if (old && what < 6) {
      plan.steps.push_back({Plan::Step::remove, old->envelope.id, 1, 0, 0, {}});
      if (prng.chance(0.3)) plan.steps.push_back(fresh());
    } else {
      plan.steps.push_back(fresh());
    }
    return plan;
  }
  Plan::Step fresh() {
    std::string octets(prng.chance(0.2) ? prng.below(9000) : prng.below(600), '\0');
    for (auto& octet : octets) octet = static_cast<char>(prng());
    return {Plan::Step::add, {next++}, 1 + prng.below(3), 0, 0, std::move(octets)};
  }

  env::Awaitable<void> work(Log& log, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      const auto plan_now = plan();
      auto after = known;
      auto model_batch = plan_now.for_model();
      EXPECT_TRUE(test::ModelStore::apply(after, model_batch));
      env::Batch batch;
      maybe = after;
      for (const auto& step : plan_now.steps) {
        std::unique_ptr<env::BodyWriter> writer;
        if (step.kind == Plan::Step::add) {
          auto made = co_await Rig::body(log, step.octets);
          if (!made) {
            maybe.reset();
            break;
          }
          writer = std::move(*made);
        }
        batch.push_back(Plan::change(step, std::move(writer)));
      }
      if (!maybe) {
        ++refused;
        continue;
      }
      auto result = co_await log.commit(std::move(batch));
      if (result) {
        known = std::move(after);
        maybe.reset();
      } else {
        ++refused;
        if (cut) co_return;  // it may or may not be there
        maybe.reset();       // the disk lives: nothing of it may survive
      }
    }
  }
  bool cut = false;
};

class Lives {
 public:
  explicit Lives(std::uint64_t seed) : prng_(seed) {
    rig_.entropy.seed(seed);
    rig_.options.segment_octets = 16 << 10;
    rig_.options.checkpoint_octets = prng_.chance(0.5) ? 40 << 10 : std::uint64_t{1} << 40;
    for (std::uint64_t i = 0; i < workers_.size(); ++i) {
      workers_[i].prng = Prng(seed * 31 + i);
      workers_[i].next = (i + 1) * 1000000;
    }
  }
  void open() { ASSERT_EQ(rig_.open(), ""); }
  // Work; cut after so many calls if that is not 0.
  void work(int rounds, std::int64_t cut_after) {
    for (auto& worker : workers_) {
      worker.cut = cut_after > 0;
      boost::asio::co_spawn(rig_.io, worker.work(*rig_.log, rounds), boost::asio::detached);
    }
    if (cut_after > 0) rig_.disk.stop_after(cut_after);
    rig_.settle();
  }
  void crash_and_check() {
    rig_.sink.events.clear();
    ASSERT_EQ(rig_.cut_and_open(prng_()), "");
    EXPECT_EQ(rig_.sink.count(event::Name::spool_corrupt), 0u);
    check();
  }
  void check() {
    auto found = *rig_.run(dump(*rig_.log));
    ASSERT_TRUE(found);
    EXPECT_EQ(rig_.log->message_count(), found->size());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      auto& worker = workers_[i];
      test::ModelMessages its(found->lower_bound({(i + 1) * 1000000}), found->lower_bound({(i + 2) * 1000000}));
      if (worker.maybe && same(its, *worker.maybe)) worker.known = *worker.maybe;
      worker.maybe.reset();
      ASSERT_TRUE(same(its, worker.known))
          << "worker " << i << ": found " << its.size() << " messages, acknowledged " << worker.known.size();
    }
  }
  Rig rig_;
  Prng prng_;
  std::array<Worker, 3> workers_;
};

// How many calls of the disk a run makes.
std::uint64_t calls_of(std::uint64_t seed, int rounds) {
  Lives run(seed);
  run.open();
  const auto before = run.rig_.disk.calls();
  run.work(rounds, 0);
  return run.rig_.disk.calls() - before;
}

TEST(SpoolCrash, cut_at_every_call) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto calls = calls_of(seed, 25);
    ASSERT_GT(calls, 50u);
    for (std::uint64_t cut = 1; cut <= calls; ++cut) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " cut " << cut << " of " << calls);
      Lives run(seed);
      ASSERT_NO_FATAL_FAILURE(run.open());
      run.work(25, static_cast<std::int64_t>(cut));
      ASSERT_NO_FATAL_FAILURE(run.crash_and_check());
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(SpoolCrash, many_lives) {
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Lives run(seed);
    Prng prng(seed);
    ASSERT_NO_FATAL_FAILURE(run.open());
    for (int life = 0; life < 8; ++life) {
      SCOPED_TRACE(testing::Message() << "life " << life);
      run.work(60, static_cast<std::int64_t>(1 + prng.below(400)));
      ASSERT_NO_FATAL_FAILURE(run.crash_and_check());
      if (testing::Test::HasFailure()) return;
    }
  }
}

// Cut while the spool opens, again and again.
TEST(SpoolCrash, cut_while_opening) {
  for (std::uint64_t seed = 200; seed < 206; ++seed) {
    Lives run(seed);
    ASSERT_NO_FATAL_FAILURE(run.open());
    run.work(60, 150);
    Prng prng(seed);
    for (std::int64_t cut = 1; cut < 60; ++cut) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " cut " << cut);
      run.rig_.log.reset();
      run.rig_.settle();
      run.rig_.disk.crash(prng);
      run.rig_.disk.stop_after(cut);
      run.rig_.open();
      run.rig_.settle();
      ASSERT_NO_FATAL_FAILURE(run.crash_and_check());
    }
  }
}

// Faults that pass: a batch that was refused leaves nothing, neither at once nor after a crash.
TEST(SpoolCrash, faults_that_pass) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 300; seed < 360; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Lives run(seed);
    Prng prng(seed);
    ASSERT_NO_FATAL_FAILURE(run.open());
    for (int i = 0; i < 6; ++i) {
      const auto kind = std::array{test::DiskCall::write, test::DiskCall::sync_data, test::DiskCall::preallocate,
                                   test::DiskCall::sync_folder, test::DiskCall::rename}[prng.below(5)];
      run.rig_.disk.fail(kind, 1 + prng.below(40), prng.chance(0.5) ? env::DiskError::io : env::DiskError::no_space);
    }
    run.work(50, 0);
    for (const auto& worker : run.workers_) refused += worker.refused;
    run.rig_.disk.heal();
    ASSERT_NO_FATAL_FAILURE(run.check());
    run.work(5, 0);
    ASSERT_NO_FATAL_FAILURE(run.crash_and_check());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(refused, 20u);
}

TEST(SpoolCrash, orderly_stop_loses_nothing_and_reads_no_segment) {
  Lives run(7);
  ASSERT_NO_FATAL_FAILURE(run.open());
  run.work(60, 0);
  run.rig_.stop();
  ASSERT_NO_FATAL_FAILURE(run.open());
  EXPECT_TRUE(run.rig_.log->report().from_checkpoint);
  EXPECT_EQ(run.rig_.sink.count(event::Name::spool_torn_tail), 0u);
  ASSERT_NO_FATAL_FAILURE(run.check());
}

}  // namespace
}  // namespace postil::spool
