// The body in its canonical form and that form's hash, while the octets stream by. [rfc6376 3.4.3, 3.4.4, 3.7]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/digest.hpp"

namespace postil::mailauth {

enum class DkimForm : std::uint8_t { simple, relaxed };

// Octets of the body in any cuts. Memory: none for the octets; runs of empty lines and of spaces are counted.
class DkimBodyHash {
 public:
  // length: of l=, octets of the canonical form that count; nothing = all.
  explicit DkimBodyHash(DkimForm form, std::optional<std::uint64_t> length = std::nullopt);
  void feed(std::string_view octets);
  // SHA-256, 32 octets; once.
  std::string finish();
  // After finish: octets of the canonical form, of those that l= leaves out too.
  std::uint64_t canonical_octets() const { return canonical_octets_; }

 private:
  void put(std::string_view octets);
  void put_line_ends();
  void take_relaxed(std::string_view octets);
  void take_simple(std::string_view octets);
  void flush();

  DkimForm form_;
  std::optional<std::uint64_t> length_;
  crypto::Hasher hasher_;
  std::string buffer_;
  std::uint64_t canonical_octets_ = 0;
  std::uint64_t line_ends_ = 0;  // CRLFs that count only if more follows
  bool held_cr_ = false;
  bool space_ = false;  // white space before what comes next
};

// As above for octets of a whole message: the header block goes by, hashing begins behind the empty line.
class DkimMessageHash {
 public:
  void feed(std::string_view octets);
  // relaxed, SHA-256 of all the body
  std::string finish() { return body_.finish(); }

 private:
  DkimBodyHash body_{DkimForm::relaxed};
  std::uint8_t matched_ = 2;  // octets of CRLFCRLF; at the beginning an empty line ends the header at once
  bool in_body_ = false;
};

}  // namespace postil::mailauth
