#include "support/world/network.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "support/world/end.hpp"
#include "support/world/world.hpp"

namespace postil::test {

using env::NetError;
using env::NetFailure;
using env::NetResult;

class ListenerCore {
 public:
  ListenerCore(std::shared_ptr<Node> on, env::Endpoint at, int backlog)
      : node(on), local(std::move(at)), backlog_max(static_cast<std::size_t>(backlog)), parking(std::move(on)) {}
  std::shared_ptr<Node> node;
  env::Endpoint local;
  std::size_t backlog_max;
  std::deque<std::shared_ptr<End>> backlog;
  Parking parking;
  bool closed = false;

  bool listens_to(const Node& from, const env::Endpoint& to) const {
    if (closed || !node->alive()) return false;
    if (to.local() || local.local()) return &from == node.get() && to.address == local.address;
    if (to.port != local.port) return false;
    if (local.address == to.address) return !is_loopback(to.address) || &from == node.get();
    const bool any = local.address == "0.0.0.0" || local.address == "::";
    return any && (is_loopback(to.address) ? &from == node.get() : node->has_address(to.address));
  }
  static bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

  static env::Awaitable<NetResult<env::StreamPtr>> accept(std::shared_ptr<ListenerCore> self) {
    for (;;) {
      if (self->closed || !self->node->alive())
        co_return std::unexpected(NetFailure{NetError::cancelled, "the listener was closed"});
      if (!self->backlog.empty()) {
        auto end = std::move(self->backlog.front());
        self->backlog.pop_front();
        env::StreamPtr stream = make_stream(std::move(end));
        co_return std::move(stream);
      }
      co_await self->parking.park(never);
    }
  }
  void close() {
    if (closed) return;
    closed = true;
    for (const auto& end : backlog) end->reset();
    backlog.clear();
    parking.wake(Woke::cancelled);
  }
};

namespace {

class WorldListener : public env::Listener {
 public:
  explicit WorldListener(std::shared_ptr<ListenerCore> core) : core_(std::move(core)) {}
  ~WorldListener() override { core_->close(); }
  env::Awaitable<NetResult<env::StreamPtr>> accept(env::Executor) override { return ListenerCore::accept(core_); }
  std::optional<env::Endpoint> turn_away(std::string_view) override { return {}; }
  void close() override { core_->close(); }
  const env::Endpoint& local() const override { return core_->local; }

 private:
  std::shared_ptr<ListenerCore> core_;
};

}  // namespace

std::shared_ptr<ListenerCore> Internet::listener_at(Node& from, const env::Endpoint& to) {
  for (const auto& [id, weak] : listeners_) {
    const auto core = weak.lock();
    if (core && core->listens_to(from, to)) return core;
  }
  return nullptr;
}

void Internet::cut(Node& node, bool silence) {
  for (const auto& [id, weak] : listeners_) {
    const auto core = weak.lock();
    if (core && core->node.get() == &node) core->close();
  }
  std::vector<std::shared_ptr<End>> of_node;
  std::erase_if(ends_, [](const auto& one) { return one.second.expired(); });
  for (const auto& [id, weak] : ends_) {
    const auto end = weak.lock();
    if (end && end->on(node)) of_node.push_back(end);
  }
  for (const auto& end : of_node) end->cut(silence);
}

NetResult<std::unique_ptr<env::Listener>> NodeNetwork::listen(const env::Endpoint& at,
                                                              const env::ListenOptions& options, env::Executor) {
  Internet& internet = node_.world().internet();
  env::Endpoint real = at;
  if (!at.local() && at.port == 0) real.port = ++internet.last_port_;
  const bool own = real.local() || real.address == "0.0.0.0" || real.address == "::" ||
                   ListenerCore::is_loopback(real.address) || node_.has_address(real.address);
  if (!own || !node_.alive()) return std::unexpected(NetFailure{NetError::other, "cannot assign requested address"});
  if (internet.listener_at(node_, real))
    return std::unexpected(NetFailure{NetError::address_in_use, "address already in use"});
  auto core = std::make_shared<ListenerCore>(node_.shared_from_this(), real, options.backlog);
  internet.listeners_[++internet.last_id_] = core;
  std::erase_if(internet.listeners_, [](const auto& one) { return one.second.expired(); });
  return std::make_unique<WorldListener>(std::move(core));
}

env::Awaitable<NetResult<env::StreamPtr>> NodeNetwork::connect(env::Endpoint to, std::string source,
                                                               MonoTime deadline) {
  const auto self = node_.shared_from_this();
  World& world = self->world();
  Internet& internet = world.internet();
  ++internet.counts.connections;
  const Line line = internet.line_of ? internet.line_of(*self, to, world.random()) : Line{};
  // Asked again after each wait: a host that crashes meanwhile is gone.
  const auto host_now = [&] {
    return to.local() || ListenerCore::is_loopback(to.address) ? self.get() : world.host_of(to.address);
  };
  Node* host = host_now();
  if (!source.empty() && !self->has_address(source)) {
    co_return std::unexpected(NetFailure{NetError::unreachable, "cannot assign requested address"});
  }
  const bool hole = line.connect == Line::Connect::black_hole || (host && internet.parted(self->name(), host->name()));
  auto parking = std::make_shared<Parking>(self);
  if (hole || !self->alive()) {
    world.note(fmt::format("{} connects to {}: silence", self->name(), to_string(to)));
    co_await parking->park(self->alive() ? deadline : self->now());
    co_return std::unexpected(NetFailure{NetError::timed_out, ""});
  }
  co_await parking->park(std::min(deadline, self->now() + line.latency));  // there
  host = host_now();
  const auto listener = host ? internet.listener_at(*self, to) : nullptr;
  const bool taken =
      listener && line.connect == Line::Connect::accept && listener->backlog.size() < listener->backlog_max;
  if (!taken) {
    ++internet.counts.refused;
    world.note(fmt::format("{} connects to {}: refused", self->name(), to_string(to)));
    const bool nobody = !host;
    co_await parking->park(std::min(deadline, self->now() + line.latency));  // and back
    if (nobody || line.connect == Line::Connect::unreachable)
      co_return std::unexpected(NetFailure{NetError::unreachable, "no route to host"});
    co_return std::unexpected(NetFailure{NetError::refused, "connection refused"});
  }
  world.note(fmt::format("{} connects to {}", self->name(), to_string(to)));
  if (++internet.last_port_ < 1024) internet.last_port_ = 1024;
  env::Endpoint own{to.local()                              ? to.address
                    : !source.empty()                       ? source
                    : ListenerCore::is_loopback(to.address) ? to.address
                    : self->addresses().empty()             ? "192.0.2.254"
                                                            : self->addresses()[0],
                    to.local() ? std::uint16_t{0} : internet.last_port_};
  auto client = std::make_shared<End>(self, line, own, to, false);
  auto server = std::make_shared<End>(listener->node, line, to, own, true);
  client->join(server);
  server->join(client);
  for (const auto& end : {client, server}) internet.ends_[end->id = ++internet.last_id_] = end;
  if (++internet.connects_ % 128 == 0)
    std::erase_if(internet.ends_, [](const auto& one) { return one.second.expired(); });
  listener->backlog.push_back(server);
  listener->parking.wake(Woke::ready);
  env::StreamPtr stream = make_stream(client);
  co_await parking->park(self->now() + line.latency);
  if (self->now() > deadline) co_return std::unexpected(NetFailure{NetError::timed_out, ""});
  co_return std::move(stream);
}

std::expected<std::shared_ptr<env::TlsServerContext>, std::string> NodeNetwork::load_tls(
    const env::TlsServerFiles& files) {
  const std::string_view prefix = "world:";
  if (!files.certificate.starts_with(prefix)) return std::unexpected(files.certificate + ": no such file or directory");
  WorldCertificate certificate;
  const auto parts = split(std::string_view(files.certificate).substr(prefix.size()), ';');
  for (std::string_view name : split(parts[0], ',')) certificate.names.emplace_back(name);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == "untrusted") certificate.trusted = false;
    if (parts[i].starts_with("key=")) certificate.key = parts[i].back();
    if (parts[i].starts_with("issuer=")) certificate.issuer = parts[i].back();
    if (parts[i] == "expired") certificate.expired = true;
    if (parts[i] == "broken") certificate.broken = true;
  }
  return std::make_shared<WorldTlsContext>(std::move(certificate));
}

}  // namespace postil::test
