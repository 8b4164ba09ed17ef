// The keys of an entry of [[site]] and of [[source]].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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

Wrong wants(std::string_view what) {
  return {fmt::format("config.wants.{}", what), {}};
}

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

std::string quoted(const std::vector<std::string>& all) {
  std::string out;
  for (const auto& one : all) out += (out.empty() ? "" : ", ") + quoted(one);
  return "[" + out + "]";
}

std::string number(const std::optional<std::uint64_t>& value) {
  return value ? fmt::to_string(*value) : "\"\"";
}

// Of all entries, as a TOML list.
template <class Get>
std::function<std::string(const Config&)> shown_sites(Get get) {
  return [get](const Config& config) {
    std::vector<std::string> all;
    for (const auto& entry : config.sites) all.push_back(get(entry));
    return fmt::format("[{}]", fmt::join(all, ", "));
  };
}

template <class Get>
std::function<std::string(const Config&)> shown_sources(Get get) {
  return [get](const Config& config) {
    std::vector<std::string> all;
    for (const auto& entry : config.sources) all.push_back(get(entry));
    return fmt::format("[{}]", fmt::join(all, ", "));
  };
}

std::optional<std::vector<std::string>> strings(const Value& value) {
  if (const auto* one = std::get_if<std::string>(&value)) return std::vector<std::string>{*one};
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  return {};
}

// "example.net", ".example.net" (all below it; kept as "*.example.net"), "*".
std::optional<std::string> pattern_of(std::string_view text) {
  if (text == "*") return "*";
  const std::size_t below = text.starts_with("*.") ? 2 : text.starts_with(".") ? 1 : 0;
  const auto domain = address::to_ascii(text.substr(below));
  if (!domain || !address::valid_domain(*domain)) return {};
  return (below > 0 ? "*." : "") + *domain;
}

template <class Entry>
auto patterns(std::vector<std::string> Entry::* where) {
  return [where](Entry& entry, const Value& value) -> std::optional<Wrong> {
    const auto given = strings(value);
    if (!given || given->empty()) return wants("domain_patterns");
    for (const auto& one : *given) {
      auto pattern = pattern_of(one);
      if (!pattern) return wants("domain_patterns");
      (entry.*where).push_back(*std::move(pattern));
    }
    return {};
  };
}

auto count(std::optional<std::uint64_t> Site::* where, std::int64_t most) {
  return [where, most](Site& entry, const Value& value) -> std::optional<Wrong> {
    const auto* given = std::get_if<std::int64_t>(&value);
    if (given == nullptr || *given < 1 || *given > most) {
      return Wrong{"config.wants.number", {{"low", "1"}, {"high", fmt::to_string(most)}}};
    }
    entry.*where = static_cast<std::uint64_t>(*given);
    return {};
  };
}

std::optional<Wrong> set_rate(Site& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const auto rate = given ? parse_rate(*given) : std::nullopt;
  if (!rate) return wants("rate");
  entry.rate = *given;
  entry.rate_a_second = rate;
  return {};
}

std::optional<Wrong> set_from(Source& entry, const Value& value) {
  const auto given = strings(value);
  if (!given || given->empty()) return wants("sender_patterns");
  for (const auto& one : *given) {
    std::optional<std::string> pattern;
    if (one == "<>") {
      pattern = one;
    } else if (one.find('@') != std::string::npos) {
      const auto path = address::parse_address(one, true);
      if (path) pattern = path->address;
    } else {
      pattern = pattern_of(one);
    }
    if (!pattern) return wants("sender_patterns");
    entry.from.push_back(*std::move(pattern));
  }
  return {};
}

std::optional<Wrong> set_accounts(Source& entry, const Value& value) {
  auto given = strings(value);
  if (!given || given->empty()) return wants("texts");
  entry.accounts = *std::move(given);
  return {};
}

auto ip(std::string Source::* where, bool v6) {
  return [where, v6](Source& entry, const Value& value) -> std::optional<Wrong> {
    const auto* given = std::get_if<std::string>(&value);
    const auto parsed = given ? address::Ip::parse(*given) : std::nullopt;
    if (!parsed || parsed->is_v6() != v6) return Wrong{"config.wants.address_only", {{"value", given ? *given : ""}}};
    entry.*where = *given;
    return {};
  };
}

std::optional<Wrong> set_hostname(Source& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || !address::valid_domain(*given) || !address::qualified(*given) || has_8bit(*given))
    return wants("host_name");
  entry.hostname = to_lower(*given);
  return {};
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

const std::vector<SiteRow>& site_rows() {
  static const std::vector<SiteRow> all = {
      {{"site.domains", "list of texts", "", "", shown_sites([](const Site& e) { return quoted(e.domains); })},
       false,
       patterns(&Site::domains)},
      {{"site.mx", "list of texts", "", "", shown_sites([](const Site& e) { return quoted(e.mx); })},
       false,
       patterns(&Site::mx)},
      {{"site.connections", "number", "", "", shown_sites([](const Site& e) { return number(e.connections); })},
       false,
       count(&Site::connections, 10'000)},
      {{"site.messages_per_connection", "number", "", "",
        shown_sites([](const Site& e) { return number(e.messages_per_connection); })},
       false,
       count(&Site::messages_per_connection, million)},
      {{"site.rate", "text", "", "", shown_sites([](const Site& e) { return quoted(e.rate); })}, false, set_rate}};
  return all;
}

const std::vector<SourceRow>& source_rows() {
  static const std::vector<SourceRow> all = {
      {{"source.from", "list of texts", "", "", shown_sources([](const Source& e) { return quoted(e.from); })},
       false,
       set_from},
      {{"source.to", "list of texts", "", "", shown_sources([](const Source& e) { return quoted(e.to); })},
       false,
       patterns(&Source::to)},
      {{"source.accounts", "list of texts", "", "", shown_sources([](const Source& e) { return quoted(e.accounts); })},
       false,
       set_accounts},
      {{"source.ipv4", "text", "", "", shown_sources([](const Source& e) { return quoted(e.ipv4); })},
       false,
       ip(&Source::ipv4, false)},
      {{"source.ipv6", "text", "", "", shown_sources([](const Source& e) { return quoted(e.ipv6); })},
       false,
       ip(&Source::ipv6, true)},
      {{"source.hostname", "host name", "", "", shown_sources([](const Source& e) { return quoted(e.hostname); })},
       false,
       set_hostname}};
  return all;
}

}  // namespace postil::config
