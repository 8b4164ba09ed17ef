#include "history/history.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <charconv>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>

#include "base/bytes.hpp"

namespace postil::history {

// On disk: files NNNNNNNN.history, each a sequence of lines "HEXID MICROSECONDS JSON\n". A torn line at the end of a
// file is passed over: nothing here was promised.
namespace {

constexpr std::size_t repeats_max = 4096;
constexpr Duration repeat_window = minutes(1);

struct Place {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

std::string file_name(std::uint32_t number) { return fmt::format("{:08}.history", number); }

std::optional<std::uint32_t> file_number(std::string_view name) {
  std::uint32_t number = 0;
  if (name.size() != 16 || !name.ends_with(".history")) return {};
  const auto [end, error] = std::from_chars(name.data(), name.data() + 8, number);
  if (error != std::errc() || end != name.data() + 8) return {};
  return number;
}

}  // namespace

struct History::State : std::enable_shared_from_this<History::State> {
  State(Options given, env::Disk& on, env::Executor where, env::Clock& time)
      : options(given), disk(on), writer(std::move(where)), clock(time) {}

  Options options;
  env::Disk& disk;
  env::Executor writer;
  env::Clock& clock;

  // Shared between threads.
  std::mutex mutex;
  std::string waiting;               // lines not yet written
  std::vector<std::pair<std::uint64_t, std::uint32_t>> waiting_ids;  // id, length of its line
  bool scheduled = false;
  std::atomic<std::uint64_t> dropped = 0;
  struct Repeat {
    std::uint64_t id = 0;
    MonoTime first{};
    std::uint64_t count = 0;
  };
  std::unordered_map<std::string, Repeat> repeats;
  // A repeated refusal has an id of its own in its reply: it leads to the record of the first one.
  std::unordered_map<std::uint64_t, std::uint64_t> same_as;

  // The writer's own.
  struct Segment {
    std::uint64_t octets = 0;
    WallTime newest{};
    std::vector<std::uint64_t> ids;  // to take out of the index with it
  };
  std::map<std::uint32_t, Segment> segments;
  std::unordered_map<std::uint64_t, std::vector<Place>> index;
  std::deque<std::uint64_t> newest_receipts;
  std::unique_ptr<env::File> file;
  std::uint32_t current = 0;
  std::uint64_t offset = 0;

  void add(std::uint64_t id, const std::string& json);
  void write_out();
  void remember(std::uint64_t id, Place place);
  bool open_segment();
  void trim();
  void scan(std::uint32_t number);
  std::vector<std::string> read(std::uint64_t id);
  void sweep_repeats(MonoTime now);
};

void History::State::add(std::uint64_t id, const std::string& json) {
  const std::lock_guard lock(mutex);
  if (waiting.size() + json.size() > options.queue_octets_max) {
    dropped.fetch_add(1);
    return;
  }
  const std::size_t before = waiting.size();
  fmt::format_to(std::back_inserter(waiting), "{:016x} {} {}\n", id, unix_microseconds(clock.wall()), json);
  waiting_ids.emplace_back(id, static_cast<std::uint32_t>(waiting.size() - before));
  if (scheduled) return;
  scheduled = true;
  boost::asio::post(writer, [self = shared_from_this()] { self->write_out(); });
}

void History::State::remember(std::uint64_t id, Place place) {
  index[id].push_back(place);
  segments[place.segment].ids.push_back(id);
  if ((id >> 63) != 0 && (newest_receipts.empty() || newest_receipts.back() != id)) {
    newest_receipts.push_back(id);
    if (newest_receipts.size() > 10000) newest_receipts.pop_front();
  }
}

bool History::State::open_segment() {
  if (file && offset < options.segment_octets) return true;
  auto made = disk.create(file_name(++current));
  if (!made) return false;
  file = std::move(*made);
  offset = 0;
  segments[current] = {};
  trim();
  return true;
}

// The oldest segments go when there are too many octets or they are too old.
void History::State::trim() {
  std::uint64_t sum = 0;
  for (const auto& [number, segment] : segments) sum += segment.octets;
  const WallTime oldest = clock.wall() - options.age_max;
  while (segments.size() > 1) {
    const auto& [number, segment] = *segments.begin();
    if (sum <= options.octets_max && segment.newest >= oldest) return;
    for (const auto id : segment.ids) {
      const auto found = index.find(id);
      if (found == index.end()) continue;
      std::erase_if(found->second, [gone = number](const Place& place) { return place.segment == gone; });
      if (found->second.empty()) index.erase(found);
    }
    sum -= segment.octets;
    disk.remove(file_name(number));
    segments.erase(segments.begin());
  }
}

void History::State::write_out() {
  std::string text;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> ids;
  {
    const std::lock_guard lock(mutex);
    text.swap(waiting);
    ids.swap(waiting_ids);
    scheduled = false;
  }
  if (text.empty()) return;
  if (!open_segment()) {
    dropped.fetch_add(ids.size());
    return;
  }
  const std::string_view part = text;
  if (!file->write(offset, {&part, 1})) {
    dropped.fetch_add(ids.size());
    file.reset();  // what is after a failed write is not known: the next record begins a new file
    return;
  }
  for (const auto& [id, length] : ids) {
    remember(id, {current, static_cast<std::uint32_t>(offset), length});
    offset += length;
  }
  auto& segment = segments[current];
  segment.octets = offset;
  segment.newest = clock.wall();
}

void History::State::scan(std::uint32_t number) {
  auto opened = disk.open(file_name(number), false);
  if (!opened) return;
  auto& segment = segments[number];
  std::string text;
  const auto size = (*opened)->size();
  if (!size) return;
  text.resize(static_cast<std::size_t>(std::min<std::uint64_t>(*size, options.segment_octets * 2)));
  std::size_t have = 0;
  while (have < text.size()) {
    const auto n = (*opened)->read(have, {text.data() + have, text.size() - have});
    if (!n || *n == 0) break;
    have += *n;
  }
  text.resize(have);
  segment.octets = have;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;
    std::uint64_t id = 0;
    std::int64_t us = 0;
    const auto [after, error] = std::from_chars(text.data() + at, text.data() + end, id, 16);
    if (error == std::errc() && after != text.data() + end) std::from_chars(after + 1, text.data() + end, us);
    if (id != 0) remember(id, {number, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end + 1 - at)});
    segment.newest = std::max(segment.newest, wall_from_microseconds(us));
    at = end + 1;
  }
}

std::vector<std::string> History::State::read(std::uint64_t id) {
  write_out();
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex);
    const auto same = same_as.find(id);
    if (same != same_as.end()) id = same->second;
  }
  const auto found = index.find(id);
  if (found == index.end()) return lines;
  for (const auto& place : found->second) {
    auto opened = disk.open(file_name(place.segment), false);
    if (!opened) continue;
    std::string line(place.length, '\0');
    const auto n = (*opened)->read(place.offset, line);
    if (!n || *n != line.size()) continue;
    const auto json = line.find('{');
    if (json == std::string::npos) continue;
    lines.push_back(line.substr(json, line.size() - json - 1));
  }
  return lines;
}

// With the lock held: what was repeated is told once its minute is over.
void History::State::sweep_repeats(MonoTime now) {
  std::erase_if(repeats, [&](const auto& entry) { return now - entry.second.first >= repeat_window && entry.second.count == 0; });
  if (repeats.size() > repeats_max) repeats.clear();
}

History::History(Options options, env::Disk& disk, env::Executor writer, env::Clock& clock)
    : state_(std::make_shared<State>(options, disk, std::move(writer), clock)) {}

History::~History() = default;

void History::open() {
  const auto names = state_->disk.list();
  if (!names) return;
  for (const auto& name : *names) {
    if (const auto number = file_number(name)) {
      state_->scan(*number);
      state_->current = std::max(state_->current, *number);
    }
  }
  state_->trim();
}

void History::add(MessageId id, std::string json) { state_->add(id.value, json); }

void History::add(ReceiptId id, std::string json, std::string repeat_key) {
  if (!repeat_key.empty()) {
    std::uint64_t told_about = 0;
    std::uint64_t count = 0;
    {
      const std::lock_guard lock(state_->mutex);
      const MonoTime now = state_->clock.now();
      state_->sweep_repeats(now);
      auto& repeat = state_->repeats[repeat_key];
      if (repeat.id != 0 && now - repeat.first < repeat_window) {
        ++repeat.count;
        if (state_->same_as.size() >= repeats_max * 4) state_->same_as.clear();
        state_->same_as[id.value] = repeat.id;
        return;
      }
      told_about = repeat.id;
      count = repeat.count;
      repeat = {id.value, now, 0};
    }
    if (count > 0) {
      state_->add(told_about, fmt::format("{{\"event\":\"command.refused\",\"repeat_of\":\"{}\",\"count\":{}}}",
                                          to_string(ReceiptId{told_about}), count));
    }
  }
  state_->add(id.value, json);
}

env::Awaitable<std::vector<std::string>> History::find(MessageId id) {
  auto work = [state = state_, id] { return state->read(id.value); };
  co_return co_await env::on(state_->writer, std::move(work));
}

env::Awaitable<std::vector<std::string>> History::find(ReceiptId id) {
  auto work = [state = state_, id] { return state->read(id.value); };
  co_return co_await env::on(state_->writer, std::move(work));
}

env::Awaitable<std::vector<std::string>> History::newest_receipts(std::size_t count) {
  auto work = [state = state_, count] {
    state->write_out();
    std::vector<std::string> lines;
    for (auto id = state->newest_receipts.rbegin(); id != state->newest_receipts.rend() && lines.size() < count; ++id) {
      auto of = state->read(*id);
      if (!of.empty()) lines.push_back(std::move(of.front()));
    }
    return lines;
  };
  co_return co_await env::on(state_->writer, std::move(work));
}

std::uint64_t History::dropped() const { return state_->dropped.load(); }

}  // namespace postil::history
