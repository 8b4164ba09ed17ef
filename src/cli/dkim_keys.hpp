// The keys of [[dkim]], read from their files.
#pragma once

#include <memory>
#include <vector>

#include "config/config.hpp"
#include "mailauth/dkim_sign.hpp"

namespace postil::cli {

struct LoadedDkimKeys {
  std::shared_ptr<const mailauth::DkimKeys> keys;  // null when the configuration has none, or with errors
  std::vector<config::Problem> problems;           // at the line of the entry's key
  bool ok() const;
};
// A name without a slash is looked for in systemd's credentials folder first.
LoadedDkimKeys load_dkim_keys(const config::Config& config);

}  // namespace postil::cli
