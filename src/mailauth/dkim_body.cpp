#include "mailauth/dkim_body.hpp"

#include <algorithm>

namespace postil::mailauth {
namespace {

constexpr std::size_t buffer_octets = 8 * 1024;

}  // namespace

DkimBodyHash::DkimBodyHash(DkimForm form, std::optional<std::uint64_t> length)
    : form_(form), length_(length), hasher_(crypto::Hash::sha256) {}

void DkimBodyHash::flush() {
  hasher_.update(buffer_);
  buffer_.clear();
}

void DkimBodyHash::put(std::string_view octets) {
  const std::uint64_t before = canonical_octets_;
  canonical_octets_ += octets.size();
  if (length_) {
    if (before >= *length_) return;
    octets = octets.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(octets.size(), *length_ - before)));
  }
  if (buffer_.size() + octets.size() > buffer_octets) flush();
  if (octets.size() >= buffer_octets) {
    hasher_.update(octets);
  } else {
    buffer_ += octets;
  }
}

void DkimBodyHash::put_line_ends() {
  for (; line_ends_ > 0; --line_ends_) put("\r\n");
}

// What is no line end and no white space that is held back goes on at once, in runs.
void DkimBodyHash::take_relaxed(std::string_view octets) {
  for (std::size_t at = 0; at < octets.size();) {
    const char c = octets[at];
    if (c == ' ' || c == '\t') {
      space_ = true;
      ++at;
      continue;
    }
    put_line_ends();
    if (space_) put(" ");
    space_ = false;
    const auto end = std::min(octets.find_first_of(" \t", at), octets.size());
    put(octets.substr(at, end - at));
    at = end;
  }
}

void DkimBodyHash::take_simple(std::string_view octets) {
  if (octets.empty()) return;
  put_line_ends();
  put(octets);
}

void DkimBodyHash::feed(std::string_view octets) {
  const auto take = [this](std::string_view part) {
    form_ == DkimForm::relaxed ? take_relaxed(part) : take_simple(part);
  };
  while (!octets.empty()) {
    if (held_cr_) {
      held_cr_ = false;
      if (octets.front() == '\n') {
        ++line_ends_;
        space_ = false;  // at the end of a line
        octets.remove_prefix(1);
        continue;
      }
      take("\r");
    }
    const auto cr = octets.find('\r');
    take(octets.substr(0, cr));
    if (cr == std::string_view::npos) return;
    held_cr_ = true;
    octets.remove_prefix(cr + 1);
  }
}

std::string DkimBodyHash::finish() {
  if (held_cr_) form_ == DkimForm::relaxed ? take_relaxed("\r") : take_simple("\r");
  held_cr_ = false;
  // Empty lines at the end are gone, and what stands before them ends with one CRLF, also where the message has none.
  // An empty body is CRLF in simple form, nothing in relaxed form.
  if (canonical_octets_ > 0 || form_ == DkimForm::simple) put("\r\n");
  flush();
  return hasher_.finish();
}

void DkimMessageHash::feed(std::string_view octets) {
  constexpr std::string_view end = "\r\n\r\n";
  while (!in_body_ && !octets.empty()) {
    const char c = octets.front();
    octets.remove_prefix(1);
    if (c == end[matched_]) {
      in_body_ = ++matched_ == end.size();
    } else {
      matched_ = c == '\r' ? 1 : 0;
    }
    if (!in_body_ && matched_ == 0) {
      const auto cr = octets.find('\r');
      octets.remove_prefix(std::min(cr, octets.size()));
    }
  }
  if (!octets.empty()) body_.feed(octets);
}

}  // namespace postil::mailauth
