#include "control/api.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

namespace postil::control {
namespace {

constexpr std::size_t request_octets_max = 1u << 20;
constexpr std::size_t answer_octets_max = 256u << 20;

// For who cannot even be asked what he wants.
std::string no_descriptors() {
  return json::serialize(failure("no_descriptors", "the server has no file descriptors left")) + "\n";
}

// Reads up to the next newline; nothing at the end of the stream or when the line is too long.
env::Awaitable<std::optional<std::string>> read_line(env::Stream& stream, std::string& buffer, std::size_t octets_max,
                                                     MonoTime deadline) {
  for (;;) {
    const auto end = buffer.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      co_return line;
    }
    if (buffer.size() > octets_max) co_return std::nullopt;
    const auto octets = co_await stream.read(deadline);
    if (!octets) co_return std::nullopt;
    buffer.append(*octets);
  }
}

env::Awaitable<void> serve_one(env::StreamPtr stream, Handler& handler, env::Clock& clock) {
  Caller caller;
  if (const auto credentials = stream->credentials()) caller = {credentials->uid, credentials->pid};
  std::string buffer;
  for (;;) {
    const auto line = co_await read_line(*stream, buffer, request_octets_max, clock.now() + minutes(5));
    if (!line) co_return;
    boost::system::error_code error;
    json::value request = json::parse(*line, error);
    json::object answer;
    if (error || !request.is_object()) {
      answer = failure("bad_request", "a request is one JSON object in a line");
    } else {
      answer = co_await handler.handle(std::move(request.as_object()), caller);
    }
    const std::string text = json::serialize(answer) + "\n";
    const auto written = co_await stream->write(text, clock.now() + minutes(1));
    if (!written) co_return;
  }
}

}  // namespace

json::object failure(std::string_view error, std::string text) {
  return {{"ok", false}, {"error", error}, {"text", std::move(text)}};
}

env::Awaitable<void> serve(env::Listener& listener, Handler& handler, env::Clock& clock, env::Timers& timers) {
  const env::Executor executor = co_await boost::asio::this_coro::executor;
  auto pause = timers.make(executor);
  for (;;) {
    auto stream = co_await listener.accept(executor);
    if (!stream) {
      if (stream.error().error == env::NetError::cancelled) co_return;
      if (stream.error().error == env::NetError::limit && listener.turn_away(no_descriptors())) continue;
      co_await pause->wait_until(clock.now() + milliseconds(100));
      continue;
    }
    boost::asio::co_spawn(executor, serve_one(std::move(*stream), handler, clock), boost::asio::detached);
  }
}

env::Awaitable<std::expected<json::object, CallError>> call(env::Network& network, env::Clock& clock,
                                                            std::string socket, json::object request,
                                                            Duration patience) {
  const MonoTime deadline = clock.now() + patience;
  env::Endpoint to{std::move(socket), 0};
  auto stream = co_await network.connect(std::move(to), std::string(), deadline);
  if (!stream) {
    const auto error = stream.error().error;
    co_return std::unexpected(error == env::NetError::permission  ? CallError::no_permission
                              : error == env::NetError::timed_out ? CallError::timed_out
                                                                  : CallError::not_running);
  }
  const std::string text = json::serialize(request) + "\n";
  const auto written = co_await (*stream)->write(text, deadline);
  if (!written) co_return std::unexpected(CallError::broken);
  std::string buffer;
  const auto line = co_await read_line(**stream, buffer, answer_octets_max, deadline);
  if (!line) co_return std::unexpected(clock.now() >= deadline ? CallError::timed_out : CallError::broken);
  boost::system::error_code error;
  json::value answer = json::parse(*line, error);
  if (error || !answer.is_object()) co_return std::unexpected(CallError::broken);
  co_return std::move(answer.as_object());
}

}  // namespace postil::control
