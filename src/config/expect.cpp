// The keys of an entry of [[expect]].
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

constexpr std::string_view job_choices = "submission relay null";

template <class Get>
std::function<std::string(const Config&)> shown(Get get) {
  return shown_of(&Config::expectations, get);
}

Wrongs set_helo(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const bool good = given && !given->empty() && std::ranges::all_of(*given, [](char c) { return c > ' ' && c < 0x7f; });
  if (!good) return wants("text");
  entry.helo = *given;
  return {};
}

// With or without angle brackets.
std::string bare(std::string_view path) {
  if (path.size() >= 2 && path.starts_with('<') && path.ends_with('>')) path = path.substr(1, path.size() - 2);
  return std::string(path);
}

Wrongs set_mail_from(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || has_control(*given)) return wants("text");
  entry.mail_from = bare(*given);
  return {};
}

// It becomes a line of a dialogue, so that anything of one line will do.
std::optional<std::string> line_of(std::string_view path) {
  if (path.empty() || has_control(path)) return {};
  return bare(path);
}

Wrongs set_rcpt(Expect& entry, const Value& value) {
  const auto given = strings(value);
  if (!given || given->empty()) return wants("texts");
  return set_items(entry.rcpt, *given, "item", line_of);
}

Wrongs set_tls(Expect& entry, const Value& value) {
  bool given = false;
  auto wrong = set_yes_no(given, value);
  if (wrong.empty()) entry.tls = given;
  return wrong;
}

Wrongs set_port(Expect& entry, const Value& value) {
  const auto given = whole_number(value, 1, 65535);
  if (!given) return wants_number(1, 65535);
  entry.port = static_cast<std::uint16_t>(*given);
  return {};
}

Wrongs set_reply(Expect& entry, const Value& value) {
  std::string text;
  if (const auto* given = std::get_if<std::string>(&value)) text = *given;
  if (const auto* given = std::get_if<std::int64_t>(&value)) text = fmt::to_string(*given);
  if (!parse_expected_reply(text)) return wants("reply");
  entry.reply = text;
  return {};
}

}  // namespace

std::optional<ExpectedReply> parse_expected_reply(std::string_view text) {
  const auto words = split(text, ' ');
  if (words.empty() || words.size() > 2) return {};
  const auto code = words[0];
  if (code.size() != 3 || !std::ranges::all_of(code, is_digit) || code[0] < '2' || code[0] > '5') return {};
  ExpectedReply out;
  std::from_chars(code.data(), code.data() + code.size(), out.code);
  if (words.size() == 1) return out;
  const auto parts = split(words[1], '.');
  const auto number = [](std::string_view part) {
    return !part.empty() && part.size() <= 3 && std::ranges::all_of(part, is_digit);
  };
  if (parts.size() != 3 || !std::ranges::all_of(parts, number)) return {};
  out.status = std::string(words[1]);
  return out;
}

const std::vector<RowOf<Expect>>& expect_rows() {
  static const std::vector<RowOf<Expect>> all = {
      {{"expect.job", "choice", "", job_choices, shown([](const Expect& e) { return quoted(e.job); })},
       [](Expect& e, const Value& value) { return set_choice(e.job, value, job_choices); }},
      {{"expect.port", "number", "", "",
        shown([](const Expect& e) { return e.port == 0 ? quoted("") : fmt::to_string(e.port); })},
       set_port},
      {{"expect.tls", "yes or no", "", "", shown([](const Expect& e) -> std::string {
          return !e.tls ? "\"\"" : *e.tls ? "true" : "false";
        })},
       set_tls},
      {{"expect.from_ip", "text", "", "", shown([](const Expect& e) { return quoted(e.from_ip); })},
       [](Expect& e, const Value& value) { return set_ip(e.from_ip, value, Family::any); }},
      {{"expect.helo", "text", "", "", shown([](const Expect& e) { return quoted(e.helo); })}, set_helo},
      {{"expect.auth", "text", "", "", shown([](const Expect& e) { return quoted(e.auth); })},
       [](Expect& e, const Value& value) { return set_line(e.auth, value); }},
      {{"expect.mail_from", "text", "", "",
        shown([](const Expect& e) { return quoted(e.mail_from == "" ? "<>" : e.mail_from.value_or("")); })},
       set_mail_from},
      {{"expect.rcpt", "list of texts", "", "", shown([](const Expect& e) { return quoted_list(e.rcpt); })}, set_rcpt},
      {{"expect.reply", "text", "", "", shown([](const Expect& e) { return quoted(e.reply); })}, set_reply, true},
  };
  return all;
}

}  // namespace postil::config
