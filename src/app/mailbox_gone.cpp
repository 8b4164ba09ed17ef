#include "app/mailbox_gone.hpp"

#include "base/bytes.hpp"
#include "diagnose/classify.hpp"

namespace postil::app {

bool mailbox_gone(const queue::RecipientState& state) {
  if (state.reason != queue::Reason::recipient_refused || !state.diagnostic_remote) return false;
  diagnose::Refusal refusal;
  std::string_view words = state.diagnostic;
  if (words.size() >= 3 && is_digit(words[0]) && is_digit(words[1]) && is_digit(words[2])) {
    refusal.code = static_cast<reply::Code>((words[0] - '0') * 100 + (words[1] - '0') * 10 + (words[2] - '0'));
    words = trim(words.substr(3));
  }
  // Where the host gave none, the state's is our own.
  if (const std::string code = reply::to_string(state.code); words.starts_with(code)) {
    refusal.enhanced = state.code;
    words = trim(words.substr(code.size()));
  }
  refusal.text = words;
  refusal.host = state.remote.substr(0, state.remote.find(' '));
  refusal.stage = knowledge::Stage::rcpt;
  refusal.side = diagnose::Side::remote;
  const auto finding = diagnose::classify(refusal);
  return finding.reason == knowledge::Reason::user_unknown && finding.confidence >= 0.8;
}

}  // namespace postil::app
