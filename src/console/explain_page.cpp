// The box: what somebody pasted, and what it means.
#include <fmt/format.h>

#include "console/draft.hpp"
#include "diagnose/recognise.hpp"

namespace postil::console {
namespace {

using diagnose::Answer;
using diagnose::Kind;

void add_reason(Draft& draft, Fields main, const Answer& answer) {
  if (!answer.reply) return;
  const auto& reply = *answer.reply;
  const auto& entry = knowledge::entry(reply.reason);
  auto reason = main.add("REASON");
  reason.set("L_REASON", draft.tr.text("explain.label.reason"));
  reason.set("NAME", draft.tr.text(fmt::format("reason.{}.name", entry.key)));
  reason.set("HREF", draft.link(View::reasons) + "#" + std::string(entry.key));
  reason.set("L_CONFIDENCE", draft.tr.text("explain.label.confidence"));
  reason.set("CONFIDENCE", draft.tr.text(fmt::format("explain.confidence.{}", diagnose::to_string(reply.confidence))));
}

// Of what is known about its codes only what fits the reply: their own pages have the rest. check: is filled, and
// belongs to the result.
Answer of_reply(const Answer& answer, knowledge::LiveCheck& check) {
  Answer out = answer;
  const auto space = out.subject.find(' ');
  out.basic = {out.subject.substr(0, space)};
  out.enhanced.clear();
  if (space != std::string::npos) out.enhanced = {out.subject.substr(space + 1)};
  out.related.clear();
  if (answer.reply->reason == knowledge::Reason::unknown) return out;
  out.when.clear();
  out.transcript.clear();
  out.collisions.clear();
  out.confused.clear();
  const auto stage = answer.stages.size() == 1 ? answer.stages.front() : knowledge::Stage::any;
  const auto confirm = diagnose::diagnosis_of(answer, stage).confirm;
  out.live_checks.clear();
  if (const auto* known = knowledge::find_live_check(confirm.key)) {
    check = *known;
    if (!confirm.command.empty()) check.command = confirm.command;
    out.live_checks = {&check};
  }
  return out;
}

void fill_finding(Draft& draft, Fields found, const Answer& answer) {
  if (answer.kind == Kind::message_id || answer.kind == Kind::receipt_id) {
    auto id = found.add("ID");
    id.set("SUBJECT", answer.subject);
    id.set("T_ID", draft.text("explain.id"));
    id.set("COMMAND", "postil explain " + answer.subject);
    return;
  }
  auto fields = found.include("ANSWER", "answer_body.html");
  if (!answer.quoted.empty()) {
    auto quoted = fields.add("QUOTED");
    quoted.set("T_QUOTED", draft.text("explain.quoted"));
    quoted.set("LINE", answer.quoted);
  }
  knowledge::LiveCheck check;
  fill_answer_fields(draft, fields, answer.reply ? of_reply(answer, check) : answer);
  add_reason(draft, fields, answer);
}

void say_nothing(Draft& draft, Fields main, const std::string& why) {
  auto nothing = main.add("NOTHING");
  nothing.set("T_TITLE", draft.title);
  nothing.set("TEXT", draft.tr.text(why));
}

// Whether the input is one.
bool fill_from_tls_report(Draft& draft, Fields main, std::string_view input) {
  if (!tlsrpt::looks_like_report(input)) return false;
  const auto report = tlsrpt::read(input);
  if (!report && report.error() == tlsrpt::NotReceived::none) return false;
  if (report) {
    auto found = main.add("FOUND");
    found.set("T_TITLE", draft.title);
    fill_tls_report(draft, found, *report);
  } else {
    say_nothing(draft, main, fmt::format("tls_report.error.{}", tlsrpt::to_string(report.error())));
  }
  return true;
}

}  // namespace

bool fill_explain(Draft& draft, std::string_view input, std::string_view stage, bool asked) {
  draft.title = draft.text("explain.title");
  draft.description = draft.text("box.hint");
  draft.indexed = !asked;
  auto main = draft.frame.include("MAIN", "explain.html");
  main.set("T_TITLE", draft.title);
  fill_box(draft, main, !asked);
  if (!asked) {
    main.add("EMPTY").set("T_TITLE", draft.title);
    return true;
  }
  if (fill_from_tls_report(draft, main, input)) return true;
  const auto at = stage.empty() ? std::optional(knowledge::Stage::any) : knowledge::find_stage(stage);
  const auto understood = diagnose::understand(input, at.value_or(knowledge::Stage::any));
  if (!understood) {
    say_nothing(draft, main, fmt::format("explain.error.{}", diagnose::to_string(understood.error())));
  } else if (const auto* answer = std::get_if<Answer>(&*understood)) {
    auto found = main.add("FOUND");
    found.set("T_TITLE", draft.title);
    if (!answer->title.empty()) {
      const auto title = draft.tr.text(answer->title);
      draft.title = draft.text("code.title", {{"code", answer->subject}, {"title", title}});
    }
    fill_finding(draft, found, *answer);
  } else {
    auto found = main.add("FOUND");
    found.set("T_TITLE", draft.title);
    fill_report(draft, found, std::get<diagnose::Report>(*understood));
  }
  return true;
}

}  // namespace postil::console
