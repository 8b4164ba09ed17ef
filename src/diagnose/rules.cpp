#include "diagnose/rules.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "base/bytes.hpp"
#include "diagnose/atoms.hpp"
#include "diagnose/required.hpp"
#include "diagnose/rules_read.hpp"

namespace postil {
std::span<const EmbeddedFile> rule_files();
}

namespace postil::diagnose {
namespace {

// Rules below it name a cause in words that stand beside other causes as well.
constexpr double rival_confidence_min = 0.9;

// A pattern of many alternatives has many states; those that do not fit are made again for each text.
constexpr std::size_t long_pattern_octets = 2000;
constexpr std::int64_t memory_octets = 4 << 20;
constexpr std::int64_t long_pattern_memory_octets = 16 << 20;

RE2::Options options(std::string_view pattern) {
  RE2::Options out;
  // The folded text is lower case, and its letters beyond ASCII are compared octet by octet.
  out.set_encoding(RE2::Options::EncodingLatin1);
  out.set_case_sensitive(true);
  out.set_log_errors(false);
  out.set_max_mem(pattern.size() > long_pattern_octets ? long_pattern_memory_octets : memory_octets);
  return out;
}

bool is_under(std::string_view host, std::string_view suffix) {
  if (!host.ends_with(suffix)) return false;
  return host.size() == suffix.size() || host[host.size() - suffix.size() - 1] == '.';
}

bool covers(const StatusRange& range, reply::EnhancedCode code) {
  return code && (range.klass == 0 || range.klass == code.klass) && range.subject == code.subject &&
         range.first <= code.detail && code.detail <= range.last;
}

unsigned klass_of(const Refusal& refusal) {
  if (refusal.code >= 400 && refusal.code <= 599) return refusal.code / 100u;
  return refusal.enhanced.klass;
}

bool conditions_hold(const Rule& rule, const Refusal& refusal) {
  const auto in = [&](const auto& range) { return range.first <= refusal.code && refusal.code <= range.second; };
  if (!rule.codes.empty() && std::ranges::none_of(rule.codes, in)) return false;
  const auto of = [&](const StatusRange& range) { return covers(range, refusal.enhanced); };
  if (!rule.statuses.empty() && std::ranges::none_of(rule.statuses, of)) return false;
  if (rule.klass != 0 && rule.klass != klass_of(refusal)) return false;
  if (!rule.stages.empty() && std::ranges::find(rule.stages, refusal.stage) == rule.stages.end()) return false;
  if (rule.side && *rule.side != refusal.side) return false;
  return rule.mta.empty() || rule.mta == refusal.mta;
}

knowledge::Group kind_of(knowledge::Reason reason) {
  // A domain that takes no mail says so of itself or of its host.
  if (reason == knowledge::Reason::recipient_null_mx) return knowledge::Group::domain_dns;
  return knowledge::entry(reason).group;
}

// Two sure wordings that tell causes of different kinds: "User unknown or mailbox full".
bool is_rival(const Rule& first, const Rule& other) {
  return first.tier == Tier::wording && other.tier == Tier::wording && !other.weak && !other.expired &&
         other.confidence >= rival_confidence_min && kind_of(first.reason) != kind_of(other.reason);
}

// "mx.example.net. (192.0.2.1, the server ...)" and the like: the name alone.
std::string host_name(std::string_view host) {
  const auto end = std::ranges::find_if(host, [](char c) { return !is_alnum(c) && c != '.' && c != '-' && c != '_'; });
  std::string out = to_lower(host.substr(0, static_cast<std::size_t>(end - host.begin())));
  while (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

namespace {

// Compiled when a text is the first that may match it: that takes up to a millisecond. Two callers may do it at the
// same time; one result is kept. (The compiler's own operations: modules of this level know no threads.)
class Pattern {
 public:
  Pattern(std::string text, std::string where) : text_(std::move(text)), where_(std::move(where)) {}
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() { delete compiled_; }

  const std::string& text() const { return text_; }
  const std::string& where() const { return where_; }
  const RE2& compiled() const {
    const RE2* known = __atomic_load_n(&compiled_, __ATOMIC_ACQUIRE);
    if (known != nullptr) return *known;
    auto made = std::make_unique<const RE2>(text_, options(text_));
    if (!made->ok()) throw std::logic_error(fmt::format("pattern of {}: {}", where_, made->error()));
    const bool first =
        __atomic_compare_exchange_n(&compiled_, &known, made.get(), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return first ? *made.release() : *known;
  }

 private:
  std::string text_;
  std::string where_;
  mutable const RE2* compiled_ = nullptr;
};

}  // namespace

struct RuleSet::Parts {
  RulesRead read;
  std::vector<std::unique_ptr<Pattern>> patterns;  // of rules, in order, then of tokens
  std::vector<std::size_t> owner;                  // of a pattern: the rule, or the token
  std::vector<std::unique_ptr<Pattern>> excepts;   // by rule; null: none
  std::vector<std::size_t> plain;                  // rules without a pattern
  std::size_t first_token = 0;                     // pattern number
  // What a text needs to have: for a pattern one of its alternatives, for that each of its sets, for a set one atom.
  struct Alternative {
    int pattern = 0;
    std::size_t sets = 0;
  };
  Atoms atoms;
  std::vector<std::vector<std::size_t>> sets_with;  // by atom
  std::vector<std::size_t> alternative_of;          // by set
  std::vector<Alternative> alternatives;
  std::vector<int> always;  // patterns that may match any text

  void prepare();
  void prepare_atoms();
  void find_candidates(std::string_view folded, std::vector<int>& out) const;
  bool holds(std::size_t rule, const Asked& asked, const std::vector<bool>& vendors) const;
};

void RuleSet::Parts::prepare() {
  excepts.resize(read.rules.size());
  for (std::size_t i = 0; i < read.rules.size(); ++i) {
    const auto& id = read.rules[i].id;
    if (!read.excepts[i].empty()) excepts[i] = std::make_unique<Pattern>(read.excepts[i], id);
    if (!read.rules[i].has_pattern) {
      plain.push_back(i);
      continue;
    }
    patterns.push_back(std::make_unique<Pattern>(read.patterns[i], id));
    owner.push_back(i);
  }
  first_token = owner.size();
  for (std::size_t i = 0; i < read.tokens.size(); ++i) {
    patterns.push_back(std::make_unique<Pattern>(read.tokens[i].pattern, read.vendors[read.tokens[i].vendor].id));
    owner.push_back(i);
  }
  prepare_atoms();
}

void RuleSet::Parts::prepare_atoms() {
  std::map<std::string, std::vector<std::size_t>> by_atom;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto required = required_strings(patterns[i]->text(), Atoms::length_min);
    if (required.empty()) always.push_back(static_cast<int>(i));
    for (const auto& sets : required) {
      for (const auto& set : sets) {
        for (const auto& atom : set) by_atom[atom].push_back(alternative_of.size());
        alternative_of.push_back(alternatives.size());
      }
      alternatives.push_back({static_cast<int>(i), sets.size()});
    }
  }
  std::vector<std::string> strings;
  for (auto& [atom, sets] : by_atom) {
    strings.push_back(atom);
    sets_with.push_back(std::move(sets));
  }
  atoms.build(std::move(strings));
}

// In the order of the rules, each once.
void RuleSet::Parts::find_candidates(std::string_view folded, std::vector<int>& out) const {
  std::vector<int> found;
  atoms.find(folded, found);
  out = always;
  std::vector<bool> met(alternative_of.size());
  std::vector<std::uint8_t> sets_met(alternatives.size());
  for (const int atom : found) {
    for (const auto set : sets_with[static_cast<std::size_t>(atom)]) {
      if (met[set]) continue;
      met[set] = true;
      const auto alternative = alternative_of[set];
      if (++sets_met[alternative] == alternatives[alternative].sets) out.push_back(alternatives[alternative].pattern);
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
}

bool RuleSet::Parts::holds(std::size_t index, const Asked& asked, const std::vector<bool>& known) const {
  const Rule& rule = read.rules[index];
  if (rule.tier == Tier::vendor && !rule.anywhere) {
    const auto at = std::ranges::lower_bound(read.vendors, rule.vendor, {}, &Vendor::id);
    if (!known[static_cast<std::size_t>(at - read.vendors.begin())]) return false;
  }
  return conditions_hold(rule, *asked.refusal);
}

RuleSet::RuleSet(std::span<const EmbeddedFile> files) : parts_(std::make_unique<Parts>()) {
  parts_->read = read_rules(files);
  if (!std::ranges::is_sorted(parts_->read.vendors, {}, &Vendor::id)) throw std::logic_error("data/vendors: order");
  parts_->prepare();
}

RuleSet::~RuleSet() = default;

const RuleSet& RuleSet::built_in() {
  static const RuleSet set(rule_files());
  return set;
}

std::span<const Rule> RuleSet::rules() const {
  return parts_->read.rules;
}

std::span<const Vendor> RuleSet::vendors() const {
  return parts_->read.vendors;
}

const Vendor* RuleSet::vendor(std::string_view id) const {
  const auto at = std::ranges::lower_bound(parts_->read.vendors, id, {}, &Vendor::id);
  return at == parts_->read.vendors.end() || at->id != id ? nullptr : &*at;
}

const Rule* RuleSet::by_status(knowledge::Code code, reply::EnhancedCode enhanced) const {
  const Rule* found = nullptr;
  for (const Rule& rule : parts_->read.rules) {
    const auto of = [&](const StatusRange& range) { return covers(range, enhanced); };
    const auto in = [&](const auto& range) { return code == 0 || (range.first <= code && code <= range.second); };
    if (rule.tier != Tier::vendor || rule.has_pattern || std::ranges::none_of(rule.statuses, of)) continue;
    if (!rule.codes.empty() && std::ranges::none_of(rule.codes, in)) continue;
    if (found != nullptr && rule.vendor != found->vendor && rule.reason != found->reason) return nullptr;
    if (found == nullptr) found = &rule;
  }
  return found;
}

std::vector<std::string> RuleSet::unfiltered() const {
  std::vector<std::string> out;
  for (const int i : parts_->always) out.push_back(parts_->patterns[static_cast<std::size_t>(i)]->where());
  return out;
}

RuleSet::Hits RuleSet::ask(const Asked& asked) const {
  const Parts& p = *parts_;
  std::vector<int> candidates;
  p.find_candidates(asked.folded, candidates);

  Hits out;
  std::vector<bool> known(p.read.vendors.size());
  const auto know = [&](std::size_t vendor) {
    known[vendor] = true;
    if (out.vendor.empty()) out.vendor = p.read.vendors[vendor].id;
  };
  // A token in the words first: a gateway's host may pass on another's words.
  for (const int i : candidates) {
    if (static_cast<std::size_t>(i) < p.first_token) continue;
    const auto pattern = static_cast<std::size_t>(i);
    const auto vendor = p.read.tokens[p.owner[pattern]].vendor;
    if (!known[vendor] && RE2::PartialMatch(asked.folded, p.patterns[pattern]->compiled())) know(vendor);
  }
  const auto host = host_name(asked.refusal->host);
  for (std::size_t i = 0; i < p.read.vendors.size(); ++i) {
    const Vendor& vendor = p.read.vendors[i];
    const auto above = [&](const std::string& suffix) { return is_under(host, suffix); };
    if (std::ranges::any_of(vendor.hosts, above)) know(i);
    if (!asked.refusal->mta.empty() && std::ranges::find(vendor.mtas, asked.refusal->mta) != vendor.mtas.end()) know(i);
  }

  // Both lists are in the order of the rules.
  auto pattern = candidates.begin();
  auto plain = p.plain.begin();
  while (true) {
    const bool has_pattern = pattern != candidates.end() && static_cast<std::size_t>(*pattern) < p.first_token;
    if (!has_pattern && plain == p.plain.end()) break;
    const auto of_pattern = has_pattern ? p.owner[static_cast<std::size_t>(*pattern)] : p.read.rules.size();
    const bool take_plain = plain != p.plain.end() && *plain < of_pattern;
    const auto index = take_plain ? *plain++ : of_pattern;
    const int number = take_plain ? -1 : *pattern++;
    const Rule& rule = p.read.rules[index];
    const bool rivals = out.first.rule != nullptr && is_rival(*out.first.rule, rule);
    Hit& hit = rule.tier == Tier::code ? out.code
               : rule.expired          ? out.expired
               : rule.weak             ? out.weak
               : rivals                ? out.rival
                                       : out.first;
    // What is asked only where nothing clearer is found.
    const bool settled = out.first.rule != nullptr && (rule.weak || rule.tier == Tier::code) && !rule.expired;
    if (settled || hit.rule != nullptr || !p.holds(index, asked, known)) continue;
    const re2::StringPiece whole(asked.folded.data(), asked.folded.size());
    re2::StringPiece span(whole.data(), 0);
    if (number >= 0) {
      const auto& regex = p.patterns[static_cast<std::size_t>(number)]->compiled();
      if (!regex.Match(whole, 0, whole.size(), RE2::UNANCHORED, &span, 1)) continue;
    }
    const auto* except = p.excepts[index].get();
    if (except != nullptr && RE2::PartialMatch(whole, except->compiled())) continue;
    const auto from = static_cast<std::size_t>(span.data() - whole.data());
    hit = {&rule, from, from + span.size()};
  }
  return out;
}

}  // namespace postil::diagnose
