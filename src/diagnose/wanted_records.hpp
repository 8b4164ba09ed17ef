// The DNS records that a domain should publish for its mail, and how what is published compares. Pure: facts and
// answers of DNS in, records and findings out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "address/ip.hpp"
#include "dns/answer.hpp"

namespace postil::diagnose {

enum class RecordPurpose : std::uint8_t { mx, null_mx, spf, dkim, dmarc, dmarc_reports, mta_sts, tls_rpt, tlsa };
std::string_view to_string(RecordPurpose purpose);  // "null_mx"

// What is known of a domain's mail. Names: A-labels, lower case, no dot at the end.
struct DomainMail {
  std::string domain;
  bool parked = false;                    // it neither takes nor sends mail; all below is of no account then
  std::vector<std::string> mx;            // hosts that take its mail, the best first; empty: not known
  std::vector<address::Ip> sources;       // addresses that send it
  std::vector<std::string> source_hosts;  // hosts that send it, where their addresses are not known
  struct DkimRecord {
    std::string name, text;
  };
  std::vector<DkimRecord> dkim;
  struct HostCertificate {
    std::string host, der;
  };
  std::vector<HostCertificate> certificates;  // those of hosts that are none of `mx` do not count
  std::string reports;                        // the mailbox that reports go to; "" = none
  std::string sts_id;                         // 1 to 32 letters and digits
};

struct WantedRecord {
  RecordPurpose purpose{};
  std::string name;
  dns::Type type = dns::Type::txt;
  std::string value;  // "10 mx.example.org.", "3 1 1 0123..."; of TXT the text, strings joined
};
// In the order in which a person reads them: receiving, sending, protection of transport.
std::vector<WantedRecord> wanted_records(const DomainMail& mail);
// As it stands in a zone file; the text of TXT in strings of at most 255 octets.
std::string zone_line(const WantedRecord& record);

// The text of the MTA-STS policy to begin with, mode testing, lines with CRLF. [rfc8461 3.2]
std::string wanted_sts_policy(const DomainMail& mail);

enum class Published : std::uint8_t {
  same,     // just so
  good,     // otherwise, but it does its work
  other,    // something else that stands in its way, or does not do its work
  missing,  // nothing of the kind
  unknown,  // DNS gave no answer
};
std::string_view to_string(Published published);
struct Compared {
  Published state = Published::unknown;
  std::vector<std::string> found;  // what is published of the kind, as `value`; third parties' text
};
// answer: to the question for record.name and record.type. parked: as in DomainMail.
Compared compare_record(const WantedRecord& record, const dns::Answer& answer, bool parked);

}  // namespace postil::diagnose
