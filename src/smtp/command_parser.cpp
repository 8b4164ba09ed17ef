#include "smtp/command_parser.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace postil::smtp {
namespace {

struct Name {
  std::string_view text;
  Verb verb;
};
constexpr Name names[] = {
    {"EHLO", Verb::ehlo},     {"HELO", Verb::helo},         {"MAIL", Verb::mail},     {"RCPT", Verb::rcpt},
    {"DATA", Verb::data},     {"BDAT", Verb::bdat},         {"RSET", Verb::rset},     {"NOOP", Verb::noop},
    {"QUIT", Verb::quit},     {"VRFY", Verb::vrfy},         {"EXPN", Verb::expn},     {"HELP", Verb::help},
    {"AUTH", Verb::auth},     {"STARTTLS", Verb::starttls}, {"TURN", Verb::obsolete}, {"ETRN", Verb::obsolete},
    {"ATRN", Verb::obsolete}, {"SEND", Verb::obsolete},     {"SOML", Verb::obsolete}, {"SAML", Verb::obsolete},
    {"BURL", Verb::obsolete}, {"XCLIENT", Verb::xclient},
};

// Where RFC 6531 allows UTF-8, or where the parser's own refusal says more.
bool may_hold_8bit(Verb verb) {
  switch (verb) {
    case Verb::mail:
    case Verb::rcpt:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::ehlo:
    case Verb::helo:
      return true;
    default:
      return false;
  }
}

bool is_keyword(std::string_view text) {
  if (text.empty() || !is_alnum(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_value(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) { return c == '='; });
}

}  // namespace

Command parse_command(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  Command command;
  const auto space = line.find(' ');
  command.name = line.substr(0, space);
  if (space != std::string_view::npos) command.argument = trim(line.substr(space));
  for (const auto& name : names) {
    if (iequals(name.text, command.name)) command.verb = name.verb;
  }
  return command;
}

std::optional<reply::TextId> line_fault(std::string_view line, const Command& command) {
  if (line.find_first_of("\r\n") != std::string_view::npos) return reply::TextId::bare_line_end;
  // Tabs at the end are white space; anywhere else they are control characters.
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  if (std::ranges::any_of(line, is_control)) return reply::TextId::line_not_ascii;
  if (has_8bit(line) && !may_hold_8bit(command.verb)) return reply::TextId::line_not_ascii;
  return std::nullopt;
}

bool looks_like_http(std::string_view line) {
  constexpr std::array methods{"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "PRI"};
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return false;
  return std::ranges::find(methods, line.substr(0, space)) != methods.end();
}

Parameters parse_parameters(std::string_view text) {
  Parameters parameters;
  for (const auto part : split(text, ' ')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    Parameter parameter{part.substr(0, equals), std::nullopt};
    if (equals != std::string_view::npos) parameter.value = part.substr(equals + 1);
    if (!is_keyword(parameter.keyword) || (parameter.value && !is_value(*parameter.value))) {
      if (!parameters.bad) parameters.bad = is_keyword(parameter.keyword) ? parameter.keyword : part;
      continue;
    }
    parameters.list.push_back(parameter);
  }
  return parameters;
}

}  // namespace postil::smtp
