// The keys of an entry of [[expect]].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

constexpr std::string_view job_choices = "submission relay null";

Wrong wants(std::string_view what) {
  return {fmt::format("config.wants.{}", what), {}};
}

// It becomes a line of a dialogue.
bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

template <class Get>
std::function<std::string(const Config&)> shown(Get get) {
  return [get](const Config& config) {
    std::vector<std::string> all;
    for (const auto& entry : config.expectations) all.push_back(get(entry));
    return fmt::format("[{}]", fmt::join(all, ", "));
  };
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> all;
  for (const auto& text : texts) all.push_back(quoted(text));
  return fmt::format("[{}]", fmt::join(all, ", "));
}

std::optional<Wrong> set_from_ip(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const auto ip = given ? address::Ip::parse(*given) : std::nullopt;
  if (!ip) return Wrong{"config.wants.address_only", {{"value", given ? *given : ""}}};
  entry.from_ip = ip->text();
  return {};
}

std::optional<Wrong> set_helo(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const bool good = given && !given->empty() && std::ranges::all_of(*given, [](char c) { return c > ' ' && c < 0x7f; });
  if (!good) return wants("text");
  entry.helo = *given;
  return {};
}

std::optional<Wrong> set_auth(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || given->empty()) return wants("text");
  entry.auth = *given;
  return {};
}

// With or without angle brackets.
std::string bare(std::string_view path) {
  if (path.size() >= 2 && path.starts_with('<') && path.ends_with('>')) path = path.substr(1, path.size() - 2);
  return std::string(path);
}

std::optional<Wrong> set_mail_from(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || has_control(*given)) return wants("text");
  entry.mail_from = bare(*given);
  return {};
}

std::optional<Wrong> set_rcpt(Expect& entry, const Value& value) {
  std::vector<std::string> given;
  if (const auto* one = std::get_if<std::string>(&value)) given = {*one};
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) given = *list;
  if (given.empty() || std::ranges::any_of(given, [](const auto& path) { return path.empty() || has_control(path); })) {
    return wants("texts");
  }
  for (const auto& path : given) entry.rcpt.push_back(bare(path));
  return {};
}

std::optional<Wrong> set_tls(Expect& entry, const Value& value) {
  const auto* given = std::get_if<bool>(&value);
  if (!given) return wants("yes_no");
  entry.tls = *given;
  return {};
}

std::optional<Wrong> set_job(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const auto all = split(job_choices, ' ');
  if (!given || std::ranges::find(all, std::string_view(*given)) == all.end()) {
    return Wrong{"config.wants.choice", {{"choices", fmt::format("{}", fmt::join(all, ", "))}}};
  }
  entry.job = *given;
  return {};
}

std::optional<Wrong> set_port(Expect& entry, const Value& value) {
  const auto* given = std::get_if<std::int64_t>(&value);
  if (!given || *given < 1 || *given > 65535) return Wrong{"config.wants.number", {{"low", "1"}, {"high", "65535"}}};
  entry.port = static_cast<std::uint16_t>(*given);
  return {};
}

std::optional<Wrong> set_reply(Expect& entry, const Value& value) {
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

const std::vector<ExpectRow>& expect_rows() {
  static const std::vector<ExpectRow> all = {
      {{"expect.job", "choice", "", job_choices, shown([](const Expect& e) { return quoted(e.job); })}, false, set_job},
      {{"expect.port", "number", "", "",
        shown([](const Expect& e) { return e.port == 0 ? quoted("") : fmt::to_string(e.port); })},
       false,
       set_port},
      {{"expect.tls", "yes or no", "", "", shown([](const Expect& e) -> std::string {
          return !e.tls ? "\"\"" : *e.tls ? "true" : "false";
        })},
       false,
       set_tls},
      {{"expect.from_ip", "text", "", "", shown([](const Expect& e) { return quoted(e.from_ip); })},
       false,
       set_from_ip},
      {{"expect.helo", "text", "", "", shown([](const Expect& e) { return quoted(e.helo); })}, false, set_helo},
      {{"expect.auth", "text", "", "", shown([](const Expect& e) { return quoted(e.auth); })}, false, set_auth},
      {{"expect.mail_from", "text", "", "",
        shown([](const Expect& e) { return quoted(e.mail_from == "" ? "<>" : e.mail_from.value_or("")); })},
       false,
       set_mail_from},
      {{"expect.rcpt", "list of texts", "", "", shown([](const Expect& e) { return quoted_list(e.rcpt); })},
       false,
       set_rcpt},
      {{"expect.reply", "text", "", "", shown([](const Expect& e) { return quoted(e.reply); })}, true, set_reply},
  };
  return all;
}

}  // namespace postil::config
