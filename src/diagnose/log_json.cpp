// JSON of mail servers and services: KumoMTA's log records, postqueue -j, Amazon SES, SendGrid, Mailgun, Postmark,
// SparkPost, journald. Told apart by what an object holds: a recipient and what was said.
#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

namespace json = boost::json;
using dsn::Action;

constexpr std::size_t depth_max = 8;
constexpr std::size_t found_max = 100;
constexpr std::size_t records_octets_max = 256 * 1024;
constexpr std::size_t records_max = 200;  // and what only looks like the beginning of one

std::string_view text_of(const json::value* value) {
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::string_view text_of(const json::object& object, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto text = text_of(object.if_contains(name));
    if (!text.empty()) return text;
  }
  return {};
}

std::int64_t number_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return 0;
  if (value->is_int64()) return value->get_int64();
  if (value->is_string()) {
    const auto text = std::string_view(value->get_string());
    if (text.size() == 3 && std::ranges::all_of(text, is_digit))
      return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  }
  return 0;
}

Action action_of(std::string_view type) {
  const auto lower = to_lower(type);
  if (lower.find("transient") != std::string::npos || lower.find("defer") != std::string::npos ||
      lower.find("delay") != std::string::npos || lower.find("temporary") != std::string::npos ||
      lower == "soft_bounce" || lower == "softbounce") {
    return Action::delayed;
  }
  if (lower.starts_with("deliver") || lower == "sent" || lower == "reception" || lower == "injection")
    return Action::delivered;
  return Action::failed;
}

// KumoMTA: "response": {"code": 550, "enhanced_code": {"class": 5, "subject": 1, "detail": 1}, "content": "...",
// "command": "RCPT TO:<...>"}
bool read_response(const json::object& record, Observed& out) {
  const auto* response = record.if_contains("response");
  if (response == nullptr || !response->is_object()) return false;
  const auto& object = response->get_object();
  auto& refusal = out.refusal;
  const auto content = text_of(object, {"content", "text", "message"});
  const auto code = number_of(object, "code");
  if (content.empty() && code == 0) return false;
  refusal.code = code >= 200 && code <= 599 ? static_cast<reply::Code>(code) : 0;
  std::string quoted = refusal.code != 0 ? std::to_string(refusal.code) + " " : std::string();
  if (const auto* enhanced = object.if_contains("enhanced_code"); enhanced != nullptr && enhanced->is_object()) {
    const auto& parts = enhanced->get_object();
    const auto text = std::to_string(number_of(parts, "class")) + "." + std::to_string(number_of(parts, "subject")) +
                      "." + std::to_string(number_of(parts, "detail"));
    if (const auto parsed = reply::parse_enhanced_code(text)) {
      refusal.enhanced = *parsed;
      quoted += text + " ";
    }
  }
  refusal.stage = stage_of_command(text_of(object, {"command"}));
  refusal.text = squeezed(content, refusal_octets_max);
  out.reply = quoted + refusal.text;
  return true;
}

std::string host_in(const json::object& record) {
  const auto* peer = record.if_contains("peer_address");
  if (peer != nullptr && peer->is_object()) {
    auto name = to_lower(text_of(peer->get_object(), {"name", "addr"}));
    while (name.ends_with('.')) name.pop_back();
    return name;
  }
  return to_lower(text_of(record, {"remoteMtaIp", "remote_mta", "mx-host", "mx_host", "ip"}));
}

// Amazon SES tells kinds of bounces without words: "MailboxFull", "MessageTooLarge", "ContentRejected".
std::string words_of(std::string_view kind) {
  std::string out;
  for (const char c : kind.substr(0, 64)) {
    if (c >= 'A' && c <= 'Z' && !out.empty()) out += ' ';
    out += c;
  }
  return out;
}

class JsonReader {
 public:
  LogLine out;

  void value(const json::value& at, const json::object* parent, std::size_t depth) {
    if (depth > depth_max || out.recipients.size() >= found_max) return;
    if (at.is_array()) {
      for (const auto& item : at.get_array()) value(item, parent, depth + 1);
    } else if (at.is_object()) {
      object(at.get_object(), parent, depth);
    }
  }

 private:
  void object(const json::object& at, const json::object* parent, std::size_t depth) {
    name_program(at);
    if (out.mta == "kumomta" && is_housekeeping(text_of(at.if_contains("type")))) return;
    if (recipient(at, parent)) return;
    auto inner = line_in(at);
    if (inner.known) {
      out = std::move(inner);
      return;
    }
    for (const auto& item : at) value(item.value(), &at, depth + 1);
  }

  // KumoMTA writes of a message that nobody has refused, and of complaints.
  static bool is_housekeeping(std::string_view type) {
    static constexpr std::string_view types[] = {
        "Reception", "Feedback", "Delayed", "AdminRebind", "DeferredInjectionRebind", "XferOut", "XferIn"};
    return std::ranges::find(types, type) != std::end(types);
  }

  // journald, Docker, and those who collect logs wrap a line, SNS the notification; Haraka has a field for each part.
  static LogLine line_in(const json::object& at) {
    const auto text = text_of(at, {"MESSAGE", "Message", "message", "log", "line", "msg"});
    if (text.empty()) return {};
    if (text.starts_with('{')) return read_json(text).value_or(LogLine{});
    if (at.contains("origin") && at.contains("uuid")) {
      auto line = "[" + std::string(text_of(at, {"uuid"})) + "] [" + std::string(text_of(at, {"origin"})) + "] " +
                  std::string(text);
      for (const auto name : {"code", "msg", "host", "response"}) {
        if (at.contains(name)) line += " " + std::string(name) + "=\"" + std::string(text_of(at, {name})) + "\"";
      }
      return read_haraka(line).value_or(LogLine{});
    }
    auto program = text_of(at, {"SYSLOG_IDENTIFIER", "program", "ident", "appname", "app_name", "tag"});
    if (const auto* process = at.if_contains("process"); process != nullptr && process->is_object())
      program = text_of(process->get_object(), {"name"});
    return read_logged(program, text.substr(0, text.find('\n')));
  }

  void name_program(const json::object& at) {
    if (!out.mta.empty()) return;
    if (at.contains("queue_name") && at.contains("queue_id")) out.mta = "postfix";
    if (at.contains("reception_protocol") || at.contains("egress_pool") ||
        (at.contains("num_attempts") && at.contains("site")))
      out.mta = "kumomta";
    if (at.contains("bouncedRecipients") || at.contains("notificationType") || at.contains("eventType"))
      out.mta = "amazonses";
    if (at.contains("sg_message_id") || at.contains("sg_event_id")) out.mta = "sendgrid";
    if (at.contains("delivery-status") || at.contains("log-level")) out.mta = "mailgun";
    if (at.contains("MessageStream") || at.contains("TypeCode")) out.mta = "postmark";
  }

  // The words about a recipient. Mailgun's "reason" is a kind ("generic"): its words, and the code, stand deeper.
  static std::string_view said_in(const json::object& at, Refusal& refusal) {
    if (const auto* status = at.if_contains("delivery-status"); status != nullptr && status->is_object()) {
      const auto code = number_of(status->get_object(), "code");
      if (code >= 200 && code <= 599) refusal.code = static_cast<reply::Code>(code);
      const auto words = text_of(status->get_object(), {"message", "description"});
      if (!words.empty()) return words;
    }
    return text_of(at,
                   {"diagnosticCode", "delay_reason", "bounce_reason", "raw_reason", "diag", "bounce_text", "reason",
                    "smtp_reply", "response", "Details", "error", "description", "Description", "message", "Subject"});
  }

  // An object about one recipient.
  bool recipient(const json::object& at, const json::object* parent) {
    auto address =
        text_of(at, {"recipient", "emailAddress", "email", "Email", "address", "rcpt_to", "rcpt", "to", "Recipient"});
    if (const auto* list = at.if_contains("recipient");
        address.empty() && list != nullptr && list->is_array() && !list->get_array().empty()) {
      address = text_of(&list->get_array().front());
    }
    if (address.find('@') == std::string_view::npos) return false;
    Observed found;
    auto& refusal = found.refusal;
    const auto type = text_of(at, {"type", "event", "Type", "action", "status_code", "severity"});
    const bool answered = read_response(at, found);
    if (!answered) {
      auto words = said_in(at, refusal);
      const bool bounced = parent != nullptr && parent->contains("bounceType");
      if (words.empty() && !bounced && (type.empty() || action_of(type) == Action::failed)) return false;
      const auto code = refusal.code;
      const auto kind = words.empty() && bounced ? words_of(text_of(*parent, {"bounceSubType"})) : std::string();
      if (words.empty()) words = kind;
      fill_from_quote(found, words.substr(words.starts_with("smtp;") ? 5 : 0));
      if (refusal.code == 0) refusal.code = code;
      refusal.more = squeezed(text_of(at, {"comment"}), refusal_octets_max);
    }
    if (!refusal.enhanced) {
      if (const auto status = reply::parse_enhanced_code(text_of(at, {"status", "Status"}))) refusal.enhanced = *status;
    }
    refusal.address = std::string(in_brackets(trim(address)));
    if (refusal.host.empty()) refusal.host = host_in(at);
    const auto kind = !type.empty()       ? type
                      : parent != nullptr ? text_of(*parent, {"bounceType", "type", "event"})
                                          : std::string_view();
    found.action = at.contains("delay_reason") ? Action::delayed : action_of(kind);
    if (type == "failed" || type == "bounce") {
      found.action = text_of(at, {"severity"}) == "temporary" ? Action::delayed : Action::failed;
    }
    refusal.delayed = found.action == Action::delayed;
    if (answered && refusal.code != 0 && !refusal.host.empty()) refusal.side = Side::remote;
    // The host is the client, whom we have refused.
    if (type == "Rejection" && out.mta == "kumomta") {
      refusal.side = Side::local;
      refusal.host.clear();
      set_temporary(found);
    }
    out.recipients.push_back(std::move(found));
    out.known = true;
    return true;
  }
};

}  // namespace

namespace {

// octets: how many of the text's the value took.
std::optional<LogLine> read_one(std::string_view text, std::size_t& octets) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 16;
  options.allow_invalid_utf8 = true;
  json::stream_parser parser({}, options);
  // Behind the object may stand something else: a mail's footer.
  octets = parser.write_some(text.data(), text.size(), error);
  if (error || !parser.done()) return std::nullopt;
  JsonReader reader;
  reader.value(parser.release(), nullptr, 0);
  if (!reader.out.known && reader.out.mta.empty()) return std::nullopt;
  reader.out.known = true;
  return std::move(reader.out);
}

}  // namespace

std::optional<LogLine> read_json(std::string_view text) {
  std::size_t octets = 0;
  return read_one(text, octets);
}

std::optional<LogLine> read_json_records(std::string_view text) {
  text = text.substr(0, records_octets_max);
  LogLine all;
  std::size_t at = 0;
  for (std::size_t tries = 0; tries < records_max && all.recipients.size() < found_max; ++tries) {
    at = text.find_first_of("{[", at);
    if (at == std::string_view::npos) break;
    std::size_t octets = 0;
    auto found = read_one(text.substr(at), octets);
    if (!found) {
      // Not the beginning of a record: a process id, "[INFO]".
      ++at;
      continue;
    }
    at += std::max<std::size_t>(octets, 1);
    all.known = true;
    if (all.mta.empty()) all.mta = std::move(found->mta);
    std::ranges::move(found->recipients, std::back_inserter(all.recipients));
  }
  if (!all.known) return std::nullopt;
  return all;
}

}  // namespace postil::diagnose
