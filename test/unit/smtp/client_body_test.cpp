// The message itself: dots, line ends, binary, and what goes wrong inside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using namespace client_test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ClientBody, DotsAreDoubledWhateverTheCuts) {
  const std::string body = ".\r\n..\r\n.x\r\n\r\n.\r\nend.\r\n.";
  std::string first;
  for (std::size_t cut = 1; cut <= body.size(); ++cut) {
    auto s = with(bare_ehlo, by_data, {"b@x.example"}, body);
    s.body_cut = cut;
    const Record r = run(s);
    EXPECT_THAT(r.sent, HasSubstr("DATA\r\n..\r\n...\r\n..x\r\n\r\n..\r\nend.\r\n..\r\n.\r\nQUIT")) << cut;
  }
}

TEST(ClientBody, BareLineEndsNeverLeave) {
  for (const std::string bad : {"a\nb\r\n", "a\rb\r\n", "\n", "\r", "a\r\n.\n", "a\r\r\n", "abc\r\n\n", "a\r\n.\r"}) {
    for (std::size_t cut = 1; cut <= bad.size(); ++cut) {
      for (const bool chunking : {false, true}) {
        auto s = with(ehlo({chunking ? "CHUNKING" : "SIZE"}),
                      {"250 ok\r\n", "250 ok\r\n", chunking ? "250 c\r\n" : "354 go\r\n", "250 c\r\n", "250 c\r\n",
                       "250 c\r\n", "250 c\r\n", "250 c\r\n"},
                      {"b@x.example"}, bad);
        s.body_cut = cut;
        const Record r = run(s);
        EXPECT_THAT(briefs(r), ElementsAre("body body_line_ends"));
        EXPECT_EQ(closing(r), "body body_line_ends");
        EXPECT_FALSE(r.results[0].sent_to_end);
        const auto body_at = r.sent.rfind("x.example>\r\n");
        for (std::size_t i = body_at; i < r.sent.size(); ++i) {
          if (r.sent[i] == '\n') {
            EXPECT_EQ(r.sent[i - 1], '\r');
          }
          if (r.sent[i] == '\r') {
            ASSERT_LT(i + 1, r.sent.size());
            EXPECT_EQ(r.sent[i + 1], '\n');
          }
        }
      }
    }
  }
}

TEST(ClientBody, BinaryGoesAsItIs) {
  auto s = with(ehlo({"CHUNKING", "BINARYMIME", "8BITMIME"}), by_bdat, {"b@x.example"}, std::string("a\n\r\0\xff", 5));
  s.transactions[0].mail.body = BodyType::binary;
  const Record r = run(s);
  EXPECT_THAT(r.sent, HasSubstr(" BODY=BINARYMIME\r\n"));
  EXPECT_THAT(r.sent, HasSubstr(std::string("BDAT 5 LAST\r\na\n\r\0\xff", 18)));
}

TEST(ClientBody, TheDiskFailsInTheMiddle) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  begin_transaction(session, now, 2);
  auto action = session.bytes("354 a\r\n", now);
  ASSERT_TRUE(std::holds_alternative<NeedBody>(action));
  ASSERT_TRUE(std::holds_alternative<ClientWrite>(session.body("abc\r\n", false, now)));
  ASSERT_TRUE(std::holds_alternative<NeedBody>(session.written(now)));
  action = session.body_failed(now);
  ASSERT_TRUE(std::holds_alternative<ClientClose>(action));
  EXPECT_EQ(std::get<ClientClose>(action).output, "");
  EXPECT_EQ(brief(session.take_result().recipients[0]), "body body_unreadable");
}

TEST(ClientBody, AnAnswerInsideTheMessageIsKept) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  begin_transaction(session, now, 2);
  session.bytes("354 a\r\n", now);
  session.body("abc\r\n", false, now);
  const auto action = session.bytes("552 5.3.4 too much\r\n", now);
  ASSERT_TRUE(std::holds_alternative<ClientClose>(action));
  EXPECT_EQ(brief(session.take_result().recipients[0]), "body 552");
}

}  // namespace
}  // namespace postil::smtp
