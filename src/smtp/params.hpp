// Parameters of MAIL and RCPT as both sides know them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "address/path.hpp"

namespace postil::smtp {

enum class BodyType : std::uint8_t { seven_bit, eight_bit, binary };
enum class Ret : std::uint8_t { unset, full, headers };

struct MailCommand {
  address::Path sender;
  std::uint64_t size_octets = 0;  // SIZE=, 0 = not given
  BodyType body = BodyType::seven_bit;
  bool smtputf8 = false;
  Ret ret = Ret::unset;
  std::string envid;        // xtext as it came; checked
  bool requiretls = false;  // REQUIRETLS [rfc8689 2]
  std::string auth;         // AUTH= decoded; "" = not given; "<>" = given so
};

struct RcptCommand {
  address::Path recipient;
  std::uint8_t notify = 0;  // bits of queue::Notify: never 1, success 2, failure 4, delay 8
  std::string orcpt;        // as it came; checked
};

}  // namespace postil::smtp
