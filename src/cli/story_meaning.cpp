// What a message's last refusal means, at the end of its story.
#include <algorithm>
#include <ostream>

#include "cli/answer_text.hpp"
#include "cli/story.hpp"
#include "diagnose/explain.hpp"
#include "diagnose/told.hpp"
#include "dsn/human.hpp"

namespace postil::cli {
namespace {

// As the report about it tells: what happened, what to do, whose move it is.
void write_told(std::ostream& out, const Story& story, bool with_what, const i18n::Translator& tr) {
  const auto reason = queue::parse_reason(story.last_reason);
  if (!reason) return;
  queue::RecipientState state;
  state.reason = *reason;
  state.code = reply::parse_enhanced_code(story.last_status).value_or(reply::EnhancedCode{});
  state.last_reason = queue::parse_reason(story.waited_for).value_or(queue::Reason::new_message);
  state.last_code = reply::parse_enhanced_code(story.waited_status).value_or(reply::EnhancedCode{});
  state.diagnostic = story.last_reply;
  state.diagnostic_remote = story.last_by_reply;
  const auto kind = story.end == MessageEnd::open ? dsn::Kind::delayed : dsn::Kind::failed;
  const auto read = diagnose::told(state);
  const dsn::Told told = read ? *read : dsn::told_by_code(kind, state);
  std::vector<std::string> keys;
  if (with_what) keys = told.what;
  keys.push_back(told.act);
  keys.push_back("bounce.who." + std::string(told.who));
  for (const auto& key : keys) {
    if (tr.has(key)) write_paragraph(out, tr.text(key));
  }
}

}  // namespace

void write_meaning(std::ostream& out, const Story& story, const i18n::Translator& tr) {
  if (story.end == MessageEnd::delivered || story.last_reason.empty()) return;
  if (!story.last_by_reply) return write_told(out, story, true, tr);
  auto answer = diagnose::explain(story.last_reply, knowledge::Stage::any);
  if (!answer) return;
  // "Wait, it is tried again" was right until the message came back.
  const bool over = story.end != MessageEnd::open && story.last_reply.starts_with('4');
  if (over) answer->steps.clear();
  write_answer_head(out, *answer, tr, false);
  if (over) write_told(out, story, false, tr);
}

}  // namespace postil::cli
