#include "cli/check_run.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <map>
#include <optional>

#include "cli/mail_route.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/https.hpp"
#include "env_asio/network.hpp"
#include "env_asio/resolver.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t side_by_side_max = 16;  // with ten hosts of four addresses each still below 1,024 descriptors
constexpr Duration probe_patience = seconds(3);

class Runner {
 public:
  Runner(CheckTask& task, env_asio::UnboundResolver& resolver) : task_(task), resolver_(resolver) {}

  void run() {
    boost::asio::io_context io(1);
    boost::asio::co_spawn(io, begin(), rethrow);
    io.run();
  }

 private:
  static void rethrow(std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  }

  env::Awaitable<void> begin() {
    // A path that drops DNSSEC would make every name bogus.
    validating_ = co_await resolver_.probe_dnssec(clock_.now() + probe_patience);
    const auto executor = co_await boost::asio::this_coro::executor;
    for (std::size_t i = 0; i < side_by_side_max && i < task_.checks.size(); ++i) {
      boost::asio::co_spawn(executor, work(), rethrow);
    }
  }

  env::Awaitable<void> work() {
    while (next_ < task_.checks.size()) {
      const std::size_t index = next_++;
      const check::Ports ports{clock_, resolver_, network_, entropy_, &https_};
      auto seen = co_await check::observe(ports, task_.checks[index]);
      seen.resolver = task_.resolver;
      seen.validating = validating_;
      seen.program = "postil " POSTIL_VERSION;
      waiting_.emplace(index, std::move(seen));
      while (!waiting_.empty() && waiting_.begin()->first == told_) {
        const auto ready = waiting_.extract(waiting_.begin());
        ++told_;
        task_.done(ready.mapped());
      }
    }
  }

  CheckTask& task_;
  env_asio::UnboundResolver& resolver_;
  env_asio::SystemClock clock_;
  env_asio::SystemEntropy entropy_;
  env_asio::AsioNetwork network_;
  env_asio::CurlHttps https_;
  bool validating_ = false;
  std::size_t next_ = 0;
  std::size_t told_ = 0;
  std::map<std::size_t, diagnose::Observations> waiting_;  // done before one that comes before them
};

struct Silence : event::Sink {
  void emit(const event::Event&) override {}
};

}  // namespace

std::expected<void, std::string> run_checks(CheckTask task) {
  env_asio::ResolverOptions options;
  if (task.resolver.empty()) {
    options.forwarders = system_resolvers();
  } else {
    options.forwarders = {task.resolver};
  }
  options.trust_anchors = task.trust_anchors;
  if (task.trust_anchors.empty()) options.root_key_file = env_asio::system_root_key_file();
  Silence silence;
  auto resolver = env_asio::UnboundResolver::make(std::move(options), silence);
  if (!resolver) return std::unexpected(resolver.error());
  Runner(task, **resolver).run();
  return {};
}

}  // namespace postil::cli
