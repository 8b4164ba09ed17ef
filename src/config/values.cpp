// Durations, sizes and addresses as people write them.
#include <fmt/format.h>

#include <charconv>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/config.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

template <std::size_t N>
std::optional<std::uint64_t> with_units(std::string_view text, const Unit (&units)[N], std::uint64_t bare,
                                        bool repeat) {
  std::uint64_t sum = 0;
  if (text.empty()) return {};
  while (!text.empty()) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number > (std::uint64_t{1} << 50)) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto letters = std::min(text.find_first_of("0123456789"), text.size());
    const auto name = trim(text.substr(0, letters));
    text.remove_prefix(letters);
    std::uint64_t factor = name.empty() ? bare : 0;
    for (const auto& unit : units) {
      if (iequals(unit.name, name)) factor = unit.factor;
    }
    if (factor == 0 || (!repeat && !text.empty())) return {};
    if (number != 0 && factor > (std::uint64_t{1} << 62) / number) return {};
    sum += number * factor;
    if (sum > (std::uint64_t{1} << 62)) return {};
  }
  return sum;
}

constexpr Unit time_units[] = {{"ms", 1000},      {"s", 1000000},     {"m", 60000000},
                               {"h", 3600000000}, {"d", 86400000000}, {"w", 604800000000}};
constexpr Unit size_units[] = {{"B", 1},         {"K", 1u << 10}, {"KB", 1u << 10}, {"M", 1u << 20},
                               {"MB", 1u << 20}, {"G", 1u << 30}, {"GB", 1u << 30}, {"T", std::uint64_t{1} << 40}};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return {};
  return port;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  // A bare number would leave the unit to be guessed; 0 needs none.
  const auto us = with_units(text, time_units, text == "0" ? 1 : 0, true);
  if (!us) return {};
  return Duration(static_cast<std::int64_t>(*us));
}

std::string format_duration(Duration duration) {
  auto us = static_cast<std::uint64_t>(duration.count());
  if (us == 0) return "0";
  std::string out;
  for (auto unit = std::rbegin(time_units) + 1; unit != std::rend(time_units); ++unit) {
    if (us >= unit->factor) {
      out += fmt::format("{}{}", us / unit->factor, unit->name);
      us %= unit->factor;
    }
  }
  return out;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return with_units(text, size_units, 1, false);
}

std::string format_size(std::uint64_t octets) {
  for (const auto& [name, factor] : {Unit{"G", 1u << 30}, Unit{"M", 1u << 20}, Unit{"K", 1u << 10}}) {
    if (octets != 0 && octets % factor == 0) return fmt::format("{}{}", octets / factor, name);
  }
  return fmt::to_string(octets);
}

std::string written(const ListenAddress& at) {
  const bool v6 = at.address.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", at.address, at.port) : fmt::format("{}:{}", at.address, at.port);
}

std::optional<SmarthostAddress> parse_next_hop(std::string_view url) {
  constexpr std::string_view by_socket = "lmtp:unix:", by_tcp = "lmtp:inet:";
  constexpr std::size_t path_octets_max = 107;  // of a sockaddr_un
  SmarthostAddress out;
  if (url.starts_with(by_socket)) {
    const auto path = url.substr(by_socket.size());
    if (!path.starts_with('/') || path.size() > path_octets_max || has_control(path)) return {};
    out.host = path;
    out.port = 0;
  } else if (url.starts_with(by_tcp)) {
    const auto host = parse_smarthost(fmt::format("smtp://{}", url.substr(by_tcp.size())));
    if (!host) return {};
    out.host = host->host;
    out.port = host->port == 25 ? 24 : host->port;  // never LMTP on port 25 [rfc2033 5]
  } else {
    return parse_smarthost(url);
  }
  out.lmtp = true;
  return out;
}

std::optional<SmarthostAddress> parse_smarthost(std::string_view url) {
  SmarthostAddress out;
  const auto take = [&](std::string_view scheme, std::uint16_t port) {
    if (!url.starts_with(scheme)) return false;
    url.remove_prefix(scheme.size());
    out.port = port;
    return true;
  };
  if (take("smtps://", 465)) {
    out.implicit_tls = true;
  } else if (!take("submission://", 587) && !take("smtp://", 25)) {
    return {};
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  const auto bracket = url.starts_with('[') ? url.find(']') : 0;
  if (bracket == std::string_view::npos) return {};
  if (const auto colon = url.find(':', bracket); colon != std::string_view::npos) {
    const auto port = parse_port(url.substr(colon + 1));
    if (!port) return {};
    out.port = *port;
    url = url.substr(0, colon);
  }
  if (bracket > 0) {
    if (url.size() != bracket + 1) return {};
    url = url.substr(1, bracket - 1);
    const auto ip = address::Ip::parse(url);
    if (!ip || !ip->is_v6()) return {};
  } else if (!address::Ip::parse(url) && (!address::valid_domain(url) || has_8bit(url))) {
    return {};
  }
  out.host = to_lower(url);
  return out;
}

bool resolver_address(std::string_view text) {
  const auto at = text.find('@');
  if (at != std::string_view::npos && !parse_port(text.substr(at + 1))) return false;
  text = text.substr(0, at);
  const auto zone = text.find('%');
  const auto ip = address::Ip::parse(text.substr(0, zone));
  return ip && (zone == std::string_view::npos || (ip->is_v6() && zone + 1 < text.size()));
}

}  // namespace postil::config
