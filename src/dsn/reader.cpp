#include "dsn/reader.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::dsn {
namespace {

constexpr std::size_t field_octets_max = 16 * 1024;

std::string_view without_type(std::string_view field, std::string* type = nullptr) {
  const auto semicolon = field.find(';');
  if (semicolon == std::string_view::npos || semicolon > 40) return trim(field);
  const auto word = trim(field.substr(0, semicolon));
  const bool token =
      !word.empty() && std::ranges::all_of(word, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
  if (!token) return trim(field);
  if (type != nullptr) *type = to_lower(word);
  return trim(field.substr(semicolon + 1));
}

// "mx.example.net (192.0.2.1)", "[192.0.2.1]"
std::string host_of(std::string_view field) {
  auto name = without_type(field);
  name = name.substr(0, name.find_first_of(" \t("));
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  while (name.ends_with('.')) name.remove_suffix(1);
  return std::string(name.substr(0, 255));
}

void set_status(StatusRecipient& out, std::string_view value) {
  value = trim(value);
  const auto end = value.find_first_of(" \t(;");
  if (const auto code = reply::parse_enhanced_code(value.substr(0, end))) out.status = *code;
  const auto open = value.find('(');
  if (open != std::string_view::npos) {
    const auto close = value.rfind(')');
    out.status_comment =
        std::string(trim(value.substr(open + 1, close > open ? close - open - 1 : std::string_view::npos)));
  }
}

struct Field {
  std::string_view name;
  std::string value;
};

class Reader {
 public:
  explicit Reader(std::size_t recipients_max) : recipients_max_(recipients_max) {}

  void field(const Field& field) {
    const auto name = to_lower(field.name);
    const std::string_view value = field.value;
    if (name == "reporting-mta") {
      report_.reporting_mta = host_of(value);
    } else if (name == "final-recipient") {
      if (has_final_) finish();
      has_final_ = begun_ = true;
      current_.address = bare_address(value);
      routed_ = without_type(value).starts_with('@');
    } else if (name == "original-recipient") {
      if (!current_.original.empty()) finish();
      begun_ = true;
      current_.original = bare_address(value);
    } else if (name == "x-actual-recipient") {
      actual_ = bare_address(value);
    } else if (name == "action") {
      if (current_.action != Action::none) finish();
      begun_ = true;
      current_.action = find_action(value);
    } else if (name == "status") {
      set_status(current_, value);
      begun_ = true;
    } else if (name == "remote-mta") {
      current_.remote_mta = host_of(value);
    } else if (name == "x-postil-reason") {
      current_.reason = to_lower(trim(value));
    } else if (name == "diagnostic-code") {
      begun_ = true;
      current_.diagnostic = std::string(without_type(value, &current_.diagnostic_type));
    }
  }

  // A group ends with an empty line. Some programs put one between the fields of a group: what names no recipient is
  // kept for the group that does.
  void empty_line() {
    if (!address().empty()) finish();
  }

  StatusReport result() {
    if (begun_ && !address().empty()) finish();
    // A report about one recipient whom it does not name: its human part may.
    if (report_.recipients.empty() && begun_ && (current_.status || !current_.diagnostic.empty())) {
      report_.recipients.push_back(std::move(current_));
    }
    return std::move(report_);
  }

 private:
  const std::string& address() const {
    return !current_.address.empty() ? current_.address : !current_.original.empty() ? current_.original : actual_;
  }

  void finish() {
    // What lies behind a source route is a name of the inside: "@store.example.lmtp:35065@daemon".
    if (routed_ && !current_.original.empty()) current_.address.clear();
    if (current_.address.empty()) current_.address = address();
    if (!current_.address.empty() && report_.recipients.size() < recipients_max_) {
      report_.recipients.push_back(std::move(current_));
    }
    current_ = {};
    actual_.clear();
    has_final_ = begun_ = routed_ = false;
  }

  std::size_t recipients_max_;
  StatusReport report_;
  StatusRecipient current_;
  std::string actual_;
  bool has_final_ = false;
  bool begun_ = false;
  bool routed_ = false;
};

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 60 &&
         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

}  // namespace

std::string_view to_string(Action action) {
  switch (action) {
    case Action::none:
      return "none";
    case Action::failed:
      return "failed";
    case Action::delayed:
      return "delayed";
    case Action::delivered:
      return "delivered";
    case Action::relayed:
      return "relayed";
    case Action::expanded:
      return "expanded";
  }
  return "none";
}

Action find_action(std::string_view word) {
  word = trim(word);
  word = word.substr(0, word.find_first_of(" \t(;,"));
  for (const auto action : {Action::failed, Action::delayed, Action::delivered, Action::relayed, Action::expanded}) {
    if (iequals(word, to_string(action))) return action;
  }
  if (iequals(word, "expired") || iequals(word, "failure") || iequals(word, "bounced")) return Action::failed;
  if (iequals(word, "deferred")) return Action::delayed;
  return Action::none;
}

std::string bare_address(std::string_view field) {
  auto address = without_type(field);
  const auto open = address.find('<');
  if (open != std::string_view::npos) {
    const auto close = address.find('>', open);
    address = address.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
  }
  address = trim(address);
  // A source route "@relay,@other:user@host" was once the way to the mailbox. [rfc5321 C.]
  if (address.starts_with('@')) {
    const auto colon = address.find(':');
    if (colon != std::string_view::npos) address = address.substr(colon + 1);
  }
  const auto end = address.find_first_of(" \t(");
  if (end != std::string_view::npos && !address.starts_with('"')) address = address.substr(0, end);
  return std::string(address.substr(0, 512));
}

StatusReport read_delivery_status(std::string_view text, std::size_t recipients_max) {
  Reader reader(recipients_max);
  Field last;
  const auto flush = [&] {
    if (!last.name.empty()) reader.field(last);
    last = {};
  };
  for (const auto line : split(text, '\n')) {
    if (trim(line).empty()) {
      flush();
      reader.empty_line();
    } else if (line[0] == ' ' || line[0] == '\t') {
      if (!last.name.empty() && last.value.size() < field_octets_max) last.value.append(" ").append(trim(line));
    } else {
      const auto colon = line.find(':');
      const auto name = trim(line.substr(0, colon));
      const bool field = colon != std::string_view::npos && is_field_name(name);
      // Lines of a reply whose fold was lost on the way.
      if (!field && iequals(last.name, "diagnostic-code") && !line.starts_with("--")) {
        if (last.value.size() < field_octets_max) last.value.append(" ").append(trim(line));
        continue;
      }
      flush();
      if (!field) continue;
      last = {name, std::string(trim(line.substr(colon + 1)).substr(0, field_octets_max))};
    }
  }
  flush();
  return reader.result();
}

}  // namespace postil::dsn
