#include "knowledge/codes.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/embedded.hpp"

namespace postil {
std::span<const EmbeddedFile> knowledge_files();
}

namespace postil::knowledge {
namespace {

constexpr Stage stages[] = {Stage::connect, Stage::ehlo, Stage::starttls, Stage::auth, Stage::mail,
                            Stage::rcpt,    Stage::data, Stage::message,  Stage::vrfy, Stage::help,
                            Stage::etrn,    Stage::quit, Stage::any};

// The data are part of the program: what is wrong in them is a fault of the program.
[[noreturn]] void bad(std::string_view where, std::string_view what) {
  throw std::logic_error(fmt::format("data/{}: {}", where, what));
}

template <class Use>
void each_table(std::string_view folder, Use use) {
  for (const auto& file : knowledge_files()) {
    if (!file.name.starts_with(folder)) continue;
    const toml::table root = toml::parse(file.content, file.name);
    for (const auto& [key, value] : root) {
      if (!value.is_table()) bad(file.name, key.str());
      use(std::string_view(key.str()), *value.as_table());
    }
  }
}

std::vector<std::string> strings(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  const auto* array = table[key].as_array();
  if (array == nullptr) return out;
  for (const auto& item : *array) {
    const auto text = item.value<std::string>();
    if (!text) bad(key, "not a string");
    out.push_back(*text);
  }
  return out;
}

unsigned number(std::string_view text) {
  unsigned value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) bad(text, "not a number");
  return value;
}

std::vector<Code> codes_of(const toml::table& table, std::string_view key) {
  std::vector<Code> out;
  for (const auto& text : strings(table, key)) out.push_back(static_cast<Code>(number(text)));
  return out;
}

std::vector<Definition> definitions_of(const toml::table& table) {
  std::vector<Definition> out;
  for (const auto& text : strings(table, "defined")) {
    const auto space = text.find(' ');
    out.push_back({text.substr(0, space), space == std::string::npos ? std::string() : text.substr(space + 1)});
  }
  return out;
}

std::optional<Reason> reason_of(const toml::table& table, std::string_view key) {
  const auto name = table[key].value<std::string_view>();
  if (!name) return std::nullopt;
  const auto* found = find_reason(*name);
  if (found == nullptr) bad(*name, "no such reason");
  return found->reason;
}

Retry retry_of(std::string_view name) {
  for (Retry retry : {Retry::none, Retry::no, Retry::later, Retry::after_change}) {
    if (to_string(retry) == name) return retry;
  }
  bad(name, "no such retry");
}

BasicCode read_code(std::string_view key, const toml::table& table) {
  BasicCode out;
  out.code = static_cast<Code>(number(key));
  for (const auto& name : strings(table, "stages")) {
    const auto stage = find_stage(name);
    if (!stage) bad(key, name);
    out.stages.push_back(*stage);
  }
  out.retry = retry_of(table["retry"].value_or(std::string_view()));
  for (const auto& text : strings(table, "enhanced")) {
    const auto enhanced = reply::parse_enhanced_code(text);
    if (!enhanced) bad(key, text);
    out.enhanced.push_back(*enhanced);
  }
  out.defined = definitions_of(table);
  out.confused = codes_of(table, "confused");
  out.reason = reason_of(table, "reason");
  out.ambiguous = table["ambiguous"].value_or(false);
  out.transcript = strings(table, "transcript");
  return out;
}

Status read_status(std::string_view key, const toml::table& table) {
  Status out;
  const auto parts = split(key, '.');
  if (parts.size() != 3 || parts[0] != "x") bad(key, "not of the form x.1.1");
  out.subject = static_cast<std::uint16_t>(number(parts[1]));
  out.detail = static_cast<std::uint16_t>(number(parts[2]));
  out.registry = table["registry"].value_or(std::string());
  out.basic = codes_of(table, "basic");
  out.defined = definitions_of(table);
  out.reason = reason_of(table, "reason");
  out.reason_temporary = reason_of(table, "reason_temporary");
  out.ambiguous = table["ambiguous"].value_or(false);
  out.success = table["success"].value_or(false);
  return out;
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::connect:
      return "connect";
    case Stage::ehlo:
      return "ehlo";
    case Stage::starttls:
      return "starttls";
    case Stage::auth:
      return "auth";
    case Stage::mail:
      return "mail";
    case Stage::rcpt:
      return "rcpt";
    case Stage::data:
      return "data";
    case Stage::message:
      return "message";
    case Stage::vrfy:
      return "vrfy";
    case Stage::help:
      return "help";
    case Stage::etrn:
      return "etrn";
    case Stage::quit:
      return "quit";
    case Stage::any:
      return "any";
  }
  return "any";
}

std::optional<Stage> find_stage(std::string_view key) {
  for (Stage stage : stages) {
    if (to_string(stage) == key) return stage;
  }
  return std::nullopt;
}

std::string_view to_string(Retry retry) {
  switch (retry) {
    case Retry::none:
      return "none";
    case Retry::no:
      return "no";
    case Retry::later:
      return "later";
    case Retry::after_change:
      return "after_change";
  }
  return "none";
}

std::span<const BasicCode> basic_codes() {
  static const std::vector<BasicCode> all = [] {
    std::vector<BasicCode> out;
    each_table("codes/", [&](std::string_view key, const toml::table& table) { out.push_back(read_code(key, table)); });
    std::ranges::sort(out, {}, &BasicCode::code);
    return out;
  }();
  return all;
}

const BasicCode* find_code(Code code) {
  const auto all = basic_codes();
  const auto at = std::ranges::lower_bound(all, code, {}, &BasicCode::code);
  return at == all.end() || at->code != code ? nullptr : &*at;
}

std::string Status::key() const {
  return fmt::format("status.x.{}.{}", subject, detail);
}

std::span<const Status> statuses() {
  static const std::vector<Status> all = [] {
    std::vector<Status> out;
    each_table("status/",
               [&](std::string_view key, const toml::table& table) { out.push_back(read_status(key, table)); });
    std::ranges::sort(out, {}, [](const Status& s) { return std::pair(s.subject, s.detail); });
    return out;
  }();
  return all;
}

const Status* find_status(std::uint16_t subject, std::uint16_t detail) {
  for (const auto& status : statuses()) {
    if (status.subject == subject && status.detail == detail) return &status;
  }
  return nullptr;
}

const ReplyFact* fact_of(reply::TextId text) {
  static const std::map<reply::TextId, ReplyFact> all = [] {
    std::map<reply::TextId, ReplyFact> out;
    const auto read = [&](std::string_view key, const toml::table& table) {
      const auto* entry = reply::find_entry(key);
      const auto* role = find_role(table["act"].value_or(std::string_view()));
      const auto reason = reason_of(table, "reason");
      if (entry == nullptr || role == nullptr || !reason) bad("replies", key);
      out[entry->id] = {*role, *reason};
    };
    each_table("replies/", read);
    return out;
  }();
  const auto at = all.find(text);
  return at == all.end() ? nullptr : &at->second;
}

std::string ReviewedPair::key() const {
  return fmt::format("compare.pair.{}_{}", a, b);
}

std::span<const ReviewedPair> reviewed_pairs() {
  static const std::vector<ReviewedPair> all = [] {
    std::vector<ReviewedPair> out;
    const auto read = [&](std::string_view key, const toml::table& table) {
      const auto parts = split(key, '_');
      if (parts.size() != 2) bad("compare", key);
      ReviewedPair pair;
      pair.a = static_cast<Code>(number(parts[0]));
      pair.b = static_cast<Code>(number(parts[1]));
      pair.one_session = table["one_session"].value_or(false);
      pair.one_delivery = table["one_delivery"].value_or(false);
      pair.transcript = strings(table, "transcript");
      if (pair.a >= pair.b) bad("compare", key);
      out.push_back(std::move(pair));
    };
    each_table("compare/", read);
    return out;
  }();
  return all;
}

const ReviewedPair* find_pair(Code one, Code other) {
  const auto [low, high] = std::minmax(one, other);
  for (const auto& pair : reviewed_pairs()) {
    if (pair.a == low && pair.b == high) return &pair;
  }
  return nullptr;
}

}  // namespace postil::knowledge
