// A request and its answer, as the server hands them to whoever answers. No sockets here.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postil::console {

struct HttpRequest {
  std::string method;  // "GET", "HEAD", "POST"
  std::string target;  // as it came: "/de/explain?q=521"
  std::string body;    // at most HttpLimits::body_octets_max
  std::string content_type;
  std::string accept_language;
  std::string if_none_match;

  std::string_view path() const;   // before the ?, as it came
  std::string_view query() const;  // after it
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // further ones
};

// Names and values of a form or a query, decoded; the first of each name counts. What is not well-formed is taken as it
// is, and a value that is no UTF-8 gets '?' for the broken octets.
std::map<std::string, std::string, std::less<>> read_form(std::string_view text);
// "%C3%A4" as octets; plus: '+' is a space.
std::string percent_decoded(std::string_view text, bool plus);

}  // namespace postil::console
