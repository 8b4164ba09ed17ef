#include "env_asio/entropy.hpp"

#include <sys/random.h>

#include <cerrno>

#include "base/assert.hpp"

namespace postil::env_asio {

void SystemEntropy::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    POSTIL_ASSERT(got > 0);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace postil::env_asio
