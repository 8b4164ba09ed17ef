#include "mailauth/record_tags.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "mailauth/question.hpp"

namespace postil::mailauth {
namespace {

std::size_t offset(std::string_view whole, std::string_view part) {
  return static_cast<std::size_t>(part.data() - whole.data());
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// unreserved, reserved and "%" [rfc3986 2]; non-ASCII text is none of them.
bool uri_octet(char c) {
  return is_alnum(c) || std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
}

bool good_host(std::string_view host) {
  return askable_name(host) && host.front() != '[';
}

// Takes "!10m" off the end.
bool take_size_limit(std::string_view& uri) {
  const auto mark = uri.rfind('!');
  if (mark == std::string_view::npos) return false;
  auto digits = uri.substr(mark + 1);
  if (!digits.empty() && std::string_view("kmgt").find(ascii_lower(digits.back())) != std::string_view::npos) {
    digits.remove_suffix(1);
  }
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return false;
  uri = trim(uri.substr(0, mark));
  return true;
}

UriProblem read_uri(std::string_view text, ReportUri& out) {
  if (text.empty()) return UriProblem::empty;
  out.size_limit = take_size_limit(text);
  out.raw = text;
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon);
  const auto scheme_octet = [](char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; };
  if (colon == std::string_view::npos || scheme.empty() || !is_alpha(scheme.front()) ||
      !std::ranges::all_of(scheme, scheme_octet)) {
    return UriProblem::no_scheme;
  }
  out.scheme = to_lower(scheme);
  auto rest = text.substr(colon + 1);
  if (!std::ranges::all_of(rest, uri_octet) || rest.find('!') != std::string_view::npos) return UriProblem::character;
  if (out.scheme == "mailto") {
    const auto mailbox = percent_decoded(rest.substr(0, rest.find('?')));
    const auto at = mailbox.rfind('@');
    if (at == std::string::npos || at == 0) return UriProblem::mailbox;
    const auto host = to_lower(dns_domain(std::string_view(mailbox).substr(at + 1)));
    if (!good_host(host) || std::ranges::any_of(mailbox, is_control)) return UriProblem::mailbox;
    out.address = mailbox;
    out.host = host;
  } else if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    auto authority = rest.substr(0, rest.find_first_of("/?#"));
    if (const auto user = authority.rfind('@'); user != std::string_view::npos) authority.remove_prefix(user + 1);
    const auto host = to_lower(authority.substr(0, authority.find(':')));
    if (good_host(host)) out.host = host;
  }
  return (out.scheme == "https" || out.scheme == "http") && out.host.empty() ? UriProblem::host : UriProblem::none;
}

}  // namespace

std::vector<RecordTag> split_record_tags(std::string_view text) {
  std::vector<RecordTag> tags;
  const auto parts = split(text, ';');
  for (std::size_t i = 0; i < parts.size() && tags.size() < record_tags_max; ++i) {
    const auto part = trim(parts[i]);
    if (part.empty() && i + 1 == parts.size()) break;
    RecordTag tag;
    tag.where = {offset(text, part.empty() ? parts[i] : part), part.size()};
    const auto equals = part.find('=');
    tag.has_equals = equals != std::string_view::npos;
    tag.name = trim(part.substr(0, equals));
    if (tag.has_equals) {
      tag.value = trim(part.substr(equals + 1));
      tag.value_position = tag.value.empty() ? tag.where.position + equals + 1 : offset(text, tag.value);
    }
    tags.push_back(tag);
  }
  return tags;
}

void parse_report_uris(std::string_view list, std::size_t position, std::vector<ReportUri>& out,
                       std::vector<BadUri>& bad) {
  std::size_t count = 0;
  for (const auto part : split(list, ',')) {
    if (++count > report_uris_max) return;
    const auto text = trim(part);
    const Span where{position + (text.empty() ? offset(list, part) : offset(list, text)), text.size()};
    ReportUri uri;
    uri.where = where;
    const auto problem = read_uri(text, uri);
    if (problem == UriProblem::none) {
      out.push_back(std::move(uri));
    } else {
      bad.push_back({problem, where});
    }
  }
}

}  // namespace postil::mailauth
