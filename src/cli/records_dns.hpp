// What DNS says about the records that a domain should publish.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "diagnose/wanted_records.hpp"

namespace postil::cli {

struct RecordsDns {
  std::vector<diagnose::WantedRecord> wanted;
  std::vector<diagnose::Compared> compared;  // of each, in the same order
  bool secure = false;                       // DNSSEC signs the domain
};

// Fills in what the facts lack (MX hosts that are published, addresses of source_hosts), makes the records and compares
// each. resolver: "192.0.2.1", "192.0.2.1@5353"; "" = the configuration's, or those of /etc/resolv.conf. The error is a
// sentence about the resolver. Blocks for 20 s at most.
std::expected<RecordsDns, std::string> ask_records(diagnose::DomainMail& mail, const config::Dns& dns,
                                                   const std::string& resolver);

}  // namespace postil::cli
