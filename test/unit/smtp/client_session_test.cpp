// Time-outs, and sessions that end from our side or while idle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using namespace client_test;

TEST(ClientSession, DeadlineHoldsForTheWholeReply) {
  ClientSession session({.host_name = "us.example"}, 1);
  MonoTime now{};
  auto action = session.start(now);
  const MonoTime deadline = std::get<ClientRead>(action).deadline;
  EXPECT_EQ(deadline, now + minutes(5));
  for (int i = 0; i < 100; ++i) {
    now += seconds(2);
    action = session.bytes("2", now);  // "222…": a drip without end
    if (i < 2) action = session.bytes("20-a\r\n", now);
    ASSERT_TRUE(std::holds_alternative<ClientRead>(action));
    EXPECT_EQ(std::get<ClientRead>(action).deadline, deadline);
  }
}

TEST(ClientSession, DeadlinesByCommand) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  const auto deadline = [](const ClientAction& a) { return std::get<ClientRead>(a).deadline.time_since_epoch(); };
  session.start(now);
  EXPECT_EQ(deadline(session.bytes("220 a\r\n", now)), minutes(5));
  session.bytes("250 a\r\n", now);
  EXPECT_EQ(deadline(session.send(transaction("a@us.example", {"b@x.example"}), now)), minutes(5));
  EXPECT_EQ(deadline(session.bytes("250 a\r\n", now)), minutes(5));
  EXPECT_EQ(deadline(session.bytes("250 a\r\n", now)), minutes(2));
  session.bytes("354 a\r\n", now);
  EXPECT_EQ(std::get<ClientWrite>(session.body("a", false, now)).deadline.time_since_epoch(), minutes(3));
  session.written(now);
  EXPECT_EQ(deadline(session.body("", true, now)), minutes(10));
  session.bytes("250 a\r\n", now);
  session.take_result();
  session.resume(now);
  EXPECT_EQ(deadline(session.quit(now)), seconds(5));
}

TEST(ClientSession, AbortTellsTheRecipients) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  begin_transaction(session, now);
  ASSERT_TRUE(session.transaction_open());
  const auto action = session.abort(now);
  ASSERT_TRUE(std::holds_alternative<ClientClose>(action));
  EXPECT_TRUE(session.transaction_open());
  EXPECT_EQ(brief(session.take_result().recipients[0]), "mail local_shutdown");
  EXPECT_FALSE(session.transaction_open());
}

TEST(ClientSession, IdleConnectionEnds) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  session.start(now);
  session.bytes("220 a\r\n", now);
  ASSERT_TRUE(std::holds_alternative<Idle>(session.bytes("250 a\r\n", now)));
  const auto action = session.bytes("421 4.4.2 idle too long\r\n", now);
  ASSERT_TRUE(std::holds_alternative<ClientClose>(action));
  EXPECT_EQ(brief(std::get<ClientClose>(action).why), "idle 421");
}

}  // namespace
}  // namespace postil::smtp
