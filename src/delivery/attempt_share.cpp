// A connection that another domain with the same MX hosts has left carries this one's mail too, where what was verified
// on it satisfies this domain's own policy.
#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <iterator>
#include <utility>

#include "delivery/attempt_run.hpp"
#include "delivery/host_policy.hpp"

namespace postil::delivery {

bool Attempt::may_share(const Connection& connection, const HostAddress& host,
                        const transport::MessageRuling& ruling) const {
  const HostAddress& there = connection.host();
  if (there.host != host.host || there.address != host.address || there.port != host.port) return false;
  if (!there.policy || there.policy->settings->smarthost || !same_tls(*there.policy->settings, *settings_)) {
    return false;
  }
  if (ruling.must_offer_requiretls && !connection.session().extensions().requiretls) return false;
  const auto most =
      std::min<std::uint64_t>(settings_->messages_per_connection_max, what_.limits.messages_per_connection);
  if (connection.sent() >= most || fitting_in(connection, pending_).empty()) return false;
  return transport::satisfies(connection.verified(), ruling.ruling.requirement);
}

env::Awaitable<bool> Attempt::try_shared(HostAddress host, transport::MessageRuling ruling) {
  if (settings_->smarthost) co_return false;  // all of its mail is one site's
  const env::Executor here = co_await boost::asio::this_coro::executor;
  const auto fits = [&](const Connection& connection) {
    return connection.executor() == here && may_share(connection, host, ruling);
  };
  std::unique_ptr<Connection> shared = pool_.take_where(what_.hosts, fits);
  if (!shared || !shared->fresh()) co_return false;
  shared->serve(std::move(host));
  stale_ = false;
  co_await send(std::move(shared), true);
  if (!stale_) co_return true;
  // It had ended meanwhile, which says nothing of the host.
  std::ranges::move(std::exchange(unsent_, {}), std::back_inserter(pending_));
  co_return false;
}

}  // namespace postil::delivery
