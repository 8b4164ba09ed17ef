// The table of keys: what a value may be and where it goes. Inside of the module.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace postil::config {

// A TOML value without the parser's types.
using Value = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

struct Wrong {
  std::string text_key;
  i18n::Args args;
  std::optional<std::size_t> item = {};  // of a list; else the whole value
};
// All that is wrong with a value; empty: it was taken.
using Wrongs = std::vector<Wrong>;

// A key of the file as a whole, or of an entry of an array of tables.
template <class Target>
struct RowOf {
  Key key;
  std::function<Wrongs(Target&, const Value&)> set;
  bool required = false;
};
using Row = RowOf<Config>;

const std::vector<Row>& rows();
const std::vector<RowOf<Dkim>>& dkim_rows();
const std::vector<RowOf<TlsPolicy>>& tls_policy_rows();
const std::vector<RowOf<Site>>& site_rows();
const std::vector<RowOf<Source>>& source_rows();
const std::vector<RowOf<Route>>& route_rows();
const std::vector<RowOf<Expect>>& expect_rows();

// What the tables share (config/kinds.cpp).

// "config.wants.WHAT", about the whole value.
Wrongs wants(std::string_view what, i18n::Args args = {});
// About one item of a list, which is named.
Wrong wrong_item(std::string_view what, std::string_view value, std::size_t item);
// Not one of the choices ("any own"): which they are, and which was probably meant.
Wrong no_choice(std::string_view value, std::string_view choices, std::optional<std::size_t> item = {});
Wrongs set_choice(std::string& to, const Value& value, std::string_view choices);
Wrongs set_yes_no(bool& to, const Value& value);
// A text of one line, not empty.
Wrongs set_line(std::string& to, const Value& value);
// An IP address of one family, or of any.
enum class Family { any, v4, v6 };
Wrongs set_ip(std::string& to, const Value& value, Family family);
Wrongs set_host_name(std::string& to, const Value& value);
std::optional<std::int64_t> whole_number(const Value& value, std::int64_t low, std::int64_t high);
Wrongs wants_number(std::int64_t low, std::int64_t high);
// Has something that would break a line.
bool has_control(std::string_view text);
// A single string counts as a list of one.
std::optional<std::vector<std::string>> strings(const Value& value);
// As TOML.
std::string quoted(std::string_view text);
std::string quoted_list(const std::vector<std::string>& texts);

// Each item by `parse`, which gives an optional; every item that it refuses is told as "config.wants.WHAT". Nothing of
// a list with a wrong item is taken.
template <class Item, class Parse>
Wrongs set_items(std::vector<Item>& to, const std::vector<std::string>& given, std::string_view what, Parse parse) {
  Wrongs wrong;
  std::vector<Item> parsed;
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto one = parse(given[i]);
    if (one) {
      parsed.push_back(*std::move(one));
    } else {
      wrong.push_back(wrong_item(what, given[i], i));
    }
  }
  if (wrong.empty()) to = std::move(parsed);
  return wrong;
}

// Of all entries of a list of the configuration, as a TOML list.
template <class Entry, class Get>
std::function<std::string(const Config&)> shown_of(std::vector<Entry> Config::* list, Get get) {
  return [list, get](const Config& config) {
    std::string all;
    for (const auto& entry : config.*list) all += (all.empty() ? "" : ", ") + std::string(get(entry));
    return "[" + all + "]";
  };
}

// "2027-01-31" (its beginning in UTC) or "2027-01-31T12:00:00Z", also with an offset.
std::optional<WallTime> parse_date(std::string_view text);

}  // namespace postil::config
