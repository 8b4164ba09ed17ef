#include "cli/records_dns.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "cli/mail_route.hpp"
#include "dns/mx.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/resolver.hpp"
#include "event/event.hpp"
#include "mailauth/spf.hpp"

namespace postil::cli {
namespace {

using diagnose::DomainMail;
using diagnose::Published;
using diagnose::RecordPurpose;

constexpr Duration patience = seconds(20);
constexpr Duration probe_patience = seconds(3);

struct Silence : event::Sink {
  void emit(const event::Event&) override {}
};

class Asker {
 public:
  Asker(DomainMail& mail, env_asio::UnboundResolver& resolver) : mail_(mail), resolver_(resolver) {}
  env::Awaitable<void> ask();
  RecordsDns out;

 private:
  env::Awaitable<void> find_hosts();
  env::Awaitable<void> find_sources();
  env::Awaitable<bool> spf_allows(address::Ip source);
  env::Awaitable<bool> spf_allows_all();

  DomainMail& mail_;
  env_asio::UnboundResolver& resolver_;
  env_asio::SystemClock clock_;
  MonoTime deadline_ = clock_.now() + patience;
};

// Where nobody says which hosts take the mail, those that do it now are to go on.
env::Awaitable<void> Asker::find_hosts() {
  const dns::Answer answer = co_await resolver_.query(mail_.domain, dns::Type::mx, deadline_);
  out.secure = answer.secure;
  if (mail_.parked || !mail_.mx.empty()) co_return;
  const dns::MxSet mx = dns::classify_mx(answer);
  for (const auto& host : mx.hosts) mail_.mx.push_back(host.exchange);
}

env::Awaitable<void> Asker::find_sources() {
  std::vector<std::string> without;
  for (const auto& host : mail_.source_hosts) {
    const std::size_t before = mail_.sources.size();
    for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
      const dns::Answer answer = co_await resolver_.query(host, type, deadline_);
      for (const auto& data : answer.records) {
        const auto* at = std::get_if<dns::Address>(&data);
        const auto ip = at ? address::Ip::parse(at->text) : std::nullopt;
        if (ip && std::ranges::find(mail_.sources, *ip) == mail_.sources.end()) mail_.sources.push_back(*ip);
      }
    }
    if (mail_.sources.size() == before) without.push_back(host);
  }
  mail_.source_hosts = std::move(without);
}

env::Awaitable<bool> Asker::spf_allows(address::Ip source) {
  mailauth::SpfCheck check(mailauth::spf_mail_from(source, mail_.domain, "postmaster@" + mail_.domain));
  while (const auto* question = check.question()) {
    const dns::Answer answer = co_await resolver_.query(question->name, question->type, deadline_);
    check.answer(answer);
  }
  co_return check.outcome().result == mailauth::SpfResult::pass;
}

env::Awaitable<bool> Asker::spf_allows_all() {
  for (const auto& source : mail_.sources) {
    const bool allowed = co_await spf_allows(source);
    if (!allowed) co_return false;
  }
  co_return !mail_.sources.empty() && mail_.source_hosts.empty();
}

env::Awaitable<void> Asker::ask() {
  // A path that drops DNSSEC would make every name bogus.
  co_await resolver_.probe_dnssec(clock_.now() + probe_patience);
  co_await find_hosts();
  if (!mail_.parked) co_await find_sources();
  out.wanted = diagnose::wanted_records(mail_);
  for (const auto& record : out.wanted) {
    const dns::Answer answer = co_await resolver_.query(record.name, record.type, deadline_);
    diagnose::Compared compared = diagnose::compare_record(record, answer, mail_.parked);
    const bool spf = record.purpose == RecordPurpose::spf && compared.state == Published::other;
    if (spf && !mail_.parked && compared.found.size() == 1) {
      const bool allowed = co_await spf_allows_all();
      if (allowed) compared.state = Published::good;
    }
    out.compared.push_back(std::move(compared));
  }
}

}  // namespace

std::expected<RecordsDns, std::string> ask_records(DomainMail& mail, const config::Dns& dns,
                                                   const std::string& resolver) {
  env_asio::ResolverOptions options;
  if (!resolver.empty()) {
    options.forwarders = {resolver};
  } else {
    options.forwarders = dns.resolver.empty() ? system_resolvers() : dns.resolver;
  }
  options.validate = dns.validate;
  options.root_key_file = dns.trust_anchor.empty() ? env_asio::system_root_key_file() : dns.trust_anchor;
  Silence silence;
  auto made = env_asio::UnboundResolver::make(std::move(options), silence);
  if (!made) return std::unexpected(made.error());
  boost::asio::io_context io(1);
  Asker asker(mail, **made);
  boost::asio::co_spawn(io, asker.ask(), boost::asio::detached);
  io.run();
  return std::move(asker.out);
}

}  // namespace postil::cli
