#include "message/line_scanner.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace postil::message {
namespace {

// Eight octets at a time: this runs over every octet of every message.
bool any_8bit(std::string_view text) {
  std::uint64_t seen = 0;
  while (text.size() >= 32) {
    std::uint64_t words[4];
    std::memcpy(words, text.data(), 32);
    seen |= words[0] | words[1] | words[2] | words[3];
    text.remove_prefix(32);
  }
  for (const char c : text) seen |= static_cast<unsigned char>(c);
  return (seen & 0x8080808080808080u) != 0;
}

bool contains(std::string_view text, char c) {
  return std::memchr(text.data(), c, text.size()) != nullptr;
}

}  // namespace

void BodyObserver::feed(std::string_view octets) {
  if (octets.empty()) return;
  facts_.octets += octets.size();
  facts_.eight_bit = facts_.eight_bit || any_8bit(octets);
  facts_.nul = facts_.nul || contains(octets, '\0');
  std::size_t pos = 0;
  if (pending_cr_) {
    pending_cr_ = false;
    if (octets[0] == '\n') {
      end_line(0);
      pos = 1;
    } else {
      facts_.bare_cr = true;
      ++line_;
    }
  }
  while (pos < octets.size()) {
    const auto rest = octets.substr(pos);
    const auto lf = rest.find('\n');
    if (lf == std::string_view::npos) {
      pending_cr_ = rest.back() == '\r';
      add(rest.substr(0, rest.size() - (pending_cr_ ? 1 : 0)));
      return;
    }
    pos += lf + 1;
    if (lf > 0 && rest[lf - 1] == '\r') {
      if (!facts_.bare_cr) facts_.bare_cr = contains(rest.substr(0, lf - 1), '\r');
      end_line(lf - 1);
    } else {
      facts_.bare_lf = true;
      add(rest.substr(0, lf + 1));
    }
  }
}

void BodyObserver::add(std::string_view part) {
  line_ += part.size();
  if (!facts_.bare_cr) facts_.bare_cr = contains(part, '\r');
}

void BodyObserver::end_line(std::uint64_t last_part_octets) {
  facts_.longest_line = std::max(facts_.longest_line, line_ + last_part_octets);
  line_ = 0;
}

BodyFacts BodyObserver::facts() const {
  BodyFacts facts = facts_;
  facts.bare_cr = facts.bare_cr || pending_cr_;
  facts.longest_line = std::max(facts.longest_line, line_ + (pending_cr_ ? 1 : 0));
  facts.ends_with_crlf = line_ == 0 && !pending_cr_;
  return facts;
}

void DataScanner::emit(std::string_view octets, std::string& out) {
  if (octets.empty()) return;
  out.append(octets);
  observer_.feed(octets);
}

DataScanner::Result DataScanner::feed(std::string_view in, std::string& out) {
  POSTIL_ASSERT(state_ != State::ended);
  std::size_t pos = 0;
  std::size_t run = 0;  // what of in is still to be emitted begins here
  while (pos < in.size()) {
    switch (state_) {
      case State::line_start:
        if (in[pos] == '.') {
          emit(in.substr(run, pos - run), out);
          run = ++pos;
          state_ = State::dot;
        } else {
          state_ = State::middle;
        }
        break;
      case State::dot:
        if (in[pos] == '\r') {
          run = ++pos;
          state_ = State::dot_cr;
        } else {
          state_ = State::middle;
        }
        break;
      case State::dot_cr:
        if (in[pos] == '\n') {
          state_ = State::ended;
          return {pos + 1, true};
        }
        emit("\r", out);
        state_ = State::cr;
        break;
      case State::cr:
        if (in[pos] == '\n') {
          ++pos;
          state_ = State::line_start;
        } else {
          state_ = State::middle;
        }
        break;
      case State::middle: {
        const auto lf = in.find('\n', pos);
        if (lf == std::string_view::npos) {
          state_ = in.back() == '\r' ? State::cr : State::middle;
          pos = in.size();
          break;
        }
        state_ = lf > pos && in[lf - 1] == '\r' ? State::line_start : State::middle;
        pos = lf + 1;
        break;
      }
      case State::ended:
        break;
    }
  }
  emit(in.substr(run), out);
  return {in.size(), false};
}

}  // namespace postil::message
