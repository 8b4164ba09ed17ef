#include "event/event.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::event {
namespace {

constexpr std::array table = {
#define EVENT(identifier, wire, level, text) Declaration{Name::identifier, wire, Level::level, text},
#include "event/table.def"
#undef EVENT
};

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : printable(text, 4096)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

const Declaration& declaration(Name name) {
  const auto index = static_cast<std::size_t>(name);
  POSTIL_ASSERT(index < table.size());
  return table[index];
}

std::size_t declaration_count() {
  return table.size();
}

std::string to_json(const Event& event, WallTime at) {
  const auto us = unix_microseconds(at);
  const auto seconds_part = static_cast<std::time_t>(us / 1000000);
  std::string out = fmt::format("{{\"time\":\"{:%Y-%m-%dT%H:%M:%S}.{:03}Z\",\"event\":\"{}\"",
                                fmt::gmtime(seconds_part), us / 1000 % 1000, declaration(event.name).wire);
  for (const auto& field : event.fields) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":", field.key);
    if (const auto* text = std::get_if<std::string>(&field.value)) {
      append_string(out, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(out), "{}", *number);
    } else {
      out += std::get<bool>(field.value) ? "true" : "false";
    }
  }
  out += '}';
  return out;
}

}  // namespace postil::event
