#include "check/observer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "check/host_probe.hpp"
#include "check/login_probe.hpp"
#include "check/mail_records.hpp"
#include "check/side_by_side.hpp"
#include "diagnose/block_lists.hpp"
#include "dns/mx.hpp"
#include "dns/parse.hpp"

namespace postil::check {
namespace {

using diagnose::Part;
using diagnose::SubjectKind;

constexpr std::size_t addresses_per_host_max = 4;  // two of each family
constexpr std::size_t connections_max = 60;
constexpr std::size_t reverse_names_max = 10;

class Observer {
 public:
  Observer(Ports ports, Options options)
      : ports_(ports),
        options_(std::move(options)),
        begin_(ports_.clock.now()),
        deadline_(begin_ + options_.patience),
        notebook_(ports_.resolver, ports_.clock, seen_.dns, deadline_, options_.dns_patience) {
    seen_.request = options_.request;
    seen_.time = ports_.clock.wall();
  }

  env::Awaitable<diagnose::Observations> run();

 private:
  env::Awaitable<void> receiving();
  env::Awaitable<void> ask_next_host();
  env::Awaitable<void> addresses_of(std::string host);
  env::Awaitable<void> host(std::string name, bool first);
  env::Awaitable<void> look_at(HostProbe probe, diagnose::Connection* connection, bool recipient);
  env::Awaitable<void> reverse(std::string ip);
  env::Awaitable<void> forward(std::string name);
  env::Awaitable<void> list(std::string zone, std::string ip);
  env::Awaitable<void> ask(std::string name, dns::Type type);
  env::Awaitable<void> sts();
  env::Awaitable<void> logins();
  bool wants(Part part) const { return options_.request.parts.has(part); }
  bool connects() const {
    // Of an address that sends, its reverse DNS is asked for without a connection to it.
    const bool names = wants(Part::reverse_dns) && options_.request.subject.kind != SubjectKind::ip;
    return names || options_.request.parts.any_of({Part::connect, Part::greeting, Part::ehlo, Part::tls, Part::dane,
                                                   Part::recipient, Part::parked});
  }
  std::vector<std::string> addresses(const std::string& host) const;
  diagnose::Connection& new_connection(const std::string& host, const std::string& address);

  Ports ports_;
  Options options_;
  MonoTime begin_;
  MonoTime deadline_;
  diagnose::Observations seen_;
  Notebook notebook_;
  std::deque<diagnose::Connection> connections_;  // its elements stay where they are
};

env::Awaitable<void> Observer::ask(std::string name, dns::Type type) {
  co_await notebook_.ask(std::move(name), type);
}

env::Awaitable<void> Observer::addresses_of(std::string host) {
  if (address::Ip::parse(host)) co_return;
  std::vector<env::Awaitable<void>> both;
  both.push_back(ask(host, dns::Type::a));
  both.push_back(ask(host, dns::Type::aaaa));
  co_await side_by_side(std::move(both));
}

// A few of each family, in the order in which DNS gave them.
std::vector<std::string> Observer::addresses(const std::string& host) const {
  if (const auto ip = address::canonical_ip(host)) return {*ip};
  std::vector<std::string> out;
  for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
    const auto* answer = seen_.dns.find(host, type);
    std::size_t taken = 0;
    if (answer == nullptr) continue;
    for (const auto& record : answer->records) {
      const auto* address = std::get_if<dns::Address>(&record);
      if (address == nullptr || taken == addresses_per_host_max / 2) continue;
      out.push_back(address->text);
      ++taken;
    }
  }
  return out;
}

diagnose::Connection& Observer::new_connection(const std::string& host, const std::string& address) {
  auto& connection = connections_.emplace_back();
  connection.host = host == address ? std::string() : host;
  connection.address = address;
  connection.port = options_.port;
  return connection;
}

// The name that the host says is looked up too: it should be the one to which its address leads.
env::Awaitable<void> Observer::look_at(HostProbe probe, diagnose::Connection* connection, bool recipient) {
  co_await probe_mail(probe, connection, recipient);
  std::string name = diagnose::spoken_name(*connection);
  if (wants(Part::reverse_dns) && address::valid_domain(name)) co_await addresses_of(std::move(name));
}

env::Awaitable<void> Observer::host(std::string name, bool first) {
  co_await addresses_of(name);
  std::vector<env::Awaitable<void>> works;
  if (wants(Part::dane)) works.push_back(ask_tlsa(notebook_, name, options_.port));
  const HostProbe probe{ports_, options_, deadline_};
  bool first_address = first;
  for (const auto& at : addresses(name)) {
    if (!connects() || connections_.size() >= connections_max) break;
    if (options_.progress) options_.progress(fmt::format("{} {}", name, at));
    auto& connection = new_connection(name, at);
    // Only one host is asked about a recipient: each further question looks like a search for addresses.
    const bool recipient = wants(Part::recipient) && first_address;
    first_address = false;
    works.push_back(look_at(probe, &connection, recipient));
    if (wants(Part::reverse_dns)) works.push_back(reverse(at));
    if (!options_.request.tls_versions) continue;
    for (const char* version : {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}) {
      if (connections_.size() >= connections_max) break;
      auto& further = new_connection(name, at);
      further.purpose = diagnose::Purpose::tls_version;
      further.version = version;
      works.push_back(probe_version(probe, &further));
    }
  }
  co_await side_by_side(std::move(works));
}

env::Awaitable<void> Observer::receiving() {
  const auto& subject = options_.request.subject;
  const bool parked_host = subject.kind == SubjectKind::host && wants(Part::parked);
  if (subject.kind == SubjectKind::domain || subject.kind == SubjectKind::address || parked_host) {
    const auto answer = co_await notebook_.ask(subject.domain, dns::Type::mx);
    const auto mx = dns::classify_mx(answer);
    if (mx.kind == dns::MxSet::Kind::implicit || wants(Part::parked)) co_await addresses_of(subject.domain);
  }
  if (!wants(Part::mx) && !connects()) co_return;
  auto targets = diagnose::target_hosts(seen_);
  // Of a parked domain the name's own addresses: the null MX names none.
  if (targets.empty() && wants(Part::parked)) targets.push_back({subject.domain, 0});
  if (targets.size() > diagnose::checked_hosts_max) targets.resize(diagnose::checked_hosts_max);
  std::vector<env::Awaitable<void>> works;
  for (std::size_t i = 0; i < targets.size(); ++i) works.push_back(host(targets[i].name, i == 0));
  co_await side_by_side(std::move(works));
  if (wants(Part::recipient)) co_await ask_next_host();
}

// Senders go on to the next host when the first cannot be asked, and so does this: until one has answered MAIL.
env::Awaitable<void> Observer::ask_next_host() {
  const HostProbe probe{ports_, options_, deadline_};
  const std::size_t tried = connections_.size();
  for (std::size_t i = 0; i < tried; ++i) {
    if (std::ranges::any_of(connections_, [](const auto& c) { return c.mail.has_value(); })) co_return;
    const auto& before = connections_[i];
    const bool usable =
        before.purpose == diagnose::Purpose::mail && !before.broken && before.ehlo && before.ehlo->code / 100 == 2;
    if (!usable) continue;
    const std::string name = before.host.empty() ? before.address : before.host;
    if (options_.progress) options_.progress(fmt::format("{} {}", name, before.address));
    auto& again = new_connection(name, before.address);
    co_await probe_mail(probe, &again, true);
  }
}

env::Awaitable<void> Observer::forward(std::string name) {
  co_await addresses_of(std::move(name));
}

env::Awaitable<void> Observer::reverse(std::string ip) {
  const auto name = dns::reverse_name(ip);
  if (!name) co_return;
  if (options_.progress) options_.progress(*name);
  const auto answer = co_await notebook_.ask(*name, dns::Type::ptr);
  std::vector<env::Awaitable<void>> works;
  for (const auto& record : answer.records) {
    const auto* target = std::get_if<dns::NameTarget>(&record);
    if (target != nullptr && works.size() < reverse_names_max) works.push_back(forward(target->name));
  }
  co_await side_by_side(std::move(works));
}

// The entry itself, and those that say whether the list works.
env::Awaitable<void> Observer::list(std::string zone, std::string ip) {
  const auto parsed = address::Ip::parse(ip);
  if (!parsed) co_return;
  if (options_.progress) options_.progress(zone);
  const std::string name = address::reversed_labels(*parsed) + "." + zone;
  std::vector<env::Awaitable<void>> works;
  works.push_back(ask(name, dns::Type::a));
  works.push_back(ask(name, dns::Type::txt));
  const auto tests = diagnose::list_tests(zone, !parsed->is_v4());
  for (const auto* names : {&tests.listed, &tests.unlisted}) {
    for (const auto& one : *names) works.push_back(ask(one, dns::Type::a));
  }
  co_await side_by_side(std::move(works));
}

env::Awaitable<void> Observer::sts() {
  const FetchPlan plan{ports_.https, options_.ca_file,
                       std::min(deadline_, ports_.clock.now() + options_.fetch_patience)};
  auto fetched = co_await ask_sts(notebook_, options_.request, plan);
  if (fetched) seen_.fetches.push_back(std::move(*fetched));
}

// Both ports of the first address; the others are the same server, and a wrong password counts there.
env::Awaitable<void> Observer::logins() {
  const auto& subject = options_.request.subject;
  const std::string name = subject.kind == SubjectKind::ip ? subject.ip : subject.domain;
  co_await addresses_of(name);
  const auto all = addresses(name);
  if (all.empty()) co_return;
  const HostProbe probe{ports_, options_, deadline_};
  std::vector<diagnose::Connection*> both;
  for (const bool implicit : {true, false}) {
    auto& connection = new_connection(name, all.front());
    connection.purpose = diagnose::Purpose::login;
    connection.implicit_tls = implicit;
    connection.port = implicit ? options_.port_submissions : options_.port_submission;
    if (options_.progress) options_.progress(fmt::format("{} {}", name, connection.port));
    both.push_back(&connection);
  }
  co_await probe_logins(probe, &connections_, std::move(both));
}

env::Awaitable<diagnose::Observations> Observer::run() {
  const auto& request = options_.request;
  if (options_.progress) options_.progress(request.subject.text);
  std::vector<env::Awaitable<void>> works;
  const bool ip = request.subject.kind == SubjectKind::ip;
  // MX is asked for whatever is wanted: it says whether there is such a domain at all.
  if (connects() || !ip) works.push_back(receiving());
  if (!ip) works.push_back(ask_sending(notebook_, request, seen_.time));
  if (!ip && wants(Part::mta_sts)) works.push_back(sts());
  if (wants(Part::login)) works.push_back(logins());
  std::set<std::string> senders;
  if (ip) senders.insert(request.subject.ip);
  if (!request.from_ip.empty()) senders.insert(request.from_ip);
  for (const auto& sender : senders) {
    if (wants(Part::reverse_dns)) works.push_back(reverse(sender));
    if (!wants(Part::block_lists)) continue;
    for (const auto& zone : request.lists) works.push_back(list(zone, sender));
  }
  co_await side_by_side(std::move(works));
  for (auto& connection : connections_) seen_.connections.push_back(std::move(connection));
  seen_.out_of_time = ports_.clock.now() >= deadline_;
  seen_.took_ms =
      static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(ports_.clock.now() - begin_).count());
  co_return std::move(seen_);
}

}  // namespace

env::Awaitable<diagnose::Observations> observe(Ports ports, Options options) {
  Observer observer(ports, std::move(options));
  co_return co_await observer.run();
}

}  // namespace postil::check
