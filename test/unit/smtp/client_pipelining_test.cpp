// Several commands and chunks in one write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using namespace client_test;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// ---- pipelining --------------------------------------------------------------------------------------------------

TEST(ClientPipelining, PipelinedInOneWrite) {
  auto s = with(ehlo({"PIPELINING"}), {"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"a@x.example", "b@x.example"});
  const Record r = run(s);
  EXPECT_THAT(r.writes,
              ElementsAre("", "EHLO us.example\r\n",
                          "MAIL FROM:<a@us.example>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n",
                          "Subject: x\r\n\r\nhello\r\n.\r\n", "QUIT\r\n"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250", "rcpt 550"));
}

TEST(ClientPipelining, PipelinedMailRefused) {
  auto s = with(ehlo({"PIPELINING"}), {"550 5.7.1 no\r\n503 x\r\n503 x\r\n503 x\r\n", "221 bye\r\n"},
                {"a@x.example", "b@x.example"});
  const Record r = run(s);
  EXPECT_THAT(briefs(r), ElementsAre("mail 550", "mail 550"));
  EXPECT_THAT(r.sent, EndsWith("DATA\r\nQUIT\r\n"));
}

TEST(ClientPipelining, PipelinedMailRefusedButDataTaken) {
  auto s = with(ehlo({"PIPELINING"}), {"451 no\r\n250 x\r\n354 go\r\n", "250 empty\r\n", "221 bye\r\n"});
  const Record r = run(s);
  EXPECT_THAT(briefs(r), ElementsAre("mail 451"));
  EXPECT_THAT(r.sent, EndsWith("DATA\r\n.\r\nQUIT\r\n"));
  EXPECT_FALSE(r.results[0].sent_to_end);
  EXPECT_EQ(closing(r), "quit 221");
}

TEST(ClientPipelining, PipelinedNobodyTakenButDataTaken) {
  for (const char* dot : {"250 empty\r\n", "554 no valid recipients\r\n"}) {
    auto s = with(ehlo({"PIPELINING"}), {"250 ok\r\n550 no\r\n450 no\r\n354 go\r\n", dot, "221 bye\r\n"},
                  {"a@x.example", "b@x.example"});
    const Record r = run(s);
    EXPECT_THAT(briefs(r), ElementsAre("rcpt 550", "rcpt 450"));
    EXPECT_THAT(r.sent, EndsWith("DATA\r\n.\r\nQUIT\r\n"));
    EXPECT_THAT(r.sent, Not(HasSubstr("hello")));
    EXPECT_FALSE(r.results[0].sent_to_end);
  }
}

TEST(ClientPipelining, PipelinedNobodyTakenAndDataRefused) {
  auto s = with(ehlo({"PIPELINING"}), {"250 ok\r\n550 no\r\n554 no valid recipients\r\n", "221 bye\r\n"});
  const Record r = run(s);
  EXPECT_THAT(briefs(r), ElementsAre("rcpt 550"));
  EXPECT_EQ(closing(r), "quit 221");
}

TEST(ClientPipelining, ManyRecipientsStayWithinTheWindow) {
  std::vector<std::string> to;
  std::string replies = "250 ok\r\n";
  for (int i = 0; i < 2000; ++i) {
    to.push_back("recipient-with-a-long-name-" + std::to_string(i) + "@x.example");
    replies += i % 7 == 3 ? "550 5.1.1 no\r\n" : "250 ok\r\n";
  }
  // Given all replies at once a server would have answered what was not asked yet: answer what was written, as it
  // comes.
  Script s = with("", {}, to);
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
  const Record r = run(s);
  ASSERT_EQ(r.results.size(), 1u);
  for (std::size_t i = 0; i < 2000; ++i) {
    EXPECT_EQ(brief(r.results[0].recipients[i]), i % 7 == 3 ? "rcpt 550" : "end_of_data 250") << i;
  }
  for (const auto& write : r.writes) EXPECT_LE(write.size(), 40'000u);
  EXPECT_LE(r.writes.size(), 12u);
}

// ---- CHUNKING ----------------------------------------------------------------------------------------------------

TEST(ClientPipelining, OneChunk) {
  auto s = with(ehlo({"PIPELINING", "CHUNKING"}), {"250 ok\r\n250 ok\r\n", "250 taken\r\n", "221 bye\r\n"},
                {"b@x.example"}, ".a\r\n.\r\nb");
  const Record r = run(s);
  EXPECT_THAT(r.sent, EndsWith("RCPT TO:<b@x.example>\r\nBDAT 8 LAST\r\n.a\r\n.\r\nbQUIT\r\n"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
}

TEST(ClientPipelining, EmptyChunk) {
  auto s = with(ehlo({"CHUNKING"}), by_bdat, {"b@x.example"}, "");
  EXPECT_THAT(run(s).sent, HasSubstr("BDAT 0 LAST\r\nQUIT"));
}

TEST(ClientPipelining, ChunksOneByOne) {
  auto s =
      with(ehlo({"CHUNKING"}), {"250 ok\r\n", "250 ok\r\n", "250 c1\r\n", "250 c2\r\n", "250 taken\r\n", "221 bye\r\n"},
           {"b@x.example"}, "one\r\ntwo\r\nthree\r\n");
  s.body_cut = 6;
  const Record r = run(s);
  // The CR at the first cut waits for its LF.
  EXPECT_THAT(r.sent, HasSubstr("BDAT 6\r\none\r\ntBDAT 6\r\nwo\r\nthBDAT 5 LAST\r\nree\r\nQUIT"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
}

TEST(ClientPipelining, ChunkRefused) {
  auto s = with(ehlo({"CHUNKING"}), {"250 ok\r\n", "250 ok\r\n", "250 c1\r\n", "552 too big\r\n", "221 bye\r\n"},
                {"b@x.example"}, "one\r\ntwo\r\nthree\r\n");
  s.body_cut = 6;
  const Record r = run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("LAST")));
  EXPECT_THAT(briefs(r), ElementsAre("body 552"));
  EXPECT_FALSE(r.results[0].sent_to_end);
  EXPECT_EQ(closing(r), "quit 221");
}

TEST(ClientPipelining, ChunkRefusedWithOthersInThePipe) {
  // 8 chunks are written before a reply is waited for.
  auto s =
      with(ehlo({"PIPELINING", "CHUNKING"}),
           {"250 ok\r\n250 ok\r\n", "250 c1\r\n552 too big\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n503 x\r\n",
            "250 reset\r\n", "250 ok\r\n250 ok\r\n", "250 taken\r\n", "221 bye\r\n"},
           {"b@x.example"}, std::string(90, 'x'));
  s.body_cut = 10;
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(briefs(r), ElementsAre("body 552"));
  EXPECT_THAT(r.sent, HasSubstr("xRSET\r\nMAIL FROM:<c@us.example>"));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
}

TEST(ClientPipelining, NoChunkWhenNobodyWasTaken) {
  auto s = with(ehlo({"PIPELINING", "CHUNKING"}), {"250 ok\r\n550 no\r\n", "221 bye\r\n"});
  const Record r = run(s);
  EXPECT_THAT(r.sent, Not(HasSubstr("BDAT")));
  EXPECT_THAT(briefs(r), ElementsAre("rcpt 550"));
}

TEST(ClientPipelining, OneFlight) {
  auto s = with(ehlo({"PIPELINING", "CHUNKING"}),
                {"250 ok\r\n250 ok\r\n250 taken\r\n", "250 ok\r\n250 ok\r\n250 taken\r\n", "221 bye\r\n"},
                {"b@x.example"}, "one\r\n");
  s.settings.one_flight_octets_max = 100;
  add_second(s);
  const Record r = run(s);
  EXPECT_THAT(r.sent, HasSubstr("RCPT TO:<b@x.example>\r\nBDAT 5 LAST\r\none\r\nMAIL FROM:<c@us.example>"));
  EXPECT_THAT(briefs(r), ElementsAre("end_of_data 250"));
  EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
  EXPECT_TRUE(r.results[0].sent_to_end);
}

TEST(ClientPipelining, OneFlightWaitsForRset) {
  for (const std::string reset : {"250 reset\r\n", "451 no\r\n"}) {
    auto s = with(ehlo({"PIPELINING", "CHUNKING"}),
                  {"250 ok\r\n250 ok\r\n451 later\r\n", reset, "250 ok\r\n250 ok\r\n250 taken\r\n", "221 bye\r\n"},
                  {"b@x.example"}, "one\r\n");
    s.settings.one_flight_octets_max = 100;
    add_second(s);
    const Record r = run(s);
    EXPECT_THAT(r.writes, Contains("RSET\r\n")) << "what goes out behind it might be taken for the recipients before";
    if (reset.starts_with('2')) {
      EXPECT_THAT(r.writes, Contains(AllOf(StartsWith("MAIL FROM:<c@us.example>"), HasSubstr("BDAT"))));
      EXPECT_THAT(briefs(r, 1), ElementsAre("end_of_data 250"));
    } else {
      EXPECT_THAT(r.sent, EndsWith("BDAT 5 LAST\r\none\r\nRSET\r\n"));
      EXPECT_EQ(r.last_words, "QUIT\r\n");
      EXPECT_THAT(briefs(r, 1), ElementsAre("idle 451"));
    }
  }
}

TEST(ClientPipelining, OneFlightThatNobodyTook) {
  for (const auto* replies : {"250 ok\r\n550 no\r\n503 nobody\r\n", "250 ok\r\n550 no\r\n250 taken by nobody\r\n",
                              "250 ok\r\n550 no\r\n554 none\r\n"}) {
    auto s = with(ehlo({"PIPELINING", "CHUNKING"}), {replies, "221 bye\r\n"}, {"b@x.example"}, "one\r\n");
    s.settings.one_flight_octets_max = 100;
    EXPECT_THAT(briefs(run(s)), ElementsAre("rcpt 550")) << replies;
  }
}

TEST(ClientPipelining, NoFlightForABigMessageOrManyRecipients) {
  for (const bool big : {true, false}) {
    std::vector<std::string> to(big ? 1 : 20, "b@x.example");
    auto s = with(ehlo({"PIPELINING", "CHUNKING"}), {"550 no\r\n" + std::string(), "221 bye\r\n"}, to, "one\r\n");
    s.settings.one_flight_octets_max = 100;
    s.transactions[0].size_octets = big ? 101 : 5;
    EXPECT_THAT(run(s).sent, Not(HasSubstr("BDAT"))) << big;
  }
}

TEST(ClientPipelining, SwitchedOffExtensionsAreNotUsed) {
  auto s = with(ehlo({"PIPELINING", "CHUNKING"}), by_data);
  s.settings.pipelining = s.settings.chunking = false;
  EXPECT_THAT(briefs(run(s)), ElementsAre("end_of_data 250"));
}

}  // namespace
}  // namespace postil::smtp
