// The octets of a message as they come from a peer: where DATA ends, and what was seen on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postil::message {

struct BodyFacts {
  std::uint64_t octets = 0;        // of the message, dots un-stuffed, without the final "."
  std::uint64_t longest_line = 0;  // octets without its CRLF; also a last line that has none
  bool bare_cr = false;            // a CR that no LF follows
  bool bare_lf = false;            // an LF that no CR precedes
  bool nul = false;
  bool eight_bit = false;      // an octet over 127
  bool ends_with_crlf = true;  // also true for the empty message
};

// Looks at octets, in any cuts. Used for BDAT as it is, and inside DataScanner.
class BodyObserver {
 public:
  void feed(std::string_view octets);
  // Complete after the last feed; may be asked at any time (a CR at the very end counts as bare).
  BodyFacts facts() const;

 private:
  void add(std::string_view part);
  void end_line(std::uint64_t last_part_octets);

  BodyFacts facts_;
  std::uint64_t line_ = 0;  // octets of the line that is not yet ended, a pending CR not counted
  bool pending_cr_ = false;
};

// The octets behind DATA's 354. Only <CRLF>.<CRLF> ends the message [rfc5321 4.1.1.4]; the CRLF of the DATA command
// counts as the first one, so ".<CRLF>" at once is the empty message. A dot at the start of a line is taken off
// [rfc5321 4.5.2]. Bare CR and LF pass as they came and never begin or end a line here: the caller refuses
// or repairs them by the facts. Holds back at most 2 octets between calls.
class DataScanner {
 public:
  struct Result {
    std::size_t consumed;  // octets of in that belong to the message; all of it unless end
    bool end;              // the final dot was read; what is behind consumed is commands again
  };
  // Appends the message's octets to out. Not to be called again after end.
  Result feed(std::string_view in, std::string& out);
  BodyFacts facts() const { return observer_.facts(); }
  bool ended() const { return state_ == State::ended; }

 private:
  enum class State : std::uint8_t { line_start, dot, dot_cr, middle, cr, ended };
  void emit(std::string_view octets, std::string& out);

  BodyObserver observer_;
  State state_ = State::line_start;
};

}  // namespace postil::message
