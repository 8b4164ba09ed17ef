// The DNS port: questions to a validating resolver.
#pragma once

#include "base/time.hpp"
#include "dns/answer.hpp"
#include "env/async.hpp"

namespace postil::env {

class Resolver {
 public:
  virtual ~Resolver() = default;
  // name: A-labels, no trailing dot. Never fails otherwise than in the answer: when the deadline passes
  // the status is dns::Status::timed_out. Cached by the resolver. Any thread; the answer comes on the
  // caller's executor.
  virtual Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime deadline) = 0;
};

}  // namespace postil::env
