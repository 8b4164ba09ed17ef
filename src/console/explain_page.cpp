// The box: what somebody pasted, and what it means.
#include <fmt/format.h>

#include <algorithm>

#include "console/draft.hpp"
#include "diagnose/finding_help.hpp"
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
    id.set("COMMAND_HTML", command_line("postil explain " + answer.subject));
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

void say_nothing(Draft& draft, Fields main, const std::string& text) {
  auto nothing = main.add("NOTHING");
  nothing.set("T_TITLE", draft.title);
  nothing.set("TEXT", text);
}

std::string_view tone_of(diagnose::Word word) {
  switch (word) {
    case diagnose::Word::ok:
      return "outcome-success";
    case diagnose::Word::fail:
      return "outcome-permanent";
    case diagnose::Word::warn:
      return "outcome-temporary";
    default:
      return "outcome-mixed";
  }
}

// The command that looks at what the finding is about; null: it is none of those that confirm a code.
const knowledge::LiveCheck* check_of(diagnose::Part part) {
  const auto of_part = fmt::format(" --only {}", diagnose::to_string(part));
  const auto checks = knowledge::live_checks();
  const auto at = std::ranges::find_if(checks, [&](const auto& check) {
    return check.command.ends_with(of_part) || check.key == diagnose::to_string(part);
  });
  return at == checks.end() ? nullptr : &*at;
}

// What `postil check` means by one of its ids.
void fill_check_id(Draft& draft, Fields main, const diagnose::FindingEntry& finding) {
  draft.title = finding.name;
  auto fields = main.include("CHECK_ID", "check_id.html");
  fields.set("NAME", finding.name);
  fields.set("CLASS", tone_of(finding.word));
  fields.set("WORD", draft.tr.text(fmt::format("check.word.{}", diagnose::to_string(finding.word))));
  fields.set("MEANING", draft.tr.text(fmt::format("check.meaning.{}", diagnose::to_string(finding.word))));
  fields.set("LANG", draft.tr.language_of("check"));
  fields.set("DIR", direction(draft.tr.language_of("check")));
  fields.set("TEXT_HTML", draft.markup(diagnose::example_text(finding, draft.tr)));
  fields.set("MORE_HTML", draft.markup(diagnose::more_text(finding, draft.tr)));
  if (const auto* check = check_of(finding.part)) {
    auto confirm = fields.add("CONFIRM");
    confirm.set("T_CONFIRM", draft.tr.text("fact.label.confirm"));
    confirm.set("COMMAND_HTML", command_line(check->command));
    confirm.set("TEXT_HTML", draft.prose_of(check->text()));
  }
}

// A list that has no page of its own: too many codes, or one that cannot be compared.
std::string why_no_page(const Draft& draft, const diagnose::CodeList& list) {
  const auto odd = std::ranges::find_if(list.codes, [&](const std::string& code) {
    const auto page = place_of_code(code, draft.place.language);
    return !page || (page->view != View::code && page->view != View::status);
  });
  if (list.codes.size() > diagnose::compared_max || odd == list.codes.end()) return draft.tr.text("compare.count");
  return draft.tr.text("compare.error", {{"code", *odd}});
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
    say_nothing(draft, main, draft.tr.text(fmt::format("tls_report.error.{}", tlsrpt::to_string(report.error()))));
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
    say_nothing(draft, main, diagnose::why_not_understood(input, understood.error(), draft.tr));
  } else if (const auto* list = std::get_if<diagnose::CodeList>(&*understood)) {
    say_nothing(draft, main, why_no_page(draft, *list));
  } else if (const auto* finding = std::get_if<const diagnose::FindingEntry*>(&*understood)) {
    auto found = main.add("FOUND");
    found.set("T_TITLE", draft.title);
    fill_check_id(draft, found, **finding);
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
