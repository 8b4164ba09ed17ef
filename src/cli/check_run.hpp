// Runs checks on the real network.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "check/observer.hpp"

namespace postil::cli {

struct CheckTask {
  std::vector<check::Options> checks;      // one for each subject
  std::string resolver;                    // "192.0.2.1", "192.0.2.1@5353"; "" = the system's
  std::vector<std::string> trust_anchors;  // DNSKEY or DS in zone file form; none: the root's
  // Called with each in the order of `checks`, as soon as it and all before it are done.
  std::function<void(const diagnose::Observations&)> done;
};

// Some of them side by side. Blocks until all are done. The error is a sentence about the resolver.
std::expected<void, std::string> run_checks(CheckTask task);

}  // namespace postil::cli
