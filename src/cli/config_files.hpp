// Reads the configuration's files from disk.
#pragma once

#include <expected>
#include <string>

#include "config/config.hpp"

namespace postil::cli {

inline constexpr std::string_view default_config_file = "/etc/postil/postil.toml";

// path and path's folder's conf.d/*.toml, in name order. A file that cannot be read is a problem like others.
config::Loaded load_config(const std::string& path);
// For commands that only want to know where something lies, whatever else is wrong with the configuration. path: "" =
// the usual file, and the defaults where that cannot be read. The error, where a named file cannot be read, is the
// system's word.
std::expected<config::Config, std::string> places_of(const std::string& path);
// A whole file; the error is an errno, or the system's word for it.
std::expected<std::string, int> read_whole(const std::string& path);
std::expected<std::string, std::string> read_file(const std::string& path);
// The account name of a uid, "uid1000" where it has none.
std::string account_of(std::uint32_t uid);
// The first line of a secret's file; systemd's credentials folder is looked into for plain names.
std::expected<std::string, std::string> read_secret(const std::string& path);
// Where that file is: a plain name lies in the credentials folder, where systemd gives one.
std::string credential_path(const std::string& path);
// A problem at the place of a key of Config::places.
config::Problem problem_at(const config::Config& config, std::string_view key, std::string text_key, i18n::Args args,
                           bool warning = false);

}  // namespace postil::cli
