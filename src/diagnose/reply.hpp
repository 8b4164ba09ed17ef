// Why another server (or ours) refused: from one reply to a reason, with whose move it is and what to do.
// Where a reply does not tell, the result is "unknown", with the cause of that, never a guess. Rests on classify.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "diagnose/classify.hpp"
#include "knowledge/codes.hpp"
#include "reply/reply.hpp"

namespace postil::diagnose {

// certain: said without reserve. likely: something else is possible.
inline constexpr double confidence_certain = 0.8;
enum class Confidence : std::uint8_t { certain, likely, unknown };
std::string_view to_string(Confidence confidence);

struct Explanation {
  knowledge::Reason reason = knowledge::Reason::unknown;
  knowledge::Group group = knowledge::Group::unknown;
  knowledge::Persistence persistence = knowledge::Persistence::conditional;
  knowledge::Role act = knowledge::Role::sender;
  knowledge::Action action = knowledge::Action::contact;
  Confidence confidence = Confidence::unknown;
  // Keys of texts (i18n::Translator), whole sentences without placeholders; why may be empty.
  std::string what;
  std::string why;
  std::string act_text;
  const reply::Entry* own = nullptr;  // the reply is one of Postil's catalogue
  Cause finding;                      // what it rests on
};

// reply: a refusal (code 400 to 599) as it came. stage: the command that it answered, or any when that is not known.
// Pure; may be called from any thread.
Explanation explain_reply(const reply::RemoteReply& reply, knowledge::Stage stage);

// Of a refusal of our own catalogue, where that is known from elsewhere than its words: two entries may have the same.
Explanation explain_entry(const reply::Entry& entry);

// The entry of our own catalogue that this text was made from, or null. text: without code, enhanced
// code and receipt.
const reply::Entry* match_own(reply::Code code, reply::EnhancedCode enhanced, std::string_view text);

// What is advised is to wait: nothing for a message that has come back. do_when_given_up is the text instead.
bool only_to_wait(knowledge::Reason reason);
inline constexpr std::string_view do_when_given_up = "bounce.advice.not_now.do";

}  // namespace postil::diagnose
