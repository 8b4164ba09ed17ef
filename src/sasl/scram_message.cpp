#include "sasl/scram_message.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "crypto/base64.hpp"

namespace postil::sasl {
namespace {

constexpr std::size_t nonce_octets_max = 1024;
constexpr std::size_t binding_name_octets_max = 64;

// The text up to the next comma, which is taken off too; nothing when there is no comma.
std::optional<std::string_view> take_part(std::string_view& rest) {
  const auto comma = rest.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto part = rest.substr(0, comma);
  rest.remove_prefix(comma + 1);
  return part;
}

// printable = %x21-2B / %x2D-7E
bool valid_nonce(std::string_view nonce) {
  return !nonce.empty() && nonce.size() <= nonce_octets_max &&
         std::ranges::all_of(nonce, [](char c) { return c > ' ' && c < 127 && c != ','; });
}

// ALPHA "=" 1*value-char, between commas; ours are before them. Unknown ones are passed over [rfc5802 5.1].
bool valid_extensions(std::string_view rest) {
  for (const auto part : split(rest, ',')) {
    if (part.size() < 3 || !is_alpha(part[0]) || part[1] != '=' || part[0] == 'm') return false;
    if (part.find('\0') != std::string_view::npos) return false;
  }
  return true;
}

bool valid_binding_name(std::string_view name) {
  return !name.empty() && name.size() <= binding_name_octets_max &&
         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

// gs2-header = gs2-cbind-flag "," [ authzid ] ","
bool take_gs2_header(std::string_view& rest, ClientFirst& first) {
  const auto flag = take_part(rest);
  const auto authzid = take_part(rest);
  if (!flag || !authzid) return false;
  if (*flag == "n") {
    first.binding = ChannelBinding::none;
  } else if (*flag == "y") {
    first.binding = ChannelBinding::not_offered;
  } else if (flag->starts_with("p=") && valid_binding_name(flag->substr(2))) {
    first.binding = ChannelBinding::used;
    first.binding_name = flag->substr(2);
  } else {
    return false;
  }
  if (authzid->empty()) return true;
  if (!authzid->starts_with("a=")) return false;
  auto name = decode_saslname(authzid->substr(2));
  if (!name) return false;
  first.authzid = std::move(*name);
  return true;
}

}  // namespace

std::optional<std::string> decode_saslname(std::string_view encoded) {
  std::string name;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == ',' || encoded[i] == '\0') return std::nullopt;
    if (encoded[i] != '=') {
      name += encoded[i];
      continue;
    }
    const auto code = encoded.substr(i + 1, 2);
    if (code == "2C") {
      name += ',';
    } else if (code == "3D") {
      name += '=';
    } else {
      return std::nullopt;
    }
    i += 2;
  }
  if (name.empty()) return std::nullopt;
  return name;
}

std::optional<ClientFirst> parse_client_first(std::string_view message) {
  ClientFirst first;
  std::string_view rest = message;
  if (!take_gs2_header(rest, first)) return std::nullopt;
  first.gs2_header = message.substr(0, message.size() - rest.size());
  first.bare = rest;
  const auto user = take_part(rest);  // "m=..." would stand before it
  if (!user || !user->starts_with("n=")) return std::nullopt;
  auto name = decode_saslname(user->substr(2));
  if (!name) return std::nullopt;
  first.user = std::move(*name);
  const auto comma = rest.find(',');
  const auto nonce = rest.substr(0, comma);
  if (!nonce.starts_with("r=") || !valid_nonce(nonce.substr(2))) return std::nullopt;
  first.nonce = nonce.substr(2);
  if (comma != std::string_view::npos && !valid_extensions(rest.substr(comma + 1))) return std::nullopt;
  return first;
}

std::optional<ClientFinal> parse_client_final(std::string_view message) {
  ClientFinal final;
  const auto proof_at = message.rfind(",p=");  // the last attribute; base64 holds no comma
  if (proof_at == std::string_view::npos) return std::nullopt;
  auto proof = crypto::base64_decode(message.substr(proof_at + 3));
  if (!proof) return std::nullopt;
  final.proof = std::move(*proof);
  final.without_proof = message.substr(0, proof_at);

  std::string_view rest = final.without_proof;
  const auto binding = take_part(rest);
  if (!binding || !binding->starts_with("c=")) return std::nullopt;
  auto octets = crypto::base64_decode(binding->substr(2));
  if (!octets) return std::nullopt;
  final.binding = std::move(*octets);
  const auto comma = rest.find(',');
  const auto nonce = rest.substr(0, comma);
  if (!nonce.starts_with("r=")) return std::nullopt;
  final.nonce = nonce.substr(2);
  if (comma != std::string_view::npos && !valid_extensions(rest.substr(comma + 1))) return std::nullopt;
  return final;
}

}  // namespace postil::sasl
