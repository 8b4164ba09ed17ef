// A disk in memory that fails the way disks fail. What was written and what is safe are kept apart:
//
//  * sync_data() makes a file's octets and size safe, sync_folder() makes creates, renames and removes safe.
//  * crash(prng) is a power cut: of what was not safe, any subset of 512-octet blocks, sizes and folder changes
//    survives. Files and locks that were open before are dead: their calls fail and change nothing.
//  * stop_after(n): the n-th call from now is the last that does anything (a write in it may be done in part); all
//  later ones
//    fail, until crash(). So a run can be cut at each of its calls.
//  * fail(kind, n, error, times): the n-th call of that kind from now fails. A sync that failed has forgotten what it
//    should have made safe, as Linux does: later syncs succeed, and a crash may still lose it.
//  * capacity: writes and preallocations beyond it fail with no_space.
//
// Thread-safe. Header only; needs nothing but the disk port.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "env/disk.hpp"

namespace postil::test {

enum class DiskCall : std::uint8_t {
  write,
  read,
  preallocate,
  truncate,
  sync_data,
  create,
  open,
  rename,
  remove,
  list,
  sync_folder,
  space,
  lock
};

class FaultyDisk : public env::Disk {
 public:
  struct Options {
    std::uint64_t capacity_octets = std::uint64_t{1} << 30;
    std::string lock_holder = "process 4242";
  };
  FaultyDisk() : FaultyDisk(Options{}) {}
  explicit FaultyDisk(Options options) : state_(std::make_shared<State>()) { state_->options = std::move(options); }

  // --- faults

  void crash(Prng& prng) {
    const std::lock_guard lock(state_->mutex);
    auto& state = *state_;
    ++state.generation;
    state.stopped = false;
    state.calls_left = -1;
    state.locked = false;
    state.faults.clear();
    const auto habit = prng.below(3);  // all of the folder's changes, none, or some
    for (auto& change : state.unsafe_changes) {
      if (habit == 0 || (habit == 2 && prng.chance(0.5))) apply(state.safe_names, change);
    }
    state.unsafe_changes.clear();
    state.names = state.safe_names;
    for (auto& [name, inode] : state.names) inode->crash(prng);
  }
  void stop_after(std::int64_t calls) {
    const std::lock_guard lock(state_->mutex);
    state_->calls_left = calls;
    state_->stopped = calls == 0;
  }
  bool stopped() const {
    const std::lock_guard lock(state_->mutex);
    return state_->stopped;
  }
  void fail(DiskCall kind, std::uint64_t nth, env::DiskError error, std::uint64_t times = 1) {
    const std::lock_guard lock(state_->mutex);
    state_->faults.push_back({kind, nth, error, times});
  }
  void heal() {
    const std::lock_guard lock(state_->mutex);
    state_->faults.clear();
  }
  void set_capacity(std::uint64_t octets) {
    const std::lock_guard lock(state_->mutex);
    state_->options.capacity_octets = octets;
  }
  // Called in front of each call, with no lock held: for clocks that go on while a disk works.
  void on_call(std::function<void(DiskCall)> hook) { state_->hook = std::move(hook); }
  std::uint64_t calls() const {
    const std::lock_guard lock(state_->mutex);
    return state_->calls;
  }
  std::uint64_t calls(DiskCall kind) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->calls_of.find(kind);
    return found == state_->calls_of.end() ? 0 : found->second;
  }

  // --- what stands there, for tests that look or spoil

  std::vector<std::string> names() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::string> out;
    for (const auto& [name, _] : state_->names) out.push_back(name);
    return out;
  }
  std::string content(const std::string& name) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->names.find(name);
    if (found == state_->names.end()) return {};
    auto octets = found->second->octets;
    octets.resize(found->second->size);
    return octets;
  }
  // Puts a file there, safe.
  void put(const std::string& name, std::string octets) {
    const std::lock_guard lock(state_->mutex);
    auto inode = std::make_shared<Inode>();
    inode->size = inode->safe_size = octets.size();
    inode->octets = std::move(octets);
    state_->names[name] = state_->safe_names[name] = inode;
  }
  // Turns octets over, as a bad medium does.
  void spoil(const std::string& name, std::uint64_t offset, std::size_t length) {
    const std::lock_guard lock(state_->mutex);
    auto& octets = state_->names.at(name)->octets;
    for (auto at = offset; at < offset + length && at < octets.size(); ++at)
      octets[at] = static_cast<char>(~octets[at]);
  }
  std::uint64_t used_octets() const {
    const std::lock_guard lock(state_->mutex);
    return state_->used();
  }

  // --- env::Disk

  env::DiskResult<std::unique_ptr<env::File>> create(std::string_view name) override {
    auto call = begin(DiskCall::create, name);
    if (!call) return std::unexpected(call.error());
    if (state_->names.contains(std::string(name))) return failure(env::DiskError::exists, "create", name);
    auto inode = std::make_shared<Inode>();
    change({Change::Kind::create, std::string(name), {}, inode});
    return std::make_unique<OpenFile>(state_, inode, state_->generation, std::string(name), true);
  }
  env::DiskResult<std::unique_ptr<env::File>> open(std::string_view name, bool writable) override {
    auto call = begin(DiskCall::open, name);
    if (!call) return std::unexpected(call.error());
    const auto found = state_->names.find(std::string(name));
    if (found == state_->names.end()) return failure(env::DiskError::not_found, "open", name);
    return std::make_unique<OpenFile>(state_, found->second, state_->generation, std::string(name), writable);
  }
  env::DiskResult<void> rename(std::string_view from, std::string_view to) override {
    auto call = begin(DiskCall::rename, from);
    if (!call) return std::unexpected(call.error());
    if (!state_->names.contains(std::string(from))) return failure(env::DiskError::not_found, "rename", from);
    change({Change::Kind::rename, std::string(from), std::string(to), {}});
    return {};
  }
  env::DiskResult<void> remove(std::string_view name) override {
    auto call = begin(DiskCall::remove, name);
    if (!call) return std::unexpected(call.error());
    if (!state_->names.contains(std::string(name))) return failure(env::DiskError::not_found, "remove", name);
    change({Change::Kind::remove, std::string(name), {}, {}});
    return {};
  }
  env::DiskResult<std::vector<std::string>> list() override {
    auto call = begin(DiskCall::list, ".");
    if (!call) return std::unexpected(call.error());
    std::vector<std::string> out;
    for (const auto& [name, _] : state_->names) out.push_back(name);
    return out;
  }
  env::DiskResult<void> sync_folder() override {
    auto call = begin(DiskCall::sync_folder, ".");
    if (!call) return std::unexpected(call.error());
    state_->safe_names = state_->names;
    state_->unsafe_changes.clear();
    return {};
  }
  env::DiskResult<Space> space() override {
    auto call = begin(DiskCall::space, ".");
    if (!call) return std::unexpected(call.error());
    const auto used = state_->used();
    const auto capacity = state_->options.capacity_octets;
    return Space{capacity > used ? capacity - used : 0, capacity, 1000000};
  }
  env::DiskResult<std::unique_ptr<env::DirectoryLock>> lock() override {
    auto call = begin(DiskCall::lock, "lock");
    if (!call) return std::unexpected(call.error());
    if (state_->locked) return std::unexpected(env::DiskFailure{env::DiskError::busy, state_->options.lock_holder});
    state_->locked = true;
    return std::make_unique<Lock>(state_, state_->generation);
  }

 private:
  static constexpr std::uint64_t block_octets = 512;

  struct Inode {
    std::string octets;  // what was never written beyond it reads as zero
    std::uint64_t size = 0;
    std::uint64_t safe_size = 0;
    std::map<std::uint64_t, std::string> unsafe;     // blocks that a crash may turn back, as they were
    std::map<std::uint64_t, std::string> forgotten;  // by a sync that failed: no later one makes them safe

    std::string block(std::uint64_t number) const {
      const auto from = number * block_octets;
      std::string out = from < octets.size() ? octets.substr(from, block_octets) : std::string();
      out.resize(block_octets);
      return out;
    }
    void remember(std::uint64_t from, std::uint64_t to) {
      for (auto number = from / block_octets; number * block_octets < to; ++number) {
        if (!unsafe.contains(number)) unsafe[number] = block(number);
      }
    }
    void put(std::uint64_t at, std::string_view what) {
      if (what.empty()) return;
      remember(at, at + what.size());
      if (octets.size() < at + what.size()) octets.resize(at + what.size());
      std::memcpy(octets.data() + at, what.data(), what.size());
      size = std::max(size, at + what.size());
    }
    void sync() {
      unsafe.clear();
      safe_size = size;
    }
    void sync_failed() {
      for (auto& [number, old] : unsafe) forgotten.try_emplace(number, old);
      unsafe.clear();
    }
    void turn_back(std::uint64_t number, const std::string& old) {
      const auto from = number * block_octets;
      if (octets.size() < from + block_octets) octets.resize(from + block_octets);
      std::memcpy(octets.data() + from, old.data(), block_octets);
    }
    void crash(Prng& prng) {
      auto blocks = std::exchange(forgotten, {});
      blocks.merge(unsafe);
      unsafe.clear();
      const auto habit = prng.below(5);
      const auto edge = blocks.empty() ? 0 : prng.below(blocks.size() + 1);
      std::uint64_t place = 0;
      for (const auto& [number, old] : blocks) {
        bool lost = habit == 1;                // 0: all survive, 1: none
        if (habit == 2) lost = place >= edge;  // the first ones survive
        if (habit == 3) lost = place < edge;   // the last ones survive
        if (habit == 4) lost = prng.chance(0.5);
        if (lost) turn_back(number, old);
        ++place;
      }
      if (size != safe_size && prng.chance(0.5)) size = safe_size;
      if (octets.size() > size) octets.resize(size);
      safe_size = size;
    }
  };
  struct Change {
    enum class Kind : std::uint8_t { create, rename, remove } kind;
    std::string name;
    std::string to;
    std::shared_ptr<Inode> inode;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  static void apply(Names& names, const Change& change) {
    if (change.kind == Change::Kind::create) {
      names[change.name] = change.inode;
    } else if (const auto found = names.find(change.name); found != names.end()) {
      const auto inode = found->second;
      names.erase(found);
      if (change.kind == Change::Kind::rename) names[change.to] = inode;
    }
  }
  struct Fault {
    DiskCall kind;
    std::uint64_t nth;
    env::DiskError error;
    std::uint64_t times;
  };
  struct State {
    Options options;
    mutable std::mutex mutex;
    std::function<void(DiskCall)> hook;
    Names names, safe_names;
    std::vector<Change> unsafe_changes;
    std::vector<Fault> faults;
    std::map<DiskCall, std::uint64_t> calls_of;
    std::uint64_t calls = 0;
    std::int64_t calls_left = -1;
    bool stopped = false;
    bool locked = false;
    std::uint64_t generation = 0;

    std::uint64_t used() const {
      std::uint64_t sum = 0;
      for (const auto& [_, inode] : names) sum += inode->size;
      return sum;
    }
    // Counts a call; the error that it must end with, if any. With the mutex held.
    env::DiskResult<void> enter(DiskCall kind, std::string_view name, std::uint64_t its_generation) {
      ++calls;
      ++calls_of[kind];
      if (stopped || its_generation != generation)
        return FaultyDisk::failure(env::DiskError::io, "after the end:", name);
      if (calls_left > 0 && --calls_left == 0) stopped = true;
      for (auto at = faults.begin(); at != faults.end(); ++at) {
        if (at->kind != kind) continue;
        if (at->nth > 1) {
          --at->nth;
          continue;
        }
        const auto error = at->error;
        if (--at->times == 0) faults.erase(at);
        return FaultyDisk::failure(error, "injected:", name);
      }
      return {};
    }
  };

  static std::unexpected<env::DiskFailure> failure(env::DiskError error, std::string_view what, std::string_view name) {
    return std::unexpected(
        env::DiskFailure{error, std::string(what) + " " + std::string(name) + ": " + std::string(to_string(error))});
  }

  using Held = std::unique_lock<std::mutex>;
  static env::DiskResult<Held> begin(const std::shared_ptr<State>& state, DiskCall kind, std::string_view name,
                                     std::uint64_t generation) {
    if (state->hook) state->hook(kind);
    Held held(state->mutex);
    if (auto entered = state->enter(kind, name, generation); !entered) return std::unexpected(entered.error());
    return held;
  }
  env::DiskResult<Held> begin(DiskCall kind, std::string_view name) {
    if (state_->hook) state_->hook(kind);
    Held held(state_->mutex);
    if (auto entered = state_->enter(kind, name, state_->generation); !entered) return std::unexpected(entered.error());
    return held;
  }
  void change(Change change) {
    apply(state_->names, change);
    state_->unsafe_changes.push_back(std::move(change));
  }

  class Lock : public env::DirectoryLock {
   public:
    Lock(std::shared_ptr<State> state, std::uint64_t generation) : state_(std::move(state)), generation_(generation) {}
    ~Lock() override {
      const std::lock_guard lock(state_->mutex);
      if (state_->generation == generation_) state_->locked = false;
    }

   private:
    std::shared_ptr<State> state_;
    std::uint64_t generation_;
  };

  class OpenFile : public env::File {
   public:
    OpenFile(std::shared_ptr<State> state, std::shared_ptr<Inode> inode, std::uint64_t generation, std::string name,
             bool writable)
        : state_(std::move(state)),
          inode_(std::move(inode)),
          generation_(generation),
          name_(std::move(name)),
          writable_(writable) {}

    env::DiskResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
      auto call = begin(state_, DiskCall::write, name_, generation_);
      std::string all;
      for (const auto part : parts) all += part;
      if (!call) {  // some of it may have been done
        const std::lock_guard lock(state_->mutex);
        if (!state_->stopped && state_->generation == generation_)
          inode_->put(offset, std::string_view(all).substr(0, all.size() / 2));
        return std::unexpected(call.error());
      }
      if (!writable_) return failure(env::DiskError::permission, "write", name_);
      if (!room(offset + all.size())) return failure(env::DiskError::no_space, "write", name_);
      inode_->put(offset, all);
      return {};
    }
    env::DiskResult<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
      auto call = begin(state_, DiskCall::read, name_, generation_);
      if (!call) return std::unexpected(call.error());
      if (offset >= inode_->size) return std::size_t{0};
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), inode_->size - offset));
      std::memset(into.data(), 0, count);
      if (offset < inode_->octets.size()) {
        std::memcpy(into.data(), inode_->octets.data() + offset,
                    std::min<std::size_t>(count, inode_->octets.size() - static_cast<std::size_t>(offset)));
      }
      return count;
    }
    env::DiskResult<void> preallocate(std::uint64_t size) override {
      auto call = begin(state_, DiskCall::preallocate, name_, generation_);
      if (!call) return std::unexpected(call.error());
      if (!room(size)) return failure(env::DiskError::no_space, "preallocate", name_);
      inode_->size = std::max(inode_->size, size);
      return {};
    }
    env::DiskResult<void> truncate(std::uint64_t size) override {
      auto call = begin(state_, DiskCall::truncate, name_, generation_);
      if (!call) return std::unexpected(call.error());
      if (!room(size)) return failure(env::DiskError::no_space, "truncate", name_);
      if (size < inode_->octets.size()) {
        inode_->remember(size, inode_->octets.size());
        inode_->octets.resize(size);
      }
      inode_->size = size;
      return {};
    }
    env::DiskResult<void> sync_data() override {
      auto call = begin(state_, DiskCall::sync_data, name_, generation_);
      if (!call) {
        const std::lock_guard lock(state_->mutex);
        if (!state_->stopped && state_->generation == generation_) inode_->sync_failed();
        return std::unexpected(call.error());
      }
      inode_->sync();
      return {};
    }
    env::DiskResult<std::uint64_t> size() override {
      const std::lock_guard lock(state_->mutex);
      return inode_->size;
    }
    void forget(std::uint64_t, std::uint64_t) override {}

   private:
    bool room(std::uint64_t size) const {
      return size <= inode_->size || state_->used() + (size - inode_->size) <= state_->options.capacity_octets;
    }

    std::shared_ptr<State> state_;
    std::shared_ptr<Inode> inode_;
    std::uint64_t generation_;
    std::string name_;
    bool writable_;
  };

  std::shared_ptr<State> state_;
};

}  // namespace postil::test
