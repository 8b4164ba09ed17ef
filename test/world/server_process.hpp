// A whole Postil in the world: its process may crash and be started again, its disks stay.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "app/app.hpp"
#include "config/config.hpp"
#include "support/faulty_disk.hpp"
#include "support/world/world.hpp"

namespace postil::test {

class ServerProcess {
 public:
  ServerProcess(World& world, std::string address, std::string toml)
      : world_(world), address_(std::move(address)), toml_(std::move(toml)) {}
  ~ServerProcess() {
    if (app_) crash();
  }

  bool running() const { return app_ != nullptr; }
  app::App& app() { return *app_; }
  Node& node() { return *node_; }
  std::uint64_t count(event::Name name) const {
    const auto found = events_.counts.find(name);
    return found == events_.counts.end() ? 0 : found->second;
  }

  // What was told of messages and refusals, of all its lives.
  struct Told {
    MonoTime when;
    event::Event event;
  };
  const std::vector<Told>& told() const { return events_.told; }
  void forget_told() { std::vector<Told>().swap(events_.told); }
  server::AccountSource* accounts = nullptr;  // asked by those that start() makes
  std::shared_ptr<const mailauth::DkimKeys> dkim;

  void start() {
    const config::SourceFile source{"postil.toml", toml_};
    config::Loaded loaded = config::parse(std::span(&source, 1));
    for (const auto& problem : loaded.problems) {
      ADD_FAILURE() << problem.file << ":" << problem.line << " " << problem.text_key;
    }
    node_ = world_.start("postil", {address_});
    io_.executor = node_->executor();
    const env::Executor all = node_->executor();
    app::Ports ports{node_->clock(), node_->timers(), node_->entropy(), node_->network(), node_->resolver(),
                     spool,          history,         events_,          &node_->https()};
    app::Executors executors{all, all, all, all, all, all, io_};
    app::Extras extras;
    extras.own_addresses = {address_};
    extras.accounts = accounts;
    extras.dkim = dkim;
    app_ = std::make_unique<app::App>(ports, executors, std::move(loaded.config), std::move(extras));
    const auto started = world_.run(*node_, app_->start());
    if (!started) {
      std::string text = started.error().text_key;
      for (const auto& [name, value] : started.error().args) text += " " + std::string(name) + "=" + value;
      ADD_FAILURE() << "the server does not start: " << text;
    }
  }
  // The process is killed, and what its disks had not synced may be lost.
  void crash() {
    world_.cut(*node_);
    spool.stop_after(0);
    history.stop_after(0);
    // What is left of it ends by itself, with dead disks and no network: its objects refer to each other.
    world_.unwind(*node_, app_->stop(Duration(0)));
    world_.bury(*node_, [&] { app_.reset(); });
    node_.reset();
    spool.crash(world_.random());
    history.crash(world_.random());
  }
  void stop() {
    auto whole = [](app::App& app) -> env::Awaitable<bool> {
      co_await app.stop(seconds(30));
      co_return true;
    };
    world_.run(*node_, whole(*app_));
    world_.bury(*node_, [&] { app_.reset(); });
    node_.reset();
  }

  FaultyDisk spool, history;

 private:
  struct Io : server::SessionExecutors {
    Place pick() override { return {executor, std::make_shared<int>(0)}; }
    env::Executor executor;
  };
  struct Events : event::Sink {
    explicit Events(ServerProcess& o) : owner(o) {}
    void emit(const event::Event& event) override {
      ++counts[event.name];
      using enum event::Name;
      constexpr event::Name kept[] = {message_accepted, recipient_delivered, recipient_failed, recipient_deferred,
                                      bounce_queued,    command_refused,     pace_slowed,      pace_raised};
      if (std::ranges::find(kept, event.name) != std::end(kept)) told.push_back({owner.world_.now(), event});
      if (owner.node_) owner.world_.note(event::to_json(event, owner.node_->wall()));
    }
    ServerProcess& owner;
    std::map<event::Name, std::uint64_t> counts;
    std::vector<Told> told;
  };

  World& world_;
  std::string address_, toml_;
  std::shared_ptr<Node> node_;
  Io io_;
  Events events_{*this};
  std::unique_ptr<app::App> app_;
};

}  // namespace postil::test
