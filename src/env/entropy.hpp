// Random octets fit for secrets.
#pragma once

#include <cstdint>
#include <span>

namespace postil::env {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;  // any thread; never fails (aborts if the system has none)
  std::uint64_t word() {
    std::uint64_t value = 0;
    fill({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    return value;
  }
};

}  // namespace postil::env
