// What is collected by days, what becomes due of it, and its file.
#include "tlsrpt/ledger.hpp"

#include <gmock/gmock.h>

namespace postil::tlsrpt {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using transport::TlsResult;

constexpr Day day = 20'000;

transport::TlsSession session(std::string domain, TlsResult result = TlsResult::success) {
  transport::TlsSession out;
  out.domain = std::move(domain);
  out.result = result;
  out.receiving_host = "mx.example.net";
  out.reason = "a reason";
  return out;
}

class LedgerTest : public testing::Test {
 protected:
  std::function<std::uint64_t()> random = [this] { return ++word; };
  std::uint64_t word = 0;
  Ledger ledger;
};

TEST_F(LedgerTest, ADayBecomesDueOnceItIsOverWithinTheWindow) {
  ledger.add(session("a.example"), begin_of(day + 1) - seconds(1));
  ledger.add(session("a.example", TlsResult::certificate_expired), begin_of(day));
  ledger.add(session("b.example"), begin_of(day) + hours(3));
  ledger.add(session("a.example"), begin_of(day + 1));
  EXPECT_EQ(ledger.summary().sessions, 4u);
  EXPECT_EQ(ledger.summary().failed, 1u);
  EXPECT_FALSE(ledger.close_days(begin_of(day + 1) - seconds(1), hours(4), random));
  word = 1'000'000'000;
  EXPECT_TRUE(ledger.close_days(begin_of(day + 1) + seconds(1), hours(4), random));
  EXPECT_FALSE(ledger.close_days(begin_of(day + 1) + seconds(2), hours(4), random));
  EXPECT_EQ(ledger.summary().waiting, 2u);
  EXPECT_EQ(ledger.summary().sessions, 1u) << "the new day's";
  EXPECT_THAT(ledger.due(begin_of(day + 1) + seconds(2)), IsEmpty());
  const auto ids = ledger.due(begin_of(day + 1) + hours(4));
  ASSERT_THAT(ids, SizeIs(2));
  EXPECT_TRUE(ids[0].starts_with("20241004."));
  const Due* due = ledger.find(ids[0]);
  ASSERT_NE(due, nullptr);
  EXPECT_EQ(due->domain, "a.example");
  EXPECT_EQ(due->day, day);
  ASSERT_THAT(due->policies, SizeIs(1));
  EXPECT_EQ(due->policies[0].successful, 1u);
  EXPECT_EQ(due->policies[0].failed, 1u);
}

TEST_F(LedgerTest, IsTriedForADayAndLessAndLessOften) {
  ledger.add(session("a.example"), begin_of(day));
  ledger.close_days(begin_of(day + 1), Duration(0), random);
  const std::string id = ledger.due(begin_of(day + 1)).at(0);
  WallTime now = begin_of(day + 1);
  const WallTime first = now;
  Duration before{};
  int tries = 1;
  while (ledger.put_off(id, {"https://x"}, now)) {
    const Duration wait = ledger.find(id)->next_try - now;
    EXPECT_GE(wait, before);
    EXPECT_THAT(ledger.due(ledger.find(id)->next_try - seconds(1)), IsEmpty());
    before = wait;
    now = ledger.find(id)->next_try;
    ASSERT_LT(++tries, 30);
  }
  EXPECT_GT(tries, 8);
  EXPECT_LE(now - first, Duration(hours(24)));
  EXPECT_GT(now - first, Duration(hours(19)));
  ledger.settle(id, Ledger::End::given_up, now);
  EXPECT_EQ(ledger.find(id), nullptr);
  EXPECT_EQ(ledger.summary().given_up, 1u);
  EXPECT_EQ(ledger.summary().sent, 0u);
}

TEST_F(LedgerTest, ItsFileBringsAllOfItBack) {
  ledger.add(session("a.example", TlsResult::sts_policy_invalid), begin_of(day));
  ledger.close_days(begin_of(day + 1), Duration(0), random);
  const std::string id = ledger.due(begin_of(day + 1)).at(0);
  EXPECT_TRUE(ledger.put_off(id, {"https://x"}, begin_of(day + 1)));
  ledger.add(session("b.example", TlsResult::certificate_expired), begin_of(day + 1));
  const std::string text = ledger.encode();
  Ledger again;
  EXPECT_EQ(again.decode(text).value(), 0u);
  EXPECT_EQ(again.encode(), text);
  EXPECT_EQ(again.find(id)->done, std::vector<std::string>{"https://x"});
  again.add(session("b.example", TlsResult::certificate_expired), begin_of(day + 1) + hours(1));
  EXPECT_EQ(again.summary().failed, 2u);
  again.settle(id, Ledger::End::sent, begin_of(day + 1));
  EXPECT_EQ(again.summary().last_sent, begin_of(day + 1));
  // A damaged line takes no other with it; another version is not guessed at.
  Ledger damaged;
  EXPECT_EQ(damaged.decode(text + "{\"day\":\n{\"day\":20001}\n{\"due\":\"\",\"day\":3}\nx\n").value(), 4u);
  EXPECT_EQ(damaged.encode(), text);
  EXPECT_FALSE(Ledger().decode("{\"tls_reports\":2}\n").has_value());
  EXPECT_FALSE(Ledger().decode("garbage\n").has_value());
  EXPECT_TRUE(Ledger().decode("").has_value());
}

TEST_F(LedgerTest, IsBounded) {
  Ledger small(Ledger::Limits{2, 2, 4'000});
  for (int i = 0; i < 5; ++i) small.add(session("d" + std::to_string(i) + ".example"), begin_of(day));
  EXPECT_EQ(small.summary().domains, 2u);
  EXPECT_EQ(small.summary().dropped, 3u);
  auto long_text = session("d0.example");
  long_text.policy_lines = {std::string(5'000, 'x')};
  small.add(long_text, begin_of(day));
  EXPECT_EQ(small.summary().dropped, 4u) << "more octets than there may be";
  // A clock that leaps about opens no more than three days.
  for (int i = 1; i < 9; ++i) small.add(session("d0.example"), begin_of(day + i));
  EXPECT_EQ(small.summary().domains, 4u);
  // What nobody sent in a week is old.
  EXPECT_TRUE(small.close_days(begin_of(day + 30), hours(4), random));
  EXPECT_EQ(small.summary().waiting, 0u);
}

}  // namespace
}  // namespace postil::tlsrpt
