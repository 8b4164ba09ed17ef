// The interface that programs of a host use for mail: sendmail, mailq, newaliases, with their usual options and the
// exit codes of sysexits(3).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace postil::cli {

struct SendmailOptions {
  enum class Mode : std::uint8_t { deliver, smtp, queue, aliases, queue_run };
  Mode mode = Mode::deliver;
  std::optional<std::string> sender;  // -f; "" for <>
  std::string full_name;              // -F
  std::string config;                 // -C
  std::string envelope_id;            // -V
  std::string ret;                    // -R
  std::uint8_t notify = 0;            // -N, bits as in RCPT
  bool from_header = false;           // -t
  bool ignore_dots = false;           // -i, -oi
  bool verbose = false;
  bool json = false;  // --json, the one long option
  std::vector<std::string> recipients;
};

// arguments: without the program's name. The error is the option that is not understood.
std::expected<SendmailOptions, std::string> parse_sendmail(const std::vector<std::string>& arguments);

// name: what the program was called as, "sendmail", "mailq" or "newaliases".
int run_sendmail(const Context& context, const std::string& name, const std::vector<std::string>& arguments);

// For the help only: the words behind it are not CLI11's.
void add_sendmail(CLI::App& app, Command& chosen);

}  // namespace postil::cli
