#include "cli/explain.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <istream>
#include <memory>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/check_confirm.hpp"
#include "cli/check_text.hpp"
#include "cli/compare.hpp"
#include "cli/fact_rows.hpp"
#include "cli/report_text.hpp"
#include "cli/running_server.hpp"
#include "cli/tls_report_text.hpp"
#include "config/config.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/finding_help.hpp"
#include "diagnose/json.hpp"
#include "diagnose/log_line.hpp"
#include "diagnose/recognise.hpp"
#include "diagnose/redact.hpp"
#include "i18n/list.hpp"
#include "tlsrpt/told.hpp"

namespace postil::cli {
namespace {

using diagnose::Answer;
using diagnose::Kind;
using i18n::Translator;

struct Options {
  ServerAt at;  // the server that knows an id
  std::vector<std::string> what;
  std::vector<std::string> files;
  std::string stage;
  bool json = false;
  bool quiet = false;
  bool long_form = false;
  bool check = false;    // run what would confirm it
  std::string resolver;  // for that
};

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
  return i18n::list(out, tr);
}

std::string stages(const Answer& answer, const Translator& tr) {
  std::vector<std::string> out;
  for (auto stage : answer.stages) out.push_back(tr.text(fmt::format("explain.stage.{}", knowledge::to_string(stage))));
  return i18n::list(out, tr);
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
  rows.add(tr.text(one ? "explain.label.enhanced_one" : "explain.label.enhanced"), i18n::list(answer.enhanced, tr));
  if (long_form) rows.add(tr.text("explain.label.basic"), i18n::list(answer.basic, tr));
  rows.add(tr.text("explain.label.defined"), definitions(answer, tr));
  if (long_form) add_fact_rows(rows, answer, tr);
  if (long_form && !answer.registry.empty()) rows.add(tr.text("explain.label.registry"), answer.registry);
  if (long_form && answer.reply) {
    const auto& entry = knowledge::entry(answer.reply->reason);
    rows.add(tr.text("explain.label.reason"),
             fmt::format("{} ({})", tr.text(fmt::format("reason.{}.name", entry.key)), entry.key));
    rows.add(tr.text("explain.label.confidence"),
             tr.text(fmt::format("explain.confidence.{}", diagnose::to_string(answer.reply->confidence))));
  }
}

diagnose::Diagnosis diagnosis_of(const Answer& answer) {
  return diagnose::diagnosis_of(answer, answer.stages.size() == 1 ? answer.stages.front() : knowledge::Stage::any);
}

// What would confirm it: of a reply with the names that stand in it, otherwise with those of the examples.
void add_confirmation(Rows& rows, const Answer& answer, const Translator& tr) {
  const knowledge::LiveCheck* check = answer.live_checks.empty() ? nullptr : answer.live_checks.front();
  std::string command;
  if (answer.reply) {
    const auto confirm = diagnosis_of(answer).confirm;
    check = knowledge::find_live_check(confirm.key);
    command = confirm.command;
  }
  if (check == nullptr) return;
  rows.add(tr.text("fact.label.confirm"), command.empty() ? std::string(check->command) : command);
  rows.add("", tr.text(check->text()));
}

// Behind an empty line.
void write_part(std::ostream& out, const Rows& rows) {
  if (!rows.empty()) out << '\n';
  rows.write(out);
}

void write_text(const Answer& answer, const Context& context, bool long_form) {
  const auto& tr = context.tr;
  auto& out = context.out;
  write_answer_head(out, answer, tr, long_form);
  const bool brief_reply = answer.kind == Kind::reply && !long_form;
  if (!long_form || answer.live_checks.empty()) {
    Rows confirm;
    add_confirmation(confirm, answer, tr);
    write_part(out, confirm);
  }
  if (!brief_reply) {
    Rows members;
    for (const auto& member : answer.members) members.add(member.code, tr.text(member.text));
    write_part(out, members);
    Rows reference;
    add_reference(reference, answer, tr, long_form);
    write_part(out, reference);
    if (!answer.transcript.empty()) out << '\n';
    for (const auto& line : answer.transcript) out << "  " << line << '\n';
  }
  if (!long_form && context.out_is_terminal && answer.members.empty()) {
    out << '\n' << tr.text("explain.more", {{"program", context.program_name}, {"code", answer.subject}}) << '\n';
  }
}

int fail(const Context& context, const Options& options, std::string_view id, const std::string& message, int code) {
  if (options.json) {
    context.out << diagnose::error_json("explain", id, message, code) << '\n';
  } else {
    write_wrapped(context.err, message);
  }
  return code;
}

// The beginning of a file or of standard input.
struct Source {
  std::istream* in = nullptr;
  std::string beginning;
  bool whole = false;  // there is no more than the beginning
};

constexpr std::size_t beginning_octets = 64 * 1024;
constexpr std::ptrdiff_t log_lines_to_be_sure = 100;

// Waits for the first octet, and takes what has come by then; 0 at the end.
std::size_t read_some(std::istream& in, std::string& to) {
  const auto first = in.get();
  if (first == std::istream::traits_type::eof()) return 0;
  to += static_cast<char>(first);
  const auto there = std::min<std::streamsize>(in.rdbuf()->in_avail(), beginning_octets);
  if (there <= 0) return 1;
  const auto size = to.size();
  to.resize(size + static_cast<std::size_t>(there));
  const auto got = in.rdbuf()->sgetn(to.data() + size, there);
  to.resize(size + static_cast<std::size_t>(std::max<std::streamsize>(got, 0)));
  return 1 + static_cast<std::size_t>(std::max<std::streamsize>(got, 0));
}

// Reads until it is clear that this is a log, of which the next line may come tomorrow ("tail -f"); or all that counts.
void read_beginning(Source& source) {
  std::ptrdiff_t lines_seen = 1;
  while (source.beginning.size() < beginning_octets) {
    if (read_some(*source.in, source.beginning) == 0) {
      source.whole = true;
      return;
    }
    const auto lines = std::ranges::count(source.beginning, '\n');
    if (lines <= lines_seen || lines_seen > log_lines_to_be_sure) continue;
    lines_seen = lines;
    if (diagnose::looks_like_log(std::string_view(source.beginning).substr(0, source.beginning.rfind('\n')))) return;
  }
}

// As much of it as is looked at; the rest is read and dropped, so that whoever writes it is not cut off.
std::string read_rest(Source& source) {
  std::string text = std::move(source.beginning);
  const auto octets_max = text.starts_with("From ")         ? diagnose::mbox_octets_max
                          : tlsrpt::looks_like_report(text) ? tlsrpt::received_octets_max + 1
                                                            : diagnose::mail_octets_max + 1;
  std::string chunk(beginning_octets, '\0');
  while (!source.whole && source.in->read(chunk.data(), static_cast<std::streamsize>(chunk.size())).gcount() > 0) {
    const auto room = octets_max - std::min(text.size(), octets_max);
    text.append(chunk, 0, std::min(room, static_cast<std::size_t>(source.in->gcount())));
  }
  return text;
}

// With --check also what the checks show.
void write_json(const Context& context, const Options& options, const std::string& said,
                const diagnose::Report& report) {
  if (!options.check) {
    context.out << said << '\n';
    return;
  }
  auto whole = boost::json::parse(said).as_object();
  whole["checked"] = confirmations_json(context, report, {options.resolver});
  context.out << whole << '\n';
}

int show_answer(const Context& context, const Options& options, const Answer& answer) {
  if (answer.kind == Kind::message_id || answer.kind == Kind::receipt_id) {
    if (context.explain_id) return context.explain_id(context, options.at, answer.subject, options.json);
    return fail(context, options, "unavailable", context.tr.text("explain.id_offline"), exit_unavailable);
  }
  diagnose::Report report;  // for --check
  if (answer.reply) report.recipients.push_back(diagnosis_of(answer));
  if (options.json) {
    write_json(context, options, diagnose::to_json(answer, context.tr), report);
    return exit_ok;
  }
  if (options.quiet) {
    write_quiet(answer, context);
  } else {
    write_text(answer, context, options.long_form);
  }
  if (options.check) write_confirmations(context, report, {options.resolver});
  return exit_ok;
}

int show_report(const Context& context, const Options& options, const diagnose::Report& report) {
  if (options.json) {
    write_json(context, options, diagnose::to_json(report, context.tr), report);
    return exit_ok;
  }
  if (options.quiet) {
    write_report_lines(context.out, report, context.tr);
  } else {
    write_report(context.out, report, context.tr, options.long_form);
  }
  if (options.check) write_confirmations(context, report, {options.resolver});
  return exit_ok;
}

int show_finding(const Context& context, const Options& options, const diagnose::FindingEntry& finding) {
  if (options.json) {
    context.out << diagnose::to_json(finding, context.tr) << '\n';
  } else {
    write_finding_help(context.out, finding, context.tr);
  }
  return exit_ok;
}

int not_understood(const Context& context, const Options& options, std::string_view text, diagnose::NotUnderstood why) {
  const auto id = diagnose::to_string(why);
  const auto message = diagnose::why_not_understood(text, why, context.tr);
  // A word of the command line is a wrong argument; a text that nobody knows is data.
  const bool word = options.what.size() == 1 && options.what.front() == text && text.find(' ') == text.npos;
  return fail(context, options, id, message, word ? exit_usage : exit_data);
}

int explain_text(const Context& context, const Options& options, std::string_view text, knowledge::Stage stage);

// One after the other, or beside each other where that is asked for.
int show_list(const Context& context, const Options& options, const diagnose::CodeList& list, knowledge::Stage stage) {
  if (list.versus && list.codes.size() <= diagnose::compared_max) {
    if (const auto comparison = diagnose::compare(list.codes)) {
      write_comparison(context, *comparison, options.json ? Form::json : options.quiet ? Form::quiet : Form::text);
      return exit_ok;
    }
  }
  int code = exit_ok;
  for (const auto& one : list.codes) {
    if (&one != &list.codes.front() && !options.json && !options.quiet) context.out << '\n';
    code = std::max(code, explain_text(context, options, one, stage));
  }
  return code;
}

int explain_text(const Context& context, const Options& options, std::string_view text, knowledge::Stage stage) {
  const auto understood = diagnose::understand(text, stage);
  if (!understood) return not_understood(context, options, text, understood.error());
  if (const auto* answer = std::get_if<Answer>(&*understood)) return show_answer(context, options, *answer);
  if (const auto* finding = std::get_if<const diagnose::FindingEntry*>(&*understood))
    return show_finding(context, options, **finding);
  if (const auto* list = std::get_if<diagnose::CodeList>(&*understood))
    return show_list(context, options, *list, stage);
  return show_report(context, options, std::get<diagnose::Report>(*understood));
}

// A mail, or what else is in a file.
int explain_mail(const Context& context, const Options& options, std::string_view mail, knowledge::Stage stage) {
  if (!tlsrpt::looks_like_report(mail)) return explain_text(context, options, mail, stage);
  const auto report = tlsrpt::read(mail);
  if (!report && report.error() == tlsrpt::NotReceived::none) return explain_text(context, options, mail, stage);
  if (!report) {
    const auto id = tlsrpt::to_string(report.error());
    return fail(context, options, id, context.tr.text(fmt::format("tls_report.error.{}", id)), exit_data);
  }
  if (options.json) {
    context.out << tlsrpt::told_as_json(*report, context.tr) << '\n';
  } else if (options.quiet) {
    write_tls_report_lines(context.out, *report, context.tr);
  } else {
    write_tls_report(context.out, *report, context.tr, options.long_form);
  }
  return exit_ok;
}

// One line of a log; JSON has an object for each line, so that the two can be laid side by side.
std::size_t explain_line(const Context& context, const Options& options, std::string_view line, std::size_t number) {
  auto found = diagnose::read_log_line(line);
  diagnose::Reading reading;
  reading.input = diagnose::Input::log_line;
  reading.mta = std::move(found.mta);
  reading.recipients = std::move(found.recipients);
  reading.truncated = line.size() > diagnose::line_octets_max;
  const auto report = diagnose::judge(std::move(reading));
  if (options.json) {
    context.out << diagnose::to_json(report, context.tr, number) << '\n';
  } else {
    write_report_lines(context.out, report, context.tr);
  }
  return report.recipients.empty() ? 0 : 1;
}

int explain_log(const Context& context, const Options& options, Source& source) {
  std::string pending = std::move(source.beginning);
  std::size_t number = 0;
  std::size_t told = 0;
  for (;;) {
    std::size_t at = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', at)) {
      const auto line = std::string_view(pending).substr(at, end - at);
      ++number;
      if (!line.empty() && line != "\r") told += explain_line(context, options, line, number);
      at = end + 1;
    }
    pending.erase(0, at);
    // A line without end is cut; what follows it up to its end is another one.
    if (pending.size() > 16 * beginning_octets) pending.clear();
    context.out.flush();
    if (source.whole || read_some(*source.in, pending) == 0) break;
  }
  if (!pending.empty()) told += explain_line(context, options, pending, ++number);
  if (context.out_is_terminal && !options.json) context.err << context.tr.count("diagnosis.log_summary", told) << '\n';
  return exit_ok;
}

int explain_source(const Context& context, const Options& options, std::istream& in, knowledge::Stage stage) {
  Source source;
  source.in = &in;
  read_beginning(source);
  if (!tlsrpt::looks_like_report(source.beginning) && diagnose::looks_like_log(source.beginning))
    return explain_log(context, options, source);
  const auto text = read_rest(source);
  int code = exit_ok;
  for (const auto mail : diagnose::mails_of(text)) code = std::max(code, explain_mail(context, options, mail, stage));
  return code;
}

int explain_file(const Context& context, const Options& options, const std::string& name, knowledge::Stage stage) {
  if (name == "-") return explain_source(context, options, context.in, stage);
  std::ifstream file(name, std::ios::binary);
  if (!file) {
    return fail(context, options, "file",
                context.tr.text("diagnosis.error.file", {{"file", printable(diagnose::redacted(name))}}),
                exit_no_input);
  }
  return explain_source(context, options, file, stage);
}

bool is_file(const std::string& name) {
  std::error_code error;
  return std::filesystem::is_regular_file(name, error) && !error;
}

// "bounce.eml", "./log": whoever writes that means a file, whether there is one or not.
bool looks_like_file(const std::string& word) {
  if (word.find_first_of(" \t\n") != std::string::npos || std::ranges::none_of(word, is_alpha)) return false;
  constexpr std::string_view ends[] = {".eml", ".msg", ".mbox", ".log", ".txt", ".json", ".gz"};
  return word.find('/') != std::string::npos ||
         std::ranges::any_of(ends, [&](auto end) { return word.ends_with(end); });
}

bool is_code(const std::string& word) {
  if (diagnose::find_finding(word) != nullptr) return true;
  const auto answer = diagnose::explain(word);
  return answer && answer->kind != Kind::reply;
}

// Codes, findings and ids that are asked about as words of their own; empty for everything else.
std::vector<std::string> codes_asked(const std::vector<std::string>& arguments, const std::string& input) {
  const bool several = arguments.size() > 1 && std::ranges::all_of(arguments, is_code) && !is_code(input);
  return several ? arguments : std::vector<std::string>();
}

// "connect, ehlo, starttls"
std::string stage_names() {
  std::string out;
  for (int i = 0; i <= static_cast<int>(knowledge::Stage::any); ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ", knowledge::to_string(static_cast<knowledge::Stage>(i)));
  return out;
}

int run_explain(const Context& context, const Options& options) {
  if (!options.resolver.empty() && !config::resolver_address(options.resolver)) {
    const auto value = printable(options.resolver, 60);
    return fail(context, options, "usage", context.tr.text("explain.error.resolver", {{"value", value}}), exit_usage);
  }
  auto stage = std::optional(knowledge::Stage::any);
  if (!options.stage.empty()) stage = knowledge::find_stage(options.stage);
  if (!stage) {
    const auto said = context.tr.text("explain.error.stage");
    const auto code = fail(context, options, "stage", said, exit_usage);
    if (!options.json) context.err << "  --stage: " << stage_names() << '\n';
    return code;
  }

  const bool piped = options.what.empty() && options.files.empty();
  if (piped && context.in.peek() == std::istream::traits_type::eof()) {
    return fail(context, options, "empty", context.tr.text("explain.error.empty"), exit_usage);
  }
  if (piped) return explain_source(context, options, context.in, *stage);
  int code = exit_ok;
  for (const auto& name : options.files) code = std::max(code, explain_file(context, options, name, *stage));
  if (options.what.empty()) return code;
  if (options.what.size() == 1 && options.what.front() == "-") {
    return std::max(code, explain_source(context, options, context.in, *stage));
  }
  std::string input;
  for (const auto& word : options.what) input += (input.empty() ? "" : " ") + word;
  const auto codes = codes_asked(options.what, input);
  // "postil explain *.eml"; a code is a code, whatever files there are.
  const auto means_file = [](const std::string& word) { return is_file(word) || looks_like_file(word); };
  const bool is_codes = !codes.empty() || !diagnose::code_list(input).codes.empty();
  if (!is_codes && std::ranges::all_of(options.what, means_file) && !diagnose::explain(options.what.front())) {
    for (const auto& name : options.what) code = std::max(code, explain_file(context, options, name, *stage));
    return code;
  }
  if (codes.empty()) return std::max(code, explain_text(context, options, input, *stage));
  for (const auto& word : codes) {
    if (&word != &codes.front() && !options.json && !options.quiet) context.out << '\n';
    code = std::max(code, explain_text(context, options, word, *stage));
  }
  return code;
}

}  // namespace

void add_explain(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("explain", tr.text("explain.about"));
  sub->add_option("WHAT", options->what, tr.text("explain.what"));
  sub->add_option("--file", options->files, tr.text("explain.file_option"))->expected(1);
  sub->add_option("--stage", options->stage, tr.text("explain.stage_option"));
  sub->add_flag("--long", options->long_form, tr.text("cli.option.long"));
  sub->add_flag("-q,--quiet", options->quiet, tr.text("cli.option.quiet"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->add_flag("--check", options->check, tr.text("check.confirm.option"));
  sub->add_option("--resolver", options->resolver, tr.text("check.confirm.resolver"));
  add_server_options(*sub, options->at, tr);
  sub->callback([options, &chosen] {
    // A pipe or a file at standard input is what is to be explained; a terminal waits for words.
    const bool nothing = options->what.empty() && options->files.empty();
    if (nothing && ::isatty(STDIN_FILENO) == 1) throw CLI::RequiredError("WHAT");
    chosen.run = [options](const Context& context) { return run_explain(context, *options); };
  });
}

}  // namespace postil::cli
