// The network of the world: listeners, connections and what happens to them on the way. TLS is a model: facts and
// failures as data. Segments in clear and sealed ones are told apart: a reader without TLS that meets TLS reads
// rubbish, one with TLS that meets clear octets fails.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "env/network.hpp"

namespace postil::test {

class Node;
class World;
class End;
class ListenerCore;

// How a connection behaves; decided when it is made.
struct Line {
  enum class Connect : std::uint8_t { accept, refuse, unreachable, black_hole } connect = Connect::accept;
  Duration latency = milliseconds(20);
  std::size_t segment_octets = 16 * 1024;
  Duration gap{};  // between segments: a slow drip
  // After so many octets the connection breaks.
  std::optional<std::uint64_t> break_to_server, break_to_client;
  enum class Break : std::uint8_t { reset, silence } how = Break::reset;
  bool tls_fails = false;
};

// The certificate of a world: load_tls takes it as the file name "world:mx.example.com,mail.example.com;expired".
struct WorldCertificate {
  std::vector<std::string> names;
  bool trusted = true;   // ";untrusted"
  bool expired = false;  // ";expired"
  bool broken = false;   // ";broken": no handshake succeeds
  // ";key=k", ";issuer=i", a letter each: the TLSA records "3 1 1" and "2 0 1" that match hold 32 of these letters.
  char key = 'k', issuer = 'i';
};

class Internet {
 public:
  explicit Internet(World& world) : world_(world) {}
  // Asked for each new connection; the default is a good line.
  std::function<Line(const Node& from, const env::Endpoint& to, Prng& random)> line_of;
  // No octet passes between them until it is healed; what was sent arrives then, if somebody still waits.
  void part(const std::string& a, const std::string& b) { parted_.insert(std::minmax(a, b)); }
  void heal() { parted_.clear(); }
  bool parted(const std::string& a, const std::string& b) const { return parted_.contains(std::minmax(a, b)); }
  // Ends a connection by a reset, as a program that crashes does.
  static void reset(env::Stream& stream);

  struct Counts {
    std::uint64_t connections = 0, refused = 0, broken = 0;
    std::uint64_t clear_after_tls = 0;  // octets in clear behind a handshake: must stay 0
  };
  Counts counts;

 private:
  friend class World;
  friend class NodeNetwork;
  friend class ListenerCore;
  friend class End;
  void cut(Node& node, bool silence);
  std::shared_ptr<ListenerCore> listener_at(Node& from, const env::Endpoint& to);

  World& world_;
  std::set<std::pair<std::string, std::string>> parted_;
  std::map<std::uint64_t, std::weak_ptr<ListenerCore>> listeners_;
  std::map<std::uint64_t, std::weak_ptr<End>> ends_;
  std::uint64_t last_id_ = 0;
  std::uint64_t connects_ = 0;
  std::uint16_t last_port_ = 40000;
};

// The network port of one node.
class NodeNetwork : public env::Network {
 public:
  explicit NodeNetwork(Node& node) : node_(node) {}
  env::NetResult<std::unique_ptr<env::Listener>> listen(const env::Endpoint& at, const env::ListenOptions& options,
                                                        env::Executor executor) override;
  env::Awaitable<env::NetResult<env::StreamPtr>> connect(env::Endpoint to, std::string source,
                                                         MonoTime deadline) override;
  std::expected<std::shared_ptr<env::TlsServerContext>, std::string> load_tls(
      const env::TlsServerFiles& files) override;

 private:
  Node& node_;
};

}  // namespace postil::test
