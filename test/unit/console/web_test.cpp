#include "console/web.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "console/http_server.hpp"
#include "markup.hpp"

namespace postil::console {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const Web& web() {
  static const Web all("https://example.org/");
  return all;
}

HttpResponse get(std::string target, std::string accept_language = {}) {
  HttpRequest request;
  request.method = "GET";
  request.target = std::move(target);
  request.accept_language = std::move(accept_language);
  return web().answer(request);
}

HttpResponse post(std::string target, std::string body, std::string type = "application/x-www-form-urlencoded") {
  HttpRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.body = std::move(body);
  request.content_type = std::move(type);
  return web().answer(request);
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

boost::json::object json(const HttpResponse& response) {
  EXPECT_EQ(response.content_type, "application/json");
  return boost::json::parse(response.body).as_object();
}

TEST(Web, TheRootLeadsToTheReadersLanguage) {
  for (const auto& [accepts, language] :
       {std::pair{"de-AT,de;q=0.9,en;q=0.5", "de"}, {"ru", "ru"}, {"xx", "en"}, {"", "en"}}) {
    const auto answer = get("/", accepts);
    EXPECT_EQ(answer.status, 302u);
    EXPECT_EQ(header(answer, "Location"), std::string("/") + language + "/");
    EXPECT_EQ(header(answer, "Vary"), "Accept-Language");
  }
}

TEST(Web, APageSaysItsLanguageAndForbidsEverythingFromElsewhere) {
  const auto answer = get("/de/smtp/521", "ru");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(header(answer, "Content-Language"), "de");
  EXPECT_THAT(header(answer, "Content-Security-Policy"), StartsWith("default-src 'none'; "));
  EXPECT_THAT(header(answer, "Content-Security-Policy"), Not(HasSubstr("unsafe")));
  EXPECT_THAT(header(answer, "Content-Security-Policy"), EndsWith("frame-ancestors 'none'"));
  EXPECT_EQ(header(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(answer, "Referrer-Policy"), "no-referrer");
}

TEST(Web, OnlyTheCardMayBeEmbedded) {
  EXPECT_THAT(header(get("/de/card/521"), "Content-Security-Policy"), EndsWith("frame-ancestors *"));
  EXPECT_THAT(header(get("/de/card/"), "Content-Security-Policy"), EndsWith("frame-ancestors 'none'"));
}

TEST(Web, WhatHasAnotherAddressIsSentThere) {
  const std::pair<const char*, const char*> rows[] = {
      {"/de/smtp/521.html", "/de/smtp/521"},
      {"/de/index.html", "/de/"},
      {"/de", "/de/"},
      {"/de/smtp", "/de/smtp/"},
      {"/de/smtp/5XX", "/de/smtp/5xx"},
      {"/de/smtp/compare/521-vs-235", "/de/smtp/compare/235-vs-521"},
      {"/ru/smtp/compare/235-authentication-successful-vs-521-host-does-not-accept-mail",
       "/ru/smtp/compare/235-vs-521"},
      {"/de/smtp/compare/235-authentication-successful-vs-556-domain-no-mail", "/de/smtp/compare/235-vs-556"},
      {"/de/compare/smtp/556-domain-no-mail-vs-235-authentication-successful", "/de/smtp/compare/235-vs-556"},
      {"/ru/smtp/521-host-does-not-accept-mail", "/ru/smtp/521"},
      {"/de/smtp/550/", "/de/smtp/550"},
      {"/de/smtp/compare/235-vs-521/", "/de/smtp/compare/235-vs-521"},
      {"/de/5.7.26", "/de/smtp/status/5.7.26"},
      {"/de/smtp/5.1.1", "/de/smtp/status/5.1.1"},
      {"/de/smtp/status/550", "/de/smtp/550"},
      {"/de/smtp/status/5%2E7%2e1", "/de/smtp/status/5.7.1"},
      {"/de/smtp%2F521", "/de/smtp/521"},
      {"/de-AT/smtp/521", "/de/smtp/521"},
      {"/RU/", "/ru/"},
      {"/de_at/glossary", "/de/glossary"},
      {"/Ru-RU/compare/smtp/235-authentication-successful-vs-521-host-does-not-accept-mail",
       "/ru/smtp/compare/235-vs-521"},
      {"/de/explain/?q=550+no", "/de/explain?q=550+no"},
  };
  for (const auto& [from, to] : rows) {
    const auto answer = get(from);
    EXPECT_EQ(answer.status, 301u) << from;
    EXPECT_EQ(header(answer, "Location"), to) << from;
  }
}

TEST(Web, ALanguageMayBeWrittenInOtherWays) {
  const std::pair<const char*, const char*> rows[] = {
      {"/pt", "pt-BR"}, {"/pt_br", "pt-BR"}, {"/zh-hans", "zh-Hans"}, {"/zh-CN", "zh-Hans"}};
  for (const auto& [from, language] : rows) {
    const auto home = std::string("/") + language + "/";
    if (get(home).status != 200) continue;  // not offered until it is whole
    EXPECT_EQ(header(get(std::string(from) + "/"), "Location"), home);
    EXPECT_EQ(header(get(std::string(from) + "/smtp/521"), "Location"), home + "smtp/521");
  }
}

TEST(Web, ACodeAloneLeadsToItsPageInTheReadersLanguage) {
  const auto answer = get("/550", "de");
  EXPECT_EQ(answer.status, 302u);
  EXPECT_EQ(header(answer, "Location"), "/de/smtp/550");
  EXPECT_EQ(header(answer, "Vary"), "Accept-Language");
  EXPECT_EQ(header(get("/smtp/235-vs-521", "ru"), "Location"), "/ru/smtp/compare/235-vs-521");
  for (const char* target : {"/999", "/de/smtp/550-vs-999", "//", "/de/smtp//", "/550/nothing"})
    EXPECT_NE(header(get(target), "Location"), "/en/smtp/550") << target;
}

TEST(Web, WhatIsNotThereSaysSoInTheReadersLanguage) {
  for (const auto& target : {"/de/smtp/999", "/de/smtp/compare/550-vs-999", "/de/nothing/at/all", "/de/smtp/<x>"}) {
    const auto answer = get(target, "de");
    EXPECT_EQ(answer.status, 404u) << target;
    EXPECT_EQ(header(answer, "Content-Language"), "de");
    EXPECT_THAT(answer.body, HasSubstr("Diese Seite gibt es nicht"));
    EXPECT_THAT(test::read(answer.body).problems, IsEmpty());
  }
  // Its links lead to the root from wherever it was asked for.
  EXPECT_THAT(get("/de/nothing/at/all").body, HasSubstr("href=\"../../../assets/site.css\""));
  EXPECT_EQ(header(get("/ru/nothing/at/all", "de"), "Content-Language"), "ru");
  EXPECT_EQ(header(get("/xx/smtp/521"), "Location"), "/en/smtp/521");  // a language that is not offered
  EXPECT_EQ(get("/assets/nothing.css").status, 404u);
  EXPECT_EQ(get("/assets/../templates/frame.html").status, 404u);
  EXPECT_EQ(get("/templates/frame.html").status, 404u);
}

TEST(Web, WhatHasNotChangedIsNotSentAgain) {
  for (const auto& target : {"/de/smtp/521", "/assets/site.css", "/llms.txt", "/api/v1/codes"}) {
    const auto first = get(target);
    const auto etag = header(first, "ETag");
    ASSERT_THAT(etag, StartsWith("\"")) << target;
    HttpRequest again;
    again.method = "GET";
    again.target = target;
    again.if_none_match = "W/\"other\", " + etag;
    const auto second = web().answer(again);
    EXPECT_EQ(second.status, 304u);
    EXPECT_THAT(second.body, IsEmpty());
    again.if_none_match = "\"other\"";
    EXPECT_EQ(web().answer(again).status, 200u);
  }
}

TEST(Web, OtherMethodsAreRefused) {
  HttpRequest request;
  request.method = "DELETE";
  for (const char* target : {"/de/", "/de/explain", "/api/v1/codes", "/assets/site.css"}) {
    request.target = target;
    const auto answer = web().answer(request);
    EXPECT_EQ(answer.status, 405u) << target;
    EXPECT_THAT(header(answer, "Allow"), StartsWith("GET, HEAD"));
  }
  EXPECT_EQ(post("/de/smtp/521", "q=1").status, 405u);
  request.method = "GET";
  request.target = "no-slash";
  EXPECT_EQ(web().answer(request).status, 400u);
}

std::string report_form(const std::string& text) {
  std::string out = "q=";
  for (const unsigned char c : text) out += fmt::format("%{:02x}", c);
  return out;
}

TEST(Box, WhatItTakesCanBeSent) {
  const auto page = test::read(get("/de/explain").body);
  const auto characters = std::stoul(page.first("textarea")->attributes.at("maxlength"));
  EXPECT_GE(characters, 50'000u);
  EXPECT_GE(HttpLimits{}.body_octets_max, characters * 9 + 100) << "%E6%97%A5 for each, and the step";
}

TEST(Box, ACodeLeadsToItsPage) {
  for (const auto& [q, to] :
       {std::pair{"521", "/de/smtp/521"}, {"+5.1.1%0A", "/de/smtp/status/5.1.1"}, {"5xx", "/de/smtp/5xx"}}) {
    EXPECT_EQ(header(get(std::string("/de/explain?q=") + q), "Location"), to);
    EXPECT_EQ(header(post("/de/explain", std::string("q=") + q), "Location"), to);
  }
}

TEST(Box, TwoOrThreeCodesLeadToTheirComparison) {
  const std::pair<const char*, const char*> rows[] = {{"235 vs 521", "235-vs-521"},
                                                      {"SMTP 521 vs. 235", "235-vs-521"},
                                                      {"550/551", "550-vs-551"},
                                                      {"556, 235", "235-vs-556"},
                                                      {"421 450 550", "421-vs-450-vs-550"},
                                                      {"550 \xD0\xB8 554", "550-vs-554"},
                                                      {"5.1.1 und 5.1.10", "5.1.1-vs-5.1.10"}};
  for (const auto& [words, item] : rows) {
    const auto answer = post("/de/explain", report_form(words));
    EXPECT_EQ(answer.status, 303u) << words;
    EXPECT_EQ(header(answer, "Location"), "/de/smtp/compare/" + std::string(item)) << words;
  }
  for (const char* words :
       {"550 5.1.1", "550 Relaying denied", "235 999", "550 551 552 553", "421 later", "550-", "vs"}) {
    EXPECT_EQ(post("/de/explain", report_form(words)).status, 200u) << words;
  }
}

TEST(Box, AReplyIsExplainedInThePagesLanguage) {
  const auto answer =
      post("/de/explain", "q=550+5.1.1+The+email+account+that+you+tried+to+reach+does+not+exist&stage=rcpt");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(header(answer, "Cache-Control"), "no-store");
  EXPECT_THAT(answer.body, HasSubstr("that you tried to reach does not exist"));
  EXPECT_THAT(answer.body, HasSubstr("Adresse"));
  EXPECT_THAT(answer.body, HasSubstr("noindex"));
  EXPECT_EQ(get("/de/explain?q=550+5.1.1+unknown").status, 200u);
}

TEST(Box, AnIdOfACheckIsExplained) {
  const auto page = post("/de/explain", "q=+mx-null%0D%0A").body;
  for (const char* words : {"<span dir=\"ltr\" translate=\"no\">MX-NULL</span>", "RFC", "7505", "outcome-success",
                            "postil check example.org <span class=\"option\">--only</span> mx", "noindex"})
    EXPECT_THAT(page, HasSubstr(words));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  const auto typo = post("/en/explain", "q=MX-NUL").body;
  EXPECT_THAT(typo, HasSubstr("Did you mean MX-NULL?"));
  EXPECT_THAT(typo, HasSubstr("role=\"alert\""));
}

TEST(Box, AReasonLeadsToItsPlace) {
  for (const char* id : {"user_unknown", "GREYLISTED"})
    EXPECT_EQ(header(post("/de/explain", std::string("q=") + id), "Location"), "/de/reasons#" + to_lower(id));
  EXPECT_THAT(get("/de/reasons").body, HasSubstr("id=\"user_unknown\""));
  EXPECT_THAT(post("/en/explain", "q=user_unknwn").body, HasSubstr("Did you mean user_unknown?"));
}

TEST(Box, AListWithoutAPageSaysWhy) {
  EXPECT_THAT(post("/en/explain", "q=550+551+552+553").body, HasSubstr("Two or three codes are needed."));
  EXPECT_THAT(post("/en/explain", "q=4xx+vs+5xx").body, HasSubstr("4xx cannot be compared."));
}

TEST(Box, LinesInJsonAreRead) {
  const auto page = post("/en/explain", report_form("[\"550 5.1.1 no such user\", \"552 5.2.2 mailbox full\"]")).body;
  EXPECT_THAT(page, HasSubstr("no such user"));
  EXPECT_THAT(page, HasSubstr("mailbox full"));
  EXPECT_THAT(page, Not(HasSubstr("&quot;, &quot;")));
}

TEST(Box, ATlsReportIsRead) {
  const std::string report =
      R"({"organization-name":"Company-X <b>","date-range":{"start-datetime":"2016-04-01T00:00:00Z",
"end-datetime":"2016-04-01T23:59:59Z"},"report-id":"5065427c","policies":[{"policy":{"policy-type":"sts",
"policy-string":["mode: testing"],"policy-domain":"company-y.example"},"summary":{"total-successful-session-count":5326,
"total-failure-session-count":100},"failure-details":[{"result-type":"certificate-expired",
"receiving-mx-hostname":"mx1.company-y.example","failed-session-count":100}]}]})";
  const auto page = post("/de/explain", report_form(report));
  EXPECT_EQ(page.status, 200u);
  for (const char* words :
       {"Company-X &lt;b&gt;", "company-y.example", "5326", "certificate-expired", "mx1.company-y.example", "noindex"})
    EXPECT_THAT(page.body, HasSubstr(words));
  EXPECT_THAT(page.body, Not(HasSubstr("{{")));
  EXPECT_THAT(post("/en/explain", report_form("{\"organization-name\":\"X\"}")).body,
              HasSubstr("no TLS report of RFC 8460"));
  EXPECT_EQ(json(post("/api/v1/explain", report, "text/plain")).at("schema"), "postil.tls_report/1");
}

TEST(Box, WhatIsNotUnderstoodIsSaid) {
  const auto answer = post("/en/explain", "q=hello+world&stage=rcpt");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_THAT(answer.body, HasSubstr("role=\"alert\""));
  EXPECT_THAT(answer.body, Not(HasSubstr("hello world")));
  EXPECT_EQ(post("/en/explain", "q=").status, 200u);
  EXPECT_EQ(post("/en/explain", "%%%&&&==&q=%zz%").status, 200u);
}

TEST(Comparisons, TheFormLeadsToAnyPair) {
  EXPECT_EQ(header(get("/de/smtp/compare/?a=556&b=235"), "Location"), "/de/smtp/compare/235-vs-556");
  EXPECT_EQ(get("/de/smtp/compare/?a=1&b=2").status, 200u);
  const auto live = get("/de/smtp/compare/5.1.1-vs-5.7.26");
  EXPECT_EQ(live.status, 200u);
  EXPECT_EQ(get("/en/smtp/compare/421-vs-450-vs-550").status, 200u);
  const auto classed = get("/en/smtp/status/4.7.1");
  EXPECT_EQ(classed.status, 200u);
  EXPECT_THAT(classed.body, HasSubstr("<link rel=\"canonical\" href=\"https://example.org/en/smtp/status/x.7.1\">"));
}

TEST(Api, ExplainsAsTheTerminalDoes) {
  const auto answer = json(get("/api/v1/explain?q=550+5.1.1+no+such+user&lang=de"));
  EXPECT_EQ(answer.at("schema"), "postil.explain/1");
  EXPECT_EQ(answer.at("language"), "de");
  const auto posted = post("/api/v1/explain?lang=de", "550 5.1.1 no such user\r\n", "text/plain");
  EXPECT_EQ(json(posted), answer);
  EXPECT_EQ(json(post("/api/v1/explain?lang=de", "q=550+5.1.1+no+such+user")), answer);
  EXPECT_EQ(json(post("/api/v1/explain?lang=de", "550 5.1.1 no such user\r\n")), answer);  // as curl sends a file
  EXPECT_EQ(header(posted, "Access-Control-Allow-Origin"), "*");
}

TEST(Api, ComparesWhatIsAskedSo) {
  const auto wanted = json(get("/api/v1/compare?a=235&b=521"));
  EXPECT_EQ(json(get("/api/v1/explain?q=235+vs+521")), wanted);
  EXPECT_EQ(json(post("/api/v1/explain", "235 vs 521\n", "text/plain")), wanted);
  EXPECT_EQ(json(get("/api/v1/explain?q=550/551/554")).at("pairs").as_array().size(), 3u);
  EXPECT_EQ(get("/api/v1/explain?q=550+551+552+553").status, 400u);
  EXPECT_EQ(get("/api/v1/explain?q=4xx+vs+5xx").status, 422u);
}

TEST(Api, KnowsTheIdsOfChecks) {
  const auto finding = json(get("/api/v1/explain?q=mx-null&lang=de"));
  EXPECT_EQ(finding.at("schema"), "postil.finding/1");
  EXPECT_EQ(finding.at("id"), "MX-NULL");
  EXPECT_EQ(finding.at("language"), "de");
  const auto typo = json(get("/api/v1/explain?q=MX-NUL"));
  EXPECT_EQ(typo.at("error").at("id"), "not_a_reply");
  EXPECT_THAT(std::string(typo.at("error").at("message").as_string()), HasSubstr("Did you mean MX-NULL?"));
}

TEST(Api, SaysWhatIsWrong) {
  EXPECT_EQ(get("/api/v1/explain").status, 400u);
  EXPECT_EQ(get("/api/v1/explain?q=hello").status, 422u);
  EXPECT_EQ(get("/api/v1/explain?q=550&stage=nowhere").status, 400u);
  EXPECT_EQ(get("/api/v1/compare?a=550").status, 400u);
  EXPECT_EQ(get("/api/v1/compare?a=550&b=x").status, 422u);
  EXPECT_EQ(get("/api/v1/codes/999").status, 404u);
  EXPECT_EQ(get("/api/v1/nothing").status, 404u);
  EXPECT_EQ(json(get("/api/v1/explain?q=hello")).at("error").at("id"), "not_a_reply");
}

TEST(Api, ComparesAndLists) {
  EXPECT_EQ(json(get("/api/v1/compare?a=235&b=556")).at("schema"), "postil.compare/1");
  EXPECT_EQ(json(get("/api/v1/codes/521")).at("subject"), "521");
  EXPECT_EQ(json(get("/api/v1/codes/5.1.1", "ru")).at("language"), "ru");
  EXPECT_GT(json(get("/api/v1/codes")).at("codes").as_array().size(), 120u);
}

TEST(Api, TheCatalogueHoldsEverything) {
  const auto all = json(get("/api/v1/catalogue?lang=de"));
  EXPECT_EQ(all.at("schema"), "postil.catalogue/1");
  for (const std::string_view part : {"codes", "enhanced_codes", "comparisons", "reasons"}) {
    EXPECT_FALSE(all.at(part).as_array().empty()) << part;
  }
}

TEST(Api, ItsDescriptionNamesWhatIsAnswered) {
  const auto description = json(get("/api/v1/openapi.json"));
  EXPECT_EQ(description.at("openapi"), "3.1.0");
  for (const auto& [path, methods] : description.at("paths").as_object()) {
    std::string target = "/api/v1" + std::string(path);
    if (const auto at = target.find("{code}"); at != std::string::npos) target.replace(at, 6, "521");
    for (const auto& [method, operation] : methods.as_object()) {
      const auto& responses = operation.at("responses").as_object();
      std::string query;
      if (const auto* parameters = operation.as_object().if_contains("parameters")) {
        for (const auto& parameter : parameters->as_array()) {
          const auto* example = parameter.as_object().if_contains("example");
          if (parameter.at("in") != "query" || !example) continue;
          query += (query.empty() ? "?" : "&") + std::string(parameter.at("name").as_string()) + "=" +
                   std::string(example->as_string());
        }
      }
      const auto answer = method == "post" ? post(target, "550 5.1.1 unknown", "text/plain") : get(target + query);
      EXPECT_EQ(answer.status, 200u) << target << query;
      EXPECT_TRUE(responses.contains("200")) << target;
    }
  }
}

TEST(Files, LlmsAndSitemapNameThePages) {
  const auto llms = get("/llms.txt").body;
  EXPECT_THAT(llms, HasSubstr("https://example.org/en/smtp/521"));
  EXPECT_THAT(llms, HasSubstr("openapi.json"));
  const auto map = get("/sitemap.xml").body;
  EXPECT_THAT(map, HasSubstr("<loc>https://example.org/de/smtp/compare/235-vs-521</loc>"));
  EXPECT_THAT(map, Not(HasSubstr("211-vs-556")));
  EXPECT_THAT(get("/robots.txt").body, HasSubstr("Sitemap: https://example.org/sitemap.xml"));
  EXPECT_THAT(get("/assets/search-de.js").body, HasSubstr("de/smtp/521"));
}

TEST(Form, IsDecoded) {
  const auto form = read_form("a=1+2%263&b=%C3%A4&c&d=%ff&a=9&=x");
  EXPECT_EQ(form.at("a"), "1 2&3");
  EXPECT_EQ(form.at("b"), "ä");
  EXPECT_EQ(form.at("c"), "");
  EXPECT_EQ(form.at("d"), "?");
  EXPECT_EQ(percent_decoded("%4", false), "%4");
  EXPECT_EQ(percent_decoded("a+%2B", false), "a++");
}

}  // namespace
}  // namespace postil::console
