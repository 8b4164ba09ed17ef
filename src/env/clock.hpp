// Time and waiting.
#pragma once

#include "base/time.hpp"
#include "env/async.hpp"

namespace postil::env {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime now() const = 0;   // any thread
  virtual WallTime wall() const = 0;  // any thread; may jump
};

// A wait that another coroutine on the same executor may end early. One waiter at a time.
class Timer {
 public:
  virtual ~Timer() = default;
  // True when the time came, false when cancel() ended it. never = until cancel(). A cancel() that came
  // while nobody waited is forgotten.
  virtual Awaitable<bool> wait_until(MonoTime deadline) = 0;
  virtual void cancel() = 0;
};

class Timers {
 public:
  virtual ~Timers() = default;
  // Belongs to the executor that it is made for; destroyed there.
  virtual std::unique_ptr<Timer> make(Executor executor) = 0;
};

}  // namespace postil::env
