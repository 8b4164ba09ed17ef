// How a batch becomes a record.
#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "spool/flusher.hpp"

namespace postil::spool {

std::optional<Flusher::Standing> Flusher::standing(MessageId id, const Overlay& changed) const {
  for (const auto* overlay : {&changed, &overlay_}) {
    if (overlay->empty()) continue;
    if (const auto found = overlay->find(id); found != overlay->end()) {
      return found->second.present ? std::optional(found->second) : std::nullopt;
    }
  }
  const std::lock_guard lock(shared_->index_mutex);
  const auto* entry = shared_->index.find(id);
  if (!entry) return {};
  return Standing{true, entry->recipients, shared_->index.add_segments(id)};
}

bool Flusher::still_there(const CopyChange& copy, const Overlay& changed) const {
  if (changed.contains(copy.id) || overlay_.contains(copy.id)) return false;
  const std::lock_guard lock(shared_->index_mutex);
  const auto* entry = shared_->index.find(copy.id);
  return entry && entry->add == copy.add && std::ranges::equal(entry->states.all(), copy.states);
}

env::StoreResult<void> Flusher::check(const BatchPiece& batch, Overlay& changed) {
  for (const auto& change : batch.changes) {
    if (const auto* add = std::get_if<AddChange>(&change)) {
      if (add->body && add->body->failed) return std::unexpected(add->body->error.load());
      if (standing(add->id, changed)) return std::unexpected(env::StoreError::failed);  // an id is used once
      changed[add->id] = {true, add->recipients, {}};
    } else if (const auto* state = std::get_if<StateChange>(&change)) {
      auto now = standing(state->id, changed);
      if (!now) return std::unexpected(env::StoreError::not_found);
      changed[state->id] = std::move(*now);
    } else if (const auto* remove = std::get_if<RemoveChange>(&change)) {
      auto now = standing(remove->id, changed);
      if (!now) return std::unexpected(env::StoreError::not_found);
      now->present = false;
      changed[remove->id] = std::move(*now);
    } else if (const auto* copy = std::get_if<CopyChange>(&change)) {
      if (!still_there(*copy, changed)) return std::unexpected(env::StoreError::not_found);
      changed[copy->id] = *standing(copy->id, changed);
    }
  }
  return {};
}

env::StoreResult<void> Flusher::lay_bodies(BatchPiece& batch) {
  for (auto& change : batch.changes) {
    if (auto* add = std::get_if<AddChange>(&change); add && !add->tail.empty()) {
      POSTIL_ASSERT(add->body);
      kept_.push_back(std::move(add->tail));
      const auto chunk = lay_chunk(add->body->id, kept_.back());
      if (!chunk) return std::unexpected(chunk.error());
      add->body->chunks.push_back(*chunk);
      unsynced_.push_back(add->body);
    } else if (auto* copy = std::get_if<CopyChange>(&change)) {
      for (auto& [place, octets] : copy->moved) {
        kept_.push_back(std::move(octets));
        const auto chunk = lay_chunk(copy->body_id, kept_.back());
        if (!chunk) return std::unexpected(chunk.error());
        copy->chunks[place] = *chunk;
      }
    }
  }
  return {};
}

namespace {

// A change as an item, except its head.
struct ItemPlan {
  ItemHead head;
  AddContent add;
  std::string_view state;
  std::vector<std::uint32_t> segments;

  std::size_t size() const {
    if (head.kind == ItemKind::add) return size_of(add);
    return head.kind == ItemKind::state ? state.size() : 4 * segments.size();
  }
  void write(char* into) const {
    if (head.kind == ItemKind::add) {
      write_add(into, add);
    } else if (head.kind == ItemKind::state) {
      std::memcpy(into, state.data(), state.size());
    } else if (!segments.empty()) {
      std::memcpy(into, segments.data(), 4 * segments.size());
    }
  }
};

AddContent content_of(const AddChange& add) {
  AddContent content;
  content.recipients = add.recipients;
  if (add.body) {
    content.body_id = add.body->id;
    content.chunks = add.body->chunks;
  }
  for (const auto& chunk : content.chunks) content.body_octets += chunk.at.length;
  content.envelope = add.envelope;
  content.state = add.state;
  return content;
}

AddContent content_of(const CopyChange& copy) {
  AddContent content;
  content.recipients = copy.recipients;
  content.body_id = copy.body_id;
  content.chunks = copy.chunks;
  for (const auto& chunk : content.chunks) content.body_octets += chunk.at.length;
  content.envelope = copy.envelope;
  content.state = copy.state;
  return content;
}

}  // namespace

env::StoreResult<OpList> Flusher::lay_record(BatchPiece& batch, Overlay& changed) {
  std::vector<ItemPlan> items;
  items.reserve(batch.changes.size());
  std::size_t size = 0;
  for (const auto& change : batch.changes) {
    auto& item = items.emplace_back();
    if (const auto* add = std::get_if<AddChange>(&change)) {
      item.head = {ItemKind::add, 0, 0, 0, add->id};
      item.add = content_of(*add);
    } else if (const auto* copy = std::get_if<CopyChange>(&change)) {
      item.head = {ItemKind::add, item_copy, 0, 0, copy->id};
      item.add = content_of(*copy);
    } else if (const auto* state = std::get_if<StateChange>(&change)) {
      const bool full = state->told >= changed.at(state->id).recipients;
      item.head = {ItemKind::state, static_cast<std::uint8_t>(full ? item_full : 0), 0, 0, state->id};
      item.state = state->state;
    } else if (const auto* remove = std::get_if<RemoveChange>(&change)) {
      item.head = {batch.voids ? ItemKind::voided : ItemKind::remove, 0, 0, 0, remove->id};
      item.segments = changed.at(remove->id).segments;
    } else {
      const auto& again = std::get<CopyRemove>(change);
      item.head = {again.kind, 0, 0, 0, again.id};
      item.segments = again.segments;
    }
    size += padded(item_header_octets + item.size());
  }
  if (const auto room = make_room(size); !room) return std::unexpected(room.error());
  for (const auto& change : batch.changes) {  // a segment that failed on the way took its chunks along
    const auto* add = std::get_if<AddChange>(&change);
    if (add && add->body && add->body->failed) return std::unexpected(add->body->error.load());
  }
  char* const content = layout_.take(size);
  OpList ops;
  std::size_t at = 0;
  for (auto& item : items) {
    const auto length = item.size();
    const auto whole = padded(item_header_octets + length);
    std::memset(content + at + whole - std::min<std::size_t>(whole, 8), 0, std::min<std::size_t>(whole, 8));
    item.write(content + at + item_header_octets);
    item.head.length = static_cast<std::uint32_t>(length);
    const std::string_view written(content + at + item_header_octets, length);
    write_item_head(content + at, item.head, active_->salt, written);
    const Location place{active_->number, static_cast<std::uint32_t>(end_ + record_header_octets + at),
                         item.head.length};
    POSTIL_ASSERT(ops.add_item(item.head, place, written));
    if (item.head.kind == ItemKind::add) changed[item.head.id].segments.push_back(active_->number);
    at += whole;
  }
  layout_.record(head(RecordType::batch, ++batch_number_), active_->salt, {content, size});
  end_ += padded(record_header_octets + size);
  return ops;
}

}  // namespace postil::spool
