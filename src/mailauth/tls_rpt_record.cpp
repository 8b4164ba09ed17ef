#include "mailauth/tls_rpt_record.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "dns/texts.hpp"

namespace postil::mailauth {
namespace {

using Problem = TlsRptProblem;

constexpr std::string_view version = "v=TLSRPTv1";
constexpr std::size_t name_octets_max = 32;

// tlsrpt-ext-name and tlsrpt-ext-value
bool good_field(const RecordTag& tag) {
  const auto name_octet = [](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; };
  const auto value_octet = [](char c) { return c > ' ' && c < 127 && c != ';'; };
  if (!tag.has_equals || tag.name.empty() || tag.name.size() > name_octets_max || !is_alnum(tag.name.front())) {
    return false;
  }
  if (!std::ranges::all_of(tag.name, name_octet)) return false;
  if (tag.name == "rua") return true;  // white space may stand around its commas
  return !tag.value.empty() && std::ranges::all_of(tag.value, value_octet) &&
         tag.value.find('=') == std::string_view::npos;
}

void read_rua(const RecordTag& tag, TlsRptRecord& record) {
  std::vector<ReportUri> uris;
  std::vector<BadUri> bad;
  parse_report_uris(tag.value, tag.value_position, uris, bad);
  for (const auto& uri : bad) record.errors.push_back({uri_problem_of<Problem>(uri.problem), uri.where});
  for (auto& uri : uris) {
    if (uri.size_limit) {  // DMARC's, not known here
      record.errors.push_back({Problem::uri_character, uri.where});
    } else if (uri.scheme != "mailto" && uri.scheme != "https") {
      record.errors.push_back({Problem::uri_scheme, uri.where});
    } else {
      record.rua.push_back(std::move(uri));
    }
  }
}

}  // namespace

bool is_tls_rpt_record(std::string_view text) {
  if (!text.starts_with(version)) return false;
  return trim(text.substr(version.size())).starts_with(';');
}

bool resembles_tls_rpt_record(std::string_view text) {
  return !is_tls_rpt_record(text) && to_lower(text.substr(0, 512)).find("tlsrpt") != std::string::npos;
}

std::vector<std::string> tls_rpt_records(const dns::Answer& answer) {
  return dns::texts(answer, is_tls_rpt_record);
}

TlsRptRecord parse_tls_rpt_record(std::string_view text) {
  TlsRptRecord record;
  record.raw = text;
  const auto tags = split_record_tags(text);
  bool rua_seen = false;
  for (std::size_t i = 1; i < tags.size(); ++i) {
    const auto& tag = tags[i];
    if (!good_field(tag)) {
      record.errors.push_back({Problem::field_form, tag.where});
    } else if (tag.name != "rua") {
      record.extensions.emplace_back(tag.name);
    } else if (rua_seen) {
      record.errors.push_back({Problem::repeated_rua, tag.where});
    } else {
      rua_seen = true;
      read_rua(tag, record);
    }
  }
  if (!rua_seen) record.errors.push_back({Problem::rua_missing, {text.size(), 0}});
  std::ranges::stable_sort(record.errors, {}, [](const TlsRptError& e) { return e.where.position; });
  return record;
}

std::string_view to_string(TlsRptProblem problem) {
  switch (problem) {
    using enum TlsRptProblem;
    case field_form:
      return "field_form";
    case rua_missing:
      return "rua_missing";
    case repeated_rua:
      return "repeated_rua";
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

}  // namespace postil::mailauth
