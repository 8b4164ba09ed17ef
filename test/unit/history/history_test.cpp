#include "history/history.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "support/faulty_disk.hpp"

namespace postil::history {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct FakeClock : env::Clock {
  MonoTime now() const override { return MonoTime(hours(100)) + passed; }
  WallTime wall() const override { return wall_from_microseconds(1'795'000'000'000'000) + passed; }
  Duration passed{};
};

ReceiptId receipt(std::uint64_t n) {
  return make_receipt_id(n);
}
MessageId message(std::uint64_t n) {
  return MessageId{n};
}

class HistoryTest : public testing::Test {
 protected:
  // A life of the program on the disk as it is.
  void start(Options options) {
    history.reset();
    context.restart();
    history = std::make_unique<History>(options, disk, context.get_executor(), clock);
    history->open();
  }
  template <class T>
  T run(env::Awaitable<T> what) {
    std::optional<T> result;
    auto keep = [](env::Awaitable<T> inner, std::optional<T>& into) -> env::Awaitable<void> {
      T value = co_await std::move(inner);
      into = std::move(value);
    };
    boost::asio::co_spawn(context, keep(std::move(what), result), boost::asio::detached);
    work();
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : T{};
  }
  void work() {
    context.restart();
    context.run();
  }
  template <class Id>
  std::vector<std::string> find(Id id) {
    return run(history->find(id));
  }
  std::uint64_t octets_on_disk() const {
    std::uint64_t sum = 0;
    for (const auto& name : disk.names()) sum += disk.content(name).size();
    return sum;
  }

  boost::asio::io_context context{1};
  test::FaultyDisk disk;
  FakeClock clock;
  std::unique_ptr<History> history;
};

std::string json(std::string_view text) {
  return "{\"n\":\"" + std::string(text) + "\"}";
}

TEST_F(HistoryTest, RecordsOfAnIdInOrder) {
  start({});
  history->add(message(1), json("first"));
  history->add(message(2), json("other"));
  history->add(message(1), json("second"));
  EXPECT_THAT(find(message(1)), ElementsAre(json("first"), json("second")));
  history->add(message(1), json("third"));
  EXPECT_THAT(find(message(1)), ElementsAre(json("first"), json("second"), json("third")));
  EXPECT_THAT(find(message(3)), IsEmpty());
  EXPECT_EQ(history->dropped(), 0u);
}

TEST_F(HistoryTest, FoundAgainAfterTheProgramHasEnded) {
  start({});
  history->add(message(1), json("before"));
  history->add(receipt(1), json("refused"), "");
  work();
  start({});
  EXPECT_THAT(find(message(1)), ElementsAre(json("before")));
  EXPECT_THAT(find(receipt(1)), ElementsAre(json("refused")));
  history->add(message(1), json("after"));
  EXPECT_THAT(find(message(1)), ElementsAre(json("before"), json("after")));
  start({});
  EXPECT_THAT(find(message(1)), ElementsAre(json("before"), json("after")));
}

TEST_F(HistoryTest, ARecordFarBehindTheSegmentsEndIsFoundAgain) {
  // All that waited goes in one write, whatever a segment's size is.
  Options options;
  options.segment_octets = 200;
  start(options);
  for (std::uint64_t n = 1; n <= 100; ++n) history->add(message(n), json(std::string(100, 'x')));
  work();
  start(options);
  for (std::uint64_t n = 1; n <= 100; ++n) EXPECT_THAT(find(message(n)), SizeIs(1)) << n;
}

TEST_F(HistoryTest, RingIsBoundedInOctets) {
  Options options;
  options.octets_max = 20'000;
  options.segment_octets = 2'000;
  start(options);
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    history->add(message(n), json(std::string(150, 'x')));
    work();
    ASSERT_LE(octets_on_disk(), 20'000u + 2'000u + 300u);
  }
  EXPECT_GE(octets_on_disk(), 15'000u);
  EXPECT_THAT(find(message(1)), IsEmpty());
  EXPECT_THAT(find(message(1000)), SizeIs(1));
  // And so it is after another start.
  start(options);
  EXPECT_LE(octets_on_disk(), 22'300u);
  EXPECT_THAT(find(message(1)), IsEmpty());
  EXPECT_THAT(find(message(1000)), SizeIs(1));
}

TEST_F(HistoryTest, RingIsBoundedInDays) {
  Options options;
  options.age_max = days(30);
  start(options);
  for (std::uint64_t day = 1; day <= 100; ++day) {
    history->add(receipt(day), json("x"), "");
    work();
    clock.passed += days(1);
  }
  EXPECT_THAT(find(receipt(60)), IsEmpty());
  EXPECT_THAT(find(receipt(80)), SizeIs(1));
  EXPECT_LE(disk.names().size(), 33u);
  EXPECT_LE(run(history->newest_receipts(1000)).size(), 31u);
  // Nothing new came, and the last record is too old as well.
  clock.passed += days(31);
  EXPECT_THAT(find(receipt(100)), IsEmpty());
  EXPECT_THAT(run(history->newest_receipts(1000)), IsEmpty());
  start(options);
  EXPECT_THAT(find(receipt(100)), IsEmpty());
}

TEST_F(HistoryTest, TornTailIsPassedOver) {
  start({});
  history->add(message(1), json("whole"));
  history->add(message(2), json("torn"));
  work();
  const std::string name = disk.names().at(0);
  const std::string content = disk.content(name);
  for (std::size_t size = content.find('\n') + 1; size < content.size(); ++size) {
    disk.put(name, content.substr(0, size));
    start({});
    EXPECT_THAT(find(message(1)), ElementsAre(json("whole"))) << size;
    EXPECT_THAT(find(message(2)), IsEmpty()) << size;
    history->add(message(3), json("new"));
    EXPECT_THAT(find(message(3)), ElementsAre(json("new")));
    for (const auto& each : disk.names()) {
      if (each != name) disk.remove(each);
    }
  }
}

TEST_F(HistoryTest, OctetsThatAPowerCutLostAreNoRecords) {
  start({});
  for (std::uint64_t n = 1; n <= 9; ++n) history->add(message(n), json("text of a record"));
  work();
  const std::string name = disk.names().at(0);
  const std::string content = disk.content(name);
  for (std::size_t at = 0; at < content.size(); at += 3) {
    std::string spoilt = content;
    for (std::size_t i = at; i < std::min(at + 100, spoilt.size()); ++i) spoilt[i] = '\0';
    disk.put(name, spoilt);
    start({});
    for (std::uint64_t n = 1; n <= 9; ++n) {
      for (const auto& line : find(message(n))) EXPECT_EQ(line, json("text of a record")) << at;
    }
  }
}

TEST_F(HistoryTest, RandomCrashesNeverGiveAnythingButWhatWasAdded) {
  Prng random(7);
  Options options;
  options.segment_octets = 3'000;
  start(options);
  std::uint64_t next = 1;
  for (int life = 0; life < 40; ++life) {
    for (std::uint64_t n = 1 + random.below(30); n > 0; --n) {
      history->add(message(next), json("of " + std::to_string(next)));
      ++next;
      if (random.chance(0.3)) work();
    }
    work();
    disk.crash(random);
    start(options);
    for (std::uint64_t n = 1; n < next; ++n) {
      for (const auto& line : find(message(n))) ASSERT_EQ(line, json("of " + std::to_string(n)));
    }
  }
}

TEST_F(HistoryTest, RepeatsAreCountedAndTheirIdsFindTheFirst) {
  start({});
  history->add(receipt(1), json("refused"), "peer|nobody");
  for (std::uint64_t n = 2; n <= 5; ++n) history->add(receipt(n), json("refused"), "peer|nobody");
  history->add(receipt(10), json("of another"), "other|nobody");
  for (std::uint64_t n = 1; n <= 5; ++n) EXPECT_THAT(find(receipt(n)), ElementsAre(json("refused"))) << n;
  EXPECT_THAT(find(receipt(10)), ElementsAre(json("of another")));
  EXPECT_EQ(run(history->newest_receipts(10)).size(), 2u);
  EXPECT_FALSE(run(history->repeats_of(receipt(10))));
  const auto now = run(history->repeats_of(receipt(3)));
  ASSERT_TRUE(now);
  EXPECT_EQ(now->number, 3u);
  EXPECT_EQ(now->count, 5u);
  EXPECT_EQ(now->last, clock.wall());
  // A minute later it is told how many there were, also when none comes any more.
  clock.passed += seconds(61);
  const auto told = find(receipt(3));
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_THAT(told[1], HasSubstr("\"count\":4"));
  EXPECT_THAT(told[1], HasSubstr(to_string(receipt(1))));
  // The next one is a first one again.
  history->add(receipt(6), json("again"), "peer|nobody");
  EXPECT_THAT(find(receipt(6)), ElementsAre(json("again")));
}

TEST_F(HistoryTest, IdsOfRepeatsAreFoundAfterARestart) {
  start({});
  history->add(receipt(1), json("refused"), "peer|nobody");
  for (std::uint64_t n = 2; n <= 5; ++n) history->add(receipt(n), json("refused"), "peer|nobody");
  auto flush = [](History& whole) -> env::Awaitable<bool> {
    co_await whole.flush();
    co_return true;
  };
  EXPECT_TRUE(run(flush(*history)));
  start({});
  for (std::uint64_t n = 1; n <= 5; ++n) {
    const auto told = find(receipt(n));
    ASSERT_THAT(told, SizeIs(2)) << n;
    EXPECT_EQ(told[0], json("refused"));
    EXPECT_THAT(told[1], HasSubstr("\"count\":4"));
    const auto repeats = run(history->repeats_of(receipt(n)));
    ASSERT_TRUE(repeats);
    EXPECT_EQ(repeats->number, n);
    EXPECT_EQ(repeats->count, 5u);
    EXPECT_EQ(repeats->last, clock.wall());
  }
  EXPECT_THAT(find(receipt(6)), IsEmpty());
  // Killed without a word: what its minute had told already is there.
  history->add(receipt(11), json("refused"), "peer|somebody");
  history->add(receipt(12), json("refused"), "peer|somebody");
  clock.passed += seconds(61);
  history->add(receipt(20), json("x"), "peer|else");
  work();
  start({});
  EXPECT_THAT(find(receipt(12)), SizeIs(2));
}

// A line longer than what is read at once, and one that is none of ours.
TEST_F(HistoryTest, LongLinesAreScannedInPieces) {
  start({});
  history->add(message(1), json("first"));
  history->add(message(2), json(std::string(300'000, 'y')));
  history->add(message(3), json("third"));
  work();
  auto file = disk.open("00000001.history", true);
  ASSERT_TRUE(file);
  const std::string rubbish(3'000'000, 'z');
  const std::string_view part = rubbish;
  ASSERT_TRUE((*file)->write(*(*file)->size(), {&part, 1}));
  start({});
  EXPECT_THAT(find(message(1)), SizeIs(1));
  EXPECT_THAT(find(message(2)), ElementsAre(json(std::string(300'000, 'y'))));
  EXPECT_THAT(find(message(3)), SizeIs(1));
  history->add(message(4), json("fourth"));
  EXPECT_THAT(find(message(4)), SizeIs(1));
}

TEST_F(HistoryTest, AFloodOfRepeatsIsAFewRecords) {
  start({});
  for (std::uint64_t n = 1; n <= 100'000; ++n) {
    history->add(receipt(n), json("x"), "key " + std::to_string(n % 10));
    clock.passed += milliseconds(1);
  }
  work();
  EXPECT_LE(octets_on_disk(), 50'000u);  // a hundred ids a minute and key
  const auto last = run(history->repeats_of(receipt(99'999)));
  ASSERT_TRUE(last);
  EXPECT_GT(last->number, 3'000u);  // of the minute under way
  EXPECT_EQ(last->number, last->count);
  EXPECT_THAT(find(receipt(99'999)), testing::Not(IsEmpty()));
  EXPECT_EQ(history->dropped(), 0u);
}

TEST_F(HistoryTest, ManyKeysAtOnceLoseNoCount) {
  start({});
  for (std::uint64_t n = 1; n <= 6000; ++n) {
    history->add(receipt(2 * n), json("x"), "key " + std::to_string(n));
    history->add(receipt(2 * n + 1), json("x"), "key " + std::to_string(n));
  }
  clock.passed += minutes(2);
  for (const std::uint64_t n : {1u, 3000u, 6000u}) EXPECT_THAT(find(receipt(2 * n)), SizeIs(2)) << n;
}

TEST_F(HistoryTest, WhatWaitsIsBounded) {
  Options options;
  options.queue_octets_max = 10'000;
  start(options);
  for (std::uint64_t n = 1; n <= 1000; ++n) history->add(message(n), json(std::string(100, 'x')));
  EXPECT_GT(history->dropped(), 900u);
  EXPECT_LT(history->dropped(), 950u);
  work();
  EXPECT_THAT(find(message(1)), SizeIs(1));
  EXPECT_THAT(find(message(1000)), IsEmpty());
  // There is room again.
  history->add(message(1001), json("x"));
  EXPECT_THAT(find(message(1001)), SizeIs(1));
}

TEST_F(HistoryTest, AFullDiskLosesTracesAndFillsWithNoFiles) {
  start({});
  history->add(message(1), json("before"));
  work();
  disk.set_capacity(octets_on_disk() + 10);
  for (std::uint64_t n = 2; n <= 200; ++n) {
    history->add(message(n), json(std::string(500, 'x')));
    work();
    clock.passed += seconds(20);
  }
  EXPECT_EQ(history->dropped(), 199u);
  EXPECT_LE(disk.names().size(), 2u);
  disk.set_capacity(1 << 20);
  clock.passed += seconds(20);
  history->add(message(500), json("after"));
  EXPECT_THAT(find(message(500)), ElementsAre(json("after")));
  EXPECT_THAT(find(message(1)), ElementsAre(json("before")));
  start({});
  EXPECT_THAT(find(message(500)), ElementsAre(json("after")));
  EXPECT_THAT(find(message(1)), ElementsAre(json("before")));
}

TEST_F(HistoryTest, ABrokenDiskIsNotAskedForEachRecord) {
  start({});
  disk.fail(test::DiskCall::write, 1, env::DiskError::io, 1'000'000);
  disk.fail(test::DiskCall::truncate, 1, env::DiskError::io, 1'000'000);
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    history->add(message(n), json("x"));
    work();
    clock.passed += milliseconds(100);
  }
  EXPECT_EQ(history->dropped(), 1000u);
  EXPECT_LE(disk.calls(test::DiskCall::create), 11u);
  EXPECT_LE(disk.names().size(), 1u);
  disk.heal();
  clock.passed += seconds(11);
  history->add(message(5000), json("well again"));
  EXPECT_THAT(find(message(5000)), SizeIs(1));
}

TEST_F(HistoryTest, AFailingReadGivesWhatCanBeRead) {
  start({});
  history->add(message(1), json("a"));
  work();
  disk.fail(test::DiskCall::read, 1, env::DiskError::io);
  EXPECT_THAT(find(message(1)), IsEmpty());
  EXPECT_THAT(find(message(1)), SizeIs(1));
}

TEST_F(HistoryTest, StrangeFilesInTheFolderAreLeftAlone) {
  for (const char* name : {"notes.txt", "0000000x.history", "99999999.history.old", "history"}) {
    ASSERT_TRUE(disk.create(name));
  }
  start({});
  history->add(message(1), json("a"));
  EXPECT_THAT(find(message(1)), SizeIs(1));
  EXPECT_EQ(disk.names().size(), 5u);
}

}  // namespace
}  // namespace postil::history
