// How a connection begins: greeting, EHLO, extensions, STARTTLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using namespace client_test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// ---- greeting and EHLO -------------------------------------------------------------------------------------------

struct ClosingCase {
  const char* name;
  std::vector<std::string> replies;
  const char* closing;
  const char* last_words = "";
};

TEST(ClientOpening, EndsBeforeATransaction) {
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
    const Record r = run(s);
    EXPECT_EQ(closing(r), c.closing);
    EXPECT_EQ(r.last_words, c.last_words);
    EXPECT_THAT(r.results, IsEmpty());
  }
}

TEST(ClientOpening, HeloWhereEhloIsUnknown) {
  for (const char* refusal : {"500 what\r\n", "502 what\r\n", "504 what\r\n", "550 what\r\n"}) {
    auto s = with(refusal, {"250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
    s.transactions[0].size_octets = 100;
    const Record r = run(s);
    EXPECT_THAT(r.sent, StartsWith("EHLO us.example\r\nHELO us.example\r\nMAIL FROM:<a@us.example>\r\n"));
    EXPECT_FALSE(r.extensions.esmtp);
    EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
  }
}

TEST(ClientOpening, ExtensionsAreRead) {
  Script s;
  s.replies = {
      greeting,
      ehlo({"size 35882577", "PIPELINING", "8bitmime", "AUTH LOGIN PLAIN login", "AUTH=PLAIN XOAUTH2",
            "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "SMTPUTF8 yes", "DSN", "REQUIRETLS", "X-OWN thing"}),
      "221 bye\r\n"};
  s.settings.tls = TlsUse::never;
  const auto e = run(s).extensions;
  EXPECT_TRUE(e.esmtp && e.pipelining && e.eight_bit_mime && e.enhanced_status && e.chunking && e.binarymime &&
              e.smtputf8 && e.dsn && e.requiretls && e.size && !e.starttls);
  EXPECT_EQ(e.size_max, 35882577u);
  EXPECT_THAT(e.auth, ElementsAre("LOGIN", "PLAIN", "XOAUTH2"));
  EXPECT_THAT(e.unknown, ElementsAre("X-OWN thing"));
}

TEST(ClientOpening, OddKeywords) {
  Script s;
  s.replies = {greeting, ehlo({"SIZE 100000000000000000000000000", "AUTH", "\xff\xfe", "", "SIZEX", " PIPELINING"}),
               "221 bye\r\n"};
  const auto e = run(s).extensions;
  EXPECT_TRUE(e.size);
  EXPECT_EQ(e.size_max, 0u);
  EXPECT_THAT(e.auth, IsEmpty());
  EXPECT_TRUE(e.pipelining);
}

// One parameter that is none spoils all; a value that is none, that limit only. [rfc9422 3.7]
TEST(ClientOpening, LimitsAreRead) {
  struct Case {
    const char* line;
    std::uint32_t rcpt, mail, domain;
  };
  for (const Case& c : {Case{"LIMITS RCPTMAX=20 MAILMAX=5", 20, 5, 0},
                        {"limits rcptdomainmax=1", 0, 0, 1},
                        {"LIMITS RCPTMAX=0 MAILMAX=5", 0, 5, 0},
                        {"LIMITS RCPTMAX=1000000 MAILMAX=999999", 0, 999999, 0},
                        {"LIMITS RCPTMAX=2x MAILMAX=01 OTHER NEW-1=a,b RCPTDOMAINMAX=3", 0, 0, 3},
                        {"LIMITS RCPTMAX=20 MAIL!MAX=5", 0, 0, 0},
                        {"LIMITS RCPTMAX= MAILMAX=5", 0, 0, 0},
                        {"LIMITS RCPTMAX=20;MAILMAX=5", 0, 0, 0},
                        {"LIMITS", 0, 0, 0}}) {
    Script s;
    s.settings.tls = TlsUse::never;
    s.replies = {greeting, ehlo({c.line}), "221 bye\r\n"};
    const auto e = run(s).extensions;
    EXPECT_EQ(e.rcpt_max, c.rcpt) << c.line;
    EXPECT_EQ(e.mail_max, c.mail) << c.line;
    EXPECT_EQ(e.rcpt_domain_max, c.domain) << c.line;
  }
}

TEST(ClientOpening, ManyExtensionLinesAreAllRead) {
  std::string reply = "250-mx\r\n";
  for (int i = 0; i < 60; ++i) reply += "250-X-THING" + std::to_string(i) + "\r\n";
  reply += "250 PIPELINING\r\n";
  Script s;
  s.replies = {greeting, reply, "221 bye\r\n"};
  EXPECT_TRUE(run(s).extensions.pipelining);
}

// ---- STARTTLS ----------------------------------------------------------------------------------------------------

TEST(ClientOpening, StartTlsForgetsWhatWasSaidBefore) {
  auto s = with(
      ehlo({"STARTTLS", "PIPELINING", "SIZE 5"}),
      {"220 go\r\n", ehlo({"8BITMIME"}), "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
  s.transactions[0].size_octets = 100;
  const Record r = run(s);
  EXPECT_THAT(r.sent,
              StartsWith("EHLO us.example\r\nSTARTTLS\r\n[TLS]EHLO us.example\r\nMAIL FROM:<a@us.example>\r\n"));
  EXPECT_FALSE(r.extensions.pipelining);
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
}

TEST(ClientOpening, TlsOutcomes) {
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
    const Record r = run(s);
    EXPECT_EQ(closing(r), c.closing);
    EXPECT_THAT(r.sent, HasSubstr(c.sent_with));
  }
}

}  // namespace
}  // namespace postil::smtp
