#include "i18n/translator.hpp"

#include <algorithm>
#include <boost/locale/gnu_gettext.hpp>
#include <locale>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/embedded.hpp"

namespace postil {
std::span<const EmbeddedFile> text_files();
}

namespace postil::i18n {
namespace {

using Facet = boost::locale::message_format<char>;

std::string_view embedded(std::string_view name) {
  for (const auto& file : text_files()) {
    if (file.name == name) return file.content;
  }
  return {};
}

struct Offer {
  std::string_view language;
  std::vector<std::string_view> areas;
};

// areas.txt: "de cli explain".
const std::vector<Offer>& offers() {
  static const std::vector<Offer> all = [] {
    std::vector<Offer> out;
    for (auto line : split(embedded("areas.txt"), '\n')) {
      if (line.empty()) continue;
      auto words = split(line, ' ');
      Offer offer{.language = words.front(), .areas = {}};
      offer.areas.assign(words.begin() + 1, words.end());
      out.push_back(std::move(offer));
    }
    return out;
  }();
  return all;
}

const Offer* offer_of(std::string_view language) {
  const auto at = std::ranges::find(offers(), language, &Offer::language);
  return at == offers().end() ? nullptr : &*at;
}

std::locale load(std::string_view language) {
  boost::locale::gnu_gettext::messages_info info;
  info.language = language;
  info.encoding = "UTF-8";
  info.domains.emplace_back("postil");
  info.paths.emplace_back("/");
  info.callback = [language](const std::string&, const std::string&) {
    const auto content = embedded(std::string(language) + ".mo");
    return std::vector<char>(content.begin(), content.end());
  };
  return {std::locale::classic(), boost::locale::gnu_gettext::create_messages_facet<char>(info)};
}

std::string fill(std::string_view text, const Args& args) {
  std::string out;
  for (;;) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return out += text.substr(open);
    const auto arg = std::ranges::find(args, text.substr(open + 1, close - open - 1), &Arg::first);
    out += arg == args.end() ? text.substr(open, close - open + 1) : std::string_view(arg->second);
    text.remove_prefix(close + 1);
  }
}

// A language range matches on its whole, then on ever shorter beginnings: "de-AT" finds "de" [rfc4647 3.4]; and a
// language that is there in the form of one country only stands for all of them: "pt" finds "pt-BR". Chinese is two
// ways of writing: who reads the traditional one is not given the simplified one.
std::string_view lookup(std::string range) {
  for (const std::string_view traditional : {"zh-Hant", "zh-TW", "zh-HK", "zh-MO"}) {
    if (istarts_with(range, traditional)) return {};
  }
  for (;;) {
    for (auto known : known_languages()) {
      if (iequals(known, range) || iequals(known.substr(0, known.find('-')), range)) return known;
    }
    const auto dash = range.rfind('-');
    if (dash == std::string::npos) return {};
    range.resize(dash);
  }
}

}  // namespace

struct Translator::Catalogue {
  std::locale own;
  std::locale english;
  const Facet* facet = nullptr;
  const Facet* english_facet = nullptr;

  explicit Catalogue(std::string_view language) : own(load(language)), english(language == "en" ? own : load("en")) {
    facet = &std::use_facet<Facet>(own);
    english_facet = &std::use_facet<Facet>(english);
  }
};

Translator::Translator(std::string_view language) {
  const Offer* offer = offer_of(language);
  if (offer == nullptr) offer = offer_of("en");
  POSTIL_ASSERT(offer != nullptr);
  language_ = offer->language;
  catalogue_ = std::make_shared<const Catalogue>(language_);
}

std::string Translator::text(std::string_view key, const Args& args) const {
  const std::string id(key);
  const char* found = catalogue_->facet->get(0, nullptr, id.c_str());
  if (found == nullptr) found = catalogue_->english_facet->get(0, nullptr, id.c_str());
  return found == nullptr ? id : fill(found, args);
}

std::string Translator::count(std::string_view key, std::uint64_t n, const Args& args) const {
  std::string id(key);
  // Only the form hangs on this number, and forms repeat with the last digits.
  const int form = static_cast<int>(n < 1000000 ? n : 1000000 + n % 1000000);
  const char* found = catalogue_->facet->get(0, nullptr, id.c_str(), form);
  if (found == nullptr) found = catalogue_->english_facet->get(0, nullptr, id.c_str(), form);
  if (found == nullptr) return id;
  Args all = args;
  all.emplace_back("n", std::to_string(n));
  return fill(found, all);
}

bool Translator::has(std::string_view key) const {
  return catalogue_->english_facet->get(0, nullptr, std::string(key).c_str()) != nullptr;
}

std::string_view Translator::language_of(std::string_view area) const {
  const Offer* offer = offer_of(language_);
  return std::ranges::find(offer->areas, area) != offer->areas.end() ? language_ : std::string_view("en");
}

const std::vector<std::string_view>& languages() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> out;
    const std::size_t whole = offer_of("en")->areas.size();
    for (const auto& offer : offers()) {
      if (offer.areas.size() == whole) out.push_back(offer.language);
    }
    std::ranges::sort(out);
    return out;
  }();
  return all;
}

const std::vector<std::string_view>& known_languages() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> out;
    for (const auto& offer : offers()) {
      if (!offer.areas.empty()) out.push_back(offer.language);
    }
    std::ranges::sort(out);
    return out;
  }();
  return all;
}

std::string_view match_language(std::string_view tag) {
  std::string range(tag.substr(0, tag.find_first_of(".@")));
  if (range == "C" || range == "POSIX") return "en";
  std::ranges::replace(range, '_', '-');
  return lookup(std::move(range));
}

std::string_view match_accept_language(std::string_view field) {
  std::string_view best;
  double best_weight = 0;
  for (auto part : split(field.substr(0, 1000), ',')) {
    auto pieces = split(part, ';');
    double weight = 1;
    for (auto piece : std::vector(pieces.begin() + 1, pieces.end())) {
      piece = trim(piece);
      if (!istarts_with(piece, "q=")) continue;
      weight = 0;
      double unit = 1;
      for (char c : piece.substr(2)) {
        if (c == '.') continue;
        if (!is_digit(c)) {
          weight = 0;
          break;
        }
        weight += (c - '0') * unit;
        unit /= 10;
      }
    }
    const auto language = match_language(trim(pieces.front()));
    if (!language.empty() && weight > best_weight) {
      best = language;
      best_weight = weight;
    }
  }
  return best;
}

}  // namespace postil::i18n
