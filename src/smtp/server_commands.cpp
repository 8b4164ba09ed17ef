// The table verb × state: what is legal when [rfc5321 4.1.4], and the commands that touch no mail.
#include <fmt/format.h>

#include "address/path.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "message/date.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

enum class Takes : std::uint8_t { nothing, anything, something };

// A cell is the refusal of the verb in that state; "go" runs it.
struct Cell {
  bool runs = true;
  TextId refusal{};
  constexpr Cell() = default;
  constexpr Cell(TextId text) : runs(false), refusal(text) {}  // NOLINT: the table reads better so
};
constexpr Cell go{};

constexpr auto first = TextId::hello_first;
constexpr auto nested = TextId::mail_twice;
constexpr auto within = TextId::in_transaction;
constexpr auto chunked = TextId::data_after_bdat;
constexpr auto late = TextId::auth_in_transaction;

}  // namespace

struct ServerSession::State::Row {
  Verb verb;
  std::string_view stage;
  Takes takes;
  void (State::*run)(std::string_view argument);
  Cell cells[stand_count];
};

// STARTTLS, BDAT, MAIL and RCPT look at their arguments themselves: their refusals have texts of their own. BDAT
// runs everywhere, because its octets follow it whatever the answer is.
// clang-format off
constexpr ServerSession::State::Row ServerSession::State::rows[] = {
    // verb, stage, argument                                         fresh  ready               mail    rcpt    chunks
    {Verb::ehlo, "hello", Takes::anything, &State::run_ehlo,        {go,    go,                 go,     go,     go}},
    {Verb::helo, "hello", Takes::anything, &State::run_helo,        {go,    go,                 go,     go,     go}},
    {Verb::mail, "mail", Takes::anything, &State::run_mail,         {first, go,                 nested, nested, nested}},
    {Verb::rcpt, "rcpt", Takes::anything, &State::run_rcpt,         {first, TextId::mail_first, go,     go,     within}},
    {Verb::data, "data", Takes::nothing, &State::run_data,          {first, TextId::mail_first, go,     go,     chunked}},
    {Verb::bdat, "bdat", Takes::anything, &State::run_bdat,         {go,    go,                 go,     go,     go}},
    {Verb::rset, "command", Takes::nothing, &State::run_rset,       {go,    go,                 go,     go,     go}},
    {Verb::noop, "command", Takes::anything, &State::run_noop,      {go,    go,                 go,     go,     go}},
    {Verb::quit, "command", Takes::nothing, &State::run_quit,       {go,    go,                 go,     go,     go}},
    {Verb::vrfy, "command", Takes::something, &State::run_vrfy,     {go,    go,                 go,     go,     go}},
    {Verb::help, "command", Takes::anything, &State::run_help,      {go,    go,                 go,     go,     go}},
    {Verb::starttls, "tls", Takes::anything, &State::run_starttls,  {go,    go,                 go,     go,     go}},
    {Verb::auth, "auth", Takes::something, &State::run_auth,        {first, go,                 late,   late,   late}},
    {Verb::xclient, "connect", Takes::something, &State::run_xclient, {go,  go,                 within, within, within}},
};
// clang-format on

const ServerSession::State::Row& ServerSession::State::row_of(Verb verb) {
  for (const auto& row : rows) {
    if (row.verb == verb) return row;
  }
  POSTIL_ASSERT(!"every verb that runs has a row");
  return rows[0];
}

namespace {

// What "HELP" lists; what gets 500 or 502 is not in it [rfc5321 4.2.4].
std::string command_list(bool starttls, bool auth) {
  std::string list = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP";
  if (starttls) list += " STARTTLS";
  if (auth) list += " AUTH";
  return list;
}

// All but what leads to TLS and a login, ends the session or moves nothing. BDAT says it behind its octets.
bool wants_login(Verb verb) {
  switch (verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::data:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::obsolete:
      return true;
    default:
      return false;
  }
}

bool is_hello_name(std::string_view name) {
  if (name.empty() || has_8bit(name)) return false;
  if (name.front() == '[') return address::valid_address_literal(name);
  if (name.ends_with('.')) name.remove_suffix(1);
  return address::valid_domain(name);
}

}  // namespace

Stand ServerSession::State::stand() const {
  if (!hello_said_) return Stand::fresh;
  if (!transaction_) return Stand::ready;
  if (transaction_->message) return Stand::chunks;
  return transaction_->recipients.empty() ? Stand::mail : Stand::rcpt;
}

// What a client has to do before mail [rfc3207 4, rfc4954 6].
std::optional<TextId> ServerSession::State::missing() const {
  if (settings_->require_tls && !tls_) return TextId::tls_required;
  if (settings_->require_auth && login_.empty()) return TextId::auth_required;
  return std::nullopt;
}

void ServerSession::State::command(std::string_view line) {
  const auto command = parse_command(line);
  if (phase_ == Phase::null_host) return null_host_command(command);
  stage_ = "command";
  if (++commands_ > settings_->commands_max) {
    return say(TextId::too_many_commands, {{"host", settings_->host_name}});
  }
  if (const auto fault = line_fault(line, command)) return say(*fault);
  if (phase_ == Phase::unserved) return unserved_command(command);
  if (looks_like_http(line)) return close_with(TextId::not_smtp, {{"host", settings_->host_name}});
  if (command.verb == Verb::unknown) return say(TextId::command_unknown);
  const auto verb = to_upper(command.name);
  const auto wanted = wants_login(command.verb) ? missing() : std::nullopt;
  if (command.verb == Verb::obsolete || command.verb == Verb::expn) {
    if (wanted) return say(*wanted);
    return say(TextId::command_not_implemented, {{"verb", verb}});
  }
  const auto& row = row_of(command.verb);
  stage_ = row.stage.data();
  const auto& cell = row.cells[static_cast<std::size_t>(stand())];
  // EHLO comes before a login.
  if (wanted && (cell.runs || cell.refusal != TextId::hello_first)) return say(*wanted);
  if (!cell.runs) {
    if (cell.refusal == TextId::in_transaction) return say(cell.refusal, {{"verb", verb}});
    return say(cell.refusal);
  }
  if (row.takes == Takes::nothing && !command.argument.empty()) {
    return say(TextId::argument_unwanted, {{"verb", verb}});
  }
  if (row.takes == Takes::something && command.argument.empty()) {
    return say(TextId::argument_missing, {{"verb", verb}});
  }
  (this->*row.run)(command.argument);
}

void ServerSession::State::run_ehlo(std::string_view argument) {
  hello(argument, true);
}

void ServerSession::State::run_helo(std::string_view argument) {
  hello(argument, false);
}

// A refused one changes nothing; a good one is a RSET too [rfc5321 4.1.4].
void ServerSession::State::hello(std::string_view name, bool extended) {
  if (!is_hello_name(name)) return say(TextId::hello_bad, {{"verb", extended ? "EHLO" : "HELO"}});
  drop_transaction();
  after_last_chunk_ = false;
  hello_said_ = true;
  hello_ = name;
  esmtp_ = extended;
  if (!extended) return say(TextId::helo, {{"host", settings_->host_name}});
  auto reply = reply::make(TextId::ehlo, {{"host", settings_->host_name}, {"client", hello_}});
  reply.more = extensions();
  say(std::move(reply));
}

void ServerSession::State::run_rset(std::string_view) {
  drop_transaction();
  after_last_chunk_ = false;
  say(TextId::reset);
}

void ServerSession::State::run_noop(std::string_view) {
  say(TextId::ok);
}

void ServerSession::State::run_quit(std::string_view) {
  say(TextId::closing, {{"host", settings_->host_name}});
  closing_ = true;
}

// Tells nothing about anybody [rfc5321 7.3].
void ServerSession::State::run_vrfy(std::string_view) {
  say(TextId::vrfy);
}

void ServerSession::State::run_help(std::string_view argument) {
  const bool verb = parse_command(argument).verb < Verb::expn || iequals(argument, "HELP");
  if (argument.empty() || verb) {
    const auto list = command_list(settings_->starttls && !tls_, !usable_mechanisms().empty());
    return say(TextId::help, {{"commands", list}});
  }
  auto lines = settings_->help ? settings_->help(argument) : std::vector<std::string>();
  const auto topic = printable(argument, 40);
  if (lines.empty()) return say(TextId::help_unknown, {{"topic", topic}});
  auto reply = reply::make(TextId::help_code, {{"code", topic}});
  reply.more = std::move(lines);
  say(std::move(reply));
}

}  // namespace postil::smtp
