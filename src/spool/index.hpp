// What the log knows in memory: where the pieces of each message stand (under 150 octets a message), what is
// alive in each segment, and which deletes must be kept (rule b). Pure; whoever owns it locks.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "spool/format.hpp"

namespace postil::spool {

// A few locations; one of them needs no memory of its own.
class Pieces {
 public:
  Pieces() = default;
  explicit Pieces(std::span<const Location> pieces) { assign(pieces); }
  Pieces(Pieces&& other) noexcept;
  Pieces& operator=(Pieces&& other) noexcept;
  ~Pieces() { clear(); }

  void assign(std::span<const Location> pieces);
  void push(const Location& piece);
  void clear();
  std::span<const Location> all() const { return {count_ > 1 ? many_ : &one_, count_}; }
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }

 private:
  union {
    Location one_{};
    Location* many_;
  };
  std::uint32_t count_ = 0;
};

struct Entry {
  Location add;
  std::uint32_t recipients = 0;
  Pieces chunks;
  Pieces states;  // after the add's own; oldest first
};

struct SegmentUse {
  std::uint64_t live_octets = 0;
  std::uint64_t pieces = 0;
  std::uint64_t held = 0;  // by bodies that stream in
  // Segments with adds that deletes in this one speak of, and the octets of those deletes.
  std::map<std::uint32_t, std::uint64_t> pins;
  bool needed() const { return pieces > 0 || held > 0 || !pins.empty(); }
  // What a copy would have to write: at most, since a delete that pins several segments counts for each.
  std::uint64_t needed_octets() const;
};

// A change that a record tells of, found in a scan or just made durable.
struct Op {
  ItemKind kind = ItemKind::add;
  std::uint8_t flags = 0;
  std::uint32_t recipients = 0;
  MessageId id;
  Location at;
  std::uint32_t first = 0;  // add: its chunks; delete, void: the segments that it names; in OpList::pool
  std::uint32_t count = 0;
};
struct OpList {
  std::vector<Op> ops;
  std::vector<Location> pool;
  // content: of the item; false when it is not well formed.
  bool add_item(const ItemHead& head, const Location& at, std::string_view content);
  std::span<const Location> pool_of(const Op& op) const { return {pool.data() + op.first, op.count}; }
};

class Index {
 public:
  using Entries = std::map<MessageId, Entry>;

  void add_segment(std::uint32_t number) { use_[number]; }
  // Tells when a segment other than the active one falls below `octets` alive: take_thin() is true once.
  void watch(std::uint32_t active, std::uint64_t octets) { active_ = active, thin_octets_ = octets; }
  bool take_thin() { return std::exchange(thin_, false); }  // also for messages with many states
  void remove_segment(std::uint32_t number);
  void clear_pins(std::uint32_t number);
  // A body that streams in has a chunk there.
  void hold(std::uint32_t number);
  void release(std::uint32_t number);
  // Messages with many states, to be drawn together; each is told once.
  std::vector<MessageId> take_crowded() { return std::exchange(crowded_, {}); }
  bool has_segment(std::uint32_t number) const { return use_.contains(number); }
  const SegmentUse& use(std::uint32_t number) const { return use_.at(number); }
  const std::map<std::uint32_t, SegmentUse>& uses() const { return use_; }

  void apply(const OpList& list);
  // Applying the same op again changes nothing.
  void apply(const Op& op, std::span<const Location> pool);
  // As they stand in a checkpoint.
  void restore(MessageId id, Entry entry);
  void restore_pin(std::uint32_t segment, std::uint32_t pinned, std::uint64_t octets);
  void restore_stale(MessageId id, std::uint32_t segment) { stale_[id].insert(segment); }

  const Entry* find(MessageId id) const;
  const Entries& entries() const { return entries_; }
  // Segments with an add of the message, for its delete.
  std::vector<std::uint32_t> add_segments(MessageId id) const;
  const std::unordered_map<MessageId, std::set<std::uint32_t>>& stale() const { return stale_; }

  // After a recovery: messages whose add stood in a segment that was given back are gone. Gives the ids of those
  // that miss another piece.
  std::vector<MessageId> drop_gone();

 private:
  void charge(std::span<const Location> pieces, std::uint32_t head, int sign);
  void charge(const Entry& entry, int sign);

  Entries entries_;
  std::uint32_t active_ = 0;
  std::uint64_t thin_octets_ = 0;
  bool thin_ = false;
  std::vector<MessageId> crowded_;
  std::map<std::uint32_t, SegmentUse> use_;
  std::unordered_map<MessageId, std::set<std::uint32_t>> stale_;  // older adds of messages that were copied
};

}  // namespace postil::spool
