#include "smtp/envelope_commands.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "address/xtext.hpp"
#include "base/bytes.hpp"
#include "message/date.hpp"
#include "smtp/command_parser.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

// The four texts by which MAIL and RCPT refuse an argument.
struct Texts {
  TextId syntax;
  TextId needs_smtputf8;
  TextId unknown;
  TextId bad;
};
constexpr Texts mail_texts{TextId::mail_syntax, TextId::mail_needs_smtputf8, TextId::mail_param_unknown,
                           TextId::mail_param_bad};
constexpr Texts rcpt_texts{TextId::rcpt_syntax, TextId::rcpt_needs_smtputf8, TextId::rcpt_param_unknown,
                           TextId::rcpt_param_bad};

std::unexpected<reply::Reply> refuse(TextId text) {
  return std::unexpected(reply::make(text));
}
std::unexpected<reply::Reply> refuse(TextId text, std::string_view parameter) {
  return std::unexpected(reply::make(text, {{"parameter", printable(parameter, 40)}}));
}

constexpr std::size_t envid_octets_max = 100;  // [rfc3461 5.4]

// "FROM:" or "TO:" and the spaces that some clients put behind it.
std::optional<std::string_view> behind(std::string_view argument, std::string_view word) {
  if (!istarts_with(argument, word)) return std::nullopt;
  return trim(argument.substr(word.size()));
}

std::expected<address::Path, reply::Reply> read_path(std::string_view text, address::PathKind kind, bool smtputf8,
                                                     const Texts& texts) {
  auto path = address::parse_path(text, kind, smtputf8);
  if (!path) {
    return refuse(path.error() == address::PathError::needs_smtputf8 ? texts.needs_smtputf8 : texts.syntax);
  }
  const auto rest = text.substr(path->length);
  if (!rest.empty() && rest.front() != ' ') return refuse(texts.syntax);
  return std::move(*path);
}

// [rfc1870 4]: 1 to 20 digits. Numbers over 64 bits are right, and larger than any limit.
std::optional<std::uint64_t> read_size(std::string_view value) {
  if (value.empty() || value.size() > 20) return std::nullopt;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
  if (end != value.data() + value.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::numeric_limits<std::uint64_t>::max();
  if (error != std::errc()) return std::nullopt;
  return size;
}

std::optional<std::uint8_t> read_notify(std::string_view value) {
  if (iequals(value, "NEVER")) return 1;
  std::uint8_t bits = 0;
  for (const auto word : split(value, ',')) {
    if (iequals(word, "SUCCESS")) {
      bits |= 2;
    } else if (iequals(word, "FAILURE")) {
      bits |= 4;
    } else if (iequals(word, "DELAY")) {
      bits |= 8;
    } else {
      return std::nullopt;
    }
  }
  return bits;
}

// [rfc4865 4.2]: 1 to 9 digits, not 0.
bool read_hold_for(std::string_view value, Hold& hold) {
  std::uint32_t interval = 0;
  if (value.empty() || value.size() > 9 || value.front() == '0') return false;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), interval);
  if (error != std::errc() || end != value.data() + value.size()) return false;
  hold.interval = seconds(interval);
  hold.request = "for;" + std::string(value);
  return true;
}

bool read_hold_until(std::string_view value, Hold& hold) {
  const auto time = message::parse_rfc3339_utc(value);
  if (!time) return false;
  hold.until = *time;
  hold.request = "until;" + std::string(value);
  return true;
}

// [rfc2852 4] "-10;N", "120;RT"
bool read_by(std::string_view value, DeliverBy& by) {
  const auto semicolon = value.find(';');
  if (semicolon == std::string_view::npos) return false;
  auto number = value.substr(0, semicolon);
  auto mode = value.substr(semicolon + 1);
  const bool negative = number.starts_with('-');
  if (negative || number.starts_with('+')) number.remove_prefix(1);
  if (number.empty() || number.size() > 9 || !std::ranges::all_of(number, is_digit)) return false;
  std::from_chars(number.data(), number.data() + number.size(), by.seconds);
  if (negative) by.seconds = -by.seconds;
  by.trace = mode.size() == 2 && iequals(mode.substr(1), "T");
  if (by.trace) mode.remove_suffix(1);
  by.mode = iequals(mode, "R") ? DeliverBy::Mode::give_back : DeliverBy::Mode::notify;
  if (by.mode == DeliverBy::Mode::give_back) return by.seconds > 0;
  return iequals(mode, "N");
}

// [rfc6710 7]
bool read_priority(std::string_view value, std::optional<std::int8_t>& priority) {
  const bool negative = value.starts_with('-');
  if (negative) value.remove_prefix(1);
  if (value.size() != 1 || !is_digit(value[0]) || (negative && value[0] == '0')) return false;
  const int number = value[0] - '0';
  priority = static_cast<std::int8_t>(negative ? -number : number);
  return true;
}

enum class Taken : std::uint8_t { yes, bad, unknown };

Taken taken_if(bool ok) {
  return ok ? Taken::yes : Taken::bad;
}

bool take_auth(std::string_view value, std::string& auth) {
  const auto decoded = value == "<>" ? std::string("<>") : address::decode_xtext(value).value_or("");
  if (decoded.empty()) return false;
  // A name that is no mailbox tells nothing about the submitter [rfc4954 5], which is what <> says.
  auth = address::parse_address(decoded, false) ? decoded : "<>";
  return true;
}

// Those that say when the message is to leave and to arrive.
Taken take_pace_parameter(const Parameter& parameter, MailCommand& mail) {
  const auto& value = parameter.value;
  const bool hold_for = iequals(parameter.keyword, "HOLDFOR");
  if (hold_for || iequals(parameter.keyword, "HOLDUNTIL")) {
    if (!value || !mail.hold.request.empty()) return Taken::bad;  // one of them, once [rfc4865 4.2]
    return taken_if(hold_for ? read_hold_for(*value, mail.hold) : read_hold_until(*value, mail.hold));
  }
  if (iequals(parameter.keyword, "BY")) return taken_if(value && read_by(*value, mail.by));
  if (iequals(parameter.keyword, "MT-PRIORITY")) return taken_if(value && read_priority(*value, mail.priority));
  return Taken::unknown;
}

Taken take_mail_parameter(const Parameter& parameter, MailCommand& mail) {
  const auto& value = parameter.value;
  if (iequals(parameter.keyword, "SIZE")) {
    const auto size = value ? read_size(*value) : std::nullopt;
    if (size) mail.size_octets = *size;
    return taken_if(size.has_value());
  }
  if (iequals(parameter.keyword, "BODY")) {
    if (!value) return Taken::bad;
    if (iequals(*value, "8BITMIME")) mail.body = BodyType::eight_bit;
    if (iequals(*value, "BINARYMIME")) mail.body = BodyType::binary;
    return taken_if(mail.body != BodyType::seven_bit || iequals(*value, "7BIT"));
  }
  if (iequals(parameter.keyword, "SMTPUTF8")) {
    mail.smtputf8 = true;
    return taken_if(!value);
  }
  if (iequals(parameter.keyword, "REQUIRETLS")) {
    mail.requiretls = true;
    return taken_if(!value);
  }
  if (iequals(parameter.keyword, "RET")) {
    if (!value) return Taken::bad;
    mail.ret = iequals(*value, "FULL") ? Ret::full : Ret::headers;
    return taken_if(iequals(*value, "FULL") || iequals(*value, "HDRS"));
  }
  if (iequals(parameter.keyword, "ENVID")) {
    if (!value || value->size() > envid_octets_max || !address::decode_xtext(*value)) return Taken::bad;
    mail.envid = *value;
    return Taken::yes;
  }
  if (iequals(parameter.keyword, "AUTH")) return taken_if(value && take_auth(*value, mail.auth));
  return take_pace_parameter(parameter, mail);
}

Taken take_rcpt_parameter(const Parameter& parameter, RcptCommand& rcpt, bool smtputf8) {
  const auto& value = parameter.value;
  if (iequals(parameter.keyword, "NOTIFY")) {
    const auto notify = value ? read_notify(*value) : std::nullopt;
    if (notify) rcpt.notify = *notify;
    return taken_if(notify.has_value());
  }
  if (iequals(parameter.keyword, "ORCPT")) {
    if (!value || !address::parse_orcpt(*value, smtputf8)) return Taken::bad;
    rcpt.orcpt = *value;
    return Taken::yes;
  }
  return Taken::unknown;
}

// Takes each parameter once, in order; nothing when all were good.
template <class Take>
std::optional<reply::Reply> take_parameters(std::string_view text, bool esmtp, const Texts& texts, Take take) {
  const auto parameters = parse_parameters(text);
  if (!esmtp && !parameters.list.empty()) return refuse(texts.unknown, parameters.list.front().keyword).error();
  if (parameters.bad) return refuse(texts.bad, *parameters.bad).error();
  for (std::size_t i = 0; i < parameters.list.size(); ++i) {
    const auto& parameter = parameters.list[i];
    const auto taken = take(parameter);
    if (taken == Taken::unknown) return refuse(texts.unknown, parameter.keyword).error();
    bool twice = false;
    for (std::size_t j = 0; j < i; ++j) twice = twice || iequals(parameters.list[j].keyword, parameter.keyword);
    if (taken == Taken::bad || twice) return refuse(texts.bad, parameter.keyword).error();
  }
  return std::nullopt;
}

}  // namespace

std::expected<MailCommand, reply::Reply> parse_mail(std::string_view argument, bool esmtp) {
  const auto text = behind(argument, "FROM:");
  if (!text) return refuse(TextId::mail_syntax);
  // SMTPUTF8 stands behind the path that needs it.
  auto path = read_path(*text, address::PathKind::reverse, true, mail_texts);
  if (!path) return std::unexpected(std::move(path.error()));
  const auto rest = text->substr(path->length);
  const bool raw_8bit = has_8bit(text->substr(0, path->length));
  if (has_8bit(rest)) return refuse(TextId::mail_syntax);
  MailCommand mail;
  mail.sender = std::move(*path);
  auto refusal = take_parameters(rest, esmtp, mail_texts,
                                 [&](const Parameter& parameter) { return take_mail_parameter(parameter, mail); });
  if (refusal) return std::unexpected(std::move(*refusal));
  if (raw_8bit && !mail.smtputf8) return refuse(TextId::mail_needs_smtputf8);
  return mail;
}

std::expected<RcptCommand, reply::Reply> parse_rcpt(std::string_view argument, bool esmtp, bool smtputf8) {
  const auto text = behind(argument, "TO:");
  if (!text) return refuse(TextId::rcpt_syntax);
  auto path = read_path(*text, address::PathKind::forward, smtputf8, rcpt_texts);
  if (!path) return std::unexpected(std::move(path.error()));
  const auto rest = text->substr(path->length);
  if (has_8bit(rest) && !smtputf8) return refuse(TextId::rcpt_needs_smtputf8);
  RcptCommand rcpt;
  rcpt.recipient = std::move(*path);
  auto refusal = take_parameters(rest, esmtp, rcpt_texts, [&](const Parameter& parameter) {
    return take_rcpt_parameter(parameter, rcpt, smtputf8);
  });
  if (refusal) return std::unexpected(std::move(*refusal));
  return rcpt;
}

}  // namespace postil::smtp
