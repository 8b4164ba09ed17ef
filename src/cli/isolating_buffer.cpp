#include "cli/isolating_buffer.hpp"

#include <string_view>

#include "i18n/isolates.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t line_octets_max = 64 * 1024;

}  // namespace

IsolatingBuffer::IsolatingBuffer(std::ostream& out)
    : out_(out), to_(out.rdbuf()), eager_((out.flags() & std::ios_base::unitbuf) != 0) {
  out.unsetf(std::ios_base::unitbuf);
  out.rdbuf(this);
}

IsolatingBuffer::~IsolatingBuffer() {
  auto state = out_.rdstate();
  if (!write_line()) state |= std::ios_base::badbit;
  out_.rdbuf(to_);  // forgets the state
  out_.setstate(state);
  if (eager_) out_.setf(std::ios_base::unitbuf);
}

IsolatingBuffer::int_type IsolatingBuffer::overflow(int_type octet) {
  if (traits_type::eq_int_type(octet, traits_type::eof())) return traits_type::not_eof(octet);
  const char c = traits_type::to_char_type(octet);
  return write({&c, 1}) ? octet : traits_type::eof();
}

std::streamsize IsolatingBuffer::xsputn(const char* text, std::streamsize size) {
  return write({text, static_cast<std::size_t>(size)}) ? size : 0;
}

int IsolatingBuffer::sync() {
  return write_line() && to_->pubsync() == 0 ? 0 : -1;
}

bool IsolatingBuffer::write(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    line_.append(text.substr(0, end));
    if (end != std::string_view::npos) {
      const bool written = write_line() && to_->sputc('\n') != traits_type::eof();
      if (!written || (eager_ && to_->pubsync() != 0)) return false;
      text.remove_prefix(end + 1);
      continue;
    }
    return line_.size() < line_octets_max || write_line();
  }
  return true;
}

bool IsolatingBuffer::write_line() {
  const auto line = i18n::with_isolates(line_);
  line_.clear();
  const auto size = static_cast<std::streamsize>(line.size());
  return to_->sputn(line.data(), size) == size;
}

}  // namespace postil::cli
