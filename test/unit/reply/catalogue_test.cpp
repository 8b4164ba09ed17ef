// A walk through all replies that Postil can give.
#include "reply/catalogue.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/bytes.hpp"
#include "knowledge_of_reply.hpp"

namespace postil::reply {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<Arg> arguments(std::string_view text, const std::string& value) {
  std::vector<Arg> out;
  for (const auto name : argument_names(text)) out.emplace_back(name, value);
  return out;
}

std::vector<std::string> lines_of(const std::string& wire) {
  EXPECT_TRUE(wire.ends_with("\r\n"));
  std::vector<std::string> out;
  for (const auto line : split(wire, '\n')) {
    if (!line.empty()) out.emplace_back(line);
  }
  return out;
}

// [rfc5321 4.2.1] [rfc5321 4.5.3.1.5]
void check_wire(const Reply& reply, const std::string& wire) {
  const auto lines = lines_of(wire);
  const std::string code = std::to_string(reply.code);
  const std::string status = reply.enhanced ? to_string(reply.enhanced) + " " : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    ASSERT_LE(line.size() + 1, 512u) << line;
    ASSERT_TRUE(line.ends_with("\r")) << line;
    ASSERT_THAT(line, StartsWith(code + (i + 1 < lines.size() ? "-" : " ") + status));
    const std::string_view text = std::string_view(line).substr(0, line.size() - 1);
    ASSERT_FALSE(has_8bit(text)) << line;
    ASSERT_TRUE(std::ranges::none_of(text, is_control)) << line;
  }
}

TEST(Catalogue, CodesAndClassesAgree) {
  std::set<std::string_view> keys;
  for (const auto& entry : catalogue()) {
    SCOPED_TRACE(entry.key);
    EXPECT_TRUE(keys.insert(entry.key).second);
    EXPECT_EQ(find_entry(entry.key), &entry);
    EXPECT_EQ(&reply::entry(entry.id), &entry);
    EXPECT_GE(entry.code, 200);
    EXPECT_LE(entry.code, 599);
    if (entry.enhanced) {
      EXPECT_EQ(entry.enhanced.klass, entry.code / 100) << "[rfc2034 4]";
    }
    if (entry.code / 100 == 3) {
      EXPECT_FALSE(entry.enhanced);
    }
    EXPECT_EQ(entry.receipt, entry.code >= 400 && entry.code != 521) << "every refusal, but none of a null host";
    EXPECT_FALSE(entry.text.empty());
    EXPECT_FALSE(has_8bit(entry.text));
    EXPECT_NE(entry.text.back(), '.') << "a receipt's id or a URL follows";
  }
  EXPECT_EQ(find_entry("no_such_reply"), nullptr);
}

TEST(Catalogue, EveryReplyFitsTheWire) {
  const std::string values[] = {"x",
                                std::string(64, 'a') + "@" + std::string(255, 'd'),
                                std::string(3000, 'x'),
                                std::string(400, ' ') + "y",
                                "a\r\n250 OK\x7F",
                                "\xC3\xA4 \xFF",
                                "{host}",
                                ""};
  for (const auto& entry : catalogue()) {
    SCOPED_TRACE(entry.key);
    for (const auto& value : values) {
      Reply reply = make(entry.id, arguments(entry.text, value));
      EXPECT_EQ(reply.code, entry.code);
      EXPECT_EQ(reply.enhanced, entry.enhanced);
      check_wire(reply, to_wire(reply));
      reply.receipt = make_receipt_id(12345);
      reply.more = {"more", std::string(600, 'z'), "b\nreak"};
      check_wire(reply, to_wire(reply));
      check_wire(reply, to_wire(reply, "https://mx.example.org/r/"));
    }
  }
}

TEST(Catalogue, TheReceiptStandsInTheText) {
  Reply reply = make(TextId::rcpt_null_mx, {{"recipient", "bob@null.example"}, {"domain", "null.example"}});
  EXPECT_EQ(to_wire(reply), "556 5.1.10 <bob@null.example>: null.example takes no mail, it has a null MX\r\n");
  reply.receipt = make_receipt_id(1);
  EXPECT_EQ(to_wire(reply),
            "556 5.1.10 <bob@null.example>: null.example takes no mail, it has a null MX (8000-0000-00001)\r\n");
  EXPECT_EQ(to_wire(reply, "https://mx.example.org/r/"),
            "556-5.1.10 <bob@null.example>: null.example takes no mail, it has a null MX (8000-0000-00001)\r\n"
            "556 5.1.10 https://mx.example.org/r/8000-0000-00001\r\n");
}

TEST(Catalogue, ArgumentsMayStandInAnyOrderAndAreTakenLiterally) {
  const Reply reply = make(TextId::rcpt_null_mx, {{"domain", "{recipient}"}, {"recipient", "{domain}"}});
  EXPECT_EQ(text_of(reply), "<{domain}>: {recipient} takes no mail, it has a null MX");
}

TEST(CatalogueDeathTest, AnArgumentThatIsMissingIsOurOwnFault) {
  const Reply reply = make(TextId::rcpt_null_mx, {{"domain", "x"}});
  EXPECT_DEATH(text_of(reply), "");
}

TEST(Catalogue, LongTextsGoOnInTheNextLineBetweenWords) {
  std::string words;
  for (int i = 0; i < 200; ++i) words += "word" + std::to_string(i) + " ";
  Reply reply = make(TextId::help_code, {{"code", "550"}});
  reply.more = {std::string(trim(words))};
  std::string joined;
  for (const auto& line : lines_of(to_wire(reply))) joined += line.substr(10, line.size() - 11) + " ";
  EXPECT_THAT(joined, HasSubstr(std::string(trim(words))));
}

TEST(Catalogue, EveryCallNamesTheArgumentsOfItsText) {
  check_calls_in_sources();
}

TEST(RemoteReply, OneLine) {
  RemoteReply reply;
  reply.code = 550;
  reply.lines = {"5.1.1 no such user", "5.1.1 here", "", "at all"};
  EXPECT_EQ(reply.one_line(), "550 5.1.1 no such user here at all");
  reply.lines.assign(1000, std::string(100, 'x'));
  EXPECT_LE(reply.one_line().size(), 1000u);
  reply.lines.clear();
  reply.code = 7;
  EXPECT_EQ(reply.one_line(), "007");
}

TEST(EnhancedCode, ReadAndWritten) {
  for (const char* good : {"2.0.0", "4.7.12", "5.1.10", "5.999.999"}) {
    const auto code = parse_enhanced_code(good);
    ASSERT_TRUE(code) << good;
    EXPECT_EQ(to_string(*code), good);
  }
  for (const char* bad : {"", "3.0.0", "1.1.1", "5.1", "5.1.", "5..1", "05.1.1", "5.01.1", "5.1.01", "5.1.1000",
                          "5.1.1.1", "5.1.1 ", " 5.1.1", "a.b.c", "5-1-1"})
    EXPECT_FALSE(parse_enhanced_code(bad)) << bad;
  std::size_t rest = 0;
  EXPECT_EQ(to_string(leading_enhanced_code("5.7.1  \tgo away", &rest).value()), "5.7.1");
  EXPECT_EQ(rest, 8u);
  EXPECT_FALSE(leading_enhanced_code("5.7.1: go away"));
}

}  // namespace
}  // namespace postil::reply
