// What a configuration names on this system: its files are read, and each that cannot be is told at the line that names
// it. For `postil config check`, for the start of the server and for each reload.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "crypto/certificate.hpp"
#include "mailauth/dkim_sign.hpp"

namespace postil::cli {

struct ConfigFiles {
  std::optional<crypto::CertificateFacts> certificate;
  std::shared_ptr<const mailauth::DkimKeys> dkim;
  std::string smarthost_password;
};
// What is wrong with them is added to the problems; beside other errors only of files that the configuration names
// itself.
ConfigFiles look_at_files(config::Loaded& loaded);

// A file that a key names and that cannot be read, with what to do. place: of Config::places; error: an errno.
config::Problem unreadable(const config::Config& config, std::string_view place, std::string_view key,
                           const std::string& path, int error);

// exit_ok without errors; exit_no_permission where rights are all that is missing; else exit_config.
int exit_of(const std::vector<config::Problem>& problems);

boost::json::object problem_json(const config::Problem& problem, const i18n::Translator& tr);

}  // namespace postil::cli
