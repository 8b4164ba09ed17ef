// The load of the main job: hosts with moods, clients of the relay and clients with logins, faults of every kind; for
// days of virtual time, then calm, until the queue is empty.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/bytes.hpp"
#include "sasl/scram_keys.hpp"
#include "server_process.hpp"
#include "support/world/mail_client.hpp"
#include "support/world/remote_mta.hpp"

namespace postil::test {

inline constexpr std::string_view main_job_toml = R"(
jobs = ["relay", "submission"]
hostname = "relay.postil.example"
[relay]
listen = ["192.0.2.1:25"]
networks = ["198.51.100.0/24"]
[deliver]
connections_per_destination = 3
[submission]
listen = ["192.0.2.1:587"]
listen_tls = ["192.0.2.1:465"]
local = false
[tls]
certificate = "world:relay.postil.example"
key = "world:key"
[aliases]
postmaster = "admin@home.example"
)";

struct Domain {
  std::string name;
  std::vector<std::unique_ptr<RemoteMta>> hosts;
  bool temporary_only = false;  // its hosts never say 5yz
  bool tls_only = false;        // it has TLSA records or an enforced MTA-STS policy
};

// Four people with the password "secret", who may send as anybody of home.example; now and then their file cannot be
// read.
class WorldAccounts : public server::AccountSource {
 public:
  explicit WorldAccounts(World& world) : world_(world) {}
  Found lookup(const std::string& user) override {
    Found found;
    found.available = !trouble || !world_.random().chance(0.02);
    found.credentials = known();
    found.credentials.user = user;
    found.credentials.exists = user.size() == 2 && user[0] == 'u' && user[1] >= '0' && user[1] <= '3';
    if (user == "u3") found.credentials.scram_sha1.reset(), found.credentials.scram_sha256.reset();
    return found;
  }
  bool may_send_as(std::string_view, std::string_view address) override { return address.ends_with("@home.example"); }
  std::string language(std::string_view login) override { return login == "u1" ? "de" : ""; }
  bool trouble = true;

 private:
  static const sasl::Credentials& known() {
    static const sasl::Credentials made = [] {
      sasl::Credentials credentials;
      credentials.password_hash = "$5$worldsalt$kuL2dvKqDKPVdaRFdOHetq35ycKoWWIJbsTYjlebWJ/";
      credentials.scram_sha1 = sasl::make_scram_keys(crypto::Hash::sha1, "secret", "0123456789abcdef", 4096);
      credentials.scram_sha256 = sasl::make_scram_keys(crypto::Hash::sha256, "secret", "0123456789abcdef", 4096);
      return credentials;
    }();
    return made;
  }
  World& world_;
};

struct Sent {
  Submission what;
  std::string envid;
  SubmissionResult result;
  bool ended = false;
};

class MainJob {
 public:
  explicit MainJob(std::uint64_t seed)
      : world(seed), accounts(world), server(world, "192.0.2.1", std::string(main_job_toml)) {
    server.accounts = &accounts;
    client = world.start("client", {"198.51.100.7"});
    make_domains();
    world.internet().line_of = [this](const Node& from, const env::Endpoint&, Prng& random) {
      return line(from, random);
    };
    world.zone().trouble = [this](const std::string& name, dns::Type, Prng& random) -> std::optional<dns::Status> {
      // Who never heard of a policy may send in clear: that it is heard of is given here.
      if (calm || name.find("mta-sts") != std::string::npos || !random.chance(0.05)) return std::nullopt;
      constexpr dns::Status all[] = {dns::Status::server_failure, dns::Status::timed_out, dns::Status::bogus,
                                     dns::Status::malformed};
      return all[random.below(4)];
    };
    server.start();
  }

  void run(int messages, Duration faults) {
    const MonoTime end = world.now() + faults;
    for (int i = 0; i < messages; ++i) {
      send_one();
      if (!calm) fault();
      world.run_for(faults / messages / 2 +
                    Duration(world.random().below(static_cast<std::uint64_t>((faults / messages).count()))));
      if (testing::Test::HasFailure()) return;
    }
    if (world.now() < end) world.run_for(end - world.now());
    look_at_queue();
    calm_down();
  }

  // Who waits has a reason, once he was tried.
  void look_at_queue() {
    auto read = [](const queue::Engine& engine, queue::Now now) {
      queue::Filter filter;
      filter.all = true;
      std::vector<std::pair<MessageId, queue::Engine::Row>> all;
      for (const auto id : engine.select(filter, now, 1'000'000)) {
        for (const auto& row : engine.rows(id, now)) all.emplace_back(id, row);
      }
      return all;
    };
    for (const auto& [id, row] : world.run(server.node(), server.app().post_office().ask(read))) {
      if (row.attempts == 0) continue;
      EXPECT_NE(row.reason, queue::Reason::new_message) << to_string(id);
      EXPECT_NE(row.reason, queue::Reason::delivered) << to_string(id);
    }
  }

  // A policy that demands TLS held, whatever broke.
  void nothing_went_in_clear() {
    for (const auto& domain : domains) {
      for (const auto& host : domain.hosts) {
        for (const auto& message : host->taken()) {
          EXPECT_TRUE(message.tls || !domain.tls_only) << message.mail_line << " at " << domain.name;
        }
      }
    }
  }

  // The queue is empty, and so is the memory that it took.
  void nothing_is_left() {
    auto read = [](const queue::Engine& engine, queue::Now) {
      return std::pair(engine.totals(), engine.memory_octets());
    };
    const auto [totals, octets] = world.run(server.node(), server.app().post_office().ask(read));
    EXPECT_EQ(totals.messages, 0u);
    EXPECT_EQ(totals.recipients, 0u);
    EXPECT_EQ(totals.attempts_running, 0u);
    std::printf("    left: %llu sites, %zu octets\n", static_cast<unsigned long long>(totals.sites), octets);
    EXPECT_LE(octets, 400'000u) << "what tables keep for the next messages";
    EXPECT_EQ(server.app().registry().sessions(), 0u);
  }

  World world;
  WorldAccounts accounts;
  ServerProcess server;
  std::shared_ptr<Node> client;
  std::vector<Domain> domains;
  std::unique_ptr<RemoteMta> home;  // takes the senders' mail: the bounces
  std::vector<std::unique_ptr<Sent>> sent;
  bool calm = false;
  std::vector<MonoTime> crashes;

 private:
  static constexpr int dane_domain = 6, sts_domain = 7, domains_count = 8;

  // TLSA records for a certificate that no authority has signed; or a policy, and one that an authority has.
  void protect(Domain& domain, const std::string& host, bool dane, RemoteOptions& options) {
    domain.tls_only = true;
    options.esmtp = true;
    options.certificate = "world:" + host + (dane ? ";untrusted;key=s" : "");
    if (dane) {
      for (const auto& name : {domain.name, host, "_25._tcp." + host}) world.zone().secure(name);
      world.zone().add("_25._tcp." + host, dns::Type::tlsa, dns::Tlsa{3, 1, 1, std::string(32, 's')});
    } else if (domain.hosts.empty()) {
      world.zone().add("_mta-sts." + domain.name, dns::Type::txt, dns::Text{"v=STSv1; id=1"});
      world.zone().address("mta-sts." + domain.name, "203.0.113.251");
      world.web().page("mta-sts." + domain.name,
                       "version: STSv1\nmode: enforce\nmx: *." + domain.name + "\nmax_age: 86400\n");
    }
  }

  void make_domains() {
    for (int d = 0; d < domains_count; ++d) {
      Domain& domain = domains.emplace_back();
      domain.name = "d" + std::to_string(d) + ".example";
      domain.temporary_only = d < 2;
      for (int h = 0; h < 1 + d % 2; ++h) {
        const std::string name = "mx" + std::to_string(h) + "." + domain.name;
        const std::string address = "203.0.113." + std::to_string(10 * d + h + 1);
        world.zone().mx(domain.name, static_cast<std::uint16_t>(10 * h + 10), name);
        world.zone().address(name, address);
        RemoteOptions options;
        options.host_name = name;
        Prng& random = world.random();
        options.esmtp = !random.chance(0.1);
        options.pipelining = random.chance(0.7);
        options.chunking = random.chance(0.7);
        options.dsn = random.chance(0.5);
        options.size = random.chance(0.8);
        if (random.chance(0.6))
          options.certificate = "world:" + name +
                                (random.chance(0.3)   ? ";expired"
                                 : random.chance(0.1) ? ";broken"
                                                      : "");
        if (d == dane_domain || d == sts_domain) protect(domain, name, d == dane_domain, options);
        domain.hosts.push_back(std::make_unique<RemoteMta>(world.start(name, {address}), options, mood(domain)));
      }
    }
    world.zone().null_mx("null.example");
    world.zone().add("bare.example", dns::Type::txt, dns::Text{"no host at all"});
    world.zone().mx("closed.example", 10, "mx.closed.example");
    world.zone().address("mx.closed.example", "203.0.113.200");
    Domain& closed = domains.emplace_back();
    closed.name = "closed.example";
    closed.hosts.push_back(std::make_unique<RemoteMta>(
        world.start("mx.closed.example", {"203.0.113.200"}), RemoteOptions{},
        always(RemoteStage::greeting, "521 closed.example takes no mail", RemoteStep::Then::close)));
    world.zone().mx("home.example", 10, "mx.home.example");
    world.zone().address("mx.home.example", "203.0.113.250");
    RemoteOptions options;
    options.host_name = "mx.home.example";
    home = std::make_unique<RemoteMta>(world.start("mx.home.example", {"203.0.113.250"}), options);
  }

  RemoteMta::Behaviour mood(const Domain& domain) {
    return [this, temporary = domain.temporary_only, inner = moody(0.08)](RemoteStage stage, std::string_view argument,
                                                                          Prng& random) {
      std::optional<RemoteStep> step;
      if (!calm) step = inner(stage, argument, random);
      if (step && temporary && step->reply.find("55") != std::string::npos) step.reset();
      return step;
    };
  }

  Line line(const Node& from, Prng& random) {
    Line line;
    line.latency = milliseconds(1 + random.below(150));
    if (calm) return line;
    const std::uint64_t what = random.below(100);
    if (what < 5)
      line.connect = Line::Connect::refuse;
    else if (what < 8)
      line.connect = Line::Connect::black_hole;
    else if (what < 10)
      line.connect = Line::Connect::unreachable;
    else if (what < 15)
      line.break_to_server = random.below(4000);
    else if (what < 20)
      line.break_to_client = random.below(600);
    else if (what < 22)
      line.segment_octets = 7, line.gap = milliseconds(500);
    else if (what < 24)
      line.tls_fails = true;
    if (random.chance(0.3)) line.how = Line::Break::silence;
    (void)from;
    return line;
  }

  // A client of the relay, or one with a login over TLS.
  void choose_way(Sent& one, env::Endpoint& to) {
    Prng& random = world.random();
    const std::uint64_t way = random.below(3);
    if (way == 0) {
      if (random.chance(0.1)) one.what.sender = "root@relay.postil.example";
      return;
    }
    to.port = way == 1 ? 587 : 465;
    one.what.tls = way == 1 ? Submission::Tls::starttls : Submission::Tls::implicit;
    constexpr const char* mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1"};
    one.what.login = SubmissionLogin{mechanisms[random.below(4)], "u" + std::to_string(random.below(4)),
                                     random.chance(0.04) ? "guess" : "secret"};
  }

  // DSN parameters [rfc3461 4].
  void choose_reports(Sent& one) {
    Prng& random = world.random();
    if (random.chance(0.5)) {
      one.envid = "job-" + std::to_string(sent.size());
      one.what.mail_parameters = std::string(random.chance(0.5) ? "RET=HDRS" : "RET=FULL") + " ENVID=" + one.envid;
    }
    constexpr const char* notify[] = {
        "", "", "", "NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE", "FAILURE,DELAY"};
    for (const std::string& recipient : one.what.recipients) {
      const std::string asked = notify[random.below(std::size(notify))];
      std::string parameters = asked.empty() ? "" : "NOTIFY=" + asked;
      if (random.chance(0.3)) parameters += (parameters.empty() ? "" : " ") + ("ORCPT=rfc822;first-" + recipient);
      one.what.parameters.push_back(parameters);
    }
  }

  void send_one() {
    Prng& random = world.random();
    auto one = std::make_unique<Sent>();
    const std::string number = std::to_string(sent.size());
    env::Endpoint to{"192.0.2.1", 25};
    if (!random.chance(0.1)) one->what.sender = "s" + number + "@home.example";
    choose_way(*one, to);
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      const std::uint64_t where = random.below(20);
      const std::string domain = where == 0   ? "null.example"
                                 : where == 1 ? "missing.example"
                                 : where == 2 ? "closed.example"
                                 : where == 3 ? "bare.example"
                                              : "d" + std::to_string(random.below(domains_count)) + ".example";
      one->what.recipients.push_back("r" + number + "-" + std::to_string(n) + "@" + domain);
    }
    choose_reports(*one);
    one->what.octets = "From: <x@home.example>\r\nDate: Sun, 01 Nov 2026 10:00:00 +0000\r\nMessage-ID: <m" + number +
                       "@home.example>\r\nSubject: number " + number + "\r\n\r\n";
    for (std::uint64_t n = random.below(60); n > 0; --n)
      one->what.octets +=
          random.chance(0.1) ? ".a line with a dot\r\n" : "line of text number " + std::to_string(n) + "\r\n";
    auto whole = [](std::shared_ptr<Node> from, env::Endpoint host, Sent& into) -> env::Awaitable<void> {
      into.result = co_await submit(std::move(from), std::move(host), into.what);
      into.ended = true;
    };
    sent.push_back(std::move(one));
    client->spawn(whole(client, std::move(to), *sent.back()));
  }

  void fault() {
    Prng& random = world.random();
    const std::uint64_t what = random.below(100);
    if (what < 4) {
      world.run_for(milliseconds(random.below(3000)));
      crashes.push_back(world.now());
      server.crash();
      world.run_for(seconds(random.below(600)));
      server.start();
    } else if (what < 6) {
      server.node().jump_wall(hours(random.below(72)) - hours(36));
    } else if (what < 9) {
      world.internet().part("postil", "mx0.d" + std::to_string(random.below(6)) + ".example");
    } else if (what < 14) {
      world.internet().heal();
    } else if (what < 18) {
      server.spool.fail(random.chance(0.5) ? DiskCall::sync_data : DiskCall::write, 1 + random.below(20),
                        random.chance(0.5) ? env::DiskError::io : env::DiskError::no_space, 1 + random.below(3));
    }
  }

  void calm_down() {
    calm = true;
    accounts.trouble = false;
    world.internet().heal();
    server.spool.heal();
    server.history.heal();
    const auto done = [&] {
      return server.app().store().message_count() == 0 &&
             std::ranges::all_of(sent, [](const auto& one) { return one->ended; });
    };
    EXPECT_TRUE(world.run_until(done, days(12)))
        << server.app().store().message_count() << " messages stay in the queue";
    world.run_for(minutes(1));
  }
};

}  // namespace postil::test
