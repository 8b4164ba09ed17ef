#include "diagnose/observations.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "dns/mx.hpp"

namespace postil::diagnose {
namespace {

constexpr std::array<std::string_view, parts_count> part_words = {
    "mx",  "connect", "greeting", "ehlo", "tls",         "dane",        "mta_sts", "tls_rpt", "recipient",
    "spf", "dkim",    "dmarc",    "bimi", "reverse_dns", "block_lists", "login",   "parked"};

}  // namespace

std::string_view to_string(SubjectKind kind) {
  constexpr std::string_view words[] = {"domain", "host", "address", "ip"};
  return words[static_cast<std::size_t>(kind)];
}

std::string_view to_string(Part part) {
  return part_words[static_cast<std::size_t>(part)];
}

std::optional<Part> find_part(std::string_view word) {
  const auto at = std::ranges::find(part_words, word);
  if (at == part_words.end()) return std::nullopt;
  return static_cast<Part>(at - part_words.begin());
}

std::string_view to_string(Purpose purpose) {
  constexpr std::string_view words[] = {"mail", "tls_version", "login"};
  return words[static_cast<std::size_t>(purpose)];
}

std::string spoken_name(const Connection& connection) {
  const auto& last = connection.ehlo_tls ? connection.ehlo_tls : connection.ehlo;
  if (!last || last->code / 100 != 2 || last->lines.empty()) return {};
  const auto line = trim(last->lines.front());
  std::string name = to_lower(line.substr(0, line.find(' ')));
  if (name.ends_with('.')) name.pop_back();
  return printable(name, 255);
}

void DnsNotes::add(DnsNote note) {
  note.name = to_lower(note.name);
  if (find(note.name, note.type) == nullptr) notes_.push_back(std::move(note));
}

const dns::Answer* DnsNotes::find(std::string_view name, dns::Type type) const {
  const auto at =
      std::ranges::find_if(notes_, [&](const DnsNote& n) { return n.type == type && iequals(n.name, name); });
  return at == notes_.end() ? nullptr : &at->answer;
}

std::vector<TargetHost> target_hosts(const Observations& seen) {
  const auto& subject = seen.request.subject;
  if (subject.kind == SubjectKind::ip) return {{subject.ip, 0}};
  if (subject.kind == SubjectKind::host) return {{subject.domain, 0}};
  const auto* answer = seen.dns.find(subject.domain, dns::Type::mx);
  if (answer == nullptr) return {};
  const auto mx = dns::classify_mx(*answer);
  std::vector<TargetHost> out;
  if (mx.kind == dns::MxSet::Kind::implicit) out.push_back({subject.domain, 0});
  if (mx.kind == dns::MxSet::Kind::hosts) {
    for (const auto& host : mx.hosts) out.push_back({host.exchange, host.preference});
  }
  return out;
}

}  // namespace postil::diagnose
