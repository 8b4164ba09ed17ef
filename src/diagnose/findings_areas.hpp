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
void find_reverse(Findings& out);  // reverse DNS
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

// False: DNS says that there is no such domain, and nothing more is to be said of it.
bool domain_exists(const Observations& seen);
// False: it has a null MX.
bool takes_mail(const Observations& seen);
// "mx.example.org 192.0.2.1"
std::string where(const Connection& connection);
// "S: 554 5.7.1 no", for evidence.
std::string said(const reply::RemoteReply& reply);
// The records of an answer as they stand in a zone.
std::vector<std::string> record_lines(std::string_view name, const dns::Answer& answer);
// "bogus: signature expired", "timed_out"
std::string dns_trouble(const dns::Answer& answer);
// "2026-12-24"
std::string day(WallTime time);

}  // namespace postil::diagnose
