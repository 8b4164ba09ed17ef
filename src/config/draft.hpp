// A configuration while it is read: what is known already, and where each key was set. Inside of the module.
#pragma once

#include <map>
#include <string>

#include "config/config.hpp"

namespace postil::config {

struct Place {
  std::string file;
  std::uint32_t line = 0, column = 0;
};

struct Draft {
  Loaded loaded;
  std::map<std::string, Place> at;  // of each key that is set; "dkim.0", "dkim.0.key" of entries

  bool set(const std::string& path) const { return at.contains(path); }
  void place(const std::string& path, Place where);
  void add(const Place& where, std::string text_key, i18n::Args args = {}, bool warning = false);
  // About a key that may not be set: points at it, or at the file.
  void about(const std::string& path, std::string text_key, i18n::Args args = {}, bool warning = false);
};

// What only shows when all is read; adds what follows from other keys (config/whole.cpp).
void check_whole(Draft& draft);

}  // namespace postil::config
