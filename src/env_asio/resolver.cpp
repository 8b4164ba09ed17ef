#include "env_asio/resolver.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "base/bytes.hpp"
#include "dns/parse.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/pool.hpp"
#include "env_asio/unbound_context.hpp"

namespace postil::env_asio {
namespace {

namespace asio = boost::asio;

dns::Answer failed(const std::string& name, dns::Status status, std::string detail) {
  dns::Answer answer;
  answer.status = status;
  answer.canonical_name = name;
  answer.chain = {name};
  answer.detail = std::move(detail);
  return answer;
}

// The zone whose SOA shows whether DNSSEC passes.
std::string probe_zone(const ResolverOptions& options) {
  if (!options.root_key_file.empty() || options.trust_anchors.empty()) return "";
  const auto& anchor = options.trust_anchors.front();
  return dns::normal_name(anchor.substr(0, anchor.find_first_of(" \t")));
}

}  // namespace

std::string system_root_key_file() {
  for (const char* path : {"/usr/share/dns/root.key", "/var/lib/unbound/root.key", "/etc/unbound/root.key"}) {
    if (::access(path, R_OK) == 0) return path;
  }
  return {};
}

// Lives on the DNS thread, except where it is said.
class UnboundResolver::Engine {
 public:
  Engine(ResolverOptions options, event::Sink& events) : options_(std::move(options)), events_(events) {
    open_reactor(io_);
  }
  ~Engine() { stop(); }

  std::expected<void, std::string> start() {
    const bool validate = options_.validate && (!options_.root_key_file.empty() || !options_.trust_anchors.empty());
    auto made = UnboundContext::make(io_, options_, validate);
    if (!made) return std::unexpected(std::move(made.error()));
    context_ = std::move(*made);
    wanted_ = validating_ = validate;
    thread_ = std::jthread([this] {
      ::pthread_setname_np(::pthread_self(), "dns");
      io_.run();
    });
    return {};
  }

  asio::io_context& io() { return io_; }                  // any thread
  bool validating() const { return validating_.load(); }  // any thread
  bool wanted() const { return wanted_; }                 // any thread; constant after start()

  void ask(std::string name, dns::Type type, MonoTime deadline, env::Resume<dns::Answer> resume);
  env::Awaitable<bool> probe(MonoTime deadline);

 private:
  struct Waiter {
    env::Resume<dns::Answer> resume;
    MonoTime deadline;
  };
  struct Question {
    explicit Question(asio::io_context& io) : timer(io) {}
    std::uint64_t handle = 0;
    std::vector<Waiter> waiters;
    asio::steady_timer timer;
    MonoTime rings_at = never;
  };
  using Key = std::pair<std::string, dns::Type>;

  void stop();
  bool send(const Key& key, Question& question);
  void answer(const Key& key, dns::Answer answer);
  void set_timer(const Key& key, Question& question);
  void check_deadlines(const Key& key);
  void switch_validation(bool on, const std::string& why);
  env::Awaitable<dns::Answer> ask_once(std::shared_ptr<UnboundContext> context, std::string name, MonoTime deadline);

  ResolverOptions options_;
  event::Sink& events_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::shared_ptr<UnboundContext> context_;
  std::map<Key, std::unique_ptr<Question>> questions_;
  std::size_t waiters_ = 0;
  asio::steady_timer* probe_timer_ = nullptr;  // while a probe waits
  bool stopping_ = false;
  bool wanted_ = false;
  std::atomic<bool> validating_ = false;
  std::jthread thread_;
};

void UnboundResolver::Engine::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    context_->close();
    context_.reset();
    auto questions = std::exchange(questions_, {});
    for (auto& [key, question] : questions) {
      for (auto& waiter : question->waiters) {
        waiter.resume(failed(key.first, dns::Status::server_failure, "the resolver was stopped"));
      }
    }
    if (probe_timer_ != nullptr) probe_timer_->cancel();
    work_.reset();  // and run() ends when the probe has
  });
  thread_.join();
}

void UnboundResolver::Engine::ask(std::string name, dns::Type type, MonoTime deadline,
                                  env::Resume<dns::Answer> resume) {
  Key key{dns::normal_name(name), type};
  if (stopping_) {
    resume(failed(key.first, dns::Status::server_failure, "the resolver was stopped"));
    return;
  }
  if (deadline <= SystemClock::mono_now()) {
    resume(failed(key.first, dns::Status::timed_out, "no DNS answer in time"));
    return;
  }
  if (waiters_ >= options_.questions_max) {
    resume(failed(key.first, dns::Status::server_failure, "too many DNS questions wait for an answer"));
    return;
  }
  auto& question = questions_[key];
  if (!question) {
    question = std::make_unique<Question>(io_);
    if (!send(key, *question)) {
      questions_.erase(key);
      resume(failed(key.first, dns::Status::server_failure, "the question could not be asked"));
      return;
    }
  }
  ++waiters_;
  question->waiters.push_back({std::move(resume), deadline});
  if (deadline < question->rings_at) set_timer(key, *question);
}

bool UnboundResolver::Engine::send(const Key& key, Question& question) {
  question.handle = context_->ask(key.first, key.second, [this, key](dns::Answer got) { answer(key, std::move(got)); });
  return question.handle != 0;
}

void UnboundResolver::Engine::answer(const Key& key, dns::Answer got) {
  auto node = questions_.extract(key);
  if (node.empty()) return;
  for (auto& waiter : node.mapped()->waiters) {
    --waiters_;
    waiter.resume(got);
  }
}

void UnboundResolver::Engine::set_timer(const Key& key, Question& question) {
  MonoTime next = never;
  for (const auto& waiter : question.waiters) next = std::min(next, waiter.deadline);
  question.rings_at = next;
  question.timer.cancel();
  if (next == never) return;
  question.timer.expires_at(steady(next));
  question.timer.async_wait([this, key](const boost::system::error_code& error) {
    if (!error) check_deadlines(key);
  });
}

void UnboundResolver::Engine::check_deadlines(const Key& key) {
  const auto found = questions_.find(key);
  if (found == questions_.end()) return;
  auto& question = *found->second;
  const auto now = SystemClock::mono_now();
  const auto passed = std::stable_partition(question.waiters.begin(), question.waiters.end(),
                                            [&](const Waiter& waiter) { return waiter.deadline > now; });
  for (auto waiter = passed; waiter != question.waiters.end(); ++waiter) {
    --waiters_;
    waiter->resume(failed(key.first, dns::Status::timed_out, "no DNS answer in time"));
  }
  question.waiters.erase(passed, question.waiters.end());
  if (!question.waiters.empty()) {
    set_timer(key, question);
    return;
  }
  context_->cancel(question.handle);
  questions_.erase(found);
}

void UnboundResolver::Engine::switch_validation(bool on, const std::string& why) {
  if (validating_ == on || stopping_) return;
  auto made = UnboundContext::make(io_, options_, on);
  if (!made) {
    events_.emit({event::Name::resource_trouble, {{"reason", std::move(made.error())}}});
    return;
  }
  auto old = std::exchange(context_, std::move(*made));
  validating_ = on;
  std::vector<Key> lost;
  for (auto& [key, question] : questions_) {
    old->cancel(question->handle);
    if (!send(key, *question)) lost.push_back(key);
  }
  for (const auto& key : lost) {
    answer(key, failed(key.first, dns::Status::server_failure, "the question could not be asked"));
  }
  old->close();
  events_.emit({on ? event::Name::dns_restored : event::Name::dns_degraded, {{"reason", why}}});
}

env::Awaitable<dns::Answer> UnboundResolver::Engine::ask_once(std::shared_ptr<UnboundContext> context, std::string name,
                                                              MonoTime deadline) {
  asio::steady_timer timer(io_);
  timer.expires_at(steady(deadline));
  auto result = std::make_shared<dns::Answer>(failed(name, dns::Status::timed_out, "no DNS answer in time"));
  // The callback is gone when the context is cancelled below, so the timer outlives it.
  const auto handle = context->ask(name, dns::Type::soa, [result, &timer](dns::Answer got) {
    *result = std::move(got);
    timer.cancel();
  });
  if (handle == 0) co_return failed(name, dns::Status::server_failure, "the question could not be asked");
  probe_timer_ = &timer;
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  probe_timer_ = nullptr;
  context->cancel(handle);
  co_return std::move(*result);
}

env::Awaitable<bool> UnboundResolver::Engine::probe(MonoTime deadline) {
  const auto zone = probe_zone(options_);
  if (stopping_) co_return false;
  auto validated = UnboundContext::make(io_, options_, true);  // its own: nothing cached
  if (!validated) co_return false;
  const auto now = SystemClock::mono_now();
  const auto half = deadline == never ? now + seconds(10) : now + (deadline - now) / 2;
  const auto good = co_await ask_once(*validated, zone, half);
  (*validated)->close();
  if (stopping_) co_return false;
  if (good.status == dns::Status::ok && good.secure) {
    switch_validation(true, "DNSSEC passes");
    co_return true;
  }
  auto plain = UnboundContext::make(io_, options_, false);
  if (!plain) co_return false;
  const auto unvalidated = co_await ask_once(*plain, zone, deadline == never ? half + seconds(10) : deadline);
  (*plain)->close();
  if (unvalidated.status == dns::Status::ok || !options_.forwarders.empty()) {
    const auto why = good.detail.empty() ? std::string("the answer is not signed") : good.detail;
    switch_validation(false, why);
  }
  co_return false;
}

UnboundResolver::UnboundResolver(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
UnboundResolver::~UnboundResolver() = default;

std::expected<std::unique_ptr<UnboundResolver>, std::string> UnboundResolver::make(ResolverOptions options,
                                                                                   event::Sink& events) {
  for (const auto* path : {&options.root_key_file, &options.root_hints}) {
    if (!path->empty() && ::access(path->c_str(), R_OK) != 0) {
      return std::unexpected("The DNS resolver cannot read the file " + *path + ".");
    }
  }
  auto engine = std::make_unique<Engine>(std::move(options), events);
  if (auto started = engine->start(); !started) return std::unexpected(std::move(started.error()));
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(engine)));
}

bool UnboundResolver::validating() const {
  return engine_->validating();
}

env::Awaitable<dns::Answer> UnboundResolver::query(std::string name, dns::Type type, MonoTime deadline) {
  auto start = [&](env::Resume<dns::Answer> resume) {
    asio::post(engine_->io(),
               [engine = engine_.get(), name = std::move(name), type, deadline, resume = std::move(resume)]() mutable {
                 engine->ask(std::move(name), type, deadline, std::move(resume));
               });
  };
  co_return co_await env::async<dns::Answer>(start);
}

env::Awaitable<bool> UnboundResolver::probe_dnssec(MonoTime deadline) {
  if (!engine_->wanted()) co_return false;
  auto start = [&](env::Resume<bool> resume) {
    asio::co_spawn(engine_->io(), engine_->probe(deadline),
                   [resume = std::move(resume)](std::exception_ptr error, bool passed) mutable {
                     resume(error == nullptr && passed);
                   });
  };
  co_return co_await env::async<bool>(start);
}

}  // namespace postil::env_asio
