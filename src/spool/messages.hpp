// Reading whole messages back from their pieces. Blocks; thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "env/store.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

// Where a message stands, copied out of the index.
struct Whereabouts {
  Location add;
  std::uint32_t recipients = 0;
  std::vector<Location> chunks;
  std::vector<Location> states;
  friend bool operator==(const Whereabouts&, const Whereabouts&) = default;
};
std::optional<Whereabouts> whereabouts(Shared& shared, MessageId id);

// An add as it was read, with views into `content`.
struct ReadAdd {
  std::string content;
  AddContent add;
};
env::StoreResult<ReadAdd> read_add_at(Shared& shared, MessageId id, const Location& at);
// The content of an item that is in memory anyway; nothing where it is not.
using FindItem = std::function<std::optional<std::string_view>(const Location& at)>;
// The newest state of every recipient.
env::StoreResult<queue::MessageState> read_whole_state(Shared& shared, MessageId id, const Whereabouts& where,
                                                       std::string_view first_state, const FindItem& find = {});
env::StoreResult<std::string> read_chunk_at(Shared& shared, const Location& at);

// A state with a part for each of `recipients`: who is not told of waits, due at once.
void complete(queue::MessageState& state, std::size_t recipients);
void merge(queue::MessageState& into, queue::MessageState&& newer);

// Calls read(whereabouts) until it works or the message stands still: it may be copied forward under our feet.
template <class Read>
auto read_standing(Shared& shared, MessageId id, Read read) -> decltype(read(std::declval<const Whereabouts&>())) {
  auto where = whereabouts(shared, id);
  while (where) {
    auto result = read(*where);
    if (result) return result;
    auto now = whereabouts(shared, id);
    if (now == where) return result;
    where = std::move(now);
  }
  return std::unexpected(env::StoreError::not_found);
}

}  // namespace postil::spool
