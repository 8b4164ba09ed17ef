// Where a command gets a password from. Never from an argument: others can see the arguments of a process.
#pragma once

#include <cstdint>
#include <expected>
#include <iosfwd>
#include <string>

#include "cli/command.hpp"

namespace CLI {
class App;
}

namespace postil::cli {

struct PasswordOptions {
  std::string file;    // --password-file
  bool input = false;  // --password-stdin
  bool made = false;   // --generate
};

enum class PasswordFailure : std::uint8_t { none_given, several_sources, not_the_same, file_unreadable, cancelled };

struct GivenPassword {
  std::string password;
  bool made = false;  // it is new and must be shown
};

// In this order: the option that was given, POSTIL_PASSWORD, the terminal (asked twice, without echo) when the input
// is one. prompt, again: what is asked; again empty: asked once, for a password that exists.
std::expected<GivenPassword, PasswordFailure> get_password(const PasswordOptions& options, std::istream& in,
                                                           const std::string& prompt, const std::string& again);

// 100 random bits as four groups of five letters and digits that are not mistaken for each other.
std::string make_password();

}  // namespace postil::cli
