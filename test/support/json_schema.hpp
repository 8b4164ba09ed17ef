// Whether what a command gives as JSON is what docs/schema says.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace postil::test {

namespace json = boost::json;

inline json::object schema_of(const std::string& name) {
  std::ifstream file(std::string(POSTIL_SOURCE_DIR) + "/docs/schema/" + name + ".json");
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {})).as_object();
}

inline bool has_type(const json::value& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  return value.is_number();
}

// The part of JSON Schema that docs/schema uses; stricter in one thing: members have to be documented.
inline void check_schema(const json::value& value, const json::object& schema, const std::string& where) {
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
      check_schema(member, known->as_object(), where + "." + std::string(key));
    }
    if (const auto* required = schema.if_contains("required")) {
      for (const auto& key : required->as_array()) {
        EXPECT_TRUE(value.as_object().contains(key.as_string())) << where << " lacks " << key;
      }
    }
  }
  if (value.is_array() && schema.contains("items")) {
    for (const auto& item : value.as_array()) check_schema(item, schema.at("items").as_object(), where + "[]");
  }
}

// The alternative that has the member by which the two can be told apart.
inline const json::object& alternative(const json::object& schema, std::string_view member) {
  for (const auto& one : schema.at("oneOf").as_array()) {
    if (one.at("properties").as_object().contains(member)) return one.as_object();
  }
  throw std::logic_error("no such alternative");
}

// The object against the alternative of the schema that has this member.
inline void expect_documented(const json::value& value, const std::string& name, std::string_view member) {
  const auto schema = schema_of(name);
  check_schema(value, alternative(schema, member), name);
}

}  // namespace postil::test
