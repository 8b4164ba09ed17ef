// What `postil explain`, HELP and the pages tell about a code, a class of codes or a reply: everything
// as keys of texts and literals, so that the terminal, a page and JSON show the same in any language.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/reply.hpp"
#include "knowledge/checks.hpp"
#include "knowledge/codes.hpp"
#include "knowledge/collisions.hpp"

namespace postil::diagnose {

inline constexpr std::size_t input_octets_max = 64 * 1024;

enum class Kind : std::uint8_t {
  basic_code,     // 550
  enhanced_code,  // 5.1.1, x.1.1
  pair,           // 550 5.1.1
  code_class,     // 5xx, 5.x.x
  subject,        // x.7.z, 5.7.x
  reason,         // user_unknown: the id of one of knowledge::reasons()
  reply,          // a line, or several, of any server
  message_id,     // an id of our own: the server knows more
  receipt_id,
};
std::string_view to_string(Kind kind);

enum class NotUnderstood : std::uint8_t {
  empty,
  too_long,
  no_such_code,     // three digits, but no code of SMTP
  no_such_status,   // x.y.z with a class other than 2, 4, 5
  not_a_reply,      // none of the kinds above
  no_report,        // a mail that tells of no delivery
  automatic_reply,  // somebody is away: the message has arrived
  no_refusal,       // log lines that tell of no refusal
};
std::string_view to_string(NotUnderstood why);  // the text is explain.error.KEY

// mixed: the class is not given (x.7.1).
enum class Outcome : std::uint8_t { success, go_on, temporary, permanent, mixed };
std::string_view to_string(Outcome outcome);

struct Step {
  knowledge::Role who;
  std::string text;  // key
};
struct Confusion {
  std::string code;  // "556"
  std::string text;  // key: how it differs
};

struct Answer {
  Kind kind = Kind::basic_code;
  std::string subject;  // "521", "556 5.1.10", "5xx", "user_unknown", "7Q3K-9F2M-4T8XB": a literal
  Outcome outcome = Outcome::mixed;
  bool never_success = false;  // of a mixed one: it stands with refusals only, or with successes only
  bool never_refusal = false;
  knowledge::Retry retry = knowledge::Retry::none;
  std::string title;              // key; empty for ids
  std::vector<std::string> what;  // keys: what it means, or what happened
  std::vector<std::string> why;   // keys
  std::string when;               // key, may be empty
  std::string other;              // key, may be empty: how some servers use it otherwise
  std::vector<Step> steps;        // who does what
  std::vector<Confusion> confused;
  std::vector<Confusion> members;  // of a class or subject: code and its title
  std::vector<knowledge::Stage> stages;
  std::vector<std::string> enhanced;  // codes that go with it
  std::vector<std::string> basic;
  std::vector<knowledge::Definition> defined;
  std::vector<std::string> transcript;
  std::optional<knowledge::Standing> standing;        // of a basic code
  std::vector<knowledge::Emitter> emitters;           // who says it
  std::optional<knowledge::Persistence> persistence;  // none: no refusal, or the class is open
  std::vector<std::string> related;                   // codes: "5.7.8", "x.1.2"
  std::vector<const knowledge::LiveCheck*> live_checks;
  std::vector<const knowledge::Collision*> collisions;  // where the code has two meanings
  std::string registry;                                 // the registry's own words for an enhanced code, a literal
  std::optional<Explanation> reply;                     // kind reply: the reason
  std::string quoted;                                   // kind reply: the reply on one line, printable
};

// The key of the outcome's text: "explain.outcome.permanent".
std::string outcome_text_key(const Answer& answer);
// answer.related, without what stands among the basic and enhanced codes already.
std::vector<std::string> related_besides(const Answer& answer);

// input: what a person pasted, at most input_octets_max, in any encoding. Secrets in it (AUTH lines)
// come up in no part of the answer: only lines that begin with a reply code are used.
// stage: what the reply answered, when the caller knows.
std::expected<Answer, NotUnderstood> explain(std::string_view input, knowledge::Stage stage = knowledge::Stage::any);

// What a receipt holds: the catalogue's key of the refusal, and its words. With an unknown key the words alone count.
std::expected<Answer, NotUnderstood> explain_receipt(std::string_view key, std::string_view reply,
                                                     knowledge::Stage stage = knowledge::Stage::any);

// A reply as people paste it: lines "550-5.1.1 text", with "S: " before them or not; of several replies the last.
// Empty when no line is one.
std::optional<reply::RemoteReply> read_reply(std::string_view text);

}  // namespace postil::diagnose
