// Where the domain's mail goes, by its MX records [rfc5321 5.1] [rfc7505].
#include <fmt/format.h>

#include <algorithm>

#include "address/ip.hpp"
#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "dns/mx.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;

std::string null_mx_line(std::string_view domain) {
  return record_line(domain, "MX", "0 .");
}

// An exchange that is an address, which no MX may be [rfc5321 5.1].
std::optional<address::Ip> literal(std::string_view exchange) {
  return address::Ip::parse(exchange);
}

std::vector<std::string> addresses(const DnsNotes& dns, std::string_view host, dns::Type type) {
  std::vector<std::string> out;
  if (const auto* answer = dns.find(host, type)) {
    for (const auto& record : answer->records) {
      if (const auto* address = std::get_if<dns::Address>(&record)) out.push_back(address->text);
    }
  }
  return out;
}

struct HostFacts {
  bool v4 = false, v6 = false;
};

HostFacts find_target(Findings& out, const TargetHost& host, bool by_mx) {
  const auto& dns = out.seen().dns;
  HostFacts facts;
  if (by_mx) {
    if (const auto ip = literal(host.name)) {
      out.add({.id = Id::mx_literal,
               .about = {host.name},
               .args = {},
               .evidence = {},
               .advice = {{Advice::Kind::publish,
                           record_line(out.seen().request.subject.domain, "MX",
                                       fmt::format("{} mx.{}.", host.preference, out.seen().request.subject.domain))},
                          {Advice::Kind::publish, record_line("mx." + out.seen().request.subject.domain,
                                                              ip->is_v4() ? "A" : "AAAA", host.name)}}});
      return facts;
    }
  }
  const auto* four = dns.find(host.name, dns::Type::a);
  const auto* six = dns.find(host.name, dns::Type::aaaa);
  if (four == nullptr && six == nullptr) return facts;  // beyond the number that is looked at
  const auto v4 = addresses(dns, host.name, dns::Type::a);
  const auto v6 = addresses(dns, host.name, dns::Type::aaaa);
  facts = {!v4.empty(), !v6.empty()};
  for (const auto* answer : {four, six}) {
    if (by_mx && answer != nullptr && answer->chain.size() > 1) {
      out.add({.id = Id::mx_cname,
               .about = {host.name},
               .args = {{"target", answer->canonical_name}},
               .evidence = {record_line(host.name, "CNAME", answer->chain[1] + ".")},
               .advice = {{Advice::Kind::publish,
                           record_line(out.seen().request.subject.domain, "MX",
                                       fmt::format("{} {}.", host.preference, answer->canonical_name))}}});
      break;
    }
  }
  if (v4.empty() && v6.empty()) {
    const bool four_sure = four == nullptr || four->definite();
    const bool six_sure = six == nullptr || six->definite();
    if (four_sure && six_sure) {
      out.add({.id = Id::mx_no_address, .about = {host.name}, .args = {}, .evidence = {}, .advice = {}});
    } else {
      out.add({.id = Id::mx_address_unknown,
               .about = {host.name},
               .args = {{"detail", dns_trouble(four_sure ? *six : *four)}},
               .evidence = {},
               .advice = {},
               .phrases = {dns_phrase("detail", four_sure ? *six : *four)}});
    }
    return facts;
  }
  std::vector<std::string> odd;
  for (const auto& list : {v4, v6}) {
    for (const auto& text : list) {
      const auto ip = address::Ip::parse(text);
      if (ip && ip->special()) odd.push_back(text);
    }
  }
  if (!odd.empty()) {
    Finding inside{.id = Id::mx_private, .about = {host.name}, .args = {}, .evidence = {}, .advice = {}};
    inside.add_list("addresses", odd);
    out.add(std::move(inside));
  }
  return facts;
}

void find_targets(Findings& out, bool by_mx) {
  const auto hosts = target_hosts(out.seen());
  bool any = false, v4 = false, v6 = false;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const HostFacts facts = find_target(out, hosts[i], by_mx);
    any = any || facts.v4 || facts.v6;
    v4 = v4 || facts.v4;
    v6 = v6 || facts.v6;
  }
  if (any && !v4) out.add({.id = Id::mx_no_ipv4, .about = {}, .args = {}, .evidence = {}, .advice = {}});
  if (any && !v6) out.add({.id = Id::mx_no_ipv6, .about = {}, .args = {}, .evidence = {}, .advice = {}});
  if (hosts.size() > checked_hosts_max) {
    out.add({.id = Id::mx_many,
             .about = {},
             .args = {{"hosts", fmt::to_string(hosts.size())}, {"checked", fmt::to_string(checked_hosts_max)}},
             .evidence = {},
             .advice = {}});
  }
}

bool has_address(const DnsNotes& dns, std::string_view name) {
  return !addresses(dns, name, dns::Type::a).empty() || !addresses(dns, name, dns::Type::aaaa).empty();
}

// The MX records without these hosts, and without a null MX that stands beside them.
std::vector<Advice> mx_advice(const dns::MxSet& mx, const std::string& domain, std::string_view without) {
  constexpr std::size_t shown_max = 10;
  std::string lines;
  std::size_t shown = 0;
  for (const auto& host : mx.hosts) {
    if (host.exchange == without || shown++ >= shown_max) continue;
    lines +=
        (lines.empty() ? "" : "\n") + record_line(domain, "MX", fmt::format("{} {}.", host.preference, host.exchange));
  }
  if (lines.empty()) return {};
  return {{Advice::Kind::publish, std::move(lines)}};
}

void find_none(Findings& out, const std::string& domain) {
  out.add({.id = Id::mx_none,
           .about = {},
           .args = {},
           .evidence = {},
           .advice = {{Advice::Kind::publish, null_mx_line(domain)},
                      {Advice::Kind::publish, record_line(domain, "MX", fmt::format("10 mx.{}.", domain))}}});
}

void find_by_answer(Findings& out, const dns::Answer& answer) {
  const auto& subject = out.seen().request.subject.domain;
  // Beside an alias no record can stand: it belongs to the name behind it.
  const auto& domain = answer.chain.size() > 1 ? answer.canonical_name : subject;
  const auto mx = dns::classify_mx(answer);
  const auto records = record_lines(domain, answer);
  using Kind = dns::MxSet::Kind;
  switch (mx.kind) {
    case Kind::no_domain:
      out.add({.id = Id::domain_none, .about = {}, .args = {{"domain", subject}}, .evidence = {}, .advice = {}});
      return;
    case Kind::temporary:
      if (answer.status == dns::Status::bogus) {
        out.add({.id = Id::dns_bogus,
                 .about = {},
                 .args = {{"detail", printable(answer.detail, 200)}},
                 .evidence = {},
                 .advice = {}});
      } else {
        out.add({.id = Id::dns_failed,
                 .about = {},
                 .args = {{"question", subject + " MX"}, {"detail", dns_trouble(answer)}},
                 .evidence = {},
                 .advice = {},
                 .phrases = {dns_phrase("detail", answer)}});
      }
      return;
    case Kind::null_mx:
      out.add({.id = Id::mx_null, .about = {}, .args = {}, .evidence = records, .advice = {}});
      return;
    case Kind::only_stray_null:
      out.add({.id = Id::mx_null_preference,
               .about = {},
               .args = {},
               .evidence = records,
               .advice = {{Advice::Kind::publish, null_mx_line(domain)}}});
      return;
    case Kind::implicit:
      if (has_address(out.seen().dns, subject)) {
        out.add({.id = Id::mx_implicit,
                 .about = {},
                 .args = {},
                 .evidence = {},
                 .advice = {{Advice::Kind::publish, record_line(domain, "MX", fmt::format("10 {}.", domain))}}});
        find_targets(out, false);
      } else {
        find_none(out, domain);
      }
      return;
    case Kind::hosts:
      if (mx.stray_null) {
        out.add({.id = Id::mx_null_beside,
                 .about = {},
                 .args = {},
                 .evidence = records,
                 .advice = mx_advice(mx, domain, {})});
      }
      std::vector<std::string> names;
      for (std::size_t i = 0; i < mx.hosts.size() && i < checked_hosts_max; ++i) names.push_back(mx.hosts[i].exchange);
      if (mx.hosts.size() > names.size()) names.emplace_back("...");
      Finding found{.id = Id::mx_found, .about = {}, .args = {}, .evidence = records, .advice = {}};
      found.add_list("hosts", names);
      out.add(std::move(found));
      find_targets(out, true);
      return;
  }
}

}  // namespace

void find_mx(Findings& out) {
  const auto& subject = out.seen().request.subject;
  if (subject.kind == SubjectKind::ip) return;
  if (subject.kind == SubjectKind::host) {
    find_targets(out, false);
    return;
  }
  if (const auto* answer = out.seen().dns.find(subject.domain, dns::Type::mx)) find_by_answer(out, *answer);
}

}  // namespace postil::diagnose
