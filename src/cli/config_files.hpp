// Reads the configuration's files from disk.
#pragma once

#include <expected>
#include <string>

#include "config/config.hpp"

namespace postil::cli {

inline constexpr std::string_view default_config_file = "/etc/postil/postil.toml";

// path and path's folder's conf.d/*.toml, in name order. A file that cannot be read is a problem like others.
config::Loaded load_config(const std::string& path);
// A whole file; the error is the system's word for what is wrong with it.
std::expected<std::string, std::string> read_file(const std::string& path);
// The first line of a secret's file; systemd's credentials folder is looked into for plain names.
std::expected<std::string, std::string> read_secret(const std::string& path);

}  // namespace postil::cli
