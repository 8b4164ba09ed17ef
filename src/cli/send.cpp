// `postil send`: hands one message to a server and explains what the server answers.
#include "cli/send.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iterator>
#include <memory>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/compose.hpp"
#include "cli/config_files.hpp"
#include "cli/send_run.hpp"
#include "cli/story.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/entropy.hpp"

namespace postil::cli {
namespace {

constexpr std::pair<std::string_view, StopAfter> stops[] = {
    {"connect", StopAfter::connect}, {"ehlo", StopAfter::ehlo}, {"starttls", StopAfter::starttls},
    {"auth", StopAfter::auth},       {"mail", StopAfter::mail}, {"rcpt", StopAfter::rcpt},
    {"data", StopAfter::data}};

std::string own_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  const std::string own = to_lower(name);
  return address::valid_domain(own) ? own : "localhost";
}

}  // namespace

// The demo's own account, ports and certificate, asked from the demo that runs.
std::optional<Send::Stop> Send::prepare_demo() {
  auto facts = call_server(context_, {.config = {}, .socket = {}, .demo = true}, {{"call", "demo"}}, seconds(5));
  if (!facts) return Stop{facts.error().word, facts.error().text, facts.error().exit_code};
  const bool starttls = options_.tls == "starttls";
  const auto* at = facts->if_contains(starttls ? "submission" : "submissions");
  if (!at || !at->is_object()) return Stop{"broken", text("error.demo_answer"), exit_unavailable};
  task_.host = string_of(at->as_object(), "address");
  task_.port = static_cast<std::uint16_t>(number_of(at->as_object(), "port").value_or(0));
  task_.settings.tls = starttls ? smtp::TlsUse::required : smtp::TlsUse::implicit;
  task_.ca_file = string_of(*facts, "certificate");
  task_.settings.login =
      smtp::ClientLogin{string_of(*facts, "user"), string_of(*facts, "password"), options_.mechanism};
  inbox_ = string_of(*facts, "inbox");
  inbox_before_ = files_in(inbox_);
  if (options_.from.empty()) options_.from = task_.settings.login->user;
  return {};
}

std::optional<Send::Stop> Send::prepare_server() {
  std::string_view at = options_.server;
  if (at.empty()) {
    if (!options_.user.empty() || options_.tls == "implicit") return Stop{"usage", text("error.no_server"), exit_usage};
    by_mx_ = true;
    task_.settings.tls = options_.tls == "none"       ? smtp::TlsUse::never
                         : options_.tls == "starttls" ? smtp::TlsUse::required
                                                      : smtp::TlsUse::opportunistic;
    task_.port = options_.port != 0 ? options_.port : 25;
    task_.ca_file = options_.ca_file;
    task_.verify = !options_.no_verify && task_.settings.tls == smtp::TlsUse::required;
    return {};
  }
  std::string port;
  if (at.starts_with('[')) {
    const auto end = at.find(']');
    if (end == std::string_view::npos)
      return Stop{"usage", text("error.server_form", {{"value", options_.server}}), exit_usage};
    task_.host = at.substr(1, end - 1);
    at.remove_prefix(end + 1);
    if (at.starts_with(':')) port = at.substr(1);
  } else if (std::ranges::count(at, ':') == 1) {
    task_.host = at.substr(0, at.find(':'));
    port = at.substr(at.find(':') + 1);
  } else {
    task_.host = at;
  }
  task_.port = options_.port != 0 ? options_.port : options_.tls == "implicit" ? 465 : options_.user.empty() ? 25 : 587;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), task_.port);
    if (error != std::errc() || end != port.data() + port.size() || task_.port == 0) {
      return Stop{"usage", text("error.server_form", {{"value", options_.server}}), exit_usage};
    }
  }
  using smtp::TlsUse;
  task_.settings.tls = options_.tls == "none"                            ? TlsUse::never
                       : options_.tls == "starttls"                      ? TlsUse::required
                       : options_.tls == "implicit" || task_.port == 465 ? TlsUse::implicit
                       : options_.user.empty()                           ? TlsUse::opportunistic
                                                                         : TlsUse::required;
  task_.ca_file = options_.ca_file;
  // Without a login TLS between strangers is opportunistic, and proves nothing: asked for, it is checked.
  task_.verify = !options_.no_verify && task_.settings.tls != TlsUse::opportunistic;
  return {};
}

std::optional<Send::Stop> Send::prepare_login() {
  if (options_.user.empty()) return {};
  auto given =
      get_password(options_.password, context_.in, text("password_prompt", {{"user", options_.user}}) + " ", "");
  if (!given) return Stop{"no_password", text("error.no_password"), exit_usage};
  task_.settings.login = smtp::ClientLogin{options_.user, std::move(given->password), to_upper(options_.mechanism)};
  task_.settings.login_without_tls = options_.tls == "none";
  return {};
}

std::optional<Send::Stop> Send::prepare_envelope() {
  if (options_.from != "<>" && !options_.from.empty()) {
    const auto sender = address::parse_address(options_.from, true);
    if (!sender) return Stop{"usage", text("error.address", {{"value", printable(options_.from, 200)}}), exit_usage};
    task_.transaction.mail.sender = *sender;
  }
  for (const auto& to : options_.to) {
    const auto recipient = address::parse_address(to, true);
    if (!recipient) return Stop{"usage", text("error.address", {{"value", printable(to, 200)}}), exit_usage};
    task_.transaction.recipients.push_back({*recipient, 0, ""});
  }
  if (task_.transaction.recipients.empty()) {
    if (task_.stop_after >= StopAfter::mail) return Stop{"usage", text("error.no_recipient"), exit_usage};
  }
  return {};
}

std::optional<Send::Stop> Send::prepare_message() {
  if (!options_.file.empty()) {
    std::string octets;
    if (options_.file == "-") {
      octets.assign(std::istreambuf_iterator<char>(context_.in), {});
    } else {
      auto read = read_file(options_.file);
      if (!read)
        return Stop{"file", text("error.file", {{"path", options_.file}, {"detail", read.error()}}), exit_data};
      octets = std::move(*read);
    }
    task_.message = with_crlf(octets);
  } else {
    env_asio::SystemClock clock;
    env_asio::SystemEntropy entropy;
    Letter letter;
    letter.from = task_.transaction.mail.sender.address;
    letter.to = options_.to;
    letter.subject = options_.subject.empty() ? text("subject") : options_.subject;
    letter.body = options_.body.empty() ? text("body") + "\n" : options_.body;
    letter.headers = options_.headers;
    letter.date = clock.wall();
    letter.id = fmt::format("{:016x}@{}", entropy.word(), task_.settings.host_name);
    task_.message = compose(letter);
  }
  const auto facts = facts_of(task_.message);
  task_.transaction.body_8bit = facts.body_8bit;
  task_.transaction.header_utf8 = facts.header_utf8;
  return {};
}

int Send::run() {
  said_ = {{"schema", "postil.send/1"}};
  auto& settings = task_.settings;
  settings.host_name = options_.helo.empty() ? own_name() : options_.helo;
  // One command, one reply: what is shown is what happened.
  settings.pipelining = false;
  settings.chunking = false;
  const seconds patience(options_.timeout_seconds);
  settings.greeting_timeout = settings.command_timeout = settings.data_timeout = settings.block_timeout =
      settings.end_timeout = patience;
  task_.connect_timeout = std::min<Duration>(patience, seconds(30));
  const auto stop = std::ranges::find(stops, options_.stop_after, &std::pair<std::string_view, StopAfter>::first);
  if (stop != std::end(stops)) task_.stop_after = stop->second;

  auto failed = options_.demo ? prepare_demo() : prepare_server();
  if (!failed && !options_.demo) failed = prepare_login();
  if (!failed) failed = prepare_envelope();
  if (!failed) failed = prepare_message();  // before anybody is asked
  if (!failed && by_mx_) failed = prepare_route();
  if (failed) return finish(failed, failed->code);
  if (options_.verbose && !options_.json) {
    task_.listen = [this](const DialogueLine& line) {
      context_.out << line.who << (line.who == '*' ? " " : ": ") << line.text << '\n' << std::flush;
    };
  }
  hand_over();
  if (const auto stopped = not_sent()) return finish(stopped, stopped->code);
  return conclude();
}

void add_send(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<SendOptions>();
  auto* sub = app.add_subcommand("send", tr.text("send.about"));
  const auto option = [&](const char* name, auto& value, std::string_view key) {
    return sub->add_option(name, value, tr.text("send.option." + std::string(key)));
  };
  option("--to", options->to, "to")->expected(1, 1000);
  option("--from", options->from, "from");
  option("--server", options->server, "server");
  option("--port", options->port, "port")->check(CLI::Range(1, 65535));
  option("--resolver", options->resolver, "resolver");
  option("--tls", options->tls, "tls")->check(CLI::IsMember({"starttls", "implicit", "none"}));
  option("--auth", options->user, "auth");
  option("--password-file", options->password.file, "password_file");
  option("--mechanism", options->mechanism, "mechanism");
  option("--subject", options->subject, "subject");
  option("--body", options->body, "body");
  option("--header", options->headers, "header")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  option("--file", options->file, "file");
  option("--helo", options->helo, "helo");
  option("--stop-after", options->stop_after, "stop_after")
      ->check(CLI::IsMember({"connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data"}));
  option("--ca", options->ca_file, "ca");
  option("--timeout", options->timeout_seconds, "timeout")->check(CLI::Range(1, 3600));
  sub->add_flag("--no-verify", options->no_verify, tr.text("send.option.no_verify"));
  sub->add_flag("-v,--verbose", options->verbose, tr.text("send.option.verbose"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->add_flag("--demo", options->demo, tr.text("send.option.demo"));
  sub->callback(
      [options, &chosen] { chosen.run = [options](const Context& context) { return Send(context, *options).run(); }; });
}

}  // namespace postil::cli
