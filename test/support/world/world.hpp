// A world in one thread with virtual time: nodes (each a server process or a remote host, on an io_context of its
// own), the network between them, DNS. Code runs in it unchanged, behind the ports of src/env, and the same seed gives
// the same run, octet by octet: fingerprint() says so.
//
// The loop: every node's io_context is polled, in the order in which the nodes were started, until all are idle; then
// time goes on to the next event (a timer, octets that arrive). Nothing happens by itself between two run_*() calls.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "env/clock.hpp"
#include "env/entropy.hpp"
#include "support/world/https.hpp"
#include "support/world/network.hpp"
#include "support/world/parking.hpp"
#include "support/world/resolver.hpp"

namespace postil::test {

class World;

// One life of a process on a host. All executors of what runs in it are its io_context.
class Node : public std::enable_shared_from_this<Node> {
 public:
  Node(World& world, std::string name, std::vector<std::string> addresses, std::uint64_t seed);
  ~Node();

  env::Executor executor() { return context_->get_executor(); }
  void spawn(env::Awaitable<void> what);  // an exception that leaves it ends the test program

  env::Clock& clock() { return clock_; }
  env::Timers& timers() { return timers_; }
  env::Entropy& entropy() { return entropy_; }
  env::Network& network() { return network_; }
  env::Resolver& resolver() { return resolver_; }
  env::Https& https() { return https_; }

  World& world() { return world_; }
  const std::string& name() const { return name_; }
  const std::vector<std::string>& addresses() const { return addresses_; }
  bool has_address(std::string_view address) const;
  bool alive() const { return alive_; }  // false: cut off, or dead
  MonoTime now() const;
  // This host's wall clock jumps.
  void jump_wall(Duration by) { wall_offset_ += by; }
  WallTime wall() const;

 private:
  friend class World;
  friend class Parking;

  // io_context with its queue emptied on demand, so that what its handlers refer to may be destroyed before it.
  struct Context : boost::asio::io_context {
    Context() : io_context(1) {}
    void drop() { shutdown(); }
  };
  struct NodeClock : env::Clock {
    explicit NodeClock(Node& n) : node(n) {}
    MonoTime now() const override { return node.now(); }
    WallTime wall() const override { return node.wall(); }
    Node& node;
  };
  struct NodeTimers : env::Timers {
    explicit NodeTimers(Node& n) : node(n) {}
    std::unique_ptr<env::Timer> make(env::Executor executor) override;
    Node& node;
  };
  struct NodeEntropy : env::Entropy {
    explicit NodeEntropy(std::uint64_t seed) : random(seed) {}
    void fill(std::span<std::uint8_t> out) override;
    Prng random;
  };

  std::size_t poll();

  World& world_;
  std::string name_;
  std::vector<std::string> addresses_;
  std::unique_ptr<Context> context_;
  NodeClock clock_{*this};
  NodeTimers timers_{*this};
  NodeEntropy entropy_;
  NodeNetwork network_;
  NodeResolver resolver_;
  NodeHttps https_;
  Duration wall_offset_{};
  MonoTime private_now_{};  // while it unwinds, time goes on for it alone
  bool alive_ = true;
  std::map<std::uint64_t, Parking*> parked_;  // by order of parking
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The seed of a test: POSTIL_SEED, or `fallback`; a fresh one when that is 0. Printed, so that a run can be repeated.
  static std::uint64_t seed(std::uint64_t fallback);

  std::shared_ptr<Node> start(std::string name, std::vector<std::string> addresses);

  MonoTime now() const { return now_; }
  WallTime wall() const { return wall_from_microseconds(wall_start_microseconds) + now_.time_since_epoch() - start_; }
  // Until `done` or the limit of virtual time; says which.
  bool run_until(const std::function<bool()>& done, Duration limit);
  void run_for(Duration d);
  // Runs until `what` has ended; for calls of tests. Ends the program at the limit.
  template <class T>
  T run(Node& node, env::Awaitable<T> what, Duration limit = hours(1)) {
    std::optional<T> result;
    node.spawn(keep<T>(std::move(what), result));
    if (!run_until([&] { return result.has_value(); }, limit)) give_up("a coroutine of the test did not end");
    return std::move(*result);
  }

  // The process dies: its listeners are gone, its peers get resets (silence: nothing, as when power or line fail).
  // What it still does concerns nobody. Then bury() it.
  void cut(Node& node, bool silence = false);
  // Lets a node that was cut end by itself: runs it alone, in a time of its own, until `what` has ended.
  void unwind(Node& node, env::Awaitable<void> what, Duration limit = hours(1));
  // Destroys all coroutines of the node where they wait, and the handlers that are queued; `then` destroys what these
  // referred to. The node is of no use afterwards.
  void bury(Node& node, const std::function<void()>& then = {});
  // cut() and bury().
  void crash(Node& node) {
    cut(node);
    bury(node);
  }

  // At that time (or at once, when it has passed) on that node; gone when the node is. Gives an id for cancel().
  std::uint64_t at(MonoTime when, Node* node, std::move_only_function<void()> what);
  void cancel(std::uint64_t event);

  Prng& random() { return random_; }
  Internet& internet() { return internet_; }
  Zone& zone() { return zone_; }
  Web& web() { return web_; }
  Node* host_of(std::string_view address);  // the one alive
  Node* node(std::string_view name);

  // What happened, for the fingerprint; kept as text (printed with POSTIL_TRACE=1).
  void note(std::string_view what);
  std::uint64_t fingerprint() const { return fingerprint_; }
  std::uint64_t events_run() const { return events_run_; }

 private:
  struct Event {
    Node* node = nullptr;
    std::move_only_function<void()> what;
  };
  using Key = std::pair<MonoTime, std::uint64_t>;
  static constexpr std::int64_t wall_start_microseconds = 1'793'000'000'000'000;  // in October 2026
  static constexpr Duration start_ = hours(1000);

  template <class T>
  static env::Awaitable<void> keep(env::Awaitable<T> what, std::optional<T>& result) {
    T value = co_await std::move(what);
    result.emplace(std::move(value));
  }
  [[noreturn]] void give_up(std::string_view why);
  void settle();
  bool next_event(MonoTime limit);
  void drop_events(Node& node);

  Prng random_;
  std::uint64_t seed_;
  MonoTime now_{start_};
  std::map<Key, Event> events_;
  std::map<std::uint64_t, MonoTime> event_times_;
  std::uint64_t last_event_ = 0;
  std::uint64_t events_run_ = 0;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325u;
  bool print_trace_ = false;
  std::vector<std::shared_ptr<Node>> nodes_;
  Zone zone_;
  Web web_;
  Internet internet_{*this};
};

}  // namespace postil::test
