// The catalogue of all replies that Postil can give (catalogue.def).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "reply/reply.hpp"

namespace postil::reply {

enum class TextId : std::uint16_t {
#define REPLY(identifier, code, enhanced, scope, receipt, text) identifier,
#include "reply/catalogue.def"
#undef REPLY
};

struct Entry {
  TextId id;
  std::string_view key;  // "rcpt_null_mx"; stable, used in receipts, JSON and data/
  Code code;
  EnhancedCode enhanced;
  Scope scope;
  bool receipt;
  std::string_view text;
};

std::span<const Entry> catalogue();
const Entry& entry(TextId id);
const Entry* find_entry(std::string_view key);  // null when there is none
// The names in braces, in order.
std::vector<std::string_view> argument_names(std::string_view text);

}  // namespace postil::reply
