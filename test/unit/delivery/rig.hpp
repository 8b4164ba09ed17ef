// Deliveries in the simulated world: our side with a store in memory, and hosts that answer as a test tells them.
#pragma once

#include <gmock/gmock.h>

#include <map>

#include "address/path.hpp"
#include "delivery/attempt.hpp"
#include "support/faulty_disk.hpp"
#include "support/model_store.hpp"
#include "support/world/remote_mta.hpp"
#include "support/world/world.hpp"

namespace postil::test {

struct EventCounts : event::Sink {
  void emit(const event::Event& event) override {
    ++counts[event.name];
    last[event.name] = event::to_json(event, {});
  }
  std::map<event::Name, int> counts;
  std::map<event::Name, std::string> last;
};

class DeliveryRig {
 public:
  DeliveryRig() : DeliveryRig(1) {}
  explicit DeliveryRig(std::uint64_t seed) : world(seed) {
    settings.host_name = "us.postil.example";
    settings.client.host_name = settings.host_name;
    pool = std::make_unique<delivery::ConnectionPool>(services);
    finder = std::make_unique<delivery::HostFinder>(services);
  }
  ~DeliveryRig() {
    hosts.clear();
    world.cut(*us);
    world.bury(*us, [&] { pool.reset(); });
  }

  // A host of a domain that does not exist yet; its first address is 203.0.113.N.
  RemoteMta& host(const std::string& name, int n, RemoteOptions options = {}, RemoteMta::Behaviour behaviour = {}) {
    const std::string address = "203.0.113." + std::to_string(n);
    world.zone().address(name, address);
    options.host_name = name;
    hosts.push_back(std::make_unique<RemoteMta>(world.start(name, {address}), options, std::move(behaviour)));
    return *hosts.back();
  }
  // mx1.DOMAIN is its best host.
  RemoteMta& domain(const std::string& name, int n, RemoteOptions options = {}, RemoteMta::Behaviour behaviour = {}) {
    world.zone().mx(name, 10, "mx1." + name);
    return host("mx1." + name, n, std::move(options), std::move(behaviour));
  }

  queue::Envelope& put(std::vector<std::string> recipients, std::string body = "Subject: x\r\n\r\ntext\r\n",
                       std::string sender = "alice@home.example") {
    queue::Envelope envelope;
    envelope.id = ids.make(us->wall());
    envelope.arrived = us->wall();
    envelope.expires = envelope.arrived + days(5);
    envelope.sender = std::move(sender);
    for (auto& recipient : recipients) envelope.recipients.push_back({std::move(recipient), "", 0});
    envelope.size_octets = body.size();
    envelope.header_octets = static_cast<std::uint32_t>(body.find("\r\n\r\n") + 4);
    auto& message = store.messages[envelope.id];
    message.envelope = envelope;
    message.body = std::move(body);
    message.state.id = envelope.id;
    for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) message.state.recipients.emplace_back().index = i;
    return message.envelope;
  }

  // All recipients of the message, at the domain of the first.
  std::vector<queue::RecipientResult> attempt(const queue::Envelope& envelope, std::string site = "") {
    if (site.empty()) site = address::parse_address(envelope.recipients[0].address, true)->domain;
    queue::StartAttempt what{AttemptId{++attempts}, envelope.id, site, {}, tried[envelope.id]};
    for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) what.recipients.push_back(i);
    delivery::AttemptServices with{services, *pool, *finder, std::make_shared<const delivery::Settings>(settings)};
    last = world.run(*us, delivery::run_attempt(with, what, pool->take(site)), days(1));
    tried[envelope.id] = us->wall();
    std::ranges::sort(last.results, {}, &queue::RecipientResult::index);
    EXPECT_EQ(last.results.size(), envelope.recipients.size());
    for (std::uint32_t i = 0; i < last.results.size(); ++i) EXPECT_EQ(last.results[i].index, i);
    return last.results;
  }
  queue::RecipientResult one(const std::string& recipient) { return attempt(put({recipient})).at(0); }

  World world;
  std::shared_ptr<Node> us = world.start("us", {"192.0.2.1"});
  ModelStore store;
  FaultyDisk disk, policies_disk;
  EventCounts events;
  MessageIdMaker ids{0};
  history::History history{{}, disk, us->executor(), us->clock()};
  delivery::Services services{us->clock(),
                              us->timers(),
                              us->entropy(),
                              us->network(),
                              us->resolver(),
                              store,
                              events,
                              history,
                              [this](WallTime now) { return ids.make(now); },
                              [this] { return us->executor(); },
                              us->executor(),
                              &us->https(),
                              &policies_disk};
  delivery::Settings settings;
  std::unique_ptr<delivery::ConnectionPool> pool;
  std::unique_ptr<delivery::HostFinder> finder;
  std::vector<std::unique_ptr<RemoteMta>> hosts;
  std::uint64_t attempts = 0;
  std::map<MessageId, WallTime> tried;  // when its attempt ended
  queue::AttemptDone last;
};

// "deferred connection_lost 4.4.2"
inline std::string shown(const queue::RecipientResult& result) {
  using Outcome = queue::RecipientResult::Outcome;
  const std::string outcome = result.outcome == Outcome::delivered  ? "delivered"
                              : result.outcome == Outcome::deferred ? "deferred"
                                                                    : "failed";
  if (outcome == "delivered") return outcome;
  return outcome + " " + std::string(queue::to_string(result.reason)) + " " + reply::to_string(result.code);
}

}  // namespace postil::test
