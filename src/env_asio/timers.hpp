// Real waiting: one steady_timer a Timer.
#pragma once

#include "env/clock.hpp"

namespace postil::env_asio {

class AsioTimers : public env::Timers {
 public:
  std::unique_ptr<env::Timer> make(env::Executor executor) override;
};

}  // namespace postil::env_asio
