#include "env_asio/pool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <future>

#include "sanitized.hpp"

namespace postil::env_asio {
namespace {

// While it lives, this process can open no descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    now.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// The first timer of a context comes when it comes: also in a flood of connections.
void expect_first_timer_fires(const env::Executor& executor) {
  auto fired = std::make_shared<std::promise<bool>>();
  auto result = fired->get_future();
  const NoDescriptors none;
  EXPECT_EQ(::open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
  boost::asio::post(executor, [executor, fired] {
    auto timer = std::make_shared<boost::asio::steady_timer>(executor, std::chrono::milliseconds(1));
    timer->async_wait([timer, fired](const boost::system::error_code& error) { fired->set_value(!error); });
  });
  ASSERT_EQ(result.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(result.get());
}

TEST(Pool, HasItsFirstTimerWithoutAFreeDescriptor) {
  if (sanitized) GTEST_SKIP() << "a sanitizer needs descriptors";
  Pool pool("test", 1, 1);
  expect_first_timer_fires(pool.executor());
}

TEST(IoThreads, HaveTheirFirstTimerWithoutAFreeDescriptor) {
  if (sanitized) GTEST_SKIP() << "a sanitizer needs descriptors";
  IoThreads threads(1);
  expect_first_timer_fires(threads.at(0));
}

}  // namespace
}  // namespace postil::env_asio
