// TLSA records as SMTP uses them: which of them can be matched at all. [rfc7672 3.1]
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"

namespace postil::transport {

// Why a record is of no use to an SMTP client.
enum class TlsaFault : std::uint8_t {
  pkix_usage,      // usage 0 or 1: no authority is agreed on between mail hosts [rfc7672 3.1.3]
  usage,           // a usage that nobody has defined
  selector,        // neither certificate (0) nor key (1)
  matching,        // neither whole (0), SHA-256 (1) nor SHA-512 (2)
  digest_length,   // not 32 or 64 octets
  no_certificate,  // matching 0, selector 0: not one certificate in DER
  no_key,          // matching 0, selector 1: not one public key in DER
};
std::string_view to_string(TlsaFault fault);  // "digest_length"; stable

// Records that were taken apart; both lists in the order in which they came.
struct TlsaSet {
  std::vector<dns::Tlsa> usable;
  struct Unusable {
    dns::Tlsa record;
    TlsaFault fault;
  };
  std::vector<Unusable> unusable;
  bool empty() const { return usable.empty() && unusable.empty(); }
};

// At most records_max are looked at; what is behind them is left out. Anything but TLSA in `records` is passed over.
TlsaSet sort_tlsa(std::span<const dns::Data> records);
inline constexpr std::size_t tlsa_records_max = 100;

// "3 1 1 0123abcd...": as in a zone file, for logs and reports.
std::string to_text(const dns::Tlsa& record);

}  // namespace postil::transport
