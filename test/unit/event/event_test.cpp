#include "event/event.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/bytes.hpp"

namespace postil::event {
namespace {

const WallTime at = wall_from_microseconds(1'795'328'432'004'999);

TEST(Event, AsJson) {
  EXPECT_EQ(to_json({Name::message_accepted, {}}, at),
            R"({"time":"2026-11-22T06:20:32.004Z","event":"message.accepted"})");
  EXPECT_EQ(
      to_json({Name::message_accepted, {{"id", "x"}, {"size", std::int64_t{-5}}, {"ok", true}, {"no", false}}}, at),
      R"({"time":"2026-11-22T06:20:32.004Z","event":"message.accepted","id":"x","size":-5,"ok":true,"no":false})");
}

TEST(Event, StringsOfPeersCannotBreakTheLine) {
  const Event event{Name::message_accepted, {{"a", std::string("q\"b\\c\r\n\0\x1B\x7F\xFF\xC3\xA4", 13)}}};
  const std::string json = to_json(event, at);
  EXPECT_NE(json.find("\"a\":\"q\\\"b\\\\c??????\xC3\xA4\"}"), std::string::npos) << json;
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string line = to_json({Name::message_accepted, {{"a", all}}}, at);
  EXPECT_TRUE(is_utf8(line));
  for (const char c : line) EXPECT_FALSE(is_control(c));
}

TEST(Event, LongTextsAreCut) {
  const std::string json = to_json({Name::message_accepted, {{"a", std::string(100'000, '"')}}}, at);
  EXPECT_LE(json.size(), 8300u);
  EXPECT_TRUE(json.ends_with("\"}"));
}

TEST(Event, Declarations) {
  std::set<std::string_view> wires;
  for (std::size_t i = 0; i < declaration_count(); ++i) {
    const auto& declared = declaration(static_cast<Name>(i));
    EXPECT_EQ(declared.name, static_cast<Name>(i));
    EXPECT_TRUE(wires.insert(declared.wire).second) << declared.wire;
    EXPECT_NE(declared.wire.find('.'), std::string_view::npos) << declared.wire;
    EXPECT_FALSE(declared.text.empty());
    for (const char c : declared.wire) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '.' || c == '_') << declared.wire;
  }
}

}  // namespace
}  // namespace postil::event
