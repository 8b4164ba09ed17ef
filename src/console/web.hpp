// The reference over HTTP: pages, the box, the JSON API, search, llms.txt. Pure: a request in, an answer out; the
// server is http_server.hpp. Nothing of a request is kept or logged.
#pragma once

#include "console/http.hpp"
#include "console/site.hpp"

namespace postil::console {

class Web {
 public:
  // url: where the site stands for its readers (SiteOptions::url); may be empty.
  explicit Web(std::string url);
  // HEAD is answered like GET; the server leaves the body out. May be called from any thread.
  HttpResponse answer(const HttpRequest& request) const;
  const Site& site() const { return site_; }

 private:
  HttpResponse route(const HttpRequest& request) const;
  HttpResponse page(const HttpRequest& request, std::string_view path) const;
  HttpResponse moved(const HttpRequest& request, std::string_view path, const std::optional<Place>& place) const;
  HttpResponse box(const HttpRequest& request, const Place& place) const;

  Site site_;
};

// Answers of the API (web/openapi.json). path: what stands after "/api/v1/".
HttpResponse answer_api(const Site& site, const HttpRequest& request, std::string_view path);

// Files beside the pages, for a site that is served and for one that is written.
std::string llms_text(const Site& site);
std::string sitemap(const Site& site);  // "" without SiteOptions::url
std::string robots(const Site& site);
std::string search_index(const Site& site, std::string_view language);  // a script

}  // namespace postil::console
