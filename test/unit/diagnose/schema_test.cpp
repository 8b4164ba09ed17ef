// What explain and compare give as JSON is what docs/schema says: no member that is not documented, none missing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include "diagnose/compare.hpp"
#include "diagnose/json.hpp"
#include "knowledge/codes.hpp"

namespace postil::diagnose {
namespace {

namespace json = boost::json;

json::object schema_of(const std::string& name) {
  std::ifstream file(std::string(POSTIL_SOURCE_DIR) + "/docs/schema/" + name + ".json");
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {})).as_object();
}

bool has_type(const json::value& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  return value.is_number();
}

// The part of JSON Schema that docs/schema uses; stricter in one thing: members have to be documented.
void check(const json::value& value, const json::object& schema, const std::string& where) {
  if (const auto* fixed = schema.if_contains("const")) {
    EXPECT_EQ(value, *fixed) << where;
  }
  if (const auto* words = schema.if_contains("enum")) {
    const auto& list = words->as_array();
    EXPECT_NE(std::find(list.begin(), list.end(), value), list.end()) << where << " " << value;
  }
  if (const auto* type = schema.if_contains("type")) {
    ASSERT_TRUE(has_type(value, type->as_string())) << where << " " << value;
  }
  if (value.is_object() && schema.contains("properties")) {
    const auto& properties = schema.at("properties").as_object();
    for (const auto& [key, member] : value.as_object()) {
      const auto* known = properties.if_contains(key);
      ASSERT_NE(known, nullptr) << where << " gives " << key << ", which is not documented";
      check(member, known->as_object(), where + "." + std::string(key));
    }
    if (const auto* required = schema.if_contains("required")) {
      for (const auto& key : required->as_array()) {
        EXPECT_TRUE(value.as_object().contains(key.as_string())) << where << " lacks " << key;
      }
    }
  }
  if (value.is_array() && schema.contains("items")) {
    for (const auto& item : value.as_array()) check(item, schema.at("items").as_object(), where + "[]");
  }
}

// The alternative that has the member by which the two can be told apart.
const json::object& alternative(const json::object& schema, std::string_view member) {
  for (const auto& one : schema.at("oneOf").as_array()) {
    if (one.at("properties").as_object().contains(member)) return one.as_object();
  }
  throw std::logic_error("no such alternative");
}

std::vector<std::string> every_code() {
  std::vector<std::string> out{"599", "2.9.9", "5xx", "x.7.z", "550 5.1.1", "556 5.1.10", "550 5.7.1 relaying denied"};
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
    check(json::parse(to_json(*answer, tr)), alternative(schema, "kind"), code);
  }
  check(json::parse(error_json("explain", "empty", "x")), alternative(schema, "error"), "error");
  check(json::parse(error_json("explain", "empty", "x", 64)), alternative(schema, "error"), "error");
}

TEST(JsonSchema, compare_gives_what_is_documented) {
  const auto schema = schema_of("compare");
  const i18n::Translator tr("ru");
  for (const auto& other : {"235", "521", "550", "x.1.1", "5.7.1"}) {
    for (const auto& code : every_code()) {
      const auto comparison = compare({other, code});
      if (!comparison) continue;
      check(json::parse(to_json(*comparison, tr)), alternative(schema, "codes"), fmt::format("{} {}", other, code));
    }
  }
  check(json::parse(error_json("compare", "count", "x")), alternative(schema, "error"), "error");
  check(json::parse(error_json("compare", "count", "x", 64)), alternative(schema, "error"), "error");
}

}  // namespace
}  // namespace postil::diagnose
