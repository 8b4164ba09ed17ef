#include "support/world/https.hpp"

#include <fmt/format.h>

#include "support/world/world.hpp"

namespace postil::test {

void Web::page(const std::string& host, std::string body, std::string content_type, int status) {
  pages_[host] = {env::HttpsResponse{status, std::move(content_type), std::move(body)}};
}

void Web::fails(const std::string& host, env::HttpsError error) {
  pages_[host] = {std::unexpected(env::HttpsFailure{error, "as the test says"})};
}

env::Awaitable<env::HttpsResult> NodeHttps::exchange(env::HttpsRequest request, MonoTime deadline) {
  const auto self = node_.shared_from_this();
  World& world = self->world();
  Web& web = world.web();
  ++web.requests;
  env::HttpsResult result = std::unexpected(env::HttpsFailure{env::HttpsError::connect, "nobody listens"});
  Duration delay = milliseconds(50);
  if (request.addresses.empty()) {
    result = std::unexpected(env::HttpsFailure{env::HttpsError::no_address, "the host has no address"});
  } else if (const auto found = web.pages_.find(request.host); found != web.pages_.end()) {
    result = found->second.result;
    delay = found->second.delay;
  }
  const bool stalls = !result && result.error().error == env::HttpsError::timed_out;
  MonoTime comes = stalls ? deadline : std::min(deadline, self->now() + delay);
  if (!self->alive()) comes = self->now();
  auto parking = std::make_shared<Parking>(self);
  co_await parking->park(comes);
  if (result && result->body.size() > request.octets_max) {
    result = std::unexpected(env::HttpsFailure{env::HttpsError::too_large, "too much came"});
  }
  if (result && result->status / 100 == 2 && request.post) web.posted.push_back(request);
  world.note(fmt::format("{} fetches {}{}: {}", self->name(), request.host, request.path,
                         result ? result->status : -static_cast<int>(result.error().error)));
  co_return result;
}

}  // namespace postil::test
