// Everything that waits, in the order in which it stands on the disk, so that a million messages are read with big
// reads instead of a million small ones. next() blocks; one caller.
#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "env/store.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

class Lease {
 public:
  explicit Lease(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  // The next messages with a waiting recipient; empty at the end. What cannot be read is told and passed over.
  std::vector<env::Waiting> next();

 private:
  struct Place {
    Location add;
    MessageId id;
  };
  void begin();
  std::optional<env::Waiting> the_long_way(MessageId id);
  void fill_window(const Location& at);
  // An item's content; nothing where it is not in the window, whole and right.
  std::optional<std::string_view> in_window(MessageId id, const Location& at) const;
  std::optional<env::Waiting> waiting(const Place& place);

  const std::shared_ptr<Shared> shared_;
  std::vector<Place> places_;
  std::size_t at_ = 0;
  bool begun_ = false;
  struct Freed {
    void operator()(char* octets) const { std::free(octets); }
  };
  std::unique_ptr<char[], Freed> window_;
  std::size_t window_octets_ = 0;  // its memory
  std::size_t window_filled_ = 0;
  std::uint32_t window_segment_ = 0;
  std::uint64_t window_from_ = 0;
  std::uint32_t window_salt_ = 0;
};

}  // namespace postil::spool
