#include "mailauth/dmarc_record.hpp"

#include <algorithm>
#include <set>

#include "base/bytes.hpp"
#include "dns/texts.hpp"

namespace postil::mailauth {
namespace {

using Problem = DmarcProblem;
using Remark = DmarcRemark;

std::optional<DmarcPolicy> policy_of(std::string_view text) {
  for (const auto policy : {DmarcPolicy::none, DmarcPolicy::quarantine, DmarcPolicy::reject})
    if (iequals(to_string(policy), text)) return policy;
  return std::nullopt;
}

// dmarc-fo: of 0, 1, d, s, each once, never both 0 and 1 [rfc9989 4.8]
bool good_failure_options(std::string_view value) {
  std::set<char> seen;
  for (const auto part : split(value, ':')) {
    const auto option = trim(part);
    if (option.size() != 1 || std::string_view("01ds").find(ascii_lower(option.front())) == std::string_view::npos) {
      return false;
    }
    if (!seen.insert(ascii_lower(option.front())).second) return false;
  }
  return !(seen.contains('0') && seen.contains('1'));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { record_.raw = text; }

  DmarcRecord parse() {
    const auto tags = split_record_tags(text_);
    if (!tags.empty() && !text_.starts_with("v=DMARC1")) remark(Remark::version_spacing, tags.front().where);
    for (std::size_t i = 1; i < tags.size(); ++i) {
      if (good_form(tags[i])) tag(tags[i], i);
    }
    conclude();
    std::ranges::stable_sort(record_.errors, {}, [](const DmarcError& e) { return e.where.position; });
    return std::move(record_);
  }

 private:
  void error(Problem problem, Span where) {
    if (record_.errors.size() < dmarc_findings_max) record_.errors.push_back({problem, where});
  }
  void remark(Remark remark, Span where) {
    if (record_.remarks.size() < dmarc_findings_max) record_.remarks.push_back({remark, where});
  }

  bool good_form(const RecordTag& tag) {
    const auto bad = [](char c) { return is_8bit(c) || (is_control(c) && c != '\t'); };
    const auto whole = text_.substr(tag.where.position, tag.where.length);
    if (std::ranges::any_of(whole, bad)) return error(Problem::tag_character, tag.where), false;
    if (!tag.has_equals) return error(Problem::tag_without_equals, tag.where), false;
    if (tag.name.empty() || !std::ranges::all_of(tag.name, is_alpha)) return error(Problem::tag_name, tag.where), false;
    return true;
  }

  void tag(const RecordTag& tag, std::size_t index) {
    const auto name = to_lower(tag.name);
    if (!seen_.insert(name).second) return error(Problem::repeated_tag, tag.where);
    if (name == "pct" || name == "rf" || name == "ri") return remark(Remark::removed_tag, tag.where);
    static constexpr std::string_view known[] = {"p", "sp", "np", "adkim", "aspf", "psd", "t", "fo", "rua", "ruf"};
    if (std::ranges::find(known, name) == std::end(known)) return remark(Remark::unknown_tag, tag.where);
    if (name == "p" && index != 1) remark(Remark::p_not_second, tag.where);
    if (tag.value.empty()) {
      record_.policy_unreadable |= name == "p" || name == "sp" || name == "np";
      return error(Problem::tag_value_empty, tag.where);
    }
    if (name == "p") return policy(tag, record_.p);
    if (name == "sp") return policy(tag, record_.sp);
    if (name == "np") return policy(tag, record_.np);
    if (name == "adkim") return alignment(tag, record_.adkim);
    if (name == "aspf") return alignment(tag, record_.aspf);
    if (name == "rua") return uris(tag, record_.rua);
    if (name == "ruf") return uris(tag, record_.ruf);
    flags(name, tag);
  }

  void flags(std::string_view name, const RecordTag& tag) {
    const char letter = tag.value.size() == 1 ? ascii_lower(tag.value.front()) : '\0';
    if (name == "psd") {
      if (letter != 'y' && letter != 'n' && letter != 'u') return error(Problem::psd_value, tag.where);
      record_.psd = letter == 'y' ? DmarcPsd::yes : letter == 'n' ? DmarcPsd::no : DmarcPsd::unknown;
    } else if (name == "t") {
      if (letter != 'y' && letter != 'n') return error(Problem::test_value, tag.where);
      record_.testing = letter == 'y';
      if (record_.testing) remark(Remark::testing, tag.where);
    } else {  // fo
      fo_ = tag.where;
      if (!good_failure_options(tag.value)) return error(Problem::failure_options, tag.where);
      for (const char c : tag.value)
        if (is_alnum(c)) record_.failure_options += ascii_lower(c);
    }
  }

  void policy(const RecordTag& tag, std::optional<DmarcPolicy>& out) {
    out = policy_of(tag.value);
    if (out) return;
    record_.policy_unreadable = true;
    error(Problem::policy_value, tag.where);
  }
  void alignment(const RecordTag& tag, DmarcAlignment& out) {
    if (iequals(tag.value, "s")) {
      out = DmarcAlignment::strict;
    } else if (!iequals(tag.value, "r")) {
      error(Problem::alignment_value, tag.where);
    }
  }
  void uris(const RecordTag& tag, std::vector<ReportUri>& out) {
    std::vector<BadUri> bad;
    parse_report_uris(tag.value, tag.value_position, out, bad);
    for (const auto& uri : bad) error(uri_problem_of<Problem>(uri.problem), uri.where);
    for (const auto& uri : out)
      if (uri.size_limit) remark(Remark::uri_size_limit, uri.where);
  }

  void conclude() {
    const Span end{text_.size(), 0};
    if (record_.failure_options.empty()) record_.failure_options = "0";
    if (!seen_.contains("p")) remark(Remark::policy_missing, end);
    if (record_.rua.empty()) remark(Remark::no_reports, end);
    if (record_.p == DmarcPolicy::none) remark(Remark::monitoring_only, end);
    if (fo_ && !seen_.contains("ruf")) remark(Remark::fo_without_ruf, *fo_);
  }

  std::string_view text_;
  DmarcRecord record_;
  std::set<std::string> seen_;
  std::optional<Span> fo_;
};

}  // namespace

DmarcPolicy DmarcRecord::policy() const {
  return policy_unreadable ? DmarcPolicy::none : p.value_or(DmarcPolicy::none);
}

DmarcPolicy DmarcRecord::policy_below(bool exists) const {
  if (policy_unreadable) return DmarcPolicy::none;
  if (!exists && np) return *np;
  return sp.value_or(policy());
}

DmarcPolicy one_step_less(DmarcPolicy policy) {
  return policy == DmarcPolicy::reject ? DmarcPolicy::quarantine : DmarcPolicy::none;
}

bool is_dmarc_record(std::string_view text) {
  const auto first = trim(text.substr(0, text.find(';')));
  const auto equals = first.find('=');
  return equals != std::string_view::npos && iequals(trim(first.substr(0, equals)), "v") &&
         trim(first.substr(equals + 1)) == "DMARC1";
}

bool resembles_dmarc_record(std::string_view text) {
  return !is_dmarc_record(text) && to_lower(text.substr(0, 512)).find("dmarc1") != std::string::npos;
}

std::vector<std::string> dmarc_records(const dns::Answer& answer) {
  return dns::texts(answer, is_dmarc_record);
}

DmarcRecord parse_dmarc_record(std::string_view text) {
  return Parser(text).parse();
}

std::string_view to_string(DmarcPolicy policy) {
  switch (policy) {
    case DmarcPolicy::none:
      return "none";
    case DmarcPolicy::quarantine:
      return "quarantine";
    case DmarcPolicy::reject:
      return "reject";
  }
  return "?";
}

std::string_view to_string(DmarcProblem problem) {
  switch (problem) {
    using enum DmarcProblem;
    case tag_without_equals:
      return "tag_without_equals";
    case tag_name:
      return "tag_name";
    case tag_value_empty:
      return "tag_value_empty";
    case tag_character:
      return "tag_character";
    case repeated_tag:
      return "repeated_tag";
    case policy_value:
      return "policy_value";
    case alignment_value:
      return "alignment_value";
    case psd_value:
      return "psd_value";
    case test_value:
      return "test_value";
    case failure_options:
      return "failure_options";
    case uri_empty:
      return "uri_empty";
    case uri_scheme:
      return "uri_scheme";
    case uri_character:
      return "uri_character";
    case uri_mailbox:
      return "uri_mailbox";
    case uri_host:
      return "uri_host";
  }
  return "?";
}

std::string_view to_string(DmarcRemark remark) {
  switch (remark) {
    using enum DmarcRemark;
    case removed_tag:
      return "removed_tag";
    case unknown_tag:
      return "unknown_tag";
    case uri_size_limit:
      return "uri_size_limit";
    case policy_missing:
      return "policy_missing";
    case no_reports:
      return "no_reports";
    case monitoring_only:
      return "monitoring_only";
    case testing:
      return "testing";
    case fo_without_ruf:
      return "fo_without_ruf";
    case version_spacing:
      return "version_spacing";
    case p_not_second:
      return "p_not_second";
  }
  return "?";
}

}  // namespace postil::mailauth
