#include "message/trace_field.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/bytes.hpp"
#include "message/date.hpp"

namespace postil::message {
namespace {

constexpr std::size_t columns_max = 78;  // [rfc5322 2.1.1]
constexpr std::size_t helo_octets_max = 255;

// Words with one space or a fold between them. A word is never cut: a quoted local part has spaces that count.
class FieldWriter {
 public:
  explicit FieldWriter(std::string_view name) : text_(fmt::format("{}:", name)), column_(text_.size()) {}

  void word(std::string_view word) {
    if (!fresh_line_ && column_ + 1 + word.size() > columns_max) fold();
    if (!fresh_line_) put(" ");
    put(word);
    fresh_line_ = false;
  }
  // What comes next stands together on a line where it can.
  void fold() {
    text_ += "\r\n\t";
    column_ = 1;
    fresh_line_ = true;
  }
  // Directly behind the last word.
  void append(std::string_view octets) { put(octets); }
  std::string finish() && { return std::move(text_) + "\r\n"; }

 private:
  void put(std::string_view octets) {
    text_ += octets;
    column_ += octets.size();
  }

  std::string text_;
  std::size_t column_;
  bool fresh_line_ = false;
};

bool is_host_octet(char c, bool utf8) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_' || (utf8 && is_8bit(c));
}

// May stand as the domain of a from or by clause as it is: a name, or an address literal.
bool is_host(std::string_view text, bool utf8) {
  if (text.empty() || text.size() > helo_octets_max || (utf8 && !is_utf8(text))) return false;
  if (text.starts_with('[')) {
    if (text.size() < 3 || !text.ends_with(']')) return false;
    text = text.substr(1, text.size() - 2);
    return std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == ':' || c == '-'; });
  }
  return std::ranges::all_of(text, [&](char c) { return is_host_octet(c, utf8); });
}

// Anything, made fit for a comment: parentheses, backslashes, quotes and all that is not printable become '?'.
std::string in_comment(std::string_view text, bool utf8) {
  std::string out = printable(text, helo_octets_max);
  for (char& c : out)
    if (c == '(' || c == ')' || c == '\\' || c == '"' || c == ' ' || (!utf8 && is_8bit(c))) c = '?';
  return out;
}

std::string literal(std::string_view ip) {
  return fmt::format("[{}{}]", ip.find(':') == std::string_view::npos ? "" : "IPv6:", ip);
}

// [rfc5321 4.4 From-domain, TCP-info]
void from_clause(const ReceivedFacts& facts, FieldWriter& field) {
  const bool good_helo = is_host(facts.helo, facts.smtputf8);
  const auto address = facts.client_ip.empty() ? std::string() : literal(in_comment(facts.client_ip, false));
  field.word("from");
  field.word(good_helo ? facts.helo : address.empty() ? "unknown" : address);
  if (!address.empty() && is_host(facts.client_name, false)) {
    field.word("(" + facts.client_name);
    field.word(address + ")");
  } else if (!address.empty()) {
    field.word("(" + address + ")");
  }
  if (!good_helo && !facts.helo.empty()) field.word("(HELO " + in_comment(facts.helo, facts.smtputf8) + ")");
}

bool safe_path(std::string_view path, bool utf8) {
  return std::ranges::none_of(path, is_control) && (utf8 ? is_utf8(path) : !has_8bit(path));
}

}  // namespace

std::string with_keyword(const ReceivedFacts& facts) {
  if (facts.local) return "";
  std::string keyword = facts.smtputf8 ? "UTF8" : "";
  if (facts.lmtp) {
    keyword += "LMTP";
  } else if (facts.smtputf8) {
    keyword += "SMTP";
  } else {
    // TLS and AUTH exist in ESMTP only [rfc3848].
    keyword += facts.esmtp || facts.tls || facts.authenticated ? "ESMTP" : "SMTP";
  }
  if (facts.tls) keyword += 'S';
  if (facts.authenticated) keyword += 'A';
  return keyword;
}

std::string received_field(const ReceivedFacts& facts) {
  FieldWriter field("Received");
  if (!facts.local) {
    from_clause(facts, field);
    field.fold();
  }
  if (facts.tls && !facts.tls_version.empty()) {
    field.word("(using " + in_comment(facts.tls_version, false));
    field.word("with cipher " + in_comment(facts.tls_cipher, false) + ")");
    field.fold();
  }
  field.word("by");
  field.word(is_host(facts.host, true) ? facts.host : in_comment(facts.host, false));
  field.word("(Postil)");
  if (const auto keyword = with_keyword(facts); !keyword.empty()) field.word("with " + keyword);
  if (!facts.id.empty()) field.word("id " + in_comment(facts.id, false));
  const bool show_recipient = !facts.single_recipient.empty() && safe_path(facts.single_recipient, facts.smtputf8);
  if (facts.priority || show_recipient) field.fold();
  const std::string_view end = facts.priority ? "" : ";";
  if (show_recipient) {
    field.word("for");
    field.word(fmt::format("<{}>{}", facts.single_recipient, end));
  } else {
    field.append(end);
  }
  if (facts.priority) {  // [rfc6710 7]
    field.word("PRIORITY");
    field.word(fmt::format("{};", *facts.priority));
  }
  field.fold();
  field.word(rfc5322_date(facts.time, facts.zone_minutes));
  return std::move(field).finish();
}

std::string return_path_field(std::string_view path) {
  std::string out = "Return-Path: <";
  for (const char c : path) out += is_control(c) ? '?' : c;
  return out + ">\r\n";
}

}  // namespace postil::message
