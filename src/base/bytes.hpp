// Small helpers on octets. ASCII only: mail's protocol letters are ASCII, whatever the locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postil {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}
constexpr bool is_8bit(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}
constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
std::string_view trim(std::string_view text);                                // spaces and tabs
std::vector<std::string_view> split(std::string_view text, char separator);  // views into text; "" gives one empty part
bool has_8bit(std::string_view text);
bool is_utf8(std::string_view text);  // well-formed, no surrogates, no overlong forms
// Text of a peer for logs and people: control characters and broken UTF-8 become '?', at most max octets.
std::string printable(std::string_view text, std::size_t max = 512);
// edit distance, for "did you mean"; strings over 64 octets count as far away.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace postil
