#include "base/ids.hpp"

#include <algorithm>

#include "base/prng.hpp"

namespace postil {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::uint64_t receipt_bit = std::uint64_t{1} << 63;
// kind 1 | milliseconds since 2020 41 | counter 14 | node 8
constexpr int node_bits = 8;
constexpr int counter_bits = 14;
constexpr std::int64_t epoch_2020_ms = 1577836800000;

std::uint64_t scrambled(std::uint64_t value) {
  return Prng(value)();
}

std::string letters(std::uint64_t value) {
  std::string out;
  for (int i = 12; i >= 0; --i) {
    out += alphabet[(value >> (5 * i)) & 31];
    if (i == 9 || i == 5) out += '-';
  }
  return out;
}

std::optional<std::uint64_t> value_of(std::string_view text) {
  std::uint64_t value = 0;
  int count = 0;
  for (char c : text) {
    if (c == '-') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const auto digit = alphabet.find(c);
    if (digit == std::string_view::npos || ++count > 13) return {};
    if (count == 1 && digit > 15) return {};  // 65 bits would be needed
    value = (value << 5) | digit;
  }
  if (count != 13) return {};
  return value;
}

}  // namespace

std::string to_string(MessageId id) {
  return letters(id.value);
}
std::string to_string(ReceiptId id) {
  return letters(id.value);
}

std::optional<MessageId> parse_message_id(std::string_view text) {
  const auto value = value_of(text);
  if (!value || *value == 0 || (*value & receipt_bit)) return {};
  return MessageId{*value};
}

std::optional<ReceiptId> parse_receipt_id(std::string_view text) {
  const auto value = value_of(text);
  if (!value || !(*value & receipt_bit)) return {};
  return ReceiptId{*value};
}

MessageId MessageIdMaker::make(WallTime now) {
  const std::int64_t ms = std::chrono::floor<milliseconds>(now.time_since_epoch()).count() - epoch_2020_ms;
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
  // The counter begins anywhere in its lower half, so that ids that people compare differ in more than one place.
  const std::uint64_t fresh = time << counter_bits | (scrambled(time) & ((1u << (counter_bits - 1)) - 1));
  last_ = std::max(last_ + 1, fresh);
  return MessageId{(last_ << node_bits | (node_ ^ scrambled(last_)) % 256) & ~receipt_bit};
}

std::uint8_t node_of(MessageId id) {
  return static_cast<std::uint8_t>(id.value ^ scrambled(id.value >> node_bits));
}

WallTime made_at(MessageId id) {
  const auto ms = static_cast<std::int64_t>(id.value >> (node_bits + counter_bits)) + epoch_2020_ms;
  return WallTime(milliseconds(ms));
}

ReceiptId make_receipt_id(std::uint64_t random) {
  return ReceiptId{random | receipt_bit};
}

}  // namespace postil
