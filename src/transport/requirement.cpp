#include "transport/requirement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "address/ip.hpp"
#include "base/bytes.hpp"

namespace postil::transport {
namespace {

constexpr struct {
  Level level;
  std::string_view name;
} level_names[] = {{Level::never, "never"},
                   {Level::opportunistic, "opportunistic"},
                   {Level::required, "required"},
                   {Level::verified, "verified"},
                   {Level::dane, "dane"}};

bool is_name(std::string_view host) {
  return !host.empty() && host.front() != '[' && !address::canonical_ip(host);
}

bool all_in(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return std::ranges::all_of(some, [&](const auto& one) { return std::ranges::find(all, one) != all.end(); });
}

// A configured level; DANE is the caller's.
void apply_level(Level level, const std::vector<std::string>& names, const std::string& ca_file, Requirement& to) {
  switch (level) {
    case Level::never:
      to.tls = Requirement::Tls::never;
      break;
    case Level::opportunistic:
      break;
    case Level::verified:
      to.webpki = true;
      to.ca_file = ca_file;
      if (!names.empty()) to.names = names;
      [[fallthrough]];
    case Level::required:
    case Level::dane:
      to.tls = Requirement::Tls::must;
      break;
  }
}

void apply_dane(const HostCase& host, Requirement& to) {
  to.tls = Requirement::Tls::must;
  if (host.dane->kind != DaneResult::Kind::authenticate) return;
  to.tlsa = host.dane->records.usable;
  to.dane_names = dane_reference_names(host.dane->base, host.domain, host.expanded);
  to.sni = host.dane->base;
}

void stop(HostRuling& ruling, Obstacle obstacle, std::string detail) {
  ruling.obstacle = obstacle;
  ruling.detail = std::move(detail);
}

void dane_trouble(const HostCase& host, HostRuling& ruling) {
  const auto& dane = *host.dane;
  const auto obstacle = dane.failed == dns::Status::bogus ? Obstacle::dane_bogus : Obstacle::dane_lookup;
  stop(ruling, obstacle,
       fmt::format("{}: {}", dane.question,
                   dane.detail.empty() ? dns::to_string(dane.failed) : std::string_view(dane.detail)));
}

}  // namespace

std::string_view to_string(Level level) {
  for (const auto& one : level_names) {
    if (one.level == level) return one.name;
  }
  return "opportunistic";
}

std::optional<Level> parse_level(std::string_view text) {
  for (const auto& one : level_names) {
    if (one.name == text) return one.level;
  }
  return {};
}

const ConfiguredPolicy* policy_for(const std::vector<ConfiguredPolicy>& policies, std::string_view domain) {
  const ConfiguredPolicy* best = nullptr;
  for (const auto& policy : policies) {
    if (policy.domain == domain) return &policy;
    const bool below =
        policy.domain.starts_with('.') && domain.size() > policy.domain.size() && domain.ends_with(policy.domain);
    if (below && (best == nullptr || policy.domain.size() > best->domain.size())) best = &policy;
  }
  return best;
}

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::opportunistic:
      return "opportunistic";
    case Basis::configured:
      return "configured";
    case Basis::dane:
      return "dane";
    case Basis::sts:
      return "mta-sts";
    case Basis::dane_and_sts:
      return "dane+mta-sts";
    case Basis::requiretls:
      return "requiretls";
    case Basis::tls_not_required:
      return "tls-required-no";
  }
  return "opportunistic";
}

std::string_view to_string(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::none:
      return "none";
    case Obstacle::dane_lookup:
      return "dane_lookup";
    case Obstacle::dane_bogus:
      return "dane_bogus";
    case Obstacle::dane_missing:
      return "dane_missing";
    case Obstacle::sts_not_listed:
      return "sts_not_listed";
  }
  return "none";
}

namespace {

// What the configuration asks for; true: it decides alone.
bool apply_configuration(const HostCase& host, Requirement& to) {
  const Level level = host.configured ? host.configured->level : host.least;
  if (host.configured) {
    apply_level(level, host.configured->names, host.configured->ca_file, to);
  } else {
    apply_level(level, {}, host.least_ca_file, to);
  }
  if (host.configured || level != Level::opportunistic) to.basis = Basis::configured;
  return level == Level::never || (host.configured && level != Level::dane);
}

// False: the host is not to be used.
bool rule_by_dane(const HostCase& host, HostRuling& ruling) {
  const bool asked = host.dane != nullptr && host.mx_secure && is_name(host.host);
  const bool demanded = (host.configured ? host.configured->level : host.least) == Level::dane;
  if (asked && host.dane->kind == DaneResult::Kind::trouble) {
    dane_trouble(host, ruling);
    ruling.local_stops = demanded;
    return false;
  }
  const bool found = asked && host.dane->kind != DaneResult::Kind::none;
  if (demanded && (!found || host.dane->kind == DaneResult::Kind::encrypt)) {
    const auto why = found             ? "all of them are unusable"
                     : !host.mx_secure ? "the MX records of the domain are not signed"
                     : host.dane       ? to_string(host.dane->why)
                                       : std::string_view("no_records");
    stop(ruling, Obstacle::dane_missing, std::string(why));
    ruling.local_stops = true;
    return false;
  }
  if (!found) return true;
  apply_dane(host, ruling.requirement);
  if (demanded) {
    ruling.local = ruling.requirement;
  } else {
    ruling.requirement.basis = Basis::dane;
  }
  return true;
}

// The domain's policy names the host or is not enforced.
void rule_by_sts(const HostCase& host, bool listed, HostRuling& ruling) {
  if (host.sts->mode == StsMode::testing) ruling.sts_fails_in_testing = !listed;
  if (host.sts->mode != StsMode::enforce) return;
  if (!listed) {
    stop(ruling, Obstacle::sts_not_listed,
         fmt::format("the policy of {} names {}", host.domain, fmt::join(host.sts->mx, ", ")));
    return;
  }
  auto& requirement = ruling.requirement;
  requirement.tls = Requirement::Tls::must;
  requirement.webpki = true;
  requirement.basis = requirement.basis == Basis::dane ? Basis::dane_and_sts : Basis::sts;
}

}  // namespace

HostRuling rule_on_host(const HostCase& host) {
  HostRuling ruling;
  ruling.requirement.sni = host.host;
  ruling.requirement.names = {host.host};
  const bool listed = host.sts != nullptr && host.sts->mode != StsMode::none && sts_allows(*host.sts, host.host);
  ruling.name_proven = host.mx_secure || listed;
  const bool alone = apply_configuration(host, ruling.requirement);
  ruling.local = ruling.requirement;
  if (alone || !rule_by_dane(host, ruling)) return ruling;
  if (host.sts != nullptr && !host.configured && is_name(host.host)) rule_by_sts(host, listed, ruling);
  return ruling;
}

MessageRuling rule_on_message(HostRuling host, const MessageNeeds& needs, const std::string& host_name) {
  MessageRuling out;
  if (needs.tls_optional && !needs.requiretls) {
    out.ruling = std::move(host);
    if (out.ruling.local_stops) return out;
    const bool put_aside = out.ruling.obstacle != Obstacle::none || !(out.ruling.requirement == out.ruling.local);
    out.ruling.obstacle = Obstacle::none;
    out.ruling.requirement = out.ruling.local;
    if (put_aside) out.ruling.requirement.basis = Basis::tls_not_required;
    return out;
  }
  out.ruling = std::move(host);
  if (!needs.requiretls || needs.from_nobody || out.ruling.obstacle != Obstacle::none) return out;
  auto& requirement = out.ruling.requirement;
  out.must_offer_requiretls = true;
  out.requiretls_missing = !out.ruling.name_proven || !is_name(host_name) || requirement.tls == Requirement::Tls::never;
  if (requirement.tlsa.empty() && !requirement.webpki) {
    requirement.webpki = true;
    requirement.names = {host_name};
  }
  requirement.tls = Requirement::Tls::must;
  if (requirement.basis == Basis::opportunistic) requirement.basis = Basis::requiretls;
  return out;
}

Verified verified_by(const std::string& host, const Requirement& asked, const crypto::TlsFacts* facts) {
  Verified out;
  out.host = host;
  if (facts == nullptr) return out;
  out.tls = true;
  // A session that was not to be verified may have weak keys in its chain.
  out.webpki = asked.webpki && facts->peer_verified;
  out.names = asked.names;
  out.ca_file = asked.ca_file;
  if (facts->dane_match.size() > 3) {
    const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(facts->dane_match[i]); };
    out.tlsa = dns::Tlsa{octet(0), octet(1), octet(2), facts->dane_match.substr(3)};
    out.dane_names = asked.dane_names;
  }
  return out;
}

bool satisfies(const Verified& verified, const Requirement& requirement) {
  if (requirement.tls == Requirement::Tls::must && !verified.tls) return false;
  if (requirement.webpki) {
    // It was for one of verified.names: of all of them the requirement must approve.
    if (!verified.webpki || verified.ca_file != requirement.ca_file || !all_in(verified.names, requirement.names))
      return false;
  }
  if (!requirement.tlsa.empty()) {
    if (!verified.tlsa || std::ranges::find(requirement.tlsa, *verified.tlsa) == requirement.tlsa.end()) return false;
    if (verified.tlsa->usage == 2 && !all_in(verified.dane_names, requirement.dane_names)) return false;
  }
  return true;
}

}  // namespace postil::transport
