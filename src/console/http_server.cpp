#include "console/http_server.hpp"

#include <fmt/chrono.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/beast/http.hpp>
#include <sstream>

#include "base/bytes.hpp"

namespace postil::console {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

using Parser = http::request_parser<http::string_body>;

std::string field(const Parser& parser, http::field name) {
  const auto at = parser.get().find(name);
  return at == parser.get().end() ? std::string() : std::string(at->value());
}

HttpResponse refusal(unsigned status) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  return {
      .status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(reason) + "\n", .headers = {}};
}

// What a request that cannot be read gets; 0: the peer is just gone.
unsigned status_of(const beast::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::bad_version) return 505;
  return 400;
}

// One Host field, which HTTP/1.0 may leave out [rfc9112 3.2].
bool names_host(const Parser& parser) {
  const auto count = parser.get().count(http::field::host);
  return count == 1 || (count == 0 && parser.get().version() < 11);
}

// The path and query of "http://example.org/de/?q=1", which a client may write as well [rfc9112 3.2.2].
std::string origin_form(std::string_view target) {
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return std::string(target);
  const auto scheme = to_lower(target.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return std::string(target);
  target.remove_prefix(scheme_end + 3);
  const auto end = target.find_first_of("/?");
  if (end == std::string_view::npos) return "/";
  return (target[end] == '?' ? "/" : "") + std::string(target.substr(end));
}

// "Sun, 06 Nov 1994 08:49:37 GMT" [rfc9110 5.6.7].
std::string date_field(WallTime now) {
  const auto time = static_cast<std::time_t>(unix_microseconds(now) / 1'000'000);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(time));
}

std::string in_octets(const HttpResponse& answer, WallTime now, bool head_only, bool keep) {
  http::response<http::empty_body> head(static_cast<http::status>(answer.status), 11);
  if (answer.status != 304) {
    head.set(http::field::content_type, answer.content_type);
    head.set(http::field::content_length, std::to_string(answer.body.size()));
  }
  head.set(http::field::date, date_field(now));
  for (const auto& [name, value] : answer.headers) head.insert(name, value);
  head.set(http::field::connection, keep ? "keep-alive" : "close");
  std::ostringstream out;
  out << head.base();
  auto octets = std::move(out).str();
  if (!head_only && answer.status != 304) octets += answer.body;
  return octets;
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(env::Network& network_, env::Clock& clock_, env::Timers& timers_, env::Executor executor_, HttpLimits limits_)
      : network(network_), clock(clock_), timers(timers_), executor(std::move(executor_)), limits(limits_) {}

  env::Awaitable<void> accept(std::shared_ptr<env::Listener> listener, std::shared_ptr<HttpHandler> handler);
  env::Awaitable<void> serve(std::shared_ptr<env::Stream> stream, std::shared_ptr<HttpHandler> handler);
  env::Awaitable<bool> one_request(env::Stream& stream, std::string& rest, const HttpHandler& handler, bool last);
  static std::size_t feed(Parser& parser, std::string& rest, unsigned& problem);
  env::Awaitable<bool> read_body(env::Stream& stream, Parser& parser, std::string& rest, unsigned& problem);
  env::Awaitable<bool> read_head(env::Stream& stream, Parser& parser, std::string& rest, unsigned& problem);

  env::Network& network;
  env::Clock& clock;
  env::Timers& timers;
  env::Executor executor;
  HttpLimits limits;
  std::vector<std::shared_ptr<env::Listener>> listeners;
  std::size_t connections = 0;
  bool stopped = false;
};

HttpServer::HttpServer(env::Network& network, env::Clock& clock, env::Timers& timers, env::Executor executor,
                       HttpLimits limits)
    : state_(std::make_shared<State>(network, clock, timers, std::move(executor), limits)) {}

HttpServer::~HttpServer() {
  stop();
}

env::NetResult<env::Endpoint> HttpServer::listen(const env::Endpoint& at, HttpHandler handler) {
  auto listener = state_->network.listen(at, {}, state_->executor);
  if (!listener) return std::unexpected(listener.error());
  std::shared_ptr<env::Listener> shared = std::move(*listener);
  auto where = shared->local();
  state_->listeners.push_back(shared);
  auto answers = std::make_shared<HttpHandler>(std::move(handler));
  boost::asio::co_spawn(
      state_->executor,
      [state = state_, shared, answers]() -> env::Awaitable<void> { return state->accept(shared, answers); },
      boost::asio::detached);
  return where;
}

void HttpServer::stop() {
  state_->stopped = true;
  for (const auto& listener : state_->listeners) listener->close();
  state_->listeners.clear();
}

std::size_t HttpServer::connections() const {
  return state_->connections;
}

env::Awaitable<void> HttpServer::State::accept(std::shared_ptr<env::Listener> listener,
                                               std::shared_ptr<HttpHandler> handler) {
  const auto self = shared_from_this();
  const auto pause = timers.make(executor);
  while (!stopped) {
    auto stream = co_await listener->accept(executor);
    if (!stream) {
      if (stream.error().error == env::NetError::cancelled) co_return;
      co_await pause->wait_until(clock.now() + milliseconds(100));
      continue;
    }
    if (connections >= limits.connections_max) continue;  // closed by its destructor
    std::shared_ptr<env::Stream> shared = std::move(*stream);
    boost::asio::co_spawn(
        executor, [self, shared, handler]() -> env::Awaitable<void> { return self->serve(shared, handler); },
        boost::asio::detached);
  }
}

env::Awaitable<void> HttpServer::State::serve(std::shared_ptr<env::Stream> stream,
                                              std::shared_ptr<HttpHandler> handler) {
  const auto self = shared_from_this();
  ++connections;
  std::string rest;  // read, and not yet used
  for (std::size_t n = 1; n <= limits.requests_max && !stopped; ++n) {
    const bool more = co_await one_request(*stream, rest, *handler, n == limits.requests_max);
    if (!more) break;
  }
  stream->close();
  --connections;
}

// Gives the parser what it takes of rest, and how much that was; problem: of what cannot be read.
std::size_t HttpServer::State::feed(Parser& parser, std::string& rest, unsigned& problem) {
  beast::error_code error;
  const auto used = parser.put(boost::asio::buffer(rest), error);
  rest.erase(0, used);
  if (error && error != http::error::need_more) problem = status_of(error);
  return used;
}

// False: the peer has gone, or problem says what it is told.
env::Awaitable<bool> HttpServer::State::read_head(env::Stream& stream, Parser& parser, std::string& rest,
                                                  unsigned& problem) {
  MonoTime deadline = clock.now() + (rest.empty() ? limits.idle_time : limits.head_time);
  bool begun = !rest.empty();
  for (;;) {
    if (!rest.empty()) {
      (void)feed(parser, rest, problem);
      if (problem != 0) co_return false;
      if (parser.is_header_done()) co_return true;
      if (rest.size() > limits.head_octets_max) {
        problem = 431;
        co_return false;
      }
    }
    const auto octets = co_await stream.read(deadline);
    if (!octets) {
      if (begun && octets.error().error == env::NetError::timed_out) problem = 408;
      co_return false;
    }
    if (!begun) {
      begun = true;
      deadline = clock.now() + limits.head_time;
    }
    rest.append(*octets);
  }
}

env::Awaitable<bool> HttpServer::State::read_body(env::Stream& stream, Parser& parser, std::string& rest,
                                                  unsigned& problem) {
  const MonoTime deadline = clock.now() + limits.body_time;
  if (!parser.is_done() && beast::iequals(field(parser, http::field::expect), "100-continue")) {
    const auto told = co_await stream.write("HTTP/1.1 100 Continue\r\n\r\n", deadline);
    if (!told) co_return false;
  }
  while (!parser.is_done()) {
    if (!rest.empty()) {
      const auto used = feed(parser, rest, problem);
      if (problem != 0) co_return false;
      if (parser.is_done()) co_return true;
      if (used > 0 && !rest.empty()) continue;
    }
    const auto octets = co_await stream.read(deadline);
    if (!octets) {
      if (octets.error().error == env::NetError::timed_out) problem = 408;
      co_return false;
    }
    rest.append(*octets);
  }
  co_return true;
}

// Reads one request and answers it; true when another may follow on the connection.
env::Awaitable<bool> HttpServer::State::one_request(env::Stream& stream, std::string& rest, const HttpHandler& handler,
                                                    bool last) {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.head_octets_max));
  parser.body_limit(limits.body_octets_max);
  unsigned problem = 0;
  bool good = co_await read_head(stream, parser, rest, problem);
  if (good && !names_host(parser)) {
    good = false;
    problem = 400;
  }
  if (good) good = co_await read_body(stream, parser, rest, problem);
  if (!good) {
    if (problem != 0) {
      const std::string octets = in_octets(refusal(problem), clock.wall(), false, false);
      const auto written = co_await stream.write(octets, clock.now() + limits.write_time);
      static_cast<void>(written);
    }
    co_return false;
  }
  const bool keep = parser.get().keep_alive() && !last && !stopped;
  HttpRequest request;
  request.method = std::string(parser.get().method_string());
  request.target = origin_form(parser.get().target());
  request.content_type = field(parser, http::field::content_type);
  request.accept_language = field(parser, http::field::accept_language);
  request.if_none_match = field(parser, http::field::if_none_match);
  request.body = std::move(parser.get().body());
  const bool head_only = request.method == "HEAD";
  HttpResponse answer;
  if (!head_only && request.method != "GET" && request.method != "POST") {
    answer = refusal(501);
  } else {
    answer = co_await handler(std::move(request));
  }
  const std::string octets = in_octets(answer, clock.wall(), head_only, keep);
  const auto written = co_await stream.write(octets, clock.now() + limits.write_time);
  co_return written&& keep;
}

}  // namespace postil::console
