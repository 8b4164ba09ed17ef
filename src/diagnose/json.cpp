#include "diagnose/json.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "base/bytes.hpp"
#include "diagnose/json_values.hpp"

namespace postil::diagnose {
namespace {

namespace json = boost::json;

// Of a recipient, and of the evidence: an object that grows is copied.
constexpr std::size_t fields_usual = 16;

json::array sentences(const std::vector<std::string>& keys, const i18n::Translator& tr) {
  json::array out;
  for (const auto& key : keys) out.emplace_back(json_text(tr.text(key)));
  return out;
}

json::object reason_of(const Explanation& reply, const i18n::Translator& tr) {
  const auto& entry = knowledge::entry(reply.reason);
  json::object out;
  out["id"] = json_text(entry.key);
  out["name"] = json_text(tr.text("reason." + std::string(entry.key) + ".name"));
  out["group"] = json_text(knowledge::to_string(reply.group));
  out["persistence"] = json_text(knowledge::to_string(reply.persistence));
  out["who"] = json_text(knowledge::to_string(reply.act));
  out["action"] = json_text(knowledge::to_string(reply.action));
  out["confidence"] = json_text(to_string(reply.confidence));
  if (reply.own != nullptr) out["own_reply"] = json_text(reply.own->key);
  return out;
}

void set_text(json::object& out, const char* name, std::string_view value) {
  if (!value.empty()) out[name] = json_text(value);
}

json::object evidence_of(const Diagnosis& diagnosis, const i18n::Translator& tr) {
  const auto& [refusal, action, reply] = diagnosis.observed;
  json::object out;
  out.reserve(fields_usual);
  const auto* finding = diagnosis.explanation ? &diagnosis.explanation->finding : nullptr;
  const auto stage = refusal.stage != knowledge::Stage::any || finding == nullptr ? refusal.stage : finding->stage;
  out["phase"] = json_text(knowledge::to_string(stage));
  out["side"] = json_text(to_string(refusal.side));
  set_text(out, "host", refusal.host);
  set_text(out, "software", refusal.mta);
  if (refusal.code != 0) out["code"] = refusal.code;
  set_text(out, "enhanced_code", reply::to_string(refusal.enhanced));
  set_text(out, "reply", reply);
  if (reply.empty()) set_text(out, "text", refusal.text);
  if (finding == nullptr) return out;
  set_text(out, "vendor", finding->vendor);
  set_text(out, "matched", finding->matched);
  set_text(out, "rule", finding->rule);
  set_text(out, "list", finding->list);
  if (finding->expired) {
    out["expired"] = true;
    if (finding->underlying != knowledge::Reason::unknown) {
      out["underlying"] = json_text(knowledge::entry(finding->underlying).key);
    }
  }
  if (!diagnosis.explanation->why.empty()) out["because"] = json_text(tr.text(diagnosis.explanation->why));
  return out;
}

json::object object_of(const Diagnosis& diagnosis, const i18n::Translator& tr) {
  json::object out;
  out.reserve(fields_usual);
  out["address"] = json_text(diagnosis.observed.refusal.address);
  out["outcome"] = json_text(dsn::to_string(diagnosis.observed.action));
  if (!diagnosis.explanation) {
    for (const char* name : {"reason", "group", "persistence", "action"}) out[name] = nullptr;
    out["who"] = json_text(knowledge::to_string(knowledge::Role::nobody));
    out["confidence"] = 1;
    out["evidence"] = evidence_of(diagnosis, tr);
    return out;
  }
  const auto& found = *diagnosis.explanation;
  const auto& entry = knowledge::entry(found.reason);
  out["reason"] = json_text(entry.key);
  out["group"] = json_text(knowledge::to_string(found.group));
  out["persistence"] = json_text(knowledge::to_string(found.persistence));
  out["who"] = json_text(knowledge::to_string(found.act));
  out["action"] = json_text(knowledge::to_string(found.action));
  out["confidence"] = found.finding.confidence;
  out["name"] = json_text(tr.text("reason." + std::string(entry.key) + ".name"));
  out["what"] = json_text(tr.text(found.what));
  if (!found.finding.note.empty()) out["note"] = json_text(tr.text(found.finding.note));
  out["do"] = json_text(tr.text(found.act_text));
  out["paste"] = json_text(text_to_paste(diagnosis, tr));
  if (!diagnosis.confirm.key.empty()) {
    json::object confirm;
    confirm["check"] = json_text(diagnosis.confirm.key);
    set_text(confirm, "command", diagnosis.confirm.command);
    confirm["text"] = json_text(tr.text("live_check." + diagnosis.confirm.key + ".text"));
    out["confirm"] = std::move(confirm);
  }
  out["evidence"] = evidence_of(diagnosis, tr);
  return out;
}

json::object object_of(const Answer& answer, const i18n::Translator& tr) {
  json::object out;
  out["input"] = json_text(to_string(answer.kind));
  out["kind"] = json_text(to_string(answer.kind));
  out["subject"] = json_text(answer.subject);
  if (answer.kind == Kind::message_id || answer.kind == Kind::receipt_id) return out;
  out["outcome"] = json_text(to_string(answer.outcome));
  out["title"] = json_text(tr.text(answer.title));
  out["what"] = sentences(answer.what, tr);
  out["why"] = sentences(answer.why, tr);
  if (!answer.when.empty()) out["when"] = json_text(tr.text(answer.when));
  if (!answer.other.empty()) out["elsewhere"] = json_text(tr.text(answer.other));
  json::array steps;
  for (const auto& step : answer.steps) {
    steps.push_back({{"who", json_text(knowledge::to_string(step.who))}, {"do", json_text(tr.text(step.text))}});
  }
  out["steps"] = std::move(steps);
  out["retry"] = json_text(knowledge::to_string(answer.retry));
  json::array confused;
  for (const auto& other : answer.confused) {
    confused.push_back({{"code", json_text(other.code)}, {"difference", json_text(tr.text(other.text))}});
  }
  out["confused_with"] = std::move(confused);
  if (!answer.members.empty()) {
    json::array members;
    for (const auto& member : answer.members) {
      members.push_back({{"code", json_text(member.code)}, {"title", json_text(tr.text(member.text))}});
    }
    out["members"] = std::move(members);
  }
  json::array stages;
  for (auto stage : answer.stages) stages.emplace_back(json_text(knowledge::to_string(stage)));
  out["stages"] = std::move(stages);
  out["enhanced_codes"] = json_strings(answer.enhanced);
  out["basic_codes"] = json_strings(answer.basic);
  json::array defined;
  for (const auto& definition : answer.defined) {
    defined.push_back({{"document", json_text(definition.document)}, {"section", json_text(definition.section)}});
  }
  out["defined_in"] = std::move(defined);
  out["transcript"] = json_strings(answer.transcript);
  if (answer.standing) out["standing"] = json_text(knowledge::to_string(*answer.standing));
  json::array said_by;
  for (auto emitter : answer.emitters) said_by.emplace_back(json_text(knowledge::to_string(emitter)));
  out["said_by"] = std::move(said_by);
  if (answer.persistence) out["persistence"] = json_text(knowledge::to_string(*answer.persistence));
  out["related"] = json_strings(answer.related);
  json::array confirm;
  for (const auto* check : answer.live_checks) {
    confirm.push_back({{"check", json_text(check->key)},
                       {"command", json_text(check->command)},
                       {"shows", json_text(tr.text(check->text()))}});
  }
  out["confirm"] = std::move(confirm);
  json::array collisions;
  for (const auto* collision : answer.collisions) {
    collisions.push_back({{"id", json_text(collision->key)},
                          {"standard", json_text(tr.text(collision->text("standard")))},
                          {"elsewhere", json_text(tr.text(collision->text("elsewhere")))},
                          {"decides", json_text(tr.text(collision->text("decides")))}});
  }
  out["collisions"] = std::move(collisions);
  if (!answer.registry.empty()) out["registry_text"] = json_text(answer.registry);
  if (!answer.quoted.empty()) out["reply"] = json_text(answer.quoted);
  if (answer.reply) {
    out["reason"] = reason_of(*answer.reply, tr);
    const auto stage = answer.stages.size() == 1 ? answer.stages.front() : knowledge::Stage::any;
    out["recipients"] = json::array{object_of(diagnosis_of(answer, stage), tr)};
  }
  return out;
}

json::object head(std::string_view schema, const i18n::Translator& tr) {
  json::object out;
  out["schema"] = "postil." + std::string(schema) + "/1";
  out["language"] = json_text(tr.language_of(schema));
  return out;
}

json::object object_of(const PairFinding& pair, const i18n::Translator& tr) {
  json::object out;
  out["a"] = json_text(pair.a);
  out["b"] = json_text(pair.b);
  out["relation"] = json_text(pair.relation);
  out["verdict"] = json_text(tr.text(pair.verdict.text, pair.verdict.args));
  out["one_session"] = pair.one_session == Verdict::yes;
  out["session"] = json_text(tr.text(pair.session.text, pair.session.args));
  out["one_delivery"] = pair.one_delivery == Verdict::yes;
  out["delivery"] = json_text(tr.text(pair.delivery.text, pair.delivery.args));
  out["transcript"] = json_strings(pair.transcript);
  out["reviewed"] = pair.reviewed;
  return out;
}

// Boost writes 0.95 as 9.5E-1; these lines are read by people as well. Inside a string the quote would be escaped.
std::string written(const json::object& out) {
  constexpr std::string_view key = "\"confidence\":";
  auto text = json::serialize(out);
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    at += key.size();
    if (!is_digit(text[at])) continue;  // a word
    double value = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), value);
    text.replace(at, text.find_first_of(",}", at) - at, fmt::format("{}", std::round(value * 10'000) / 10'000));
  }
  return text;
}

}  // namespace

std::string to_json(const Answer& answer, const i18n::Translator& tr) {
  auto out = head("explain", tr);
  for (auto& [key, value] : object_of(answer, tr)) out[key] = std::move(value);
  return written(out);
}

std::string to_json(const Report& report, const i18n::Translator& tr, std::optional<std::size_t> line) {
  auto out = head("explain", tr);
  out["input"] = json_text(to_string(report.input));
  if (line) out["line"] = *line;
  set_text(out, "software", report.mta);
  json::array recipients;
  recipients.reserve(report.recipients.size());
  for (const auto& diagnosis : report.recipients) recipients.push_back(object_of(diagnosis, tr));
  out["recipients"] = std::move(recipients);
  if (report.truncated) out["truncated"] = true;
  return written(out);
}

std::string to_json(const Comparison& comparison, const i18n::Translator& tr) {
  auto out = head("compare", tr);
  json::array sides;
  for (std::size_t i = 0; i < comparison.sides.size(); ++i) {
    auto side = object_of(comparison.sides[i], tr);
    side["if_you_see"] = json_text(tr.text(comparison.if_you_see[i].text, comparison.if_you_see[i].args));
    sides.push_back(std::move(side));
  }
  out["codes"] = std::move(sides);
  json::array pairs;
  for (const auto& pair : comparison.pairs) pairs.push_back(object_of(pair, tr));
  out["pairs"] = std::move(pairs);
  return written(out);
}

std::string error_json(std::string_view schema, std::string_view id, std::string_view message,
                       std::optional<int> exit) {
  json::object out;
  out["schema"] = "postil." + std::string(schema) + "/1";
  out["ok"] = false;
  out["error"] = {{"id", json_text(id)}, {"message", json_text(message)}};
  if (exit) out["exit"] = *exit;
  return json::serialize(out);
}

}  // namespace postil::diagnose
