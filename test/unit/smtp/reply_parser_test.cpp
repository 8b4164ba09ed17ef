#include "smtp/reply_parser.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace postil::smtp {
namespace {

using Status = ReplyParser::Status;

struct Case {
  const char* wire;
  Status status;
  int code = 0;
  const char* line = "";  // one_line()
  bool mixed = false;
};

const Case cases[] = {
    {"250 ok\r\n", Status::done, 250, "250 ok"},
    {"250\r\n", Status::done, 250, "250"},
    {"250 \r\n", Status::done, 250, "250"},
    {"250 ok\n", Status::done, 250, "250 ok"},
    {"250-a\r\n250-b\n250 c\r\n", Status::done, 250, "250 a b c"},
    {"250-\r\n250\r\n", Status::done, 250, "250"},
    {"550-5.1.1 a\r\n550 5.1.1 b\r\n", Status::done, 550, "550 5.1.1 a b"},
    {"250-a\r\n251 b\r\n", Status::done, 251, "251 a b", true},
    {"599 odd but known by its first digit\r\n", Status::done, 599, "599 odd but known by its first digit"},
    {"550 a\rb\r\n", Status::done, 550, "550 a?b"},
    {"250-a\r\n550 b\r\n", Status::malformed},
    {"25\r\n", Status::malformed},
    {"\r\n", Status::malformed},
    {"\n", Status::malformed},
    {"2500 ok\r\n", Status::malformed},
    {"250ok\r\n", Status::malformed},
    {"150 ok\r\n", Status::malformed},
    {"650 ok\r\n", Status::malformed},
    {"999 ok\r\n", Status::malformed},
    {"000 ok\r\n", Status::malformed},
    {" 250 ok\r\n", Status::malformed},
    {"250-a\r\nb\r\n", Status::malformed},
    {"2x0 a\r\n", Status::malformed},
};

TEST(ReplyParser, CasesInAnyCuts) {
  for (const auto& c : cases) {
    SCOPED_TRACE(c.wire);
    const std::string_view wire(c.wire);
    for (std::size_t cut = 1; cut <= wire.size(); ++cut) {
      ReplyParser parser;
      Status status = Status::more;
      for (std::size_t at = 0; at < wire.size() && status == Status::more; at += cut) {
        const auto fed = parser.feed(wire.substr(at, cut));
        status = fed.status;
        if (status != Status::done) continue;
        EXPECT_EQ(at + fed.consumed, wire.size());
      }
      ASSERT_EQ(status, c.status);
      if (status == Status::done) {
        const auto reply = parser.take();
        EXPECT_EQ(reply.code, c.code);
        EXPECT_EQ(reply.one_line(), c.line);
        EXPECT_EQ(reply.mixed_codes, c.mixed);
      } else {
        EXPECT_FALSE(parser.detail().empty());
      }
    }
  }
}

TEST(ReplyParser, StopsBehindOneReply) {
  ReplyParser parser;
  const std::string_view wire = "250 a\r\n550 b\r\n";
  auto fed = parser.feed(wire);
  EXPECT_EQ(fed.status, Status::done);
  EXPECT_EQ(fed.consumed, 7u);
  EXPECT_EQ(parser.take().code, 250);
  EXPECT_FALSE(parser.begun());
  fed = parser.feed(wire.substr(7));
  EXPECT_EQ(fed.status, Status::done);
  EXPECT_EQ(parser.take().code, 550);
}

TEST(ReplyParser, TheEnhancedCodeOfTheWholeReply) {
  ReplyParser parser;
  parser.feed("550-5.7.1 first\r\n550-more\r\n550 5.7.26 last\r\n");
  EXPECT_EQ(parser.take().enhanced, (reply::EnhancedCode{5, 7, 26}));
  std::string wire;
  for (int i = 0; i < 100; ++i) wire += "550-text\r\n";
  ASSERT_EQ(parser.feed(wire + "550 5.2.2 far behind what is kept\r\n").status, Status::done);
  const auto reply = parser.take();
  EXPECT_EQ(reply.enhanced, (reply::EnhancedCode{5, 2, 2}));
  EXPECT_EQ(reply.lines.size(), 20u);
}

TEST(ReplyParser, Bounds) {
  {  // just within
    ReplyParser parser;
    std::string wire;
    for (std::size_t i = 1; i < limits::remote_reply_lines_max; ++i) wire += "250-a\r\n";
    EXPECT_EQ(parser.feed(wire + "250 a\r\n").status, Status::done);
  }
  {
    ReplyParser parser;
    std::string wire;
    for (std::size_t i = 0; i < limits::remote_reply_lines_max; ++i) wire += "250-a\r\n";
    EXPECT_EQ(parser.feed(wire + "250 a\r\n").status, Status::too_long);
  }
  {
    ReplyParser parser;
    EXPECT_EQ(parser.feed("250 " + std::string(limits::remote_reply_octets_max - 6, 'x') + "\r\n").status,
              Status::done);
    EXPECT_EQ(parser.take().lines.at(0).size(), 400u);
  }
  {
    ReplyParser parser;
    EXPECT_EQ(parser.feed("250 " + std::string(limits::remote_reply_octets_max - 5, 'x') + "\r\n").status,
              Status::too_long);
  }
  {  // a line without end
    ReplyParser parser;
    Status status = Status::more;
    std::size_t octets = 0;
    while (status == Status::more && octets < 10'000'000) {
      status = parser.feed("xxxxxxxxxxxxxxxx").status;
      octets += 16;
    }
    EXPECT_EQ(status, Status::too_long);
    EXPECT_LE(octets, limits::remote_reply_octets_max + 16);
  }
}

TEST(ReplyParser, TextIsPrintable) {
  ReplyParser parser;
  parser.feed(std::string("550 a\0b\x1b[1m\xff\xc3\xbc\r\n", 17));
  EXPECT_EQ(parser.take().lines.at(0), "a?b?[1m?\xc3\xbc");
}

TEST(ReplyParser, AnEnhancedCodeInALineThatIsCutIsStillRead) {
  ReplyParser parser;
  parser.keep({.lines = 1, .line_octets = 10});
  parser.feed("550-5.1.1 " + std::string(100, 'x') + "\r\n550 5.2.1 " + std::string(100, 'x') + "\r\n");
  const auto reply = parser.take();
  EXPECT_EQ(reply.enhanced, (reply::EnhancedCode{5, 2, 1}));
  EXPECT_EQ(reply.lines.size(), 1u);
  EXPECT_EQ(reply.lines[0].size(), 10u);
}

}  // namespace
}  // namespace postil::smtp
