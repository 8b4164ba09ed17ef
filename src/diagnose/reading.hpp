// What was read from a reply, log lines or a bounce, before anything is judged: one refusal for each recipient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/classify.hpp"
#include "dsn/reader.hpp"

namespace postil::diagnose {

inline constexpr std::size_t recipients_max = 500;           // of one bounce; the rest is counted nowhere
inline constexpr std::size_t mail_octets_max = 1024 * 1024;  // of a bounce; the report stands at its beginning
inline constexpr std::size_t line_octets_max = 16 * 1024;    // of a log line; the rest is cut off
inline constexpr std::size_t refusal_octets_max = 4 * 1024;  // of one refusal's text
inline constexpr std::size_t address_octets_max = 512;

enum class Input : std::uint8_t { reply, log_line, bounce };
std::string_view to_string(Input input);

struct Observed {
  Refusal refusal;
  dsn::Action action = dsn::Action::failed;
  std::string reply;  // as it was quoted, with its codes, on one line; empty when no reply was quoted
};

struct Reading {
  Input input = Input::reply;
  std::string mta;     // the software or service that wrote it: "postfix", "exim"; empty: not known
  std::string sender;  // whom a bounce goes to; empty: not known
  std::vector<Observed> recipients;
  bool truncated = false;        // a limit was reached
  bool automatic_reply = false;  // a mail of somebody who is away; it has no recipients then
};

// Takes code, words, stage and host out of what another program wrote: "host mx.example [192.0.2.1] said: 550 5.1.1
// no". What out knows already stays.
void fill_from_quote(Observed& out, std::string_view text);

}  // namespace postil::diagnose
