#include "smtp/command_parser.hpp"

#include <gtest/gtest.h>

namespace postil::smtp {
namespace {

using reply::TextId;

TEST(CommandParser, VerbAndArgument) {
  const auto mail = parse_command("mAiL  FROM:<a@b>  \t");
  EXPECT_EQ(mail.verb, Verb::mail);
  EXPECT_EQ(mail.name, "mAiL");
  EXPECT_EQ(mail.argument, "FROM:<a@b>");
  EXPECT_EQ(parse_command("QUIT").argument, "");
  EXPECT_EQ(parse_command("MAILFROM:<a@b>").verb, Verb::unknown);
  EXPECT_EQ(parse_command(" NOOP").verb, Verb::unknown);
  EXPECT_EQ(parse_command("").verb, Verb::unknown);
  EXPECT_EQ(parse_command("etrn x").verb, Verb::obsolete);
}

TEST(CommandParser, OctetsThatDoNotBelong) {
  const auto fault = [](std::string_view line) { return line_fault(line, parse_command(line)); };
  EXPECT_EQ(fault("NOOP"), std::nullopt);
  EXPECT_EQ(fault("NOOP \t "), std::nullopt);
  EXPECT_EQ(fault("NO\tOP"), TextId::line_not_ascii);
  EXPECT_EQ(fault(std::string_view("RSET\0", 5)), TextId::line_not_ascii);
  EXPECT_EQ(fault("NOOP\n"), TextId::bare_line_end);
  EXPECT_EQ(fault("NO\rOP"), TextId::bare_line_end);
  EXPECT_EQ(fault("NOOP \x80"), TextId::line_not_ascii);
  EXPECT_EQ(fault("MAIL FROM:<\xc3\xa4@x>"), std::nullopt);  // the path's parser says more
  EXPECT_EQ(fault("MAIL FROM:<\x7f@x>"), TextId::line_not_ascii);
}

TEST(CommandParser, Http) {
  EXPECT_TRUE(looks_like_http("GET / HTTP/1.1"));
  EXPECT_TRUE(looks_like_http("POST /x HTTP/1.0"));
  EXPECT_FALSE(looks_like_http("GETX / HTTP/1.1"));
  EXPECT_FALSE(looks_like_http("EHLO GET"));
}

TEST(CommandParser, Parameters) {
  const auto good = parse_parameters(" SIZE=12  SMTPUTF8 X-A=b;c ");
  ASSERT_EQ(good.list.size(), 3u);
  EXPECT_FALSE(good.bad);
  EXPECT_EQ(good.list[0].keyword, "SIZE");
  EXPECT_EQ(good.list[0].value, "12");
  EXPECT_FALSE(good.list[1].value);
  EXPECT_EQ(good.list[2].value, "b;c");
  EXPECT_EQ(parse_parameters("SIZE=").bad, "SIZE");
  EXPECT_EQ(parse_parameters("ENVID=a=b").bad, "ENVID");
  EXPECT_EQ(parse_parameters("=x").bad, "=x");
  EXPECT_EQ(parse_parameters("-A=x").bad, "-A=x");
}

}  // namespace
}  // namespace postil::smtp
