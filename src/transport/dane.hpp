// DANE for SMTP: whether a host is to be authenticated by its TLSA records, found by DNSSEC. [rfc7672]
//
// A step machine: next() names a question, answer() takes what DNS said to it, and once there is no next question
// result() says what counts. The addresses of the host are looked up first, by the caller: a name in a zone without
// signatures is not asked for TLSA records, because some such name servers fail at the question [rfc7672 2.2.2].
//
//   no MX of the domain is signed                no DANE: do not make one of these
//   addresses or TLSA not signed, or none there  opportunistic: as if there were no DANE
//   usable records                               TLS, authenticated by one of them
//   records, none of them usable                 TLS, not authenticated
//   the look-up failed (SERVFAIL, bogus, late)   the host must not be used: an attacker could have done it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dns/answer.hpp"
#include "transport/tlsa.hpp"

namespace postil::transport {

struct DaneResult {
  enum class Kind : std::uint8_t {
    none,          // DANE does not apply: `why`
    authenticate,  // one of records.usable must match
    encrypt,       // only unusable records: TLS must be, authentication cannot
    trouble,       // a look-up failed: `failed` and `detail`; the host is passed over for now
  } kind = Kind::none;
  enum class Why : std::uint8_t {
    found,               // there are records
    insecure_addresses,  // the host's zone is not signed
    insecure_records,    // TLSA records without signatures, which count for nothing
    no_records,          // signed, and without TLSA records
    address_literal,     // not a name
  } why = Why::found;
  std::string base;                      // TLSA base domain; SNI and the first reference name [rfc7672 8.1]
  TlsaSet records;                       // of `base`
  dns::Status failed = dns::Status::ok;  // trouble
  std::string question;                  // trouble: the name that was asked for
  std::string detail;                    // trouble: what the resolver said
  std::uint32_t ttl_seconds = 3600;      // the shortest of what was asked; bounded
};
std::string_view to_string(DaneResult::Kind kind);
std::string_view to_string(DaneResult::Why why);

class DaneLookup {
 public:
  // host: the MX host, A-labels, or an address. port: that mail goes to. v6, v4: the answers to its address questions
  // (either may be without records).
  DaneLookup(std::string host, std::uint16_t port, const dns::Answer& v6, const dns::Answer& v4);

  struct Question {
    std::string name;
    dns::Type type = dns::Type::tlsa;
  };
  // Nothing: result() is there. At most three questions.
  std::optional<Question> next() const;
  // To the question that next() gives.
  void answer(const dns::Answer& answer);
  const DaneResult& result() const { return result_; }

 private:
  enum class Step : std::uint8_t { alias, tlsa, done };
  void take_tlsa(const dns::Answer& answer);

  std::string host_, port_label_;
  std::vector<std::string> bases_;  // candidates that were not asked yet, the next one first
  Step step_ = Step::done;
  DaneResult result_;
};

// The names for which a certificate below a DANE-TA(2) record may be [rfc7672 3.2.2]: the TLSA base domain, the domain
// of the mail, and that with its CNAMEs followed; each once, lower case.
// next_hop, expanded: of the domain whose MX records (or, without any, whose addresses) were asked for; empty for a
// configured host.
std::vector<std::string> dane_reference_names(const std::string& base, const std::string& next_hop,
                                              const std::string& expanded);

}  // namespace postil::transport
