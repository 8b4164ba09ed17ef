#include "crypto/base64.hpp"

#include <array>

namespace postil::crypto {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto values = make_values();

}  // namespace

std::string base64_encode(std::string_view octets) {
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  std::size_t i = 0;
  const auto octet = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(octets[at])); };
  for (; i + 3 <= octets.size(); i += 3) {
    const std::uint32_t group = octet(i) << 16 | octet(i + 1) << 8 | octet(i + 2);
    out += {alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63], alphabet[group & 63]};
  }
  if (const std::size_t left = octets.size() - i; left == 1) {
    const std::uint32_t group = octet(i) << 16;
    out += {alphabet[group >> 18], alphabet[group >> 12 & 63], '=', '='};
  } else if (left == 2) {
    const std::uint32_t group = octet(i) << 16 | octet(i + 1) << 8;
    out += {alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63], '='};
  }
  return out;
}

std::expected<std::string, Base64Error> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::unexpected(Base64Error::length);
  std::size_t pads = 0;
  if (text.ends_with("==")) {
    pads = 2;
  } else if (text.ends_with('=')) {
    pads = 1;
  }
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  const std::size_t letters = text.size() - pads;
  for (std::size_t i = 0; i < letters; ++i) {
    const auto value = values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::unexpected(Base64Error::letter);
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (i % 4 == 3) {
      out += {static_cast<char>(group >> 16), static_cast<char>(group >> 8), static_cast<char>(group)};
      group = 0;
    }
  }
  if (pads == 1) {  // 18 bits, 2 of them over
    if (group & 3) return std::unexpected(Base64Error::padding);
    out += {static_cast<char>(group >> 10), static_cast<char>(group >> 2)};
  } else if (pads == 2) {  // 12 bits, 4 of them over
    if (group & 15) return std::unexpected(Base64Error::padding);
    out += static_cast<char>(group >> 4);
  }
  return out;
}

}  // namespace postil::crypto
