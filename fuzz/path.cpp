// links: address
// What parses is safe to print and to send, and reads back as itself.
#include "address/path.hpp"

#include <cstdint>
#include <cstdlib>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/xtext.hpp"
#include "base/bytes.hpp"

using namespace postil;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

void check_path(std::string_view text, address::PathKind kind, bool smtputf8) {
  const auto path = address::parse_path(text, kind, smtputf8);
  if (!path) return;
  require(path->length <= text.size() && path->length >= 2 && text[path->length - 1] == '>');
  for (const char c : path->address) require(!is_control(c));
  require(is_utf8(path->address));
  require(smtputf8 || !has_8bit(path->address));
  require(path->address.size() <= 254);
  const auto again = address::parse_path(address::to_path(*path), kind, smtputf8);
  require(again && again->address == path->address && again->local == path->local && again->domain == path->domain &&
          again->literal == path->literal && again->utf8 == path->utf8);
}

void check_xtext(std::string_view text) {
  if (const auto plain = address::decode_xtext(text)) {
    for (const char c : *plain) require(!is_control(c) && !is_8bit(c));
    require(address::decode_xtext(address::encode_xtext(*plain)) == *plain);
  }
  for (const bool utf8 : {false, true}) {
    const auto original = address::parse_orcpt(text, utf8);
    if (!original) continue;
    for (const char c : original->address) require(!is_control(c));
    require(is_utf8(original->address));
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool smtputf8 : {false, true}) {
    check_path(text, address::PathKind::reverse, smtputf8);
    check_path(text, address::PathKind::forward, smtputf8);
    if (const auto path = address::parse_address(text, smtputf8))
      require(address::parse_address(path->address, smtputf8).has_value());
  }
  check_xtext(text);
  if (const auto ascii = address::to_ascii(text)) {
    require(!has_8bit(*ascii) && address::to_ascii(*ascii) == *ascii);
    require(is_utf8(address::to_unicode(*ascii)));
  }
  (void)address::nfc(text);
  if (const auto network = address::Network::parse(text)) {
    require(network->contains(network->base()));
    require(address::Network::parse(network->text()) == network);
  }
  return 0;
}
