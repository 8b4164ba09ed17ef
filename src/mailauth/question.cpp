#include "mailauth/question.hpp"

#include <fmt/format.h>

#include <iterator>

#include "address/domain.hpp"
#include "base/bytes.hpp"

namespace postil::mailauth {
namespace {

constexpr std::size_t label_octets_max = 63;
constexpr std::size_t name_octets_max = 253;

std::string_view without_last_dot(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool askable_name(std::string_view text) {
  text = without_last_dot(text);
  if (text.empty() || text.size() > name_octets_max) return false;
  for (const auto label : split(text, '.')) {
    if (label.empty() || label.size() > label_octets_max) return false;
    for (const char c : label)
      if (is_control(c)) return false;
  }
  return true;
}

std::string question_name(std::string_view text) {
  std::string out;
  for (const char c : without_last_dot(text)) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (octet <= 32 || octet >= 127) {
      fmt::format_to(std::back_inserter(out), "\\{:03}", octet);
    } else {
      out += ascii_lower(c);
    }
  }
  return out;
}

std::string dns_domain(std::string_view text) {
  text = without_last_dot(text);
  if (!has_8bit(text)) return std::string(text);
  return address::to_ascii(text).value_or("");
}

bool same_or_below(std::string_view name, std::string_view domain) {
  name = without_last_dot(name);
  domain = without_last_dot(domain);
  if (name.size() < domain.size() || !iequals(name.substr(name.size() - domain.size()), domain)) return false;
  return name.size() == domain.size() || (!domain.empty() && name[name.size() - domain.size() - 1] == '.');
}

}  // namespace postil::mailauth
