#include "cli/config_system.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/command.hpp"
#include "cli/config_files.hpp"
#include "cli/dkim_keys.hpp"
#include "env_asio/tls.hpp"

namespace postil::cli {
namespace {

class Look {
 public:
  explicit Look(const config::Config& config) : config_(config) {}
  ConfigFiles run();
  std::vector<config::Problem> problems() { return std::move(problems_); }

 private:
  // False when it cannot be read, which was told. "" is no file.
  bool readable(std::string_view place, std::string_view key, const std::string& path);
  bool readable(std::string_view key, const std::string& path) { return readable(key, key, path); }
  void tls();
  void password();
  void event_log();

  const config::Config& config_;
  ConfigFiles out_;
  std::vector<config::Problem> problems_;
};

bool Look::readable(std::string_view place, std::string_view key, const std::string& path) {
  if (path.empty()) return true;
  // A pipe would be waited for, perhaps for ever, and is read several times.
  std::error_code ignored;
  const auto kind = std::filesystem::status(path, ignored).type();
  const bool pipe = kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::socket;
  const auto text = pipe ? std::unexpected(EINVAL) : read_whole(path);
  if (!text) problems_.push_back(unreadable(config_, place, key, path, text.error()));
  return text.has_value();
}

void Look::tls() {
  const auto& tls = config_.tls;
  const bool certificate = readable("tls.certificate", tls.certificate);
  const bool key = readable("tls.key", tls.key);
  const bool ca = readable("tls.client_ca", tls.client_ca);
  if (!certificate || !key || !ca || tls.certificate.empty() || tls.key.empty()) return;
  auto facts = env_asio::certificate_facts({tls.certificate, tls.key, tls.client_ca});
  if (facts) {
    out_.certificate = std::move(*facts);
  } else {
    problems_.push_back(problem_at(config_, "tls.certificate", "config.certificate", {{"detail", facts.error()}}));
  }
}

void Look::password() {
  const auto& file = config_.deliver.password_file;
  if (file.empty() || config_.deliver.via != "smarthost") return;
  const std::string path = credential_path(file);
  if (!readable("deliver.password_file", path)) return;
  if (auto secret = read_secret(file)) out_.smarthost_password = std::move(*secret);
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 0004) != 0) {
    problems_.push_back(problem_at(config_, "deliver.password_file", "config.secret_open", {{"path", path}}, true));
  }
}

// It is opened at the start; here only whether that can be.
void Look::event_log() {
  const auto& path = config_.events;
  if (path == "stderr" || path == "off") return;
  const auto folder = std::filesystem::path(path).parent_path();
  if (folder == config_.spool.folder || folder == config_.history_folder) return;  // made at the start
  const bool there = ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) == 0;
  const int result = there ? ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS)
                           : ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS);
  if (result == 0) return;
  const int error = errno;
  auto problem =
      problem_at(config_, "log.events", "serve.log_file", {{"path", path}, {"detail", std::strerror(error)}});
  problem.no_right = error == EACCES || error == EPERM;
  problems_.push_back(std::move(problem));
}

ConfigFiles Look::run() {
  tls();
  readable("deliver.tls_ca", config_.deliver.tls_ca);
  for (std::size_t i = 0; i < config_.tls_policies.size(); ++i) {
    readable(fmt::format("tls_policy.{}.ca", i), "tls_policy.ca", config_.tls_policies[i].ca);
  }
  readable("dns.trust_anchor", config_.dns.trust_anchor);
  password();
  event_log();
  auto dkim = load_dkim_keys(config_);
  out_.dkim = std::move(dkim.keys);
  for (auto& problem : dkim.problems) problems_.push_back(std::move(problem));
  return std::move(out_);
}

}  // namespace

ConfigFiles look_at_files(config::Loaded& loaded) {
  const bool whole = loaded.ok();
  Look look(loaded.config);
  auto files = look.run();
  for (auto& problem : look.problems()) {
    if (whole || problem.line != 0) loaded.problems.push_back(std::move(problem));
  }
  return files;
}

config::Problem unreadable(const config::Config& config, std::string_view place, std::string_view key,
                           const std::string& path, int error) {
  const bool right = error == EACCES || error == EPERM;
  const auto* text = right             ? "config.file_of_key_permission"
                     : error == ENOENT ? "config.file_of_key_missing"
                                       : "config.file_of_key";
  auto problem = problem_at(
      config, place, text,
      {{"key", std::string(key)}, {"path", path}, {"user", account_of(::geteuid())}, {"detail", std::strerror(error)}});
  problem.no_right = right;
  return problem;
}

int exit_of(const std::vector<config::Problem>& problems) {
  int code = exit_ok;
  for (const auto& problem : problems) {
    if (problem.warning) continue;
    if (!problem.no_right) return exit_config;
    code = exit_no_permission;
  }
  return code;
}

boost::json::object problem_json(const config::Problem& problem, const i18n::Translator& tr) {
  return {{"id", problem.text_key},   {"file", problem.file},       {"line", problem.line},
          {"column", problem.column}, {"warning", problem.warning}, {"text", config::text_of(problem, tr)}};
}

}  // namespace postil::cli
