// `postil simulate`: what would our own configuration answer? (simulation.hpp)
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>
#include <ostream>

#include "address/ip.hpp"
#include "app/commands.hpp"
#include "app/simulation.hpp"
#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/config_files.hpp"
#include "cli/running_server.hpp"
#include "diagnose/explain.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/resolver.hpp"
#include "i18n/list.hpp"

namespace postil::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::string_view schema = "postil.simulate/1";
constexpr Duration probe_patience = seconds(3);

struct Options {
  std::string config{cli::default_config_file};
  SimulatedDialogue dialogue;
  std::string tls, mail_from;
  std::uint64_t size_octets = 0;
  bool no_dns = false, json = false;
};

struct Silence : event::Sink {
  void emit(const event::Event&) override {}
};

// "<a@b>" and "a@b" are the same; a line break would be another command.
std::string bare(std::string_view path) {
  if (path.size() >= 2 && path.starts_with('<') && path.ends_with('>')) path = path.substr(1, path.size() - 2);
  return std::string(path);
}

class Run {
 public:
  Run(const cli::Context& context, Options options) : context_(context), options_(std::move(options)) {}
  int run();

 private:
  int stop(std::string_view word, int code, i18n::Args args = {}) const;
  std::expected<config::Config, int> load() const;
  std::expected<std::unique_ptr<env_asio::UnboundResolver>, int> resolver(const config::Config& config);
  std::string listener_text(const Simulated& result) const;
  void write(const Simulated& result) const;
  void write_dialogue(const Simulated& result) const;
  void write_refusal(const SimulatedStep& step) const;
  json::object to_json(const Simulated& result) const;

  const cli::Context& context_;
  Options options_;
  Silence silence_;
};

int Run::stop(std::string_view word, int code, i18n::Args args) const {
  args.emplace_back("program", context_.program_name);
  const std::string said = context_.tr.text(fmt::format("simulate.error.{}", word), args);
  return cli::tell_failure(context_, {std::string(word), said, code}, options_.json, "simulate");
}

std::expected<config::Config, int> Run::load() const {
  auto loaded = cli::load_config(options_.config);
  if (loaded.ok()) return std::move(loaded.config);
  if (!options_.json) {
    for (const auto& problem : loaded.problems) context_.err << config::to_string(problem, context_.tr) << '\n';
  }
  return std::unexpected(stop("config", cli::exit_config, {{"path", options_.config}}));
}

// As the server's own is made.
std::expected<std::unique_ptr<env_asio::UnboundResolver>, int> Run::resolver(const config::Config& config) {
  env_asio::ResolverOptions options;
  options.forwarders = config.dns.resolver;
  options.validate = config.dns.validate;
  options.root_key_file = config.dns.trust_anchor.empty() ? env_asio::system_root_key_file() : config.dns.trust_anchor;
  auto made = env_asio::UnboundResolver::make(std::move(options), silence_);
  if (!made) return std::unexpected(stop("resolver", cli::exit_config, {{"detail", made.error()}}));
  if (options_.dialogue.rcpt.empty() && !options_.dialogue.mail_from) return std::move(*made);
  // A path that drops DNSSEC would make every name bogus; the server looks at its start, too.
  asio::io_context io(1);
  asio::co_spawn(io, (*made)->probe_dnssec(env_asio::SystemClock().now() + probe_patience), asio::detached);
  io.run();
  return std::move(*made);
}

std::string Run::listener_text(const Simulated& result) const {
  const auto job = result.listener.job;
  const std::string_view name = job == smtp::Job::submission ? "submission"
                                : job == smtp::Job::relay    ? "relay"
                                                             : "null";
  return context_.tr.text(result.tls ? "simulate.listener_tls" : "simulate.listener",
                          {{"job", std::string(name)}, {"address", to_string(result.listener.at)}});
}

void Run::write_dialogue(const Simulated& result) const {
  for (const auto& step : result.steps) {
    if (!step.command.empty()) context_.out << "  C: " << printable(step.command, 1000) << '\n';
    for (const auto& line : step.lines) context_.out << "  S: " << line << '\n';
  }
}

// What it means, and where it was decided.
void Run::write_refusal(const SimulatedStep& step) const {
  const auto& tr = context_.tr;
  if (!step.command.empty()) context_.out << printable(step.command, 1000) << '\n';
  const auto answer = diagnose::explain_receipt(step.key, step.reply());
  if (answer) cli::write_paragraph(context_.out, cli::what_text(*answer, tr));
  cli::Rows rows;
  rows.add(tr.text("simulate.label.reply"), step.reply());
  rows.add(tr.text("simulate.label.rule"), step.rule.empty() ? tr.text("simulate.protocol") : step.rule);
  if (!step.rule.empty()) {
    rows.add(tr.text("simulate.label.setting"), step.setting);
    rows.add(tr.text("simulate.label.place"), step.place == "default" ? tr.text("config.from_default") : step.place);
  }
  rows.write(context_.out);
}

void Run::write(const Simulated& result) const {
  const auto& tr = context_.tr;
  context_.out << listener_text(result) << ' ' << tr.text("simulate.nothing_sent") << "\n\n";
  write_dialogue(result);
  context_.out << '\n';
  if (result.accepted()) {
    context_.out << tr.text("simulate.accepted", {{"reply", result.verdict().reply()}}) << '\n';
    if (!options_.dialogue.rcpt.empty()) context_.out << tr.text("simulate.ends_at_rcpt") << '\n';
  } else {
    context_.out << tr.text("simulate.refused") << '\n';
    for (const auto& step : result.steps) {
      if (step.refused()) write_refusal(step);
    }
  }
  if (!result.unasked.empty()) {
    context_.out << tr.text("simulate.without_dns", {{"names", i18n::list(result.unasked, tr)}}) << '\n';
  }
  if (!result.unanswered.empty()) {
    context_.out << tr.text("simulate.dns_silent", {{"names", i18n::list(result.unanswered, tr)}}) << '\n';
  }
}

json::object Run::to_json(const Simulated& result) const {
  json::array steps;
  for (const auto& step : result.steps) {
    json::array lines;
    for (const auto& line : step.lines) lines.emplace_back(line);
    json::object one{{"command", printable(step.command, 1000)},
                     {"lines", std::move(lines)},
                     {"code", step.code},
                     {"status", step.status},
                     {"refused", step.refused()}};
    if (step.refused()) {
      one["key"] = step.key;
      one["rule"] = step.rule;
      one["place"] = step.place;
      one["setting"] = step.setting;
      const auto answer = diagnose::explain_receipt(step.key, step.reply());
      if (answer) one["explanation"] = cli::what_text(*answer, context_.tr);
    }
    steps.push_back(std::move(one));
  }
  const auto& verdict = result.verdict();
  json::array unasked, unanswered;
  for (const auto& name : result.unasked) unasked.emplace_back(name);
  for (const auto& name : result.unanswered) unanswered.emplace_back(name);
  return {{"schema", schema},
          {"ok", true},
          {"listener", to_string(result.listener.at)},
          {"tls", result.tls},
          {"accepted", result.accepted()},
          {"reply", verdict.reply()},
          {"code", verdict.code},
          {"status", verdict.status},
          {"rule", verdict.rule},
          {"place", verdict.place},
          {"dns", !options_.no_dns},
          {"unasked", std::move(unasked)},
          {"unanswered", std::move(unanswered)},
          {"steps", std::move(steps)},
          {"exit", result.accepted() ? int(cli::exit_ok) : int(cli::exit_refused)}};
}

int Run::run() {
  auto& dialogue = options_.dialogue;
  if (!dialogue.from_ip.empty()) {
    const auto ip = address::Ip::parse(dialogue.from_ip);
    if (!ip) return stop("from_ip", cli::exit_usage, {{"value", printable(dialogue.from_ip, 80)}});
    dialogue.from_ip = ip->text();
  }
  for (auto& recipient : dialogue.rcpt) recipient = bare(recipient);
  if (dialogue.mail_from) dialogue.mail_from = bare(*dialogue.mail_from);
  std::vector<std::string_view> spoken{dialogue.helo, dialogue.auth};
  if (dialogue.mail_from) spoken.emplace_back(*dialogue.mail_from);
  for (const auto& recipient : dialogue.rcpt) spoken.emplace_back(recipient);
  for (const auto word : spoken) {
    if (printable(word, word.size()) != word) {
      return stop("unprintable", cli::exit_usage, {{"value", printable(word, 80)}});
    }
  }
  const auto config = load();
  if (!config) return config.error();
  std::unique_ptr<env_asio::UnboundResolver> asked;
  if (!options_.no_dns) {
    auto made = resolver(*config);
    if (!made) return made.error();
    asked = std::move(*made);
  }
  const auto result = simulate(*config, dialogue, asked.get());
  if (!result) {
    const auto& failure = result.error();
    return stop(failure.text_key.substr(failure.text_key.rfind('.') + 1), failure.exit_code, failure.args);
  }
  if (options_.json) {
    context_.out << to_json(*result) << '\n';
  } else {
    write(*result);
  }
  return result->accepted() ? cli::exit_ok : cli::exit_refused;
}

}  // namespace

void add_simulate(CLI::App& app, cli::Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("simulate", tr.text("simulate.about"));
  const auto add = [&](const char* name, auto& value, const char* text) {
    return command->add_option(name, value, tr.text(fmt::format("simulate.option.{}", text)));
  };
  add("--from-ip", options->dialogue.from_ip, "from_ip");
  add("--helo", options->dialogue.helo, "helo");
  add("--auth", options->dialogue.auth, "auth");
  auto* sender = add("--mail-from", options->mail_from, "mail_from");
  add("--rcpt", options->dialogue.rcpt, "rcpt");
  auto* size = add("--size", options->size_octets, "size");
  add("--tls", options->tls, "tls")->check(CLI::IsMember({"yes", "no"}));
  add("--job", options->dialogue.job, "job")->check(CLI::IsMember({"submission", "relay", "null"}));
  add("--port", options->dialogue.port, "port")->check(CLI::Range(1, 65535));
  command->add_flag("--no-dns", options->no_dns, tr.text("simulate.option.no_dns"));
  add("-c,--config", options->config, "config");
  command->add_flag("--json", options->json, tr.text("cli.option.json"));
  for (auto* option : command->get_options()) option->type_name("");
  command->callback([options, sender, size, &chosen] {
    if (sender->count() > 0) options->dialogue.mail_from = options->mail_from;
    if (size->count() > 0) options->dialogue.size_octets = options->size_octets;
    if (!options->tls.empty()) options->dialogue.tls = options->tls == "yes";
    chosen.run = [options](const cli::Context& context) { return Run(context, *options).run(); };
  });
}

}  // namespace postil::app
