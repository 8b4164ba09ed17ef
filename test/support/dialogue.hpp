// Dialogues: plain texts of what a client says and a server answers (test/dialogue/README.md has the format), and
// what runs them against any server that can be reached through a DialoguePeer: a bare session, the simulated network,
// the real program over TCP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postil::test {

enum class StepKind : std::uint8_t {
  send,      // text, `count` times
  expect,    // a whole reply, `count` times
  tls,       // the handshake
  closed,    // the server has closed the connection
  silent,    // nothing more comes for now
  hang_up,   // the client closes
  wait,      // `count` seconds pass
  accepted,  // messages taken so far: `count`
  message,   // the last message taken holds text (or not: `negated`)
};

struct DialogueStep {
  StepKind kind{};
  int line = 0;
  std::string text;                   // send: octets; message: what to look for
  std::string code;                   // expect: "250", "5..", "452|552"
  std::string enhanced;               // expect: "2.1.0"; "-" = there must be none
  std::vector<std::string> patterns;  // expect: each stands in some line (any case)
  std::vector<std::string> absent;    // expect: none of them does
  std::size_t count = 1;
  bool negated = false;
};

struct Dialogue {
  std::string name;
  std::map<std::string, std::string> settings;
  std::vector<DialogueStep> steps;
};

// Error: "line 12: ...".
std::expected<Dialogue, std::string> parse_dialogue(std::string_view name, std::string_view text);
// \r \n \t \0 \\ \xHH
std::expected<std::string, std::string> unescape(std::string_view text);

// The server as the client meets it.
class DialoguePeer {
 public:
  virtual ~DialoguePeer() = default;
  virtual void send(std::string_view octets) = 0;  // after a close: dropped
  // The next whole line with its CRLF, waiting as long as the driver thinks right; nothing: none came.
  virtual std::optional<std::string> read_line() = 0;
  virtual bool closed() = 0;  // by the server, all lines read
  virtual bool start_tls() = 0;
  virtual void hang_up() = 0;
  // Nothing where the driver cannot do that: the step is passed over.
  virtual bool wait_seconds(std::size_t) { return false; }
  virtual std::optional<std::vector<std::string>> accepted() { return std::nullopt; }
};

// How the client sends: every send step by itself, or those that no step but `expect` divides all at once.
enum class Sending : std::uint8_t { lockstep, pipelined };

// Runs all steps, or the first steps_max of them; "" or what went wrong, with its line.
std::string run_dialogue(const Dialogue& dialogue, DialoguePeer& peer, Sending sending = Sending::lockstep,
                         std::size_t steps_max = static_cast<std::size_t>(-1));

// What is wrong with a reply as such, whatever it says; "" = well-formed. [rfc5321 4.2] [rfc2034 4]
std::string reply_fault(const std::vector<std::string>& lines);

}  // namespace postil::test
