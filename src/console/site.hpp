// The reference as pages: which there are, and what stands on each. Pure: the static export and the server give the
// same page for the same place. Texts come from diagnose, knowledge and i18n, as in the terminal.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "console/place.hpp"
#include "i18n/translator.hpp"

namespace postil::console {

struct SiteOptions {
  // Where the site stands, "https://example.org/mail/", for canonical addresses, sitemap.xml and the card's snippet.
  // Empty: these are relative.
  std::string url;
  bool files = false;  // a static site: links name files, and the box is answered by a script
};

struct Page {
  std::string html;
  std::string language;
  bool indexed = true;  // search engines may list it
};

// Immutable; may be used by all threads.
class Site {
 public:
  explicit Site(SiteOptions options);

  // Languages in which all that the site needs is translated; "en" is one.
  const std::vector<std::string>& languages() const { return languages_; }
  const i18n::Translator& translator(std::string_view language) const;  // English for an unknown one
  // Whether all of an area is there in that language (guides may be younger than the rest).
  bool offers(std::string_view language, std::string_view area) const;

  bool exists(const Place& place) const;
  // Nothing where there is no such page. The page of View::explain has an empty box.
  std::optional<Page> page(const Place& place) const;
  // What the box answers. stage: a key of knowledge::Stage, or "". The input is shown nowhere but as far as
  // diagnose::explain quotes it.
  Page explained(std::string_view language, std::string_view input, std::string_view stage = {}) const;
  // path: as it was asked for, for the links.
  Page not_found(std::string_view language, std::string_view path) const;

  // Every page of a static site: all pairs of basic codes, and the reviewed pairs.
  std::vector<Place> places() const;
  const SiteOptions& options() const { return options_; }
  // Absolute where options().url is set; "" where it is not.
  std::string address(const Place& place) const;

 private:
  SiteOptions options_;
  std::vector<std::string> languages_;
  std::map<std::string, i18n::Translator, std::less<>> translators_;
};

std::string_view direction(std::string_view language);         // "ltr", "rtl"
std::string_view name_of_language(std::string_view language);  // in itself: "Deutsch"

}  // namespace postil::console
