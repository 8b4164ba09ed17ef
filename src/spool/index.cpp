#include "spool/index.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.hpp"

namespace postil::spool {
namespace {
constexpr std::size_t crowd = 16;  // states of one message
}

Pieces::Pieces(Pieces&& other) noexcept : count_(std::exchange(other.count_, 0)) {
  if (count_ > 1) {
    many_ = other.many_;
  } else {
    one_ = other.one_;
  }
  other.one_ = {};
}

Pieces& Pieces::operator=(Pieces&& other) noexcept {
  if (this == &other) return *this;
  clear();
  count_ = std::exchange(other.count_, 0);
  if (count_ > 1) {
    many_ = other.many_;
  } else {
    one_ = other.one_;
  }
  other.one_ = {};
  return *this;
}

void Pieces::assign(std::span<const Location> pieces) {
  Location* fresh = nullptr;
  if (pieces.size() > 1) {
    fresh = new Location[pieces.size()];
    std::ranges::copy(pieces, fresh);
  }
  const auto first = pieces.empty() ? Location{} : pieces.front();
  clear();
  count_ = static_cast<std::uint32_t>(pieces.size());
  if (fresh) {
    many_ = fresh;
  } else {
    one_ = first;
  }
}

void Pieces::push(const Location& piece) {
  std::vector<Location> longer(all().begin(), all().end());
  longer.push_back(piece);
  assign(longer);
}

void Pieces::clear() {
  if (count_ > 1) delete[] many_;
  count_ = 0;
  one_ = {};
}

bool OpList::add_item(const ItemHead& head, const Location& at, std::string_view content) {
  Op op;
  op.kind = head.kind;
  op.flags = head.flags;
  op.id = head.id;
  op.at = at;
  op.first = static_cast<std::uint32_t>(pool.size());
  if (head.kind == ItemKind::add) {
    const auto add = read_add(content);
    if (!add) return false;
    op.recipients = add->recipients;
    for (const auto& chunk : add->chunks) pool.push_back(chunk.at);
  } else if (head.kind == ItemKind::remove || head.kind == ItemKind::voided) {
    if (content.size() % 4 != 0) return false;
    for (std::size_t i = 0; i < content.size(); i += 4) {
      Location named;
      std::memcpy(&named.segment, content.data() + i, 4);
      pool.push_back(named);
    }
  }
  op.count = static_cast<std::uint32_t>(pool.size()) - op.first;
  ops.push_back(op);
  return true;
}

std::uint64_t SegmentUse::needed_octets() const {
  std::uint64_t octets = live_octets;
  for (const auto& [_, pinning] : pins) octets += pinning;
  return octets;
}

void Index::charge(std::span<const Location> pieces, std::uint32_t head, int sign) {
  for (const auto& piece : pieces) {
    const auto found = use_.find(piece.segment);
    if (found == use_.end()) continue;  // only while a recovery has not seen the end yet
    auto& use = found->second;
    const auto octets = padded(std::uint64_t{head} + piece.length);
    if (sign > 0) {
      use.live_octets += octets;
      ++use.pieces;
    } else {
      POSTIL_ASSERT(use.live_octets >= octets && use.pieces > 0);
      use.live_octets -= octets;
      --use.pieces;
      if (piece.segment != active_ && use.live_octets < thin_octets_) thin_ = true;
    }
  }
}

void Index::charge(const Entry& entry, int sign) {
  charge({&entry.add, 1}, item_header_octets, sign);
  charge(entry.chunks.all(), record_header_octets, sign);
  charge(entry.states.all(), item_header_octets, sign);
}

void Index::remove_segment(std::uint32_t number) {
  use_.erase(number);
  for (auto& [_, use] : use_) use.pins.erase(number);
  for (auto at = stale_.begin(); at != stale_.end();) {
    at->second.erase(number);
    at = at->second.empty() ? stale_.erase(at) : std::next(at);
  }
}

void Index::clear_pins(std::uint32_t number) {
  if (const auto found = use_.find(number); found != use_.end()) found->second.pins.clear();
}

void Index::hold(std::uint32_t number) {
  ++use_.at(number).held;
}

void Index::release(std::uint32_t number) {
  auto& use = use_.at(number);
  POSTIL_ASSERT(use.held > 0);
  --use.held;
  if (number != active_ && !use.needed()) thin_ = true;
}

void Index::apply(const OpList& list) {
  for (const auto& op : list.ops) apply(op, list.pool_of(op));
}

void Index::apply(const Op& op, std::span<const Location> pool) {
  if (op.kind == ItemKind::add) {
    const bool at_end = entries_.empty() || entries_.rbegin()->first < op.id;
    auto place = at_end ? entries_.end() : entries_.find(op.id);
    if (place == entries_.end()) {
      place = entries_.try_emplace(entries_.end(), op.id);
    } else {
      charge(place->second, -1);
      if (place->second.add.segment != op.at.segment) stale_[op.id].insert(place->second.add.segment);
    }
    auto& entry = place->second;
    entry.add = op.at;
    entry.recipients = op.recipients;
    entry.chunks.assign(pool);
    entry.states.clear();
    charge(entry, 1);
    return;
  }
  const auto found = entries_.find(op.id);
  if (op.kind == ItemKind::state) {
    if (found == entries_.end()) return;
    auto& states = found->second.states;
    if (std::ranges::find(states.all(), op.at) != states.all().end()) return;
    if (op.flags & item_full) {
      charge(states.all(), item_header_octets, -1);
      states.clear();
    }
    states.push(op.at);
    charge({&op.at, 1}, item_header_octets, 1);
    if (states.size() > crowd && states.size() % crowd == 1) {
      crowded_.push_back(op.id);
      thin_ = true;
    }
    return;
  }
  if (found != entries_.end()) {
    charge(found->second, -1);
    entries_.erase(found);
  }
  stale_.erase(op.id);
  for (const auto& named : pool) {
    restore_pin(op.at.segment, named.segment, padded(std::uint64_t{item_header_octets} + op.at.length));
  }
}

void Index::restore(MessageId id, Entry entry) {
  charge(entry, 1);
  entries_.insert_or_assign(entries_.end(), id, std::move(entry));
}

void Index::restore_pin(std::uint32_t segment, std::uint32_t pinned, std::uint64_t octets) {
  const auto use = use_.find(segment);
  if (use != use_.end() && pinned != segment && use_.contains(pinned)) use->second.pins[pinned] += octets;
}

const Entry* Index::find(MessageId id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<std::uint32_t> Index::add_segments(MessageId id) const {
  std::vector<std::uint32_t> segments;
  if (const auto* entry = find(id)) segments.push_back(entry->add.segment);
  if (const auto old = stale_.find(id); old != stale_.end()) {
    segments.insert(segments.end(), old->second.begin(), old->second.end());
  }
  return segments;
}

std::vector<MessageId> Index::drop_gone() {
  std::vector<MessageId> incomplete;
  const auto gone = [this](const Location& piece) { return !use_.contains(piece.segment); };
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto& [id, entry] = *at;
    if (gone(entry.add)) {
      charge(entry, -1);
      stale_.erase(id);
      at = entries_.erase(at);
      continue;
    }
    if (std::ranges::any_of(entry.chunks.all(), gone) || std::ranges::any_of(entry.states.all(), gone)) {
      incomplete.push_back(id);
    }
    ++at;
  }
  return incomplete;
}

}  // namespace postil::spool
