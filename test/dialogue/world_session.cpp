// The dialogues with a whole server in the simulated world.
#include <fmt/format.h>

#include "support/faulty_disk.hpp"
#include "support/whole_server.hpp"
#include "support/world/peer.hpp"

using namespace postil;
using namespace postil::test;

namespace {

const env::Endpoint server_address{"192.0.2.25", 25};

struct Server {
  Server(World& of, const Dialogue& dialogue)
      : world(of), node(world.start("mx.example.org", {server_address.address})) {
    executors.executor = node->executor();
    const env::Executor all = node->executor();
    const std::string socket =
        dialogue.settings.contains("job") && dialogue.settings.at("job") == "local" ? "/run/submit" : "";
    app::Ports ports{node->clock(), node->timers(), node->entropy(), node->network(), resolver, spool, history, events};
    app::Executors places{all, all, all, all, all, all, executors};
    app = std::make_unique<app::App>(
        ports, std::move(places),
        configuration_for(dialogue, server_address, "world:mx.example.org", "world:mx.example.org", socket),
        extras_for_dialogues(accounts));
    const auto started = world.run(*node, app->start());
    if (!started) fault = dialogue.name + ": the server does not start: " + started.error().text_key;
  }
  ~Server() {
    world.cut(*node);
    world.unwind(*node, app->stop(Duration(0)));
    world.bury(*node, [&] { app.reset(); });
  }

  struct Executors : server::SessionExecutors {
    Place pick() override { return {executor, std::make_shared<int>(0)}; }
    env::Executor executor;
  };
  struct Events : event::Sink {
    void emit(const event::Event&) override {}
  };

  World& world;
  std::shared_ptr<Node> node;
  FaultyDisk spool, history;
  Events events;
  DialogueAccounts accounts;
  DialogueResolver resolver;
  Executors executors;
  std::unique_ptr<app::App> app;
  std::string fault;
};

class Peer : public WorldPeer {
 public:
  Peer(Server& server, std::shared_ptr<Node> from, env::Endpoint to)
      : WorldPeer(server.world, std::move(from), std::move(to), seconds(5)), server_(server) {}
  std::optional<std::vector<std::string>> accepted() override {
    return server_.world.run(*server_.node, stored_messages(server_.app->store()));
  }

 private:
  Server& server_;
};

std::string run(const Dialogue& dialogue, Sending sending) {
  World world(1);
  Server server(world, dialogue);
  if (!server.fault.empty()) return server.fault;
  const bool local = dialogue.settings.contains("job") && dialogue.settings.at("job") == "local";
  // A Unix socket is reached on its own host.
  const auto client = local ? server.node : world.start("client.example.org", {"192.0.2.1"});
  Peer peer(server, client, local ? env::Endpoint{"/run/submit", 0} : server_address);
  const bool implicit = dialogue.settings.contains("implicit_tls") && dialogue.settings.at("implicit_tls") == "yes";
  if (implicit && !peer.start_tls()) return dialogue.name + ": no TLS";
  std::string fault = run_dialogue(dialogue, peer, sending);
  peer.hang_up();
  world.run_for(seconds(10));
  if (fault.empty() && server.app->registry().sessions() != 0) fault = dialogue.name + ": the session did not end";
  return fault;
}

}  // namespace

int main(int count, char** arguments) {
  return run_corpus(count, arguments, false, [](const Dialogue& dialogue) {
    std::string fault = run(dialogue, Sending::lockstep);
    if (!fault.empty()) return fault;
    fault = run(dialogue, Sending::pipelined);
    return fault.empty() ? fault : fault + " (pipelined)";
  });
}
