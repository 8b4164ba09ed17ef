#include "delivery/connection.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"
#include "delivery/host_policy.hpp"

namespace postil::delivery {
namespace {

smtp::ClientSettings settings_for(const Settings& settings, smtp::TlsUse tls) {
  smtp::ClientSettings client = settings.client;
  client.tls = tls;
  return client;
}

// In a story the words of a server and ours stand in the same place: nothing that it said is to be read into these.
std::string words_of_end(const env::NetFailure& failure) {
  if (failure.error == env::NetError::closed) return "the server closed the connection without an answer";
  return failure.detail.empty() ? std::string(env::to_string(failure.error)) : failure.detail;
}

}  // namespace

std::string to_string(const HostAddress& host) {
  if (host.host.starts_with('/')) return host.host;
  if (host.host == host.address) return fmt::format("[{}]", host.address);
  return fmt::format("{} [{}]", host.host, host.address);
}

Connection::Connection(Services& services, std::shared_ptr<const Settings> settings, HostAddress host,
                       env::StreamPtr stream, transport::Requirement requirement, smtp::TlsUse tls,
                       env::Executor executor)
    : services_(services),
      settings_(std::move(settings)),
      host_(std::move(host)),
      stream_(std::move(stream)),
      requirement_(std::move(requirement)),
      session_(settings_for(*settings_, tls), services.entropy.word()),
      executor_(std::move(executor)) {}

Connection::~Connection() = default;

transport::Verified Connection::verified() const {
  return transport::verified_by(host_.host, requirement_, session_.tls() ? &*session_.tls() : nullptr);
}

env::Awaitable<smtp::Outcome> Connection::open() {
  co_await drive(session_.start(services_.clock.now()));
  if (ready_)
    co_return smtp::Outcome{smtp::Stage::idle, smtp::Trouble::none, reply::RemoteReply{250, {}, {}, false}, {}};
  co_return end_;
}

env::Awaitable<smtp::TransactionResult> Connection::send(smtp::Transaction transaction,
                                                         std::shared_ptr<OutgoingMessage> message) {
  POSTIL_ASSERT(ready_);
  message_ = std::move(message);
  ready_ = false;
  finished_ = false;
  co_await drive(session_.send(std::move(transaction), services_.clock.now()));
  smtp::TransactionResult result = session_.take_result();
  message_.reset();
  ++sent_;
  if (finished_) co_await drive(session_.resume(services_.clock.now()));
  co_return result;
}

bool Connection::fresh() {
  return ready_ && !stream_->readable_now();
}

env::Awaitable<void> Connection::quit() {
  if (!ready_) co_return;
  ready_ = false;
  co_await drive(session_.quit(services_.clock.now()));
}

void Connection::cancel() {
  stream_->cancel();
}

env::Awaitable<smtp::ClientAction> Connection::body(smtp::NeedBody wanted) {
  auto octets = co_await message_->read(wanted.offset, wanted.octets_max);
  const auto now = services_.clock.now();
  if (!octets) co_return session_.body_failed(now);
  const bool last = wanted.offset + octets->size() >= message_->size_octets();
  // An early end would be sent as a whole message: never.
  if (octets->empty() && !last) co_return session_.body_failed(now);
  co_return session_.body(*octets, last, now);
}

// Carries out actions until the session is idle, a transaction is finished or the connection is over.
env::Awaitable<void> Connection::drive(smtp::ClientAction action) {
  for (;;) {
    if (auto* reading = std::get_if<smtp::ClientRead>(&action)) {
      if (!reading->output.empty()) {
        const auto written = co_await stream_->write(reading->output, reading->deadline);
        if (!written) {
          // What the server said before it closed may still be there, and says more than the broken write.
          reading->deadline = std::min(reading->deadline, services_.clock.now() + seconds(2));
        }
      }
      const auto octets = co_await stream_->read(reading->deadline);
      const auto now = services_.clock.now();
      if (octets) {
        action = session_.bytes(*octets, now);
      } else if (octets.error().error == env::NetError::timed_out) {
        action = session_.timed_out(now);
      } else if (octets.error().error == env::NetError::cancelled) {
        action = session_.abort(now);
      } else {
        action = session_.failed(words_of_end(octets.error()), now);
      }
    } else if (auto* writing = std::get_if<smtp::ClientWrite>(&action)) {
      const auto written = co_await stream_->write(writing->output, writing->deadline);
      if (written) {
        action = session_.written(services_.clock.now());
      } else if (written.error().error == env::NetError::timed_out) {
        action = session_.timed_out(services_.clock.now());
      } else if (written.error().error == env::NetError::cancelled) {
        action = session_.abort(services_.clock.now());
      } else {
        // A server that has heard enough says why before it closes: an early 552 is worth more than the broken write.
        const auto octets = co_await stream_->read(services_.clock.now() + seconds(2));
        const auto now = services_.clock.now();
        action = octets ? session_.bytes(*octets, now) : session_.failed(words_of_end(written.error()), now);
      }
    } else if (const auto* tls = std::get_if<smtp::ClientStartTls>(&action)) {
      env::TlsClientRequest request = tls_request(requirement_, host_.host);
      auto facts = co_await stream_->tls_connect(std::move(request), tls->deadline);
      if (!facts) tls_fault_ = facts.error().tls_fault;
      const auto now = services_.clock.now();
      action = facts ? session_.tls_done(*facts, now) : session_.tls_failed(facts.error().detail, now);
    } else if (auto* hash = std::get_if<smtp::ClientHash>(&action)) {
      auto work = [what = std::move(hash->work)] {
        what();
        return true;
      };
      co_await env::on(services_.pool, std::move(work));
      action = session_.hashed(services_.clock.now());
    } else if (const auto* wanted = std::get_if<smtp::NeedBody>(&action)) {
      smtp::ClientAction next = co_await body(*wanted);
      action = std::move(next);
    } else if (std::holds_alternative<smtp::Idle>(action)) {
      ready_ = true;
      idle_since_ = services_.clock.now();
      co_return;
    } else if (std::holds_alternative<smtp::Finished>(action)) {
      finished_ = true;
      co_return;
    } else {
      auto& close = std::get<smtp::ClientClose>(action);
      if (!close.output.empty()) co_await stream_->write(close.output, services_.clock.now() + seconds(2));
      end_ = std::move(close.why);
      stream_->close();
      co_return;
    }
  }
}

}  // namespace postil::delivery
