// What the benchmarks of the spool share: its ports on the real disk, with threads of their own.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>

#include "env_asio/clock.hpp"
#include "env_asio/disk.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/pool.hpp"
#include "spool/log.hpp"

namespace postil::bench {

struct Quiet : event::Sink {
  void emit(const event::Event& event) override {
    if (event::declaration(event.name).level >= event::Level::warning)
      fmt::print("  event {}\n", event::to_json(event, {}));
  }
};

struct SpoolPlace {
  // The folder exists.
  explicit SpoolPlace(std::string where) : folder(std::move(where)), disk(*env_asio::FolderDisk::open_folder(folder)) {}

  // options.folder is set here. The result's error is a sentence.
  auto open(spool::Options options) {
    options.folder = folder;
    return spool::Log::open(options, *disk, flusher.executor(), readers.executor(), clock, entropy, sink);
  }

  std::string folder;
  env_asio::SystemClock clock;
  env_asio::SystemEntropy entropy;
  Quiet sink;
  std::unique_ptr<env_asio::FolderDisk> disk;
  env_asio::Pool flusher{"flusher", 1, 1000};
  env_asio::Pool readers{"readers", 2, 1000};
  std::unique_ptr<spool::Log> log;
};

}  // namespace postil::bench
