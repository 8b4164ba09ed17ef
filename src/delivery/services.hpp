// What delivery needs of the rest of the program, and its settings; wired by app, by the world in tests.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/source_rule.hpp"
#include "env/clock.hpp"
#include "env/disk.hpp"
#include "env/entropy.hpp"
#include "env/https.hpp"
#include "env/network.hpp"
#include "env/resolver.hpp"
#include "env/store.hpp"
#include "event/event.hpp"
#include "history/history.hpp"
#include "history/suppression.hpp"
#include "mailauth/dkim_sign.hpp"
#include "policy/aliases.hpp"
#include "smtp/client_session.hpp"
#include "transport/requirement.hpp"
#include "transport/tls_report.hpp"

namespace postil::delivery {

struct Smarthost {
  std::string host;  // a name or an address, its MX is not looked up; or the path of a Unix socket
  std::uint16_t port = 25;
  bool implicit_tls = false;
  bool lmtp = false;  // [rfc2033]
  bool operator==(const Smarthost&) const = default;
};

// Mail for these domains goes to a host of its own; the first that matches.
struct Route {
  std::vector<std::string> domains;  // as queue::matches_name
  Smarthost to;
  bool operator==(const Route&) const = default;
};

// TLS reports to other domains. [rfc8460]
struct TlsReports {
  std::string contact;         // local@domain, the author of the reports; "" = nothing is counted and sent
  std::string organization;    // as it is named in them
  Duration window = hours(4);  // after a day's end; at a random moment of it they leave
};

// Never changes; a reload makes a new one.
struct Settings {
  std::string host_name;                           // EHLO name, Reporting-MTA
  std::vector<std::string> own_names;              // other names and addresses under which MX records would point at us
  std::shared_ptr<const mailauth::DkimKeys> dkim;  // may be null: nothing is signed
  policy::Aliases aliases;                         // for reports to senders of our own host
  std::optional<Smarthost> smarthost;
  std::vector<Route> routes;                                     // that go before the smarthost, and need no login
  smtp::ClientSettings client;                                   // time-outs, TLS use, login
  transport::Level tls_least = transport::Level::opportunistic;  // of every host that no policy names
  std::string tls_ca_file;                                       // authorities to trust; "" = the system's
  std::vector<transport::ConfiguredPolicy> tls_policies;
  bool dane = true, mta_sts = true;      // are asked for, where no configured policy decides
  std::uint16_t sts_port = 443;          // of policy servers; another one in tests
  std::string source_ipv4, source_ipv6;  // local addresses to bind; empty = the system's choice
  std::vector<SourceRule> sources;       // that go before these and host_name
  std::uint16_t port = 25;               // of MX hosts; another one in tests and the demo
  Duration connect_timeout = seconds(30);
  Duration dns_timeout = seconds(15);
  Duration idle_connection_max = seconds(3);  // a connection waits this long for the next message
  std::uint64_t messages_per_connection_max = 1000;
  Duration null_host_skip = hours(1);          // a host that answered 521 is not asked again for this long
  Duration null_host_proof_max = minutes(10);  // but a message is returned only on a 521 heard within this time
  Duration report_lifetime = days(5);
  bool suppress_automatically = false;  // addresses of which their host says that there is no such mailbox
  Duration suppress_for = days(30);     // 0 = without an end
  TlsReports tls_reports;
  std::string report_language;                          // server's language for reports, "" = English only
  std::map<std::string, std::string> domain_languages;  // of a sender's domain: A-labels, lower case
  // What the message or its account said, else the sender's domain, else the server.
  const std::string& report_language_of(const queue::Envelope& original) const;
  int zone_minutes = 0;
};

struct Services {
  env::Clock& clock;
  env::Timers& timers;
  env::Entropy& entropy;
  env::Network& network;
  env::Resolver& resolver;
  env::Store& store;
  event::Sink& events;
  history::History& history;
  std::function<MessageId(WallTime)> make_id;    // thread-safe
  std::function<env::Executor()> pick_executor;  // for attempts: the least loaded I/O thread
  env::Executor pool;                            // password hashes of a login at the smarthost, the file of policies
  env::Https* https = nullptr;                   // null: no MTA-STS
  env::Disk* disk = nullptr;                     // null: MTA-STS policies are forgotten at the end
  // Told of each TLS session to a host, and of each that could not be had; any thread. May be empty.
  std::function<void(const transport::TlsSession&)> tls_session = {};
  history::Suppressions* suppressions = nullptr;  // null: there is no such list
  // Whether a failure says that there is no such mailbox; empty: the status 5.1.1 does.
  std::function<bool(const queue::RecipientState&)> no_such_mailbox = {};
};

}  // namespace postil::delivery
