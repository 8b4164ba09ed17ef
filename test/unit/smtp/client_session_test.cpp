// ClientSession against scripted next hops: what is sent, and what each recipient's outcome is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"
#include "crypto/base64.hpp"

namespace postil::smtp {
namespace {

using client_test::Record;
using client_test::Script;
using client_test::transaction;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* greeting = "220 mx.example ESMTP\r\n";
constexpr const char* bare_ehlo = "250 mx.example\r\n";

std::string ehlo(std::initializer_list<std::string_view> keywords) {
  std::string out = keywords.size() == 0 ? "250 mx.example\r\n" : "250-mx.example\r\n";
  std::size_t left = keywords.size();
  for (const auto k : keywords) out += std::string(--left == 0 ? "250 " : "250-") + std::string(k) + "\r\n";
  return out;
}

Script with(std::vector<std::string> replies, std::vector<std::string> to = {"b@there.example"},
            std::string body = "Subject: x\r\n\r\nhello\r\n") {
  Script s;
  s.replies = std::move(replies);
  s.transactions = {transaction("a@us.example", std::move(to))};
  s.bodies = {std::move(body)};
  return s;
}

// The stage and code (or trouble) of an outcome: "rcpt 550", "mail timed_out".
std::string brief(const Outcome& o) {
  std::string out(to_string(o.stage));
  if (o.trouble != Trouble::none) out += " " + std::string(to_string(o.trouble));
  if (o.reply) out += " " + std::to_string(o.reply->code);
  return out;
}
std::vector<std::string> briefs(const Record& r, std::size_t transaction_index = 0) {
  std::vector<std::string> out;
  if (transaction_index >= r.results.size()) return {"no result"};
  for (const auto& o : r.results[transaction_index].recipients) out.push_back(brief(o));
  return out;
}
std::string closing(const Record& r) {
  return r.closed ? brief(*r.closed) : "not closed";
}

// ---- plain -------------------------------------------------------------------------------------------------------

TEST(ClientSession, PlainTransaction) {
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 2.0.0 taken\r\n", "221 bye\r\n"});
  s.bodies = {"Subject: x\r\n\r\n.dot\r\nend"};
  const Record r = client_test::run(s);
  EXPECT_EQ(r.sent,
            "EHLO us.example\r\nMAIL FROM:<a@us.example>\r\nRCPT TO:<b@there.example>\r\nDATA\r\n"
            "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
  EXPECT_TRUE(r.results[0].recipients[0].ok());
  EXPECT_TRUE(r.results[0].sent_to_end);
  EXPECT_EQ(closing(r), "quit 221");
  EXPECT_TRUE(r.closed->ok());
}

TEST(ClientSession, EmptyMessage) {
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"b@x.example"}, "");
  EXPECT_THAT(client_test::run(s).sent, HasSubstr("DATA\r\n.\r\nQUIT"));
}

TEST(ClientSession, BareCodesAndLineFeedsAreReplies) {
  auto s = with({"220\n", "250\n", "250 \n", "250\r\n", "354\r\n", "250\n", "221\n"});
  EXPECT_THAT(briefs(client_test::run(s)), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, NullSender) {
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
  s.transactions[0].mail.sender = {};
  EXPECT_THAT(client_test::run(s).sent, HasSubstr("MAIL FROM:<>\r\n"));
}

TEST(ClientSession, SecondTransactionWithoutRset) {
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "250 ok\r\n",
                 "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
  s.transactions.push_back(transaction("c@us.example", {"d@x.example"}));
  s.bodies.push_back("second\r\n");
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("RSET")));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, RsetOnlyAfterAFailedTransaction) {
  auto s = with({greeting, bare_ehlo, "550 no\r\n", "250 reset\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                 "250 taken\r\n", "221 bye\r\n"});
  s.transactions.push_back(transaction("c@us.example", {"d@x.example"}));
  s.bodies.push_back("second\r\n");
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, HasSubstr("MAIL FROM:<a@us.example>\r\nRSET\r\nMAIL FROM:<c@us.example>\r\n"));
  EXPECT_THAT(briefs(r, 0), ElementsAre("mail 550"));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, AnOddReplyToRsetIsNoDelivery) {
  auto s = with({greeting, bare_ehlo, "550 no\r\n", "354 go\r\n"});
  s.transactions.push_back(transaction("c@us.example", {"d@x.example"}));
  s.bodies.push_back("second\r\n");
  const Record r = client_test::run(s);
  EXPECT_THAT(briefs(r, 1), ElementsAre("idle reply_malformed 354"));
  EXPECT_FALSE(r.results[1].recipients[0].ok());
}

TEST(ClientSession, ARefusedRsetSaysNothingOfTheMessage) {
  auto s = with({greeting, bare_ehlo, "550 no\r\n", "503 what\r\n"});
  s.transactions.push_back(transaction("c@us.example", {"d@x.example"}));
  s.bodies.push_back("second\r\n");
  const Record r = client_test::run(s);
  EXPECT_THAT(briefs(r, 1), ElementsAre("idle 503"));
  EXPECT_EQ(closing(r), "idle 503");
}

// ---- greeting and EHLO -------------------------------------------------------------------------------------------

struct ClosingCase {
  const char* name;
  std::vector<std::string> replies;
  const char* closing;
  const char* last_words = "";
};

TEST(ClientSession, EndsBeforeATransaction) {
  const std::string endless_line(70'000, 'x');
  std::string endless_lines, ten_megabytes;
  for (int i = 0; i < 600; ++i) endless_lines += "220-more\r\n";
  while (ten_megabytes.size() < 10'000'000) ten_megabytes += "250-X-" + std::string(900, 'y') + "\r\n";
  const ClosingCase cases[] = {
      {"greeting 421", {"421 later\r\n"}, "greeting 421"},
      {"greeting 450", {"450 later\r\n"}, "greeting 450", "QUIT\r\n"},
      {"greeting 521", {"521 5.3.2 no mail here\r\n"}, "greeting 521", "QUIT\r\n"},
      {"greeting 554", {"554-go\r\n554 away\r\n"}, "greeting 554", "QUIT\r\n"},
      {"greeting 354", {"354 what\r\n"}, "greeting reply_malformed 354"},
      {"greeting 1yz", {"120 wait\r\n"}, "greeting reply_malformed"},
      {"greeting 999", {"999 wait\r\n"}, "greeting reply_malformed"},
      {"short code", {"25\r\n"}, "greeting reply_malformed"},
      {"no code", {"hello\r\n"}, "greeting reply_malformed"},
      {"HTTP", {"HTTP/1.1 400 Bad Request\r\n"}, "greeting reply_malformed"},
      {"TLS alert", {std::string("\x15\x03\x01\x00\x02\x02\x0a", 7) + "\n"}, "greeting reply_malformed"},
      {"code and letters", {"220mx\r\n"}, "greeting reply_malformed"},
      {"empty line", {"\r\n"}, "greeting reply_malformed"},
      {"endless line", {endless_line}, "greeting reply_too_long"},
      {"endless lines", {endless_lines}, "greeting reply_too_long"},
      {"two classes", {"220-a\r\n554 b\r\n"}, "greeting reply_malformed"},
      {"EHLO 421", {greeting, "421 later\r\n"}, "ehlo 421"},
      {"EHLO 451", {greeting, "451 later\r\n"}, "ehlo 451", "QUIT\r\n"},
      {"EHLO 10 MB", {greeting, ten_megabytes}, "ehlo reply_too_long"},
      {"EHLO two classes", {greeting, "250-a\r\n500 b\r\n"}, "ehlo reply_malformed"},
      {"EHLO 354", {greeting, "354 b\r\n"}, "ehlo reply_malformed 354"},
      {"EHLO and HELO 550", {greeting, "550 no\r\n", "550 no\r\n"}, "ehlo 550", "QUIT\r\n"},
      {"HELO 421", {greeting, "502 what\r\n", "421 no\r\n"}, "ehlo 421"},
      {"two greetings", {"220 a\r\n220 b\r\n"}, "idle reply_malformed 220"},
      {"QUIT 500", {greeting, bare_ehlo, "500 what\r\n"}, "quit 500"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Script s;
    s.replies = c.replies;
    const Record r = client_test::run(s);
    EXPECT_EQ(closing(r), c.closing);
    EXPECT_EQ(r.last_words, c.last_words);
    EXPECT_THAT(r.results, IsEmpty());
  }
}

TEST(ClientSession, HeloWhereEhloIsUnknown) {
  for (const char* refusal : {"500 what\r\n", "502 what\r\n", "504 what\r\n", "550 what\r\n"}) {
    auto s = with(
        {greeting, refusal, "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
    s.transactions[0].size_octets = 100;
    const Record r = client_test::run(s);
    EXPECT_THAT(r.sent, StartsWith("EHLO us.example\r\nHELO us.example\r\nMAIL FROM:<a@us.example>\r\n"));
    EXPECT_FALSE(r.extensions.esmtp);
    EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
  }
}

TEST(ClientSession, ExtensionsAreRead) {
  Script s;
  s.replies = {
      greeting,
      ehlo({"size 35882577", "PIPELINING", "8bitmime", "AUTH LOGIN PLAIN login", "AUTH=PLAIN XOAUTH2",
            "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "SMTPUTF8 yes", "DSN", "REQUIRETLS", "X-OWN thing"}),
      "221 bye\r\n"};
  s.settings.tls = TlsUse::never;
  const auto e = client_test::run(s).extensions;
  EXPECT_TRUE(e.esmtp && e.pipelining && e.eight_bit_mime && e.enhanced_status && e.chunking && e.binarymime &&
              e.smtputf8 && e.dsn && e.requiretls && e.size && !e.starttls);
  EXPECT_EQ(e.size_max, 35882577u);
  EXPECT_THAT(e.auth, ElementsAre("LOGIN", "PLAIN", "XOAUTH2"));
  EXPECT_THAT(e.unknown, ElementsAre("X-OWN thing"));
}

TEST(ClientSession, OddKeywords) {
  Script s;
  s.replies = {greeting, ehlo({"SIZE 100000000000000000000000000", "AUTH", "\xff\xfe", "", "SIZEX", " PIPELINING"}),
               "221 bye\r\n"};
  const auto e = client_test::run(s).extensions;
  EXPECT_TRUE(e.size);
  EXPECT_EQ(e.size_max, 0u);
  EXPECT_THAT(e.auth, IsEmpty());
  EXPECT_TRUE(e.pipelining);
}

TEST(ClientSession, ManyExtensionLinesAreAllRead) {
  std::string reply = "250-mx\r\n";
  for (int i = 0; i < 60; ++i) reply += "250-X-THING" + std::to_string(i) + "\r\n";
  reply += "250 PIPELINING\r\n";
  Script s;
  s.replies = {greeting, reply, "221 bye\r\n"};
  EXPECT_TRUE(client_test::run(s).extensions.pipelining);
}

// ---- STARTTLS ----------------------------------------------------------------------------------------------------

TEST(ClientSession, StartTlsForgetsWhatWasSaidBefore) {
  auto s = with({greeting, ehlo({"STARTTLS", "PIPELINING", "SIZE 5"}), "220 go\r\n", ehlo({"8BITMIME"}), "250 ok\r\n",
                 "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
  s.transactions[0].size_octets = 100;
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent,
              StartsWith("EHLO us.example\r\nSTARTTLS\r\n[TLS]EHLO us.example\r\nMAIL FROM:<a@us.example>\r\n"));
  EXPECT_FALSE(r.extensions.pipelining);
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, TlsOutcomes) {
  struct Case {
    const char* name;
    TlsUse use;
    std::vector<std::string> replies;
    bool handshake_works;
    const char* closing;
    const char* sent_with = "";
  };
  const std::string offer = ehlo({"STARTTLS"});
  const Case cases[] = {
      {"never", TlsUse::never, {greeting, offer, "221 bye\r\n"}, true, "quit 221", "EHLO us.example\r\nQUIT"},
      {"not offered, required", TlsUse::required, {greeting, bare_ehlo}, true, "starttls tls_not_offered"},
      {"not offered after HELO, required",
       TlsUse::required,
       {greeting, "500 what\r\n", "250 mx\r\n"},
       true,
       "starttls tls_not_offered"},
      {"refused, required", TlsUse::required, {greeting, offer, "454 no\r\n"}, true, "starttls tls_refused 454"},
      {"refused 5yz, required", TlsUse::required, {greeting, offer, "554 no\r\n"}, true, "starttls tls_refused 554"},
      {"refused, opportunistic",
       TlsUse::opportunistic,
       {greeting, offer, "454 no\r\n", "221 bye\r\n"},
       true,
       "quit 221",
       "STARTTLS\r\nQUIT"},
      {"refused 5yz, opportunistic",
       TlsUse::opportunistic,
       {greeting, offer, "500 no\r\n", "221 bye\r\n"},
       true,
       "quit 221"},
      {"refused 421", TlsUse::opportunistic, {greeting, offer, "421 no\r\n"}, true, "starttls 421"},
      {"garbage",
       TlsUse::opportunistic,
       {greeting, offer, "\x16\x03\x01garbage\r\n"},
       true,
       "starttls reply_malformed"},
      {"handshake fails, opportunistic",
       TlsUse::opportunistic,
       {greeting, offer, "220 go\r\n"},
       false,
       "tls tls_failed"},
      {"handshake fails, required", TlsUse::required, {greeting, offer, "220 go\r\n"}, false, "tls tls_failed"},
      {"injection",
       TlsUse::opportunistic,
       {greeting, offer, "220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n"},
       true,
       "starttls reply_malformed"},
      {"one octet injected", TlsUse::required, {greeting, offer, "220 go\r\n2"}, true, "starttls reply_malformed"},
      {"EHLO refused inside TLS",
       TlsUse::required,
       {greeting, offer, "220 go\r\n", "554 no\r\n", "554 no\r\n"},
       true,
       "ehlo 554"},
      {"offered again inside TLS",
       TlsUse::required,
       {greeting, offer, "220 go\r\n", offer, "221 bye\r\n"},
       true,
       "quit 221"},
      {"implicit",
       TlsUse::implicit,
       {greeting, offer, "221 bye\r\n"},
       true,
       "quit 221",
       "[TLS]EHLO us.example\r\nQUIT"},
      {"implicit fails", TlsUse::implicit, {}, false, "tls tls_failed", "[TLS]"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Script s;
    s.settings.tls = c.use;
    s.replies = c.replies;
    if (!c.handshake_works) s.tls.reset();
    const Record r = client_test::run(s);
    EXPECT_EQ(closing(r), c.closing);
    EXPECT_THAT(r.sent, HasSubstr(c.sent_with));
  }
}

// ---- refusals ----------------------------------------------------------------------------------------------------

TEST(ClientSession, RecipientsByThemselves) {
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", "550 5.1.1 unknown\r\n", "250 ok\r\n", "450 4.2.1 later\r\n",
                 "251 forwarded\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"a@x.example", "b@x.example", "c@x.example", "d@x.example"});
  EXPECT_THAT(briefs(client_test::run(s)), ElementsAre("rcpt 550", "end_of_data 250", "rcpt 450", "end_of_data 250"));
}

TEST(ClientSession, NoDataWhenNobodyWasTaken) {
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", "550 no\r\n", "450 no\r\n", "221 bye\r\n"},
                {"a@x.example", "b@x.example"});
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("DATA")));
  EXPECT_THAT(briefs(r), ElementsAre("rcpt 550", "rcpt 450"));
  EXPECT_FALSE(r.results[0].sent_to_end);
}

TEST(ClientSession, TransactionEnds) {
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
    std::vector<std::string> replies{greeting, bare_ehlo};
    replies.insert(replies.end(), c.replies.begin(), c.replies.end());
    const Record r = client_test::run(with(replies, {"a@x.example", "b@x.example"}));
    EXPECT_EQ(briefs(r), c.outcomes);
    EXPECT_EQ(closing(r), c.closing);
    EXPECT_EQ(r.results.at(0).sent_to_end, c.sent_to_end);
  }
}

TEST(ClientSession, LongRefusalKeepsItsCodeAndEnhancedCode) {
  std::string refusal;
  for (int i = 0; i < 29; ++i) refusal += "550-" + std::string(400, 'x') + "\r\n";
  refusal += "550 5.1.1 " + std::string(600, 'y') + "\x1b[31m\x00\xff\r\n";
  auto s = with({greeting, bare_ehlo, "250 ok\r\n", refusal, "221 bye\r\n"});
  const Record r = client_test::run(s);
  ASSERT_THAT(briefs(r), ElementsAre("rcpt 550"));
  const auto& reply = *r.results[0].recipients[0].reply;
  EXPECT_EQ(reply.enhanced, (reply::EnhancedCode{5, 1, 1}));
  EXPECT_EQ(reply.lines.size(), 20u);
  for (const auto& line : reply.lines) EXPECT_LE(line.size(), 400u);
}

// ---- pipelining --------------------------------------------------------------------------------------------------

TEST(ClientSession, PipelinedInOneWrite) {
  auto s =
      with({greeting, ehlo({"PIPELINING"}), "250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
           {"a@x.example", "b@x.example"});
  const Record r = client_test::run(s);
  EXPECT_THAT(r.writes,
              ElementsAre("", "EHLO us.example\r\n",
                          "MAIL FROM:<a@us.example>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n",
                          "Subject: x\r\n\r\nhello\r\n.\r\n", "QUIT\r\n"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250", "rcpt 550"));
}

TEST(ClientSession, PipelinedMailRefused) {
  auto s = with({greeting, ehlo({"PIPELINING"}), "550 5.7.1 no\r\n503 x\r\n503 x\r\n503 x\r\n", "221 bye\r\n"},
                {"a@x.example", "b@x.example"});
  const Record r = client_test::run(s);
  EXPECT_THAT(briefs(r), ElementsAre("mail 550", "mail 550"));
  EXPECT_THAT(r.sent, EndsWith("DATA\r\nQUIT\r\n"));
}

TEST(ClientSession, PipelinedMailRefusedButDataTaken) {
  auto s = with({greeting, ehlo({"PIPELINING"}), "451 no\r\n250 x\r\n354 go\r\n", "250 empty\r\n", "221 bye\r\n"});
  const Record r = client_test::run(s);
  EXPECT_THAT(briefs(r), ElementsAre("mail 451"));
  EXPECT_THAT(r.sent, EndsWith("DATA\r\n.\r\nQUIT\r\n"));
  EXPECT_FALSE(r.results[0].sent_to_end);
  EXPECT_EQ(closing(r), "quit 221");
}

TEST(ClientSession, PipelinedNobodyTakenButDataTaken) {
  for (const char* dot : {"250 empty\r\n", "554 no valid recipients\r\n"}) {
    auto s = with({greeting, ehlo({"PIPELINING"}), "250 ok\r\n550 no\r\n450 no\r\n354 go\r\n", dot, "221 bye\r\n"},
                  {"a@x.example", "b@x.example"});
    const Record r = client_test::run(s);
    EXPECT_THAT(briefs(r), ElementsAre("rcpt 550", "rcpt 450"));
    EXPECT_THAT(r.sent, EndsWith("DATA\r\n.\r\nQUIT\r\n"));
    EXPECT_THAT(r.sent, Not(HasSubstr("hello")));
    EXPECT_FALSE(r.results[0].sent_to_end);
  }
}

TEST(ClientSession, PipelinedNobodyTakenAndDataRefused) {
  auto s = with({greeting, ehlo({"PIPELINING"}), "250 ok\r\n550 no\r\n554 no valid recipients\r\n", "221 bye\r\n"});
  const Record r = client_test::run(s);
  EXPECT_THAT(briefs(r), ElementsAre("rcpt 550"));
  EXPECT_EQ(closing(r), "quit 221");
}

TEST(ClientSession, ManyRecipientsStayWithinTheWindow) {
  std::vector<std::string> to;
  std::string replies = "250 ok\r\n";
  for (int i = 0; i < 2000; ++i) {
    to.push_back("recipient-with-a-long-name-" + std::to_string(i) + "@x.example");
    replies += i % 7 == 3 ? "550 5.1.1 no\r\n" : "250 ok\r\n";
  }
  // Given all replies at once a server would have answered what was not asked yet: answer what was written, as it
  // comes.
  client_test::Script s = with({}, to);
  s.answer = [n = 0](const std::string& output) mutable {
    std::string out;
    for (std::size_t at = 0; at < output.size();) {
      const auto end = output.find("\r\n", at) + 2;
      const std::string_view line = std::string_view(output).substr(at, end - at);
      at = end;
      if (line.starts_with("EHLO")) out += "250-mx\r\n250 PIPELINING\r\n";
      if (line.starts_with("MAIL")) out += "250 ok\r\n";
      if (line.starts_with("RCPT")) out += n++ % 7 == 3 ? "550 5.1.1 no\r\n" : "250 ok\r\n";
      if (line == "DATA\r\n") out += "354 go\r\n";
      if (line == ".\r\n") out += "250 taken\r\n";
      if (line == "QUIT\r\n") out += "221 bye\r\n";
    }
    return output.empty() ? std::string("220 mx\r\n") : out;
  };
  const Record r = client_test::run(s);
  ASSERT_EQ(r.results.size(), 1u);
  for (std::size_t i = 0; i < 2000; ++i) {
    EXPECT_EQ(brief(r.results[0].recipients[i]), i % 7 == 3 ? "rcpt 550" : "end_of_data 250") << i;
  }
  for (const auto& write : r.writes) EXPECT_LE(write.size(), 40'000u);
  EXPECT_LE(r.writes.size(), 12u);
}

// ---- CHUNKING ----------------------------------------------------------------------------------------------------

TEST(ClientSession, OneChunk) {
  auto s = with({greeting, ehlo({"PIPELINING", "CHUNKING"}), "250 ok\r\n250 ok\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"b@x.example"}, ".a\r\n.\r\nb");
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, EndsWith("RCPT TO:<b@x.example>\r\nBDAT 8 LAST\r\n.a\r\n.\r\nbQUIT\r\n"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, EmptyChunk) {
  auto s = with({greeting, ehlo({"CHUNKING"}), "250 ok\r\n", "250 ok\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"b@x.example"}, "");
  EXPECT_THAT(client_test::run(s).sent, HasSubstr("BDAT 0 LAST\r\nQUIT"));
}

TEST(ClientSession, ChunksOneByOne) {
  auto s = with({greeting, ehlo({"CHUNKING"}), "250 ok\r\n", "250 ok\r\n", "250 c1\r\n", "250 c2\r\n", "250 taken\r\n",
                 "221 bye\r\n"},
                {"b@x.example"}, "one\r\ntwo\r\nthree\r\n");
  s.body_cut = 6;
  const Record r = client_test::run(s);
  // The CR at the first cut waits for its LF.
  EXPECT_THAT(r.sent, HasSubstr("BDAT 6\r\none\r\ntBDAT 6\r\nwo\r\nthBDAT 5 LAST\r\nree\r\nQUIT"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, ChunkRefused) {
  auto s =
      with({greeting, ehlo({"CHUNKING"}), "250 ok\r\n", "250 ok\r\n", "250 c1\r\n", "552 too big\r\n", "221 bye\r\n"},
           {"b@x.example"}, "one\r\ntwo\r\nthree\r\n");
  s.body_cut = 6;
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("LAST")));
  EXPECT_THAT(briefs(r), ElementsAre("body 552"));
  EXPECT_FALSE(r.results[0].sent_to_end);
  EXPECT_EQ(closing(r), "quit 221");
}

TEST(ClientSession, ChunkRefusedWithOthersInThePipe) {
  // 8 chunks are written before a reply is waited for.
  auto s = with({greeting, ehlo({"PIPELINING", "CHUNKING"}), "250 ok\r\n250 ok\r\n",
                 "250 c1\r\n552 too big\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n",
                 "250 reset\r\n250 ok\r\n250 ok\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"b@x.example"}, std::string(90, 'x'));
  s.body_cut = 10;
  s.transactions.push_back(transaction("c@us.example", {"d@x.example"}));
  s.bodies.push_back("second\r\n");
  const Record r = client_test::run(s);
  EXPECT_THAT(briefs(r), ElementsAre("body 552"));
  EXPECT_THAT(r.sent, HasSubstr("xRSET\r\nMAIL FROM:<c@us.example>"));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
}

TEST(ClientSession, NoChunkWhenNobodyWasTaken) {
  auto s = with({greeting, ehlo({"PIPELINING", "CHUNKING"}), "250 ok\r\n550 no\r\n", "221 bye\r\n"});
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("BDAT")));
  EXPECT_THAT(briefs(r), ElementsAre("rcpt 550"));
}

TEST(ClientSession, SwitchedOffExtensionsAreNotUsed) {
  auto s = with({greeting, ehlo({"PIPELINING", "CHUNKING"}), "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n",
                 "221 bye\r\n"});
  s.settings.pipelining = s.settings.chunking = false;
  EXPECT_THAT(briefs(client_test::run(s)), ElementsAre("end_of_data 250"));
}

// ---- the body ----------------------------------------------------------------------------------------------------

TEST(ClientSession, DotsAreDoubledWhateverTheCuts) {
  const std::string body = ".\r\n..\r\n.x\r\n\r\n.\r\nend.\r\n.";
  std::string first;
  for (std::size_t cut = 1; cut <= body.size(); ++cut) {
    auto s = with({greeting, bare_ehlo, "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
                  {"b@x.example"}, body);
    s.body_cut = cut;
    const Record r = client_test::run(s);
    EXPECT_THAT(r.sent, HasSubstr("DATA\r\n..\r\n...\r\n..x\r\n\r\n..\r\nend.\r\n..\r\n.\r\nQUIT")) << cut;
  }
}

TEST(ClientSession, BareLineEndsNeverLeave) {
  for (const std::string bad : {"a\nb\r\n", "a\rb\r\n", "\n", "\r", "a\r\n.\n", "a\r\r\n", "abc\r\n\n", "a\r\n.\r"}) {
    for (std::size_t cut = 1; cut <= bad.size(); ++cut) {
      for (const bool chunking : {false, true}) {
        auto s = with(
            {greeting, ehlo({chunking ? "CHUNKING" : "SIZE"}), "250 ok\r\n", "250 ok\r\n",
             chunking ? "250 c\r\n" : "354 go\r\n", "250 c\r\n", "250 c\r\n", "250 c\r\n", "250 c\r\n", "250 c\r\n"},
            {"b@x.example"}, bad);
        s.body_cut = cut;
        const Record r = client_test::run(s);
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

TEST(ClientSession, BinaryGoesAsItIs) {
  auto s = with({greeting, ehlo({"CHUNKING", "BINARYMIME", "8BITMIME"}), "250 ok\r\n", "250 ok\r\n", "250 taken\r\n",
                 "221 bye\r\n"},
                {"b@x.example"}, std::string("a\n\r\0\xff", 5));
  s.transactions[0].mail.body = BodyType::binary;
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, HasSubstr(" BODY=BINARYMIME\r\n"));
  EXPECT_THAT(r.sent, HasSubstr(std::string("BDAT 5 LAST\r\na\n\r\0\xff", 18)));
}

TEST(ClientSession, TheDiskFailsInTheMiddle) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  session.start(now);
  session.bytes("220 a\r\n", now);
  session.bytes("250 a\r\n", now);
  session.send(transaction("a@us.example", {"b@x.example"}), now);
  session.bytes("250 a\r\n", now);
  session.bytes("250 a\r\n", now);
  auto action = session.bytes("354 a\r\n", now);
  ASSERT_TRUE(std::holds_alternative<NeedBody>(action));
  ASSERT_TRUE(std::holds_alternative<ClientWrite>(session.body("abc\r\n", false, now)));
  ASSERT_TRUE(std::holds_alternative<NeedBody>(session.written(now)));
  action = session.body_failed(now);
  ASSERT_TRUE(std::holds_alternative<ClientClose>(action));
  EXPECT_EQ(std::get<ClientClose>(action).output, "");
  EXPECT_EQ(brief(session.take_result().recipients[0]), "body body_unreadable");
}

TEST(ClientSession, AnAnswerInsideTheMessageIsKept) {
  ClientSession session({.host_name = "us.example"}, 1);
  const MonoTime now{};
  session.start(now);
  session.bytes("220 a\r\n", now);
  session.bytes("250 a\r\n", now);
  session.send(transaction("a@us.example", {"b@x.example"}), now);
  session.bytes("250 a\r\n", now);
  session.bytes("250 a\r\n", now);
  session.bytes("354 a\r\n", now);
  session.body("abc\r\n", false, now);
  const auto action = session.bytes("552 5.3.4 too much\r\n", now);
  ASSERT_TRUE(std::holds_alternative<ClientClose>(action));
  EXPECT_EQ(brief(session.take_result().recipients[0]), "body 552");
}

// ---- what the next hop lacks -------------------------------------------------------------------------------------

TEST(ClientSession, MissingIsFoundBeforeAnythingIsSent) {
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
  const auto local = [](Transaction& t) { t.recipients[0].recipient = client_test::path("jürgen@x.example"); };
  const auto domain = [](Transaction& t) { t.mail.sender = client_test::path("a@münchen.example"); };
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
    auto s = with({greeting, offer, c.missing == Missing::none ? "550 no\r\n" : "221 bye\r\n", "221 bye\r\n"});
    c.change(s.transactions[0]);
    const Record r = client_test::run(s);
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

TEST(ClientSession, DsnParametersGoToServersWithDsnOnly) {
  for (const bool dsn : {false, true}) {
    auto s = with({greeting, ehlo({dsn ? "DSN" : "SIZE", "AUTH PLAIN"}), "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                   "250 taken\r\n", "221 bye\r\n"});
    s.settings.tls = TlsUse::never;
    auto& t = s.transactions[0];
    t.mail.ret = Ret::headers;
    t.mail.envid = "QQ+2B314";
    t.mail.auth = "e=mc2@us.example";
    t.recipients[0].notify = 2 | 4 | 8;
    t.recipients[0].orcpt = "rfc822;Bob+2Bx@There.example";
    const Record r = client_test::run(s);
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
  auto s = with({greeting, ehlo({"DSN"}), "250 ok\r\n", "550 ok\r\n", "221 bye\r\n"});
  EXPECT_THAT(client_test::run(s).sent,
              HasSubstr("MAIL FROM:<a@us.example>\r\nRCPT TO:<b@there.example>\r\n"));  // nothing invented
  s.transactions[0].recipients[0].notify = 1;
  EXPECT_THAT(client_test::run(s).sent, HasSubstr(" NOTIFY=NEVER\r\n"));
}

// ---- time and loss -----------------------------------------------------------------------------------------------

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
  session.start(now);
  session.bytes("220 a\r\n", now);
  session.bytes("250 a\r\n", now);
  session.send(transaction("a@us.example", {"b@x.example"}), now);
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
