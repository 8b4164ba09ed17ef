// What goes on behind the flusher: giving segments back, filling the reserve, watching the free space, checkpoints,
// copying forward. Runs on the readers' executor, one pass at a time; poke() asks for one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "env/async.hpp"
#include "spool/flusher.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

class Keeper : public std::enable_shared_from_this<Keeper> {
 public:
  Keeper(std::shared_ptr<Shared> shared, env::Executor readers)
      : shared_(std::move(shared)), readers_(std::move(readers)) {}
  void attach(std::weak_ptr<Flusher> flusher) { flusher_ = std::move(flusher); }

  void poke();                      // any thread
  void watch_space();               // any thread; asks for a pass if the answer about free space is old
  void stop() { stopped_ = true; }  // no more passes begin; one may be on its way
  // Blocks; also the pass's parts, for the start and the end.
  void check_space();
  void refill();
  env::DiskResult<void> checkpoint();

 private:
  void pass();
  env::DiskResult<void> write();  // the checkpoint
  void give_back();
  std::uint32_t thin_segment();
  void copy_forward();
  bool copy_slice(std::vector<ChangePiece>& copies, std::uint64_t& octets);
  void copy_removes(std::vector<ChangePiece>& copies);
  void finish_victim();
  std::optional<CopyChange> copy_of(MessageId id, std::uint32_t segment, std::uint64_t& octets);
  void send(const std::shared_ptr<Flusher>& flusher, std::vector<ChangePiece> changes);

  const std::shared_ptr<Shared> shared_;
  const env::Executor readers_;
  std::weak_ptr<Flusher> flusher_;
  std::atomic<bool> scheduled_{false};
  std::atomic<bool> again_{false};
  std::atomic<bool> stopped_{false};
  std::mutex busy_;                               // a pass is on its way, or the checkpoint of the end is written
  std::atomic<std::int64_t> space_asked_us_{-1};  // monotonic
  std::uint64_t checkpoint_at_ = 0;               // written_octets then

  // Copying, one segment at a time, one slice in a pass.
  enum class Stage : std::uint8_t { messages, removes, done };
  std::uint32_t victim_ = 0;
  Stage stage_ = Stage::messages;
  MessageId copied_to_;
  bool unreadable_ = false;        // something in the victim could not be read: it stays
  std::set<std::uint32_t> stuck_;  // such segments
  std::atomic<int> outstanding_{0};
  std::atomic<bool> copy_failed_{false};
};

}  // namespace postil::spool
