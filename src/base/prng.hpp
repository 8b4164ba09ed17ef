// A small seeded generator for jitter, MX shuffling and the simulated world; never for secrets
// (env::Entropy is for those). splitmix64: any seed is good, the state is one word.
#pragma once

#include <cstdint>

namespace postil {

class Prng {
 public:
  using result_type = std::uint64_t;
  explicit constexpr Prng(std::uint64_t seed) : state_(seed) {}
  constexpr std::uint64_t operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }
  // 0 to n-1; n > 0.
  constexpr std::uint64_t below(std::uint64_t n) { return (*this)() % n; }
  // 0 <= x < 1
  constexpr double unit() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
  constexpr bool chance(double p) { return unit() < p; }

 private:
  std::uint64_t state_;
};

}  // namespace postil
