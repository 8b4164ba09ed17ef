// What is known of the _dmarc names above a domain, and the walk over them. [rfc9989 4.10]
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dmarc_record.hpp"
#include "mailauth/question.hpp"

namespace postil::mailauth {

// What stands at "_dmarc." + domain.
struct DmarcFound {
  std::string domain;
  dns::Status status = dns::Status::ok;
  std::vector<std::string> records;     // two or more: all are ignored
  std::vector<std::string> lookalikes;  // TXT records that were meant as one and are none
  std::optional<DmarcRecord> record;    // when there is exactly one
};

// Domains are given as question_name() writes them.
class DmarcTree {
 public:
  struct Walk {
    std::optional<DnsQuestion> question;   // what must be known first
    bool failed = false;                   // a name of it had no definite answer (a top-level one may, behind a record)
    std::vector<const DmarcFound*> found;  // names with a record, the longest first; valid until the next take()
    std::string organizational;            // [rfc9989 4.10.2]; when it is complete and has not failed
  };

  // The domains of a walk: domain, then its parents; of more than eight labels only the last seven. [rfc9989 4.10]
  static std::vector<std::string> domains(std::string_view domain);

  Walk walk(std::string_view domain) const;
  // Nothing: not asked yet.
  const DmarcFound* at(std::string_view domain) const;
  static DnsQuestion question_about(std::string_view domain);
  // The answer to a question_about().
  void take(const DnsQuestion& question, const dns::Answer& answer);
  // In the order of the names.
  std::vector<DmarcFound> all() const;

 private:
  std::map<std::string, DmarcFound, std::less<>> known_;
};

}  // namespace postil::mailauth
