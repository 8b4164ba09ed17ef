#include "support/world/world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "base/assert.hpp"

namespace postil::test {
namespace {

// So many handlers or events at one virtual instant are a loop that does not end.
constexpr std::uint64_t handlers_per_instant_max = 20'000'000;

class WorldTimer : public env::Timer {
 public:
  explicit WorldTimer(std::shared_ptr<Node> node) : state_(std::make_shared<State>(std::move(node))) {}
  ~WorldTimer() override { state_->parking.wake(Woke::cancelled); }
  env::Awaitable<bool> wait_until(MonoTime deadline) override { return wait(state_, deadline); }
  void cancel() override {
    if (!state_->waits) return;
    state_->cancelled = true;
    state_->parking.wake(Woke::cancelled);
  }

 private:
  struct State {
    explicit State(std::shared_ptr<Node> node) : parking(std::move(node)) {}
    Parking parking;
    bool waits = false;
    bool cancelled = false;
  };
  static env::Awaitable<bool> wait(std::shared_ptr<State> state, MonoTime deadline) {
    POSTIL_ASSERT(!state->waits);
    state->waits = true;
    state->cancelled = false;
    const Woke why = co_await state->parking.park(deadline);
    state->waits = false;
    co_return why == Woke::timed_out && !state->cancelled;
  }
  std::shared_ptr<State> state_;
};

}  // namespace

Node::Node(World& world, std::string name, std::vector<std::string> addresses, std::uint64_t seed)
    : world_(world),
      name_(std::move(name)),
      addresses_(std::move(addresses)),
      context_(std::make_unique<Context>()),
      entropy_(seed),
      network_(*this),
      resolver_(*this),
      https_(*this) {}

Node::~Node() = default;

void Node::spawn(env::Awaitable<void> what) {
  boost::asio::co_spawn(*context_, std::move(what), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
}

bool Node::has_address(std::string_view address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

MonoTime Node::now() const {
  return std::max(world_.now(), private_now_);
}
WallTime Node::wall() const {
  return world_.wall() + (now() - world_.now()) + wall_offset_;
}

std::unique_ptr<env::Timer> Node::NodeTimers::make(env::Executor) {
  return std::make_unique<WorldTimer>(node.shared_from_this());
}

void Node::NodeEntropy::fill(std::span<std::uint8_t> out) {
  for (std::uint8_t& octet : out) octet = static_cast<std::uint8_t>(random());
}

std::size_t Node::poll() {
  if (!context_) return 0;
  context_->restart();
  return context_->poll();
}

World::World(std::uint64_t seed) : random_(seed), seed_(seed) {
  print_trace_ = std::getenv("POSTIL_TRACE") != nullptr;
}

World::~World() {
  for (const auto& node : std::vector(nodes_)) cut(*node, true);
  for (const auto& node : std::vector(nodes_)) bury(*node);
}

std::uint64_t World::seed(std::uint64_t fallback) {
  std::uint64_t seed = fallback;
  if (const char* text = std::getenv("POSTIL_SEED")) {
    seed = std::strtoull(text, nullptr, 10);
  } else if (seed == 0) {
    seed = std::random_device{}() | 1;
  }
  std::printf("[seed %llu; POSTIL_SEED=%llu repeats this run]\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

std::shared_ptr<Node> World::start(std::string name, std::vector<std::string> addresses) {
  POSTIL_ASSERT(node(name) == nullptr);
  auto made = std::make_shared<Node>(*this, std::move(name), std::move(addresses), random_());
  nodes_.push_back(made);
  return made;
}

Node* World::host_of(std::string_view address) {
  for (const auto& node : nodes_) {
    if (node->alive() && node->has_address(address)) return node.get();
  }
  return nullptr;
}

Node* World::node(std::string_view name) {
  for (const auto& node : nodes_) {
    if (node->alive() && node->name() == name) return node.get();
  }
  return nullptr;
}

void World::give_up(std::string_view why) {
  std::fprintf(stderr, "world, seed %llu, at %lld us: %.*s\n", static_cast<unsigned long long>(seed_),
               static_cast<long long>(now_.time_since_epoch().count()), static_cast<int>(why.size()), why.data());
  std::abort();
}

std::uint64_t World::at(MonoTime when, Node* node, std::move_only_function<void()> what) {
  const std::uint64_t id = ++last_event_;
  when = std::max(when, node ? node->now() : now_);
  events_.emplace(Key{when, id}, Event{node, std::move(what)});
  event_times_.emplace(id, when);
  return id;
}

void World::cancel(std::uint64_t id) {
  const auto found = event_times_.find(id);
  if (found == event_times_.end()) return;
  events_.erase({found->second, id});
  event_times_.erase(found);
}

void World::settle() {
  std::uint64_t handlers = 0;
  for (bool ran = true; ran;) {
    ran = false;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto node = nodes_[i];
      if (!node->alive_) continue;
      const std::size_t count = node->poll();
      ran |= count > 0;
      handlers += count;
    }
    if (handlers > handlers_per_instant_max) give_up("handlers without end at one instant");
  }
}

bool World::next_event(MonoTime limit) {
  if (events_.empty() || events_.begin()->first.first > limit) return false;
  auto first = events_.begin();
  now_ = std::max(now_, first->first.first);
  event_times_.erase(first->first.second);
  Event event = std::move(first->second);
  events_.erase(first);
  ++events_run_;
  event.what();
  return true;
}

bool World::run_until(const std::function<bool()>& done, Duration limit) {
  const MonoTime end = now_ + limit;
  std::uint64_t at_this_instant = 0;
  for (;;) {
    settle();
    if (done()) return true;
    const MonoTime before = now_;
    if (!next_event(end)) {
      now_ = end;
      return false;
    }
    at_this_instant = now_ == before ? at_this_instant + 1 : 0;
    if (at_this_instant > handlers_per_instant_max) give_up("events without end at one instant");
  }
}

void World::run_for(Duration d) {
  run_until([] { return false; }, d);
}

void World::drop_events(Node& node) {
  std::vector<Event> dropped;  // destroyed when the maps are in order again
  for (auto at = events_.begin(); at != events_.end();) {
    if (at->second.node != &node) {
      ++at;
      continue;
    }
    event_times_.erase(at->first.second);
    dropped.push_back(std::move(at->second));
    at = events_.erase(at);
  }
}

void World::cut(Node& node, bool silence) {
  if (!node.alive_) return;
  note("cut " + node.name());
  node.alive_ = false;
  node.private_now_ = now_;
  internet_.cut(node, silence);
}

void World::unwind(Node& node, env::Awaitable<void> what, Duration limit) {
  POSTIL_ASSERT(!node.alive_);
  bool ended = false;
  auto whole = [](env::Awaitable<void> inner, bool& flag) -> env::Awaitable<void> {
    co_await std::move(inner);
    flag = true;
  };
  node.spawn(whole(std::move(what), ended));
  const MonoTime end = node.now() + limit;
  while (!ended) {
    if (node.poll() > 0) continue;
    auto next = events_.begin();
    while (next != events_.end() && next->second.node != &node) ++next;
    if (next == events_.end() || next->first.first > end) give_up("a node that was cut did not end by itself");
    node.private_now_ = std::max(node.private_now_, next->first.first);
    event_times_.erase(next->first.second);
    Event event = std::move(next->second);
    events_.erase(next);
    event.what();
  }
  while (node.poll() > 0) {
  }
}

void World::bury(Node& node, const std::function<void()>& then) {
  if (!node.context_) return;
  const auto keep = node.shared_from_this();
  cut(node);
  drop_events(node);
  const auto drop = [&] {
    for (int i = 0; i < 1000; ++i) {  // what is destroyed may park or post something again
      while (!node.parked_.empty()) node.parked_.begin()->second->drop();
      node.context_->drop();
      if (node.parked_.empty()) break;
    }
  };
  drop();
  if (then) then();
  drop();
  node.context_.reset();
  drop_events(node);
  std::erase(nodes_, keep);
}

void World::note(std::string_view what) {
  const auto add = [&](const char* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      fingerprint_ = (fingerprint_ ^ static_cast<unsigned char>(data[i])) * 0x100000001b3u;
  };
  const std::int64_t time = now_.time_since_epoch().count();
  add(reinterpret_cast<const char*>(&time), sizeof time);
  add(what.data(), what.size());
  if (print_trace_)
    std::printf("%14.6f %.*s\n", static_cast<double>((now_ - MonoTime(start_)).count()) / 1e6,
                static_cast<int>(what.size()), what.data());
}

}  // namespace postil::test
