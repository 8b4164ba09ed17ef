#include "cli/explain.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <istream>
#include <memory>
#include <ostream>

#include "cli/answer_text.hpp"
#include "diagnose/json.hpp"

namespace postil::cli {
namespace {

using diagnose::Answer;
using diagnose::Kind;
using i18n::Translator;

struct Options {
  std::vector<std::string> what;
  std::string stage;
  bool json = false;
  bool quiet = false;
  bool long_form = false;
};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

std::string definitions(const Answer& answer, const Translator& tr) {
  std::vector<std::string> out;
  for (const auto& [document, section] : answer.defined) {
    if (!std::ranges::all_of(document, [](char c) { return c >= '0' && c <= '9'; })) {
      out.push_back(document);
    } else if (section.empty()) {
      out.push_back("RFC " + document);
    } else {
      out.push_back(tr.text("explain.defined_section", {{"document", document}, {"section", section}}));
    }
  }
  return joined(out);
}

std::string stages(const Answer& answer, const Translator& tr) {
  std::vector<std::string> out;
  for (auto stage : answer.stages) out.push_back(tr.text(fmt::format("explain.stage.{}", knowledge::to_string(stage))));
  return joined(out);
}

std::string heading_code(const Answer& answer) {
  // The code and the one enhanced code that belongs to it.
  if (answer.kind == Kind::basic_code && answer.enhanced.size() == 1)
    return answer.subject + " " + answer.enhanced.front();
  return answer.subject;
}

void write_quiet(const Answer& answer, const Context& context) {
  const auto& tr = context.tr;
  std::string text;
  for (const auto& key : answer.what) text += (text.empty() ? "" : " ") + tr.text(key);
  context.out << heading_code(answer) << "  " << text << " [" << outcome_text(answer, tr) << "]\n";
}

void add_reference(Rows& rows, const Answer& answer, const Translator& tr, bool long_form) {
  std::string label = tr.text("explain.label.not_the_same");
  for (const auto& other : answer.confused) {
    rows.add(label, tr.text(other.text), other.code);
    label.clear();
  }
  if (answer.outcome == diagnose::Outcome::temporary || answer.outcome == diagnose::Outcome::permanent) {
    rows.add(tr.text("explain.label.retried"),
             tr.text(fmt::format("explain.retry.{}", knowledge::to_string(answer.retry))));
  }
  rows.add(tr.text("explain.label.answers"), stages(answer, tr));
  const bool one = answer.enhanced.size() == 1;
  if (answer.kind == Kind::code_class || answer.kind == Kind::subject) {
    for (const auto& member : answer.members) rows.add("", tr.text(member.text), member.code);
  } else {
    rows.add(tr.text(one ? "explain.label.enhanced_one" : "explain.label.enhanced"), joined(answer.enhanced));
  }
  if (long_form) rows.add(tr.text("explain.label.basic"), joined(answer.basic));
  rows.add(tr.text("explain.label.defined"), definitions(answer, tr));
  if (long_form && !answer.registry.empty()) rows.add(tr.text("explain.label.registry"), answer.registry);
  if (long_form && answer.reply) {
    const auto& entry = knowledge::entry(answer.reply->reason);
    rows.add(tr.text("explain.label.reason"),
             fmt::format("{} ({})", tr.text(fmt::format("reason.{}.name", entry.key)), entry.key));
    rows.add(tr.text("explain.label.confidence"),
             tr.text(fmt::format("explain.confidence.{}", diagnose::to_string(answer.reply->confidence))));
  }
}

void write_text(const Answer& answer, const Context& context, bool long_form) {
  const auto& tr = context.tr;
  auto& out = context.out;
  write_answer_head(out, answer, tr, long_form);
  const bool brief_reply = answer.kind == Kind::reply && !long_form;
  if (!brief_reply) {
    Rows reference;
    add_reference(reference, answer, tr, long_form);
    reference.write(out);
    if (!answer.transcript.empty()) out << '\n';
    for (const auto& line : answer.transcript) out << "  " << line << '\n';
  }
  if (!long_form && context.out_is_terminal) {
    out << tr.text("explain.more", {{"program", context.program_name}, {"code", answer.subject}}) << '\n';
  }
}

int fail(const Context& context, const Options& options, std::string_view id, const std::string& message, int code) {
  if (options.json) {
    context.out << diagnose::error_json("explain", id, message) << '\n';
  } else {
    context.err << message << '\n';
  }
  return code;
}

std::string read_all(std::istream& in) {
  std::string text(diagnose::input_octets_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

int run_explain(const Context& context, const Options& options) {
  auto stage = std::optional(knowledge::Stage::any);
  if (!options.stage.empty()) stage = knowledge::find_stage(options.stage);
  if (!stage) return fail(context, options, "stage", context.tr.text("explain.error.stage"), exit_usage);

  std::string input;
  if (options.what.size() == 1 && options.what.front() == "-") {
    input = read_all(context.in);
  } else {
    for (const auto& word : options.what) input += (input.empty() ? "" : " ") + word;
  }
  const auto answer = diagnose::explain(input, *stage);
  if (!answer) {
    const auto id = diagnose::to_string(answer.error());
    return fail(context, options, id, context.tr.text(fmt::format("explain.error.{}", id)), exit_data);
  }
  if (answer->kind == Kind::message_id || answer->kind == Kind::receipt_id) {
    if (context.explain_id) return context.explain_id(context, {}, answer->subject, options.json);
    return fail(context, options, "unavailable", context.tr.text("explain.id_offline"), exit_unavailable);
  }
  if (options.json) {
    context.out << diagnose::to_json(*answer, context.tr) << '\n';
  } else if (options.quiet) {
    write_quiet(*answer, context);
  } else {
    write_text(*answer, context, options.long_form);
  }
  return exit_ok;
}

}  // namespace

void add_explain(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("explain", tr.text("explain.about"));
  sub->add_option("WHAT", options->what, tr.text("explain.what"))->required();
  sub->add_option("--stage", options->stage, tr.text("explain.stage_option"));
  sub->add_flag("--long", options->long_form, tr.text("cli.option.long"));
  sub->add_flag("-q,--quiet", options->quiet, tr.text("cli.option.quiet"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->callback([options, &chosen] {
    chosen.run = [options](const Context& context) { return run_explain(context, *options); };
  });
}

}  // namespace postil::cli
