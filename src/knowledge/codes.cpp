#include "knowledge/codes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/bytes.hpp"
#include "knowledge/tables.hpp"

namespace postil::knowledge {
namespace {

constexpr Stage stages[] = {Stage::connect, Stage::ehlo, Stage::starttls, Stage::auth, Stage::mail,
                            Stage::rcpt,    Stage::data, Stage::message,  Stage::vrfy, Stage::help,
                            Stage::etrn,    Stage::quit, Stage::any};

constexpr Persistence persistences[] = {Persistence::permanent, Persistence::transient, Persistence::conditional};
constexpr Emitter emitters[] = {Emitter::submission, Emitter::relay, Emitter::destination, Emitter::sending};
constexpr Standing standings[] = {Standing::rfc, Standing::registry, Standing::field};
constexpr Retry retries[] = {Retry::none, Retry::no, Retry::later, Retry::after_change};

std::vector<Stage> stages_of(std::string_view where, const toml::table& table) {
  std::vector<Stage> out;
  for (const auto& name : strings(table, "stages")) out.push_back(word_of(where, name, stages));
  return out;
}

std::vector<Emitter> emitters_of(std::string_view where, const toml::table& table) {
  std::vector<Emitter> out;
  for (const auto& name : strings(table, "emitters")) out.push_back(word_of(where, name, emitters));
  return out;
}

std::optional<Persistence> persistence_in(std::string_view where, const toml::table& table,
                                          std::string_view key = "persistence") {
  const auto name = table[key].value<std::string_view>();
  if (!name) return std::nullopt;
  return word_of(where, *name, persistences);
}

BasicCode read_code(std::string_view key, const toml::table& table) {
  BasicCode out;
  out.code = static_cast<Code>(number(key));
  out.standing = word_of(key, table["standing"].value_or(std::string_view("rfc")), standings);
  out.stages = stages_of(key, table);
  out.emitters = emitters_of(key, table);
  out.retry = word_of(key, table["retry"].value_or(std::string_view()), retries);
  out.persistence = persistence_in(key, table);
  for (const auto& text : strings(table, "enhanced")) {
    const auto enhanced = reply::parse_enhanced_code(text);
    if (!enhanced) bad_data(key, text);
    out.enhanced.push_back(*enhanced);
  }
  out.defined = definitions_of(table);
  out.confused = codes_of(table, "confused");
  out.related = strings(table, "related");
  out.live_checks = strings(table, "checks");
  out.reason = reason_of(table, "reason");
  out.ambiguous = table["ambiguous"].value_or(false);
  out.transcript = strings(table, "transcript");
  return out;
}

Status read_status(std::string_view key, const toml::table& table) {
  Status out;
  const auto parts = split(key, '.');
  if (parts.size() != 3 || parts[0] != "x") bad_data(key, "not of the form x.1.1");
  out.subject = static_cast<std::uint16_t>(number(parts[1]));
  out.detail = static_cast<std::uint16_t>(number(parts[2]));
  out.registry = table["registry"].value_or(std::string());
  out.basic = codes_of(table, "basic");
  out.defined = definitions_of(table);
  out.reason = reason_of(table, "reason");
  out.reason_temporary = reason_of(table, "reason_temporary");
  out.ambiguous = table["ambiguous"].value_or(false);
  out.success = table["success"].value_or(false);
  out.stages = stages_of(key, table);
  out.emitters = emitters_of(key, table);
  out.confused = strings(table, "confused");
  out.related = strings(table, "related");
  out.live_checks = strings(table, "checks");
  out.transcript = strings(table, "transcript");
  out.persistence = persistence_in(key, table);
  out.persistence_temporary = persistence_in(key, table, "persistence_temporary").value_or(Persistence::transient);
  if (!out.persistence && out.reason) out.persistence = entry(*out.reason).persistence;
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

std::string_view to_string(Emitter emitter) {
  switch (emitter) {
    case Emitter::submission:
      return "submission";
    case Emitter::relay:
      return "relay";
    case Emitter::destination:
      return "destination";
    case Emitter::sending:
      return "sending";
  }
  return "sending";
}

std::string_view to_string(Standing standing) {
  switch (standing) {
    case Standing::rfc:
      return "rfc";
    case Standing::registry:
      return "registry";
    case Standing::field:
      return "field";
  }
  return "field";
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

std::string Status::name() const {
  return fmt::format("x.{}.{}", subject, detail);
}

std::optional<Persistence> Status::persistence_of(unsigned klass) const {
  if (klass == 2 || !persistence) return std::nullopt;
  return klass == 4 ? persistence_temporary : persistence;
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
      if (entry == nullptr || role == nullptr || !reason) bad_data("replies", key);
      out[entry->id] = {*role, *reason};
    };
    each_table("replies/", read);
    return out;
  }();
  const auto at = all.find(text);
  return at == all.end() ? nullptr : &at->second;
}

}  // namespace postil::knowledge
