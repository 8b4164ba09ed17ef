// What explain and compare give as JSON is what docs/schema says: no member that is not documented, none missing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "diagnose/compare.hpp"
#include "diagnose/json.hpp"
#include "diagnose/recognise.hpp"
#include "knowledge/codes.hpp"
#include "support/json_schema.hpp"

namespace postil::diagnose {
namespace {

namespace json = boost::json;
using test::alternative;
using test::schema_of;

std::vector<std::string> every_code() {
  std::vector<std::string> out{"599", "2.9.9", "5xx", "x.7.z", "550 5.1.1", "556 5.1.10", "550 5.7.1 relaying denied"};
  for (const auto& reason : knowledge::reasons()) out.emplace_back(reason.key);
  for (const auto& code : knowledge::basic_codes()) out.push_back(fmt::format("{}", code.code));
  for (const auto& status : knowledge::statuses()) {
    for (char klass : {'2', '4', '5', 'x'}) out.push_back(klass + status.name().substr(1));
  }
  return out;
}

TEST(JsonSchema, explain_gives_what_is_documented) {
  const auto schema = schema_of("explain");
  const i18n::Translator tr("de");
  for (const auto& code : every_code()) {
    const auto answer = explain(code);
    ASSERT_TRUE(answer.has_value()) << code;
    test::check_schema(json::parse(to_json(*answer, tr)), alternative(schema, "kind"), code);
  }
  test::check_schema(json::parse(error_json("explain", "empty", "x")), alternative(schema, "error"), "error");
  test::check_schema(json::parse(error_json("explain", "empty", "x", 64)), alternative(schema, "error"), "error");
}

TEST(JsonSchema, compare_gives_what_is_documented) {
  const auto schema = schema_of("compare");
  const i18n::Translator tr("ru");
  for (const auto& other : {"235", "521", "550", "x.1.1", "5.7.1"}) {
    for (const auto& code : every_code()) {
      const auto comparison = compare({other, code});
      if (!comparison) continue;
      test::check_schema(json::parse(to_json(*comparison, tr)), alternative(schema, "codes"),
                         fmt::format("{} {}", other, code));
    }
  }
  test::check_schema(json::parse(error_json("compare", "count", "x")), alternative(schema, "error"), "error");
  test::check_schema(json::parse(error_json("compare", "count", "x", 64)), alternative(schema, "error"), "error");
}

TEST(JsonSchema, a_confidence_is_written_as_people_do) {
  const std::string reply = "550 5.1.1 user unknown \"confidence\":9E-1,";
  const auto found = understand(
      "Nov  2 10:00:01 mx postfix/smtp[1]: 4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, "
      "dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: " +
      reply + ")");
  ASSERT_TRUE(found.has_value());
  const auto text = to_json(std::get<Report>(*found), i18n::Translator("en"));
  const auto recipient = json::parse(text).at("recipients").at(0);
  const auto at = text.find("\"confidence\":");
  EXPECT_EQ(text.substr(at, text.find(',', at) - at),
            fmt::format("\"confidence\":{}", recipient.at("confidence").to_number<double>()));
  EXPECT_EQ(recipient.at("evidence").at("reply").as_string(), reply);
}

}  // namespace
}  // namespace postil::diagnose
