#include "cli/sendmail.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <istream>
#include <ostream>

#include "address/xtext.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "cli/address_list.hpp"
#include "cli/answer_text.hpp"
#include "cli/compose.hpp"
#include "cli/config_files.hpp"
#include "cli/mail_client.hpp"
#include "cli/queue.hpp"
#include "cli/running_server.hpp"
#include "diagnose/explain.hpp"
#include "diagnose/json.hpp"
#include "dsn/encoding.hpp"

namespace postil::cli {
namespace {

using knowledge::Stage;

constexpr std::size_t message_octets_max = 512u << 20;

struct Caller {
  std::string login, full_name;
};

Caller caller() {
  Caller out;
  if (const auto* entry = ::getpwuid(::getuid())) {
    out.login = entry->pw_name;
    const std::string_view gecos = entry->pw_gecos ? entry->pw_gecos : "";
    out.full_name = gecos.substr(0, gecos.find(','));
  }
  if (out.login.empty()) out.login = fmt::format("uid{}", ::getuid());
  return out;
}

std::string submit_socket(const std::string& config) {
  const auto loaded = load_config(config.empty() ? std::string(default_config_file) : config);
  return loaded.config.submit_socket.empty() ? "/run/postil/submit" : loaded.config.submit_socket;
}

// The whole input, up to a line of a single dot where that ends it. Empty optional: too large.
std::optional<std::string> read_message(std::istream& in, bool dots_end) {
  std::string text;
  std::string line;
  while (std::getline(in, line)) {
    if (dots_end && (line == "." || line == ".\r")) break;
    text += line;
    if (!in.eof()) text += '\n';
    if (text.size() > message_octets_max) return {};
  }
  return text;
}

// The id in "2.0.0 queued, on disk, as 7Q3K-9F2M-4T8XB".
std::string id_in(const reply::RemoteReply& reply) {
  for (const auto& line : reply.lines) {
    const auto word = std::string_view(line).substr(line.rfind(' ') + 1);
    if (const auto id = parse_message_id(word)) return to_string(*id);
  }
  return {};
}

class Sendmail {
 public:
  Sendmail(const Context& context, SendmailOptions options) : context_(context), options_(std::move(options)) {}
  int deliver();

 private:
  int fail(std::string_view key, int code, const i18n::Args& args = {}) {
    std::string said = context_.tr.text("sendmail." + std::string(key), args);
    if (!options_.json) context_.err << "sendmail: " << said << '\n';
    if (failure_.word.empty()) failure_ = {std::string(key), std::move(said), code};
    return code;
  }
  int submit();
  void tell_json(int code) const;
  void take_recipients();
  void fill(MailTask& task, const std::string& host_name);
  std::string qualified(const std::string& address, const std::string& host_name) const;
  void add_from(std::string& message, const std::string& host_name) const;
  int conclude(const MailResult& result);
  int explain(const reply::RemoteReply& reply, Stage stage);

  const Context& context_;
  SendmailOptions options_;
  CallFailure failure_;  // the first; for JSON, as what follows
  std::string id_;       // in the queue, of what was taken
  json::array recipients_;
  Caller caller_ = caller();
  std::string message_;                 // with CRLF
  std::vector<std::string> addresses_;  // of the recipients, as they were given to the server
};

// -t: from To, Cc and Bcc; of a message that is sent on, from the Resent- fields alone [rfc5322 3.6.6].
void Sendmail::take_recipients() {
  if (!options_.from_header) return;
  const auto header = header_of(message_);
  const bool resent =
      has_field(header, "Resent-To") || has_field(header, "Resent-Cc") || has_field(header, "Resent-Bcc");
  for (const std::string name : {"To", "Cc", "Bcc"}) {
    for (const auto& value : field_values(header, resent ? "Resent-" + name : name)) {
      for (auto& address : addresses_in(value)) options_.recipients.push_back(std::move(address));
    }
  }
}

std::string Sendmail::qualified(const std::string& address, const std::string& host_name) const {
  // Bare names are local ones; a quoted local part may hold an @.
  const auto at = address.rfind('@');
  const bool bare = at == std::string::npos || (address.ends_with('"') && address.starts_with('"'));
  return bare ? address + "@" + host_name : address;
}

void Sendmail::add_from(std::string& message, const std::string& host_name) const {
  const auto header = header_of(message);
  if (has_field(header, "From")) return;
  const std::string name = options_.full_name.empty() ? caller_.full_name : options_.full_name;
  const std::string address = options_.sender && !options_.sender->empty() ? qualified(*options_.sender, host_name)
                                                                           : caller_.login + "@" + host_name;
  std::string value = "<" + address + ">";
  if (!name.empty()) {
    std::string safe = dsn::safe_text(name, 200);
    const bool plain =
        std::ranges::all_of(safe, [](char c) { return is_alnum(c) || c == ' ' || c == '-' || c == '_'; });
    if (!plain && !has_8bit(safe)) {
      std::string quoted = "\"";
      for (const char c : safe) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
      }
      safe = quoted + "\"";
    } else {
      safe = dsn::encoded_words(safe);
    }
    value = safe + " " + value;
  }
  const std::string field = dsn::field("From", value);
  // A text without header gets one, and the empty line that ends it.
  message.insert(0, header.empty() && !message.starts_with("\r\n") ? field + "\r\n" : field);
}

// Who and what, now that the server has told its name.
void Sendmail::fill(MailTask& task, const std::string& host_name) {
  auto& transaction = task.transaction;
  const std::string sender = options_.sender ? *options_.sender : caller_.login;
  if (!sender.empty()) {
    const auto path = address::parse_address(qualified(sender, host_name), true);
    if (path) transaction.mail.sender = *path;
  }
  if (!options_.envelope_id.empty()) transaction.mail.envid = address::encode_xtext(options_.envelope_id);
  if (iequals(options_.ret, "hdrs")) transaction.mail.ret = smtp::Ret::headers;
  if (iequals(options_.ret, "full")) transaction.mail.ret = smtp::Ret::full;
  for (const auto& one : options_.recipients) {
    const auto path = address::parse_address(qualified(one, host_name), true);
    if (!path) continue;  // looked at before
    const auto same = [&](const smtp::RcptCommand& r) { return r.recipient.address == path->address; };
    if (std::ranges::any_of(transaction.recipients, same)) continue;
    transaction.recipients.push_back({*path, options_.notify, ""});
    addresses_.push_back(path->address);
  }
  task.message = std::move(message_);
  add_from(task.message, host_name);
  const auto facts = facts_of(task.message);
  transaction.body_8bit = facts.body_8bit;
  transaction.header_utf8 = facts.header_utf8;
}

int Sendmail::explain(const reply::RemoteReply& reply, Stage stage) {
  const auto answer = diagnose::explain(reply.one_line(), stage);
  const bool first = failure_.word.empty();
  if (first) {
    failure_ = {"refused", {}, exit_unavailable};
    for (const auto& key : answer ? answer->what : std::vector<std::string>()) {
      failure_.text += (failure_.text.empty() ? "" : " ") + context_.tr.text(key);
    }
    if (failure_.text.empty()) failure_.text = reply.one_line();
  }
  if (options_.json) {
    // tell_json() has all of it
  } else if (answer) {
    if (!first) context_.err << '\n';
    write_answer_head(context_.err, *answer, context_.tr, false);
  } else {
    context_.err << reply.one_line() << '\n';
  }
  if (reply.permanence() == reply::Permanence::temporary) return exit_temporary;
  if (stage == Stage::rcpt) return reply.code == 550 || reply.code == 556 ? exit_no_user : exit_unavailable;
  return stage == Stage::message ? exit_data : exit_unavailable;
}

int Sendmail::conclude(const MailResult& result) {
  if (result.reached == MailResult::Reached::no_right) {
    return fail("no_right", exit_no_permission, {{"path", result.address}});
  }
  if (result.reached != MailResult::Reached::server) {
    return fail("no_server", exit_temporary, {{"path", result.address}, {"detail", result.detail}});
  }
  if (result.end) {
    if (result.end->reply) return explain(*result.end->reply, Stage::connect);
    return fail("broken", exit_temporary, {{"detail", result.end->detail}});
  }
  if (!result.result || result.result->missing != smtp::Missing::none) return fail("missing", exit_unavailable);
  int code = exit_ok;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < result.result->recipients.size(); ++i) {
    const auto& outcome = result.result->recipients[i];
    json::object told{{"address", addresses_.at(i)}, {"taken", outcome.ok()}};
    if (outcome.reply) told["reply"] = printable(outcome.reply->one_line());
    recipients_.push_back(std::move(told));
    if (outcome.ok()) {
      ++taken;
      if (outcome.reply) id_ = id_in(*outcome.reply);
      continue;
    }
    int one = exit_temporary;
    if (outcome.reply) {
      const Stage stage = outcome.stage == smtp::Stage::rcpt ? Stage::rcpt
                          : outcome.stage == smtp::Stage::end_of_data || outcome.stage == smtp::Stage::body
                              ? Stage::message
                              : Stage::mail;
      one = explain(*outcome.reply, stage);
    } else {
      fail("broken", one, {{"detail", outcome.detail}});
    }
    if (code == exit_ok || code == exit_temporary) code = one;
  }
  if (code != exit_ok && taken > 0 && !options_.json)
    context_.err << "sendmail: " << context_.tr.count("sendmail.others", taken) << '\n';
  return code;
}

void Sendmail::tell_json(int code) const {
  json::object out{{"schema", "postil.sendmail/1"}, {"ok", code == exit_ok}};
  if (code != exit_ok) out["error"] = {{"id", failure_.word}, {"message", failure_.text}};
  if (id_.empty()) {
    out["id"] = nullptr;
  } else {
    out["id"] = id_;
  }
  out["recipients"] = recipients_;
  out["exit"] = code;
  context_.out << out << '\n';
}

int Sendmail::deliver() {
  const int code = submit();
  if (options_.json) tell_json(code);
  return code;
}

int Sendmail::submit() {
  auto message = read_message(context_.in, !options_.ignore_dots);
  if (!message) return fail("too_large", exit_data);
  message_ = with_crlf(*message);
  message->clear();
  take_recipients();
  if (options_.recipients.empty()) return fail("no_recipients", exit_usage);
  MailTask task;
  task.host = submit_socket(options_.config);
  task.settings.host_name = "localhost";
  task.settings.tls = smtp::TlsUse::never;
  // Only a plain mistake of an address is left to be told before anything is sent.
  const std::string probe_host = "localhost.localdomain";
  for (const auto& one : options_.recipients) {
    if (!address::parse_address(qualified(one, probe_host), true)) {
      return fail("bad_address", exit_data, {{"address", printable(one, 200)}});
    }
  }
  if (options_.sender && !options_.sender->empty() &&
      !address::parse_address(qualified(*options_.sender, probe_host), true)) {
    return fail("bad_address", exit_data, {{"address", printable(*options_.sender, 200)}});
  }
  task.ready = [this](MailTask& filled, const std::string& host_name) { fill(filled, host_name); };
  if (options_.verbose) {
    auto& out = options_.json ? context_.err : context_.out;
    task.listen = [&out](const DialogueLine& line) {
      out << line.who << (line.who == '*' ? " " : ": ") << line.text << '\n' << std::flush;
    };
  }
  return conclude(send_mail(std::move(task)));
}

// -bs: the caller speaks SMTP with the server itself.
int speak_smtp(const Context& context, const std::string& path, bool as_json) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) return exit_config;
  std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    const bool right = error == EACCES || error == EPERM;
    const std::string word = right ? "no_right" : "no_server";
    const std::string said = context.tr.text("sendmail." + word, {{"path", path}, {"detail", std::strerror(error)}});
    const int code = right ? exit_no_permission : exit_temporary;
    return tell_failure(context, {word, as_json ? said : "sendmail: " + said, code}, as_json, "sendmail");
  }
  const auto copy = [](int from, int into) {
    char buffer[16384];
    const auto n = ::read(from, buffer, sizeof buffer);
    if (n <= 0) return false;
    for (ssize_t at = 0; at < n;) {
      const auto written = ::write(into, buffer + at, static_cast<std::size_t>(n - at));
      if (written <= 0) return false;
      at += written;
    }
    return true;
  };
  // Our caller may write all at once; the server wants its greeting heard first.
  pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
  bool open = copy(fd, STDOUT_FILENO);
  while (open && ::poll(wait, 2, -1) > 0) {
    if (wait[1].revents != 0) open = copy(fd, STDOUT_FILENO);
    if (open && wait[0].revents != 0 && !copy(STDIN_FILENO, fd)) {
      ::shutdown(fd, SHUT_WR);
      wait[0].fd = -1;
    }
  }
  ::close(fd);
  return exit_ok;
}

}  // namespace

int run_sendmail(const Context& context, const std::string& name, const std::vector<std::string>& arguments) {
  auto options = parse_sendmail(arguments);
  if (!options) {
    const std::string said = context.tr.text("sendmail.option_unknown", {{"option", printable(options.error(), 60)}});
    const bool as_json = std::ranges::find(arguments, "--json") != arguments.end();
    return tell_failure(context, {"usage", as_json ? said : "sendmail: " + said, exit_usage}, as_json, "sendmail");
  }
  using Mode = SendmailOptions::Mode;
  if (name == "mailq") options->mode = Mode::queue;
  if (name == "newaliases") options->mode = Mode::aliases;
  switch (options->mode) {
    case Mode::aliases:
      if (options->json) {
        context.out << json::object{{"schema", "postil.sendmail/1"}, {"ok", true}, {"exit", 0}} << '\n';
      } else {
        context.out << context.tr.text("sendmail.aliases") << '\n';
      }
      return exit_ok;
    case Mode::queue_run:
      if (options->json) {
        context.out << json::object{{"schema", "postil.sendmail/1"}, {"ok", true}, {"exit", 0}} << '\n';
      }
      return exit_ok;
    case Mode::queue:
      return show_mail_queue(context, {.config = options->config, .socket = {}, .demo = false}, options->json);
    case Mode::smtp:
      return speak_smtp(context, submit_socket(options->config), options->json);
    case Mode::deliver:
      break;
  }
  return Sendmail(context, std::move(*options)).deliver();
}

void add_sendmail(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto* sub = app.add_subcommand("sendmail", tr.text("sendmail.about"));
  sub->prefix_command();
  sub->add_flag_callback("--json", [] {}, tr.text("cli.option.json"));  // for the help; parse_sendmail() reads it
  sub->footer(tr.text("sendmail.options"));
  sub->callback(
      [&chosen] { chosen.run = [](const Context& context) { return run_sendmail(context, "sendmail", {}); }; });
}

}  // namespace postil::cli
