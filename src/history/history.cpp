#include "history/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <span>
#include <unordered_map>

#include "base/bytes.hpp"
#include "history/line.hpp"

namespace postil::history {

// A torn line at the end of a file is passed over: nothing here was promised.
namespace {

constexpr std::size_t repeats_max = 4096;
constexpr std::size_t same_as_max = 4 * repeats_max;
constexpr std::size_t repeat_ids_max = 100;  // of one minute's repeats: those that are found again after a restart
constexpr std::size_t scan_piece_octets = 64 * 1024;
constexpr std::size_t line_octets_max = 1024 * 1024;
constexpr Duration repeat_window = minutes(1);
constexpr Duration write_behind = milliseconds(20);
// After the disk has refused a file: how long records are dropped before the next one is tried.
constexpr Duration pause_after_trouble = seconds(10);
// The newest segment is closed at this part of the age limit, so that what is too old can go.
constexpr int segments_per_age = 30;

// Sixteen octets a record: a full history has millions.
struct Place {
  std::uint64_t id = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

}  // namespace

struct History::State : std::enable_shared_from_this<History::State> {
  State(Options given, env::Disk& on, env::Executor where, env::Clock& time, env::Timers* waits)
      : options(given), disk(on), writer(std::move(where)), clock(time), timers(waits) {}

  Options options;
  env::Disk& disk;
  env::Executor writer;
  env::Clock& clock;
  env::Timers* timers;

  // Shared between threads.
  std::mutex mutex;
  std::string waiting;                                               // lines not yet written
  std::vector<std::pair<std::uint64_t, std::uint32_t>> waiting_ids;  // id, length of its line
  bool scheduled = false;
  std::atomic<std::uint64_t> dropped = 0;
  struct Repeat {
    std::uint64_t id = 0;
    MonoTime first{};
    WallTime last{};
    std::uint64_t count = 0;
    std::vector<std::uint64_t> ids;  // of the newest repeats
  };
  std::unordered_map<std::string, Repeat> repeats;
  std::deque<std::string> repeats_order;  // keys of `repeats`, by their first time
  // A repeated refusal has an id of its own in its reply: it leads to the record of the first one.
  struct Same {
    std::uint64_t first = 0;
    std::uint64_t number = 0;  // which one of all; the first one is 1
  };
  std::unordered_map<std::uint64_t, Same> same_as;
  std::deque<std::uint64_t> same_as_order;

  // The writer's own.
  struct Segment {
    std::uint64_t octets = 0;
    WallTime oldest{}, newest{};  // as the records say
    std::vector<Place> places;    // in the order of the file, or `sorted` by id
    bool sorted = false;
  };
  std::map<std::uint32_t, Segment> segments;
  std::deque<std::uint64_t> newest_receipts;
  std::unique_ptr<env::File> file;
  std::uint32_t current = 0;
  std::uint64_t offset = 0;
  MonoTime no_file_until{};

  void add(std::uint64_t id, const std::string& json);
  void add_locked(std::uint64_t id, const std::string& json);
  static env::Awaitable<void> write_out_soon(std::weak_ptr<State> weak, std::unique_ptr<env::Timer> timer, MonoTime at);
  // False: it is a repeat, and was counted.
  bool first_of(std::uint64_t id, const std::string& repeat_key);
  void write_out();
  void remember(Segment& segment, Place place);
  std::vector<Place> places_of(std::uint64_t id, std::uint32_t number, Segment& segment) const;
  bool open_segment();
  void trim();
  void scan(std::uint32_t number);
  void take_scanned(Segment& segment, std::uint64_t at, std::string_view text);
  void lead(std::uint64_t id, Same same);
  std::vector<std::string> read(std::uint64_t id);
  std::optional<Repeats> repeats_of(std::uint64_t id);
  void sweep_repeats(MonoTime now, bool all = false);
};

void History::State::add(std::uint64_t id, const std::string& json) {
  const std::lock_guard lock(mutex);
  add_locked(id, json);
}

void History::State::add_locked(std::uint64_t id, const std::string& json) {
  if (waiting.size() + json.size() > options.queue_octets_max) {
    dropped.fetch_add(1);
    return;
  }
  const std::size_t before = waiting.size();
  fmt::format_to(std::back_inserter(waiting), "{:016x} {} {}\n", id, unix_microseconds(clock.wall()), json);
  waiting_ids.emplace_back(id, static_cast<std::uint32_t>(waiting.size() - before));
  if (scheduled) return;
  scheduled = true;
  boost::asio::post(writer, [self = shared_from_this()] {
    if (!self->timers) return self->write_out();
    boost::asio::co_spawn(self->writer,
                          write_out_soon(self, self->timers->make(self->writer), self->clock.now() + write_behind),
                          boost::asio::detached);
  });
}

// A wake-up of the writer for each record would cost as much as all the rest of it.
env::Awaitable<void> History::State::write_out_soon(std::weak_ptr<State> weak, std::unique_ptr<env::Timer> timer,
                                                    MonoTime at) {
  co_await timer->wait_until(at);
  if (const auto self = weak.lock()) self->write_out();
}

void History::State::remember(Segment& segment, Place place) {
  segment.places.push_back(place);
  const auto id = place.id;
  if ((id >> 63) != 0 && (newest_receipts.empty() || newest_receipts.back() != id)) {
    newest_receipts.push_back(id);
    if (newest_receipts.size() > 10000) newest_receipts.pop_front();
  }
}

// Oldest first. A segment that grows no more is sorted when it is asked for the first time.
std::vector<Place> History::State::places_of(std::uint64_t id, std::uint32_t number, Segment& segment) const {
  std::vector<Place> found;
  if (number == current) {
    std::ranges::copy_if(segment.places, std::back_inserter(found),
                         [id](const Place& place) { return place.id == id; });
    return found;
  }
  if (!std::exchange(segment.sorted, true)) {
    std::ranges::sort(segment.places, {}, [](const Place& place) { return std::pair(place.id, place.offset); });
    segment.places.shrink_to_fit();
  }
  const auto range = std::ranges::equal_range(segment.places, id, {}, &Place::id);
  found.assign(range.begin(), range.end());
  return found;
}

// The file that the next records go to.
bool History::State::open_segment() {
  const WallTime now = clock.wall();
  const auto newest = segments.find(current);
  const bool old = newest != segments.end() && !newest->second.places.empty() &&
                   now - newest->second.oldest >= options.age_max / segments_per_age;
  if (file && offset < options.segment_octets && !old) return true;
  if (clock.now() < no_file_until) return false;
  file.reset();
  if (newest != segments.end() && newest->second.octets == 0) {
    disk.remove(file_name(current));
    segments.erase(newest);
  }
  auto made = disk.create(file_name(current + 1));
  if (!made) {
    // Perhaps a file of that name is there after all; the next try takes the name behind it.
    if (made.error().error == env::DiskError::exists) ++current;
    no_file_until = clock.now() + pause_after_trouble;
    return false;
  }
  ++current;
  file = std::move(*made);
  offset = 0;
  segments[current].newest = now;
  return true;
}

// The oldest segments go when there are too many octets or they are too old.
void History::State::trim() {
  std::uint64_t sum = 0;
  for (const auto& [number, segment] : segments) sum += segment.octets;
  const WallTime oldest = clock.wall() - options.age_max;
  while (segments.size() > 1) {
    const auto& [number, segment] = *segments.begin();
    if (number == current) return;
    if (sum <= options.octets_max && segment.newest >= oldest) return;
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
    // Part of it may be there. Where even that cannot be cut off, the file is left, and no other one made at once:
    // a full disk must not fill with files.
    if (!file->truncate(offset)) {
      file.reset();
      if (offset == 0) disk.remove(file_name(current));
      no_file_until = clock.now() + pause_after_trouble;
    }
    return;
  }
  auto& segment = segments[current];
  const WallTime now = clock.wall();
  if (segment.places.empty()) segment.oldest = now;
  segment.newest = now;
  for (const auto& [id, length] : ids) {
    remember(segment, {id, static_cast<std::uint32_t>(offset), length});
    offset += length;
  }
  segment.octets = offset;
  trim();
}

// In pieces: a start with a full history takes no memory but the index.
void History::State::scan(std::uint32_t number) {
  auto opened = disk.open(file_name(number), false);
  if (!opened) return;
  auto& segment = segments[number];
  std::string piece(scan_piece_octets, '\0');
  std::string text;  // from the beginning of a line on
  std::uint64_t begin = 0, end = 0;
  while (end < std::numeric_limits<std::uint32_t>::max()) {
    const auto n = (*opened)->read(end, piece);
    if (!n || *n == 0) break;
    text.append(piece, 0, *n);
    end += *n;
    std::size_t at = 0;
    for (std::size_t newline; (newline = text.find('\n', at)) != std::string::npos; at = newline + 1) {
      take_scanned(segment, begin + at, std::string_view(text).substr(at, newline - at));
    }
    text.erase(0, at);
    begin += at;
    if (text.size() > line_octets_max) {  // no record of ours: what is left of it will be none either
      begin += text.size();
      text.clear();
    }
  }
  segment.octets = end;
}

void History::State::take_scanned(Segment& segment, std::uint64_t at, std::string_view text) {
  const auto line = parse_line(text);
  if (!line) return;
  if (segment.places.empty()) segment.oldest = line->at;
  remember(segment, {line->id, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(text.size() + 1)});
  segment.newest = std::max(segment.newest, line->at);
  const auto told = repeats_told(text);
  if (!told) return;
  for (std::size_t i = 0; i < told->ids.size(); ++i) lead(told->ids[i], {line->id, told->number_at(i)});
}

std::vector<std::string> History::State::read(std::uint64_t id) {
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex);
    sweep_repeats(clock.now());
    const auto same = same_as.find(id);
    if (same != same_as.end()) id = same->second.first;
  }
  write_out();
  for (auto& [number, segment] : segments) {
    const auto places = places_of(id, number, segment);
    if (places.empty()) continue;
    auto opened = disk.open(file_name(number), false);
    if (!opened) continue;
    for (const auto& place : places) {
      std::string line(place.length, '\0');
      const auto n = (*opened)->read(place.offset, line);
      if (!n || *n != line.size()) continue;
      line.pop_back();
      const auto parsed = parse_line(line);
      if (!parsed || parsed->id != id || parsed->at < clock.wall() - options.age_max) continue;
      lines.push_back(line.substr(line.find('{')));
    }
  }
  return lines;
}

std::optional<Repeats> History::State::repeats_of(std::uint64_t id) {
  Same same{id, 1};
  {
    const std::lock_guard lock(mutex);
    sweep_repeats(clock.now());
    if (const auto known = same_as.find(id); known != same_as.end()) same = known->second;
    const auto live = std::ranges::find(repeats, same.first, [](const auto& entry) { return entry.second.id; });
    if (live != repeats.end()) {
      const auto& repeat = live->second;
      if (repeat.count == 0) return {};
      return Repeats{same.number, repeat.count + 1, repeat.last};
    }
  }
  const auto lines = read(same.first);
  if (lines.size() < 2) return {};
  const auto told = repeats_told(lines.back());
  if (!told) return {};
  return Repeats{same.number, told->count + 1, told->last};
}

// With the lock held: what was repeated is told once its minute is over, or there are too many to remember, or all of
// it at the end of the program.
void History::State::sweep_repeats(MonoTime now, bool all) {
  while (!repeats_order.empty()) {
    const auto found = repeats.find(repeats_order.front());
    const Repeat& repeat = found->second;
    if (!all && now - repeat.first < repeat_window && repeats.size() <= repeats_max) return;
    if (repeat.count > 0) add_locked(repeat.id, repeat_json(repeat.id, repeat.count, repeat.last, repeat.ids));
    repeats.erase(found);
    repeats_order.pop_front();
  }
}

bool History::State::first_of(std::uint64_t id, const std::string& repeat_key) {
  const std::lock_guard lock(mutex);
  const MonoTime now = clock.now();
  sweep_repeats(now);
  const auto [entry, first] = repeats.try_emplace(repeat_key, Repeat{.id = id, .first = now});
  if (first) {
    repeats_order.push_back(repeat_key);
    return true;
  }
  Repeat& repeat = entry->second;
  ++repeat.count;
  repeat.last = clock.wall();
  if (repeat.ids.size() == repeat_ids_max) repeat.ids.erase(repeat.ids.begin());
  repeat.ids.push_back(id);
  lead(id, {repeat.id, repeat.count + 1});
  return false;
}

// With the lock held, or before use.
void History::State::lead(std::uint64_t id, Same same) {
  if (same_as.size() >= same_as_max) {
    same_as.erase(same_as_order.front());
    same_as_order.pop_front();
  }
  if (same_as.emplace(id, same).second) same_as_order.push_back(id);
}

History::History(Options options, env::Disk& disk, env::Executor writer, env::Clock& clock, env::Timers* timers)
    : state_(std::make_shared<State>(options, disk, std::move(writer), clock, timers)) {}

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

void History::add(MessageId id, std::string json) {
  state_->add(id.value, json);
}

void History::add(ReceiptId id, std::string json, std::string repeat_key) {
  if (!repeat_key.empty() && !state_->first_of(id.value, repeat_key)) return;
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

env::Awaitable<std::optional<Repeats>> History::repeats_of(ReceiptId id) {
  auto work = [state = state_, id] { return state->repeats_of(id.value); };
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

env::Awaitable<void> History::flush() {
  auto work = [state = state_] {
    {
      const std::lock_guard lock(state->mutex);
      state->sweep_repeats(state->clock.now(), true);
    }
    state->write_out();
    return true;
  };
  co_await env::on(state_->writer, std::move(work));
}

std::uint64_t History::dropped() const {
  return state_->dropped.load();
}

}  // namespace postil::history
