// A throw-away certificate for the demo: self-signed, P-256.
#pragma once

#include <expected>
#include <string>
#include <vector>

namespace postil::env_asio {

struct SelfSigned {
  std::string certificate;  // PEM
  std::string key;          // PEM
};
// names: DNS names and IP addresses, the first one is the subject. Good for 30 days. The error is a sentence.
std::expected<SelfSigned, std::string> make_self_signed(const std::vector<std::string>& names);

}  // namespace postil::env_asio
