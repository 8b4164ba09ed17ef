// Facts about reply codes: data/codes, data/status and data/replies, built into the program and read at the first use.
// They hold no prose; that has the keys code.521.meaning, status.x.1.1.meaning, reply.rcpt_null_mx.what (data/text/en).
// Wrong data aborts: tests read all of it. Beside them: collisions.hpp, pairs.hpp, checks.hpp, guides.hpp.
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

// Who says it, as the program that sends sees it. sending: nobody does; that program itself notes it in its log or in
// the bounce that it writes.
enum class Emitter : std::uint8_t { submission, relay, destination, sending };
std::string_view to_string(Emitter emitter);  // the text is fact.emitter.KEY

// rfc: an RFC defines it. registry: only the registry of enhanced codes names it [rfc5248]. field: in no standard, but
// seen. The text is fact.standing.KEY.
enum class Standing : std::uint8_t { rfc, registry, field };
std::string_view to_string(Standing standing);

struct Definition {
  std::string document;  // "7504", or the name of a draft
  std::string section;   // "3"; may be empty
};

struct BasicCode {
  Code code = 0;
  Standing standing = Standing::rfc;
  std::vector<Emitter> emitters;
  std::vector<Stage> stages;
  Retry retry = Retry::none;
  std::optional<Persistence> persistence;  // none: it is no refusal; the first digit alone does not tell it
  std::vector<EnhancedCode> enhanced;      // the ones that go with it most often, the RFC's first
  std::vector<Definition> defined;
  std::vector<Code> confused;            // what it is taken for; the texts are code.521.not.556
  std::vector<std::string> related;      // "334", "5.7.8": what one meets beside it
  std::vector<std::string> live_checks;  // keys of checks.hpp: what would confirm it
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
  std::vector<Stage> stages;
  std::vector<Emitter> emitters;
  std::vector<std::string> confused;     // "x.1.2"; the texts are status.x.1.1.not.1_2
  std::vector<std::string> related;      // "550", "x.1.2"
  std::vector<std::string> live_checks;  // keys of checks.hpp
  std::vector<std::string> transcript;   // literals; may be empty
  std::optional<Reason> reason;
  std::optional<Reason> reason_temporary;                      // where class 4 means something else
  std::optional<Persistence> persistence;                      // with class 5; none: no refusal is made with it
  Persistence persistence_temporary = Persistence::transient;  // with class 4
  bool ambiguous = false;
  bool success = false;  // class 2 makes sense

  std::string key() const;   // "status.x.1.10"
  std::string name() const;  // "x.1.10"
  // klass: 2, 4, 5. None for success, and for what is never a refusal.
  std::optional<Persistence> persistence_of(unsigned klass) const;
};

std::span<const Status> statuses();  // by subject and detail
const Status* find_status(std::uint16_t subject, std::uint16_t detail);

// Who acts upon a refusal of our own, and its reason. Null for replies that are no refusals.
struct ReplyFact {
  Role act = Role::nobody;
  Reason reason = Reason::unknown;
};
const ReplyFact* fact_of(reply::TextId text);

}  // namespace postil::knowledge
