// From the configuration to what each part of the server works with.
#include "app/settings.hpp"

#include "base/bytes.hpp"
#include "sasl/server.hpp"

#include "delivery/next_hop.hpp"
#include "reply/catalogue.hpp"
#include "server/refusal_rule.hpp"

#include <gmock/gmock.h>

namespace postil::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What the check of a whole configuration demands, for those that are about something else.
const std::string usual = "contact = \"c\"\n[aliases]\npostmaster = \"admin@example.org\"\n";

config::Config read(const std::string& toml) {
  const config::SourceFile sources[] = {
      {"postil.toml", toml},
      {"conf.d/usual.toml", toml.find("aliases") == std::string::npos ? usual : "contact = \"c\"\n"}};
  auto loaded = config::parse(sources);
  for (const auto& problem : loaded.problems) {
    if (!problem.warning) ADD_FAILURE() << problem.line << ": " << problem.text_key;
  }
  return std::move(loaded.config);
}

const std::string relay =
    "job = \"relay\"\nhostname = \"relay.example.org\"\n[relay]\nlisten = [\"192.0.2.1:25\", "
    "\"[2001:db8::1]:25\"]\nnetworks = [\"10.0.0.0/8\"]\n";

std::shared_ptr<const delivery::Settings> smarthost(const std::string& url, const std::string& more = "") {
  return delivery_settings(read(relay + "[deliver]\nvia = \"smarthost\"\nsmarthost = \"" + url + "\"\n" + more),
                           "pass word", {"192.0.2.1"});
}

struct UrlCase {
  const char* url;
  const char* host;
  std::uint16_t port;
  smtp::TlsUse tls;
};

// A receipt names the setting that decided; each must be one that can be set, or the limit of the process.
TEST(Settings, RefusalsNameSettingsThatExist) {
  int named = 0;
  for (const auto& entry : reply::catalogue()) {
    reply::Reply refusal = reply::make(entry.id);
    const std::string rule(server::rule_of(refusal));
    if (!rule.empty()) ++named;
    const bool no_key = rule.empty() || rule == "aliases" || rule == server::rule_descriptors;
    EXPECT_TRUE(no_key || config::find_key(rule)) << entry.key << ": " << rule;
    if (entry.code < 400 || !entry.receipt) EXPECT_EQ(rule, "") << entry.key;
    refusal.args = {{"period", "day"}};
    if (rule == "limits.recipients_per_hour") EXPECT_EQ(server::rule_of(refusal), "limits.recipients_per_day");
  }
  EXPECT_GT(named, 25);
}

TEST(Settings, ProxiesAndXclientByListener) {
  const std::string some =
      relay + "[proxy]\nnetworks = [\"10.0.0.1\"]\nlisten = [\"192.0.2.1:25\"]\n[xclient]\nnetworks = [\"10.0.0.2\"]\n";
  const auto config = read(some);
  const auto plans = listeners(config);
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_TRUE(covers(config.proxy, plans[0]));
  EXPECT_FALSE(covers(config.proxy, plans[1])) << "another address";
  EXPECT_TRUE(covers(config.xclient, plans[1])) << "no listen: all of them";
  EXPECT_FALSE(covers(config.xclient, plans[2])) << "not the socket of local programs";
  EXPECT_EQ(session_settings(config, plans[0], false, {})->xclient_from.size(), 1u);
  EXPECT_TRUE(session_settings(config, plans[2], false, {})->xclient_from.empty());
  EXPECT_FALSE(covers(read(relay).proxy, plans[0]));
}

TEST(Settings, SmarthostUrls) {
  using enum smtp::TlsUse;
  const UrlCase cases[] = {
      {"smtp://smart.example.net", "smart.example.net", 25, opportunistic},
      {"smtp://smart.example.net/", "smart.example.net", 25, opportunistic},
      {"smtp://smart.example.net:2525", "smart.example.net", 2525, opportunistic},
      {"submission://Smart.Example.net", "smart.example.net", 587, opportunistic},
      {"smtps://smart.example.net", "smart.example.net", 465, implicit},
      {"smtps://smart.example.net:8465", "smart.example.net", 8465, implicit},
      {"smtp://192.0.2.9", "192.0.2.9", 25, opportunistic},
      {"smtp://[2001:db8::9]", "2001:db8::9", 25, opportunistic},
      {"smtp://[2001:db8::9]:587", "2001:db8::9", 587, opportunistic},
  };
  for (const auto& row : cases) {
    const auto made = smarthost(row.url);
    ASSERT_TRUE(made->smarthost) << row.url;
    EXPECT_EQ(made->smarthost->host, row.host) << row.url;
    EXPECT_EQ(made->smarthost->port, row.port) << row.url;
    EXPECT_EQ(made->client.tls, row.tls) << row.url;
    EXPECT_EQ(engine_settings(read(relay + "[deliver]\nvia = \"smarthost\"\nsmarthost = \"" + row.url + "\"\n"), 1)
                  .fixed_site,
              "smarthost");
  }
}

TEST(Settings, RoutesByDomain) {
  const auto config =
      read(relay +
           "[deliver]\nvia = \"smarthost\"\nsmarthost = \"smtps://smart.example.net\"\nusername = \"me\"\n"
           "password_file = \"/etc/p\"\n[[route]]\ndomains = [\"example.org\", \".example.org\"]\n"
           "to = \"lmtp:unix:/run/dovecot/lmtp\"\n[[route]]\ndomains = [\"relay.example.org\", \"b.example\"]\n"
           "to = \"lmtp:inet:store.example.org\"\n[[route]]\ndomains = [\"c.example\"]\nto = "
           "\"smtp://inner.example.org:2525\"\n");
  const auto all = delivery_settings(config, "pass word", {});
  const auto to = [&](const char* domain) {
    const auto* route = delivery::route_for(all->routes, domain);
    return route ? delivery::settings_for(*all, *route) : nullptr;
  };
  const auto socket = to("example.org");
  ASSERT_TRUE(socket && to("a.example.org"));
  EXPECT_EQ(*socket->smarthost, (delivery::Smarthost{"/run/dovecot/lmtp", 0, false, true}));
  EXPECT_TRUE(socket->client.lmtp);
  EXPECT_EQ(socket->client.tls, smtp::TlsUse::never);
  EXPECT_FALSE(socket->client.login) << "the smarthost's login is nobody else's";
  const auto tcp = to("b.example");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(*tcp->smarthost, (delivery::Smarthost{"store.example.org", 24, false, true}));
  EXPECT_EQ(tcp->client.tls, smtp::TlsUse::opportunistic);
  EXPECT_FALSE(to("c.example")->client.lmtp);
  EXPECT_EQ(to("c.example")->smarthost->port, 2525);
  EXPECT_FALSE(to("d.example"));
  const auto rules = policy(config)->rules;
  EXPECT_TRUE(rules.routed("b.example"));
  EXPECT_FALSE(rules.routed("d.example"));
  EXPECT_EQ(engine_settings(config, 1).own_sites.size(), 5u);
  EXPECT_FALSE(policy(read(relay))->rules.routed);
}

TEST(Settings, SmarthostLoginAndTls) {
  auto made = smarthost("submission://smart.example.net",
                        "username = \"me\"\npassword_file = \"/etc/p\"\ntls = \"verified\"\n");
  ASSERT_TRUE(made->client.login);
  EXPECT_EQ(made->client.login->user, "me");
  EXPECT_EQ(made->client.login->password, "pass word");
  EXPECT_EQ(made->client.tls, smtp::TlsUse::required);
  EXPECT_EQ(made->tls_least, transport::Level::verified);
  made = smarthost("smtps://smart.example.net", "tls = \"verified\"\n");
  EXPECT_EQ(made->client.tls, smtp::TlsUse::implicit);
  EXPECT_EQ(made->tls_least, transport::Level::verified);
  EXPECT_FALSE(made->client.login);
  // A login is not for the hosts of others.
  EXPECT_FALSE(delivery_settings(read(relay), "pass word", {})->client.login);
  EXPECT_FALSE(delivery_settings(read(relay), "pass word", {})->smarthost);
}

TEST(Settings, TlsUse) {
  for (const auto& [word, use, verify] : {std::tuple{"never", smtp::TlsUse::never, false},
                                          {"opportunistic", smtp::TlsUse::opportunistic, false},
                                          {"required", smtp::TlsUse::required, false},
                                          {"verified", smtp::TlsUse::required, true}}) {
    const auto made = delivery_settings(read(relay + "[deliver]\ntls = \"" + word + "\"\n"), "", {});
    EXPECT_EQ(made->client.tls, use) << word;
    EXPECT_EQ(made->tls_least == transport::Level::verified, verify) << word;
  }
}

TEST(Settings, EveryKeyOfDeliveryGetsThere) {
  const auto config = read(relay + R"([deliver]
source_ipv4 = "192.0.2.1"
source_ipv6 = "2001:db8::1"
lifetime = "3d"
retry_first = "3m"
retry_max = "2h"
delay_notice = "90m"
null_host_skip = "17m"
refused_lifetime = "11h"
connections_per_destination = 7
connections = 77
recipients_per_transaction = 55
messages_per_connection = 33
connect_timeout = "21s"
greeting_timeout = "22s"
command_timeout = "23s"
data_timeout = "24s"
block_timeout = "25s"
end_timeout = "26s"
idle_connection = "9s"
)");
  const auto made = delivery_settings(config, "", {"192.0.2.1"});
  EXPECT_EQ(made->host_name, "relay.example.org");
  EXPECT_EQ(made->client.host_name, "relay.example.org");
  EXPECT_THAT(made->own_names, testing::Contains("192.0.2.1"));
  EXPECT_EQ(made->source_ipv4, "192.0.2.1");
  EXPECT_EQ(made->source_ipv6, "2001:db8::1");
  EXPECT_EQ(made->report_lifetime, days(3));
  EXPECT_EQ(made->null_host_skip, minutes(17));
  EXPECT_EQ(made->messages_per_connection_max, 33u);
  EXPECT_EQ(made->connect_timeout, seconds(21));
  EXPECT_EQ(made->client.greeting_timeout, seconds(22));
  EXPECT_EQ(made->client.command_timeout, seconds(23));
  EXPECT_EQ(made->client.data_timeout, seconds(24));
  EXPECT_EQ(made->client.block_timeout, seconds(25));
  EXPECT_EQ(made->client.end_timeout, seconds(26));
  EXPECT_EQ(made->idle_connection_max, seconds(9));
  const auto engine = engine_settings(config, 99);
  EXPECT_EQ(engine.fixed_site, "");
  EXPECT_EQ(engine.retry_first, minutes(3));
  EXPECT_EQ(engine.retry_max, hours(2));
  EXPECT_LE(engine.greylist_first, minutes(3));
  EXPECT_EQ(engine.delay_notice_after, minutes(90));
  EXPECT_EQ(engine.refused_us_lifetime, hours(11));
  EXPECT_EQ(engine.attempts_per_site_max, 7u);
  EXPECT_EQ(engine.attempts_max, 77u);
  EXPECT_EQ(engine.recipients_per_attempt_max, 55u);
  EXPECT_EQ(engine.random, 99u);
  EXPECT_EQ(policy(config)->lifetime, days(3));
}

TEST(Settings, DomainsAreCheckedOnlyWhereMailGoesOutDirectly) {
  auto made = policy(read(relay));
  EXPECT_TRUE(made->rules.check_recipient_domains);
  EXPECT_TRUE(made->rules.check_sender_domain);
  made = policy(read(relay + "[deliver]\ncheck_recipient_domains = false\n"));
  EXPECT_FALSE(made->rules.check_recipient_domains);
  EXPECT_TRUE(made->rules.check_sender_domain);
  made = policy(read(relay + "[deliver]\nvia = \"smarthost\"\nsmarthost = \"smtp://s.example\"\n"));
  EXPECT_FALSE(made->rules.check_recipient_domains);
  EXPECT_FALSE(made->rules.check_sender_domain);
  // or where it is asked for
  made = policy(read(relay + "[deliver]\nvia = \"smarthost\"\nsmarthost = \"smtp://s.example\"\n" +
                     "check_recipient_domains = true\ncheck_sender_domain = true\n"));
  EXPECT_TRUE(made->rules.check_recipient_domains);
  EXPECT_TRUE(made->rules.check_sender_domain);
}

TEST(Settings, TheMechanismsOfTheConfigurationAreThoseOfTheServer) {
  const auto known = split(config::find_key("submission.mechanisms")->choices, ' ');
  EXPECT_EQ(known.size(), sasl::mechanisms().size());
  for (const auto& mechanism : sasl::mechanisms()) EXPECT_THAT(known, testing::Contains(mechanism.name));
}

TEST(Settings, AliasesAreFoundInLowerCase) {
  const auto made = policy(read(relay + "[aliases]\nPostmaster = \"admin@example.net\"\n\"Team@Example.org\" = "
                                        "[\"a@example.net\", \"b@example.net\"]\n"));
  ASSERT_TRUE(made->rules.aliases.table.contains("postmaster"));
  ASSERT_TRUE(made->rules.aliases.table.contains("team@example.org"));
  EXPECT_THAT(made->rules.aliases.table.at("team@example.org"), ElementsAre("a@example.net", "b@example.net"));
}

TEST(Settings, Listeners) {
  auto plans = listeners(read(relay));
  ASSERT_EQ(plans.size(), 3u) << "and the sendmail command's";
  EXPECT_EQ(plans[0].at, (env::Endpoint{"192.0.2.1", 25}));
  EXPECT_EQ(plans[1].at, (env::Endpoint{"2001:db8::1", 25}));
  EXPECT_EQ(plans[2].job, smtp::Job::local);
  EXPECT_TRUE(plans[2].at.local());
  plans = listeners(read(relay + "[submission]\nlocal = false\n"));
  EXPECT_EQ(plans.size(), 2u);

  plans = listeners(read("job = \"null\"\nhostname = \"n.example.org\"\n[null]\nlisten = \"0.0.0.0:25\"\n"));
  ASSERT_EQ(plans.size(), 1u) << "a host that takes no mail has no door for its own programs either";
  EXPECT_EQ(plans[0].job, smtp::Job::null_host);

  plans =
      listeners(read("job = \"submission\"\nhostname = \"s.example.org\"\n[tls]\ncertificate = \"/c\"\nkey = "
                     "\"/k\"\n[submission]\nusers = \"/u\"\nlisten = \"0.0.0.0:587\"\nlisten_tls = \"0.0.0.0:465\"\n"));
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_FALSE(plans[0].implicit_tls);
  EXPECT_TRUE(plans[1].implicit_tls);
  EXPECT_EQ(plans[1].at.port, 465);
}

TEST(Settings, Sessions) {
  const auto submission = read(
      "job = \"submission\"\nhostname = \"s.example.org\"\n[tls]\ncertificate = \"/c\"\nkey = "
      "\"/k\"\n[submission]\nusers = \"/u\"\nmechanisms = [\"plain\", \"SCRAM-SHA-256\"]\nhide_client_address = "
      "true\n");
  auto made = session_settings(submission, {{"192.0.2.1", 587}, smtp::Job::submission, false}, true, {});
  EXPECT_TRUE(made->starttls && made->auth_offered && made->require_auth && made->require_tls && made->hide_client);
  EXPECT_FALSE(made->auth_without_tls || made->implicit_tls);
  EXPECT_THAT(made->mechanisms, ElementsAre("PLAIN", "SCRAM-SHA-256"));
  made = session_settings(submission, {{"192.0.2.1", 465}, smtp::Job::submission, true}, true, {});
  EXPECT_TRUE(made->implicit_tls);
  EXPECT_FALSE(made->starttls) << "TLS is up";
  made = session_settings(submission, {{"/run/x", 0}, smtp::Job::local, false}, true, {});
  EXPECT_FALSE(made->starttls || made->auth_offered || made->require_auth || made->require_tls);

  made = session_settings(read(relay), {{"192.0.2.1", 25}, smtp::Job::relay, false}, false, {});
  EXPECT_FALSE(made->starttls || made->auth_offered || made->require_auth || made->require_tls || made->hide_client);
  EXPECT_TRUE(session_settings(read(relay), {{"192.0.2.1", 25}, smtp::Job::relay, false}, true, {})->starttls);
  EXPECT_FALSE(session_settings(read(relay), {{"192.0.2.1", 25}, smtp::Job::null_host, false}, true, {})->starttls);
}

TEST(Settings, LimitsOfSessions) {
  const auto config = read(relay +
                           "[limits]\nmessage_size = \"7M\"\nrecipients = 123\nsessions = 44\nsessions_per_address = "
                           "5\nunlimited_from = [\"10.1.0.0/16\"]\ncommand_timeout = \"6m\"\n");
  const auto made = session_settings(config, {{"192.0.2.1", 25}, smtp::Job::relay, false}, false, {});
  EXPECT_EQ(made->message_octets_max, 7u << 20);
  EXPECT_EQ(made->recipients_max, 123u);
  EXPECT_EQ(made->command_timeout, minutes(6));
  const auto limits = session_limits(config);
  EXPECT_EQ(limits.sessions_max, 44u);
  EXPECT_EQ(limits.sessions_per_address_max, 5u);
  ASSERT_EQ(limits.unlimited_from.size(), 1u);
  EXPECT_TRUE(limits.unlimited_from[0].contains("10.1.2.3"));
}

}  // namespace
}  // namespace postil::app
