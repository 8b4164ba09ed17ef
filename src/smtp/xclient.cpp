#include "smtp/xclient.hpp"

#include <charconv>
#include <cstdint>

#include "address/ip.hpp"
#include "address/path.hpp"
#include "address/xtext.hpp"
#include "base/bytes.hpp"

namespace postil::smtp {
namespace {

constexpr std::size_t name_octets_max = 255;

bool unavailable(std::string_view value) {
  return iequals(value, "[UNAVAILABLE]") || iequals(value, "[TEMPUNAVAIL]");
}

bool set_address(std::optional<std::string>& into, std::string_view value) {
  const bool v6 = istarts_with(value, "IPV6:");
  auto canonical = address::canonical_ip(v6 ? value.substr(5) : value);
  if (!canonical) return false;
  into = std::move(*canonical);
  return true;
}

bool is_port(std::string_view value) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), port);
  return error == std::errc() && end == value.data() + value.size();
}

// value: not empty, decoded.
bool set(Xclient& out, std::string_view name, const std::string& value) {
  const bool none = unavailable(value);
  const std::string said = none ? std::string() : value;
  if (iequals(name, "NAME")) {
    out.name = said;
    return none || address::valid_domain(value);
  }
  if (iequals(name, "HELO")) {
    out.helo = said;
    return value.size() <= name_octets_max;
  }
  if (iequals(name, "LOGIN")) {
    out.login = said;
    return value.size() <= name_octets_max;
  }
  if (iequals(name, "ADDR") || iequals(name, "DESTADDR")) {
    auto& into = iequals(name, "ADDR") ? out.address : out.local_address;
    into = "";
    return none || set_address(into, value);
  }
  if (iequals(name, "PORT") || iequals(name, "DESTPORT")) return none || is_port(value);
  if (iequals(name, "PROTO")) {
    out.esmtp = iequals(value, "ESMTP");
    return *out.esmtp || iequals(value, "SMTP");
  }
  return false;
}

}  // namespace

std::expected<Xclient, std::string> parse_xclient(std::string_view argument) {
  Xclient out;
  for (const auto part : split(argument, ' ')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto name = part.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    const auto decoded = address::decode_xtext(value);
    if (!decoded || decoded->empty() || !set(out, name, *decoded)) {
      return std::unexpected(printable(name, 40));
    }
  }
  return out;
}

}  // namespace postil::smtp
