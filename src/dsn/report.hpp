// What a delivery report is made from [rfc3461 6]. Who is told, and when, the queue has decided already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "knowledge/reasons.hpp"
#include "queue/envelope.hpp"

namespace postil::dsn {

enum class Kind : std::uint8_t { failed, delayed, relayed, delivered };
std::string_view to_string(Kind kind);  // the Action field's word [rfc3464 2.3.3]

// What is to be said about a recipient that failed or is late: keys of texts, whole sentences without placeholders.
struct Told {
  std::vector<std::string> what;  // what happened
  std::string act;                // what is to be done
  std::string_view who;           // bounce.who.WHO: "you", "your_admin", "recipient", "their_admin"
  knowledge::Reason cause = knowledge::Reason::unknown;
};

struct Report {
  Kind kind = Kind::failed;
  std::string host;  // our name: Reporting-MTA, postmaster's domain
  std::string id;    // of this report, for its Message-ID: letters, digits and '-'
  WallTime time;
  int zone_minutes = 0;  // of dates
  queue::Envelope original;
  std::vector<queue::RecipientState> recipients;  // one or more; index into original.recipients
  // Of each of `recipients`, where its refusal was understood; for the others, and those left out, the codes tell.
  std::vector<std::optional<Told>> told;
  std::string original_header;     // the stored message's header block; the beginning of the message will do
  std::string language;            // of the reader: "de", "de-AT, en;q=0.5"; "" or unknown ones: English alone
  Duration refused_us_lifetime{};  // how long mail waits for hosts that refuse us; 0: as long as any other
  bool encode_original = false;    // base64 for all of it: Writer::has_long_line()
  std::uint64_t random = 0;        // 64 bits that no peer can guess, for the boundary
};

// The status that the report gives for a recipient: the state's code where its class fits the kind, otherwise what
// is known from the reason or the basic code (a bare 521 is 5.3.2 [rfc7504 3], 556 is 5.1.10 [rfc7505 6]).
reply::EnhancedCode status_of(Kind kind, const queue::RecipientState& state);

// Until when a recipient that waits is tried again.
WallTime retry_until(const Report& report, const queue::RecipientState& state);

}  // namespace postil::dsn
