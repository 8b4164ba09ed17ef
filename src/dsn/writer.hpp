// Writes a delivery report: a whole message, multipart/report [rfc6522] of a part for people (in the reader's language,
// then in English), message/delivery-status [rfc3464] and the original's header or all of it [rfc3461 6.2].
//
// All of it is ASCII, with one exception: a sender's address outside ASCII needs SMTPUTF8 on the way back anyway, and
// then the parts of RFC 6533 are used with 8-bit. What the remote or the sender wrote can make neither a line nor a
// field nor a boundary of its own.
//
//   Writer writer(report);
//   out = writer.begin();
//   if (writer.wants_original()) for (each piece of the stored message) writer.original(piece, out);
//   out += writer.end();
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dsn/human.hpp"
#include "dsn/report.hpp"

namespace postil::dsn {

// A longer original comes back as its header only [rfc3461 6.2].
inline constexpr std::uint64_t full_original_octets_max = 10 * 1024 * 1024;

// For the report's envelope; complete after end().
struct Facts {
  bool smtputf8 = false;  // the sender's address, so the report's header, is not ASCII
  bool body_8bit = false;
  std::uint64_t size_octets = 0;
  std::uint32_t header_octets = 0;  // the empty line included
};

class Writer {
 public:
  // report: recipients not empty, indices within original.recipients, original.sender not "".
  explicit Writer(Report report);

  // RET=FULL, a failure, and not too long.
  bool wants_original() const { return whole_; }
  // The report up to where the original's octets come. Once.
  std::string begin();
  // The original as it is stored, in any cuts; appends to out. Only when wants_original().
  void original(std::string_view octets, std::string& out);
  std::string end();

  const Facts& facts() const { return facts_; }
  // After end(): the original happened to have the boundary in it (nobody can bring that about without guessing
  // 64 bits); the report is to be written again with another `random`.
  bool boundary_clash() const { return clash_; }
  // After end(): a line of the original is longer than a line may be [rfc5322 2.1.1]; the report is to be written again
  // with `encode_original`. Other servers' mail we pass on as it is; what we write ourselves keeps to the rule.
  bool has_long_line() const { return long_line_; }

 private:
  std::string top_header() const;
  std::string original_part_header() const;
  std::string original_header_part() const;
  void watch_boundary(std::string_view octets);
  void watch_lines(std::string_view octets);

  Report report_;
  HumanPart human_;
  std::string boundary_;
  bool international_;
  bool whole_;
  bool base64_;  // of the original
  bool clash_ = false, long_line_ = false;
  std::size_t line_octets_ = 0;  // of the line that the original is in
  std::string pending_;          // octets not yet encoded
  std::string tail_;             // last octets, for the boundary watch
  Facts facts_;
};

// The whole report of one that does not want the original.
std::string write(Report report);

}  // namespace postil::dsn
