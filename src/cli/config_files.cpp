#include "cli/config_files.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace postil::cli {

std::expected<std::string, int> read_whole(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(errno ? errno : EIO);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return std::unexpected(EISDIR);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return std::unexpected(EIO);
  return text.str();
}

std::expected<std::string, std::string> read_file(const std::string& path) {
  auto text = read_whole(path);
  if (!text) return std::unexpected(std::string(std::strerror(text.error())));
  return std::move(*text);
}

std::string account_of(std::uint32_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found) return found->pw_name;
  return fmt::format("uid{}", uid);
}

namespace {

constexpr std::string_view unreadable_prefix = "config.file_unreadable";

config::Problem unreadable_config(const std::string& path, int error) {
  const bool right = error == EACCES || error == EPERM;
  const std::string_view more = right ? "_permission" : error == ENOENT ? "_missing" : "";
  return {path,
          0,
          0,
          false,
          fmt::format("{}{}", unreadable_prefix, more),
          {{"path", path}, {"user", account_of(::geteuid())}, {"detail", std::strerror(error)}},
          right};
}

}  // namespace

config::Loaded load_config(const std::string& path) {
  std::vector<config::SourceFile> sources;
  std::vector<config::Problem> unreadable;
  std::vector<std::string> names = {path};
  const auto folder = std::filesystem::path(path).parent_path() / "conf.d";
  std::error_code error;
  std::vector<std::string> more;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".toml") more.push_back(entry.path().string());
  }
  std::ranges::sort(more);
  names.insert(names.end(), more.begin(), more.end());
  for (const auto& name : names) {
    auto text = read_whole(name);
    if (text) {
      sources.push_back({name, std::move(*text)});
    } else {
      unreadable.push_back(unreadable_config(name, text.error()));
    }
  }
  if (!unreadable.empty()) {
    // What is missing would show as a hundred other errors.
    config::Loaded loaded;
    loaded.problems = std::move(unreadable);
    return loaded;
  }
  return config::parse(sources);
}

std::expected<config::Config, std::string> places_of(const std::string& path) {
  if (!path.empty()) {
    if (const auto named = read_file(path); !named) return std::unexpected(named.error());
  }
  auto loaded = load_config(path.empty() ? std::string(default_config_file) : path);
  const bool read = std::ranges::none_of(
      loaded.problems, [](const config::Problem& problem) { return problem.text_key.starts_with(unreadable_prefix); });
  if (read) return std::move(loaded.config);
  const config::SourceFile empty{"default", ""};
  return config::parse({&empty, 1}).config;
}

std::string credential_path(const std::string& path) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  if (credentials && path.find('/') == std::string::npos) return fmt::format("{}/{}", credentials, path);
  return path;
}

config::Problem problem_at(const config::Config& config, std::string_view key, std::string text_key, i18n::Args args,
                           bool warning) {
  config::Problem problem{config.file, 0, 0, warning, std::move(text_key), std::move(args)};
  const std::string place = config.place(key);
  const auto colon = place.rfind(':');
  if (colon == std::string::npos) return problem;
  problem.line = static_cast<std::uint32_t>(std::strtoul(place.c_str() + colon + 1, nullptr, 10));
  problem.column = 1;
  const std::string name = place.substr(0, colon);
  if (!config.file.ends_with("/" + name) && config.file != name) {
    problem.file = config.file.substr(0, config.file.rfind('/') + 1) + "conf.d/" + name;
  }
  return problem;
}

std::expected<std::string, std::string> read_secret(const std::string& path) {
  const std::string full = credential_path(path);
  auto text = read_file(full);
  if (!text) return std::unexpected(fmt::format("{}: {}", full, text.error()));
  return text->substr(0, text->find_first_of("\r\n"));
}

}  // namespace postil::cli
