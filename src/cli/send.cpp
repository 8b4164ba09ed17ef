// `postil send`: hands one message to a server and explains what the server answers.
#include "cli/send.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <memory>
#include <ostream>
#include <set>
#include <thread>

#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/compose.hpp"
#include "cli/config_files.hpp"
#include "cli/follow.hpp"
#include "cli/mail_client.hpp"
#include "cli/mail_route.hpp"
#include "cli/password_source.hpp"
#include "diagnose/explain.hpp"
#include "diagnose/json.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/entropy.hpp"

namespace postil::cli {
namespace {

using knowledge::Stage;

struct Options {
  std::vector<std::string> to, headers;
  std::string from, server, tls, user, mechanism, subject, body, file, stop_after, ca_file, helo, resolver;
  PasswordOptions password;
  bool no_verify = false, verbose = false, json = false, demo = false;
  std::uint32_t timeout_seconds = 60;
  std::uint16_t port = 0;  // 0 = the usual one
};

// What is told at the end.
struct Stop {
  std::string id;    // stable
  std::string text;  // a sentence
  int code = exit_software;
};

class Send {
 public:
  Send(const Context& context, Options options) : context_(context), options_(std::move(options)) {}
  int run();

 private:
  std::optional<Stop> prepare_demo();
  std::optional<Stop> prepare_server();
  std::optional<Stop> prepare_login();
  std::optional<Stop> prepare_envelope();
  std::optional<Stop> prepare_route();
  std::optional<Stop> prepare_message();
  std::optional<Stop> no_route(const std::string& domain, const MailRoute& route);
  void show_route(const std::string& domain);
  void hand_over();  // to the server, or to the first host that takes a session
  bool next_host_is_due() const;
  std::string server_shown() const;
  std::optional<Stop> not_sent() const;  // no reply says why
  Stop trouble(const smtp::Outcome& outcome) const;
  int conclude();
  int code_of(const smtp::Outcome& outcome) const;
  void show_dialogue();
  void explain(const reply::RemoteReply& reply, Stage stage);
  int follow();  // the exit code of the message's end
  void wait_for_bounce();
  int finish(std::optional<Stop> stop, int code);
  std::string text(std::string_view key, const i18n::Args& args = {}) const {
    return context_.tr.text("send." + std::string(key), args);
  }

  const Context& context_;
  Options options_;
  MailTask task_;
  bool by_mx_ = false;  // the recipients' domain says in DNS which hosts are asked
  MailRoute route_;
  MailResult result_;
  json::object said_;  // the JSON form
  std::string inbox_;  // of the demo
  std::set<std::string> inbox_before_;
};

constexpr std::pair<std::string_view, StopAfter> stops[] = {
    {"connect", StopAfter::connect}, {"ehlo", StopAfter::ehlo}, {"starttls", StopAfter::starttls},
    {"auth", StopAfter::auth},       {"mail", StopAfter::mail}, {"rcpt", StopAfter::rcpt},
    {"data", StopAfter::data}};

std::set<std::string> files_in(const std::string& folder) {
  std::set<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) out.insert(entry.path().string());
  return out;
}

Stage stage_of(smtp::Stage stage) {
  switch (stage) {
    case smtp::Stage::connect:
    case smtp::Stage::greeting:
      return Stage::connect;
    case smtp::Stage::ehlo:
      return Stage::ehlo;
    case smtp::Stage::starttls:
    case smtp::Stage::tls:
      return Stage::starttls;
    case smtp::Stage::auth:
      return Stage::auth;
    case smtp::Stage::mail:
      return Stage::mail;
    case smtp::Stage::rcpt:
      return Stage::rcpt;
    case smtp::Stage::data:
      return Stage::data;
    case smtp::Stage::body:
    case smtp::Stage::end_of_data:
      return Stage::message;
    default:
      return Stage::any;
  }
}

// The demo's own account, ports and certificate, asked from the demo that runs.
std::optional<Stop> Send::prepare_demo() {
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

std::optional<Stop> Send::prepare_server() {
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

std::optional<Stop> Send::prepare_login() {
  if (options_.user.empty()) return {};
  auto given =
      get_password(options_.password, context_.in, text("password_prompt", {{"user", options_.user}}) + " ", "");
  if (!given) return Stop{"no_password", text("error.no_password"), exit_usage};
  task_.settings.login = smtp::ClientLogin{options_.user, std::move(given->password), to_upper(options_.mechanism)};
  task_.settings.login_without_tls = options_.tls == "none";
  return {};
}

std::optional<Stop> Send::prepare_envelope() {
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

// The hosts of the recipients' domain, as a mail server would find them.
std::optional<Stop> Send::prepare_route() {
  if (task_.transaction.recipients.empty()) return Stop{"usage", text("error.no_recipient"), exit_usage};
  const std::string domain = task_.transaction.recipients.front().recipient.domain;
  for (const auto& one : task_.transaction.recipients) {
    if (one.recipient.domain != domain || domain.empty())
      return Stop{"usage", text("error.several_domains"), exit_usage};
  }
  auto found =
      find_mail_route(domain, options_.resolver, std::min<Duration>(seconds(options_.timeout_seconds), seconds(20)));
  if (!found) return Stop{"resolver", text("error.resolver", {{"detail", found.error()}}), exit_usage};
  route_ = std::move(*found);
  json::array hosts;
  for (const auto& host : route_.hosts) {
    hosts.push_back(json::object{
        {"host", host.name}, {"preference", host.preference}, {"addresses", json::value_from(host.addresses)}});
  }
  said_["route"] = json::object{{"domain", domain}, {"kind", dns::to_string(route_.kind)}, {"hosts", std::move(hosts)}};
  if (route_.hosts.empty()) return no_route(domain, route_);
  if (!options_.json && !task_.transaction.recipients.front().recipient.literal) show_route(domain);
  return {};
}

// DNS alone decides: no host is asked.
std::optional<Stop> Send::no_route(const std::string& domain, const MailRoute& route) {
  using Kind = dns::MxSet::Kind;
  const std::string word(dns::to_string(route.kind));
  const std::string said = text("route." + word, {{"domain", domain}, {"detail", route.detail}});
  if (route.kind == Kind::temporary) return Stop{"dns_temporary", said, exit_temporary};
  const std::string_view meaning = route.kind == Kind::null_mx     ? "556 5.1.10"
                                   : route.kind == Kind::no_domain ? "550 5.1.2"
                                                                   : "550 5.4.4";
  if (!options_.json) context_.out << said << "\n\n";
  if (const auto reply = diagnose::read_reply(meaning)) explain(*reply, Stage::rcpt);
  return options_.json ? Stop{word, said, exit_refused} : Stop{word, {}, exit_refused};
}

void Send::show_route(const std::string& domain) {
  std::string list;
  for (const auto& host : route_.hosts) {
    list += list.empty() ? "" : ", ";
    list += route_.kind == dns::MxSet::Kind::hosts ? fmt::format("{} (MX {})", host.name, host.preference) : host.name;
  }
  context_.out << text(route_.kind == dns::MxSet::Kind::hosts ? "route.hosts" : "route.implicit",
                       {{"domain", domain}, {"hosts", list}})
               << '\n';
  if (route_.stray_null) context_.out << text("route.stray_null") << '\n';
}

// No session came about, or the host let nobody in: what an MX record of the domain may mend.
bool Send::next_host_is_due() const {
  if (result_.stopped) return false;
  return result_.reached != MailResult::Reached::server || (result_.end && !result_.result);
}

void Send::hand_over() {
  if (!by_mx_) {
    result_ = send_mail(task_);
    return;
  }
  json::array tried;
  for (std::size_t i = 0; i < route_.hosts.size(); ++i) {
    const auto& host = route_.hosts[i];
    task_.host = host.name;
    task_.addresses = host.addresses;
    result_ = {};
    if (host.addresses.empty()) {
      result_.detail = host.trouble;
    } else {
      result_ = send_mail(task_);
    }
    if (!next_host_is_due() || i + 1 == route_.hosts.size()) break;
    const auto* greeting = result_.last(Stage::connect);
    const std::string why = greeting ? greeting->reply.one_line() : result_.end ? result_.end->detail : result_.detail;
    tried.push_back(json::object{{"host", host.name}, {"address", result_.address}, {"detail", why}});
    if (!options_.json) context_.out << text("next_host", {{"server", server_shown()}, {"detail", why}}) << '\n';
  }
  if (!tried.empty()) said_["tried"] = std::move(tried);
}

std::string Send::server_shown() const {
  if (!by_mx_ || result_.address.find(task_.host) != std::string::npos) return result_.address;
  return result_.address.empty() ? task_.host : fmt::format("{} ({})", task_.host, result_.address);
}

std::optional<Stop> Send::prepare_message() {
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

std::string own_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  const std::string own = to_lower(name);
  return address::valid_domain(own) ? own : "localhost";
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
  if (!failed && by_mx_) failed = prepare_route();
  if (!failed) failed = prepare_message();
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

// The commands that matter and their replies; the whole dialogue was shown already with -v.
void Send::show_dialogue() {
  auto& out = context_.out;
  if (!options_.verbose) {
    out << text(result_.tls ? "connected_tls" : "connected",
                {{"server", server_shown()}, {"tls", result_.tls ? result_.tls->version : std::string()}})
        << '\n';
  }
  for (const auto& given : result_.replies) {
    const bool login = given.stage == Stage::auth && given.reply.code == 235;
    if (!options_.verbose && given.stage != Stage::quit && (given.stage > Stage::ehlo || !given.reply.positive())) {
      if (!given.command.empty()) out << "C: " << given.command << '\n';
      out << "S: " << given.reply.one_line() << '\n';
    }
    if (!login) continue;
    if (const auto answer = diagnose::explain("235 2.7.0", Stage::auth))
      write_paragraph(out, what_text(*answer, context_.tr));
  }
  out << '\n';
}

Stop Send::trouble(const smtp::Outcome& outcome) const {
  using smtp::Trouble;
  const int code = outcome.trouble == Trouble::timed_out || outcome.trouble == Trouble::connection_lost ? exit_temporary
                   : outcome.trouble == Trouble::body_line_ends                                         ? exit_data
                                                                : exit_unavailable;
  std::string word(smtp::to_string(outcome.trouble));
  if (outcome.trouble == Trouble::timed_out && result_.replies.empty() && !result_.tls) word += "_at_connect";
  std::string said = text("trouble." + word, {{"server", server_shown()}, {"detail", outcome.detail}});
  if (outcome.trouble == Trouble::tls_failed && task_.verify) said += ' ' + text("trouble.verify_hint");
  return {word, said, code};
}

std::optional<Stop> Send::not_sent() const {
  const i18n::Args args{{"server", task_.host}, {"address", server_shown()}, {"detail", result_.detail}};
  switch (result_.reached) {
    case MailResult::Reached::nothing:
      return Stop{"no_address", text("error.no_address", args), exit_unavailable};
    case MailResult::Reached::no_server:
      return Stop{"not_reached", text("error.not_reached", args), exit_unavailable};
    case MailResult::Reached::no_right:
      return Stop{"no_permission", text("error.no_right", args), exit_no_permission};
    case MailResult::Reached::server:
      break;
  }
  return {};
}

int Send::code_of(const smtp::Outcome& outcome) const {
  if (!outcome.reply) return trouble(outcome).code;
  if (outcome.ok()) return exit_ok;
  return outcome.reply->permanence() == reply::Permanence::temporary ? exit_temporary : exit_refused;
}

void Send::explain(const reply::RemoteReply& reply, Stage stage) {
  const auto answer = diagnose::explain(reply.one_line(), stage);
  if (!answer) return;
  if (!options_.json) {
    write_answer_head(context_.out, *answer, context_.tr, false);
    return;
  }
  auto& all = said_["explanations"];
  if (!all.is_array()) all = json::array();
  all.as_array().push_back(json::parse(diagnose::to_json(*answer, context_.tr)));
}

int Send::conclude() {
  if (!options_.json) show_dialogue();
  if (result_.stopped) {
    // The last reply may have been a refusal all the same.
    const auto bad = std::ranges::find_if(result_.replies, [](const GivenReply& g) { return g.reply.code >= 400; });
    if (bad == result_.replies.end()) {
      if (!options_.json) context_.out << text("stopped", {{"stage", options_.stop_after}}) << '\n';
      return finish({}, exit_ok);
    }
    explain(bad->reply, bad->stage);
    return finish({}, bad->reply.code < 500 ? exit_temporary : exit_refused);
  }
  std::vector<smtp::Outcome> outcomes;
  if (result_.result) outcomes = result_.result->recipients;
  if (result_.end) outcomes.push_back(*result_.end);
  if (result_.result && result_.result->missing != smtp::Missing::none) {
    constexpr std::string_view words[] = {"none", "eight_bit_mime", "binarymime", "smtputf8_address", "smtputf8_header",
                                          "size"};
    const std::string word(words[static_cast<std::size_t>(result_.result->missing)]);
    return finish(Stop{"missing_" + word, text("missing." + word, {{"server", result_.address}}), exit_refused},
                  exit_refused);
  }
  int worst = exit_ok;
  std::set<std::string> explained;
  bool any_taken = false;
  std::optional<Stop> stop;
  json::array recipients;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& outcome = outcomes[i];
    const int code = code_of(outcome);
    any_taken = any_taken || code == exit_ok;
    if (worst == exit_ok || (worst == exit_temporary && code != exit_ok)) worst = code;
    if (result_.result) {
      recipients.push_back(
          json::object{{"address", task_.transaction.recipients[i].recipient.address},
                       {"taken", code == exit_ok},
                       {"reply", outcome.reply ? json::value(outcome.reply->one_line()) : json::value()}});
    }
    if (code == exit_ok) continue;
    if (!outcome.reply) {
      stop = trouble(outcome);
    } else if (explained.insert(outcome.reply->one_line()).second) {
      explain(*outcome.reply, stage_of(outcome.stage));
    }
  }
  if (!recipients.empty()) said_["recipients"] = std::move(recipients);
  if (any_taken && !stop) {
    if (options_.demo) {
      const int end = follow();
      if (worst == exit_ok) worst = end;
    } else if (!options_.json) {
      context_.out << text("taken") << '\n';
    }
  }
  return finish(stop, worst);
}

// The id in "250 2.0.0 queued, on disk, as 7Q3K-9F2M-4T8XB".
std::string id_in(const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    for (const auto word : split(line, ' ')) {
      if (word.size() == 15 && word[4] == '-' && parse_message_id(word)) return std::string(word);
    }
  }
  return {};
}

int Send::follow() {
  const auto* end = result_.last(Stage::message);
  const std::string id = end ? id_in(end->reply.lines) : std::string();
  if (id.empty()) return exit_ok;
  auto& out = context_.out;
  if (!options_.json) out << text("follow", {{"id", id}}) << '\n' << std::flush;
  const auto followed = follow_message(context_, {.config = {}, .socket = {}, .demo = true}, id, seconds(30),
                                       [&](const Story& story, std::size_t told) {
                                         if (options_.json) return;
                                         write_lines(out, story.lines, told);
                                         out.flush();
                                       });
  constexpr std::string_view words[] = {"open", "delivered", "returned", "failed", "removed"};
  json::object message{{"id", id}};
  if (!followed) {
    message["error"] = json::object{{"id", followed.error().word}, {"message", followed.error().text}};
    if (!options_.json) context_.err << followed.error().text << '\n';
    said_["message"] = std::move(message);
    return followed.error().exit_code;
  }
  const Story& story = followed->story;
  const std::string word(words[static_cast<std::size_t>(story.end)]);
  message["end"] = word;
  message["records"] = followed->records;
  said_["message"] = std::move(message);
  if (!options_.json) out << '\n' << text("end." + word, {{"program", context_.program_name}, {"id", id}}) << '\n';
  if (story.end == MessageEnd::returned) wait_for_bounce();
  if (story.end != MessageEnd::delivered && story.last_by_reply) {
    if (!options_.json) out << '\n';
    if (const auto reply = diagnose::read_reply(story.last_reply)) explain(*reply, Stage::any);
  }
  return story.end == MessageEnd::delivered ? exit_ok : story.end == MessageEnd::open ? exit_temporary : exit_refused;
}

void Send::wait_for_bounce() {
  for (int i = 0; i < 25; ++i) {
    for (const auto& file : files_in(inbox_)) {
      if (inbox_before_.contains(file)) continue;
      said_["message"].as_object()["bounce"] = file;
      if (!options_.json) context_.out << text("bounce", {{"path", file}}) << '\n';
      return;
    }
    std::this_thread::sleep_for(milliseconds(200));
  }
}

int Send::finish(std::optional<Stop> stop, int code) {
  if (stop && code == exit_ok) code = stop->code;
  if (!options_.json) {
    if (stop && !stop->text.empty()) context_.err << stop->text << '\n';
    return code;
  }
  said_["ok"] = code == exit_ok;
  said_["exit"] = code;
  if (stop) said_["error"] = json::object{{"id", stop->id}, {"message", stop->text}};
  if (!result_.address.empty()) {
    json::object server{{"host", task_.host}, {"address", result_.address}};
    if (result_.tls)
      server["tls"] = json::object{
          {"version", result_.tls->version}, {"cipher", result_.tls->cipher}, {"verified", result_.tls->peer_verified}};
    said_["server"] = std::move(server);
    json::array dialogue;
    for (const auto& line : result_.dialogue) {
      dialogue.push_back(json::object{{"who", std::string(1, line.who)}, {"text", line.text}});
    }
    said_["dialogue"] = std::move(dialogue);
    json::array replies;
    for (const auto& given : result_.replies) {
      replies.push_back(json::object{{"stage", knowledge::to_string(given.stage)},
                                     {"command", given.command},
                                     {"code", given.reply.code},
                                     {"enhanced", reply::to_string(given.reply.enhanced)},
                                     {"reply", given.reply.one_line()}});
    }
    said_["replies"] = std::move(replies);
  }
  context_.out << said_ << '\n';
  return code;
}

}  // namespace

void add_send(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
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
  option("--header", options->headers, "header")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
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
