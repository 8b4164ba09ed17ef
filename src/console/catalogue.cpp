#include "console/catalogue.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "console/draft.hpp"
#include "diagnose/json.hpp"
#include "diagnose/json_values.hpp"
#include "knowledge/pairs.hpp"

namespace postil::console {
namespace {

namespace json = boost::json;

json::value explained(const std::string& code, const i18n::Translator& tr) {
  return json::parse(diagnose::to_json(*diagnose::explain(code), tr));
}

json::object head(std::string_view schema, std::string_view language) {
  json::object out;
  out["schema"] = fmt::format("postil.{}/1", schema);
  out["language"] = diagnose::json_text(language);
  return out;
}

json::array reasons(const i18n::Translator& tr) {
  json::array out;
  for (const auto& reason : knowledge::reasons()) {
    const auto words = [&](std::string_view part) {
      return diagnose::json_text(tr.text(fmt::format("reason.{}.{}", reason.key, part)));
    };
    json::object row;
    row["id"] = diagnose::json_text(reason.key);
    row["group"] = diagnose::json_text(knowledge::to_string(reason.group));
    row["persistence"] = diagnose::json_text(knowledge::to_string(reason.persistence));
    row["who"] = diagnose::json_text(knowledge::to_string(reason.act));
    row["action"] = diagnose::json_text(knowledge::to_string(reason.action));
    row["name"] = words("name");
    row["what"] = words("what");
    row["do"] = words("do");
    out.push_back(std::move(row));
  }
  return out;
}

json::array guides(const i18n::Translator& tr) {
  json::array out;
  for (const auto& guide : knowledge::guides()) {
    json::object row;
    row["id"] = diagnose::json_text(guide.name);
    row["title"] = diagnose::json_text(tr.text(guide.text("title")));
    row["intro"] = diagnose::json_text(tr.text(guide.text("intro")));
    json::array steps;
    for (std::size_t i = 1; i <= guide.steps.size(); ++i) {
      json::object step;
      step["title"] = diagnose::json_text(tr.text(guide.step_text(i, "title")));
      step["text"] = diagnose::json_text(tr.text(guide.step_text(i, "text")));
      step["shown"] = diagnose::json_strings(guide.steps[i - 1].shown);
      steps.push_back(std::move(step));
    }
    row["steps"] = std::move(steps);
    row["codes"] = diagnose::json_strings(guide.codes);
    row["terms"] = diagnose::json_strings(guide.terms);
    out.push_back(std::move(row));
  }
  return out;
}

json::array glossary(const i18n::Translator& tr) {
  json::array out;
  for (const auto& term : knowledge::glossary()) {
    json::object row;
    row["id"] = diagnose::json_text(term.key);
    row["name"] = diagnose::json_text(tr.text(term.text("name")));
    row["text"] = diagnose::json_text(tr.text(term.text("text")));
    row["see"] = diagnose::json_strings(term.see);
    row["codes"] = diagnose::json_strings(term.codes);
    out.push_back(std::move(row));
  }
  return out;
}

std::string make_catalogue(const Site& site, std::string_view language) {
  const auto& tr = site.translator(language);
  auto out = head("catalogue", tr.language());
  json::array codes;
  for (const auto& code : knowledge::basic_codes()) codes.push_back(explained(fmt::to_string(code.code), tr));
  out["codes"] = std::move(codes);
  json::array statuses;
  for (const auto& status : knowledge::statuses()) statuses.push_back(explained(status.key().substr(7), tr));
  out["enhanced_codes"] = std::move(statuses);
  json::array pairs;
  for (const auto& pair : knowledge::reviewed_pairs()) {
    const auto comparison = diagnose::compare({pair.a, pair.b});
    if (comparison) pairs.push_back(json::parse(diagnose::to_json(*comparison, tr)));
  }
  out["comparisons"] = std::move(pairs);
  out["reasons"] = reasons(tr);
  if (site.offers(language, "guide")) out["guides"] = guides(tr);
  if (site.offers(language, "glossary")) out["glossary"] = glossary(tr);
  return json::serialize(out) + "\n";
}

}  // namespace

std::string catalogue_json(const Site& site, std::string_view language) {
  // Some 500 KB that never change: made once.
  static std::mutex mutex;
  static std::map<std::string, std::string, std::less<>> made;
  const std::lock_guard lock(mutex);
  auto& text = made[std::string(site.translator(language).language())];
  if (text.empty()) text = make_catalogue(site, language);
  return text;
}

std::string code_list_json(const Site& site, std::string_view language) {
  const auto& tr = site.translator(language);
  auto out = head("codes", tr.language());
  json::array rows;
  const auto add = [&](const std::string& code) {
    const auto answer = diagnose::explain(code);
    json::object row;
    row["code"] = diagnose::json_text(code);
    row["title"] = diagnose::json_text(tr.text(answer->title));
    row["outcome"] = diagnose::json_text(diagnose::to_string(answer->outcome));
    rows.push_back(std::move(row));
  };
  for (const auto& code : knowledge::basic_codes()) add(fmt::to_string(code.code));
  for (const auto& status : knowledge::statuses()) add(status.key().substr(7));
  out["codes"] = std::move(rows);
  return json::serialize(out) + "\n";
}

}  // namespace postil::console
