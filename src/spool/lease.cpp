#include "spool/lease.hpp"

#include <algorithm>

#include "spool/messages.hpp"

namespace postil::spool {
namespace {
constexpr std::size_t slice_messages = 2000;
constexpr std::size_t window_octets = 4 << 20;
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
  const auto end = std::uint64_t{at.offset} + item_header_octets + at.length;
  if (window_segment_ == at.segment && at.offset >= window_from_ && end <= window_from_ + window_.size()) return;
  window_segment_ = at.segment;
  window_from_ = at.offset;
  window_.clear();
  const auto handle = shared_->segments.handle(at.segment);
  if (!handle) return;
  window_salt_ = handle->salt;
  window_.resize(std::max<std::size_t>(window_octets, item_header_octets + std::size_t{at.length}));
  std::size_t filled = 0;
  while (filled < window_.size()) {
    const auto got = handle->file->read(window_from_ + filled, {window_.data() + filled, window_.size() - filled});
    if (!got || *got == 0) break;
    filled += *got;
  }
  window_.resize(filled);
}

std::optional<env::Waiting> Lease::waiting(const Place& place) {
  const auto where = whereabouts(*shared_, place.id);
  if (!where) return {};
  std::string_view content;
  std::optional<AddContent> add;
  fill_window(where->add);
  const auto skip = static_cast<std::size_t>(where->add.offset - window_from_);
  const auto head = read_item_head(std::string_view(window_).substr(std::min(skip, window_.size())));
  if (head && head->id == place.id && head->length == where->add.length &&
      skip + item_header_octets + head->length <= window_.size()) {
    content = std::string_view(window_).substr(skip + item_header_octets, head->length);
    if (item_crc_right(*head, content, window_salt_)) add = read_add(content);
  }
  std::optional<env::Waiting> out;
  if (add) {
    auto envelope = queue::decode_envelope(add->envelope);
    auto state = read_whole_state(*shared_, place.id, *where, add->state);
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
