// The messages that a SCRAM client sends, taken apart [rfc5802 7]. Pure parsers; nothing when the grammar is broken or
// a mandatory extension ("m=") is asked for, of which there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postil::sasl {

enum class ChannelBinding : std::uint8_t {
  none,         // "n": the client has none
  not_offered,  // "y": the client has one and thinks that the server has not
  used,         // "p=NAME"
};

struct ClientFirst {
  ChannelBinding binding = ChannelBinding::none;
  std::string binding_name;  // of "p="
  std::string gs2_header;    // "n,a=boss,", as sent: it comes again in the final message
  std::string authzid;       // decoded
  std::string user;          // decoded
  std::string nonce;
  std::string bare;  // behind the gs2 header, as sent
};
std::optional<ClientFirst> parse_client_first(std::string_view message);

struct ClientFinal {
  std::string binding;  // gs2 header and channel binding data, octets
  std::string nonce;
  std::string proof;          // octets
  std::string without_proof;  // as sent
};
std::optional<ClientFinal> parse_client_final(std::string_view message);

// "=2C" and "=3D" become ',' and '='; nothing when another '=' or a ',' is there, or it is empty.
std::optional<std::string> decode_saslname(std::string_view encoded);

}  // namespace postil::sasl
