#include "queue/names.hpp"

#include <cstring>

namespace postil::queue {
namespace {
std::size_t heap_octets(const std::string& text) {
  return text.capacity() > 15 ? text.capacity() + 1 : 0;
}
}  // namespace

std::uint64_t Names::hash(std::string_view text) const {
  std::uint64_t state = mix(seed_ ^ text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t octets = text.size() < sizeof word ? text.size() : sizeof word;
    std::memcpy(&word, text.data(), octets);
    state = mix(state ^ word) + seed_;
    text.remove_prefix(octets);
  }
  return mix(state);
}

Slot Names::find(std::string_view text) const {
  return table_.find(hash(text), [&](Slot slot) { return names_[slot].text == text; });
}

Slot Names::hold(std::string_view text) {
  Slot slot = find(text);
  if (slot == no_slot) {
    slot = names_.take();
    names_[slot].text = text;
    text_octets_ += heap_octets(names_[slot].text);
    table_.insert(hash(text), slot, [this](Slot other) { return hash(names_[other].text); });
  }
  ++names_[slot].users;
  return slot;
}

void Names::release(Slot slot) {
  Name& name = names_[slot];
  POSTIL_ASSERT(name.users > 0);
  if (--name.users > 0) return;
  text_octets_ -= heap_octets(name.text);
  table_.erase(hash(name.text), slot, [this](Slot other) { return hash(names_[other].text); });
  names_.give_back(slot);
}

}  // namespace postil::queue
