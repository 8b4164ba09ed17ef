// Where a page of the reference stands: the one place that knows how addresses are written. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postil::console {

enum class View : std::uint8_t {
  entry,        // "": leads to a language
  home,         // de/
  codes,        // de/smtp/
  code,         // de/smtp/521
  code_class,   // de/smtp/5xx
  status,       // de/smtp/status/x.7.1, or with its class: 5.7.1
  subject,      // de/smtp/status/x.7.x
  stage,        // de/smtp/stage/rcpt
  comparisons,  // de/smtp/compare/
  comparison,   // de/smtp/compare/235-vs-521
  reasons,      // de/reasons
  guides,       // de/guides/
  guide,        // de/guides/null-mx
  glossary,     // de/glossary
  providers,    // de/providers/
  provider,     // de/providers/gmail
  explain,      // de/explain: the box, and what it answers
  card,         // de/card/521: to be embedded
};

struct Place {
  View view = View::entry;
  std::string language;  // "" for entry only
  std::string item;      // what stands after the view's folder; "" for views without
  friend bool operator==(const Place&, const Place&) = default;
};

// Without a slash at the start; ends with one where it is a folder.
std::string path_of(const Place& place);
// The file of a static site that answers for it: "de/smtp/521.html", "de/smtp/index.html".
std::string file_of(const Place& place);
// What an address names by its form alone; whether there is such a page is for Site to say. path: without the slash at
// the start, with or without ".html" at the end.
std::optional<Place> parse_path(std::string_view path);

// "235-vs-521", smaller code first. From codes as given (two or three), or from an address: words after a code are
// dropped ("521-host-does-not-accept-mail-vs-556-..."). Empty when that is no comparison.
std::string comparison_item(std::vector<std::string> codes);
std::string comparison_item(std::string_view address);
// "235-vs-521" for what somebody writes into a box: "235 vs 521", "521/235", "5.1.1 and 5.1.10"; "" for everything
// else, also for "550 5.1.1", which is one reply.
std::string comparison_asked(std::string_view words);
std::vector<std::string> codes_of_comparison(std::string_view item);

// Links from one page to others, relative, so that a site works in any folder and from a disk.
class Links {
 public:
  // from: the path of the page that has the links. files: link to the files of a static site.
  Links(std::string_view from, bool files);
  std::string to(const Place& place) const;
  std::string asset(std::string_view name) const;  // "../assets/site.css"
  std::string root(std::string_view path) const;   // a file at the root: "../../llms.txt"

 private:
  std::string up_;
  bool files_;
};

}  // namespace postil::console
