// A heap of slots by T::due, which knows where each one stands (T::heap_at), so that any may be taken out.
#pragma once

#include <deque>

#include "queue/slots.hpp"

namespace postil::queue {

template <class T>
class DueHeap {
 public:
  explicit DueHeap(Arena<T>& arena) : arena_(arena) {}
  bool empty() const { return heap_.empty(); }
  Slot top() const { return heap_.front(); }

  void insert(Slot slot) {
    POSTIL_ASSERT(arena_[slot].heap_at == no_slot);
    heap_.push_back(slot);
    up(heap_.size() - 1);
  }
  void remove(Slot slot) {
    const std::size_t at = arena_[slot].heap_at;
    POSTIL_ASSERT(at < heap_.size() && heap_[at] == slot);
    arena_[slot].heap_at = no_slot;
    const Slot last = heap_.back();
    heap_.pop_back();
    if (last == slot) return;
    set(at, last);
    down(at);
    up(arena_[last].heap_at);
  }
  std::size_t memory_octets() const { return heap_.size() * sizeof(Slot); }

 private:
  void set(std::size_t at, Slot slot) {
    heap_[at] = slot;
    arena_[slot].heap_at = static_cast<Slot>(at);
  }
  void up(std::size_t at) {
    const Slot slot = heap_[at];
    while (at > 0) {
      const std::size_t parent = (at - 1) / 4;
      if (arena_[heap_[parent]].due <= arena_[slot].due) break;
      set(at, heap_[parent]);
      at = parent;
    }
    set(at, slot);
  }
  void down(std::size_t at) {
    const Slot slot = heap_[at];
    for (;;) {
      const std::size_t first = at * 4 + 1;
      if (first >= heap_.size()) break;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < first + 4 && child < heap_.size(); ++child) {
        if (arena_[heap_[child]].due < arena_[heap_[least]].due) least = child;
      }
      if (arena_[slot].due <= arena_[heap_[least]].due) break;
      set(at, heap_[least]);
      at = least;
    }
    set(at, slot);
  }

  Arena<T>& arena_;
  std::deque<Slot> heap_;
};

}  // namespace postil::queue
