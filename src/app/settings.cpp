#include "app/settings.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "delivery/next_hop.hpp"
#include "knowledge/provider_pace.hpp"

namespace postil::app {
namespace {

void add(std::vector<ListenerPlan>& plans, const std::vector<config::ListenAddress>& addresses, smtp::Job job,
         bool tls) {
  for (const auto& at : addresses) plans.push_back({{at.address, at.port}, job, tls});
}

}  // namespace

std::vector<ListenerPlan> listeners(const config::Config& config) {
  std::vector<ListenerPlan> plans;
  if (config.has_job("submission")) {
    add(plans, config.submission.listen, smtp::Job::submission, false);
    add(plans, config.submission.listen_tls, smtp::Job::submission, true);
  }
  if (config.has_job("relay")) add(plans, config.relay.listen, smtp::Job::relay, false);
  if (config.has_job("null")) add(plans, config.null_host.listen, smtp::Job::null_host, false);
  if (config.takes_mail() && config.submission.local && !config.submit_socket.empty()) {
    plans.push_back({{config.submit_socket, 0}, smtp::Job::local, false});
  }
  return plans;
}

std::string_view config_key(const ListenerPlan& plan) {
  switch (plan.job) {
    case smtp::Job::submission:
      return plan.implicit_tls ? "submission.listen_tls" : "submission.listen";
    case smtp::Job::relay:
      return "relay.listen";
    case smtp::Job::null_host:
      return "null.listen";
    case smtp::Job::local:
    case smtp::Job::inbound:  // no configuration asks for one yet
      break;
  }
  return "control.submit_socket";
}

bool covers(const config::Intermediaries& who, const ListenerPlan& plan) {
  if (plan.at.local() || who.networks.empty()) return false;
  const config::ListenAddress at{plan.at.address, plan.at.port};
  return who.listen.empty() || std::ranges::find(who.listen, at) != who.listen.end();
}

std::shared_ptr<const smtp::ServerSettings> session_settings(
    const config::Config& config, const ListenerPlan& plan, bool have_certificate,
    std::function<std::vector<std::string>(std::string_view)> help) {
  auto out = std::make_shared<smtp::ServerSettings>();
  const bool submission = plan.job == smtp::Job::submission;
  out->job = plan.job;
  out->host_name = config.host_name;
  out->contact = config.contact;
  out->implicit_tls = plan.implicit_tls;
  out->starttls =
      have_certificate && !plan.implicit_tls && plan.job != smtp::Job::null_host && plan.job != smtp::Job::local;
  out->auth_offered = submission;
  out->auth_without_tls = config.submission.auth_without_tls;
  out->require_auth = submission;
  out->require_tls = submission && !config.submission.auth_without_tls;
  for (const auto& mechanism : config.submission.mechanisms) out->mechanisms.push_back(to_upper(mechanism));
  out->receipt_url = config.receipt_url;
  if (covers(config.xclient, plan)) out->xclient_from = config.xclient.networks;
  out->hide_client = submission && config.submission.hide_client_address;
  const auto& limits = config.limits;
  out->message_octets_max = limits.message_octets;
  out->recipients_max = static_cast<std::uint32_t>(limits.recipients);
  out->text_line_octets_max = static_cast<std::uint32_t>(limits.line_octets);
  out->header_octets_max = static_cast<std::uint32_t>(limits.header_octets);
  out->hops_max = static_cast<std::uint32_t>(limits.hops);
  out->errors_max = static_cast<std::uint32_t>(limits.errors);
  out->commands_max = static_cast<std::uint32_t>(limits.commands);
  out->auth_failures_max = static_cast<std::uint32_t>(limits.auth_failures);
  out->priority_max = static_cast<std::int8_t>(limits.priority);
  if (submission) out->hold_max = config.submission.hold_max;
  out->command_timeout = limits.command_timeout;
  out->data_timeout = limits.data_timeout;
  out->message_duration_max = limits.message_duration;
  out->help = std::move(help);
  return out;
}

policy::Aliases aliases(const config::Config& config, std::vector<std::string> own_addresses) {
  policy::Aliases out;
  out.own_addresses = std::move(own_addresses);
  out.host_name = config.host_name;
  for (const auto& [name, targets] : config.aliases) out.table.emplace(name, targets);
  return out;
}

static std::vector<delivery::Route> delivery_routes(const config::Config& config) {
  std::vector<delivery::Route> out;
  for (const auto& route : config.routes) {
    const auto to = config::parse_next_hop(route.to).value_or(config::SmarthostAddress{});
    out.push_back({route.domains, {to.host, to.port, to.implicit_tls, to.lmtp}});
  }
  return out;
}

std::shared_ptr<const server::Policy> policy(const config::Config& config, std::vector<std::string> own_addresses) {
  auto out = std::make_shared<server::Policy>();
  auto& rules = out->rules;
  rules.aliases = aliases(config, std::move(own_addresses));
  rules.check_recipient_domains = config.deliver.check_recipient_domains;
  rules.check_sender_domain = config.deliver.check_sender_domain;
  const auto routes = delivery_routes(config);
  if (!routes.empty()) {
    rules.routed = [routes](std::string_view domain) { return delivery::route_for(routes, domain) != nullptr; };
  }
  rules.any_local_sender = config.submission.local_senders == "any";
  out->lifetime = config.deliver.lifetime;
  out->hash_bodies = !config.dkim.empty();
  out->hold_messages_max = config.submission.hold_messages;
  return out;
}

server::SessionLimits session_limits(const config::Config& config) {
  return {static_cast<std::uint32_t>(config.limits.sessions),
          static_cast<std::uint32_t>(config.limits.sessions_per_address), config.limits.unlimited_from};
}

std::shared_ptr<const delivery::Settings> delivery_settings(const config::Config& config, std::string password,
                                                            std::vector<std::string> own_addresses,
                                                            std::shared_ptr<const mailauth::DkimKeys> dkim) {
  auto out = std::make_shared<delivery::Settings>();
  out->dkim = std::move(dkim);
  const auto& deliver = config.deliver;
  out->host_name = config.host_name;
  out->aliases = aliases(config, own_addresses);
  out->own_names = std::move(own_addresses);
  auto tls = deliver.tls == "never"           ? smtp::TlsUse::never
             : deliver.tls == "opportunistic" ? smtp::TlsUse::opportunistic
                                              : smtp::TlsUse::required;
  out->tls_least = transport::parse_level(deliver.tls).value_or(transport::Level::opportunistic);
  for (const auto& policy : config.tls_policies) {
    out->tls_policies.push_back({policy.domain, transport::parse_level(policy.tls).value_or(transport::Level::required),
                                 policy.names, policy.ca.empty() ? deliver.tls_ca : policy.ca});
  }
  out->dane = deliver.dane;
  out->mta_sts = deliver.mta_sts;
  out->sts_port = static_cast<std::uint16_t>(deliver.mta_sts_port);
  out->tls_ca_file = deliver.tls_ca;
  if (deliver.via == "smarthost") {
    const auto smarthost = config::parse_smarthost(deliver.smarthost).value_or(config::SmarthostAddress{});
    out->smarthost.emplace();
    out->smarthost->host = smarthost.host;
    out->smarthost->port = smarthost.port;
    if (smarthost.implicit_tls) tls = smtp::TlsUse::implicit;
    if (!deliver.username.empty()) out->client.login = smtp::ClientLogin{deliver.username, std::move(password), ""};
  }
  out->routes = delivery_routes(config);
  out->client.host_name = config.host_name;
  out->client.one_flight_octets_max = 32 << 10;  // what the first windows of a connection hold
  out->client.tls = tls;
  out->client.greeting_timeout = deliver.greeting_timeout;
  out->client.command_timeout = deliver.command_timeout;
  out->client.data_timeout = deliver.data_timeout;
  out->client.block_timeout = deliver.block_timeout;
  out->client.end_timeout = deliver.end_timeout;
  for (const auto& source : config.sources) {
    out->sources.push_back({source.from, source.to, source.accounts, source.ipv4, source.ipv6, source.hostname});
  }
  out->source_ipv4 = deliver.source_ipv4;
  out->source_ipv6 = deliver.source_ipv6;
  out->port = static_cast<std::uint16_t>(deliver.port);
  out->connect_timeout = deliver.connect_timeout;
  out->dns_timeout = config.dns.timeout;
  out->idle_connection_max = deliver.idle_connection;
  out->messages_per_connection_max = deliver.messages_per_connection;
  out->null_host_skip = deliver.null_host_skip;
  out->report_lifetime = deliver.lifetime;
  const auto& reports = config.tls_reports;
  out->tls_reports = {reports.contact, reports.organization.empty() ? config.host_name : reports.organization,
                      reports.window};
  out->report_language = config.language;
  out->domain_languages = config.domain_languages;
  out->suppress_automatically = config.suppress.automatic;
  out->suppress_for = config.suppress.lifetime;
  return out;
}

// The file's rules, then what providers are known to take.
static std::vector<queue::SiteRule> site_rules(const config::Config& config) {
  std::vector<queue::SiteRule> out;
  for (std::size_t i = 0; i < config.sites.size(); ++i) {
    const auto& site = config.sites[i];
    queue::SiteRule rule{.name = config.place("site." + std::to_string(i)), .domains = site.domains, .hosts = site.mx};
    if (site.connections) rule.connections = static_cast<std::uint32_t>(*site.connections);
    if (site.messages_per_connection)
      rule.messages_per_connection = static_cast<std::uint32_t>(*site.messages_per_connection);
    rule.messages_per_second = site.rate_a_second;
    out.push_back(std::move(rule));
  }
  for (const auto& provider : knowledge::provider_paces()) {
    out.push_back({.name = provider.name,
                   .domains = {},
                   .hosts = provider.hosts,
                   .connections = provider.connections,
                   .messages_per_connection = provider.messages_per_connection,
                   .messages_per_second = {}});
  }
  return out;
}

queue::EngineSettings engine_settings(const config::Config& config, std::uint64_t random) {
  queue::EngineSettings out;
  const auto& deliver = config.deliver;
  if (deliver.via == "smarthost") out.fixed_site = "smarthost";
  for (const auto& route : config.routes) {
    out.own_sites.insert(out.own_sites.end(), route.domains.begin(), route.domains.end());
  }
  out.retry_first = deliver.retry_first;
  out.retry_max = deliver.retry_max;
  out.greylist_first = std::min(out.greylist_first, out.retry_first);
  out.delay_notice_after = deliver.delay_notice;
  out.refused_us_lifetime = deliver.refused_lifetime;
  out.attempts_per_site_max = static_cast<std::uint32_t>(deliver.connections_per_destination);
  out.messages_per_connection_max = static_cast<std::uint32_t>(deliver.messages_per_connection);
  out.site_rules = site_rules(config);
  out.attempts_max = static_cast<std::uint32_t>(deliver.connections);
  out.probes_max = 2 * out.attempts_max;  // a try at a host that does not answer costs little
  out.recipients_per_attempt_max = static_cast<std::uint32_t>(deliver.recipients_per_transaction);
  out.random = random;
  return out;
}

}  // namespace postil::app
