// Parameters of MAIL and RCPT as both sides know them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "address/path.hpp"
#include "base/time.hpp"

namespace postil::smtp {

enum class BodyType : std::uint8_t { seven_bit, eight_bit, binary };
enum class Ret : std::uint8_t { unset, full, headers };

// BY= [rfc2852 4]: until when the message is to be delivered, and what becomes of it otherwise.
struct DeliverBy {
  enum class Mode : std::uint8_t { none, notify, give_back } mode = Mode::none;
  bool trace = false;        // each relay tells the sender
  std::int64_t seconds = 0;  // from now on; below 0: it was over so long ago
  WallTime until{};          // that, as a time; the server's session sets it
};

// HOLDFOR= or HOLDUNTIL= [rfc4865 3]
struct Hold {
  std::string request;  // "for;3600", "until;2026-11-22T18:00:00Z": as reports name it [rfc4865 5.1.2]; "" = none
  Duration interval{};  // HOLDFOR
  WallTime until{};     // HOLDUNTIL; the server's session sets it for both
};

struct MailCommand {
  address::Path sender;
  std::uint64_t size_octets = 0;  // SIZE=, 0 = not given
  BodyType body = BodyType::seven_bit;
  bool smtputf8 = false;
  Ret ret = Ret::unset;
  std::string envid;        // xtext as it came; checked
  bool requiretls = false;  // REQUIRETLS [rfc8689 2]
  std::string auth;         // AUTH= decoded; "" = not given; "<>" = given so
  Hold hold;
  DeliverBy by;
  std::optional<std::int8_t> priority;  // MT-PRIORITY=, -9 to 9 [rfc6710]
};

struct RcptCommand {
  address::Path recipient;
  std::uint8_t notify = 0;  // bits of queue::Notify: never 1, success 2, failure 4, delay 8
  std::string orcpt;        // as it came; checked
};

}  // namespace postil::smtp
