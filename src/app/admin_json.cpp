#include "app/admin_json.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace postil::app {

namespace json = control::json;

json::value time_json(WallTime at) {
  if (at == WallTime{}) return nullptr;
  const auto seconds_part = static_cast<std::time_t>(unix_microseconds(at) / 1000000);
  return json::string(fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds_part)));
}

std::string string_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_int64()) return {};
  return value->as_int64();
}

}  // namespace postil::app
