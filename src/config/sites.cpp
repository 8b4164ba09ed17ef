// The keys of an entry of [[site]], [[source]] and [[route]].
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

constexpr std::int64_t million = 1'000'000;

std::string number(const std::optional<std::uint64_t>& value) {
  return value ? fmt::to_string(*value) : "\"\"";
}

template <class Get>
std::function<std::string(const Config&)> shown_sites(Get get) {
  return shown_of(&Config::sites, get);
}

template <class Get>
std::function<std::string(const Config&)> shown_sources(Get get) {
  return shown_of(&Config::sources, get);
}

// "example.net", ".example.net" (all below it; kept as "*.example.net"), "*".
std::optional<std::string> pattern_of(std::string_view text) {
  if (text == "*") return "*";
  const std::size_t below = text.starts_with("*.") ? 2 : text.starts_with(".") ? 1 : 0;
  const auto domain = address::to_ascii(text.substr(below));
  if (!domain || !address::valid_domain(*domain)) return {};
  return (below > 0 ? "*." : "") + *domain;
}

// A pattern of a sender: also "<>", or a whole address.
std::optional<std::string> sender_of(std::string_view text) {
  if (text == "<>") return std::string(text);
  if (text.find('@') == std::string_view::npos) return pattern_of(text);
  const auto path = address::parse_address(text, true);
  return path ? std::optional(path->address) : std::nullopt;
}

template <class Entry, class Parse>
auto patterns(std::vector<std::string> Entry::* where, std::string_view what, Parse parse) {
  return [where, what, parse](Entry& entry, const Value& value) -> Wrongs {
    const auto given = strings(value);
    if (!given || given->empty()) return wants(what);
    return set_items(entry.*where, *given, what, parse);
  };
}

auto count(std::optional<std::uint64_t> Site::* where, std::int64_t most) {
  return [where, most](Site& entry, const Value& value) -> Wrongs {
    const auto given = whole_number(value, 1, most);
    if (!given) return wants_number(1, most);
    entry.*where = static_cast<std::uint64_t>(*given);
    return {};
  };
}

Wrongs set_rate(Site& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const auto rate = given ? parse_rate(*given) : std::nullopt;
  if (!rate) return wants("rate");
  entry.rate = *given;
  entry.rate_a_second = rate;
  return {};
}

Wrongs set_accounts(Source& entry, const Value& value) {
  auto given = strings(value);
  if (!given || given->empty()) return wants("texts");
  entry.accounts = *std::move(given);
  return {};
}

auto ip(std::string Source::* where, Family family) {
  return [where, family](Source& entry, const Value& value) { return set_ip(entry.*where, value, family); };
}

}  // namespace

std::optional<double> parse_rate(std::string_view text) {
  if (text == "0") return 0.0;
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  std::uint64_t messages = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + slash, messages);
  if (error != std::errc() || end != text.data() + slash || messages == 0 || messages > 1'000'000'000) return {};
  const auto per = text.substr(slash + 1);
  const double period = per == "s" ? 1 : per == "m" ? 60 : per == "h" ? 3600 : per == "d" ? 86400 : 0;
  if (period == 0) return {};
  const double rate = static_cast<double>(messages) / period;
  if (rate > 1'000'000) return {};
  return rate;
}

const std::vector<RowOf<Site>>& site_rows() {
  static const std::vector<RowOf<Site>> all = {
      {{"site.domains", "list of texts", "", "", shown_sites([](const Site& e) { return quoted_list(e.domains); })},
       patterns(&Site::domains, "domain_patterns", pattern_of)},
      {{"site.mx", "list of texts", "", "", shown_sites([](const Site& e) { return quoted_list(e.mx); })},
       patterns(&Site::mx, "domain_patterns", pattern_of)},
      {{"site.connections", "number", "", "", shown_sites([](const Site& e) { return number(e.connections); })},
       count(&Site::connections, 10'000)},
      {{"site.messages_per_connection", "number", "", "",
        shown_sites([](const Site& e) { return number(e.messages_per_connection); })},
       count(&Site::messages_per_connection, million)},
      {{"site.rate", "text", "", "", shown_sites([](const Site& e) { return quoted(e.rate); })}, set_rate}};
  return all;
}

const std::vector<RowOf<Source>>& source_rows() {
  static const std::vector<RowOf<Source>> all = {
      {{"source.from", "list of texts", "", "", shown_sources([](const Source& e) { return quoted_list(e.from); })},
       patterns(&Source::from, "sender_patterns", sender_of)},
      {{"source.to", "list of texts", "", "", shown_sources([](const Source& e) { return quoted_list(e.to); })},
       patterns(&Source::to, "domain_patterns", pattern_of)},
      {{"source.accounts", "list of texts", "", "",
        shown_sources([](const Source& e) { return quoted_list(e.accounts); })},
       set_accounts},
      {{"source.ipv4", "text", "", "", shown_sources([](const Source& e) { return quoted(e.ipv4); })},
       ip(&Source::ipv4, Family::v4)},
      {{"source.ipv6", "text", "", "", shown_sources([](const Source& e) { return quoted(e.ipv6); })},
       ip(&Source::ipv6, Family::v6)},
      {{"source.hostname", "host name", "", "", shown_sources([](const Source& e) { return quoted(e.hostname); })},
       [](Source& e, const Value& value) { return set_host_name(e.hostname, value); }}};
  return all;
}

const std::vector<RowOf<Route>>& route_rows() {
  static const std::vector<RowOf<Route>> all = {
      {{"route.domains", "list of texts", "", "",
        shown_of(&Config::routes, [](const Route& e) { return quoted_list(e.domains); })},
       patterns(&Route::domains, "domain_patterns", pattern_of),
       true},
      {{"route.to", "text", "", "", shown_of(&Config::routes, [](const Route& e) { return quoted(e.to); })},
       [](Route& e, const Value& value) -> Wrongs {
         const auto* given = std::get_if<std::string>(&value);
         if (!given || !parse_next_hop(*given)) return wants("next_hop", {{"value", given ? *given : ""}});
         e.to = *given;
         return {};
       },
       true}};
  return all;
}

}  // namespace postil::config
