// A place where one coroutine waits for an event of the world.
#pragma once

#include <cstdint>
#include <memory>

#include "base/time.hpp"
#include "env/async.hpp"

namespace postil::test {

class Node;

enum class Woke : std::uint8_t { ready, timed_out, cancelled };

class Parking {
 public:
  explicit Parking(std::shared_ptr<Node> node);
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // Suspends until wake() or the deadline. The Parking must live until the coroutine goes on.
  env::Awaitable<Woke> park(MonoTime deadline);
  // Nothing when nobody waits. The waiter goes on after the running handler.
  void wake(Woke why);
  bool occupied() const { return static_cast<bool>(resume_); }
  // Destroys the coroutine that waits.
  void drop();

 private:
  env::Resume<Woke> leave();

  std::shared_ptr<Node> node_;
  env::Resume<Woke> resume_;
  std::uint64_t event_ = 0;
  std::uint64_t place_ = 0;
};

}  // namespace postil::test
