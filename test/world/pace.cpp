// A whole server and destinations with limits of their own: domains that share their hosts, a site that wants less, a
// flood beside a single message, some mail by another address.
#include "main_job.hpp"

namespace postil::test {
namespace {

class PaceWorld : public testing::Test {
 protected:
  World world{World::seed(5)};
  std::shared_ptr<Node> client = world.start("client", {"198.51.100.7"});
  std::unique_ptr<WorldAccounts> accounts = std::make_unique<WorldAccounts>(world);
  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<RemoteMta> remote;
  int sent = 0;

  std::shared_ptr<const mailauth::DkimKeys> dkim;

  void begin(const std::string& more, RemoteMta::Behaviour behaviour, int domains) {
    server = std::make_unique<ServerProcess>(world, "192.0.2.1", std::string(main_job_toml) + more);
    accounts->trouble = false;
    server->accounts = accounts.get();
    server->dkim = dkim;
    server->start();
    world.zone().address("mx.big.example", "203.0.113.1");
    for (int i = 0; i < domains; ++i) world.zone().mx(domain(i), 10, "mx.big.example");
    remote = std::make_unique<RemoteMta>(world.start("mx.big.example", {"203.0.113.1"}), RemoteOptions{},
                                         std::move(behaviour));
  }
  void TearDown() override {
    if (server && server->running()) server->stop();
  }
  static std::string domain(int i) { return "d" + std::to_string(i) + ".example"; }
  void send(const std::string& from, const std::string& to, const std::string& parameters = "") {
    Submission what;
    what.sender = from == "<>" ? "" : from;
    what.mail_parameters = parameters;
    what.recipients = {to};
    what.octets = "Subject: " + std::to_string(++sent) + "\r\n\r\ntext\r\n";
    env::Endpoint at{"192.0.2.1", 25};
    if (parameters.starts_with("HOLD")) {  // is for who has logged in
      at.port = 587;
      what.tls = Submission::Tls::starttls;
      what.login = SubmissionLogin{"SCRAM-SHA-256", "u0", "secret"};
    }
    const auto result = world.run(*client, submit(client, std::move(at), std::move(what)));
    ASSERT_EQ(result.end, SubmissionResult::End::accepted) << result.last_reply;
  }
  bool taken(const std::string& to) const {
    return std::ranges::any_of(remote->taken(), [&](const RemoteMessage& message) {
      return std::ranges::find(message.recipients, to) != message.recipients.end();
    });
  }
  bool empty(Duration limit) {
    return world.run_until([&] { return server->app().store().message_count() == 0; }, limit);
  }
};

RemoteMta::Behaviour slow(Duration each) {
  return [each](RemoteStage stage, std::string_view, Prng&) -> std::optional<RemoteStep> {
    if (stage != RemoteStage::end) return std::nullopt;
    return RemoteStep{.reply = "250 2.0.0 taken", .delay = each};
  };
}

TEST_F(PaceWorld, domains_with_the_same_hosts_share_the_limit_of_connections) {
  begin("", slow(seconds(2)), 20);
  for (int i = 0; i < 100; ++i) send("a@home.example", "r" + std::to_string(i) + "@" + domain(i % 20));
  ASSERT_TRUE(empty(hours(2)));
  EXPECT_EQ(remote->taken().size(), 100u);
  EXPECT_GE(remote->counts().sessions_most, 3u);
  EXPECT_LE(remote->counts().sessions_most, 3u + 3u) << "attempts and what is about to end";
}

TEST_F(PaceWorld, one_message_overtakes_a_flood_to_many_domains) {
  begin("", slow(seconds(5)), 50);
  for (int i = 0; i < 500; ++i) send("flood@home.example", "r" + std::to_string(i) + "@" + domain(i % 50));
  const MonoTime begun = world.now();
  send("one@home.example", "only@" + domain(7));
  ASSERT_TRUE(world.run_until([&] { return taken("only@" + domain(7)); }, hours(1)));
  EXPECT_LT(world.now() - begun, Duration(seconds(30)));
  EXPECT_LT(remote->taken().size(), 400u) << "the flood is not over";
  ASSERT_TRUE(empty(hours(3)));
  EXPECT_EQ(remote->taken().size(), 501u);
}

TEST_F(PaceWorld, an_urgent_message_overtakes_its_senders_own) {
  begin("", slow(seconds(5)), 1);
  for (int i = 0; i < 60; ++i) send("a@home.example", "r" + std::to_string(i) + "@" + domain(0));
  const auto before = remote->taken().size();
  send("a@home.example", "urgent@" + domain(0), "MT-PRIORITY=5");
  ASSERT_TRUE(world.run_until([&] { return taken("urgent@" + domain(0)); }, hours(1)));
  EXPECT_LT(remote->taken().size() - before, 15u);
  ASSERT_TRUE(empty(hours(3)));
  EXPECT_EQ(remote->taken().size(), 61u);
}

TEST_F(PaceWorld, mail_leaves_when_its_sender_wants_though_the_server_dies_meanwhile) {
  begin("", {}, 1);
  const MonoTime begun = world.now();
  send("a@home.example", "later@" + domain(0), "HOLDFOR=7200");
  world.run_for(hours(1));
  server->crash();
  world.run_for(minutes(30));
  server->start();
  world.run_for(minutes(29));
  EXPECT_FALSE(taken("later@" + domain(0)));
  ASSERT_TRUE(empty(minutes(5)));
  ASSERT_TRUE(taken("later@" + domain(0)));
  EXPECT_GE(remote->taken()[0].when - begun, Duration(hours(2)));
}

TEST_F(PaceWorld, what_is_not_delivered_in_time_goes_back_in_time) {
  begin("", always(RemoteStage::greeting, "421 4.3.2 later", RemoteStep::Then::close), 1);
  world.zone().mx("home.example", 10, "mx.home.example");
  world.zone().address("mx.home.example", "203.0.113.250");
  RemoteMta home(world.start("mx.home.example", {"203.0.113.250"}), RemoteOptions{});
  const MonoTime begun = world.now();
  send("a@home.example", "soon@" + domain(0), "BY=1000;R");
  send("a@home.example", "tell@" + domain(0), "BY=2000;N");
  ASSERT_TRUE(world.run_until([&] { return !home.taken().empty(); }, hours(1)));
  EXPECT_GE(home.taken()[0].when - begun, Duration(seconds(1000)));
  EXPECT_LE(home.taken()[0].when - begun, Duration(seconds(1060)));
  const std::string& back = home.taken()[0].octets;
  EXPECT_NE(back.find("soon@" + domain(0)), std::string::npos);
  EXPECT_NE(back.find("Status: 5.4.7"), std::string::npos);
  EXPECT_NE(back.find("Deliver-By-Date: "), std::string::npos);
  ASSERT_TRUE(world.run_until([&] { return home.taken().size() == 2; }, hours(1)));
  EXPECT_GE(home.taken()[1].when - begun, Duration(seconds(2000)));
  EXPECT_LE(home.taken()[1].when - begun, Duration(seconds(2060)));
  EXPECT_NE(home.taken()[1].octets.find("Action: delayed"), std::string::npos);
  EXPECT_NE(home.taken()[1].octets.find("Status: 4.4.7"), std::string::npos);
  remote->behave({});
  ASSERT_TRUE(empty(hours(6)));
  EXPECT_TRUE(taken("tell@" + domain(0)));
  EXPECT_FALSE(taken("soon@" + domain(0)));
}

TEST_F(PaceWorld, a_site_that_wants_less_gets_less_and_all_in_the_end) {
  std::vector<MonoTime> lately;
  int refused = 0;
  const auto strict = [&](RemoteStage stage, std::string_view, Prng&) -> std::optional<RemoteStep> {
    if (stage != RemoteStage::mail) return std::nullopt;
    std::erase_if(lately, [&](MonoTime at) { return world.now() - at > Duration(minutes(1)); });
    if (lately.size() >= 20) {
      ++refused;
      return RemoteStep{.reply = "421 4.7.28 our systems have detected an unusual rate",
                        .delay = {},
                        .then = RemoteStep::Then::close};
    }
    lately.push_back(world.now());
    return std::nullopt;
  };
  begin("", strict, 3);
  for (int i = 0; i < 300; ++i) send("a@home.example", "r" + std::to_string(i) + "@" + domain(i % 3));
  ASSERT_TRUE(world.run_until([&] { return server->count(event::Name::pace_raised) > 0; }, hours(1)));
  // What `postil queue --by site` and `postil trace` make their tables and stories of.
  auto read = [](const queue::Engine& engine, queue::Now) { return engine.pace_of(domain(0)); };
  const auto row = world.run(server->node(), server->app().post_office().ask(read));
  ASSERT_TRUE(row);
  ASSERT_FALSE(row->changes.empty());
  EXPECT_EQ(row->changes[0].cause, queue::PaceCause::throttled);
  EXPECT_THAT(row->changes[0].said, testing::HasSubstr("4.7.28"));
  EXPECT_TRUE(std::ranges::any_of(row->changes, [](const queue::PaceChange& change) {
    return change.cause == queue::PaceCause::recovered &&
           (change.connections > change.connections_before || change.rate > change.rate_before);
  }));
  for (const auto name : {event::Name::pace_slowed, event::Name::pace_raised}) {
    const auto told = std::ranges::find(server->told(), name, [](const auto& one) { return one.event.name; });
    ASSERT_NE(told, server->told().end());
    const auto id = std::ranges::find(told->event.fields, std::string_view("id"), &event::Field::key);
    const auto message = parse_message_id(std::get<std::string>(id->value));
    ASSERT_TRUE(message);
    const auto story = world.run(server->node(), server->app().history().find(*message));
    EXPECT_THAT(story, testing::Contains(testing::HasSubstr(event::declaration(name).wire)));
  }
  ASSERT_TRUE(empty(hours(8)));
  EXPECT_EQ(remote->taken().size(), 300u);
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 100) << "what waits for its turn is not tried";
  EXPECT_GT(server->count(event::Name::pace_slowed), 0u);
  EXPECT_GT(server->count(event::Name::pace_raised), 0u);
  std::printf("    %d refusals, %llu times slower, %llu times faster\n", refused,
              static_cast<unsigned long long>(server->count(event::Name::pace_slowed)),
              static_cast<unsigned long long>(server->count(event::Name::pace_raised)));
}

TEST_F(PaceWorld, a_rate_of_the_configuration_is_kept) {
  begin("[[site]]\nmx = [\"*.big.example\"]\nrate = \"60/m\"\n", {}, 4);
  for (int i = 0; i < 120; ++i) send("a@home.example", "r" + std::to_string(i) + "@" + domain(i % 4));
  ASSERT_TRUE(empty(hours(1)));
  std::vector<MonoTime> times;
  for (const auto& message : remote->taken()) times.push_back(message.when);
  std::ranges::sort(times);
  ASSERT_EQ(times.size(), 120u);
  // The first of each domain may go before its hosts are known.
  EXPECT_GE(times[119] - times[10], Duration(seconds(100)));
}

TEST_F(PaceWorld, a_rule_sets_the_name_and_shares_no_connection) {
  std::vector<std::string> names;
  const auto note = [&](RemoteStage stage, std::string_view line, Prng&) -> std::optional<RemoteStep> {
    if (stage == RemoteStage::ehlo) names.emplace_back(line);
    return std::nullopt;
  };
  begin("[[source]]\nfrom = \"news.example\"\nhostname = \"bulk.postil.example\"\n", note, 1);
  send("a@home.example", "one@" + domain(0));
  ASSERT_TRUE(empty(hours(1)));
  send("a@news.example", "two@" + domain(0));
  ASSERT_TRUE(empty(hours(1)));
  ASSERT_EQ(names.size(), 2u) << "the second message did not take the connection of the first";
  EXPECT_NE(names[0].find("relay.postil.example"), std::string::npos) << names[0];
  EXPECT_NE(names[1].find("bulk.postil.example"), std::string::npos) << names[1];
}

TEST_F(PaceWorld, an_address_without_a_mailbox_is_refused_from_then_on) {
  const auto nobody = [](RemoteStage stage, std::string_view line, Prng&) -> std::optional<RemoteStep> {
    if (stage != RemoteStage::rcpt || line.find("nobody@") == std::string_view::npos) return std::nullopt;
    return RemoteStep{.reply = "550 5.1.1 no such user here"};
  };
  begin("[suppress]\nautomatic = true\nlifetime = \"10d\"\n", nobody, 1);
  send("<>", "nobody@" + domain(0));
  ASSERT_TRUE(empty(hours(1)));
  EXPECT_EQ(server->count(event::Name::address_suppressed), 1u);
  const auto again = [&] {
    Submission what;
    what.sender = "a@home.example";
    what.recipients = {"Nobody@" + domain(0)};
    what.octets = "Subject: x\r\n\r\ntext\r\n";
    env::Endpoint at{"192.0.2.1", 25};
    return world.run(*client, submit(client, std::move(at), std::move(what)));
  };
  const auto refused = again();
  ASSERT_EQ(refused.refused.size(), 1u) << refused.last_reply;
  EXPECT_THAT(refused.refused[0].second, testing::StartsWith("550 5.7.1 "));
  send("a@home.example", "somebody@" + domain(0));
  ASSERT_TRUE(empty(hours(1)));
  EXPECT_TRUE(taken("somebody@" + domain(0)));
  server->crash();
  server->start();
  EXPECT_EQ(again().refused.size(), 1u) << "the list outlives a crash";
  world.run_for(days(11));
  EXPECT_EQ(again().refused.size(), 0u) << "and has an end";
}

TEST_F(PaceWorld, what_waits_for_a_suppressed_address_is_returned) {
  begin("", always(RemoteStage::greeting, "421 4.3.2 not now", RemoteStep::Then::close), 1);
  send("<>", "r@" + domain(0));
  world.run_for(minutes(1));
  history::Suppressed one{"R@" + domain(0), world.wall(), {}, true, "asked for it"};
  const auto added = world.run(server->node(), server->app().suppressions()->add(std::move(one)));
  EXPECT_EQ(added, history::Suppressions::Change::done);
  remote->behave({});
  ASSERT_TRUE(empty(hours(3)));
  EXPECT_TRUE(remote->taken().empty());
  ASSERT_FALSE(server->told().empty());
  const auto failed = std::ranges::find_if(
      server->told(), [](const auto& told) { return told.event.name == event::Name::recipient_failed; });
  ASSERT_NE(failed, server->told().end());
  EXPECT_THAT(event::to_json(failed->event, world.wall()), testing::HasSubstr("\"reason\":\"suppressed\""));
}

// Sessions of a day are told to their domain on the next one, by mail and by HTTPS, though the server died in between.
TEST_F(PaceWorld, tls_reports_leave_a_day_later_once) {
  mailauth::DkimKey key{"home.example", "s1", crypto::PrivateKey::generate(crypto::KeyType::ed25519), {}, true, {}, {}};
  std::vector<mailauth::DkimKey> keys;
  keys.push_back(std::move(key));
  dkim = std::make_shared<const mailauth::DkimKeys>(std::move(keys));
  begin(
      "[tls_reports]\ncontact = \"tls@home.example\"\n[[dkim]]\ndomain = \"home.example\"\nselector = \"s1\"\nkey = "
      "\"k\"\n",
      {}, 2);
  world.zone().add("_smtp._tls." + domain(0), dns::Type::txt,
                   dns::Text{"v=TLSRPTv1; rua=mailto:tls@" + domain(1) + ",https://reports.example/v1"});
  world.zone().address("reports.example", "203.0.113.9");
  world.web().page("reports.example", "thanks", "text/plain", 201);
  send("a@home.example", "one@" + domain(0));
  ASSERT_TRUE(empty(hours(1)));
  world.run_for(minutes(7));
  server->crash();
  server->start();
  world.run_for(hours(72));
  ASSERT_EQ(world.web().posted.size(), 1u);
  EXPECT_EQ(world.web().posted[0].path, "/v1");
  EXPECT_EQ(world.web().posted[0].post->content_type, "application/tlsrpt+gzip");
  ASSERT_EQ(remote->taken().size(), 2u) << "the message, and one report";
  const auto& mail = remote->taken()[1];
  EXPECT_EQ(mail.sender, "tls@home.example");
  EXPECT_THAT(mail.recipients, testing::ElementsAre("tls@" + domain(1)));
  EXPECT_THAT(mail.octets, testing::StartsWith("DKIM-Signature: "));
  EXPECT_THAT(mail.octets, testing::HasSubstr("TLS-Report-Domain: " + domain(0)));
  const auto summary = server->app().tls_reporter().summary();
  EXPECT_EQ(summary.sent, 1u);
  EXPECT_EQ(summary.waiting, 0u);
  EXPECT_EQ(summary.sessions, 0u) << "the report's own session is not counted";
}

}  // namespace
}  // namespace postil::test
