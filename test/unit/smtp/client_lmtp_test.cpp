// LMTP, the client's side: LHLO, and behind the message a reply for each recipient that was taken. [rfc2033]
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using namespace client_test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Script lmtp(const std::string& hello, std::vector<std::string> replies, std::vector<std::string> to) {
  auto s = with(hello, std::move(replies), std::move(to));
  s.settings.lmtp = true;
  s.settings.tls = TlsUse::never;
  return s;
}

const std::vector<std::string> three{"a@x.example", "b@x.example", "c@x.example"};

TEST(ClientLmtp, EachRecipientHasAReplyOfItsOwn) {
  const auto s = lmtp(ehlo({"PIPELINING", "CHUNKING"}),
                      {"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "250 2.1.5 stored\r\n452 4.2.2 full\r\n",
                       "550 5.7.1 no\r\n", "221 bye\r\n"},
                      three);
  for (const std::size_t cut : {0u, 1u, 7u}) {
    const Record r = run(s, {.cut = cut});
    EXPECT_THAT(r.sent, testing::StartsWith("LHLO us.example\r\nMAIL FROM"));
    EXPECT_THAT(r.sent, Not(HasSubstr("BDAT")));
    EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250", "end_of_data 452", "end_of_data 550"));
    EXPECT_EQ(closing(r), "quit 221");
  }
}

TEST(ClientLmtp, TheRepliesAreThoseOfTheRecipientsThatWereTaken) {
  auto s = lmtp(bare_ehlo,
                {"250 ok\r\n", "250 ok\r\n", "550 5.1.1 unknown\r\n", "250 ok\r\n", "354 go\r\n", "250 first\r\n",
                 "451 4.3.0 third\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
                three);
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250", "rcpt 550", "end_of_data 451"));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
  EXPECT_THAT(r.sent, Not(HasSubstr("RSET"))) << "a part of them was delivered: the transaction is over";
}

TEST(ClientLmtp, WhatWasAnsweredStandsWhenTheConnectionIsLost) {
  const auto s =
      lmtp(ehlo({"PIPELINING"}), {"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "250 stored\r\n"}, three);
  const Record lost = run(s);
  EXPECT_THAT(briefs(lost),
              ElementsAre("end_of_data 250", "end_of_data connection_lost", "end_of_data connection_lost"));
  EXPECT_TRUE(lost.results[0].sent_to_end);
  const auto closing_early =
      lmtp(ehlo({"PIPELINING"}),
           {"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "250 stored\r\n421 4.3.2 closing\r\n"}, three);
  EXPECT_THAT(briefs(run(closing_early)), ElementsAre("end_of_data 250", "end_of_data 421", "end_of_data 421"));
}

TEST(ClientLmtp, AllRefused) {
  const Record all =
      run(lmtp(bare_ehlo,
               {"250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "550 5.7.1 spam\r\n",
                "550 5.7.1 spam\r\n", "550 5.7.1 spam\r\n", "250 reset\r\n", "221 bye\r\n"},
               three));
  EXPECT_THAT(briefs(all), ElementsAre("end_of_data 550", "end_of_data 550", "end_of_data 550"));
  // A server that wants a message for nobody would not answer its end.
  const Record none = run(lmtp(ehlo({"PIPELINING"}), {"250 ok\r\n550 no\r\n354 go\r\n"}, {"a@x.example"}));
  EXPECT_THAT(briefs(none), ElementsAre("rcpt 550"));
  EXPECT_THAT(none.sent, Not(HasSubstr("\r\n.\r\n")));
  EXPECT_EQ(closing(none), "data reply_malformed 354");
}

TEST(ClientLmtp, NoHelloOfAnotherKind) {
  const Record r = run(lmtp("500 5.5.1 LHLO is not known here\r\n", {}, {"a@x.example"}));
  EXPECT_EQ(r.sent, "LHLO us.example\r\n");
  EXPECT_EQ(closing(r), "ehlo 500");
}

}  // namespace
}  // namespace postil::smtp
