// Facts about reply codes: data/codes, data/status, data/replies and data/compare, built into the
// program and read at the first use. They hold no prose; that has the keys code.521.meaning,
// status.x.1.1.meaning, reply.rcpt_null_mx.what (data/text/en). Wrong data aborts: tests read all of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "knowledge/reasons.hpp"
#include "reply/catalogue.hpp"
#include "reply/code.hpp"

namespace postil::knowledge {

using reply::Code;
using reply::EnhancedCode;

// What a reply answers, in the order of a session; any: most commands.
enum class Stage : std::uint8_t {
  connect,
  ehlo,
  starttls,
  auth,
  mail,
  rcpt,
  data,
  message,
  vrfy,
  help,
  etrn,
  quit,
  any
};
std::string_view to_string(Stage stage);  // "rcpt"; the text is explain.stage.KEY
std::optional<Stage> find_stage(std::string_view key);

// none: it is no refusal. no: the message is returned. after_change: only when somebody has changed something.
enum class Retry : std::uint8_t { none, no, later, after_change };
std::string_view to_string(Retry retry);

struct Definition {
  std::string document;  // "7504", or the name of a draft
  std::string section;   // "3"; may be empty
};

struct BasicCode {
  Code code = 0;
  std::vector<Stage> stages;
  Retry retry = Retry::none;
  std::vector<EnhancedCode> enhanced;  // the ones that go with it most often, the RFC's first
  std::vector<Definition> defined;
  std::vector<Code> confused;  // what it is taken for; the texts are code.521.not.556
  std::optional<Reason> reason;
  bool ambiguous = false;               // the code alone does not tell the reason
  std::vector<std::string> transcript;  // "S: 521 ..."; literals, in no language
};

std::span<const BasicCode> basic_codes();  // by number
const BasicCode* find_code(Code code);     // null when nothing is known of it

// A row of the registry of enhanced codes, for whatever class. [rfc5248]
struct Status {
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  std::string registry;  // the registry's sample text, a literal
  std::vector<Code> basic;
  std::vector<Definition> defined;
  std::optional<Reason> reason;
  std::optional<Reason> reason_temporary;  // where class 4 means something else
  bool ambiguous = false;
  bool success = false;  // class 2 makes sense

  std::string key() const;  // "status.x.1.10"
};

std::span<const Status> statuses();  // by subject and detail
const Status* find_status(std::uint16_t subject, std::uint16_t detail);

// Who acts upon a refusal of our own, and its reason. Null for replies that are no refusals.
struct ReplyFact {
  Role act = Role::nobody;
  Reason reason = Reason::unknown;
};
const ReplyFact* fact_of(reply::TextId text);

// A comparison of two codes that was written by hand; the texts are compare.pair.235_556.*.
struct ReviewedPair {
  Code a = 0;  // a < b
  Code b = 0;
  bool one_session = false;   // both can come in one session
  bool one_delivery = false;  // both can come while one message is delivered
  std::vector<std::string> transcript;

  std::string key() const;  // "compare.pair.235_556"
};
std::span<const ReviewedPair> reviewed_pairs();
const ReviewedPair* find_pair(Code one, Code other);

}  // namespace postil::knowledge
