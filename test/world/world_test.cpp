// The world itself: time, connections, TLS as a model, DNS, crashes, and that a seed repeats a run.
#include "support/world/world.hpp"

#include <gmock/gmock.h>

namespace postil::test {
namespace {

using env::NetError;
using testing::ElementsAre;
using testing::IsEmpty;

class WorldTest : public testing::Test {
 protected:
  World world{1};
  std::shared_ptr<Node> a = world.start("a", {"192.0.2.1"});
  std::shared_ptr<Node> b = world.start("b", {"192.0.2.2"});
  std::vector<std::string> log;

  std::unique_ptr<env::Listener> listen(Node& on, std::uint16_t port = 25) {
    auto listener = on.network().listen({on.addresses()[0], port}, {}, on.executor());
    EXPECT_TRUE(listener.has_value());
    return std::move(*listener);
  }
  struct Pair {
    env::StreamPtr client, server;
  };
  Pair connect() {
    auto listener = listen(*b);
    Pair pair;
    b->spawn([](env::Listener& from, Node& on, env::StreamPtr& into) -> env::Awaitable<void> {
      auto accepted = co_await from.accept(on.executor());
      if (accepted) into = std::move(*accepted);
    }(*listener, *b, pair.server));
    auto connected = world.run(*a, a->network().connect({"192.0.2.2", 25}, "", never));
    EXPECT_TRUE(connected.has_value());
    pair.client = std::move(*connected);
    world.run_until([&] { return pair.server != nullptr; }, seconds(1));
    return pair;
  }
  static env::Awaitable<std::string> read_text(env::Stream& from, MonoTime deadline) {
    auto octets = co_await from.read(deadline);
    co_return octets ? std::string(*octets) : "!" + std::string(to_string(octets.error().error));
  }
  static env::Awaitable<std::string> write_text(env::Stream& to, std::string text, MonoTime deadline) {
    auto written = co_await to.write(text, deadline);
    co_return written ? "ok" : "!" + std::string(to_string(written.error().error));
  }
};

env::Awaitable<void> log_at(Node& on, Duration wait, std::string what, std::vector<std::string>& log) {
  auto timer = on.timers().make(on.executor());
  co_await timer->wait_until(on.clock().now() + wait);
  log.push_back(what);
}

TEST_F(WorldTest, timers_go_off_in_order_and_cost_no_time) {
  a->spawn(log_at(*a, hours(48), "late", log));
  b->spawn(log_at(*b, milliseconds(999), "early", log));
  a->spawn(log_at(*a, seconds(1), "early too", log));
  const MonoTime begin = world.now();
  world.run_for(hours(1));
  EXPECT_THAT(log, ElementsAre("early", "early too"));
  EXPECT_EQ(world.now() - begin, Duration(hours(1)));
  world.run_for(days(3));
  EXPECT_EQ(log.size(), 3u);
}

TEST_F(WorldTest, a_timer_can_be_cancelled_and_destroyed_under_its_waiter) {
  auto timer = a->timers().make(a->executor());
  auto wait = [](env::Timer& on, std::vector<std::string>& to) -> env::Awaitable<void> {
    const bool came = co_await on.wait_until(never);
    to.push_back(came ? "came" : "cancelled");
  };
  a->spawn(wait(*timer, log));
  world.run_for(seconds(1));
  timer->cancel();
  world.run_for(seconds(1));
  EXPECT_THAT(log, ElementsAre("cancelled"));
  a->spawn(wait(*timer, log));
  world.run_for(seconds(1));
  timer.reset();
  world.run_for(seconds(1));
  EXPECT_THAT(log, ElementsAre("cancelled", "cancelled"));
}

TEST_F(WorldTest, the_wall_clock_jumps_and_the_other_one_does_not) {
  const MonoTime mono = a->clock().now();
  const WallTime wall = a->clock().wall(), other = b->clock().wall();
  a->jump_wall(days(-3));
  EXPECT_EQ(a->clock().wall(), wall - days(3));
  EXPECT_EQ(b->clock().wall(), other);
  EXPECT_EQ(a->clock().now(), mono);
}

TEST_F(WorldTest, octets_arrive_in_order_and_the_end_after_them) {
  Pair pair = connect();
  EXPECT_EQ(pair.server->remote().address, "192.0.2.1");
  EXPECT_EQ(pair.client->remote(), (env::Endpoint{"192.0.2.2", 25}));
  EXPECT_EQ(world.run(*a, write_text(*pair.client, "one ", never)), "ok");
  EXPECT_EQ(world.run(*a, write_text(*pair.client, "two", never)), "ok");
  pair.client->close();
  std::string all;
  for (std::string part; (part = world.run(*b, read_text(*pair.server, never)))[0] != '!';) all += part;
  EXPECT_EQ(all, "one two");
  EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "!closed");
  EXPECT_EQ(world.run(*a, read_text(*pair.client, never)), "!cancelled");
}

TEST_F(WorldTest, a_read_waits_until_its_deadline_or_a_cancel) {
  Pair pair = connect();
  const MonoTime begin = world.now();
  EXPECT_EQ(world.run(*b, read_text(*pair.server, begin + minutes(5))), "!timed_out");
  EXPECT_EQ(world.now(), begin + minutes(5));
  EXPECT_FALSE(pair.server->readable_now());
  EXPECT_EQ(world.run(*a, write_text(*pair.client, "x", never)), "ok");
  world.run_for(seconds(1));
  EXPECT_TRUE(pair.server->readable_now());
  EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "x");
  world.at(world.now() + seconds(1), nullptr, [&] { pair.server->cancel(); });
  EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "!cancelled");
}

TEST_F(WorldTest, a_writer_waits_for_a_reader_that_does_not_read) {
  Pair pair = connect();
  const std::string big(1 << 20, 'x');
  EXPECT_EQ(world.run(*a, write_text(*pair.client, big, world.now() + minutes(3))), "!timed_out");
  std::size_t got = 0;
  while (world.run(*b, read_text(*pair.server, world.now() + seconds(5)))[0] == 'x') ++got;
  EXPECT_GT(got, 3u);
  EXPECT_EQ(world.run(*a, write_text(*pair.client, "y", world.now() + seconds(5))), "ok");
}

TEST_F(WorldTest, connections_fail_as_the_line_says) {
  auto listener = listen(*b);
  Line line;
  world.internet().line_of = [&](const Node&, const env::Endpoint&, Prng&) { return line; };
  const auto outcome = [&](std::string address, std::uint16_t port = 25) {
    auto result = world.run(*a, a->network().connect({std::move(address), port}, "", world.now() + seconds(30)));
    return result ? std::string("up") : std::string(to_string(result.error().error));
  };
  EXPECT_EQ(outcome("192.0.2.2"), "up");
  EXPECT_EQ(outcome("192.0.2.2", 26), "refused");
  EXPECT_EQ(outcome("192.0.2.99"), "unreachable");
  line.connect = Line::Connect::refuse;
  EXPECT_EQ(outcome("192.0.2.2"), "refused");
  line.connect = Line::Connect::unreachable;
  EXPECT_EQ(outcome("192.0.2.2"), "unreachable");
  line.connect = Line::Connect::black_hole;
  const MonoTime begin = world.now();
  EXPECT_EQ(outcome("192.0.2.2"), "timed_out");
  EXPECT_EQ(world.now() - begin, Duration(seconds(30)));
  line.connect = Line::Connect::accept;
  world.internet().part("a", "b");
  EXPECT_EQ(outcome("192.0.2.2"), "timed_out");
  world.internet().heal();
  EXPECT_EQ(outcome("192.0.2.2"), "up");
  EXPECT_FALSE(b->network().listen({"192.0.2.2", 25}, {}, b->executor()).has_value());
  listener.reset();
  EXPECT_EQ(outcome("192.0.2.2"), "refused");
}

TEST_F(WorldTest, a_line_breaks_after_its_octets) {
  for (const auto how : {Line::Break::reset, Line::Break::silence}) {
    world.internet().line_of = [&](const Node&, const env::Endpoint&, Prng&) {
      Line line;
      line.break_to_server = 10;
      line.how = how;
      return line;
    };
    Pair pair = connect();
    world.run(*a, write_text(*pair.client, "0123456789abcdef", never));
    EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "0123456789");
    const std::string then = how == Line::Break::reset ? "!reset" : "!timed_out";
    EXPECT_EQ(world.run(*b, read_text(*pair.server, world.now() + hours(1))), then);
    EXPECT_EQ(world.run(*a, read_text(*pair.client, world.now() + hours(1))), then);
  }
}

TEST_F(WorldTest, a_slow_line_drips) {
  world.internet().line_of = [&](const Node&, const env::Endpoint&, Prng&) {
    Line line;
    line.segment_octets = 1;
    line.gap = seconds(10);
    return line;
  };
  Pair pair = connect();
  const MonoTime begin = world.now();
  world.run(*a, write_text(*pair.client, "slow", never));
  std::string all;
  while (all.size() < 4) all += world.run(*b, read_text(*pair.server, never));
  EXPECT_EQ(all, "slow");
  EXPECT_GE(world.now() - begin, Duration(seconds(30)));
}

TEST_F(WorldTest, what_a_partition_held_arrives_when_it_is_healed) {
  Pair pair = connect();
  world.internet().part("a", "b");
  EXPECT_EQ(world.run(*a, write_text(*pair.client, "held", never)), "ok");
  EXPECT_EQ(world.run(*b, read_text(*pair.server, world.now() + minutes(1))), "!timed_out");
  world.internet().heal();
  EXPECT_EQ(world.run(*b, read_text(*pair.server, world.now() + minutes(1))), "held");
}

class WorldTls : public WorldTest {
 protected:
  struct Both {
    env::NetResult<crypto::TlsFacts> client = std::unexpected(env::NetFailure{});
    env::NetResult<crypto::TlsFacts> server = std::unexpected(env::NetFailure{});
  };
  Both handshake(Pair& pair, std::string certificate, bool verify = false, std::string name = "mx.example.com") {
    auto context = b->network().load_tls({std::move(certificate), "", ""});
    EXPECT_TRUE(context.has_value());
    Both both;
    bool ended = false;
    b->spawn([](env::Stream& on, std::shared_ptr<env::TlsServerContext> with, Both& into,
                bool& end) -> env::Awaitable<void> {
      auto facts = co_await on.tls_accept(std::move(with), never);
      into.server = std::move(facts);
      end = true;
    }(*pair.server, *context, both, ended));
    both.client = world.run(*a, pair.client->tls_connect({std::move(name), verify, ""}, never));
    EXPECT_TRUE(world.run_until([&] { return ended; }, minutes(1)));
    return both;
  }
};

TEST_F(WorldTls, a_handshake_gives_facts_to_both_and_drops_what_came_before) {
  Pair pair = connect();
  world.run(*a, write_text(*pair.client, "RSET\r\n", never));  // injected in front of the handshake
  const Both both = handshake(pair, "world:mx.example.com");
  ASSERT_TRUE(both.client && both.server);
  EXPECT_EQ(both.client->exporter, both.server->exporter);
  EXPECT_EQ(both.client->exporter.size(), 32u);
  EXPECT_EQ(both.server->sni, "mx.example.com");
  EXPECT_TRUE(both.client->peer_verified);
  world.run(*a, write_text(*pair.client, "sealed", never));
  EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "sealed");
  EXPECT_EQ(world.internet().counts.clear_after_tls, 0u);
}

TEST_F(WorldTls, certificates_are_judged_by_name_trust_and_time) {
  for (const auto& [certificate, name, good] :
       {std::tuple{"world:mx.example.com", "mx.example.com", true},
        std::tuple{"world:*.example.com", "mx.example.com", true},
        std::tuple{"world:mx.example.com", "other.example.com", false},
        std::tuple{"world:mx.example.com;expired", "mx.example.com", false},
        std::tuple{"world:mx.example.com;untrusted", "mx.example.com", false}}) {
    for (const bool verify : {false, true}) {
      Pair pair = connect();
      const Both both = handshake(pair, certificate, verify, name);
      EXPECT_EQ(both.client.has_value(), good || !verify) << certificate;
      EXPECT_EQ(both.server.has_value(), good || !verify) << certificate;
      if (both.client) EXPECT_EQ(both.client->peer_verified, good);
    }
  }
}

TEST_F(WorldTls, a_handshake_that_fails_leaves_nothing_usable) {
  Pair pair = connect();
  const Both both = handshake(pair, "world:mx.example.com;broken");
  EXPECT_FALSE(both.client || both.server);
  EXPECT_EQ(both.client.error().error, NetError::tls);
  EXPECT_EQ(world.run(*a, write_text(*pair.client, "in clear?", never)), "!tls");
  EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "!tls");
}

TEST_F(WorldTls, who_does_not_speak_tls_reads_rubbish) {
  Pair pair = connect();
  a->spawn([](env::Stream& on, std::vector<std::string>& to) -> env::Awaitable<void> {
    env::TlsClientRequest request;  // not as a braced temporary beside co_await: g++ 12 destroys it twice
    request.server_name = "mx.example.com";
    auto facts = co_await on.tls_connect(std::move(request), never);
    to.push_back(facts ? "up" : facts.error().detail);
  }(*pair.client, log));
  EXPECT_EQ(world.run(*b, read_text(*pair.server, never)), "\x16\x03\x01");
  world.run(*b, write_text(*pair.server, "500 what?\r\n", never));
  world.run_for(seconds(1));
  EXPECT_THAT(log, ElementsAre("wrong version number"));
}

TEST_F(WorldTest, dns_answers_what_the_zone_holds) {
  Zone& zone = world.zone();
  zone.mx("example.com", 10, "mx.example.com");
  zone.address("mx.example.com", "192.0.2.2");
  zone.alias("www.example.com", "mx.example.com");
  const auto ask = [&](std::string name, dns::Type type) {
    return world.run(*a, a->resolver().query(std::move(name), type, world.now() + seconds(5)));
  };
  EXPECT_EQ(ask("example.com", dns::Type::mx).records, (std::vector<dns::Data>{dns::Mx{10, "mx.example.com"}}));
  EXPECT_EQ(ask("Example.COM", dns::Type::a).status, dns::Status::no_data);
  EXPECT_EQ(ask("com", dns::Type::a).status, dns::Status::no_data);
  EXPECT_EQ(ask("example.org", dns::Type::mx).status, dns::Status::no_domain);
  const auto alias = ask("www.example.com", dns::Type::a);
  EXPECT_EQ(alias.status, dns::Status::ok);
  EXPECT_EQ(alias.canonical_name, "mx.example.com");
  EXPECT_THAT(alias.chain, ElementsAre("www.example.com", "mx.example.com"));
  zone.fail("example.com", dns::Status::bogus);
  EXPECT_EQ(ask("example.com", dns::Type::mx).status, dns::Status::bogus);
  EXPECT_THAT(ask("example.com", dns::Type::mx).records, IsEmpty());
  zone.trouble = [](const std::string&, dns::Type, Prng&) { return dns::Status::timed_out; };
  const MonoTime begin = world.now();
  EXPECT_EQ(ask("mx.example.com", dns::Type::a).status, dns::Status::timed_out);
  EXPECT_EQ(world.now() - begin, Duration(seconds(5)));
}

struct Witness {
  ~Witness() { log.push_back(what); }
  std::vector<std::string>& log;
  std::string what;
};

TEST_F(WorldTest, a_crash_destroys_what_waits_and_resets_its_peers) {
  Pair pair = connect();
  auto waiting = [](env::Stream& on, Node& node, std::vector<std::string>& to, int how) -> env::Awaitable<void> {
    Witness witness{to, "gone"};
    auto timer = node.timers().make(node.executor());
    if (how == 0) co_await on.read(never);
    if (how == 1) co_await timer->wait_until(never);
    if (how == 2) co_await node.resolver().query("example.com", dns::Type::a, never);
    to.push_back("went on");
  };
  for (int how = 0; how < 3; ++how) b->spawn(waiting(*pair.server, *b, log, how));
  world.zone().trouble = [](const std::string&, dns::Type, Prng&) { return dns::Status::timed_out; };
  world.run_for(seconds(1));
  b->spawn(waiting(*pair.server, *b, log, 3));  // has not even begun
  world.crash(*b);
  EXPECT_THAT(log, testing::UnorderedElementsAre("gone", "gone", "gone"));
  EXPECT_EQ(world.node("b"), nullptr);
  EXPECT_EQ(world.run(*a, read_text(*pair.client, world.now() + minutes(1))), "!reset");
  pair.server.reset();
  auto again = world.start("b", {"192.0.2.2"});
  auto listener = listen(*again);
  EXPECT_TRUE(world.run(*a, a->network().connect({"192.0.2.2", 25}, "", never)).has_value());
}

TEST_F(WorldTest, a_node_that_was_cut_can_end_by_itself_in_a_time_of_its_own) {
  Pair pair = connect();
  b->spawn(log_at(*b, minutes(10), "ten minutes later", log));
  world.run_for(seconds(1));
  const MonoTime before = world.now();
  world.cut(*b, true);
  world.unwind(*b, [](Node& node, env::Stream& on, std::vector<std::string>& to) -> env::Awaitable<void> {
    const std::string read = co_await read_text(on, never);
    to.push_back(read);
    auto timer = node.timers().make(node.executor());
    co_await timer->wait_until(node.clock().now() + minutes(20));
    to.push_back("twenty minutes later");
  }(*b, *pair.server, log));
  EXPECT_THAT(log, ElementsAre("!reset", "ten minutes later", "twenty minutes later"));
  EXPECT_EQ(world.now(), before);
  world.bury(*b);
  EXPECT_EQ(world.run(*a, read_text(*pair.client, world.now() + minutes(1))), "!timed_out") << "power failed: silence";
}

// Some traffic with all kinds of lines; the same seed must give the same run.
std::uint64_t traffic(std::uint64_t seed) {
  World world(seed);
  auto server = world.start("server", {"192.0.2.1"});
  auto client = world.start("client", {"192.0.2.2"});
  world.internet().line_of = [](const Node&, const env::Endpoint&, Prng& random) {
    Line line;
    line.connect = static_cast<Line::Connect>(random.below(4));
    line.latency = milliseconds(random.below(100));
    if (random.chance(0.3)) line.break_to_server = random.below(5000);
    return line;
  };
  auto serve = [](Node& on) -> env::Awaitable<void> {
    const env::Endpoint here{"0.0.0.0", 25};
    auto listener = on.network().listen(here, {}, on.executor());
    for (;;) {
      auto stream = co_await (*listener)->accept(on.executor());
      if (!stream) co_return;
      on.spawn([](env::StreamPtr with) -> env::Awaitable<void> {
        for (;;) {
          auto octets = co_await with->read(never);
          if (!octets) co_return;
          const std::string copy(*octets);
          auto written = co_await with->write(copy, never);
          if (!written) co_return;
        }
      }(std::move(*stream)));
    }
  };
  auto call = [](Node& on) -> env::Awaitable<void> {
    env::Endpoint to{"192.0.2.1", 25};
    auto stream = co_await on.network().connect(std::move(to), "", on.clock().now() + seconds(10));
    if (!stream) co_return;
    const std::string text(static_cast<std::size_t>(on.entropy().word() % 9000), 'x');
    auto written = co_await (*stream)->write(text, on.clock().now() + seconds(10));
    if (!written) co_return;
    co_await (*stream)->read(on.clock().now() + seconds(10));
  };
  server->spawn(serve(*server));
  for (int i = 0; i < 100; ++i) {
    client->spawn(call(*client));
    world.run_for(milliseconds(world.random().below(500)));
    if (i == 50) {
      world.crash(*server);
      server = world.start("server", {"192.0.2.1"});
      server->spawn(serve(*server));
    }
  }
  world.run_for(minutes(1));
  return world.fingerprint();
}

TEST(WorldDeterminism, the_same_seed_gives_the_same_run) {
  EXPECT_EQ(traffic(7), traffic(7));
  EXPECT_NE(traffic(7), traffic(8));
  const std::uint64_t seed = World::seed(0);
  EXPECT_EQ(traffic(seed), traffic(seed));
}

}  // namespace
}  // namespace postil::test
