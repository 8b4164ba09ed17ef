// The JSON API: the same answers as `postil explain --json` and `postil compare --json`.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "console/assets.hpp"
#include "console/catalogue.hpp"
#include "console/draft.hpp"
#include "console/web.hpp"
#include "diagnose/finding_help.hpp"
#include "diagnose/json.hpp"
#include "diagnose/recognise.hpp"
#include "diagnose/redact.hpp"
#include "tlsrpt/told.hpp"

namespace postil::console {
namespace {

HttpResponse json(unsigned status, std::string body) {
  if (!body.ends_with('\n')) body += '\n';
  return {.status = status,
          .content_type = "application/json",
          .body = std::move(body),
          .headers = {{"Access-Control-Allow-Origin", "*"}}};
}

struct Question {
  std::map<std::string, std::string, std::less<>> fields;
  const i18n::Translator& tr;
  std::string get(std::string_view name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? std::string() : at->second;
  }
};

HttpResponse failure(const Question& question, unsigned status, std::string_view schema, std::string_view id) {
  const auto message = question.tr.text(fmt::format("explain.error.{}", id));
  return json(status, diagnose::error_json(schema, id, message));
}

HttpResponse compare_codes(const Question& question, const std::vector<std::string>& codes) {
  if (codes.size() < 2 || codes.size() > diagnose::compared_max) {
    return json(400, diagnose::error_json("compare", "count", question.tr.text("compare.count")));
  }
  const auto comparison = diagnose::compare(codes);
  if (!comparison) {
    const auto shown = printable(diagnose::redacted(codes[comparison.error().which]), 60);
    const auto message = question.tr.text("compare.error", {{"code", shown}});
    return json(422, diagnose::error_json("compare", diagnose::to_string(comparison.error().why), message));
  }
  return json(200, diagnose::to_json(*comparison, question.tr));
}

// One for each kind of what can be understood.
struct Answers {
  const Question& question;
  HttpResponse operator()(const diagnose::Answer& answer) const {
    return json(200, diagnose::to_json(answer, question.tr));
  }
  HttpResponse operator()(const diagnose::Report& report) const {
    return json(200, diagnose::to_json(report, question.tr));
  }
  HttpResponse operator()(const diagnose::FindingEntry* finding) const {
    return json(200, diagnose::to_json(*finding, question.tr));
  }
  HttpResponse operator()(const diagnose::CodeList& list) const { return compare_codes(question, list.codes); }
};

HttpResponse explain(const Question& question, const std::string& what) {
  const auto stage_key = question.get("stage");
  const auto stage = stage_key.empty() ? std::optional(knowledge::Stage::any) : knowledge::find_stage(stage_key);
  if (!stage) return failure(question, 400, "explain", "stage");
  if (tlsrpt::looks_like_report(what)) {
    if (const auto report = tlsrpt::read(what)) return json(200, tlsrpt::told_as_json(*report, question.tr));
  }
  const auto understood = diagnose::understand(what, *stage);
  if (!understood) {
    const bool empty = understood.error() == diagnose::NotUnderstood::empty;
    const auto message = diagnose::why_not_understood(what, understood.error(), question.tr);
    return json(empty ? 400 : 422, diagnose::error_json("explain", diagnose::to_string(understood.error()), message));
  }
  return std::visit(Answers{question}, *understood);
}

HttpResponse compare(const Question& question) {
  std::vector<std::string> codes;
  for (const std::string_view name : {"a", "b", "c"}) {
    auto code = question.get(name);
    if (!code.empty()) codes.push_back(std::move(code));
  }
  return compare_codes(question, codes);
}

HttpResponse one_code(const Site& site, const Question& question, const std::string& code) {
  if (!place_of_code(code, "en")) return failure(question, 404, "explain", "no_such_code");
  static_cast<void>(site);
  return explain(question, code);
}

}  // namespace

HttpResponse answer_api(const Site& site, const HttpRequest& request, std::string_view path) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const bool posts = request.method == "POST" && path == "explain";
  if (!reads && !posts) {
    HttpResponse response = json(405, R"({"error":{"id":"method","message":"This address is for GET."}})");
    response.headers.emplace_back("Allow", path == "explain" ? "GET, HEAD, POST" : "GET, HEAD");
    return response;
  }
  auto fields = read_form(request.query());
  const std::string asked = fields.contains("lang") ? fields["lang"] : std::string();
  const auto match = asked.empty() ? i18n::match_accept_language(request.accept_language) : i18n::match_language(asked);
  const Question question{std::move(fields), site.translator(match)};
  HttpResponse response;
  if (path == "explain") {
    const bool form = posts && request.content_type.starts_with("application/x-www-form-urlencoded");
    std::string what = question.get("q");
    if (form) {
      const auto sent = read_form(request.body);
      const auto at = sent.find("q");
      what = at != sent.end() ? at->second : request.body;  // "curl --data-binary @bounce.eml" calls it a form
    } else if (posts) {
      what = request.body;
    }
    response = explain(question, what);
  } else if (path == "compare") {
    response = compare(question);
  } else if (path == "codes") {
    response = json(200, code_list_json(site, question.tr.language()));
  } else if (path == "catalogue") {
    response = json(200, catalogue_json(site, question.tr.language()));
  } else if (path.starts_with("codes/")) {
    response = one_code(site, question, percent_decoded(path.substr(6), false));
  } else if (path == "openapi.json") {
    response = json(200, std::string(find_web_file("openapi.json")->content));
  } else {
    response = json(404, R"({"error":{"id":"no_such_address","message":"There is nothing here; see openapi.json."}})");
  }
  response.headers.emplace_back("Content-Language", std::string(question.tr.language()));
  response.headers.emplace_back("Vary", "Accept-Language");
  return response;
}

}  // namespace postil::console
