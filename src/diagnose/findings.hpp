// From what a check saw to what it means: findings with stable ids, the evidence, and what to publish, run or write.
// Pure: the same observations give the same findings, on any machine and at any time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/observations.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {

// fail: mail or safety breaks now; warn: recommended; info: a fact; skip: not applicable; unknown: could not be tested.
enum class Word : std::uint8_t { ok, fail, warn, info, skip, unknown };
inline constexpr std::size_t words_count = 6;
std::string_view to_string(Word word);
std::optional<Word> find_word(std::string_view word);

enum class Area : std::uint8_t { receiving, sending, login };
inline constexpr std::size_t areas_count = 3;
std::string_view to_string(Area area);

enum class FindingId : std::uint8_t {
#define FINDING(key, name, word, area, part) key,
#include "diagnose/findings.def"
#undef FINDING
};

struct FindingEntry {
  FindingId id;
  std::string_view key;   // "mx_null": check.finding.KEY.text and .more
  std::string_view name;  // "MX-NULL": what people see, and JSON's id
  Word word;
  Area area;
  Part part;
};
const std::vector<FindingEntry>& finding_entries();
const FindingEntry& entry(FindingId id);
// By name, in any case.
const FindingEntry* find_finding(std::string_view name);

struct Advice {
  enum class Kind : std::uint8_t { publish, run, configure } kind = Kind::publish;
  std::string literal;  // a record in zone file form, a command, a configuration line
};
std::string_view to_string(Advice::Kind kind);

// What stands for an argument in the sentence: a text of the area check_detail, and behind it a colon and a literal.
struct Phrase {
  std::string_view name;  // of the argument, whose value in `args` is for programs
  std::string key;        // "net.timed_out"
  std::string literal = {};
};

// An argument that is a list: its value in `args` has commas, the sentence what the reader's language has.
struct ArgumentList {
  std::string_view name;
  std::vector<std::string> items;
};

struct Finding {
  FindingId id{};
  std::vector<std::string> about;     // literals: hosts, addresses; empty = the subject itself
  i18n::Args args;                    // for the text; literals
  std::vector<std::string> evidence;  // literals: records as they stand, lines of the conversation
  std::vector<Advice> advice;
  std::vector<Phrase> phrases = {};
  std::vector<ArgumentList> lists = {};

  // name: lasts as long as the program.
  void add_list(std::string_view name, const std::vector<std::string>& items);
};

// Its sentence, without what it is about.
std::string text_of(const Finding& finding, const i18n::Translator& tr);

// All of them, in the order of areas and parts; only of the parts that the request has.
std::vector<Finding> find_all(const Observations& seen);

// untested: nothing could be told, or the one question of a login or a recipient could not be answered.
enum class CheckOutcome : std::uint8_t { good, fails, untested };
CheckOutcome check_outcome(const Observations& seen, const std::vector<Finding>& findings);

// "example.org.  MX  0 ."; long TXT values in strings of 255 octets, quoted.
std::string record_line(std::string_view name, std::string_view type, std::string_view data);
std::string txt_line(std::string_view name, std::string_view value);

}  // namespace postil::diagnose
