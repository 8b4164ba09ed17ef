// `postil check`: carries the advice out. Looks at a domain, host, address or IP address, and says what to change.
#include "cli/check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <istream>
#include <memory>
#include <optional>
#include <utility>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "cli/check_run.hpp"
#include "cli/check_text.hpp"
#include "cli/compose.hpp"
#include "cli/config_files.hpp"
#include "cli/nearest.hpp"
#include "cli/password_source.hpp"
#include "diagnose/finding_help.hpp"
#include "diagnose/mail_auth.hpp"
#include "diagnose/observations_json.hpp"
#include "i18n/list.hpp"
#include "mailauth/dkim_key.hpp"

namespace postil::cli {
namespace {

using diagnose::Part;
using diagnose::Parts;
using diagnose::SubjectKind;

constexpr std::size_t subjects_max = 10000;

struct Options {
  std::vector<std::string> subjects, only, selectors, lists, trust_anchors;
  std::string recipient, login, from_ip, message, resolver, ca_file, helo, save, replay;
  PasswordOptions password;
  std::uint32_t timeout_seconds = 20;
  std::uint16_t port = 25, port_submission = 587, port_submissions = 465;
  bool host = false, parked = false, all_mechanisms = false, tls_versions = false, block_lists = false, json = false,
       long_form = false;
  bool rcpt_given = false;
};

struct Problem {
  std::string id;
  std::string text;
  int code = exit_usage;
};

class Check {
 public:
  Check(const Context& context, Options options) : context_(context), options_(std::move(options)) {}
  int run();

 private:
  std::optional<Problem> read_only();
  std::string meant_by(const std::string& word) const;
  std::optional<Problem> check_names() const;
  std::optional<Problem> read_subjects();
  std::optional<Problem> read_message();
  std::optional<Problem> prepare(std::vector<check::Options>& checks);
  std::optional<Problem> read_password(std::string& to);
  std::optional<Problem> check_authorities() const;
  Parts parts_for(SubjectKind kind) const;
  std::optional<Problem> open_save();
  std::optional<Problem> save(const diagnose::Observations& seen);
  std::optional<Problem> replay();
  void show(const diagnose::Observations& seen);
  int tell(const Problem& problem);
  std::string text(std::string_view key, const i18n::Args& args = {}) const {
    return context_.tr.text("check." + std::string(key), args);
  }

  const Context& context_;
  Options options_;
  std::vector<diagnose::Subject> subjects_;
  Parts only_;
  std::string message_;
  CheckShown shown_;
  std::ofstream saved_;
  int code_ = exit_ok;
  int bad_input_ = exit_ok;  // a line that was not understood
  std::size_t told_ = 0;
};

// The words of a table of diagnose, all `count` of them.
template <class Of>
std::string words(std::size_t count, const i18n::Translator& tr) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(to_string(static_cast<Of>(i)));
  return i18n::list(out, tr);
}

// What was meant by a word that --only does not know; empty where nothing is near.
std::string Check::meant_by(const std::string& word) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < diagnose::parts_count; ++i) names.emplace_back(to_string(static_cast<Part>(i)));
  for (std::size_t i = 0; i < diagnose::words_count; ++i) names.emplace_back(to_string(static_cast<diagnose::Word>(i)));
  auto name = nearest(word, names);
  if (const auto* finding = diagnose::nearest_finding(word); finding != nullptr && name.empty()) name = finding->name;
  return name.empty() ? name : context_.tr.text("cli.error.did_you_mean", {{"name", name}});
}

std::optional<Problem> Check::read_only() {
  for (const auto& group : options_.only) {
    for (const auto one : split(group, ',')) {
      std::string word = to_lower(trim(one));
      std::ranges::replace(word, '-', '_');
      if (const auto part = diagnose::find_part(word)) {
        only_.add(*part);
        shown_.parts.add(*part);
      } else if (const auto* finding = diagnose::find_finding(trim(one))) {
        only_.add(finding->part);
        shown_.ids.push_back(finding->id);
      } else if (const auto of = diagnose::find_word(word)) {
        shown_.words.push_back(*of);
      } else {
        const auto unknown = text("error.only", {{"word", printable(trim(one), 60)}});
        return Problem{"usage", i18n::sentences(unknown, meant_by(word), context_.tr)};
      }
    }
  }
  return {};
}

// A bad line of a list is told, and the others are checked all the same.
std::optional<Problem> Check::read_subjects() {
  const auto add = [&](const std::string& one) -> std::optional<Problem> {
    const auto subject = check_subject(one, options_.host || !options_.login.empty());
    if (!subject) return Problem{"subject", text("error.subject", {{"subject", printable(one, 200)}}), exit_data};
    subjects_.push_back(*subject);
    return {};
  };
  for (const auto& one : options_.subjects) {
    if (one != "-") {
      if (auto problem = add(one)) return problem;
      continue;
    }
    for (std::string line; std::getline(context_.in, line);) {
      if (subjects_.size() == subjects_max) {
        bad_input_ = tell({"too_many", text("error.too_many", {{"max", fmt::to_string(subjects_max)}}), exit_data});
        break;
      }
      const std::string_view name = trim(std::string_view(line).substr(0, line.find('#')));
      const std::string bare(trim(name.substr(0, name.find('\r'))));
      if (bare.empty()) continue;
      if (const auto problem = add(bare)) bad_input_ = tell(*problem);
    }
  }
  if (subjects_.empty() && bad_input_ != exit_ok) return Problem{"subject", {}, bad_input_};
  if (subjects_.empty()) return Problem{"usage", text("error.no_subject"), exit_usage};
  return {};
}

// Without another subject it is its From that is checked.
std::optional<Problem> Check::read_message() {
  if (options_.message.empty()) return {};
  const auto file = read_file(options_.message);
  if (!file) {
    return Problem{"file", text("error.message", {{"file", printable(options_.message)}, {"detail", file.error()}}),
                   exit_no_input};
  }
  message_ = with_crlf(*file);
  const std::string author = diagnose::author_domain(message_);
  if (author.empty() || message_.size() > diagnose::message_octets_max) {
    return Problem{"message", text("error.no_author", {{"file", printable(options_.message)}}), exit_data};
  }
  if (options_.subjects.empty()) options_.subjects = {author};
  return {};
}

Parts Check::parts_for(SubjectKind kind) const {
  if (!only_.empty()) return only_;
  Parts out;
  const auto add = [&](std::initializer_list<Part> parts) {
    for (const Part part : parts) out.add(part);
  };
  if (!options_.login.empty()) {
    add({Part::login});
  } else if (options_.parked) {
    add({Part::parked});
  } else if (kind == SubjectKind::ip) {
    add({Part::reverse_dns});
    if (options_.host) add({Part::connect, Part::greeting, Part::ehlo, Part::tls});
  } else {
    add({Part::connect, Part::greeting, Part::ehlo, Part::tls, Part::mx});
    if (options_.rcpt_given) add({Part::recipient});
    if (kind == SubjectKind::domain) {
      add({Part::mta_sts, Part::tls_rpt, Part::spf, Part::dkim, Part::dmarc, Part::bimi});
    }
    if (kind != SubjectKind::address) add({Part::dane, Part::reverse_dns});
  }
  if (!message_.empty()) add({Part::dkim, Part::dmarc});
  if (!options_.selectors.empty()) add({Part::dkim});
  if (!options_.from_ip.empty()) add({Part::reverse_dns, Part::spf});
  if (options_.block_lists || !options_.lists.empty()) add({Part::block_lists});
  return out;
}

std::optional<Problem> Check::read_password(std::string& to) {
  auto given =
      get_password(options_.password, context_.in, text("password_prompt", {{"user", options_.login}}) + " ", "");
  if (!given && given.error() == PasswordFailure::file_unreadable) {
    return Problem{"file", text("error.password_file", {{"file", printable(options_.password.file)}}), exit_no_input};
  }
  if (!given || given->password.empty()) return Problem{"no_password", text("error.no_password")};
  to = std::move(given->password);
  return {};
}

// Told at once, and not as a fault of each host's certificate.
std::optional<Problem> Check::check_authorities() const {
  if (options_.ca_file.empty()) return {};
  const auto file = read_file(options_.ca_file);
  if (file && file->find("-----BEGIN ") != std::string::npos) return {};
  return Problem{"file",
                 text("error.ca", {{"file", printable(options_.ca_file)}, {"detail", file ? "PEM: -" : file.error()}}),
                 exit_no_input};
}

// What becomes a part of a question or a command.
std::optional<Problem> Check::check_names() const {
  const auto no_name = [](const std::string& given) {
    const auto ascii = address::to_ascii(given);
    return !ascii || !address::valid_domain(*ascii);
  };
  for (const auto& selector : options_.selectors) {
    if (mailauth::valid_selector(selector)) continue;
    return Problem{"usage", context_.tr.text("dkim.error.selector", {{"selector", printable(selector, 80)}})};
  }
  auto names = options_.lists;
  if (!options_.helo.empty() && !address::literal_ip(options_.helo)) names.push_back(options_.helo);
  const auto bad = std::ranges::find_if(names, no_name);
  if (bad != names.end()) return Problem{"usage", text("error.subject", {{"subject", printable(*bad, 80)}})};
  if (options_.all_mechanisms && options_.login.empty()) return Problem{"usage", text("error.no_login")};
  return {};
}

std::optional<Problem> Check::prepare(std::vector<check::Options>& checks) {
  check::Options common = usual_check();
  common.all_mechanisms = options_.all_mechanisms;
  if (!options_.helo.empty()) common.own_name = options_.helo;
  common.ca_file = options_.ca_file;
  common.port = options_.port;
  common.port_submission = options_.port_submission;
  common.port_submissions = options_.port_submissions;
  common.patience = seconds(options_.timeout_seconds);
  if (::isatty(STDERR_FILENO) == 1 && &context_.err == &std::cerr) {
    common.progress = [this](std::string_view what) {
      context_.err << "\r\033[K" << printable(what, 70) << std::flush;
    };
  }
  auto& request = common.request;
  if (!options_.from_ip.empty()) {
    const auto ip = address::canonical_ip(options_.from_ip);
    if (!ip) return Problem{"usage", text("error.from_ip", {{"value", printable(options_.from_ip, 60)}})};
    request.from_ip = *ip;
  }
  request.message = message_;
  request.selectors = options_.selectors;
  if (!options_.lists.empty()) request.lists = options_.lists;
  request.tls_versions = options_.tls_versions;
  if (!options_.login.empty()) {
    request.login_user = options_.login;
    if (auto problem = read_password(common.password)) return problem;
  }
  for (const auto& subject : subjects_) {
    auto one = common;
    one.request.subject = subject;
    one.request.parts = parts_for(subject.kind);
    if (one.request.parts.has(Part::recipient)) {
      one.request.recipient = options_.recipient.empty() ? subject.mailbox : options_.recipient;
      const auto path = address::parse_address(one.request.recipient, false);
      if (!path) return Problem{"usage", text("error.recipient", {{"value", printable(one.request.recipient, 200)}})};
      one.request.recipient = path->address;
    }
    if (one.request.parts.has(Part::block_lists) && subject.kind != SubjectKind::ip && request.from_ip.empty()) {
      return Problem{"usage", text("error.list_ip")};
    }
    if (one.request.parts.has(Part::login) && options_.login.empty()) {
      return Problem{"usage", text("error.no_login")};
    }
    checks.push_back(std::move(one));
  }
  return {};
}

// What was said to hosts, and the names of users, are nobody else's: a new file has mode 0600.
std::optional<Problem> Check::open_save() {
  if (options_.save.empty()) return {};
  const int fd = ::open(options_.save.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  saved_.open(options_.save, std::ios::binary | std::ios::trunc);
  if (!saved_) return Problem{"file", text("error.save", {{"file", printable(options_.save)}}), exit_no_permission};
  return {};
}

std::optional<Problem> Check::save(const diagnose::Observations& seen) {
  if (options_.save.empty()) return {};
  saved_ << diagnose::to_json(seen) << '\n' << std::flush;
  if (!saved_) return Problem{"file", text("error.save", {{"file", printable(options_.save)}}), exit_no_permission};
  return {};
}

void Check::show(const diagnose::Observations& seen) {
  if (::isatty(STDERR_FILENO) == 1 && &context_.err == &std::cerr) context_.err << "\r\033[K" << std::flush;
  auto findings = diagnose::find_all(seen);
  std::erase_if(findings, [&](const auto& finding) { return !shown_.named(finding.id); });
  if (options_.json) {
    context_.out << diagnose::to_json(seen, findings, context_.tr, shown_.words) << '\n';
  } else {
    if (told_ > 0) context_.out << '\n';
    write_check(context_.out, seen, findings, context_.tr, shown_);
  }
  context_.out.flush();
  ++told_;
  const auto outcome = diagnose::check_outcome(seen, findings);
  if (outcome == diagnose::CheckOutcome::fails) {
    code_ = exit_finding;
  } else if (outcome == diagnose::CheckOutcome::untested && code_ == exit_ok) {
    code_ = exit_temporary;
  }
}

// One line of the file is one subject.
std::optional<Problem> Check::replay() {
  const auto file = read_file(options_.replay);
  if (!file) {
    return Problem{"file", text("error.replay", {{"file", printable(options_.replay)}, {"detail", file.error()}}),
                   exit_no_input};
  }
  std::vector<diagnose::Observations> all;
  for (const auto line : split(*file, '\n')) {
    if (trim(line).empty()) continue;
    auto seen = diagnose::read_observations(line);
    if (!seen) {
      return Problem{"observations",
                     text("error.observations", {{"file", printable(options_.replay)}, {"detail", seen.error()}}),
                     exit_data};
    }
    if (!only_.empty()) seen->request.parts = only_;
    all.push_back(std::move(*seen));
  }
  if (all.empty()) {
    return Problem{"observations", text("error.observations", {{"file", printable(options_.replay)}, {"detail", "-"}}),
                   exit_data};
  }
  shown_.heading = all.size() > 1;
  for (const auto& seen : all) show(seen);
  return {};
}

int Check::tell(const Problem& problem) {
  if (problem.text.empty()) return problem.code;  // it was told before
  if (options_.json) {
    boost::json::object error{{"id", problem.id}, {"message", problem.text}};
    context_.out << boost::json::object{{"schema", "postil.check/1"},
                                        {"ok", false},
                                        {"error", std::move(error)},
                                        {"exit", problem.code}}
                 << '\n';
  } else {
    context_.err << problem.text << '\n';
  }
  return problem.code;
}

int Check::run() {
  shown_.long_form = options_.long_form;
  if (const auto problem = read_only()) return tell(*problem);
  if (!options_.replay.empty()) {
    const auto problem = replay();
    return problem ? tell(*problem) : code_;
  }
  if (const auto problem = read_message()) return tell(*problem);
  if (const auto problem = read_subjects()) return tell(*problem);
  if (const auto problem = check_authorities()) return tell(*problem);
  if (const auto problem = check_names()) return tell(*problem);
  shown_.heading = subjects_.size() > 1;
  CheckTask task;
  if (const auto problem = prepare(task.checks)) return tell(*problem);
  if (const auto problem = open_save()) return tell(*problem);
  task.resolver = options_.resolver;
  task.trust_anchors = options_.trust_anchors;
  std::optional<Problem> not_saved;
  task.done = [&](const diagnose::Observations& seen) {
    show(seen);
    if (!not_saved) not_saved = save(seen);
  };
  const auto ran = run_checks(std::move(task));
  if (!ran) return tell({"resolver", text("error.resolver", {{"detail", ran.error()}})});
  if (not_saved) return tell(*not_saved);
  if (context_.out_is_terminal && !options_.json) {
    context_.out << text("more", {{"program", context_.program_name}}) << '\n';
  }
  return code_ == exit_ok ? bad_input_ : code_;
}

}  // namespace

void add_check(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("check", tr.text("check.about"));
  sub->add_option("WHAT", options->subjects, tr.text("check.option.what"));
  const auto option = [&](const char* name, auto& value, std::string_view key) {
    return sub->add_option(name, value, tr.text("check.option." + std::string(key)));
  };
  const auto flag = [&](const char* name, bool& value, std::string_view key) {
    sub->add_flag(name, value, tr.text("check.option." + std::string(key)));
  };
  sub->add_option("--only", options->only,
                  tr.text("check.option.only", {{"parts", words<Part>(diagnose::parts_count, tr)},
                                                {"words", words<diagnose::Word>(diagnose::words_count, tr)}}))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  flag("--host", options->host, "host");
  auto* rcpt = option("--rcpt", options->recipient, "rcpt")->expected(0, 1);
  option("--login", options->login, "login");
  flag("--all-mechanisms", options->all_mechanisms, "all_mechanisms");
  option("--password-file", options->password.file, "password_file");
  flag("--parked", options->parked, "parked");
  flag("--tls-versions", options->tls_versions, "tls_versions");
  option("--from-ip", options->from_ip, "from_ip");
  option("--message", options->message, "message");
  option("--selector", options->selectors, "selector")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  flag("--block-lists", options->block_lists, "block_lists");
  option("--list", options->lists, "list")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  option("--resolver", options->resolver, "resolver");
  option("--trust-anchor", options->trust_anchors, "trust_anchor")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  option("--ca", options->ca_file, "ca");
  option("--helo", options->helo, "helo");
  option("--port", options->port, "port")->check(CLI::Range(1, 65535));
  option("--port-submission", options->port_submission, "port_submission")->check(CLI::Range(1, 65535));
  option("--port-submissions", options->port_submissions, "port_submissions")->check(CLI::Range(1, 65535));
  option("--timeout", options->timeout_seconds, "timeout")->check(CLI::Range(1, 600));
  option("--save", options->save, "save");
  option("--replay", options->replay, "replay");
  flag("--long", options->long_form, "long");
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->callback([options, rcpt, &chosen] {
    options->rcpt_given = rcpt->count() > 0;
    // "--rcpt ann@example.org" alone: the address is what is checked, before the option or behind it.
    if (options->subjects.empty() && options->message.empty() && !options->recipient.empty()) {
      options->subjects = {std::exchange(options->recipient, {})};
    }
    if (options->subjects.empty() && options->replay.empty() && options->message.empty())
      throw CLI::RequiredError("WHAT");
    chosen.run = [options](const Context& context) { return Check(context, *options).run(); };
  });
}

}  // namespace postil::cli
