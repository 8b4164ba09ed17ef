// DMARC: which policy applies to a message, whether it passes, and where reports may go. [rfc9989]
//
// Both checks below are asked for the next question and given its answer, until there is none; no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dmarc_tree.hpp"
#include "mailauth/spf.hpp"

namespace postil::mailauth {

enum class DmarcResult : std::uint8_t { none, pass, fail, temperror };  // as in Authentication-Results [rfc9989 9.2]
std::string_view to_string(DmarcResult result);

enum class DmarcReason : std::uint8_t {
  aligned,           // Pass: an identifier that passed belongs to the author's domain.
  no_identifier,     // Fail: neither SPF nor a DKIM signature passed.
  not_aligned,       // Fail: those that passed belong to others.
  malformed_domain,  // None: the author's domain is no name.
  no_record,         // None: there is no record for it.
  unusable_record,   // None: the record's policy cannot be read, and it wants no reports [rfc9989 4.10.1].
  dns_failure,       // Temperror: DNS did not answer.
};
std::string_view to_string(DmarcReason reason);

struct DmarcSignature {
  bool pass = false;
  bool temporary = false;  // it could not be checked now: DNS did not give its key
  std::string domain;      // d=
  std::string selector;    // s=
};

struct DmarcInput {
  std::string author_domain;  // of the From field; ASCII or UTF-8
  SpfResult spf = SpfResult::none;
  std::string spf_domain;                   // that SPF was asked about for MAIL FROM [rfc9989 4.4.2]
  std::vector<DmarcSignature> signatures;   // at most dmarc_identifiers_max that passed are looked at
  bool find_organizational_domain = false;  // also when the result does not depend on it
};

constexpr std::size_t dmarc_identifiers_max = 10;

struct DmarcIdentifier {
  enum class Kind : std::uint8_t { spf, dkim };
  Kind kind = Kind::spf;
  std::string domain;
  std::string selector;
  bool pass = false;
  bool temporary = false;       // its result is not known for now
  std::optional<bool> aligned;  // nothing: not looked at, because it did not pass or DNS failed
  std::string organizational;   // its organizational domain, where that had to be found
};

struct DmarcOutcome {
  enum class Place : std::uint8_t { author, organizational, public_suffix };  // where the record is

  DmarcResult result = DmarcResult::none;
  DmarcReason reason = DmarcReason::no_record;
  std::string author_domain;
  std::string organizational_domain;  // of the author; "" when it was not needed
  std::optional<DmarcFound> policy_record;
  Place place = Place::author;
  std::string policy_tag;                          // "p", "sp", "np": the one that counts
  DmarcPolicy policy = DmarcPolicy::none;          // as the record has it
  DmarcPolicy applied_policy = DmarcPolicy::none;  // with "t"; what a receiver is asked to do with a fail
  bool author_exists = true;                       // false: the domain's name does not exist, where "np" made us ask
  std::vector<DmarcIdentifier> identifiers;
  std::vector<DmarcFound> names;  // all that were asked
};

class DmarcCheck {
 public:
  explicit DmarcCheck(DmarcInput input);
  const DnsQuestion* question() const { return question_ ? &*question_ : nullptr; }
  void answer(const dns::Answer& answer);
  bool done() const { return !question_; }
  const DmarcOutcome& outcome() const { return outcome_; }  // whole when done()

 private:
  // Everything from the beginning with what is known; nothing: it is done, or else the question that comes next.
  std::optional<DnsQuestion> evaluate();
  std::optional<DnsQuestion> find_policy();
  std::optional<DnsQuestion> choose_policy();
  std::optional<DnsQuestion> align();
  bool undecided() const;
  void conclude();

  DmarcInput input_;
  DmarcTree tree_;
  std::optional<dns::Status> author_status_;  // of its A question
  std::optional<DnsQuestion> question_;
  DmarcOutcome outcome_;
  bool dns_failed_ = false;
};

// Whether reports may go where a record wants them. [rfc7489 7.1], in RFC 9990 now
struct DmarcDestination {
  enum class Verdict : std::uint8_t {
    internal,     // of the same organization: no permission is needed
    authorized,   // the destination's domain says that it wants them
    refused,      // it does not say so: reports must not be sent there
    unsupported,  // neither mailto nor https
    unknown,      // DNS did not answer
  };
  ReportUri uri;
  Verdict verdict = Verdict::unknown;
  std::string asked;                 // the name that had to be asked; "" for the internal
  std::vector<ReportUri> overrides;  // where the destination wants them instead, on the same host
};
std::string_view to_string(DmarcDestination::Verdict verdict);

class DmarcReportCheck {
 public:
  // policy_domain: where the record was found. At most report_uris_max addresses are looked at.
  DmarcReportCheck(std::string_view policy_domain, const std::vector<ReportUri>& uris);
  const DnsQuestion* question() const { return question_ ? &*question_ : nullptr; }
  void answer(const dns::Answer& answer);
  bool done() const { return !question_; }
  const std::vector<DmarcDestination>& destinations() const { return destinations_; }  // whole when done()

 private:
  std::optional<DnsQuestion> evaluate();
  std::optional<DnsQuestion> judge(DmarcDestination& destination);

  std::string policy_domain_;
  DmarcTree tree_;
  std::size_t next_ = 0;                   // the destination that is looked at
  std::optional<dns::Answer> permission_;  // to what it was asked
  std::optional<DnsQuestion> question_;
  std::vector<DmarcDestination> destinations_;
};

}  // namespace postil::mailauth
