// From one refusal to the reason: the rules of data/rules, first by vendor token and host, then by wording, then by
// code (docs/knowledge.md). What does not tell stays "unknown, because": a confident wrong answer is the worst one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "knowledge/codes.hpp"
#include "knowledge/reasons.hpp"
#include "reply/reply.hpp"

namespace postil::diagnose {

// Who said it: the host that was to take the message, or the one that reports (it had no answer, or refused by itself).
enum class Side : std::uint8_t { unknown, remote, local };
std::string_view to_string(Side side);

// One recipient's refusal as it was read from a reply, a log line or a bounce. All text is UTF-8, of any length up to
// the reader's own limits; everything may be empty.
struct Refusal {
  std::string address;              // the recipient as the text names it
  reply::Code code = 0;             // 0: none
  reply::EnhancedCode enhanced;     // class 0: none
  bool enhanced_of_report = false;  // the reply had none; it is the reporting program's own
  std::string text;                 // what was said, on one line, with its codes left out where they led it
  std::string more;                 // the report's other words to people; asked only where text does not tell
  std::string host;                 // that said it: a name, or an address
  std::string mta;  // the software or service that wrote the report or line: "postfix", "exim"; empty: not known
  knowledge::Stage stage = knowledge::Stage::any;
  Side side = Side::unknown;
  bool delayed = false;                                  // it is tried again
  knowledge::Reason named = knowledge::Reason::unknown;  // the report is one of Postil's, and says the reason
  std::string advice;  // and in words of its own (dsn::Advice::id), of which that reason is only the nearest; mostly ""
};

struct Cause {
  knowledge::Reason reason = knowledge::Reason::unknown;
  // Mostly the reason's own; some rules know better.
  knowledge::Role who = knowledge::Role::sender;
  knowledge::Action action = knowledge::Action::contact;
  double confidence = 0;  // 0 to 1; from 0.8 on it is said without reserve
  std::string rule;       // id of a rule in data/rules or data/vendors, or "code"; empty when nothing matched
  std::string vendor;     // "gmail", "microsoft365"; empty: not known
  std::string matched;    // the words of the text that decided; empty when the code did
  knowledge::Stage stage = knowledge::Stage::any;  // where the rule or the refusal tells it
  std::string because;  // key of a text, explain.because.*: what decided, or why the reason is unknown
  std::string note;     // key of a text: what the provider means by this reply; mostly empty
  // The message waited until its time was over. Then reason is expired_in_queue where the last cause would have
  // passed by itself, or is not told; underlying is that cause.
  bool expired = false;
  knowledge::Reason underlying = knowledge::Reason::unknown;
  std::string list;  // the block list that the text names, "zen.spamhaus.org"; empty: none
};

// Pure; linear in the length of the text; may be called from any thread. The rules are read and compiled at the first
// call.
Cause classify(const Refusal& refusal);

}  // namespace postil::diagnose
