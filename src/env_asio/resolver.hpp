// The validating resolver: libunbound, on a DNS thread of its own.
//
// Questions come from any thread and answers go back to the caller's executor. libunbound resolves on its own
// background thread; the DNS thread feeds it, reads its answers (dns/parse.hpp), keeps deadlines and joins equal
// questions. An answer that fails validation is Status::bogus and has no records. Destroy the resolver before the
// io_contexts of its callers: what waits then is answered server_failure.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/resolver.hpp"
#include "event/event.hpp"

namespace postil::env_asio {

struct ResolverOptions {
  // "127.0.0.53", "192.0.2.1@5353", "2001:db8::1"; none: recursion from the root.
  std::vector<std::string> forwarders;
  bool validate = true;                    // DNSSEC; without any anchor it is off
  std::string root_key_file;               // the root's trust anchor; system_root_key_file() knows Debian's
  std::string root_hints;                  // empty: the built-in ones
  std::vector<std::string> trust_anchors;  // "example.com. DS 1234 13 2 ..." or DNSKEY, in zone file form
  std::vector<std::pair<std::string, std::string>> stubs;  // zone, "address@port" of its server
  std::vector<std::string> insecure_zones;                 // not validated, e.g. an internal zone behind a forwarder
  bool allow_localhost = false;         // ask servers on 127.0.0.0/8 and ::1; implied by such a forwarder or stub
  std::vector<std::string> local_data;  // "mx.demo.test. 300 IN A 127.0.0.1": answered here, not asked for
  // libunbound answers NXDOMAIN for "test.", "invalid." and the like [rfc6761], and without a forwarder also for
  // "10.in-addr.arpa." [rfc6303]; these are asked for like others, and not validated, since the root denies them.
  std::vector<std::string> unblock_zones;
  std::size_t questions_max = 10000;  // that wait at one time; one more is answered server_failure
};

// The distribution's root anchor file, or "" when there is none.
std::string system_root_key_file();

class UnboundResolver : public env::Resolver {
 public:
  // Starts the thread. The error is a sentence for the admin that names the option. events: emitted to from the DNS
  // thread; must outlive the resolver.
  static std::expected<std::unique_ptr<UnboundResolver>, std::string> make(ResolverOptions options,
                                                                           event::Sink& events);
  ~UnboundResolver() override;
  UnboundResolver(const UnboundResolver&) = delete;
  UnboundResolver& operator=(const UnboundResolver&) = delete;

  env::Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime deadline) override;

  // Whether answers are validated now. Any thread.
  bool validating() const;

  // Asks over the configured path, validated, for the SOA of the root (without a root anchor: of the first trust
  // anchor's zone). True: DNSSEC passes. When it does not, though the same question without validation is answered,
  // or (with forwarders) is not answered either, validation goes off with the event dns.degraded; when it passes
  // again, on with dns.restored. Without forwarders, no answer at all means no network: nothing changes. False at
  // once when validation was not asked for. Call it at start and now and then; one at a time.
  env::Awaitable<bool> probe_dnssec(MonoTime deadline);

 private:
  class Engine;
  explicit UnboundResolver(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace postil::env_asio
