// Names that many messages share (domains, logins, reverse paths), kept once each, with a count of their users.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "queue/slot_table.hpp"
#include "queue/slots.hpp"

namespace postil::queue {

class Names {
 public:
  // seed: makes collisions unpredictable to who chooses the names.
  explicit Names(std::uint64_t seed) : seed_(seed) {}

  // The name's slot with one more user; give it back by release().
  Slot hold(std::string_view text);
  void hold(Slot slot) { ++names_[slot].users; }
  void release(Slot slot);
  // no_slot when nobody holds it.
  Slot find(std::string_view text) const;

  const std::string& text(Slot slot) const { return names_[slot].text; }
  // The site of that name, a slot of the engine's; no_slot when there is none.
  Slot& site(Slot slot) { return names_[slot].site; }
  Slot site(Slot slot) const { return names_[slot].site; }
  // How much a sender of that name has ready or under way, in the engine's count.
  std::uint32_t& load(Slot slot) { return names_[slot].load; }
  // How many messages of that login wait for the time that they name, in the engine's count.
  std::uint32_t& later(Slot slot) { return names_[slot].later; }
  std::uint32_t later(Slot slot) const { return names_[slot].later; }
  std::size_t memory_octets() const { return names_.memory_octets() + table_.memory_octets() + text_octets_; }

 private:
  struct Name {
    std::string text;
    std::uint32_t users = 0;
    Slot site = no_slot;
    std::uint32_t load = 0;
    std::uint32_t later = 0;
  };
  std::uint64_t hash(std::string_view text) const;

  Arena<Name> names_;
  SlotTable table_;
  std::uint64_t seed_;
  std::size_t text_octets_ = 0;  // on the heap
};

}  // namespace postil::queue
