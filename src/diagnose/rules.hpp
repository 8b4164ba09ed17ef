// The rules that turn a refusal into a reason: data/vendors (providers, their tokens, hosts and replies) and data/rules
// (wording, then codes), built into the program. docs/knowledge.md documents their form and order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.hpp"
#include "diagnose/classify.hpp"

namespace postil::diagnose {

// The parts in which rules are asked, in this order.
enum class Tier : std::uint8_t { vendor, wording, code };

// A refusal that must be decided by its rule, in a form of our own; tests walk over all of them.
struct Sample {
  std::string text;  // "550 5.1.1 no such user", codes first or none
  std::string host;
  std::string mta;
  knowledge::Stage stage = knowledge::Stage::any;
  Side side = Side::unknown;
};

struct StatusRange {
  std::uint8_t klass = 0;  // 0: either
  std::uint16_t subject = 0;
  std::uint16_t first = 0;  // details
  std::uint16_t last = 0;
};

struct Rule {
  std::string id;
  Tier tier = Tier::wording;
  std::string vendor;     // of tier vendor: its id
  bool anywhere = false;  // of tier vendor: tells the vendor by itself
  bool has_pattern = false;
  // Conditions; empty ones hold.
  std::vector<std::pair<knowledge::Code, knowledge::Code>> codes;  // ranges of basic codes
  std::vector<StatusRange> statuses;
  std::uint8_t klass = 0;
  std::vector<knowledge::Stage> stages;
  std::optional<Side> side;
  std::string mta;
  // What it says.
  knowledge::Reason reason = knowledge::Reason::unknown;
  std::optional<knowledge::Role> who;  // where the reason's own does not fit
  std::optional<knowledge::Action> action;
  double confidence = 0;
  bool weak = false;     // a code that is clear goes before it
  bool expired = false;  // the message's time was over; the cause may stand beside it
  knowledge::Stage tells = knowledge::Stage::any;
  std::string because;  // key
  std::string note;     // key of a text about this reply, or empty
  std::string source;   // of tier vendor: key in the vendor's sources
  std::vector<Sample> samples;
};

struct Source {
  std::string id;
  std::string title;
  std::string url;    // may be empty
  std::string as_of;  // the date of what was read, "2026-06-18"
};

struct Vendor {
  std::string id;
  std::string name;                // a proper name, in no language
  std::vector<std::string> hosts;  // suffixes of host names
  std::vector<std::string> mtas;   // values of Refusal::mta
  std::string postmaster;          // address of its page for senders; may be empty
  std::vector<Source> sources;
};

// One compiled set. Immutable; all functions may be called from any thread.
class RuleSet {
 public:
  // files: TOML, named "vendors/gmail.toml", "rules/10-....toml". Throws std::logic_error with the place of what is
  // wrong in them: they are part of the program.
  explicit RuleSet(std::span<const EmbeddedFile> files);
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  // The set that is built in; compiled at the first call.
  static const RuleSet& built_in();

  std::span<const Rule> rules() const;      // in the order in which they are asked
  std::span<const Vendor> vendors() const;  // by id
  const Vendor* vendor(std::string_view id) const;
  // What a provider means by an enhanced code that stands alone: the first rule without words that names the code;
  // null: none, or providers disagree. code: 0: not given.
  const Rule* by_status(knowledge::Code code, reply::EnhancedCode enhanced) const;
  // Patterns that no part of a text can rule out beforehand; each costs time for each text.
  std::vector<std::string> unfiltered() const;

  struct Hit {
    const Rule* rule = nullptr;
    std::size_t from = 0;  // in the folded text; from == to: no pattern
    std::size_t to = 0;
  };
  struct Asked {
    const Refusal* refusal = nullptr;  // for the conditions
    std::string_view folded;           // the text that the patterns are matched with
  };
  struct Hits {
    Hit first;                // the first rule of tiers vendor and wording that is not weak and not `expired`
    Hit rival;                // where `first` is a wording: a later one that tells a reason of another group
    Hit weak;                 // the first weak one
    Hit expired;              // the first `expired` one
    Hit code;                 // the first of tier code
    std::string_view vendor;  // id, from tokens in the text or the host; empty: not known
  };
  Hits ask(const Asked& asked) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace postil::diagnose
