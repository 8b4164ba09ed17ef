#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "env_asio/pool.hpp"
#include "env_asio/timers.hpp"
#include "run.hpp"
#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using env::NetError;
using test::in;
using test::Loop;
using test::Pair;

class Network : public ::testing::Test {
 protected:
  std::unique_ptr<env::Listener> listen(const env::Endpoint& at = {"127.0.0.1", 0}, env::ListenOptions options = {}) {
    auto listener = network.listen(at, options, loop.executor());
    EXPECT_TRUE(listener) << listener.error().detail;
    return listener ? std::move(*listener) : nullptr;
  }
  Pair pair() {
    auto listener = listen();
    return loop.run(test::connect_pair(&network, listener.get()));
  }
  std::string read_text(env::Stream& stream) {
    auto got = loop.run(read_copy(&stream));
    return got ? *got : "error " + std::string(to_string(got.error().error));
  }
  static env::Awaitable<env::NetResult<std::string>> read_copy(env::Stream* stream, Duration limit = seconds(5)) {
    auto got = co_await stream->read(in(limit));
    if (!got) co_return std::unexpected(got.error());
    co_return std::string(*got);
  }

  AsioNetwork network;
  Loop loop;
};

TEST_F(Network, CarriesOctetsBothWays) {
  auto [client, server] = pair();
  EXPECT_EQ(server->remote(), client->local());
  EXPECT_EQ(client->remote(), server->local());
  EXPECT_EQ(client->remote().address, "127.0.0.1");
  ASSERT_TRUE(loop.run(client->write("EHLO x\r\n", in(seconds(5)))));
  EXPECT_EQ(read_text(*server), "EHLO x\r\n");
  ASSERT_TRUE(loop.run(server->write("250 y\r\n", in(seconds(5)))));
  EXPECT_EQ(read_text(*client), "250 y\r\n");
  EXPECT_FALSE(server->credentials());
}

// A PROXY header is read so: what is behind it is not taken, whatever the network has put together.
TEST_F(Network, ReadsFewOctetsAndLeavesTheRest) {
  auto [client, server] = pair();
  ASSERT_TRUE(loop.run(client->write("0123456789rest", in(seconds(5)))));
  std::string taken;
  for (const std::size_t wanted : {4u, 6u}) {
    const auto got = loop.run(server->read_few(wanted, in(seconds(5))));
    ASSERT_TRUE(got);
    EXPECT_LE(got->size(), wanted);
    taken += *got;
  }
  EXPECT_EQ(taken, "0123456789");
  EXPECT_TRUE(server->readable_now());
  EXPECT_EQ(read_text(*server), "rest");
  const auto late = loop.run(server->read_few(1, in(milliseconds(20))));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().error, NetError::timed_out);
  client->close();
  const auto end = loop.run(server->read_few(1, in(seconds(5))));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().error, NetError::closed);
}

env::Awaitable<void> write_all(env::Stream* stream, std::string data) {
  auto written = co_await stream->write(data, in(seconds(10)));
  if (!written) throw std::runtime_error("write: " + written.error().detail);
  stream->close();
}

env::Awaitable<std::string> read_to_end(env::Stream* stream) {
  std::string all;
  for (;;) {
    auto got = co_await stream->read(in(seconds(10)));
    if (!got) {
      all += " " + std::string(to_string(got.error().error));
      co_return all;
    }
    all += *got;
  }
}

TEST_F(Network, CarriesMoreThanTheSocketHolds) {
  auto [client, server] = pair();
  std::string data;
  for (int i = 0; data.size() < 20'000'000; ++i) data += std::to_string(i);
  loop.spawn(write_all(client.get(), data));
  EXPECT_EQ(loop.run(read_to_end(server.get())), data + " closed");
}

TEST_F(Network, EndsAReadAtItsDeadline) {
  auto [client, server] = pair();
  const auto start = SystemClock::mono_now();
  auto got = loop.run(read_copy(server.get(), milliseconds(80)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, NetError::timed_out);
  EXPECT_GE(SystemClock::mono_now() - start, milliseconds(80));
  // The stream is still good, also with a later, an earlier and no deadline.
  ASSERT_TRUE(loop.run(client->write("a", in(seconds(5)))));
  EXPECT_EQ(read_text(*server), "a");
  got = loop.run(read_copy(server.get(), milliseconds(20)));
  EXPECT_EQ(got.error().error, NetError::timed_out);
  got = loop.run(read_copy(server.get(), milliseconds(-5)));
  EXPECT_EQ(got.error().error, NetError::timed_out);
}

TEST_F(Network, ARingThatCameEarlyDoesNotEndALaterWait) {
  auto [client, server] = pair();
  ASSERT_TRUE(loop.run(client->write("a", in(seconds(5)))));
  EXPECT_EQ(loop.run(read_copy(server.get(), milliseconds(30))).value(), "a");
  EXPECT_EQ(loop.run(read_copy(server.get(), milliseconds(30))).error().error, NetError::timed_out);
  // The first read sets the alarm at 60 ms and ends sooner; the next one waits beyond that.
  loop.spawn([](env::Stream* to) -> env::Awaitable<void> {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    timer.expires_after(milliseconds(20));
    co_await timer.async_wait(boost::asio::use_awaitable);
    auto first = co_await to->write("b", in(seconds(5)));
    timer.expires_after(milliseconds(120));
    co_await timer.async_wait(boost::asio::use_awaitable);
    auto second = co_await to->write("c", in(seconds(5)));
    EXPECT_TRUE(first && second);
  }(client.get()));
  EXPECT_EQ(loop.run(read_copy(server.get(), milliseconds(60))).value(), "b");
  EXPECT_EQ(loop.run(read_copy(server.get(), seconds(3))).value(), "c");
}

TEST_F(Network, EndsAWriteAtItsDeadlineWhenThePeerDoesNotRead) {
  auto [client, server] = pair();
  const std::string data(64'000'000, 'x');
  auto written = loop.run(client->write(data, in(milliseconds(100))));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().error, NetError::timed_out);
}

TEST_F(Network, CancelEndsAPendingReadAndAllLaterOnes) {
  auto [client, server] = pair();
  loop.later([&] { server->cancel(); });
  auto got = loop.run(read_copy(server.get()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, NetError::cancelled);
  EXPECT_EQ(loop.run(read_copy(server.get())).error().error, NetError::cancelled);
  EXPECT_EQ(loop.run(server->write("x", in(seconds(1)))).error().error, NetError::cancelled);
}

TEST_F(Network, AStreamDestroyedUnderAReadEndsIt) {
  auto ends = pair();
  loop.later([&] { ends.server.reset(); });
  EXPECT_EQ(loop.run(read_copy(ends.server.get())).error().error, NetError::cancelled);
}

TEST_F(Network, ALoopMayDieWithWaitsInIt) {
  Loop dying;
  auto listener = network.listen({"127.0.0.1", 0}, {}, dying.executor());
  auto ends = dying.run(test::connect_pair(&network, listener->get()));
  dying.spawn([](env::StreamPtr stream) -> env::Awaitable<void> {
    auto got = co_await stream->read(in(seconds(100)));
    ADD_FAILURE() << "must not go on";
  }(std::move(ends.server)));
  dying.context.restart();
  dying.context.poll();
  // ~Loop destroys the coroutine and the stream in it; ends.client must go first.
  ends.client.reset();
  listener->reset();
}

TEST_F(Network, TellsResetFromClosed) {
  auto [client, server] = pair();
  client->close();
  EXPECT_EQ(loop.run(read_copy(server.get())).error().error, NetError::closed);

  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  auto listener = listen();
  sockaddr_in to{
      .sin_family = AF_INET, .sin_port = htons(listener->local().port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  auto accepted = loop.run(listener->accept(loop.executor()));
  ASSERT_TRUE(accepted);
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(fd);
  EXPECT_EQ(loop.run(read_copy(accepted->get())).error().error, NetError::reset);
  EXPECT_FALSE(loop.run(accepted->get()->write("x", in(seconds(1)))));
}

TEST_F(Network, TheLastReplyArrivesThoughThePeersOctetsWereNotRead) {
  auto [client, server] = pair();
  ASSERT_TRUE(loop.run(client->write("unread", in(seconds(5)))));
  ASSERT_TRUE(loop.run(server->write("421 bye\r\n", in(seconds(5)))));
  server->close();
  EXPECT_EQ(loop.run(read_to_end(client.get())), "421 bye\r\n closed");
}

TEST_F(Network, SeesAnEarlyTalker) {
  auto [client, server] = pair();
  EXPECT_FALSE(server->readable_now());
  ASSERT_TRUE(loop.run(client->write("EHLO\r\n", in(seconds(5)))));
  EXPECT_TRUE(server->readable_now());
  EXPECT_EQ(read_text(*server), "EHLO\r\n");  // and takes nothing away
  EXPECT_FALSE(server->readable_now());
}

TEST_F(Network, ConnectSaysWhyNot) {
  auto listener = listen();
  const auto at = listener->local();
  listener->close();
  auto refused = loop.run(network.connect(at, "", in(seconds(5))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error, NetError::refused);
  EXPECT_EQ(loop.run(network.connect({"mx.example.com", 25}, "", in(seconds(5)))).error().error, NetError::unreachable);
  EXPECT_EQ(loop.run(network.connect({"/nowhere/sock", 0}, "", in(seconds(5)))).error().error, NetError::refused);
  EXPECT_EQ(loop.run(network.connect(at, "::1", in(seconds(5)))).error().error, NetError::unreachable);
}

TEST_F(Network, ConnectsFromTheSourceAddress) {
  auto listener = listen();
  auto stream = loop.run(network.connect(listener->local(), "127.0.0.9", in(seconds(5))));
  ASSERT_TRUE(stream) << stream.error().detail;
  EXPECT_EQ((*stream)->local().address, "127.0.0.9");
}

TEST_F(Network, ListensOnIpv6Only) {
  auto listener = network.listen({"::1", 0}, {}, loop.executor());
  if (!listener) GTEST_SKIP() << "no IPv6 here";
  auto ends = loop.run(test::connect_pair(&network, listener->get()));
  EXPECT_EQ(ends.server->remote().address, "::1");
  EXPECT_EQ(to_string((*listener)->local()), "[::1]:" + std::to_string((*listener)->local().port));
}

TEST_F(Network, APortInUseIsSaid) {
  auto listener = listen();
  auto second = network.listen(listener->local(), {}, loop.executor());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, NetError::address_in_use);
}

TEST_F(Network, ClosingEndsAPendingAccept) {
  auto listener = listen();
  loop.later([&] { listener->close(); });
  auto accepted = loop.run(listener->accept(loop.executor()));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().error, NetError::cancelled);
}

TEST_F(Network, UnixSocketsHaveCredentialsAndModes) {
  const test::TemporaryFolder folder;
  const auto path = folder.file("control");
  auto listener = listen({path, 0}, {.unix_mode = 0660});
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  auto ends = loop.run(test::connect_pair(&network, listener.get()));
  const auto who = ends.server->credentials();
  ASSERT_TRUE(who);
  EXPECT_EQ(who->uid, ::getuid());
  EXPECT_EQ(who->pid, ::getpid());
  EXPECT_TRUE(ends.server->remote().local());
  // One that is in use is not taken away.
  EXPECT_EQ(network.listen({path, 0}, {}, loop.executor()).error().error, NetError::address_in_use);
  listener->close();
  EXPECT_NE(::stat(path.c_str(), &info), 0);
}

TEST_F(Network, AStaleUnixSocketIsReplacedAndAFileIsNot) {
  const test::TemporaryFolder folder;
  const auto path = folder.file("stale");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ::close(fd);
  auto listener = listen({path, 0});
  ASSERT_TRUE(listener);
  loop.run(test::connect_pair(&network, listener.get()));
  const auto file = folder.write("file", "precious");
  EXPECT_FALSE(network.listen({file, 0}, {}, loop.executor()));
  struct stat info{};
  EXPECT_EQ(::stat(file.c_str(), &info), 0);
}

TEST_F(Network, AdoptsAListeningSocketOnly) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_FALSE(network.adopt(fd, loop.executor()));
  fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::listen(fd, 5), 0);  // binds to any address and a free port
  auto listener = network.adopt(fd, loop.executor());
  ASSERT_TRUE(listener) << listener.error().detail;
  auto client = loop.run(network.connect({"127.0.0.1", (*listener)->local().port}, "", in(seconds(5))));
  ASSERT_TRUE(client);
  EXPECT_TRUE(loop.run((*listener)->accept(loop.executor())));
  EXPECT_FALSE(network.adopt(-1, loop.executor()));
}

// This process has so many descriptors left while it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(int left) {
    ::getrlimit(RLIMIT_NOFILE, &old_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    const rlimit low{static_cast<rlim_t>(lowest_free + left), old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_{};
};

TEST_F(Network, WithoutADescriptorAClientIsStillToldToComeBack) {
  auto listener = listen();
  auto client = loop.run(network.connect(listener->local(), "", in(seconds(5))));
  ASSERT_TRUE(client);
  ASSERT_TRUE(loop.run((*client)->write("EHLO x\r\n", in(seconds(5)))));  // does not cost it the farewell
  {
    const FewDescriptors none(0);
    EXPECT_EQ(loop.run(listener->accept(loop.executor())).error().error, NetError::limit);
    EXPECT_EQ(listener->turn_away("421 later\r\n"), (*client)->local());
    EXPECT_EQ(listener->turn_away("421 later\r\n"), std::nullopt) << "nobody waits";
  }
  EXPECT_EQ(loop.run(read_to_end(client->get())), "421 later\r\n closed");
}

TEST_F(Network, TheLastDescriptorsAreNotForConnections) {
  auto waiting = listen();  // opens what the loop needs
  const FewDescriptors few(32);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto listener = listen({"127.0.0.1", 0}, {.spare_descriptors = 4});
  ASSERT_GE(limit.rlim_cur, 32u) << "an eighth is to be 4";
  std::vector<env::StreamPtr> streams;
  for (;;) {
    auto client = loop.run(network.connect(listener->local(), "", in(seconds(5))));
    ASSERT_TRUE(client) << client.error().detail;
    auto accepted = loop.run(listener->accept(loop.executor()));
    if (!accepted) {
      EXPECT_EQ(accepted.error().error, NetError::limit);
      EXPECT_EQ(listener->turn_away("421 later\r\n"), (*client)->local());
      EXPECT_EQ(loop.run(read_to_end(client->get())), "421 later\r\n closed");
      break;
    }
    streams.push_back(std::move(*client));
    streams.push_back(std::move(*accepted));
    ASSERT_LT(streams.size(), 40u);
  }
  EXPECT_GE(streams.size(), 4u);
  const int spare = ::dup(0);
  EXPECT_GE(spare, 0);
  ::close(spare);
}

TEST_F(Network, RunningOutOfDescriptorsIsALimitAndPasses) {
  auto listener = listen();
  auto client = loop.run(network.connect(listener->local(), "", in(seconds(5))));
  ASSERT_TRUE(client);
  auto none = std::make_unique<FewDescriptors>(0);
  auto accepted = loop.run(listener->accept(loop.executor()));
  auto connected = loop.run(network.connect(listener->local(), "", in(seconds(5))));
  none.reset();
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().error, NetError::limit);
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().error, NetError::limit);
  EXPECT_TRUE(loop.run(listener->accept(loop.executor())));
}

TEST_F(Network, AnAcceptedStreamWorksOnAnotherThread) {
  IoThreads threads(2);
  auto listener = listen();
  auto client = loop.run(network.connect(listener->local(), "", in(seconds(5))));
  auto place = threads.least_loaded();
  auto accepted = loop.run(listener->accept(place.executor));
  ASSERT_TRUE(accepted);
  boost::asio::co_spawn(
      place.executor,
      [](env::StreamPtr stream) -> env::Awaitable<void> {
        auto got = co_await stream->read(in(seconds(5)));
        std::string echo = got ? "echo " + std::string(*got) : "error";
        co_await stream->write(echo, in(seconds(5)));
      }(std::move(*accepted)),
      boost::asio::detached);
  ASSERT_TRUE(loop.run((*client)->write("x", in(seconds(5)))));
  EXPECT_EQ(loop.run(read_to_end(client->get())), "echo x closed");
}

TEST(IoThreads, SpreadsByLoad) {
  IoThreads threads(3);
  std::vector<IoThreads::Place> places;
  for (int i = 0; i < 6; ++i) places.push_back(threads.least_loaded());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::count_if(places.begin(), places.end(), [&](auto& place) { return place.executor == threads.at(i); }),
              2);
  }
  const auto freed = places[4].executor;
  places.erase(places.begin() + 4);
  EXPECT_EQ(threads.least_loaded().executor, freed);
}

TEST(Pool, BoundsItsQueueAndEndsWhatItTook) {
  Pool pool("test", 2, 4);
  std::atomic<bool> go = false;
  std::atomic<int> done = 0;
  const auto work = [&] {
    while (!go) std::this_thread::yield();
    ++done;
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(pool.run(work));
  EXPECT_TRUE(pool.full());
  EXPECT_FALSE(pool.run(work));
  go = true;
  pool.stop();
  EXPECT_EQ(done, 4);
}

TEST(Timers, WaitsAndIsCancelled) {
  Loop loop;
  AsioTimers timers;
  auto timer = timers.make(loop.executor());
  const auto start = SystemClock::mono_now();
  EXPECT_TRUE(loop.run(timer->wait_until(in(milliseconds(30)))));
  EXPECT_GE(SystemClock::mono_now() - start, milliseconds(30));
  timer->cancel();  // forgotten
  EXPECT_TRUE(loop.run(timer->wait_until(in(milliseconds(1)))));
  loop.later([&] { timer->cancel(); });
  EXPECT_FALSE(loop.run(timer->wait_until(never)));
  loop.later([&] { timer.reset(); });
  EXPECT_FALSE(loop.run(timer->wait_until(never)));
}

}  // namespace
}  // namespace postil::env_asio
