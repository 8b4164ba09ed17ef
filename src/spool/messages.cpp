#include "spool/messages.hpp"

#include <algorithm>

#include "spool/scan.hpp"

namespace postil::spool {
namespace {

void tell_corrupt(Shared& shared, MessageId id, const Location& at) {
  shared.sink.emit({event::Name::spool_corrupt,
                    {{"id", id ? to_string(id) : std::string()},
                     {"segment", static_cast<std::int64_t>(at.segment)},
                     {"offset", static_cast<std::int64_t>(at.offset)}}});
}

// What to make of a failed read: the message may have been copied away, so that only a good handle means corruption.
env::StoreError read_error(const env::DiskFailure& failure) {
  return failure.error == env::DiskError::io ? env::StoreError::corrupt : env::StoreError::failed;
}

env::StoreResult<ReadItem> item_at(Shared& shared, MessageId id, const Location& at) {
  const auto handle = shared.segments.handle(at.segment);
  if (!handle) return std::unexpected(read_error(handle.error()));
  auto item = read_item(*handle->file, at, handle->salt);
  if (!item) return std::unexpected(read_error(item.error()));
  if (!*item || (*item)->head.id != id) {
    tell_corrupt(shared, id, at);
    return std::unexpected(env::StoreError::corrupt);
  }
  return std::move(**item);
}

}  // namespace

std::optional<Whereabouts> whereabouts(Shared& shared, MessageId id) {
  const std::lock_guard lock(shared.index_mutex);
  const auto* entry = shared.index.find(id);
  if (!entry) return {};
  const auto chunks = entry->chunks.all();
  const auto states = entry->states.all();
  return Whereabouts{entry->add, entry->recipients, {chunks.begin(), chunks.end()}, {states.begin(), states.end()}};
}

env::StoreResult<ReadAdd> read_add_at(Shared& shared, MessageId id, const Location& at) {
  auto item = item_at(shared, id, at);
  if (!item) return std::unexpected(item.error());
  ReadAdd read{std::move(item->content), {}};
  auto add = read_add(read.content);
  if (!add) return std::unexpected(env::StoreError::corrupt);
  // A short string would leave its views behind when it moves; an add is never that short.
  read.add = std::move(*add);
  return read;
}

env::StoreResult<std::string> read_chunk_at(Shared& shared, const Location& at) {
  const auto handle = shared.segments.handle(at.segment);
  if (!handle) return std::unexpected(read_error(handle.error()));
  auto octets = read_chunk(*handle->file, at, handle->salt);
  if (!octets) return std::unexpected(read_error(octets.error()));
  if (!*octets) {
    tell_corrupt(shared, {}, at);
    return std::unexpected(env::StoreError::corrupt);
  }
  return std::move(**octets);
}

void merge(queue::MessageState& into, queue::MessageState&& newer) {
  into.held = newer.held;
  for (auto& part : newer.recipients) {
    const auto found = std::ranges::lower_bound(into.recipients, part.index, {}, &queue::RecipientState::index);
    if (found != into.recipients.end() && found->index == part.index) {
      *found = std::move(part);
    } else {
      into.recipients.insert(found, std::move(part));
    }
  }
}

void complete(queue::MessageState& state, std::size_t recipients) {
  if (state.recipients.size() >= recipients) return;
  queue::MessageState whole;
  whole.id = state.id;
  whole.recipients.resize(recipients);
  for (std::size_t i = 0; i < recipients; ++i) whole.recipients[i].index = static_cast<std::uint32_t>(i);
  merge(whole, std::move(state));
  state = std::move(whole);
}

env::StoreResult<queue::MessageState> read_whole_state(Shared& shared, MessageId id, const Whereabouts& where,
                                                       std::string_view first_state, const FindItem& find) {
  auto state = queue::decode_state(first_state);
  if (!state) return std::unexpected(env::StoreError::corrupt);
  std::ranges::sort(state->recipients, {}, &queue::RecipientState::index);
  complete(*state, where.recipients);
  for (const auto& at : where.states) {
    const auto known = find ? find(at) : std::nullopt;
    env::StoreResult<ReadItem> item;
    if (!known) item = item_at(shared, id, at);
    if (!item) return std::unexpected(item.error());
    auto newer = queue::decode_state(known ? *known : std::string_view(item->content));
    if (!newer) return std::unexpected(env::StoreError::corrupt);
    merge(*state, std::move(*newer));
  }
  return std::move(*state);
}

}  // namespace postil::spool
