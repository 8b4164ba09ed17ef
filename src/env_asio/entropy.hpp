// Random octets from the kernel.
#pragma once

#include "env/entropy.hpp"

namespace postil::env_asio {

class SystemEntropy : public env::Entropy {
 public:
  void fill(std::span<std::uint8_t> out) override;  // getrandom(2)
};

}  // namespace postil::env_asio
