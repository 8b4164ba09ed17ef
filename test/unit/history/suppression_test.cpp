#include "history/suppression.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "support/faulty_disk.hpp"

namespace postil::history {
namespace {

using Change = Suppressions::Change;
constexpr WallTime start = wall_from_microseconds(1'795'000'000'000'000);

class SuppressionTest : public testing::Test {
 protected:
  void open(WallTime now = start) {
    list = std::make_unique<Suppressions>(disk, context.get_executor());
    ASSERT_TRUE(list->open(now).has_value());
  }
  Change run(env::Awaitable<Change> what) {
    std::optional<Change> result;
    auto keep = [](env::Awaitable<Change> inner, std::optional<Change>& into) -> env::Awaitable<void> {
      into = co_await std::move(inner);
    };
    boost::asio::co_spawn(context, keep(std::move(what), result), boost::asio::detached);
    context.restart();
    context.run();
    return result.value_or(Change::not_durable);
  }
  Change add(std::string address, bool by_hand = true, WallTime until = {}) {
    return run(list->add({std::move(address), start, until, by_hand, "550 5.1.1 no such user"}));
  }
  std::vector<std::string> all(WallTime now = start) {
    std::vector<std::string> out;
    for (const auto& one : list->list("", 1000, now)) out.push_back(one.address);
    return out;
  }

  boost::asio::io_context context;
  test::FaultyDisk disk;
  std::unique_ptr<Suppressions> list;
};

TEST_F(SuppressionTest, what_was_confirmed_is_there_after_a_crash) {
  Prng random(1);
  for (int round = 0; round < 50; ++round) {
    open();
    const std::string name = "r" + std::to_string(round) + "@example.net";
    ASSERT_EQ(add(name), Change::done);
    if (round % 5 == 4) ASSERT_EQ(run(list->remove("R" + std::to_string(round - 1) + "@EXAMPLE.net")), Change::done);
    disk.crash(random);
    open();
    const auto found = list->find("R" + std::to_string(round) + "@Example.NET", start);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->address, name);
    EXPECT_EQ(found->why, "550 5.1.1 no such user");
    EXPECT_EQ(found->since, start);
    EXPECT_TRUE(found->by_hand);
    EXPECT_EQ(list->size(), static_cast<std::size_t>(round + 1 - (round + 1) / 5));
  }
}

TEST_F(SuppressionTest, a_crash_at_any_call_loses_nothing_that_was_confirmed) {
  for (std::uint64_t seed = 1; seed < 60; ++seed) {
    disk = test::FaultyDisk();
    Prng random(seed);
    open();
    std::size_t confirmed = 0;
    disk.stop_after(random.below(12));
    for (int i = 0; i < 8; ++i) confirmed += add("r" + std::to_string(i) + "@example.net") == Change::done;
    disk.crash(random);
    open();
    EXPECT_GE(list->size(), confirmed);
    EXPECT_LE(list->size(), confirmed + 1);
    EXPECT_EQ(add("new@example.net"), Change::done);
    open();
    EXPECT_TRUE(list->find("new@example.net", start));
  }
}

TEST_F(SuppressionTest, a_disk_that_refuses_changes_nothing) {
  open();
  disk.fail(test::DiskCall::sync_data, 1, env::DiskError::io, 1);
  EXPECT_EQ(add("a@example.net"), Change::not_durable);
  EXPECT_FALSE(list->find("a@example.net", start));
  EXPECT_EQ(add("b@example.net"), Change::done);
  open();
  EXPECT_THAT(all(), testing::ElementsAre("b@example.net"));
}

TEST_F(SuppressionTest, an_entry_of_a_reply_ends_and_one_by_hand_stays) {
  open();
  EXPECT_EQ(add("a@example.net", false, start + days(30)), Change::done);
  EXPECT_EQ(add("A@example.net", false, start + days(20)), Change::nothing);
  EXPECT_EQ(add("b@example.net"), Change::done);
  EXPECT_EQ(add("b@example.net", false, start + days(30)), Change::nothing);
  EXPECT_FALSE(list->find("a@example.net", start + days(31)));
  EXPECT_TRUE(list->find("b@example.net", start + days(3000)));
  EXPECT_THAT(all(start + days(31)), testing::ElementsAre("b@example.net"));
  EXPECT_EQ(add("a@example.net"), Change::done) << "by hand after a reply";
  EXPECT_TRUE(list->find("a@example.net", start + days(31)));
  EXPECT_EQ(run(list->remove("nobody@example.net")), Change::nothing);
  EXPECT_EQ(add("with\nline@example.net"), Change::nothing);
}

TEST_F(SuppressionTest, both_forms_of_a_domain_are_one) {
  open();
  EXPECT_EQ(add("Ann@B\u00fccher.example"), Change::done);
  EXPECT_EQ(add("ann@xn--bcher-kva.example"), Change::nothing);
  EXPECT_TRUE(list->find("ann@XN--Bcher-KVA.example", start));
  open();
  EXPECT_TRUE(list->find("ann@b\u00fccher.example", start)) << "and from the file";
  EXPECT_EQ(run(list->remove("ann@xn--bcher-kva.example")), Change::done);
  EXPECT_FALSE(list->find("ann@b\u00fccher.example", start));
  EXPECT_EQ(add("ann@[192.0.2.1]"), Change::done);
  EXPECT_TRUE(list->find("ANN@[192.0.2.1]", start));
}

TEST_F(SuppressionTest, the_file_is_written_anew_when_most_of_it_is_old) {
  open();
  for (int i = 0; i < 300; ++i) {
    add("r@example.net");
    run(list->remove("r@example.net"));
  }
  add("last@example.net");
  const auto before = disk.open(Suppressions::file_name, false).value()->size().value();
  open();
  EXPECT_LT(disk.open(Suppressions::file_name, false).value()->size().value(), before / 100);
  open();
  EXPECT_THAT(all(), testing::ElementsAre("last@example.net"));
}

TEST_F(SuppressionTest, pages_in_order) {
  open();
  for (const auto* name : {"c@x.example", "A@x.example", "b@x.example"}) add(name);
  EXPECT_THAT(all(), testing::ElementsAre("A@x.example", "b@x.example", "c@x.example"));
  const auto second = list->list("a@x.example", 1, start);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].address, "b@x.example");
}

}  // namespace
}  // namespace postil::history
