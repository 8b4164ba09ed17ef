#include "spool/lease.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "spool/messages.hpp"

namespace postil::spool {
namespace {
constexpr std::size_t slice_messages = 2000;
constexpr std::size_t window_octets_min = 16 << 20;
constexpr std::size_t ahead_octets = 1 << 20;  // a message's first states stand a little behind its add
}  // namespace

void Lease::begin() {
  begun_ = true;
  MessageId after;
  for (bool more = true; more;) {
    const std::lock_guard lock(shared_->index_mutex);
    const auto& entries = shared_->index.entries();
    auto at = entries.upper_bound(after);
    for (int i = 0; i < 10000 && at != entries.end(); ++i, ++at) {
      places_.push_back({at->second.add, at->first});
      after = at->first;
    }
    more = at != entries.end();
  }
  std::ranges::sort(places_, {}, &Place::add);
}

void Lease::fill_window(const Location& at) {
  constexpr auto alignment = env::direct_alignment_octets;
  const auto end = std::uint64_t{at.offset} + item_header_octets + at.length;
  const auto ahead = window_filled_ == window_octets_ ? ahead_octets : 0;  // the file goes on
  const bool here = window_segment_ == at.segment && at.offset >= window_from_;
  if (here && end + ahead <= window_from_ + window_filled_) return;
  window_segment_ = at.segment;
  window_from_ = at.offset / alignment * alignment;
  window_filled_ = 0;
  const auto handle = shared_->segments.handle(at.segment);
  if (!handle) return;
  window_salt_ = handle->salt;
  const auto wanted = std::max<std::uint64_t>(window_octets_min, end - window_from_);
  if (window_octets_ < wanted) {
    window_octets_ = static_cast<std::size_t>((wanted + alignment - 1) / alignment * alignment);
    window_.reset(static_cast<char*>(std::aligned_alloc(alignment, window_octets_)));
    POSTIL_ASSERT(window_);
  }
  while (window_filled_ < window_octets_) {
    const auto got = handle->file->read_once(window_from_ + window_filled_,
                                             {window_.get() + window_filled_, window_octets_ - window_filled_});
    if (!got || *got == 0) break;
    window_filled_ += *got;
  }
}

std::optional<std::string_view> Lease::in_window(MessageId id, const Location& at) const {
  if (at.segment != window_segment_ || at.offset < window_from_) return {};
  const auto octets = std::string_view(window_.get(), window_filled_);
  const auto skip = static_cast<std::size_t>(at.offset - window_from_);
  const auto head = read_item_head(octets.substr(std::min(skip, octets.size())));
  if (!head || head->id != id || head->length != at.length) return {};
  if (skip + item_header_octets + head->length > octets.size()) return {};
  const auto content = octets.substr(skip + item_header_octets, head->length);
  if (!item_crc_right(*head, content, window_salt_)) return {};
  return content;
}

std::optional<env::Waiting> Lease::waiting(const Place& place) {
  const auto where = whereabouts(*shared_, place.id);
  if (!where) return {};
  fill_window(where->add);
  const auto content = in_window(place.id, where->add);
  std::optional<AddContent> add;
  if (content) add = read_add(*content);
  std::optional<env::Waiting> out;
  if (add) {
    const auto find = [&](const Location& at) { return in_window(place.id, at); };
    auto envelope = queue::decode_envelope(add->envelope);
    auto state = read_whole_state(*shared_, place.id, *where, add->state, find);
    if (envelope && state) out = env::Waiting{place.id, std::move(*envelope), std::move(*state)};
  }
  // Most often: it was copied forward, into a part of the open segment that the window holds from before.
  if (!out) out = the_long_way(place.id);
  if (!out) return {};
  const bool waits = std::ranges::any_of(out->state.recipients,
                                         [](const auto& one) { return one.status == queue::RecipientStatus::waiting; });
  if (!waits) return {};
  return out;
}

// Piece by piece, and again when the message moves or a segment cannot be opened just now. A message that cannot be
// read at all is told aloud: it must not be left out silently.
std::optional<env::Waiting> Lease::the_long_way(MessageId id) {
  constexpr int tries_max = 5;
  env::StoreError error = env::StoreError::not_found;
  for (int tries = 0; tries < tries_max; ++tries) {
    auto whole = read_standing(*shared_, id, [&](const Whereabouts& at) -> env::StoreResult<env::Waiting> {
      const auto read = read_add_at(*shared_, id, at.add);
      if (!read) return std::unexpected(read.error());
      auto envelope = queue::decode_envelope(read->add.envelope);
      if (!envelope) return std::unexpected(env::StoreError::corrupt);
      auto state = read_whole_state(*shared_, id, at, read->add.state);
      if (!state) return std::unexpected(state.error());
      return env::Waiting{id, std::move(*envelope), std::move(*state)};
    });
    if (whole) return std::move(*whole);
    error = whole.error();
    if (error == env::StoreError::not_found) return {};  // it ended meanwhile
  }
  shared_->sink.emit(
      {event::Name::spool_corrupt, {{"id", to_string(id)}, {"why", std::string(env::to_string(error))}}});
  return {};
}

std::vector<env::Waiting> Lease::next() {
  if (!begun_) begin();
  std::vector<env::Waiting> slice;
  while (at_ < places_.size() && slice.size() < slice_messages) {
    if (auto one = waiting(places_[at_++])) slice.push_back(std::move(*one));
  }
  return slice;
}

}  // namespace postil::spool
