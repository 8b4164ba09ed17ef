#include "cli/mail_route.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <sstream>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/resolver.hpp"
#include "event/event.hpp"
#include "route/plan.hpp"

namespace postil::cli {
namespace {

struct Silence : event::Sink {
  void emit(const event::Event&) override {}
};

std::vector<std::string> texts(const dns::Answer& answer) {
  std::vector<std::string> out;
  for (const auto& record : answer.records) out.push_back(std::get<dns::Address>(record).text);
  return out;
}

class Finder {
 public:
  Finder(env::Resolver& resolver, Duration patience)
      : resolver_(resolver), deadline_(clock_.now() + patience), prng_(entropy_.word()) {}
  env::Awaitable<void> find(std::string domain);
  MailRoute route;

 private:
  env::Awaitable<void> find_addresses(MailHost& host);

  env_asio::SystemClock clock_;
  env_asio::SystemEntropy entropy_;
  env::Resolver& resolver_;
  MonoTime deadline_;
  Prng prng_;
};

env::Awaitable<void> Finder::find(std::string domain) {
  const dns::Answer answer = co_await resolver_.query(domain, dns::Type::mx, deadline_);
  const dns::MxSet mx = dns::classify_mx(answer);
  route.kind = mx.kind;
  route.stray_null = mx.stray_null;
  route.detail = answer.detail.empty() ? std::string(dns::to_string(answer.status)) : answer.detail;
  if (mx.kind != dns::MxSet::Kind::hosts && mx.kind != dns::MxSet::Kind::implicit) co_return;
  const auto plan = route::plan_hosts(mx, {}, prng_);
  for (const auto& host : plan.hosts) {
    route.hosts.push_back({host.name, host.preference, {}, {}});
    co_await find_addresses(route.hosts.back());
  }
}

env::Awaitable<void> Finder::find_addresses(MailHost& host) {
  const dns::Answer six = co_await resolver_.query(host.name, dns::Type::aaaa, deadline_);
  const dns::Answer four = co_await resolver_.query(host.name, dns::Type::a, deadline_);
  host.addresses = route::order_addresses(texts(six), texts(four), prng_, route::PlanLimits{}.addresses_per_host_max);
  if (host.addresses.empty()) host.trouble = dns::to_string(four.definite() ? six.status : four.status);
}

}  // namespace

std::vector<std::string> system_resolvers() {
  std::vector<std::string> out;
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; out.size() < 3 && std::getline(file, line);) {
    std::istringstream words(line);
    std::string key, value;
    if (words >> key >> value && key == "nameserver") out.push_back(value.substr(0, value.find('%')));
  }
  return out;
}

std::expected<MailRoute, std::string> find_mail_route(const std::string& domain, const std::string& resolver,
                                                      Duration patience) {
  if (const auto literal = address::literal_ip(domain)) {
    return MailRoute{dns::MxSet::Kind::implicit, false, {{*literal, 0, {*literal}, {}}}, {}};
  }
  env_asio::ResolverOptions options;
  options.validate = false;  // a forged answer would lead to another host, and nothing secret goes there
  if (resolver.empty()) {
    options.forwarders = system_resolvers();
  } else {
    options.forwarders = {resolver};
  }
  Silence silence;
  auto made = env_asio::UnboundResolver::make(std::move(options), silence);
  if (!made) return std::unexpected(made.error());
  boost::asio::io_context io(1);
  Finder finder(**made, patience);
  const auto name = address::to_ascii(domain);
  boost::asio::co_spawn(io, finder.find(name ? *name : domain), boost::asio::detached);
  io.run();
  return std::move(finder.route);
}

}  // namespace postil::cli
