// An address that sends: reverse DNS [rfc1912 2.1], the name by which its host calls itself, and block lists where they
// were asked for [rfc5782].
#include <fmt/format.h>

#include <algorithm>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "diagnose/block_lists.hpp"
#include "diagnose/findings_areas.hpp"
#include "dns/parse.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;

bool leads_back(const DnsNotes& dns, std::string_view name, const std::string& ip) {
  for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
    const auto* answer = dns.find(name, type);
    if (answer == nullptr) continue;
    for (const auto& record : answer->records) {
      const auto* address = std::get_if<dns::Address>(&record);
      if (address != nullptr && address->text == ip) return true;
    }
  }
  return false;
}

std::vector<std::string> names_in(const dns::Answer& ptr) {
  std::vector<std::string> out;
  for (const auto& record : ptr.records) {
    const auto* target = std::get_if<dns::NameTarget>(&record);
    if (target != nullptr && out.size() < 10) out.push_back(target->name);
  }
  return out;
}

void find_reverse_of(Findings& out, const std::string& ip) {
  const auto reverse = dns::reverse_name(ip);
  const auto* answer = reverse ? out.seen().dns.find(*reverse, dns::Type::ptr) : nullptr;
  if (answer == nullptr) return;
  if (!answer->definite()) {
    out.add({.id = Id::rdns_unknown,
             .about = {ip},
             .args = {{"detail", dns_trouble(*answer)}},
             .evidence = {},
             .advice = {},
             .phrases = {dns_phrase("detail", *answer)}});
    return;
  }
  const auto names = names_in(*answer);
  std::vector<std::string> good;
  for (const auto& name : names) {
    if (leads_back(out.seen().dns, name, ip)) good.push_back(name);
  }
  const auto evidence = record_lines(*reverse, *answer);
  if (names.empty()) {
    out.add({.id = Id::rdns_missing,
             .about = {ip},
             .args = {},
             .evidence = {},
             .advice = {{Advice::Kind::publish, record_line(*reverse, "PTR", "mail.example.org.")}}});
  } else if (good.empty()) {
    out.add({.id = Id::rdns_mismatch,
             .about = {ip},
             .args = {{"name", names.front()}},
             .evidence = evidence,
             .advice = {{Advice::Kind::publish,
                         record_line(names.front(), ip.find(':') == std::string::npos ? "A" : "AAAA", ip)}}});
  } else {
    out.add({.id = Id::rdns_ok, .about = {ip}, .args = {{"name", good.front()}}, .evidence = evidence, .advice = {}});
  }
}

// The answers that say which addresses a name has; their records as they stand.
std::vector<std::string> address_lines(const DnsNotes& dns, const std::string& name) {
  std::vector<std::string> out;
  for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
    const auto* answer = dns.find(name, type);
    if (answer == nullptr) continue;
    for (auto& line : record_lines(name, *answer)) out.push_back(std::move(line));
  }
  return out;
}

// The name that a host says in its answer to EHLO should lead to its address, and the address to it.
void find_name_of(Findings& out, const Connection& c) {
  const auto name = spoken_name(c);
  const auto reverse = dns::reverse_name(c.address);
  if (name.empty() || !reverse) return;
  Finding finding{.id = Id::ehlo_name_ok, .about = {where(c)}, .args = {{"name", name}}, .evidence = {}, .advice = {}};
  finding.evidence = {"S: 250 " + name};
  if (!address::qualified(name) || !address::valid_domain(name) || name.ends_with(".localdomain")) {
    finding.id = Id::ehlo_name_bad;
    out.add(std::move(finding));
    return;
  }
  const auto& dns = out.seen().dns;
  const auto* ptr = dns.find(*reverse, dns::Type::ptr);
  const bool leads_here = leads_back(dns, name, c.address);
  const auto* forward = dns.find(name, c.address.find(':') == std::string::npos ? dns::Type::a : dns::Type::aaaa);
  if (ptr == nullptr || forward == nullptr) return;
  const auto* trouble = !ptr->definite() ? ptr : !forward->definite() && !leads_here ? forward : nullptr;
  if (trouble != nullptr) {
    finding.id = Id::ehlo_name_unknown;
    finding.args.emplace_back("detail", dns_trouble(*trouble));
    finding.phrases = {dns_phrase("detail", *trouble)};
    out.add(std::move(finding));
    return;
  }
  const auto names = names_in(*ptr);
  for (auto& line : record_lines(*reverse, *ptr)) finding.evidence.push_back(std::move(line));
  for (auto& line : address_lines(dns, name)) finding.evidence.push_back(std::move(line));
  const bool leads_to_it = std::ranges::any_of(names, [&](const auto& one) { return iequals(one, name); });
  if (!leads_here || !leads_to_it) {
    finding.id = Id::ehlo_name_differs;
    finding.add_list("reverse", names.empty() ? std::vector<std::string>{"-"} : names);
    if (!leads_to_it) finding.advice.push_back({Advice::Kind::publish, record_line(*reverse, "PTR", name + ".")});
    if (!leads_here) {
      finding.advice.push_back({Advice::Kind::publish,
                                record_line(name, forward == dns.find(name, dns::Type::a) ? "A" : "AAAA", c.address)});
    }
  }
  out.add(std::move(finding));
}

// What a list says of a name: its codes in 127.0.0.0/8.
struct Said {
  bool asked = false, sure = false;
  std::vector<std::string> codes;
  std::string trouble;
  Phrase phrase;
};

Said says(const DnsNotes& dns, const std::string& name) {
  Said out;
  const auto* answer = dns.find(name, dns::Type::a);
  if (answer == nullptr) return out;
  out.asked = true;
  out.sure = answer->definite();
  out.trouble = dns_trouble(*answer);
  out.phrase = dns_phrase("code", *answer);
  for (const auto& record : answer->records) {
    if (const auto* address = std::get_if<dns::Address>(&record)) out.codes.push_back(address->text);
  }
  return out;
}

// What it says of any of several names.
Said says_of(const DnsNotes& dns, const std::vector<std::string>& names) {
  Said out;
  out.sure = true;
  for (const auto& name : names) {
    auto one = says(dns, name);
    out.asked = out.asked || one.asked;
    out.codes.insert(out.codes.end(), one.codes.begin(), one.codes.end());
    if (one.sure) continue;
    out.sure = false;
    out.trouble = std::move(one.trouble);
    out.phrase = std::move(one.phrase);
  }
  out.sure = out.sure || !out.codes.empty();
  return out;
}

void find_list(Findings& out, const std::string& zone, const std::string& ip) {
  const auto& dns = out.seen().dns;
  const auto parsed = address::Ip::parse(ip);
  if (!parsed) return;
  const std::string name = address::reversed_labels(*parsed) + "." + zone;
  const auto own = says(dns, name);
  if (!own.asked) return;
  const i18n::Args list{{"list", zone}};
  const auto add = [&](Id id, i18n::Args args, std::vector<std::string> evidence, std::vector<Phrase> phrases = {}) {
    out.add({.id = id,
             .about = {ip},
             .args = std::move(args),
             .evidence = std::move(evidence),
             .advice = {},
             .phrases = std::move(phrases)});
  };
  // [rfc5782 5]: a list that lists everything, or that does not list its test entry, says nothing.
  const auto tests = list_tests(zone, !parsed->is_v4());
  const auto always = says_of(dns, tests.unlisted);
  const auto test = says_of(dns, tests.listed);
  const auto refusal = [](const std::string& code) { return code.starts_with("127.255.255."); };
  for (const auto* said : {&own, &test, &always}) {
    const auto at = std::ranges::find_if(said->codes, refusal);
    if (at == said->codes.end()) continue;
    add(Id::list_error, {{"list", zone}, {"code", *at}}, {record_line(name, "A", *at)});
    return;
  }
  if (!own.sure || !test.sure || !always.sure) {
    const auto& unsure = !own.sure ? own : test.sure ? always : test;
    add(Id::list_error, {{"list", zone}, {"code", unsure.trouble}}, {}, {unsure.phrase});
    return;
  }
  if (!always.codes.empty() || test.codes.empty()) {
    add(Id::list_broken, list,
        {record_line(tests.unlisted.front(), "A", always.codes.empty() ? "-" : always.codes.front()),
         record_line(tests.listed.front(), "A", test.codes.empty() ? "-" : test.codes.front())});
    return;
  }
  const bool odd = !std::ranges::all_of(own.codes, [](const auto& code) { return code.starts_with("127."); });
  if (own.codes.empty()) {
    add(Id::list_clear, list, {});
  } else if (odd) {
    add(Id::list_error, {{"list", zone}, {"code", own.codes.front()}}, {record_line(name, "A", own.codes.front())});
  } else {
    std::vector<std::string> evidence;
    for (const auto& code : own.codes) evidence.push_back(record_line(name, "A", code));
    if (const auto* text = dns.find(name, dns::Type::txt)) {
      for (auto& line : record_lines(name, *text)) evidence.push_back(std::move(line));
    }
    Finding listed{.id = Id::list_listed, .about = {ip}, .args = list, .evidence = std::move(evidence), .advice = {}};
    listed.add_list("codes", own.codes);
    listed.advice = {{Advice::Kind::run, fmt::format("dig +short {} TXT", plain_name(name, zone))}};
    out.add(std::move(listed));
  }
}

}  // namespace

void find_reverse(Findings& out) {
  const auto& request = out.seen().request;
  if (request.subject.kind == SubjectKind::ip) find_reverse_of(out, request.subject.ip);
  if (!request.from_ip.empty() && request.from_ip != request.subject.ip) find_reverse_of(out, request.from_ip);
  for (const auto& c : out.seen().connections) {
    if (c.purpose == Purpose::mail) find_name_of(out, c);
  }
}

void find_lists(Findings& out) {
  const auto& request = out.seen().request;
  for (const auto& zone : request.lists) {
    if (request.subject.kind == SubjectKind::ip) find_list(out, zone, request.subject.ip);
    if (!request.from_ip.empty() && request.from_ip != request.subject.ip) find_list(out, zone, request.from_ip);
  }
}

}  // namespace postil::diagnose
