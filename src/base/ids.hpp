// Ids are types. Message and receipt ids are 64 bits that people see as 13 letters of Crockford
// base32, grouped as 7Q3K-9F2M-4T8XB; the first letter tells the kind: 0-7 a message, 8-F a receipt.
// A message id holds time (ms), node and counter, never an offset, so that it stays true on another store.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace postil {

template <class Tag, class Rep = std::uint64_t>
struct Id {
  Rep value = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
  explicit constexpr operator bool() const { return value != 0; }
};

using MessageId = Id<struct MessageTag>;                   // a message in the queue, through its whole life
using ReceiptId = Id<struct ReceiptTag>;                   // a refusal
using SessionId = Id<struct SessionTag>;                   // a connection in or out; unique in one run of the program
using AttemptId = Id<struct AttemptTag>;                   // one try to deliver some recipients; unique in one run
using SiteId = Id<struct SiteTag, std::uint32_t>;          // a destination of the queue engine
using SenderKey = Id<struct SenderKeyTag, std::uint32_t>;  // who shares a site fairly: a login or an address

// "7Q3K-9F2M-4T8XB".
std::string to_string(MessageId id);
std::string to_string(ReceiptId id);
// Letters in any case, dashes optional, O read as 0, I and L as 1. Empty when it is no such id.
std::optional<MessageId> parse_message_id(std::string_view text);
std::optional<ReceiptId> parse_receipt_id(std::string_view text);

// Makes message ids that grow, also when the wall clock jumps back. Not thread-safe: one per owner.
class MessageIdMaker {
 public:
  // node: 0-255, tells the nodes of one shared store apart.
  explicit MessageIdMaker(std::uint8_t node) : node_(node) {}
  MessageId make(WallTime now);

 private:
  std::uint8_t node_;
  std::uint64_t last_ = 0;  // time and counter of the id made last
};

// The time that a message id was made, to the millisecond, and the node that made it.
WallTime made_at(MessageId id);
std::uint8_t node_of(MessageId id);
// random: 64 random bits; the kind's bit is set here.
ReceiptId make_receipt_id(std::uint64_t random);

}  // namespace postil

template <class Tag, class Rep>
struct std::hash<postil::Id<Tag, Rep>> {
  std::size_t operator()(postil::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
