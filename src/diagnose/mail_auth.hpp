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
// Whether the reports that a record asks for, aggregate and of failures, may go where it wants them.
mailauth::DmarcReportCheck report_check(const mailauth::DmarcFound& found);

// Of request.message, whose octets it has seen when it comes.
mailauth::DkimVerifier message_verifier(const CheckRequest& request, WallTime time);
// The domain of its envelope sender, by the Return-Path that its last server wrote; "" = not told, or <>.
std::string envelope_domain(std::string_view message);
// May request.from_ip send for the envelope sender? Both are there.
mailauth::SpfCheck message_spf_check(const CheckRequest& request, WallTime time);
// Whether its signatures, and its envelope sender by what SPF says, belong to its From.
mailauth::DmarcCheck message_dmarc_check(const CheckRequest& request,
                                         const std::vector<mailauth::DkimSignature>& signatures,
                                         mailauth::SpfResult spf);
// Would its envelope sender belong to its From, if SPF passed?
mailauth::DmarcCheck message_alignment_check(const CheckRequest& request);
// The domain in a message's From, A-labels; "" when there is none, or several.
std::string author_domain(std::string_view message);

struct DkimKeyPlace {
  std::string selector;
  std::string name;  // of the TXT record
};
// Of the selectors that were named, or of those that many use.
std::vector<DkimKeyPlace> dkim_places(const CheckRequest& request, WallTime now);

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
