// The main job of a mail server, for days of virtual time: take mail, deliver it or tell the sender why not, through
// crashes, lost syncs, lying peers, broken lines, DNS that fails and clocks that jump. Then the faults stop, the queue
// empties, and the accounts of all sides are compared.
#include "main_job.hpp"

#include <malloc.h>

#include "ledgers.hpp"

namespace postil::test {
namespace {

std::uint64_t run_and_check(std::uint64_t seed, int messages, Duration faults) {
  MainJob job(seed);
  job.run(messages, faults);
  if (testing::Test::HasFailure()) return 0;
  Ledgers(job).check();
  job.nothing_is_left();
  job.nothing_went_in_clear();
  job.server.stop();
  return job.world.fingerprint();
}

TEST(MainJob, without_faults_everything_is_delivered_at_once) {
  MainJob job(1);
  job.calm = true;
  job.accounts.trouble = false;
  job.run(60, hours(1));
  Ledgers(job).check();
  std::size_t delivered = 0;
  for (const Domain& domain : job.domains) {
    for (const auto& host : domain.hosts) {
      for (const RemoteMessage& message : host->taken()) delivered += message.recipients.size();
    }
  }
  std::size_t wanted = 0;
  for (const auto& one : job.sent) {
    EXPECT_EQ(one->result.end == SubmissionResult::End::accepted, !one->result.taken.empty());
    for (const std::string& to : one->result.taken) wanted += !to.ends_with("@closed.example");
    for (const auto& [to, reply] : one->result.refused) {
      EXPECT_TRUE(to.ends_with("@null.example") ? reply.starts_with("556 5.1.10 ")
                                                : (to.ends_with("@missing.example") || to.ends_with("@bare.example")) &&
                                                      reply.starts_with("550 5.1.2 "))
          << to << ": " << reply;
    }
  }
  EXPECT_EQ(delivered, wanted);
  job.server.stop();
}

TEST(MainJob, through_days_of_faults_every_account_balances) {
  std::uint64_t seed = World::seed(0);
  const char* asked = std::getenv("POSTIL_ROUNDS");
  const int rounds = asked ? std::atoi(asked) : std::getenv("POSTIL_SEED") ? 1 : 4;
  for (int i = 0; i < rounds; ++i, ++seed) {
    SCOPED_TRACE("POSTIL_SEED=" + std::to_string(seed));
    std::printf("    seed %llu\n", static_cast<unsigned long long>(seed));
    run_and_check(seed, 120, days(2));
    if (HasFailure()) return;
  }
}

// Each message has a sender and a domain of its own, so that whatever is remembered of them shows.
TEST(MainJob, the_heap_does_not_grow_with_the_messages_that_went_through) {
  World world(7);
  ServerProcess server(world, "192.0.2.1",
                       std::string(main_job_toml) + "[history]\nsize = \"1M\"\n[spool]\nsegment_size = \"1M\"\n");
  WorldAccounts accounts(world);
  server.accounts = &accounts;
  server.start();
  world.zone().address("mx.lots.example", "203.0.113.1");
  RemoteMta remote(world.start("mx.lots.example", {"203.0.113.1"}), {});
  auto client = world.start("client", {"198.51.100.7"});
  std::size_t number = 0;
  const auto heap_after_wave = [&] {
    std::vector<std::string> domains;
    for (int i = 0; i < 200; ++i) {
      domains.push_back("d" + std::to_string(++number) + ".example");
      world.zone().mx(domains.back(), 10, "mx.lots.example");
      Submission what;
      what.sender = "s" + std::to_string(number) + "@home.example";
      what.recipients = {"r@" + domains.back()};
      what.octets = "Subject: x\r\n\r\ntext\r\n";
      env::Endpoint to{"192.0.2.1", 25};
      const auto result = world.run(*client, submit(client, std::move(to), std::move(what)));
      EXPECT_EQ(result.end, SubmissionResult::End::accepted) << result.last_reply;
    }
    EXPECT_TRUE(world.run_until([&] { return server.app().store().message_count() == 0; }, hours(1)));
    world.run_for(hours(2));  // connections, what is known of hosts
    for (const auto& domain : domains) world.zone().remove(domain);
    EXPECT_EQ(remote.taken().size(), domains.size());
    remote.forget();
    server.forget_told();
    EXPECT_TRUE(server.history.sync_folder());  // or this disk keeps what was removed, for a crash to bring it back
    return static_cast<std::size_t>(::mallinfo2().uordblks);
  };
  for (int i = 0; i < 6; ++i) heap_after_wave();  // until the history is full
  const std::size_t before = heap_after_wave();
  if (before == 0) GTEST_SKIP() << "this allocator counts nothing";
  std::size_t after = 0;
  for (int i = 0; i < 6; ++i) after = heap_after_wave();
  std::printf("    %zu octets, after 1200 messages more %zu\n", before, after);
  EXPECT_LT(after, before + 400'000) << "more than 300 octets a message stay";
  server.stop();
}

TEST(MainJob, the_same_seed_gives_the_same_days) {
  EXPECT_EQ(run_and_check(11, 40, days(1)), run_and_check(11, 40, days(1)));
}

}  // namespace
}  // namespace postil::test
