#include "cli/check_confirm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

#include "address/ip.hpp"
#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/check.hpp"
#include "cli/check_run.hpp"
#include "diagnose/confirm.hpp"
#include "i18n/list.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t confirmations_max = 10;

struct Call {
  std::string check, command;
  knowledge::Reason reason = knowledge::Reason::unknown;
  diagnose::Confirmed result;
};

knowledge::Reason reason_of(const diagnose::Diagnosis& one) {
  if (!one.explanation) return knowledge::Reason::unknown;
  const auto& cause = one.explanation->finding;
  return cause.expired && cause.underlying != knowledge::Reason::unknown ? cause.underlying : one.explanation->reason;
}

// "postil check example.org --only mx" as what is to be observed; nothing when it needs more than that.
std::optional<check::Options> options_of(const std::string& command) {
  const auto words = split(command, ' ');
  if (words.size() < 3 || words[1] != "check") return std::nullopt;
  const auto subject = check_subject(std::string(words[2]), false);
  if (!subject) return std::nullopt;
  check::Options out = usual_check();
  out.request.subject = *subject;
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (words[i] == "--rcpt") {
      out.request.recipient = subject->mailbox;
      out.request.parts.add(diagnose::Part::recipient);
    } else if (words[i] == "--parked") {
      out.request.parts.add(diagnose::Part::parked);
    } else if (words[i] == "--from-ip" && i + 1 < words.size()) {
      const auto ip = address::canonical_ip(words[++i]);
      if (!ip) return std::nullopt;
      out.request.from_ip = *ip;
    } else if (words[i] == "--list" && i + 1 < words.size()) {
      out.request.lists = {std::string(words[++i])};
      out.request.parts.add(diagnose::Part::block_lists);
    } else if (words[i] == "--only" && i + 1 < words.size()) {
      if (const auto part = diagnose::find_part(words[++i])) out.request.parts.add(*part);
    } else {
      return std::nullopt;
    }
  }
  if (out.request.parts.empty()) return std::nullopt;
  return out;
}

std::vector<Call> run(const diagnose::Report& report, const ConfirmOptions& options) {
  std::vector<Call> calls;
  CheckTask task;
  task.resolver = options.resolver;
  for (const auto& one : report.recipients) {
    const auto& confirm = one.confirm;
    if (confirm.command.empty() || calls.size() == confirmations_max) continue;
    if (std::ranges::find(calls, confirm.command, &Call::command) != calls.end()) continue;
    auto wanted = options_of(confirm.command);
    if (!wanted) continue;
    calls.push_back({confirm.key, confirm.command, reason_of(one), {}});
    task.checks.push_back(std::move(*wanted));
  }
  if (calls.empty()) return calls;
  std::size_t next = 0;
  task.done = [&](const diagnose::Observations& seen) {
    auto& call = calls[next++];
    call.result = diagnose::confirm(call.check, call.reason, diagnose::find_all(seen));
  };
  // A resolver that cannot be used leaves them untested.
  static_cast<void>(run_checks(std::move(task)));
  return calls;
}

std::string text_of(const Call& call, const i18n::Translator& tr) {
  return tr.text(fmt::format("check.confirm.{}", to_string(call.result.verdict)),
                 {{"command", call.command}, {"findings", i18n::list(call.result.by, tr)}});
}

}  // namespace

void write_confirmations(const Context& context, const diagnose::Report& report, const ConfirmOptions& options) {
  const auto calls = run(report, options);
  context.out << '\n';
  if (calls.empty()) write_paragraph(context.out, context.tr.text("check.confirm.nothing"));
  for (const auto& call : calls) write_paragraph(context.out, text_of(call, context.tr));
}

boost::json::array confirmations_json(const Context& context, const diagnose::Report& report,
                                      const ConfirmOptions& options) {
  boost::json::array out;
  for (const auto& call : run(report, options)) {
    boost::json::array by;
    for (const auto& name : call.result.by) by.emplace_back(boost::json::string(name));
    out.push_back(boost::json::object{{"check", call.check},
                                      {"command", call.command},
                                      {"verdict", to_string(call.result.verdict)},
                                      {"findings", std::move(by)},
                                      {"text", text_of(call, context.tr)}});
  }
  return out;
}

}  // namespace postil::cli
