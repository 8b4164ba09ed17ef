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
