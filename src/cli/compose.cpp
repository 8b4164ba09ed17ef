#include "cli/compose.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "dsn/encoding.hpp"
#include "message/date.hpp"
#include "message/line_ends.hpp"

namespace postil::cli {

std::string with_crlf(std::string_view text) {
  message::LineEnds ends;
  std::string out;
  ends.feed(text, out);
  ends.finish(out);
  return out;
}

std::string_view header_of(std::string_view message_crlf) {
  const auto first = message_crlf.substr(0, message_crlf.find("\r\n"));
  const auto colon = first.find(':');
  const auto name = first.substr(0, colon);
  const bool field = colon != std::string_view::npos && !name.empty() &&
                     std::ranges::all_of(name, [](char c) { return c > 32 && c < 127; });
  if (!field) return {};
  const auto end = message_crlf.find("\r\n\r\n");
  return end == std::string_view::npos ? message_crlf : message_crlf.substr(0, end + 2);
}

bool has_field(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const auto end = std::min(header.find("\r\n"), header.size());
    const auto line = header.substr(0, end);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && iequals(trim(line.substr(0, colon)), name)) return true;
    header.remove_prefix(std::min(end + 2, header.size()));
  }
  return false;
}

MessageFacts facts_of(std::string_view message_crlf) {
  const auto header = header_of(message_crlf);
  return {has_8bit(message_crlf.substr(header.size())), has_8bit(header)};
}

std::string compose(const Letter& letter) {
  std::string given;
  for (const auto& one : letter.headers) given += with_crlf(one);
  std::string out;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!has_field(given, name)) out += dsn::field(name, value);
  };
  std::string recipients;
  for (const auto& to : letter.to) recipients += (recipients.empty() ? "" : ", ") + to;
  add("From", letter.from.empty() ? "<>" : letter.from);
  add("To", recipients);
  add("Subject", dsn::encoded_words(dsn::safe_text(letter.subject)));
  add("Date", message::rfc5322_date(letter.date));
  add("Message-ID", "<" + letter.id + ">");
  const std::string body = with_crlf(letter.body);
  if (has_8bit(body)) {
    add("MIME-Version", "1.0");
    add("Content-Type", is_utf8(body) ? "text/plain; charset=utf-8" : "application/octet-stream");
    add("Content-Transfer-Encoding", "8bit");
  }
  return out + given + "\r\n" + body;
}

}  // namespace postil::cli
