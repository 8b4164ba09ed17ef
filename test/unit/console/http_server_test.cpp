// The server over real sockets: what goes over the wire, and every limit.
#include "console/http_server.hpp"

#include <gmock/gmock.h>

#include "../env_asio/run.hpp"
#include "env_asio/timers.hpp"

namespace postil::console {
namespace {

using postil::test::in;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

env::Awaitable<HttpResponse> echo(HttpRequest request) {
  HttpResponse answer;
  answer.body = request.method + " " + request.target + " " + request.body;
  answer.headers = {{"X-Language", request.accept_language}};
  if (request.target == "/same") answer.status = 304;
  co_return answer;
}

HttpLimits short_limits() {
  HttpLimits limits;
  limits.connections_max = 2;
  limits.head_octets_max = 1024;
  limits.body_octets_max = 100;
  limits.requests_max = 3;
  limits.head_time = milliseconds(150);
  limits.body_time = milliseconds(150);
  limits.idle_time = milliseconds(300);
  return limits;
}

class Server : public testing::Test {
 protected:
  Server() : server_(network_, clock_, timers_, loop_.executor(), short_limits()) {
    const auto at = server_.listen({"127.0.0.1", 0}, echo);
    EXPECT_TRUE(at);
    at_ = at.value_or(env::Endpoint{});
  }
  static env::Awaitable<env::NetResult<std::string>> read_some(env::Stream* stream) {
    auto got = co_await stream->read(in(seconds(5)));
    if (!got) co_return std::unexpected(got.error());
    co_return std::string(*got);
  }
  env::StreamPtr connect() {
    auto stream = loop_.run(network_.connect(at_, "", in(seconds(5))));
    EXPECT_TRUE(stream);
    return stream ? std::move(*stream) : nullptr;
  }
  void write(env::Stream& stream, std::string_view octets) {
    EXPECT_TRUE(loop_.run(stream.write(octets, in(seconds(5)))));
  }
  // Until the server closes.
  std::string read_all(env::Stream& stream) {
    std::string out;
    for (;;) {
      auto octets = loop_.run(read_some(&stream));
      if (!octets) return out;
      out += *octets;
    }
  }
  std::string read_until(env::Stream& stream, std::string_view end) {
    std::string out;
    while (!out.ends_with(end)) {
      auto octets = loop_.run(read_some(&stream));
      if (!octets) return out + " (closed)";
      out += *octets;
    }
    return out;
  }
  // One connection: writes, and gives all that comes back.
  std::string exchange(std::string_view octets) {
    auto stream = connect();
    write(*stream, octets);
    return read_all(*stream);
  }

  env_asio::AsioNetwork network_;
  env_asio::SystemClock clock_;
  env_asio::AsioTimers timers_;
  postil::test::Loop loop_;
  HttpServer server_;
  env::Endpoint at_;
};

TEST_F(Server, AnswersAndCloses) {
  const auto answer = exchange("GET /a?b HTTP/1.1\r\nHost: x\r\nAccept-Language: de\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Language: de\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nGET /a?b "));
}

TEST_F(Server, AnAnswerSaysWhenItWasMade) {
  for (const char* request : {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "nonsense\r\n\r\n"})
    EXPECT_THAT(exchange(request), testing::ContainsRegex("\r\nDate: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} "
                                                          "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT\r\n"));
}

TEST_F(Server, ARequestNamesOneHost) {
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, AnAddressMayBeWrittenWithItsScheme) {
  const std::pair<const char*, const char*> rows[] = {{"http://x/a?b", "/a?b"},
                                                      {"HTTPS://x:80/", "/"},
                                                      {"http://x", "/"},
                                                      {"http://x?b", "/?b"},
                                                      {"/a?to=http://y/z", "/a?to=http://y/z"}};
  for (const auto& [target, path] : rows) {
    const auto request = std::string("GET ") + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    EXPECT_THAT(exchange(request), EndsWith("GET " + std::string(path) + " ")) << target;
  }
}

TEST_F(Server, OneConnectionServesSeveralRequestsAlsoWhenTheyComeAtOnce) {
  const auto answer = exchange(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("GET /1 "));
  EXPECT_THAT(answer, HasSubstr("POST /2 abc"));
  EXPECT_THAT(answer, EndsWith("GET /3 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));  // the third is the last
}

TEST_F(Server, EachOctetMayComeByItself) {
  auto stream = connect();
  for (const char c : std::string("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")) {
    write(*stream, std::string(1, c));
  }
  EXPECT_THAT(read_all(*stream), EndsWith("POST /x ab"));
}

TEST_F(Server, HeadHasTheLengthAndNoBody) {
  const auto answer = exchange("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(Server, NotModifiedHasNoBodyAndNoLength) {
  const auto answer = exchange("GET /same HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 304 Not Modified\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(Server, ABodyMayBeAskedFor) {
  auto stream = connect();
  write(*stream,
        "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(read_until(*stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  write(*stream, "ab");
  EXPECT_THAT(read_all(*stream), EndsWith("POST /x ab"));
}

TEST_F(Server, ChunksAreABody) {
  const auto answer = exchange(
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("POST /x abc"));
}

TEST_F(Server, WhatIsTooLargeIsRefused) {
  const auto head = "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2000, 'x') + "\r\n\r\n";
  EXPECT_THAT(exchange(head), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(exchange("GET /" + std::string(5000, 'x')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  const auto chunk = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nC8\r\n" + std::string(200, 'x');
  EXPECT_THAT(exchange(chunk), StartsWith("HTTP/1.1 413 "));
}

TEST_F(Server, WhatIsNoRequestIsRefused) {
  EXPECT_THAT(exchange("EHLO client.example.net\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nBad Header\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange("PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 501 "));
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(Server, WhoIsSlowIsLetGo) {
  auto silent = connect();
  EXPECT_THAT(read_all(*silent), IsEmpty());
  auto slow_head = connect();
  write(*slow_head, "GET / HT");
  EXPECT_THAT(read_all(*slow_head), StartsWith("HTTP/1.1 408 "));
  auto slow_body = connect();
  write(*slow_body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
  EXPECT_THAT(read_all(*slow_body), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(server_.connections(), 0u);
}

TEST_F(Server, MoreConnectionsThanAllowedAreClosedAtOnce) {
  auto first = connect();
  auto second = connect();
  write(*first, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  write(*second, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(read_until(*first, "GET /1 "), HasSubstr("200 OK"));
  EXPECT_THAT(read_until(*second, "GET /2 "), HasSubstr("200 OK"));
  EXPECT_EQ(server_.connections(), 2u);
  auto third = connect();
  EXPECT_THAT(read_all(*third), IsEmpty());
  first->close();
  EXPECT_THAT(read_all(*second), IsEmpty());  // it was idle for too long
  EXPECT_THAT(exchange("GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), EndsWith("GET /4 "));
}

TEST_F(Server, StopsWhileSomebodyIsConnected) {
  auto stream = connect();
  write(*stream, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  read_until(*stream, "GET /1 ");
  server_.stop();
  EXPECT_THAT(read_all(*stream), IsEmpty());
  const auto refused = loop_.run(network_.connect(at_, "", in(seconds(5))));
  EXPECT_FALSE(refused);
}

}  // namespace
}  // namespace postil::console
