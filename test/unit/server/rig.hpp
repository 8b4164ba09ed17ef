// A server in the simulated world, without the queue: sessions, their answers, a store in memory.
#pragma once

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>
#include <set>

#include "crypto/password.hpp"
#include "server/acceptor.hpp"
#include "support/faulty_disk.hpp"
#include "support/model_store.hpp"
#include "support/world/peer.hpp"
#include "support/world/world.hpp"

namespace postil::test {

struct FakeAccounts : server::AccountSource {
  Found lookup(const std::string& user) override {
    ++lookups;
    Found found;
    found.available = available;
    found.credentials.user = user;
    found.credentials.exists = user == "alice@example.org";
    found.credentials.password_hash = hash;
    return found;
  }
  bool may_send_as(std::string_view login, std::string_view address) override {
    return login == "alice@example.org" && addresses.contains(std::string(address));
  }
  std::string language(std::string_view) override { return "de"; }

  bool available = true;
  int lookups = 0;
  std::string hash = crypto::hash_password("secret", "0123456789abcdef");
  std::set<std::string> addresses = {"alice@example.org", "sales@example.org"};
};

struct FakeLimits : server::RateLimits {
  std::optional<Duration> login_blocked(std::string_view, std::string_view, MonoTime) override { return blocked; }
  void login_ended(std::string_view address, std::string_view user, bool ok, MonoTime) override {
    ended.push_back(std::string(address) + " " + std::string(user) + (ok ? " ok" : " failed"));
  }
  std::optional<Exceeded> count_recipient(std::string_view, MonoTime) override {
    if (recipients_left == 0) return Exceeded{100, "hour"};
    --recipients_left;
    return {};
  }
  std::optional<Duration> blocked;
  std::vector<std::string> ended;
  int recipients_left = 1000;
};

struct FakeIntake : server::Intake {
  void arrived(queue::Envelope envelope) override { envelopes.push_back(std::move(envelope)); }
  env::Awaitable<std::uint64_t> leave_later(std::string login) override {
    const auto later = [&](const auto& one) { return one.login == login && !one.hold_request.empty(); };
    co_return static_cast<std::uint64_t>(std::ranges::count_if(envelopes, later));
  }
  std::vector<queue::Envelope> envelopes;
};

struct KeptEvents : event::Sink {
  void emit(const event::Event& event) override { all.push_back(event); }
  int count(event::Name name) const { return static_cast<int>(std::ranges::count(all, name, &event::Event::name)); }
  std::vector<event::Event> all;
};

class ServerRig {
 public:
  ServerRig() {
    settings.job = smtp::Job::relay;
    settings.host_name = "mx.example.org";
    policy.rules.aliases.host_name = "mx.example.org";
    limits.sessions_max = 1000;
    world.zone().mx("example.net", 10, "mx.example.net");
    world.zone().mx("example.org", 10, "mx.example.org");
    world.zone().null_mx("null.example");
  }
  ~ServerRig() {
    world.cut(*us);
    world.bury(*us, [&] { acceptor.reset(), registry.reset(); });
  }

  // With the settings as they are now.
  void start() {
    listen();
    accept();
  }
  // Connections wait in the backlog until accept().
  void listen() {
    registry = std::make_unique<server::Registry>(limits);
    auto state = std::make_shared<server::ListenerState>();
    state->settings = std::make_shared<const smtp::ServerSettings>(settings);
    state->policy = std::make_shared<const server::Policy>(policy);
    state->networks = networks;
    state->proxies = proxies;
    if (!certificate.empty()) {
      env::TlsServerFiles files;
      files.certificate = certificate;
      state->tls = *us->network().load_tls(files);
    }
    state->local_login = [](std::uint32_t) { return std::optional<std::string>("alice@example.org"); };
    auto listener = us->network().listen({"192.0.2.1", 25}, {}, us->executor());
    executors.executor = us->executor();
    acceptor = std::make_unique<server::Acceptor>(services, *registry, executors, std::move(*listener), state);
  }
  void accept() { boost::asio::co_spawn(us->executor(), acceptor->run(), boost::asio::detached); }
  void submission() {
    settings.job = smtp::Job::submission;
    settings.auth_offered = settings.require_auth = settings.auth_without_tls = true;
    services.accounts = &accounts;
  }
  std::unique_ptr<WorldPeer> connect(const std::string& address = "198.51.100.7") {
    auto& node = clients[address];
    if (!node) node = world.start("client " + address, {address});
    return std::make_unique<WorldPeer>(world, node, env::Endpoint{"192.0.2.1", 25});
  }
  // Greeted and past EHLO.
  std::unique_ptr<WorldPeer> ready(const std::string& address = "198.51.100.7") {
    auto peer = connect(address);
    EXPECT_THAT(peer->reply(), testing::StartsWith("220 "));
    EXPECT_THAT(peer->say("EHLO client.example"), testing::StartsWith("250"));
    return peer;
  }
  std::unique_ptr<WorldPeer> logged_in() {
    auto peer = ready();
    EXPECT_THAT(peer->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="), testing::StartsWith("235 2.7.0"));
    return peer;
  }
  template <class T>
  std::vector<std::string> trace(T id) {
    return world.run(*us, history.find(id));
  }

  World world{1};
  std::shared_ptr<Node> us = world.start("us", {"192.0.2.1"});
  std::map<std::string, std::shared_ptr<Node>> clients;
  ModelStore store;
  FaultyDisk disk;
  KeptEvents events;
  FakeAccounts accounts;
  FakeLimits rates;
  FakeIntake intake;
  MessageIdMaker ids{0};
  std::atomic<int> pool_waiting = 0;
  history::History history{{}, disk, us->executor(), us->clock()};
  server::Services services{us->clock(),
                            us->timers(),
                            us->entropy(),
                            us->resolver(),
                            store,
                            events,
                            history,
                            rates,
                            intake,
                            nullptr,
                            us->executor(),
                            &pool_waiting,
                            4,
                            [this](WallTime now) { return ids.make(now); }};
  struct Executors : server::SessionExecutors {
    Place pick() override { return {executor, std::make_shared<int>(0)}; }
    env::Executor executor;
  } executors;
  smtp::ServerSettings settings;
  server::Policy policy;
  server::SessionLimits limits;
  std::vector<address::Network> networks, proxies;
  std::string certificate;
  std::unique_ptr<server::Registry> registry;
  std::unique_ptr<server::Acceptor> acceptor;
};

}  // namespace postil::test
