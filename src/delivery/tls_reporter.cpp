#include "delivery/tls_reporter.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace postil::delivery {
namespace {

constexpr std::size_t file_octets_max = 128 * 1024 * 1024;
constexpr Duration turn = minutes(1), save_every = minutes(5);

}  // namespace

TlsReporter::TlsReporter(Services& services, std::shared_ptr<const Settings> settings, env::Executor executor,
                         std::function<void(queue::Envelope)> arrived)
    : services_(services),
      executor_(std::move(executor)),
      arrived_(std::move(arrived)),
      settings_(std::move(settings)),
      alarm_(services.timers.make(executor_)) {}

std::shared_ptr<const Settings> TlsReporter::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void TlsReporter::set_settings(std::shared_ptr<const Settings> settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

tlsrpt::Ledger::Summary TlsReporter::summary() const {
  const std::lock_guard lock(mutex_);
  return ledger_.summary();
}

void TlsReporter::count(const transport::TlsSession& session) {
  const WallTime now = services_.clock.wall();
  const std::lock_guard lock(mutex_);
  if (settings_->tls_reports.contact.empty()) return;
  ledger_.add(session, now);
  changed_ = true;
}

env::Awaitable<void> TlsReporter::open() {
  if (services_.disk != nullptr) {
    auto read = [disk = services_.disk] { return env::read_file(*disk, file_name, file_octets_max); };
    const auto text = co_await env::on(services_.pool, std::move(read));
    std::string trouble;
    if (text) {
      const std::lock_guard lock(mutex_);
      const auto taken = ledger_.decode(*text);
      if (!taken) trouble = taken.error();
      if (taken && *taken > 0) trouble = "lines of the file of TLS reports were damaged and are left out";
    } else if (text.error().error != env::DiskError::not_found) {
      trouble = text.error().detail;
    }
    if (!trouble.empty()) services_.events.emit({event::Name::resource_trouble, {{"reason", trouble}}});
  }
  running_ = true;
  save_at_ = services_.clock.now() + save_every;
  boost::asio::co_spawn(executor_, run(), boost::asio::detached);
}

env::Awaitable<void> TlsReporter::run() {
  while (!stopping_) {
    tick();
    co_await alarm_->wait_until(services_.clock.now() + turn);
  }
  running_ = false;
}

void TlsReporter::tick() {
  const auto random = [this] { return services_.entropy.word(); };
  bool save_now = false;
  {
    const std::lock_guard lock(mutex_);
    const auto& reports = settings_->tls_reports;
    if (reports.contact.empty()) return;
    const WallTime now = services_.clock.wall();
    const bool closed = ledger_.close_days(now, reports.window, random);
    if (queue_.empty() && workers_ == 0) queue_ = ledger_.due(now);
    save_now = closed || sent_ || (changed_ && services_.clock.now() >= save_at_);
    if (save_now) changed_ = sent_ = false;
  }
  while (workers_ < std::min(workers_max, queue_.size())) {
    ++workers_;
    boost::asio::co_spawn(executor_, work(), boost::asio::detached);
  }
  if (!save_now || services_.disk == nullptr) return;
  save_at_ = services_.clock.now() + save_every;
  ++saves_;
  env::asio::post(services_.pool, [this] {
    save();
    --saves_;
  });
}

env::Awaitable<void> TlsReporter::work() {
  while (!stopping_ && !queue_.empty()) {
    std::string id = std::move(queue_.back());
    queue_.pop_back();
    co_await send(std::move(id));
  }
  --workers_;
}

void TlsReporter::save() {
  const std::lock_guard writing(writing_);
  tlsrpt::Ledger copy;  // so that sessions do not wait for the text
  {
    const std::lock_guard lock(mutex_);
    copy = ledger_;
  }
  const std::string text = copy.encode();
  const auto done = env::replace_file(*services_.disk, file_name, text);
  if (!done) services_.events.emit({event::Name::resource_trouble, {{"reason", done.error().detail}}});
}

env::Awaitable<void> TlsReporter::stop(Duration grace) {
  stopping_ = true;
  alarm_->cancel();
  const MonoTime end = services_.clock.now() + grace + seconds(10);
  auto pause = services_.timers.make(executor_);
  while ((running_ || workers_ > 0 || saves_ > 0) && services_.clock.now() < end) {
    alarm_->cancel();  // it may not have waited yet
    co_await pause->wait_until(services_.clock.now() + milliseconds(20));
  }
  if (services_.disk == nullptr || settings()->tls_reports.contact.empty()) co_return;
  auto last = [this] {
    save();
    return true;
  };
  co_await env::on(services_.pool, std::move(last));
}

}  // namespace postil::delivery
