// The texts that people read, in their language. Texts have keys ("send.refused"); the English ones
// stand in data/text/en/AREA.toml, the others in po/LANG/AREA.po; all are built into the program, so
// that neither installed files nor the system's locale matter. How to add a text: docs/translation.md.
//
// An area is offered in a language only when all of it is translated; otherwise the whole area is English.
// Never for the wire: replies are ASCII English and come from reply/catalogue.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postil::i18n {

// Name and literal: a code, an address, a number, a file name. Never a word or a part of a sentence,
// since those need another form in another language.
using Arg = std::pair<std::string_view, std::string>;
using Args = std::vector<Arg>;

// Immutable: one may be used by all threads. Making one reads a catalogue of some 100 KiB (under a
// millisecond): make one for each language, not one for each text. Copies share the catalogue.
class Translator {
 public:
  // language: one of known_languages(); any other is English.
  explicit Translator(std::string_view language = "en");

  // The text of a key, with {name} replaced by the argument of that name. A placeholder without
  // argument stays as it is; an unknown key gives the key itself (scripts/check-translations.py
  // finds both before a release).
  std::string text(std::string_view key, const Args& args = {}) const;
  // A text in which a count decides about the form of words; {n} is given. n counts things.
  std::string count(std::string_view key, std::uint64_t n, const Args& args = {}) const;
  bool has(std::string_view key) const;

  // "de". Where a page or a MIME part says its language, ask for that of the area: it may be "en".
  std::string_view language() const { return language_; }
  std::string_view language_of(std::string_view area) const;

 private:
  struct Catalogue;
  std::string_view language_;
  std::shared_ptr<const Catalogue> catalogue_;
};

// "de", "en", "ru": languages in which every area is complete; sorted. They are what is offered.
const std::vector<std::string_view>& languages();
// Languages in which at least one area is complete.
const std::vector<std::string_view>& known_languages();

// The language for a tag as people and systems write them: "de", "de-AT", "de_DE.UTF-8@euro", "C".
// "" when there is none for it; "C" and "POSIX" are "en".
std::string_view match_language(std::string_view tag);
// The best language for an Accept-Language field [rfc9110 12.5.4] or a Content-Language list; "" when none fits.
std::string_view match_accept_language(std::string_view field);

}  // namespace postil::i18n
