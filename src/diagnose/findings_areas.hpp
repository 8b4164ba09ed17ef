// The parts of find_all(), one source file an area of knowledge.
#pragma once

#include "diagnose/findings.hpp"

namespace postil::diagnose {

// Gathers findings of the parts that were asked for. What is the same for several hosts is one finding about them all.
class Findings {
 public:
  explicit Findings(const Observations& seen) : seen_(seen) {}
  void add(Finding finding);
  bool wants(Part part) const { return seen_.request.parts.has(part); }
  const Observations& seen() const { return seen_; }
  std::vector<Finding> take();  // sorted by area, then by part

 private:
  const Observations& seen_;
  std::vector<Finding> all_;
};

void find_mx(Findings& out);
void find_hosts(Findings& out);    // connect, greeting, EHLO, recipient
void find_tls(Findings& out);      // TLS and certificates of the hosts
void find_reverse(Findings& out);  // reverse DNS, and the names by which hosts call themselves
void find_lists(Findings& out);    // block lists
void find_dane(Findings& out);
void find_sts(Findings& out);
void find_tls_rpt(Findings& out);
void find_spf(Findings& out);
void find_dkim(Findings& out);
void find_dmarc(Findings& out);
void find_bimi(Findings& out);
void find_message(Findings& out);
void find_login(Findings& out);
void find_parked(Findings& out);

// What to paste for a finding of the words fail and warn that has nothing yet.
void advise(Finding& finding, const Observations& seen);

// False: DNS says that there is no such domain, and nothing more is to be said of it.
bool domain_exists(const Observations& seen);
// False: it has a null MX, or one is meant.
bool takes_mail(const Observations& seen);
// False: no host is named for its mail, or none of them has an address, as far as they were asked for.
bool may_have_mail_host(const Observations& seen);
// A question about the hosts that take the mail, or their addresses, to which DNS gave no definite answer.
struct Doubt {
  std::string question;  // "example.org MX"
  std::string detail;
  Phrase phrase;  // of the argument "detail"
};
std::optional<Doubt> doubt_about_hosts(const Observations& seen);
// "mx.example.org 192.0.2.1"
std::string where(const Connection& connection);
// The name when it can stand in a command line of a shell as it is, otherwise the other one: names come from others'
// DNS.
std::string plain_name(std::string_view name, std::string_view otherwise);
// "S: 554 5.7.1 no", for evidence.
std::string said(const reply::RemoteReply& reply);
// The records of an answer as they stand in a zone.
std::vector<std::string> record_lines(std::string_view name, const dns::Answer& answer);
// "bogus: signature expired", "timed_out"
std::string dns_trouble(const dns::Answer& answer);
// The same as a sentence.
Phrase dns_phrase(std::string_view name, const dns::Answer& answer);
// Why a chain of certificates leads to no trusted authority, by OpenSSL's words for it; none where they are not known.
std::vector<Phrase> chain_phrases(std::string_view name, std::string_view error);
// How a conversation ended, as a sentence.
Phrase break_phrase(std::string_view name, const Break& broken);
// The policy of MTA-STS to begin with, as its file.
std::string sts_policy_file(const Observations& seen);
// "2026-12-24"
std::string day(WallTime time);

}  // namespace postil::diagnose
