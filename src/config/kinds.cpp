// What the tables of keys share: kinds of values, and how they are refused.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {

Wrongs wants(std::string_view what, i18n::Args args) {
  return {Wrong{fmt::format("config.wants.{}", what), std::move(args)}};
}

Wrong wrong_item(std::string_view what, std::string_view value, std::size_t item) {
  return {fmt::format("config.wants.{}", what), {{"value", std::string(value)}}, item};
}

Wrong no_choice(std::string_view value, std::string_view choices, std::optional<std::size_t> item) {
  const auto all = split(choices, ' ');
  std::string_view nearest;
  std::size_t distance = 3;
  for (const auto choice : all) {
    const auto d = edit_distance(to_lower(value), to_lower(choice));
    if (d < distance && d < choice.size()) {
      distance = d;
      nearest = choice;
    }
  }
  i18n::Args args{{"value", std::string(value)}, {"choices", fmt::format("{}", fmt::join(all, ", "))}};
  if (nearest.empty()) return {"config.wants.choice", std::move(args), item};
  args.emplace_back("nearest", std::string(nearest));
  return {"config.wants.choice_near", std::move(args), item};
}

Wrongs set_choice(std::string& to, const Value& value, std::string_view choices) {
  const auto* given = std::get_if<std::string>(&value);
  const auto all = split(choices, ' ');
  if (!given || std::ranges::find(all, std::string_view(*given)) == all.end()) {
    return {no_choice(given ? *given : "", choices)};
  }
  to = *given;
  return {};
}

Wrongs set_yes_no(bool& to, const Value& value) {
  const auto* given = std::get_if<bool>(&value);
  if (!given) return wants("yes_no");
  to = *given;
  return {};
}

Wrongs set_line(std::string& to, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || given->empty()) return wants("text");
  if (has_control(*given)) return wants("one_line");
  to = *given;
  return {};
}

Wrongs set_ip(std::string& to, const Value& value, Family family) {
  const auto* given = std::get_if<std::string>(&value);
  const auto ip = given ? address::Ip::parse(*given) : std::nullopt;
  const bool fits = ip && (family == Family::any || ip->is_v6() == (family == Family::v6));
  if (!fits) return wants(family == Family::any ? "ip" : "address_only", {{"value", given ? *given : ""}});
  to = ip->text();
  return {};
}

Wrongs set_host_name(std::string& to, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || !address::valid_domain(*given) || !address::qualified(*given) || has_8bit(*given))
    return wants("host_name");
  to = to_lower(*given);
  return {};
}

std::optional<std::int64_t> whole_number(const Value& value, std::int64_t low, std::int64_t high) {
  const auto* given = std::get_if<std::int64_t>(&value);
  if (!given || *given < low || *given > high) return {};
  return *given;
}

Wrongs wants_number(std::int64_t low, std::int64_t high) {
  return wants("number", {{"low", fmt::to_string(low)}, {"high", fmt::to_string(high)}});
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::optional<std::vector<std::string>> strings(const Value& value) {
  if (const auto* one = std::get_if<std::string>(&value)) return std::vector<std::string>{*one};
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  return {};
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (out.size() > 1 ? ", " : "") + quoted(text);
  return out + "]";
}

}  // namespace postil::config
