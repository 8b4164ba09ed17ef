// A hash table of slot numbers: the keys stay in the objects. Open addressing, linear probing, erased by shifting
// back, so that it never fills with tombstones; 4 octets a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "queue/slots.hpp"

namespace postil::queue {

// Spreads a word over all bits; the finisher of splitmix64.
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

class SlotTable {
 public:
  // equal(slot): whether the object in that slot has the wanted key.
  template <class Equal>
  Slot find(std::uint64_t hash, Equal equal) const {
    if (places_.empty()) return no_slot;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      if (places_[at] == no_slot || equal(places_[at])) return places_[at];
    }
  }
  // The key must not be in the table. hash_of(slot) gives the hash of an object that is.
  template <class HashOf>
  void insert(std::uint64_t hash, Slot slot, HashOf hash_of) {
    if ((count_ + 1) * 4 > places_.size() * 3) resize(places_.empty() ? 16 : places_.size() * 2, hash_of);
    put(hash, slot);
    ++count_;
  }
  template <class HashOf>
  void erase(std::uint64_t hash, Slot slot, HashOf hash_of) {
    std::size_t at = hash & mask();
    while (places_[at] != slot) {
      POSTIL_ASSERT(places_[at] != no_slot);
      at = (at + 1) & mask();
    }
    for (std::size_t next = (at + 1) & mask(); places_[next] != no_slot; next = (next + 1) & mask()) {
      const std::size_t home = hash_of(places_[next]) & mask();
      if (((next - home) & mask()) < ((next - at) & mask())) continue;  // is already at or behind its home
      places_[at] = places_[next];
      at = next;
    }
    places_[at] = no_slot;
    if (--count_ * 8 < places_.size() && places_.size() > 16) resize(places_.size() / 2, hash_of);
  }
  template <class Visit>
  void each(Visit visit) const {
    for (Slot slot : places_) {
      if (slot != no_slot) visit(slot);
    }
  }
  std::size_t size() const { return count_; }
  std::size_t memory_octets() const { return places_.capacity() * sizeof(Slot); }

 private:
  std::size_t mask() const { return places_.size() - 1; }
  void put(std::uint64_t hash, Slot slot) {
    std::size_t at = hash & mask();
    while (places_[at] != no_slot) at = (at + 1) & mask();
    places_[at] = slot;
  }
  template <class HashOf>
  void resize(std::size_t size, HashOf hash_of) {
    std::vector<Slot> old(size, no_slot);
    old.swap(places_);
    for (Slot slot : old) {
      if (slot != no_slot) put(hash_of(slot), slot);
    }
  }

  std::vector<Slot> places_;
  std::size_t count_ = 0;
};

}  // namespace postil::queue
