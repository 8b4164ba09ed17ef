// Reads the human part of a report (human.hpp) back, in each language that it is written in: what people paste, or
// pass on without the parts that programs read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsn/report.hpp"

namespace postil::dsn {

struct HumanRecipient {
  std::string address;
  knowledge::Reason cause = knowledge::Reason::unknown;  // where the sentences leave no doubt
  std::string advice;                                    // Advice::id, where cause is only its nearest; else ""
  std::string said;                                      // on one line; "" = nothing was quoted
  std::string remote;                                    // the host it is about, "mx.example.net"; "" = none
  bool by_remote = false;                                // the host said it; else our own server noted it
};

struct HumanReport {
  Kind kind = Kind::failed;
  std::vector<HumanRecipient> recipients;  // one or more
};

// text: UTF-8, lines with LF, quoted with ">" or not, with other text around it. Of a report in two languages the first
// is read; at most recipients_max recipients. Nothing for what Postil has not written. Pure; linear.
std::optional<HumanReport> read_human_part(std::string_view text, std::size_t recipients_max);

}  // namespace postil::dsn
