#include "smtp/client_extensions.hpp"

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"

namespace postil::smtp {
namespace {

constexpr std::size_t unknown_max = 32;
constexpr std::size_t mechanisms_max = 32;

struct Flag {
  std::string_view keyword;
  bool Extensions::* member;
};
constexpr Flag flags[] = {
    {"PIPELINING", &Extensions::pipelining},
    {"CHUNKING", &Extensions::chunking},
    {"8BITMIME", &Extensions::eight_bit_mime},
    {"SMTPUTF8", &Extensions::smtputf8},
    {"DSN", &Extensions::dsn},
    {"STARTTLS", &Extensions::starttls},
    {"BINARYMIME", &Extensions::binarymime},
    {"ENHANCEDSTATUSCODES", &Extensions::enhanced_status},
    {"REQUIRETLS", &Extensions::requiretls},
    {"MT-PRIORITY", &Extensions::mt_priority},
};

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(" \t", at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

void add_mechanism(Extensions& out, std::string_view name) {
  std::string upper = to_upper(name);
  if (upper.empty() || upper.size() > 20 || out.auth.size() >= mechanisms_max) return;
  if (std::ranges::find(out.auth, upper) == out.auth.end()) out.auth.push_back(std::move(upper));
}

void read_size(Extensions& out, const std::vector<std::string_view>& parts) {
  out.size = true;
  if (parts.size() < 2) return;
  std::uint64_t octets = 0;
  const auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), octets);
  if (error == std::errc() && end == parts[1].data() + parts[1].size()) out.size_max = octets;
}

// [rfc2852 2]: "DELIVERBY 240,OTHER"
void read_deliverby(Extensions& out, const std::vector<std::string_view>& parts) {
  out.deliverby = true;
  if (parts.size() < 2) return;
  const auto number = parts[1].substr(0, parts[1].find(','));
  std::uint32_t least = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), least);
  if (error == std::errc() && end == number.data() + number.size()) out.by_seconds_min = least;
}

// 1 to 999999; else the limit counts as not said [rfc9422 3.7].
std::uint32_t read_limit(std::string_view value) {
  std::uint32_t limit = 0;
  if (value.empty() || value.size() > 6 || value.front() == '0') return 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
  return error == std::errc() && end == value.data() + value.size() ? limit : 0;
}

// A parameter that is none spoils them all; limits that are not known here are passed over [rfc9422 3.7].
void read_limits(Extensions& out, const std::vector<std::string_view>& parts) {
  const auto is_name = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
  Extensions read;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    const auto name = parts[i].substr(0, equals);
    const bool empty = equals != std::string_view::npos && equals + 1 == parts[i].size();
    if (name.empty() || empty || !std::ranges::all_of(name, is_name) || parts[i].find(';') != parts[i].npos) return;
    const auto value = equals == std::string_view::npos ? std::string_view() : parts[i].substr(equals + 1);
    if (iequals(name, "RCPTMAX")) read.rcpt_max = read_limit(value);
    if (iequals(name, "MAILMAX")) read.mail_max = read_limit(value);
    if (iequals(name, "RCPTDOMAINMAX")) read.rcpt_domain_max = read_limit(value);
  }
  out.rcpt_max = read.rcpt_max;
  out.mail_max = read.mail_max;
  out.rcpt_domain_max = read.rcpt_domain_max;
}

}  // namespace

Extensions parse_extensions(const reply::RemoteReply& reply) {
  Extensions out;
  out.esmtp = true;
  for (std::size_t i = 1; i < reply.lines.size(); ++i) {
    const auto parts = words(reply.lines[i]);
    if (parts.empty()) continue;
    const auto flag = std::ranges::find_if(flags, [&](const Flag& f) { return iequals(f.keyword, parts[0]); });
    if (flag != std::end(flags)) {
      out.*(flag->member) = true;
    } else if (iequals(parts[0], "SIZE")) {
      read_size(out, parts);
    } else if (iequals(parts[0], "DELIVERBY")) {
      read_deliverby(out, parts);
    } else if (iequals(parts[0], "LIMITS")) {
      read_limits(out, parts);
    } else if (iequals(parts[0], "AUTH")) {
      for (std::size_t k = 1; k < parts.size(); ++k) add_mechanism(out, parts[k]);
    } else if (istarts_with(parts[0], "AUTH=")) {  // old form, still sent by some beside the right one
      add_mechanism(out, parts[0].substr(5));
      for (std::size_t k = 1; k < parts.size(); ++k) add_mechanism(out, parts[k]);
    } else if (out.unknown.size() < unknown_max) {
      out.unknown.push_back(printable(reply.lines[i], 100));
    }
  }
  return out;
}

}  // namespace postil::smtp
