#include "console/web.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "console/assets.hpp"
#include "console/draft.hpp"
#include "crypto/digest.hpp"
#include "diagnose/explain.hpp"
#include "knowledge/reasons.hpp"

namespace postil::console {
namespace {

constexpr std::string_view html = "text/html; charset=utf-8";
constexpr std::string_view policy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors ";

std::string_view type_of(std::string_view name) {
  struct Row {
    std::string_view end, type;
  };
  static constexpr Row rows[] = {{".css", "text/css; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
                                 {".svg", "image/svg+xml"},           {".json", "application/json"},
                                 {".xml", "application/xml"},         {".txt", "text/plain; charset=utf-8"}};
  for (const auto& [end, type] : rows) {
    if (name.ends_with(end)) return type;
  }
  return "application/octet-stream";
}

HttpResponse file(std::string_view name, std::string body) {
  return {.status = 200, .content_type = std::string(type_of(name)), .body = std::move(body), .headers = {}};
}

HttpResponse redirect(unsigned status, const std::string& to) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = "see " + to + "\n",
          .headers = {{"Location", to}}};
}

HttpResponse of_page(unsigned status, Page page) {
  return {.status = status,
          .content_type = std::string(html),
          .body = std::move(page.html),
          .headers = {{"Content-Language", std::move(page.language)}}};
}

HttpResponse not_allowed(std::string_view allowed) {
  return {.status = 405,
          .content_type = "text/plain; charset=utf-8",
          .body = "this address does not take that method\n",
          .headers = {{"Allow", std::string(allowed)}}};
}

std::string etag_of(const HttpResponse& response) {
  const auto octets = crypto::sha256(response.content_type + "\n" + response.body);
  std::string out = "\"";
  for (std::size_t i = 0; i < 12; ++i) out += fmt::format("{:02x}", static_cast<unsigned char>(octets[i]));
  return out + "\"";
}

// Without spaces and line ends round it.
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || is_control(text.front()))) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || is_control(text.back()))) text.remove_suffix(1);
  return text;
}

bool reads(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

std::string language_for(const Site& site, const HttpRequest& request) {
  const std::string match(i18n::match_accept_language(request.accept_language));
  for (const auto& language : site.languages()) {
    if (language == match) return language;
  }
  return "en";
}

// Where a page cannot be found under its own address: the same with the codes in order, or without words after them.
std::optional<Place> meant(const Site& site, const Place& place) {
  Place other = place;
  other.item = place.view == View::comparison ? comparison_item(place.item) : to_lower(place.item);
  if (other.item.empty() || !site.exists(other)) return std::nullopt;
  return other;
}

// "/de/smtp/521?x=1": the question stays with the address.
std::string moved_to(const HttpRequest& request, const Place& place) {
  const auto query = request.query();
  return "/" + path_of(place) + (query.empty() ? "" : "?") + std::string(query);
}

// The language that an address begins with, also as others write it: "zh-hans", "de-AT", "pt_BR"; "" when with none.
std::string language_named(const Site& site, std::string_view path) {
  std::string first(path.substr(0, path.find('/')));
  if (site.exists({View::home, first, {}})) return first;
  const std::string match(i18n::match_language(first));
  return !match.empty() && site.exists({View::home, match, {}}) ? match : std::string();
}

// Where an address leads that somebody remembers, or that another site uses: "550",
// "de/smtp/521-host-does-not-accept-mail", "de/compare/smtp/235-authentication-successful-vs-556-domain-no-mail".
std::optional<Place> remembered(const Site& site, std::string_view path, const std::string& language) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (auto place = parse_path(path); place && place->view != View::entry && site.exists(*place)) return place;
  const auto codes = codes_of_comparison(path.substr(path.rfind('/') + 1));
  std::optional<Place> out;
  if (codes.size() == 1) out = place_of_code(codes.front(), language);
  if (codes.size() > 1) out = Place{View::comparison, language, comparison_item(codes)};
  return out && site.exists(*out) ? out : std::nullopt;
}

void add_safety(HttpResponse& response, bool card) {
  auto& headers = response.headers;
  headers.emplace_back("Content-Security-Policy", std::string(policy) + (card ? "*" : "'none'"));
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
}

}  // namespace

Web::Web(std::string url) : site_({.url = std::move(url), .files = false}) {}

HttpResponse Web::answer(const HttpRequest& request) const {
  auto response = route(request);
  const auto path = request.path();
  const auto place = path.starts_with('/') ? parse_path(path.substr(1)) : std::nullopt;
  add_safety(response, place && place->view == View::card);
  if (response.status != 200 || !reads(request)) {
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  }
  const auto etag = etag_of(response);
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  if (request.if_none_match == "*" || request.if_none_match.find(etag) != std::string::npos) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

HttpResponse Web::route(const HttpRequest& request) const {
  auto path = request.path();
  if (!path.starts_with('/')) return {.status = 400, .body = "the address must begin with a slash\n"};
  path.remove_prefix(1);
  if (path.starts_with("api/v1/")) return answer_api(site_, request, path.substr(7));
  if (path == "robots.txt" || path == "llms.txt" || path == "sitemap.xml" || path == "favicon.ico" ||
      path.starts_with("assets/")) {
    if (!reads(request)) return not_allowed("GET, HEAD");
    if (path == "robots.txt") return file(path, robots(site_));
    if (path == "llms.txt") return file(path, llms_text(site_));
    if (path == "favicon.ico") return redirect(301, "/assets/icon.svg");
    if (path == "sitemap.xml") {
      auto map = sitemap(site_);
      if (!map.empty()) return file(path, std::move(map));
    } else if (const auto* asset = find_web_file(path)) {
      return file(path, std::string(asset->content));
    } else if (path.starts_with("assets/search-") && path.ends_with(".js")) {
      const auto language = path.substr(14, path.size() - 17);
      if (site_.offers(language, "web")) return file(path, search_index(site_, language));
    }
    return {.status = 404, .body = "there is no such file\n"};
  }
  return page(request, path);
}

HttpResponse Web::page(const HttpRequest& request, std::string_view path) const {
  const auto place = parse_path(path);
  if (place && place->view == View::explain && site_.exists(*place)) return box(request, *place);
  if (!reads(request)) return not_allowed("GET, HEAD");
  if (place && place->view == View::entry && path.empty()) {
    auto answer = redirect(302, "/" + path_of({View::home, language_for(site_, request), {}}));
    answer.headers.emplace_back("Vary", "Accept-Language");
    return answer;
  }
  if (!place || !site_.exists(*place)) return moved(request, path, place);
  if (place->view == View::comparisons && !request.query().empty()) {
    const auto form = read_form(request.query());
    const auto a = form.find("a");
    const auto b = form.find("b");
    if (a != form.end() && b != form.end()) {
      Place chosen{View::comparison, place->language, comparison_item(std::vector<std::string>{a->second, b->second})};
      if (site_.exists(chosen)) return redirect(303, "/" + path_of(chosen));
    }
  }
  if (path != path_of(*place)) return redirect(301, moved_to(request, *place));
  auto found = site_.page(*place);
  if (!found) return of_page(404, site_.not_found(place->language, path));
  return of_page(200, std::move(*found));
}

// Nothing stands there: perhaps under another address.
HttpResponse Web::moved(const HttpRequest& request, std::string_view path, const std::optional<Place>& place) const {
  const auto other = place ? meant(site_, *place) : std::nullopt;
  if (other) return redirect(301, moved_to(request, *other));
  auto plain = percent_decoded(path, false);
  auto language = language_named(site_, plain);
  const bool named = !language.empty();
  if (named) plain.replace(0, plain.find('/'), language);
  if (!named) language = language_for(site_, request);
  const auto found = remembered(site_, plain, language);
  if (!found) return of_page(404, site_.not_found(language, path));
  auto answer = redirect(named ? 301 : 302, moved_to(request, *found));
  if (!named) answer.headers.emplace_back("Vary", "Accept-Language");
  return answer;
}

// GET with ?q= for links, POST for what should stand in no address and no log.
HttpResponse Web::box(const HttpRequest& request, const Place& place) const {
  if (!reads(request) && request.method != "POST") return not_allowed("GET, HEAD, POST");
  const auto form = read_form(request.method == "POST" ? std::string_view(request.body) : request.query());
  const auto q = form.find("q");
  const auto text = q == form.end() ? std::string_view() : trimmed(q->second);
  if (text.empty()) return of_page(200, *site_.page(place));
  const auto code = place_of_code(text, place.language);
  if (code) {
    auto to = *code;
    if (site_.exists(to)) return redirect(303, "/" + path_of(to));
  }
  const Place chosen{View::comparison, place.language, comparison_asked(text)};
  if (site_.exists(chosen)) return redirect(303, "/" + path_of(chosen));
  if (const auto* reason = knowledge::find_reason(to_lower(text))) {
    return redirect(303, "/" + path_of({View::reasons, place.language, {}}) + "#" + std::string(reason->key));
  }
  const auto stage = form.find("stage");
  return of_page(200, site_.explained(place.language, text, stage == form.end() ? "" : stage->second));
}

}  // namespace postil::console
