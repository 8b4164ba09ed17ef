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
  // Since when tells nothing here.
  if (state.reason == queue::Reason::refused_us) state.refused_since = WallTime(Duration(1));
  const auto kind = story.end == MessageEnd::open ? dsn::Kind::delayed : dsn::Kind::failed;
  const auto read = diagnose::told(state);
  const dsn::Told told = read ? *read : dsn::told_by_code(kind, state);
  std::vector<std::string> keys;
  if (with_what) keys = told.what;
  if (!told.act.empty()) keys.push_back(told.act);
  keys.push_back("bounce.who." + std::string(told.who));
  for (const auto& key : keys) {
    if (tr.has(key)) write_paragraph(out, tr.text(key));
  }
}

// A smarthost that refuses us, or our login, says nothing about the recipient: what its words ask of a sender is not to
// be done. Nor is "no mail from anybody" where the message waits because hosts refuse us.
bool is_for_our_admin(std::string_view reason, const diagnose::Answer& answer) {
  if (reason == "smarthost_refused" || reason == "auth_failed") return true;
  return reason == "refused_us" && answer.reply && answer.reply->reason == knowledge::Reason::host_accepts_no_mail;
}

}  // namespace

void write_meaning(std::ostream& out, const Story& story, const i18n::Translator& tr) {
  // Whoever took it out knows why; the last refusal was not it.
  if (story.end == MessageEnd::delivered || story.end == MessageEnd::removed || story.last_reason.empty()) return;
  const auto& reason = story.last_reason == "expired" ? story.waited_for : story.last_reason;
  // A 250 where 354 was due is no success.
  if (!story.last_by_reply || reason == "protocol_error") return write_told(out, story, true, tr);
  const bool at_door = reason == "refused_us" || reason == "smarthost_refused" || reason == "host_accepts_no_mail";
  auto answer = diagnose::explain(story.last_reply, at_door ? knowledge::Stage::connect : knowledge::Stage::any);
  if (!answer) return;
  const bool ours = is_for_our_admin(reason, *answer);
  // "Wait, it is tried again" was right until the message came back.
  const bool over = story.end != MessageEnd::open && story.last_reply.starts_with('4');
  if (over || ours) answer->steps.clear();
  if (ours) answer->when.clear();
  write_answer_head(out, *answer, tr, false);
  if (!over && !ours) return;
  out << '\n';
  write_told(out, story, ours, tr);
}

}  // namespace postil::cli
