// What a connection must prove before mail for a domain may go over it, and whether one does. Pure.
//
// The order of precedence, one for all:
//   1. the message      `TLS-Required: No` puts 3 and 4 aside [rfc8689 4.2.2];
//                       REQUIRETLS adds to what follows, and is never less [rfc8689 4.2.1]
//   2. the configuration  a [[tls_policy]] of the destination decides alone: DANE and MTA-STS are not asked
//   3. DANE             TLSA records of the host, where DNSSEC proves MX, address and records [rfc7672 2.2]
//   4. MTA-STS          the domain's policy in mode enforce; it holds beside DANE: neither overrides the other
//                       [rfc8461 2]
//   5. opportunistic    TLS where it is offered, in clear where not; deliver.tls may ask for more, of all hosts
//
// 3 and 4 add up: a host that has TLSA records and stands under an enforced policy must match a record and show a
// certificate for its name that the trusted authorities signed. A host that the policy does not name is passed over,
// whatever its TLSA records say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/tls_facts.hpp"
#include "transport/dane.hpp"
#include "transport/sts_policy.hpp"

namespace postil::transport {

// The least that the configuration asks for.
enum class Level : std::uint8_t {
  never,          // no TLS, also where it is offered
  opportunistic,  // where it is offered; nothing is checked
  required,       // TLS; nothing is checked
  verified,       // TLS, certificate signed by a trusted authority for the host's name (or names given)
  dane,           // TLS, authenticated by TLSA records; a host without usable ones is passed over
};
std::string_view to_string(Level level);
std::optional<Level> parse_level(std::string_view text);

// A [[tls_policy]]. domain: "example.net", or ".example.net" for all below it; lower case, A-labels.
struct ConfiguredPolicy {
  std::string domain;
  Level level = Level::opportunistic;
  std::vector<std::string> names;  // verified: for one of these the certificate must be; none: the host's name
  std::string ca_file;             // verified: "" = the system's
  friend bool operator==(const ConfiguredPolicy&, const ConfiguredPolicy&) = default;
};
// The policy for a domain: the one that names it, else the longest that has it below; null: none.
const ConfiguredPolicy* policy_for(const std::vector<ConfiguredPolicy>& policies, std::string_view domain);

// What decided, for events, Received fields and reports.
enum class Basis : std::uint8_t { opportunistic, configured, dane, sts, dane_and_sts, requiretls, tls_not_required };
std::string_view to_string(Basis basis);

struct Requirement {
  enum class Tls : std::uint8_t { never, may, must } tls = Tls::may;
  Basis basis = Basis::opportunistic;
  // The certificate must be signed by a trusted authority and be for one of `names`.
  bool webpki = false;
  std::vector<std::string> names;  // the first is the host's, unless the configuration names others
  std::string ca_file;             // "" = the system's
  // One of these must match, with usage 2 for one of `dane_names`.
  std::vector<dns::Tlsa> tlsa;
  std::vector<std::string> dane_names;
  std::string sni;  // the TLSA base domain, or the host's name
  friend bool operator==(const Requirement&, const Requirement&) = default;
};

// What stands against a host before it is connected to.
enum class Obstacle : std::uint8_t {
  none,
  dane_lookup,     // its TLSA records could not be looked up: it must wait
  dane_bogus,      // ... since DNSSEC says that they are forged
  dane_missing,    // the configuration wants DANE, and the host has no usable records
  sts_not_listed,  // the domain's enforced policy does not name it
};
std::string_view to_string(Obstacle obstacle);

// What is known of a domain and one of its hosts. Pointers may be null where nothing was looked up.
struct HostCase {
  std::string domain;                  // of the mail, A-labels, lower case; "" or a literal: no policies
  std::string expanded;                // where the domain's CNAME chain ended; "" = the same
  std::string host;                    // the MX host's name, lower case, or an address
  Level least = Level::opportunistic;  // deliver.tls
  std::string least_ca_file;           // for `verified`
  const ConfiguredPolicy* configured = nullptr;
  bool mx_secure = false;  // the MX answer was signed, or the host is configured
  const DaneResult* dane = nullptr;
  const StsPolicy* sts = nullptr;
};
struct HostRuling {
  Obstacle obstacle = Obstacle::none;  // else `requirement` holds nothing to go by
  Requirement requirement;
  bool sts_fails_in_testing = false;  // not listed by a policy in mode testing: delivered and reported
  std::string detail;                 // for people, English, where the obstacle says too little
  // The host's name comes from a signed MX answer, or an MTA-STS policy names it: REQUIRETLS may use it [rfc8689 2].
  bool name_proven = false;
  // What the configuration alone asks for: what is left of it all for a message with `TLS-Required: No`.
  Requirement local;
  bool local_stops = false;  // the configuration itself is the obstacle
};
HostRuling rule_on_host(const HostCase& host);

// What the message itself asks for.
struct MessageNeeds {
  bool requiretls = false;    // REQUIRETLS
  bool tls_optional = false;  // `TLS-Required: No`, without REQUIRETLS
  bool from_nobody = false;   // <>: REQUIRETLS asks, and does not stop it [rfc8689 5]
};
// The ruling for one message at this host. `missing`: REQUIRETLS cannot be had here whatever the host says (its name
// is not proven).
struct MessageRuling {
  HostRuling ruling;
  bool must_offer_requiretls = false;  // the host must offer REQUIRETLS after TLS, or get no mail
  bool requiretls_missing = false;
};
MessageRuling rule_on_message(HostRuling host, const MessageNeeds& needs, const std::string& host_name);

// What a connection has proven.
struct Verified {
  std::string host;  // it was made for this name, lower case
  bool tls = false;
  bool webpki = false;  // the certificate is signed by a trusted authority for one of `names`
  std::vector<std::string> names;
  std::string ca_file;
  std::optional<dns::Tlsa> tlsa;        // this record matched
  std::vector<std::string> dane_names;  // usage 2: for one of these
};
// asked: with which the handshake was made. facts: null when TLS is not up.
Verified verified_by(const std::string& host, const Requirement& asked, const crypto::TlsFacts* facts);
bool satisfies(const Verified& verified, const Requirement& requirement);

}  // namespace postil::transport
