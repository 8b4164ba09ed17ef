// One transaction after the other, and how each recipient's ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using namespace client_test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ClientTransaction, PlainTransaction) {
  auto s = with(bare_ehlo, {"250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 2.0.0 taken\r\n", "221 bye\r\n"});
  s.bodies = {"Subject: x\r\n\r\n.dot\r\nend"};
  const Record r = run(s);
  EXPECT_EQ(r.sent,
            "EHLO us.example\r\nMAIL FROM:<a@us.example>\r\nRCPT TO:<b@there.example>\r\nDATA\r\n"
            "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
  EXPECT_TRUE(r.results[0].recipients[0].ok());
  EXPECT_TRUE(r.results[0].sent_to_end);
  EXPECT_EQ(closing(r), "quit 221");
  EXPECT_TRUE(r.closed->ok());
}

TEST(ClientTransaction, EmptyMessage) {
  auto s = with(bare_ehlo, by_data, {"b@x.example"}, "");
  EXPECT_THAT(run(s).sent, HasSubstr("DATA\r\n.\r\nQUIT"));
}

TEST(ClientTransaction, BareCodesAndLineFeedsAreReplies) {
  auto s = with("", {});
  s.replies = {"220\n", "250\n", "250 \n", "250\r\n", "354\r\n", "250\n", "221\n"};
  EXPECT_THAT(briefs(run(s)), ElementsAre("end_of_data 250"));
}

TEST(ClientTransaction, NullSender) {
  auto s = with(bare_ehlo, by_data);
  s.transactions[0].mail.sender = {};
  EXPECT_THAT(run(s).sent, HasSubstr("MAIL FROM:<>\r\n"));
}

TEST(ClientTransaction, SecondTransactionWithoutRset) {
  auto s = with(bare_ehlo, {"250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "250 ok\r\n", "250 ok\r\n",
                            "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("RSET")));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
}

TEST(ClientTransaction, RsetOnlyAfterAFailedTransaction) {
  auto s = with(bare_ehlo, {"550 no\r\n", "250 reset\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n",
                            "221 bye\r\n"});
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(r.sent, HasSubstr("MAIL FROM:<a@us.example>\r\nRSET\r\nMAIL FROM:<c@us.example>\r\n"));
  EXPECT_THAT(briefs(r, 0), ElementsAre("mail 550"));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
}

TEST(ClientTransaction, AnOddReplyToRsetIsNoDelivery) {
  auto s = with(bare_ehlo, {"550 no\r\n", "354 go\r\n"});
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(briefs(r, 1), ElementsAre("idle reply_malformed 354"));
  EXPECT_FALSE(r.results[1].recipients[0].ok());
}

TEST(ClientTransaction, ARefusedRsetSaysNothingOfTheMessage) {
  auto s = with(bare_ehlo, {"550 no\r\n", "503 what\r\n"});
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(briefs(r, 1), ElementsAre("idle 503"));
  EXPECT_EQ(closing(r), "idle 503");
}

// ---- refusals ----------------------------------------------------------------------------------------------------

TEST(ClientTransaction, RecipientsByThemselves) {
  auto s = with(bare_ehlo,
                {"250 ok\r\n", "550 5.1.1 unknown\r\n", "250 ok\r\n", "450 4.2.1 later\r\n", "251 forwarded\r\n",
                 "354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"a@x.example", "b@x.example", "c@x.example", "d@x.example"});
  EXPECT_THAT(briefs(run(s)), ElementsAre("rcpt 550", "end_of_data 250", "rcpt 450", "end_of_data 250"));
}

TEST(ClientTransaction, NoDataWhenNobodyWasTaken) {
  auto s = with(bare_ehlo, {"250 ok\r\n", "550 no\r\n", "450 no\r\n", "221 bye\r\n"}, {"a@x.example", "b@x.example"});
  const Record r = run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("DATA")));
  EXPECT_THAT(briefs(r), ElementsAre("rcpt 550", "rcpt 450"));
  EXPECT_FALSE(r.results[0].sent_to_end);
}

TEST(ClientTransaction, TransactionEnds) {
  struct Case {
    const char* name;
    std::vector<std::string> replies;  // from MAIL on
    std::vector<std::string> outcomes;
    const char* closing;
    bool sent_to_end = false;
  };
  const std::string ok = "250 ok\r\n", go = "354 go\r\n", bye = "221 bye\r\n";
  const Case cases[] = {
      {"MAIL 451", {"451 no\r\n", bye}, {"mail 451", "mail 451"}, "quit 221"},
      {"MAIL 550", {"550 no\r\n", bye}, {"mail 550", "mail 550"}, "quit 221"},
      {"MAIL 354", {go}, {"mail reply_malformed 354", "mail reply_malformed 354"}, "mail reply_malformed 354"},
      {"MAIL 421", {"421 no\r\n"}, {"mail 421", "mail 421"}, "mail 421"},
      {"MAIL 1yz", {"150 hm\r\n"}, {"mail reply_malformed", "mail reply_malformed"}, "mail reply_malformed"},
      {"RCPT 421", {ok, ok, "421 no\r\n"}, {"rcpt 421", "rcpt 421"}, "rcpt 421"},
      {"RCPT 421 after 550", {ok, "550 no\r\n", "421 no\r\n"}, {"rcpt 550", "rcpt 421"}, "rcpt 421"},
      {"RCPT 556", {ok, "556 no\r\n", "556 no\r\n", bye}, {"rcpt 556", "rcpt 556"}, "quit 221"},
      {"RCPT 999", {ok, ok, "999 no\r\n"}, {"rcpt reply_malformed", "rcpt reply_malformed"}, "rcpt reply_malformed"},
      {"DATA 451", {ok, ok, ok, "451 no\r\n", bye}, {"data 451", "data 451"}, "quit 221"},
      {"DATA 554", {ok, ok, "550 no\r\n", "554 no\r\n", bye}, {"data 554", "rcpt 550"}, "quit 221"},
      {"DATA 250",
       {ok, ok, ok, ok},
       {"data reply_malformed 250", "data reply_malformed 250"},
       "data reply_malformed 250"},
      {"DATA 421", {ok, ok, ok, "421 no\r\n"}, {"data 421", "data 421"}, "data 421"},
      {"dot 451", {ok, ok, ok, go, "451 no\r\n", bye}, {"end_of_data 451", "end_of_data 451"}, "quit 221", true},
      {"dot 554", {ok, ok, ok, go, "554 no\r\n", bye}, {"end_of_data 554", "end_of_data 554"}, "quit 221", true},
      {"dot 552", {ok, ok, "452 later\r\n", go, "552 no\r\n", bye}, {"end_of_data 552", "rcpt 452"}, "quit 221", true},
      {"dot 354",
       {ok, ok, ok, go, go},
       {"end_of_data reply_malformed 354", "end_of_data reply_malformed 354"},
       "end_of_data reply_malformed 354",
       true},
      {"dot 421", {ok, ok, ok, go, "421 no\r\n"}, {"end_of_data 421", "end_of_data 421"}, "end_of_data 421", true},
      {"dot two codes",
       {ok, ok, ok, go, "250-a\r\n554 b\r\n"},
       {"end_of_data reply_malformed", "end_of_data reply_malformed"},
       "end_of_data reply_malformed",
       true},
      {"taken, then 421",
       {ok, ok, ok, go, "250 ok\r\n421 bye\r\n"},
       {"end_of_data 250", "end_of_data 250"},
       "idle 421",
       true},
      {"answered too often",
       {ok, ok, ok, go, "250 ok\r\n250 ok\r\n"},
       {"end_of_data 250", "end_of_data 250"},
       "idle reply_malformed 250",
       true},
      {"QUIT unanswered", {ok, ok, ok, go, ok}, {"end_of_data 250", "end_of_data 250"}, "quit connection_lost", true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Record r = run(with(bare_ehlo, c.replies, {"a@x.example", "b@x.example"}));
    EXPECT_EQ(briefs(r), c.outcomes);
    EXPECT_EQ(closing(r), c.closing);
    EXPECT_EQ(r.results.at(0).sent_to_end, c.sent_to_end);
  }
}

TEST(ClientTransaction, LongRefusalKeepsItsCodeAndEnhancedCode) {
  std::string refusal;
  for (int i = 0; i < 29; ++i) refusal += "550-" + std::string(400, 'x') + "\r\n";
  refusal += "550 5.1.1 " + std::string(600, 'y') + "\x1b[31m\x00\xff\r\n";
  auto s = with(bare_ehlo, {"250 ok\r\n", refusal, "221 bye\r\n"});
  const Record r = run(s);
  ASSERT_THAT(briefs(r), ElementsAre("rcpt 550"));
  const auto& reply = *r.results[0].recipients[0].reply;
  EXPECT_EQ(reply.enhanced, (reply::EnhancedCode{5, 1, 1}));
  EXPECT_EQ(reply.lines.size(), 20u);
  for (const auto& line : reply.lines) EXPECT_LE(line.size(), 400u);
}

// ---- what the next hop lacks -------------------------------------------------------------------------------------

TEST(ClientTransaction, MissingIsFoundBeforeAnythingIsSent) {
  struct Case {
    const char* name;
    std::string offer;
    std::function<void(Transaction&)> change;
    Missing missing;
    const char* mail;  // what MAIL has, when it is sent
  };
  const auto eight = [](Transaction& t) { t.body_8bit = true; };
  const auto claimed = [](Transaction& t) { t.mail.body = BodyType::eight_bit; };
  const auto header = [](Transaction& t) { t.header_utf8 = t.body_8bit = true; };
  const auto local = [](Transaction& t) { t.recipients[0].recipient = path("jürgen@x.example"); };
  const auto domain = [](Transaction& t) { t.mail.sender = path("a@münchen.example"); };
  const auto binary = [](Transaction& t) { t.mail.body = BodyType::binary; };
  const auto big = [](Transaction& t) { t.size_octets = 1001; };
  const auto asked = [](Transaction& t) { t.mail.smtputf8 = true; };
  const Case cases[] = {
      {"8-bit", "SIZE", eight, Missing::eight_bit_mime, ""},
      {"8-bit offered", "8BITMIME", eight, Missing::none, " BODY=8BITMIME\r\n"},
      {"8-bit claimed only", "SIZE", claimed, Missing::none, "MAIL FROM:<a@us.example>\r\n"},
      {"UTF-8 header", "8BITMIME", header, Missing::smtputf8_header, ""},
      {"UTF-8 header offered", "8BITMIME\r\n250 SMTPUTF8", header, Missing::none, " BODY=8BITMIME SMTPUTF8\r\n"},
      {"UTF-8 local part", "8BITMIME", local, Missing::smtputf8_address, ""},
      {"UTF-8 local part offered", "SMTPUTF8", local, Missing::none, " SMTPUTF8\r\n"},
      {"UTF-8 domain", "8BITMIME", domain, Missing::none, "MAIL FROM:<a@xn--mnchen-3ya.example>\r\n"},
      {"SMTPUTF8 asked without need", "SMTPUTF8", asked, Missing::none, "MAIL FROM:<a@us.example>\r\n"},
      {"binary", "CHUNKING", binary, Missing::binarymime, ""},
      {"binary without CHUNKING", "BINARYMIME", binary, Missing::binarymime, ""},
      {"too big", "SIZE 1000", big, Missing::size, ""},
      {"big enough", "SIZE 1001", big, Missing::none, " SIZE=1001\r\n"},
      {"no limit said", "SIZE 0", big, Missing::none, " SIZE=1001\r\n"},
      {"no SIZE", "8BITMIME", big, Missing::none, "MAIL FROM:<a@us.example>\r\n"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    std::string offer = "250-mx\r\n250-" + c.offer + "\r\n";
    if (const auto last = offer.rfind("250"); true) offer[last + 3] = ' ';
    auto s = with(offer, {c.missing == Missing::none ? "550 no\r\n" : "221 bye\r\n", "221 bye\r\n"});
    c.change(s.transactions[0]);
    const Record r = run(s);
    ASSERT_EQ(r.results.size(), 1u);
    EXPECT_EQ(r.results[0].missing, c.missing);
    if (c.missing == Missing::none) {
      EXPECT_THAT(r.sent, HasSubstr(c.mail));
    } else {
      EXPECT_EQ(r.sent, "EHLO us.example\r\nQUIT\r\n");
      EXPECT_THAT(r.results[0].recipients, IsEmpty());
    }
  }
}

TEST(ClientTransaction, DsnParametersGoToServersWithDsnOnly) {
  for (const bool dsn : {false, true}) {
    auto s = with(ehlo({dsn ? "DSN" : "SIZE", "AUTH PLAIN"}), by_data);
    s.settings.tls = TlsUse::never;
    auto& t = s.transactions[0];
    t.mail.ret = Ret::headers;
    t.mail.envid = "QQ+2B314";
    t.mail.auth = "e=mc2@us.example";
    t.recipients[0].notify = 2 | 4 | 8;
    t.recipients[0].orcpt = "rfc822;Bob+2Bx@There.example";
    const Record r = run(s);
    EXPECT_THAT(r.sent, HasSubstr(" AUTH=e+3Dmc2@us.example\r\n"));
    if (dsn) {
      EXPECT_THAT(r.sent, HasSubstr("MAIL FROM:<a@us.example> RET=HDRS ENVID=QQ+2B314 AUTH="));
      EXPECT_THAT(
          r.sent,
          HasSubstr("RCPT TO:<b@there.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;Bob+2Bx@There.example\r\n"));
    } else {
      EXPECT_THAT(r.sent, HasSubstr("RCPT TO:<b@there.example>\r\n"));
      EXPECT_THAT(r.sent, Not(HasSubstr("ENVID")));
    }
  }
  auto s = with(ehlo({"DSN"}), {"250 ok\r\n", "550 ok\r\n", "221 bye\r\n"});
  EXPECT_THAT(run(s).sent,
              HasSubstr("MAIL FROM:<a@us.example>\r\nRCPT TO:<b@there.example>\r\n"));  // nothing invented
  s.transactions[0].recipients[0].notify = 1;
  EXPECT_THAT(run(s).sent, HasSubstr(" NOTIFY=NEVER\r\n"));
}

}  // namespace
}  // namespace postil::smtp
