// Invariants. A broken one aborts, also in release: a mail server that goes on with a broken
// invariant loses mail. Never for input: what a peer sends may be anything.
#pragma once

namespace postil {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

#define POSTIL_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::postil::assertion_failed(#expression, __FILE__, __LINE__))
