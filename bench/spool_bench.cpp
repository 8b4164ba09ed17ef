// links: spool env_asio
// How fast the spool takes mail, and how long a start takes.
//   spool_bench FOLDER [seconds a run] [messages for the restart]
// FOLDER must be on a disk that syncs; what the spool left there is removed first.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/prng.hpp"
#include "spool_place.hpp"

namespace {

using namespace postil;
using Steady = std::chrono::steady_clock;

double since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

void empty(const std::string& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(".log") || name.starts_with("reserve.") || name.starts_with("checkpoint")) {
      std::filesystem::remove(entry.path());
    }
  }
}

struct Bench : bench::SpoolPlace {
  using SpoolPlace::SpoolPlace;

  template <class T>
  T wait(env::Awaitable<T> work) {
    boost::asio::io_context io;
    std::optional<T> result;
    boost::asio::co_spawn(
        io,
        [](env::Awaitable<T> inner, std::optional<T>* out) -> env::Awaitable<void> {
          auto value = co_await std::move(inner);
          out->emplace(std::move(value));
        }(std::move(work), &result),
        boost::asio::detached);
    auto guard = boost::asio::make_work_guard(io);
    while (!result) io.run_one();
    return std::move(*result);
  }
  void open(spool::Options options = {}) {
    options.watermark_percent = 0;
    auto opened = wait(SpoolPlace::open(options));
    if (!opened) {
      fmt::print("{}\n", opened.error().sentence);
      std::exit(1);
    }
    log = std::move(*opened);
  }
  void stop() {
    wait([](spool::Log& it) -> env::Awaitable<bool> {
      co_await it.stop();
      co_return true;
    }(*log));
    log.reset();
  }

  std::atomic<std::uint64_t> next_id{1};
};

queue::Envelope envelope(std::uint64_t id) {
  queue::Envelope made;
  made.id = {id};
  made.sender = "sender-with-usual-length@example.org";
  made.recipients.push_back({"recipient-of-usual-length@example.net", "", 0});
  made.client = "192.0.2.1";
  return made;
}

struct Run {
  Steady::time_point until;
  std::uint64_t messages_max = ~std::uint64_t{0};
  std::size_t size = 4096;
  bool remove = false;
  std::atomic<std::uint64_t> done{0};
  std::vector<float> waits;
};

env::Awaitable<void> writer(Bench& bench, Run& run, std::string_view octets, std::vector<float>& waits) {
  while (Steady::now() < run.until && run.done < run.messages_max) {
    const auto start = Steady::now();
    auto body = co_await bench.log->begin_body();
    auto appended = co_await (*body)->append(octets);
    if (!appended) co_return;
    const auto id = bench.next_id++;
    env::Batch batch;
    batch.push_back(env::AddMessage{envelope(id), std::move(*body), {}});
    auto result = co_await bench.log->commit(std::move(batch));
    if (!result) {
      fmt::print("  commit: {}\n", env::to_string(result.error()));
      co_return;
    }
    waits.push_back(static_cast<float>(since(start) * 1000));
    ++run.done;
    if (run.remove) {
      env::Batch gone;
      gone.push_back(env::DeleteMessage{{id}});
      (void)co_await bench.log->commit(std::move(gone));
    }
  }
}

// One I/O thread, as many writers on it as asked.
void fill(Bench& bench, Run& run, int writers) {
  std::string octets(run.size, '\0');
  Prng prng(1);
  for (auto& octet : octets) octet = static_cast<char>(prng());
  boost::asio::io_context io;
  std::vector<std::vector<float>> waits(static_cast<std::size_t>(writers));
  int left = writers;
  for (auto& one : waits) {
    boost::asio::co_spawn(io, writer(bench, run, octets, one), [&](const std::exception_ptr&) { --left; });
  }
  // Who waits for the flusher is no work of the io_context.
  const auto guard = boost::asio::make_work_guard(io);
  while (left > 0) io.run_one();
  for (auto& one : waits) run.waits.insert(run.waits.end(), one.begin(), one.end());
}

std::uint64_t resident_octets() {
  std::ifstream status("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  status >> all >> resident;
  return resident * 4096;
}

void throughput(const std::string& folder, double run_seconds) {
  fmt::print("writers  octets  messages/s  p50 ms  p99 ms  segments at the end\n");
  for (const bool remove : {false, true}) {
    for (const std::size_t size : {std::size_t{4096}, std::size_t{100 << 10}}) {
      for (const int writers : {1, 10, 100}) {
        empty(folder);
        Bench bench(folder);
        bench.open();
        Run run;
        run.size = size;
        run.remove = remove;
        const auto start = Steady::now();
        run.until = start + std::chrono::microseconds(static_cast<std::int64_t>(run_seconds * 1e6));
        fill(bench, run, writers);
        const auto took = since(start);
        std::ranges::sort(run.waits);
        const auto at = [&](double q) {
          return run.waits.empty() ? 0.f
                                   : run.waits[static_cast<std::size_t>(q * static_cast<double>(run.waits.size() - 1))];
        };
        fmt::print("{:7}  {:6}  {:10.0f}  {:6.2f}  {:6.2f}  {}{}\n", writers, size,
                   static_cast<double>(run.done) / took, at(0.5), at(0.99), bench.log->usage().segments,
                   remove ? "  (each deleted again)" : "");
        bench.stop();
      }
    }
  }
}

void start(Bench& bench, const char* what) {
  const auto before = Steady::now();
  bench.open();
  const auto opened = since(before);
  std::uint64_t leased = 0;
  const auto lease = Steady::now();
  leased = *bench.wait(bench.log->lease_all([](env::Waiting&&) {}));
  fmt::print("{}: open {:.2f} s ({} messages{}), lease_all {:.2f} s ({} messages), {} MB resident\n", what, opened,
             bench.log->report().messages, bench.log->report().from_checkpoint ? ", from the checkpoint" : "",
             since(lease), leased, resident_octets() >> 20);
}

void restart(const std::string& folder, std::uint64_t messages) {
  empty(folder);
  {
    Bench bench(folder);
    spool::Options options;
    options.checkpoint_octets = std::uint64_t{1} << 60;
    bench.open(options);
    Run run;
    run.until = Steady::now() + std::chrono::hours(1);
    run.messages_max = messages;
    const auto before = resident_octets();
    const auto began = Steady::now();
    fill(bench, run, 200);
    fmt::print("{} messages in {:.1f} s, {} octets of memory a message\n", run.done.load(), since(began),
               (resident_octets() - before) / std::max<std::uint64_t>(1, run.done));
    bench.log.reset();  // as after a crash
  }
  {
    Bench bench(folder);
    start(bench, "after a crash");
    bench.stop();
  }
  {
    Bench bench(folder);
    start(bench, "after a stop");
    bench.log.reset();
  }
  empty(folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("spool_bench FOLDER [seconds a run] [messages for the restart]\n");
    return 64;
  }
  const std::string folder = argv[1];
  const double run_seconds = argc > 2 ? std::atof(argv[2]) : 2.5;
  if (run_seconds > 0) throughput(folder, run_seconds);
  restart(folder, argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1000000);
  empty(folder);
}
