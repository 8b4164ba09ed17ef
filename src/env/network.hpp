// The network and TLS port.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "crypto/tls_facts.hpp"
#include "dns/answer.hpp"
#include "env/async.hpp"

namespace postil::env {

// An address as text, as it appears in logs and Received fields: "192.0.2.1", "2001:db8::1".
struct Endpoint {
  std::string address;  // numeric; for a Unix socket its path, with port 0
  std::uint16_t port = 0;
  bool local() const { return !address.empty() && address.front() == '/'; }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
std::string to_string(const Endpoint& endpoint);  // "192.0.2.1:25", "[2001:db8::1]:25", "/run/x"

enum class NetError : std::uint8_t {
  closed,       // the peer ended the stream in order
  reset,        // the peer or the network broke it
  refused,      // nobody listens
  unreachable,  // no route, network or host down, no such address family
  timed_out,    // the deadline passed
  cancelled,    // cancel() or stop
  tls,          // the handshake failed or a record was bad; detail says how
  limit,        // no descriptors or memory left on this side
  address_in_use,
  permission,  // not allowed to bind or open
  other,
};
std::string_view to_string(NetError error);

struct NetFailure {
  NetError error = NetError::other;
  std::string detail;                                   // for logs and people, English, may be empty
  crypto::TlsFault tls_fault = crypto::TlsFault::none;  // of a handshake
};

template <class T>
using NetResult = std::expected<T, NetFailure>;

// The server's certificate and key, loaded and checked; shared by many handshakes. A reload makes a new one.
class TlsServerContext {
 public:
  virtual ~TlsServerContext() = default;
};

struct TlsServerFiles {
  std::string certificate;  // PEM chain, path
  std::string key;          // PEM, path
  std::string client_ca;    // PEM, path; empty: no client certificates are asked for (EXTERNAL needs them)
};

struct TlsClientRequest {
  std::string server_name;  // SNI, and the name to verify where `names` has none; A-labels
  bool verify = false;      // true: fail the handshake unless chain and name are good
  std::string ca_file;      // for verify; empty = the system's
  // To look at a server, not to send it anything (verify is false then): whatever its certificate is, the handshake
  // goes on; the facts have the chain, and verify_error all that is wrong with it except the name, which is not
  // compared.
  bool inspect = false;
  std::string version;  // with inspect: this version only, "TLSv1" to "TLSv1.3", weak ciphers too; "" = as always
  // The certificate is to be for one of these, by its alternative names alone [rfc8461 4.2]. Not with inspect.
  std::vector<std::string> names;
  // Not empty: fail the handshake unless one of these matches [rfc7671], usages 2 and 3 only; with verify both must
  // hold. Not with inspect.
  std::vector<dns::Tlsa> tlsa;
  std::vector<std::string> dane_names;  // for usage 2: the certificate must be for one of these
};

// A connection. One reader and one writer at a time, all calls on its executor; destroyed there.
class Stream {
 public:
  virtual ~Stream() = default;
  // Waits for octets. The view is into a buffer that belongs to the thread: use it before the next co_await.
  // An idle stream owns no buffer. Never empty: the end is NetError::closed.
  virtual Awaitable<NetResult<std::string_view>> read(MonoTime deadline) = 0;
  // At least 1 octet and at most octets_max, which is not 0: what is behind them stays with the system, for a handshake
  // too. Before TLS only.
  virtual Awaitable<NetResult<std::string>> read_few(std::size_t octets_max, MonoTime deadline) = 0;
  // All of it, or an error. `data` must stay until it returns.
  virtual Awaitable<NetResult<void>> write(std::string_view data, MonoTime deadline) = 0;
  // Handshakes. Octets that were received in clear before are thrown away, never read as plaintext
  // of the TLS session. [rfc3207 4.2]
  virtual Awaitable<NetResult<crypto::TlsFacts>> tls_accept(std::shared_ptr<TlsServerContext> context,
                                                            MonoTime deadline) = 0;
  virtual Awaitable<NetResult<crypto::TlsFacts>> tls_connect(TlsClientRequest request, MonoTime deadline) = 0;
  // Octets that may be read without waiting (for an early talker before the greeting).
  virtual bool readable_now() = 0;
  // Ends a pending read or write with NetError::cancelled; later ones end so at once.
  virtual void cancel() = 0;
  // Sends TLS close_notify where it can without waiting, and closes. Also by the destructor.
  virtual void close() = 0;
  virtual const Endpoint& remote() const = 0;
  virtual const Endpoint& local() const = 0;
  // Unix sockets only: who is at the other end.
  struct Credentials {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int32_t pid = 0;
  };
  virtual std::optional<Credentials> credentials() const = 0;
};
using StreamPtr = std::unique_ptr<Stream>;

class Listener {
 public:
  virtual ~Listener() = default;
  // The next connection; its stream belongs to `executor` (pick one per connection).
  // NetError::limit: no descriptor is left for it (ListenOptions::spare_descriptors); turn_away() who waits, or wait a
  // little, and call again.
  virtual Awaitable<NetResult<StreamPtr>> accept(Executor executor) = 0;
  // After NetError::limit: says `farewell` to one connection and closes it, without waiting, by a descriptor that is
  // kept for this. Who it was; nothing where nobody waited or it could not be done.
  virtual std::optional<Endpoint> turn_away(std::string_view farewell) = 0;
  virtual void close() = 0;                   // a pending accept ends with cancelled; the port is free afterwards
  virtual const Endpoint& local() const = 0;  // with the real port where 0 was asked
};

struct ListenOptions {
  int backlog = 1024;
  int unix_mode = 0;  // permissions of a Unix socket, e.g. 0660
  // The last descriptors of the process are not for its connections, but for the disk, DNS and who asks what is wrong;
  // a small share of a low limit at the most.
  int spare_descriptors = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  virtual NetResult<std::unique_ptr<Listener>> listen(const Endpoint& at, const ListenOptions& options,
                                                      Executor executor) = 0;
  // The stream belongs to the calling coroutine's executor. source: local address to bind, empty = any.
  virtual Awaitable<NetResult<StreamPtr>> connect(Endpoint to, std::string source, MonoTime deadline) = 0;
  virtual std::expected<std::shared_ptr<TlsServerContext>, std::string> load_tls(const TlsServerFiles& files) = 0;
};

}  // namespace postil::env
