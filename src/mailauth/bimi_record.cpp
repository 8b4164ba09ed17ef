#include "mailauth/bimi_record.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "dns/texts.hpp"

namespace postil::mailauth {
namespace {

// One https address; "" is allowed and stays empty.
bool https_address(std::string_view value, std::string& out) {
  if (value.empty()) return true;
  std::vector<ReportUri> uris;
  std::vector<BadUri> bad;
  parse_report_uris(value, 0, uris, bad);
  if (!bad.empty() || uris.size() != 1 || uris.front().scheme != "https") return false;
  out = uris.front().raw;
  return true;
}

}  // namespace

bool is_bimi_record(std::string_view text) {
  const auto first = trim(text.substr(0, text.find(';')));
  const auto equals = first.find('=');
  return equals != std::string_view::npos && trim(first.substr(0, equals)) == "v" &&
         trim(first.substr(equals + 1)) == "BIMI1";
}

std::vector<std::string> bimi_records(const dns::Answer& answer) {
  return dns::texts(answer, is_bimi_record);
}

BimiRecord parse_bimi_record(std::string_view text) {
  BimiRecord record;
  record.raw = text;
  bool location = false;
  bool empty_location = false;
  const auto tags = split_record_tags(text);
  for (std::size_t i = 1; i < tags.size(); ++i) {
    const auto& tag = tags[i];
    if (!tag.has_equals || tag.name.empty()) {
      record.errors.push_back({BimiProblem::tag_form, tag.where});
    } else if (tag.name == "l") {
      location = true;
      empty_location = tag.value.empty();
      if (!https_address(tag.value, record.location)) {
        record.errors.push_back({BimiProblem::location_value, tag.where});
      }
    } else if (tag.name == "a" && !https_address(tag.value, record.evidence)) {
      record.errors.push_back({BimiProblem::evidence_value, tag.where});
    }
  }
  if (!location) record.errors.push_back({BimiProblem::location_missing, {text.size(), 0}});
  record.declined = empty_location && record.evidence.empty() && record.errors.empty();
  return record;
}

std::string_view to_string(BimiProblem problem) {
  switch (problem) {
    using enum BimiProblem;
    case tag_form:
      return "tag_form";
    case location_missing:
      return "location_missing";
    case location_value:
      return "location_value";
    case evidence_value:
      return "evidence_value";
  }
  return "?";
}

}  // namespace postil::mailauth
