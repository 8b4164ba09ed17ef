#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using client_test::Record;
using client_test::Script;
using client_test::transaction;

Script plain() {
  Script s;
  s.replies = {"220 mx.example ESMTP\r\n", "250 mx.example\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
               "250 2.0.0 taken\r\n",      "221 bye\r\n"};
  s.transactions = {transaction("a@us.example", {"b@there.example"})};
  s.bodies = {"Subject: x\r\n\r\n.dot\r\nend"};
  return s;
}

TEST(ClientSession, PlainTransaction) {
  const Record r = client_test::run(plain());
  EXPECT_EQ(r.sent,
            "EHLO us.example\r\nMAIL FROM:<a@us.example>\r\nRCPT TO:<b@there.example>\r\nDATA\r\n"
            "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n");
  ASSERT_EQ(r.results.size(), 1u);
  ASSERT_EQ(r.results[0].recipients.size(), 1u);
  EXPECT_TRUE(r.results[0].recipients[0].ok());
  EXPECT_EQ(r.results[0].recipients[0].stage, Stage::end_of_data);
  EXPECT_TRUE(r.results[0].sent_to_end);
  ASSERT_TRUE(r.closed);
  EXPECT_TRUE(r.closed->ok());
  EXPECT_EQ(r.closed->stage, Stage::quit);
}

}  // namespace
}  // namespace postil::smtp
