#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.hpp"

namespace postil {
namespace {

WallTime at_milliseconds(std::int64_t ms) {
  return WallTime(milliseconds(ms));
}
constexpr std::int64_t ms_2026 = 1'795'000'000'000;

TEST(Ids, RoundTrip) {
  Prng random(1);
  MessageIdMaker maker(7);
  for (int i = 0; i < 10'000; ++i) {
    const ReceiptId receipt = make_receipt_id(random());
    const std::string text = to_string(receipt);
    ASSERT_EQ(text.size(), 15u);
    ASSERT_EQ(parse_receipt_id(text), receipt);
    ASSERT_FALSE(parse_message_id(text)) << "a receipt is no message";
    ASSERT_GE(text[0], '8');
    const MessageId message = maker.make(at_milliseconds(ms_2026 + static_cast<std::int64_t>(random.below(1'000'000))));
    ASSERT_EQ(parse_message_id(to_string(message)), message);
    ASSERT_FALSE(parse_receipt_id(to_string(message)));
    ASSERT_LT(to_string(message)[0], '8');
  }
  EXPECT_EQ(to_string(ReceiptId{~std::uint64_t{0}}), "FZZZ-ZZZZ-ZZZZZ");
  EXPECT_EQ(to_string(MessageId{1}), "0000-0000-00001");
}

TEST(Ids, AsPeopleTypeThem) {
  const auto id = parse_message_id("0123-4567-89ABC");
  ASSERT_TRUE(id);
  EXPECT_EQ(parse_message_id("0123456789abc"), id);
  EXPECT_EQ(parse_message_id("O123-4567-89abc"), id);
  EXPECT_EQ(parse_message_id("oi23-4567-89ABC"), id);
  EXPECT_EQ(parse_message_id("ol234567-89ABC"), id);
  for (const char* bad : {"", "0123-4567-89AB", "0123-4567-89ABCD", "0123-4567-89ABU", "0123 4567 89ABC",
                          "-------------", "0000-0000-00000", "G123-4567-89ABC", "0123-4567-89AB\xC3"}) {
    EXPECT_FALSE(parse_message_id(bad)) << bad;
    EXPECT_FALSE(parse_receipt_id(bad)) << bad;
  }
}

TEST(Ids, GrowWhateverTheClockDoes) {
  MessageIdMaker maker(3);
  Prng random(2);
  MessageId last{0};
  std::int64_t ms = ms_2026;
  for (int i = 0; i < 100'000; ++i) {
    const auto step = random.below(100);
    if (step == 0) ms -= static_cast<std::int64_t>(random.below(100'000'000));
    if (step == 1) ms += static_cast<std::int64_t>(random.below(100'000));
    const MessageId id = maker.make(at_milliseconds(ms));
    ASSERT_GT(id, last);
    ASSERT_EQ(node_of(id), 3u);
    last = id;
  }
}

TEST(Ids, TellTheTimeAndTheNode) {
  MessageIdMaker one(1), two(2);
  const auto now = at_milliseconds(ms_2026 + 123);
  const MessageId a = one.make(now), b = two.make(now);
  EXPECT_NE(a, b);
  EXPECT_EQ(made_at(a), now);
  EXPECT_EQ(made_at(b), now);
  EXPECT_EQ(made_at(one.make(now)), now);
  EXPECT_EQ(node_of(a), 1);
  EXPECT_EQ(node_of(b), 2);
  // As many as one millisecond may have to give.
  MessageIdMaker fast(0);
  MessageId last{0};
  for (int i = 0; i < 8192; ++i) last = fast.make(now);
  EXPECT_EQ(made_at(last), now);
  // A clock that was never set, and one of the year 2080.
  MessageIdMaker early(0), late(0);
  EXPECT_TRUE(early.make(WallTime{}));
  EXPECT_EQ(made_at(late.make(at_milliseconds(3'471'292'800'000))), at_milliseconds(3'471'292'800'000));
}

}  // namespace
}  // namespace postil
