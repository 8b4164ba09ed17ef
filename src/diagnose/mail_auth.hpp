// How a check puts its questions about sending to SPF, DKIM and DMARC: src/check asks them over the network, and the
// findings ask the same ones of what was observed.
#pragma once

#include <string>
#include <vector>

#include "diagnose/observations.hpp"
#include "mailauth/dkim_verify.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/spf.hpp"

namespace postil::diagnose {

// All records that can be reached, whoever sends.
mailauth::SpfCheck spf_record_check(const CheckRequest& request, WallTime time);
// May request.from_ip, or the address that is checked, send for the domain? There is such an address.
mailauth::SpfCheck spf_sender_check(const CheckRequest& request, WallTime time);
std::string sender_ip(const CheckRequest& request);  // "" = none
mailauth::DmarcCheck dmarc_check(const CheckRequest& request);

// Of request.message, whose octets it has seen when it comes.
mailauth::DkimVerifier message_verifier(const CheckRequest& request, WallTime time);
// Whether its signatures belong to its From. SPF is left out: it depends on who sent it.
mailauth::DmarcCheck message_dmarc_check(const CheckRequest& request,
                                         const std::vector<mailauth::DkimSignature>& signatures);
// The domain in a message's From, A-labels; "" when there is none, or several.
std::string author_domain(std::string_view message);

struct DkimKeyPlace {
  std::string selector;
  std::string name;  // of the TXT record
};
// Of the selectors that were named, or of those that many use.
std::vector<DkimKeyPlace> dkim_places(const CheckRequest& request);

std::string bimi_name(const CheckRequest& request);
std::string tls_rpt_name(const CheckRequest& request);

// Answers a step machine (question(), answer()) from what was observed; what was not asked counts as no answer.
template <class Machine>
void answer_from(const DnsNotes& notes, Machine& machine) {
  while (const auto* question = machine.question()) {
    const auto* known = notes.find(question->name, question->type);
    dns::Answer none;
    none.detail = "not asked";
    machine.answer(known != nullptr ? *known : none);
  }
}

}  // namespace postil::diagnose
