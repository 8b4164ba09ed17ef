// The main job of a mail server, for days of virtual time: take mail, deliver it or tell the sender why not, through
// crashes, lost syncs, lying peers, broken lines, DNS that fails and clocks that jump. Then the faults stop, the queue
// empties, and the accounts of all sides are compared.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/bytes.hpp"
#include "server_process.hpp"
#include "support/world/mail_client.hpp"
#include "support/world/remote_mta.hpp"

namespace postil::test {
namespace {

constexpr std::string_view toml = R"(
job = "relay"
hostname = "relay.postil.example"
[relay]
listen = ["192.0.2.1:25"]
networks = ["198.51.100.0/24"]
[deliver]
connections_per_destination = 3
[submission]
local = false
[aliases]
postmaster = "admin@home.example"
)";

struct Domain {
  std::string name;
  std::vector<std::unique_ptr<RemoteMta>> hosts;
  bool temporary_only = false;  // its hosts never say 5yz
};

struct Sent {
  Submission what;
  SubmissionResult result;
  bool ended = false;
};

class MainJob {
 public:
  explicit MainJob(std::uint64_t seed) : world(seed), server(world, "192.0.2.1", std::string(toml)) {
    client = world.start("client", {"198.51.100.7"});
    make_domains();
    world.internet().line_of = [this](const Node& from, const env::Endpoint&, Prng& random) {
      return line(from, random);
    };
    world.zone().trouble = [this](const std::string&, dns::Type, Prng& random) -> std::optional<dns::Status> {
      if (calm || !random.chance(0.05)) return std::nullopt;
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
    calm_down();
  }

  World world;
  ServerProcess server;
  std::shared_ptr<Node> client;
  std::vector<Domain> domains;
  std::unique_ptr<RemoteMta> home;  // takes the senders' mail: the bounces
  std::vector<std::unique_ptr<Sent>> sent;
  bool calm = false;
  std::uint64_t crashes = 0;

 private:
  void make_domains() {
    for (int d = 0; d < 6; ++d) {
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
        domain.hosts.push_back(std::make_unique<RemoteMta>(world.start(name, {address}), options, mood(domain)));
      }
    }
    world.zone().null_mx("null.example");
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

  void send_one() {
    Prng& random = world.random();
    auto one = std::make_unique<Sent>();
    const std::string number = std::to_string(sent.size());
    if (!random.chance(0.1)) one->what.sender = "s" + number + "@home.example";
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      const std::uint64_t where = random.below(20);
      const std::string domain = where == 0   ? "null.example"
                                 : where == 1 ? "missing.example"
                                 : where == 2 ? "closed.example"
                                              : "d" + std::to_string(random.below(6)) + ".example";
      one->what.recipients.push_back("r" + number + "-" + std::to_string(n) + "@" + domain);
    }
    one->what.octets = "From: <x@home.example>\r\nDate: Sun, 01 Nov 2026 10:00:00 +0000\r\nMessage-ID: <m" + number +
                       "@home.example>\r\nSubject: number " + number + "\r\n\r\n";
    for (std::uint64_t n = random.below(60); n > 0; --n)
      one->what.octets +=
          random.chance(0.1) ? ".a line with a dot\r\n" : "line of text number " + std::to_string(n) + "\r\n";
    auto whole = [](std::shared_ptr<Node> from, Sent& into) -> env::Awaitable<void> {
      env::Endpoint to{"192.0.2.1", 25};
      into.result = co_await submit(std::move(from), std::move(to), into.what);
      into.ended = true;
    };
    sent.push_back(std::move(one));
    client->spawn(whole(client, *sent.back()));
  }

  void fault() {
    Prng& random = world.random();
    const std::uint64_t what = random.below(100);
    if (what < 4) {
      world.run_for(milliseconds(random.below(3000)));
      ++crashes;
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

// The ledgers of all sides, by recipient.
class Accounts {
 public:
  explicit Accounts(MainJob& job) : job_(job) {
    for (const Domain& domain : job.domains) {
      for (const auto& host : domain.hosts) {
        for (const RemoteMessage& message : host->taken()) {
          for (const std::string& to : message.recipients) copies_[to].push_back(&message);
        }
        for (const std::string& complaint : host->complaints()) ADD_FAILURE() << domain.name << ": " << complaint;
        EXPECT_LE(host->counts().sessions_most, 3u + 3u) << domain.name << ": attempts and what still idles or breaks";
      }
    }
    for (const RemoteMessage& message : job.home->taken()) read_report(message);
  }

  void check() {
    for (const auto& one : job_.sent) {
      const std::set<std::string> taken(one->result.taken.begin(), one->result.taken.end());
      for (const std::string& to : one->what.recipients) check_one(*one, to, taken.contains(to));
    }
    std::printf(
        "    %zu messages: %zu delivered, %zu returned, %zu twice or more (%zu without a known cause), %llu crashes\n",
        job_.sent.size(), delivered_, returned_, duplicates_, duplicates_unexplained_,
        static_cast<unsigned long long>(job_.crashes));
    // A cut in the line or of the process may fall between the 250 and our knowing of it.
    EXPECT_LE(duplicates_unexplained_, job_.crashes * 3 + job_.world.internet().counts.broken);
    EXPECT_EQ(job_.world.internet().counts.clear_after_tls, 0u);
  }

 private:
  void read_report(const RemoteMessage& message) {
    if (!message.sender.empty()) ADD_FAILURE() << "a report with a sender: " << message.sender;
    std::string recipient;
    for (std::string_view line : split(message.octets, '\n')) {
      if (line.starts_with("Final-Recipient: rfc822;"))
        recipient = std::string(trim(line.substr(24, line.size() - 25)));
      if (line.starts_with("Action: failed")) returns_[recipient].push_back(&message);
      if (line.starts_with("Status: ") && !returns_[recipient].empty())
        status_[recipient] = std::string(line.substr(8, 5));
    }
    EXPECT_NE(message.octets.find("Action: "), std::string::npos) << message.octets;
  }

  void check_one(const Sent& sent, const std::string& to, bool taken_by_us) {
    const auto& copies = copies_[to];
    const auto& returns = returns_[to];
    const bool sure = sent.result.end == SubmissionResult::End::accepted && taken_by_us;
    const bool never_ours = sent.result.end == SubmissionResult::End::refused ||
                            sent.result.end == SubmissionResult::End::not_sent || !taken_by_us;
    if (to.ends_with("@null.example") || to.ends_with("@missing.example")) {
      if (sure)
        EXPECT_FALSE(returns.empty() && !sent.what.sender.empty())
            << to << " was taken because DNS failed, and then lost";
    }
    if (never_ours && sent.result.end != SubmissionResult::End::doubtful) {
      EXPECT_TRUE(copies.empty() && returns.empty()) << to << " was refused, and sent on: " << sent.result.last_reply;
      return;
    }
    for (const RemoteMessage* copy : copies) {
      EXPECT_TRUE(copy->octets.ends_with(sent.what.octets)) << to << " got other octets";
      EXPECT_EQ(copy->sender, sent.what.sender);
    }
    delivered_ += !copies.empty();
    returned_ += !returns.empty();
    if (sure && !sent.what.sender.empty())
      EXPECT_FALSE(copies.empty() && returns.empty()) << to << " was answered 250 and lost";
    if (sent.what.sender.empty()) EXPECT_TRUE(returns.empty()) << to << " was returned to <>";
    std::size_t in_doubt = 0;
    for (const RemoteMessage* copy : copies) in_doubt += !copy->answered;
    const std::size_t ends = copies.size() + returns.size();
    if (ends > 1) {
      ++duplicates_;
      if (ends - 1 > in_doubt) duplicates_unexplained_ += ends - 1 - in_doubt;
    }
    EXPECT_LE(returns.size(), 1u + job_.crashes) << to << " was returned again and again";
    const std::string domain = to.substr(to.find('@') + 1);
    for (const Domain& one : job_.domains) {
      if (one.name != domain || !one.temporary_only) continue;
      for (const RemoteMessage* report : returns) {
        EXPECT_GE(report->when - sent.result.when, Duration(days(5)) - hours(1))
            << to << " was returned before its time: " << status_[to];
      }
    }
  }

  MainJob& job_;
  std::map<std::string, std::vector<const RemoteMessage*>> copies_, returns_;
  std::map<std::string, std::string> status_;
  std::size_t delivered_ = 0, returned_ = 0, duplicates_ = 0, duplicates_unexplained_ = 0;
};

std::uint64_t run_and_check(std::uint64_t seed, int messages, Duration faults) {
  MainJob job(seed);
  job.run(messages, faults);
  if (testing::Test::HasFailure()) return 0;
  Accounts(job).check();
  job.server.stop();
  return job.world.fingerprint();
}

TEST(MainJob, without_faults_everything_is_delivered_at_once) {
  MainJob job(1);
  job.calm = true;
  job.run(60, hours(1));
  Accounts(job).check();
  std::size_t delivered = 0;
  for (const Domain& domain : job.domains) {
    for (const auto& host : domain.hosts) {
      for (const RemoteMessage& message : host->taken()) delivered += message.recipients.size();
    }
  }
  std::size_t wanted = 0;
  for (const auto& one : job.sent) {
    EXPECT_EQ(one->result.end == SubmissionResult::End::accepted, !one->result.taken.empty());
    for (const std::string& to : one->result.taken) wanted += !to.ends_with("@closed.example");
    for (const auto& [to, reply] : one->result.refused) {
      EXPECT_TRUE(to.ends_with("@null.example") ? reply.starts_with("556 5.1.10 ")
                                                : to.ends_with("@missing.example") && reply.starts_with("550 5.1.2 "))
          << to << ": " << reply;
    }
  }
  EXPECT_EQ(delivered, wanted);
  job.server.stop();
}

TEST(MainJob, through_days_of_faults_every_account_balances) {
  std::uint64_t seed = World::seed(0);
  const char* asked = std::getenv("POSTIL_ROUNDS");
  const int rounds = asked ? std::atoi(asked) : std::getenv("POSTIL_SEED") ? 1 : 4;
  for (int i = 0; i < rounds; ++i, ++seed) {
    SCOPED_TRACE("POSTIL_SEED=" + std::to_string(seed));
    std::printf("    seed %llu\n", static_cast<unsigned long long>(seed));
    run_and_check(seed, 120, days(2));
    if (HasFailure()) return;
  }
}

TEST(MainJob, the_same_seed_gives_the_same_days) {
  EXPECT_EQ(run_and_check(11, 40, days(1)), run_and_check(11, 40, days(1)));
}

}  // namespace
}  // namespace postil::test
