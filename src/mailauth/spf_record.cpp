#include "mailauth/spf_record.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/bytes.hpp"
#include "dns/texts.hpp"

namespace postil::mailauth {
namespace {

using enum SpfProblem;
using Kind = SpfMechanismKind;

constexpr std::string_view version = "v=spf1";

struct KindName {
  std::string_view name;
  Kind kind;
};
constexpr KindName kinds[] = {{"all", Kind::all}, {"include", Kind::include}, {"a", Kind::a},
                              {"mx", Kind::mx},   {"ptr", Kind::ptr},         {"ip4", Kind::ip4},
                              {"ip6", Kind::ip6}, {"exists", Kind::exists}};

std::optional<Kind> kind_of(std::string_view name) {
  for (const auto& entry : kinds)
    if (iequals(entry.name, name)) return entry.kind;
  return std::nullopt;
}

bool is_qualifier(char c) {
  return c == '+' || c == '-' || c == '~' || c == '?';
}

// The length of a modifier's name with a "=" behind it at the beginning of term, or 0.
std::size_t modifier_name_length(std::string_view term) {
  if (term.empty() || !is_alpha(term.front())) return 0;
  std::size_t length = 1;
  while (length < term.size() &&
         (is_alnum(term[length]) || term[length] == '-' || term[length] == '_' || term[length] == '.'))
    ++length;
  return length < term.size() && term[length] == '=' ? length : 0;
}

// Modifiers that documents besides RFC 7208 define. [rfc6652 3]
bool known_elsewhere(std::string_view name) {
  return name == "ra" || name == "rp" || name == "rr";
}

class Parser {
 public:
  explicit Parser(std::string_view text) { record_.raw = text; }

  SpfRecord parse() {
    const std::string_view raw = record_.raw;
    std::size_t at = version.size();
    while (at < raw.size()) {
      const auto end = std::min(raw.find(' ', at), raw.size());
      if (end > at) term(raw.substr(at, end - at), at);
      at = end + 1;
    }
    remark_on_the_whole();
    std::ranges::stable_sort(record_.errors, {}, [](const SpfError& e) { return e.where.position; });
    if (record_.errors.size() > spf_findings_max) record_.errors.resize(spf_findings_max);
    return std::move(record_);
  }

 private:
  void error(SpfProblem problem, std::size_t position, std::size_t length) {
    if (record_.errors.size() < spf_findings_max) record_.errors.push_back({problem, {position, length}});
  }
  void remark(SpfRemark remark, Span where) {
    if (record_.remarks.size() < spf_findings_max) record_.remarks.push_back({remark, where});
  }

  // Octets that may stand nowhere in a record. True when there were some: the term is not looked at further.
  bool odd_octets(std::string_view term, std::size_t position) {
    bool found = false;
    for (std::size_t i = 0; i < term.size(); ++i) {
      if (!is_8bit(term[i]) && !is_control(term[i])) continue;
      const bool eight = is_8bit(term[i]);
      auto end = i + 1;
      while (end < term.size() && is_8bit(term[end]) == eight && (eight || is_control(term[end]))) ++end;
      error(eight ? not_ascii : control_character, position + i, end - i);
      found = true;
      i = end - 1;
    }
    return found;
  }

  void term(std::string_view term, std::size_t position) {
    if (odd_octets(term, position)) return;
    if (const auto length = modifier_name_length(term)) return modifier(term, length, position);
    SpfMechanism mechanism;
    mechanism.where = {position, term.size()};
    auto rest = term;
    if (is_qualifier(rest.front())) {
      mechanism.qualifier = rest.front();
      rest.remove_prefix(1);
      if (const auto length = modifier_name_length(rest); length > 0 && !kind_of(rest.substr(0, length))) {
        return error(qualifier_before_modifier, position, term.size());
      }
    }
    const auto name_length = std::min(rest.find_first_of(":/="), rest.size());
    const auto name = rest.substr(0, name_length);
    if (name.empty()) return error(mechanism_missing, position, term.size());
    const auto name_position = position + (term.size() - rest.size());
    const auto kind = kind_of(name);
    if (!kind) {
      const bool is_modifier = iequals(name, "redirect") || iequals(name, "exp");
      return error(is_modifier ? modifier_needs_equals : unknown_mechanism, name_position, name.size());
    }
    mechanism.kind = *kind;
    if (arguments(mechanism, rest.substr(name_length), name_position + name_length)) keep(std::move(mechanism));
  }

  void keep(SpfMechanism mechanism) {
    const auto text = to_lower(record_.text(mechanism.where));
    const bool after_all = all_seen_;
    if (after_all) remark(SpfRemark::after_all, mechanism.where);
    if (!seen_.insert(text).second && !after_all) remark(SpfRemark::repeated_term, mechanism.where);
    if (mechanism.kind == Kind::ptr) remark(SpfRemark::ptr_used, mechanism.where);
    if (mechanism.target && mechanism.target->uses("p")) remark(SpfRemark::p_macro_used, mechanism.where);
    if (mechanism.kind == Kind::all && mechanism.qualifier == '+') remark(SpfRemark::all_passes, mechanism.where);
    if (mechanism.kind == Kind::all && mechanism.qualifier == '?') remark(SpfRemark::all_neutral, mechanism.where);
    if (mechanism.kind == Kind::all) all_seen_ = true;
    for (const auto* early : {&record_.redirect, &record_.exp}) {
      if (*early && remarked_early_.insert((*early)->where.position).second)
        remark(SpfRemark::modifier_before_end, (*early)->where);
    }
    record_.mechanisms.push_back(std::move(mechanism));
  }

  // rest: what stands behind the name, from ":" or "/" or "=" on.
  bool arguments(SpfMechanism& mechanism, std::string_view rest, std::size_t position) {
    switch (mechanism.kind) {
      case Kind::all:
        if (!rest.empty()) return error(argument_not_allowed, position, rest.size()), false;
        return true;
      case Kind::ip4:
      case Kind::ip6:
        return network(mechanism, rest, position);
      case Kind::a:
      case Kind::mx:
        if (!prefixes(mechanism, rest, position)) return false;
        return domain(mechanism, rest, position, false);
      case Kind::ptr:
        return domain(mechanism, rest, position, false);
      case Kind::include:
      case Kind::exists:
        return domain(mechanism, rest, position, true);
    }
    return false;
  }

  bool domain(SpfMechanism& mechanism, std::string_view rest, std::size_t position, bool needed) {
    if (rest.empty()) {
      if (needed) error(domain_missing, mechanism.where.position, mechanism.where.length);
      return !needed;
    }
    if (rest.front() != ':') return error(argument_not_allowed, position, rest.size()), false;
    if (rest.size() == 1) return error(domain_missing, position, 1), false;
    const auto errors_before = record_.errors.size();
    mechanism.target = parse_spf_macros(rest.substr(1), SpfMacroPlace::domain_spec, position + 1, record_.errors);
    return record_.errors.size() == errors_before;
  }

  // One prefix length, digits as they stand behind the slash.
  bool prefix(std::string_view digits, int max, int& out, std::size_t position) {
    if (digits.empty()) return error(prefix_missing, position, 0), false;
    if (!std::ranges::all_of(digits, is_digit)) return error(prefix_not_a_number, position, digits.size()), false;
    if (digits.size() > 1 && digits.front() == '0') {
      return error(prefix_leading_zero, position, digits.size()), false;
    }
    int value = max + 1;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (value > max || digits.size() > 3) return error(prefix_out_of_range, position, digits.size()), false;
    out = value;
    return true;
  }

  // Takes "/24", "//64" or "/24//64" off the end of rest. A slash may also be part of the name: only a number, or
  // nothing, behind a slash makes it a prefix length.
  bool prefixes(SpfMechanism& mechanism, std::string_view& rest, std::size_t position) {
    const auto tail = [&](std::string_view separator) -> std::optional<std::string_view> {
      const auto digits_at = rest.find_last_not_of("0123456789") + 1;
      if (!rest.substr(0, digits_at).ends_with(separator)) return std::nullopt;
      const auto digits = rest.substr(digits_at);
      rest = rest.substr(0, digits_at - separator.size());
      return digits;
    };
    if (const auto six = tail("//")) {
      if (!prefix(*six, 128, mechanism.prefix6, position + rest.size() + 2)) return false;
    }
    if (const auto four = tail("/")) {
      if (!prefix(*four, 32, mechanism.prefix4, position + rest.size() + 1)) return false;
    }
    if (rest.starts_with('/')) return error(prefix_not_a_number, position + 1, rest.size() - 1), false;
    return true;
  }

  bool network(SpfMechanism& mechanism, std::string_view rest, std::size_t position) {
    const bool four = mechanism.kind == Kind::ip4;
    if (rest.size() < 2 || rest.front() != ':') {
      return error(network_missing, mechanism.where.position, mechanism.where.length), false;
    }
    rest.remove_prefix(1);
    ++position;
    const auto slash = rest.find('/');
    const auto address = rest.substr(0, slash);
    const auto ip = address::Ip::parse(address);
    const bool colon = address.find(':') != std::string_view::npos;
    if (four && ip && colon) return error(ip4_holds_ip6, position, address.size()), false;
    if (!four && ip && !colon) return error(ip6_holds_ip4, position, address.size()), false;
    if (!ip) return error(four ? ip4_invalid : ip6_invalid, position, address.size()), false;
    mechanism.network = *ip;
    if (slash == std::string_view::npos) return true;
    return prefix(rest.substr(slash + 1), four ? 32 : 128, four ? mechanism.prefix4 : mechanism.prefix6,
                  position + slash + 1);
  }

  void modifier(std::string_view term, std::size_t name_length, std::size_t position) {
    SpfModifier modifier;
    modifier.name = to_lower(term.substr(0, name_length));
    modifier.where = {position, term.size()};
    const auto value = term.substr(name_length + 1);
    const auto value_position = position + name_length + 1;
    const bool redirect = modifier.name == "redirect";
    if (!redirect && modifier.name != "exp") {
      modifier.value = parse_spf_macros(value, SpfMacroPlace::modifier_value, value_position, record_.errors);
      const bool meant_as_mechanism = kind_of(modifier.name).has_value();
      if (meant_as_mechanism) remark(SpfRemark::mechanism_as_modifier, modifier.where);
      if (!meant_as_mechanism && !known_elsewhere(modifier.name)) remark(SpfRemark::unknown_modifier, modifier.where);
      record_.others.push_back(std::move(modifier));
      return;
    }
    auto& slot = redirect ? record_.redirect : record_.exp;
    if (slot) return error(redirect ? repeated_redirect : repeated_exp, position, term.size());
    if (value.empty()) return error(domain_missing, position, term.size());
    const auto errors_before = record_.errors.size();
    modifier.value = parse_spf_macros(value, SpfMacroPlace::domain_spec, value_position, record_.errors);
    if (record_.errors.size() == errors_before && modifier.value.uses("p")) {
      remark(SpfRemark::p_macro_used, modifier.where);
    }
    slot = std::move(modifier);
  }

  void remark_on_the_whole() {
    if (all_seen_ && record_.redirect) remark(SpfRemark::redirect_ignored, record_.redirect->where);
    if (!all_seen_ && !record_.redirect && record_.valid()) remark(SpfRemark::no_end, {record_.raw.size(), 0});
  }

  SpfRecord record_;
  std::set<std::string> seen_;
  std::set<std::size_t> remarked_early_;
  bool all_seen_ = false;
};

}  // namespace

std::string_view to_string(SpfMechanismKind kind) {
  for (const auto& entry : kinds)
    if (entry.kind == kind) return entry.name;
  return "?";
}

bool SpfRecord::has_all() const {
  return std::ranges::any_of(mechanisms, [](const auto& m) { return m.kind == SpfMechanismKind::all; });
}

bool is_spf_record(std::string_view text) {
  return istarts_with(text, version) && (text.size() == version.size() || text[version.size()] == ' ');
}

bool resembles_spf_record(std::string_view text) {
  if (is_spf_record(text)) return false;
  const auto start = text.find_first_not_of(" \t\"'");
  if (start == std::string_view::npos) return false;
  text.remove_prefix(start);
  return istarts_with(text, "v=spf") || istarts_with(text, "v = spf") || istarts_with(text, "v spf1") ||
         istarts_with(text, "spf1 ") || istarts_with(text, "spf2.0/");
}

std::vector<std::string> spf_records(const dns::Answer& answer) {
  return dns::texts(answer, is_spf_record);
}

SpfRecord parse_spf_record(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace postil::mailauth
