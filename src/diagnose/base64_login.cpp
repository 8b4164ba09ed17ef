#include "diagnose/base64_login.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace postil::diagnose {
namespace {

constexpr std::size_t login_octets_max = 8192;  // in base64
constexpr std::string_view bearer_token = "auth=bearer ";

constexpr unsigned sextet(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 26;
  if (is_digit(c)) return static_cast<unsigned>(c - '0') + 52;
  return c == '+' || c == '-' ? 62 : 63;
}
constexpr auto sextets = [] {
  std::array<std::uint8_t, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(sextet(static_cast<char>(i)));
  return out;
}();

bool has_inside(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Of a text without control characters.
bool is_proof(std::string_view text) {
  if (text.starts_with("c=") && has_inside(text, ",p=")) return true;
  if (has_inside(text, "username=") && has_inside(text, "response=")) return true;
  const auto space = text.rfind(' ');
  return space != std::string_view::npos && text.size() - space == 33 &&
         std::ranges::all_of(text.substr(space + 1), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

bool decodes_to_login(std::string_view word) {
  if (word.size() < 8 || word.size() > login_octets_max) return false;
  if (word.starts_with("TlRMTVNTUAAD")) return true;
  std::array<char, login_octets_max / 4 * 3> decoded;
  std::size_t size = 0;
  std::size_t nuls = 0;
  bool controls = false;
  unsigned bits = 0;
  unsigned count = 0;
  const bool may_hold_token = word.size() / 4 * 3 + 2 > bearer_token.size();
  for (const char c : word) {
    bits = (bits << 6 | sextets[static_cast<unsigned char>(c)]) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const char octet = static_cast<char>(bits >> count & 0xff);
    decoded[size++] = octet;
    nuls += octet == 0 ? 1 : 0;
    controls = controls || (octet != 0 && is_control(octet));
    if (controls && !may_hold_token) return false;  // most words of a log
  }
  const std::string_view text(decoded.data(), size);
  if (controls) return size > bearer_token.size() && has_inside(to_lower(text), bearer_token);
  return nuls == 2 ? size >= 4 : nuls == 0 && is_proof(text);
}

}  // namespace postil::diagnose
