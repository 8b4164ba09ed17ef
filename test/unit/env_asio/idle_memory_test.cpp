// An idle session must be cheap: what is allocated for it, by malloc's own count. That includes the coroutine frames
// of the test, some 700 octets, in the place of a session's.
#include <malloc.h>

#include "env_asio/tls.hpp"
#include "run.hpp"
#include "sanitized.hpp"
#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using test::in;
using test::Loop;

env::Awaitable<void> wait_for_octets(env::Stream* stream) {
  auto got = co_await stream->read(in(seconds(600)));
  EXPECT_FALSE(got);
}

class IdleMemory : public ::testing::Test {
 protected:
  static constexpr std::size_t sessions = 300;

  // Octets for each of `sessions` pairs, both ends waiting in a read with a deadline.
  std::size_t per_end(bool tls) {
    auto listener = network.listen({"127.0.0.1", 0}, {}, loop.executor());
    const test::TemporaryFolder folder;
    const test::CertificateAuthority authority(folder);
    const auto files = authority.make("mx", {.names = {"mx.example.com"}});
    auto context = network.load_tls({files.certificate, files.key, ""});
    std::vector<test::Pair> pairs;
    pairs.reserve(sessions + 1);
    std::size_t before = 0;
    for (std::size_t i = 0; i < sessions + 1; ++i) {
      if (i == 1) before = ::mallinfo2().uordblks;  // the first one makes what all share
      auto& pair = pairs.emplace_back(loop.run(test::connect_pair(&network, listener->get())));
      if (tls) {
        loop.spawn([](env::Stream* stream, std::shared_ptr<env::TlsServerContext> with) -> env::Awaitable<void> {
          auto done = co_await stream->tls_accept(with, in(seconds(5)));
          EXPECT_TRUE(done);
          co_await wait_for_octets(stream);
        }(pair.server.get(), *context));
        auto done = loop.run(pair.client->tls_connect({.server_name = "mx.example.com"}, in(seconds(5))));
        EXPECT_TRUE(done);
      } else {
        loop.spawn(wait_for_octets(pair.server.get()));
      }
      loop.spawn(wait_for_octets(pair.client.get()));
    }
    loop.context.restart();
    loop.context.poll();
    const auto octets = ::mallinfo2().uordblks - before;
    for (auto& pair : pairs) {
      pair.client->cancel();
      pair.server->cancel();
    }
    loop.context.restart();
    loop.context.poll();
    return octets / (2 * sessions);
  }
  AsioNetwork network;
  Loop loop;
};

TEST_F(IdleMemory, OfAPlainSession) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has its own malloc";
  const auto octets = per_end(false);
  RecordProperty("octets", static_cast<int>(octets));
  EXPECT_LT(octets, 2560u);
}

TEST_F(IdleMemory, OfATlsSession) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has its own malloc";
  const auto octets = per_end(true);
  RecordProperty("octets", static_cast<int>(octets));
  EXPECT_LT(octets, 20u * 1024);
}

}  // namespace
}  // namespace postil::env_asio
