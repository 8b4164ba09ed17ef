#include "cli/dkim_keys.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "cli/config_files.hpp"
#include "cli/config_system.hpp"
#include "crypto/digest.hpp"
#include "mailauth/dkim_key.hpp"

namespace postil::cli {
namespace {

std::string_view text_of(crypto::KeyError error) {
  switch (error) {
    case crypto::KeyError::encrypted:
      return "config.dkim_key_encrypted";
    case crypto::KeyError::other_type:
      return "config.dkim_key_type";
    case crypto::KeyError::unreadable:
      break;
  }
  return "config.dkim_key_form";
}

mailauth::DkimSignBy sign_by(std::string_view word) {
  if (word == "envelope") return mailauth::DkimSignBy::envelope;
  return word == "both" ? mailauth::DkimSignBy::both : mailauth::DkimSignBy::from;
}

bool open_to_all(const std::string& path) {
  struct stat s{};
  return ::stat(path.c_str(), &s) == 0 && (s.st_mode & 0004) != 0;
}

}  // namespace

bool LoadedDkimKeys::ok() const {
  return std::ranges::all_of(problems, [](const config::Problem& problem) { return problem.warning; });
}

LoadedDkimKeys load_dkim_keys(const config::Config& config) {
  LoadedDkimKeys out;
  std::vector<mailauth::DkimKey> keys;
  for (std::size_t i = 0; i < config.dkim.size(); ++i) {
    const auto& entry = config.dkim[i];
    const std::string at = fmt::format("dkim.{}.key", i);
    const auto problem = [&](std::string_view text, i18n::Args args = {}, bool warning = false) {
      args.emplace_back("path", entry.key);
      out.problems.push_back(problem_at(config, at, std::string(text), std::move(args), warning));
    };
    const std::string path = credential_path(entry.key);
    auto pem = read_whole(path);
    if (!pem) {
      out.problems.push_back(unreadable(config, at, "dkim.key", path, pem.error()));
      continue;
    }
    auto key = crypto::PrivateKey::from_pem(*pem);
    crypto::wipe(*pem);
    if (!key) {
      problem(text_of(key.error()));
      continue;
    }
    if (key->bits() < mailauth::dkim_key_bits_min && key->type() == crypto::KeyType::rsa) {
      problem("config.dkim_key_small", {{"bits", fmt::to_string(key->bits())}});
      continue;
    }
    if (key->bits() < mailauth::dkim_key_bits_should && key->type() == crypto::KeyType::rsa) {
      problem("config.dkim_key_short", {{"bits", fmt::to_string(key->bits())}}, true);
    }
    if (open_to_all(path)) problem("config.dkim_key_open", {}, true);
    keys.push_back({entry.domain, entry.selector, std::move(*key), sign_by(entry.sign_by), entry.subdomains, entry.from,
                    entry.until});
  }
  if (out.ok() && !keys.empty()) out.keys = std::make_shared<const mailauth::DkimKeys>(std::move(keys));
  return out;
}

}  // namespace postil::cli
