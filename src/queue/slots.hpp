// Objects in numbered slots, and lists threaded through them. A slot number takes half of a pointer, and the
// blocks neither move nor double, so that a million waiting messages cost what they hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.hpp"

namespace postil::queue {

using Slot = std::uint32_t;
inline constexpr Slot no_slot = ~Slot{0};

template <class T>
class Arena {
 public:
  T& operator[](Slot slot) { return blocks_[slot / block_slots][slot % block_slots]; }
  const T& operator[](Slot slot) const { return blocks_[slot / block_slots][slot % block_slots]; }

  // A slot with a fresh T. References to other slots stay good.
  Slot take() {
    ++live_;
    if (!free_.empty()) {
      const Slot slot = free_.back();
      free_.pop_back();
      return slot;
    }
    POSTIL_ASSERT(used_ < no_slot);
    if (used_ / block_slots == blocks_.size()) blocks_.push_back(std::make_unique<T[]>(block_slots));
    return static_cast<Slot>(used_++);
  }
  void give_back(Slot slot) {
    (*this)[slot] = T{};
    free_.push_back(slot);
    POSTIL_ASSERT(live_ > 0);
    if (--live_ == 0) {  // the memory of a flood goes back once it has drained
      if (blocks_.size() > 1) blocks_.resize(1);
      blocks_.shrink_to_fit();
      free_.clear();
      free_.shrink_to_fit();
      used_ = 0;
    }
  }
  // Slots below this may be in use; those that are not hold a T{}.
  Slot end() const { return static_cast<Slot>(used_); }
  std::size_t live() const { return live_; }
  std::size_t memory_octets() const {
    return blocks_.size() * block_slots * sizeof(T) + blocks_.capacity() * sizeof(blocks_[0]) +
           free_.capacity() * sizeof(Slot);
  }

 private:
  static constexpr std::size_t block_slots = sizeof(T) > 256 ? 64 : 1024;
  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<Slot> free_;
  std::size_t used_ = 0, live_ = 0;
};

// A circular list through two members of T; `head` is whose turn it is, no_slot when the list is empty.
template <class T, Slot T::* Prev = &T::prev, Slot T::* Next = &T::next>
struct Ring {
  static void push_back(Arena<T>& arena, Slot& head, Slot slot) {
    T& item = arena[slot];
    if (head == no_slot) {
      head = item.*Prev = item.*Next = slot;
      return;
    }
    T& first = arena[head];
    item.*Next = head;
    item.*Prev = first.*Prev;
    arena[first.*Prev].*Next = slot;
    first.*Prev = slot;
  }
  static void push_front(Arena<T>& arena, Slot& head, Slot slot) {
    push_back(arena, head, slot);
    head = slot;
  }
  static void remove(Arena<T>& arena, Slot& head, Slot slot) {
    T& item = arena[slot];
    if (item.*Next == slot) {
      head = no_slot;
    } else {
      arena[item.*Prev].*Next = item.*Next;
      arena[item.*Next].*Prev = item.*Prev;
      if (head == slot) head = item.*Next;
    }
    item.*Prev = item.*Next = no_slot;
  }
};

}  // namespace postil::queue
