#include "dsn/human_reader.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/bytes.hpp"
#include "dsn/human.hpp"
#include "i18n/translator.hpp"

namespace postil::dsn {
namespace {

constexpr std::size_t address_octets_max = 512;
constexpr std::size_t said_octets_max = 4096;
constexpr std::string_view hole = "\x01";  // in the place of an argument

// Lines are broken anew on their way, between letters in some languages: words are compared without spaces.
std::string compact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return c != ' ' && c != '\t' && c != '\n'; });
  return out;
}

std::string without_digits(std::string text) {
  std::erase_if(text, is_digit);
  return text;
}

// A sentence in which arguments stand, as what is around them.
using Pieces = std::vector<std::string>;

Pieces pieces_of(const std::string& text) {
  Pieces out;
  const std::string words = compact(text);
  for (const auto piece : split(words, hole.front())) out.emplace_back(piece);
  return out;
}

// The argument in the first hole of a sentence; nothing where the words are not that sentence.
std::optional<std::string_view> first_argument(std::string_view words, const Pieces& sentence) {
  if (!words.starts_with(sentence.front()) || !words.ends_with(sentence.back())) return std::nullopt;
  if (words.size() < sentence.front().size() + sentence.back().size()) return std::nullopt;
  std::string_view inside = words.substr(sentence.front().size());
  inside.remove_suffix(sentence.back().size());
  for (std::size_t i = 1; i + 1 < sentence.size(); ++i) {
    const auto at = inside.find(sentence[i]);
    if (at == std::string_view::npos) return std::nullopt;
    inside = inside.substr(0, at);
  }
  return inside;
}

// What a language's reports are known by.
struct Sentences {
  std::string end;  // the beginning of the last sentence
  std::vector<std::pair<Kind, std::string>> intros;
  struct Meaning {
    std::string words;
    knowledge::Reason cause = knowledge::Reason::unknown;
    std::string_view advice;  // HumanRecipient::advice
  };
  std::vector<Meaning> causes;  // longest first
  struct Quote {
    Pieces sentence;
    bool by_remote = false;
  };
  std::array<Quote, 5> quotes;  // what leads what was said; narrower ones first

  explicit Sentences(const i18n::Translator& tr) {
    const std::string gap(hole);
    end = pieces_of(tr.text("bounce.end", {{"host", gap}, {"id", gap}})).front();
    for (const auto kind : {Kind::failed, Kind::delayed, Kind::relayed, Kind::delivered}) {
      for (const std::uint64_t n : {0, 1, 2, 3, 5, 11, 100}) {  // each form that a language has
        const auto text = tr.count("bounce.intro." + std::string(to_string(kind)), n);
        intros.emplace_back(kind, without_digits(compact(text)));
      }
    }
    for (const auto& advice : all_advice()) {
      const bool near = advice.nearest != knowledge::Reason::unknown;
      const auto cause = near ? advice.nearest : advice.cause;
      if (cause == knowledge::Reason::unknown) continue;
      const auto key = "bounce.advice." + std::string(advice.id) + ".what";
      causes.push_back({compact(tr.text(key)), cause, near ? advice.id : std::string_view()});
    }
    for (const auto& entry : knowledge::reasons()) {
      if (entry.reason == knowledge::Reason::unknown) continue;
      causes.push_back({compact(tr.text("reason." + std::string(entry.key) + ".what")), entry.reason, {}});
    }
    std::ranges::sort(causes, std::greater{}, [](const auto& cause) { return cause.words.size(); });
    const i18n::Args both{{"remote", gap}, {"date", gap}};
    quotes = {
        Quote{pieces_of(tr.text("bounce.said_before", both)), true},
        Quote{pieces_of(tr.text("bounce.said", both)), true}, Quote{pieces_of(tr.text("bounce.noted_of", both)), false},
        Quote{pieces_of(tr.text("bounce.said_by_unknown")), true}, Quote{pieces_of(tr.text("bounce.noted")), false}};
  }
};

const Sentences& sentences_of(std::string_view language) {
  static const std::map<std::string_view, Sentences> all = [] {
    std::map<std::string_view, Sentences> made;
    for (const auto known : i18n::known_languages()) made.emplace(known, Sentences(i18n::Translator(known)));
    return made;
  }();
  return all.at(language);
}

// The one whose last sentence comes first: behind it the same may stand in English.
const Sentences* language_of(const std::vector<std::string>& paragraphs) {
  std::string words;
  for (const auto& paragraph : paragraphs) words += compact(paragraph);
  const Sentences* found = nullptr;
  std::size_t first = std::string::npos;
  for (const auto language : i18n::known_languages()) {
    const auto& sentences = sentences_of(language);
    if (const auto at = words.find(sentences.end); !sentences.end.empty() && at < first) {
      first = at;
      found = &sentences;
    }
  }
  return found;
}

// Paragraphs on one line each, without the marks of a quotation.
std::vector<std::string> paragraphs_of(std::string_view text) {
  std::vector<std::string> out;
  bool open = false;
  for (auto line : split(text, '\n')) {
    while (line.starts_with('>')) line = trim(line.substr(1));
    line = trim(line);
    if (line.empty()) {
      open = false;
      continue;
    }
    if (open) {
      out.back() += ' ';
      out.back() += line;
    } else {
      out.emplace_back(line);
    }
    open = true;
  }
  return out;
}

std::string address_in(std::string_view paragraph) {
  if (paragraph.size() < 3 || paragraph.size() > address_octets_max || !paragraph.starts_with('<') ||
      !paragraph.ends_with('>') || paragraph.find('@') == std::string_view::npos)
    return {};
  const auto inside = paragraph.substr(1, paragraph.size() - 2);
  return inside.find_first_of("<> ") == std::string_view::npos ? std::string(inside) : std::string();
}

class Reader {
 public:
  Reader(const Sentences& sentences, std::size_t recipients_max)
      : sentences_(sentences), recipients_max_(recipients_max) {}

  std::optional<HumanReport> read(const std::vector<std::string>& paragraphs) {
    for (const auto& paragraph : paragraphs) {
      if (const auto words = compact(paragraph); !take(paragraph, words)) break;
    }
    if (out_.recipients.empty()) return std::nullopt;
    const auto intro = without_digits(std::move(before_));
    const auto kind = std::ranges::find_if(
        sentences_.intros, [&](const auto& one) { return intro.find(one.second) != std::string::npos; });
    if (kind == sentences_.intros.end()) return std::nullopt;
    out_.kind = kind->first;
    return std::move(out_);
  }

 private:
  // False: the report is over.
  bool take(const std::string& paragraph, const std::string& words) {
    if (words.find(sentences_.end) != std::string::npos) return false;
    auto address = address_in(paragraph);
    if (!address.empty() && !quoted_) {
      if (out_.recipients.size() == recipients_max_) return false;
      out_.recipients.push_back({.address = std::move(address), .advice = {}, .said = {}, .remote = {}});
      fresh_ = true;
      return true;
    }
    if (out_.recipients.empty()) {
      before_ += words;
      return true;
    }
    auto& recipient = out_.recipients.back();
    if (std::exchange(fresh_, false)) {
      const auto cause =
          std::ranges::find_if(sentences_.causes, [&](const auto& one) { return words.starts_with(one.words); });
      if (cause != sentences_.causes.end()) {
        recipient.cause = cause->cause;
        recipient.advice = cause->advice;
      }
    } else if (std::exchange(quoted_, false)) {
      recipient.said = paragraph.substr(0, said_octets_max);
    } else {
      leads_quote(words, recipient);
    }
    return true;
  }

  void leads_quote(std::string_view words, HumanRecipient& recipient) {
    for (const auto& [sentence, by_remote] : sentences_.quotes) {
      const auto remote = first_argument(words, sentence);
      if (!remote || (sentence.size() == 1 && words != sentence.front())) continue;
      if (sentence.size() > 1) recipient.remote = remote->substr(0, std::min(remote->find('['), address_octets_max));
      recipient.by_remote = by_remote;
      quoted_ = true;
      return;
    }
  }

  const Sentences& sentences_;
  std::size_t recipients_max_;
  HumanReport out_;
  std::string before_;   // what comes before the first recipient
  bool fresh_ = false;   // what happened comes next
  bool quoted_ = false;  // what was said comes next
};

}  // namespace

std::optional<HumanReport> read_human_part(std::string_view text, std::size_t recipients_max) {
  const auto paragraphs = paragraphs_of(text);
  if (std::ranges::none_of(paragraphs, [](const auto& one) { return !address_in(one).empty(); })) return std::nullopt;
  const auto* sentences = language_of(paragraphs);
  if (sentences == nullptr) return std::nullopt;
  return Reader(*sentences, recipients_max).read(paragraphs);
}

}  // namespace postil::dsn
