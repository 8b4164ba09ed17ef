// The DNS records that say how a domain's mail is sent and protected: SPF, DKIM, DMARC, BIMI, TLS-RPT, MTA-STS with its
// policy, TLSA. Asks only; diagnose::find_all() judges.
#pragma once

#include <optional>

#include "check/notebook.hpp"
#include "env/https.hpp"

namespace postil::check {

// Those of request.parts, side by side. Ends when all have their answers or no time is left.
env::Awaitable<void> ask_sending(Notebook& notebook, const diagnose::CheckRequest& request, WallTime now);

struct FetchPlan {
  env::Https* https = nullptr;  // null: nothing can be fetched
  std::string ca_file;          // "" = the system's
  MonoTime deadline{};
};
// The record, and where there is one the policy.
env::Awaitable<std::optional<diagnose::Fetch>> ask_sts(Notebook& notebook, const diagnose::CheckRequest& request,
                                                       FetchPlan plan);

// TLSA records of a host, by the rules of DANE; its addresses are in the notebook.
env::Awaitable<void> ask_tlsa(Notebook& notebook, std::string host, std::uint16_t port);

}  // namespace postil::check
