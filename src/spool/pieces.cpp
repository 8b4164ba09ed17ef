#include "spool/pieces.hpp"

namespace postil::spool {

void Body::hold(std::uint32_t segment) {
  if (!held.empty() && held.back() == segment) return;
  held.push_back(segment);
  const std::lock_guard lock(shared->index_mutex);
  shared->index.hold(segment);
}

Body::~Body() {
  if (held.empty()) return;
  const std::lock_guard lock(shared->index_mutex);
  for (const auto segment : held) shared->index.release(segment);
}

}  // namespace postil::spool
