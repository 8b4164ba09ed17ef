// The suppression list: addresses to which this server sends nothing more, each with who put it there and why. It is
// one file of lines, kept in memory as well. What is changed is on disk before the change is confirmed.
//
// The file only grows while the server runs; at the start it is written anew when more than half of it is of no use
// any more. A last line that is not whole is what a crash left, and is cut off: nobody was told of it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "env/async.hpp"
#include "env/disk.hpp"

namespace postil::history {

struct Suppressed {
  std::string address;  // letters of any size are the same, and both forms of a domain
  WallTime since;
  WallTime until;        // WallTime{}: without an end
  bool by_hand = false;  // else a reply that said that there is no such mailbox
  std::string why;       // the reply, or what the admin wrote
  bool over(WallTime now) const { return until != WallTime{} && until <= now; }
};

class Suppressions {
 public:
  static constexpr std::size_t entries_max = 1'000'000;
  static constexpr std::string_view file_name = "suppressed";

  // disk: of the spool; writer: an executor for blocking calls, one at a time.
  Suppressions(env::Disk& disk, env::Executor writer) : disk_(disk), writer_(std::move(writer)) {}

  // Reads the file; blocking, on the writer, before use. A file that is not there is an empty list.
  env::DiskResult<void> open(WallTime now);

  // Any thread.
  std::optional<Suppressed> find(std::string_view address, WallTime now) const;
  // In order of addresses, after that one; at most count_max.
  std::vector<Suppressed> list(std::string_view after, std::size_t count_max, WallTime now) const;
  std::size_t size() const;

  enum class Change : std::uint8_t { done, nothing, full, not_durable };
  // nothing: it is there already for as long (an entry by hand stays one by hand). full: there are entries_max.
  env::Awaitable<Change> add(Suppressed one);
  env::Awaitable<Change> remove(std::string address);

 private:
  Change write(const std::string& line);
  Change add_now(const Suppressed& one);
  Change remove_now(const std::string& address);
  env::DiskResult<void> write_anew(WallTime now);
  bool apply(std::string_view line);

  env::Disk& disk_;
  env::Executor writer_;
  mutable std::mutex mutex_;                             // of entries_
  std::unordered_map<std::string, Suppressed> entries_;  // by the address in small letters, its domain in A-labels
  std::unique_ptr<env::File> file_;                      // the writer's only
  std::uint64_t end_ = 0;
};

}  // namespace postil::history
