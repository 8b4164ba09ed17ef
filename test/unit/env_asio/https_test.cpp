// The HTTPS port over libcurl, against servers of the test.
#include "env_asio/https.hpp"

#include <gmock/gmock.h>

#include "run.hpp"
#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using env::HttpsError;
using test::in;
using test::Loop;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Https : public ::testing::Test {
 protected:
  // One connection: handshake, the head of a request, these octets, the end; nothing more when `octets` is empty.
  void serve(const test::CertificateFiles& pem, std::string octets) {
    auto context = network.load_tls({pem.certificate, pem.key, ""});
    ASSERT_TRUE(context);
    auto made = network.listen({"127.0.0.1", 0}, {}, loop.executor());
    ASSERT_TRUE(made);
    listener = std::move(*made);
    auto one = [](Https* test, std::shared_ptr<env::TlsServerContext> with,
                  std::string answer) -> env::Awaitable<void> {
      auto accepted = co_await test->listener->accept(test->loop.executor());
      if (!accepted) co_return;
      auto stream = std::move(*accepted);
      const auto facts = co_await stream->tls_accept(with, in(seconds(5)));
      if (!facts) co_return;
      test->sni = facts->sni;
      while (test->request.find("\r\n\r\n") == std::string::npos) {
        const auto got = co_await stream->read(in(seconds(5)));
        if (!got) co_return;
        test->request += *got;
      }
      if (answer.empty()) {
        co_await stream->read(in(seconds(20)));  // until the client has had enough
        co_return;
      }
      co_await stream->write(answer, in(seconds(5)));
      stream->close();
    };
    loop.spawn(one(this, *context, std::move(octets)));
  }
  env::HttpsResult get(Duration patience = seconds(10), std::size_t octets_max = 64 * 1024) {
    env::HttpsRequest wanted;
    wanted.host = "mta-sts.example.com";
    wanted.port = listener ? listener->local().port : std::uint16_t{1};
    wanted.path = "/.well-known/mta-sts.txt";
    wanted.addresses = {"127.0.0.1"};
    wanted.ca_file = authority.files().certificate;
    wanted.octets_max = octets_max;
    return loop.run(https.exchange(std::move(wanted), in(patience)));
  }
  static std::string answer(const std::string& status, const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\n" + more + "\r\n" + body;
  }

  test::TemporaryFolder folder;
  test::CertificateAuthority authority{folder};
  test::CertificateFiles good = authority.make("web", {.names = {"mta-sts.example.com"}});
  AsioNetwork network;
  Loop loop;
  std::unique_ptr<env::Listener> listener;
  std::string request, sni;
  CurlHttps https;
};

TEST_F(Https, FetchesAPage) {
  serve(good, answer("200 OK", "version: STSv1\r\n"));
  const auto got = get();
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->content_type, "text/plain");
  EXPECT_EQ(got->body, "version: STSv1\r\n");
  EXPECT_EQ(sni, "mta-sts.example.com");
  EXPECT_THAT(request, StartsWith("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Host: mta-sts.example.com"));
}

TEST_F(Https, ARedirectIsNotFollowed) {
  serve(good, answer("302 Found", "", "Location: https://mta-sts.example.com/elsewhere\r\nContent-Length: 0\r\n"));
  const auto got = get();
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->status, 302);
}

TEST_F(Https, TheCertificateIsVerified) {
  const auto other = authority.make("other", {.names = {"www.example.com"}});
  const auto expired = authority.make("expired", {.names = {"mta-sts.example.com"}, .valid_to_seconds = -60});
  const test::TemporaryFolder elsewhere;
  const test::CertificateAuthority stranger(elsewhere, "stranger");
  const auto untrusted = stranger.make("untrusted", {.names = {"mta-sts.example.com"}});
  for (const auto& [pem, fault] : {std::pair{other, crypto::TlsFault::host_mismatch},
                                   {expired, crypto::TlsFault::expired},
                                   {untrusted, crypto::TlsFault::not_trusted}}) {
    serve(pem, answer("200 OK", "never"));
    const auto got = get();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().error, HttpsError::certificate) << got.error().detail;
    EXPECT_EQ(got.error().fault, fault) << got.error().detail;
    EXPECT_EQ(request, "") << "nothing was asked of it";
  }
}

TEST_F(Https, TooMuchIsRefused) {
  serve(good, answer("200 OK", std::string(100'000, 'x')));
  const auto got = get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, HttpsError::too_large);
}

TEST_F(Https, AServerThatStallsEndsAtTheDeadline) {
  serve(good, "");
  const auto before = std::chrono::steady_clock::now();
  const auto got = get(milliseconds(600));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, HttpsError::timed_out) << got.error().detail;
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_F(Https, NobodyListens) {
  const auto got = get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, HttpsError::connect) << got.error().detail;
}

TEST_F(Https, WhatIsNoHttpIsTold) {
  serve(good, "220 mx.example.com ESMTP\r\n");
  const auto got = get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, HttpsError::protocol) << got.error().detail;
}

TEST_F(Https, WithoutAnAddressNothingIsTried) {
  env::HttpsRequest wanted;
  wanted.host = "localhost";  // the system knows it; we do not ask it
  const auto got = loop.run(https.exchange(std::move(wanted), in(seconds(5))));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, HttpsError::no_address);
}

TEST_F(Https, APostSendsItsBody) {
  serve(good, answer("201 Created", "", "Content-Length: 0\r\n"));
  env::HttpsRequest wanted;
  wanted.host = "mta-sts.example.com";
  wanted.port = listener->local().port;
  wanted.addresses = {"127.0.0.1"};
  wanted.ca_file = authority.files().certificate;
  wanted.post = env::HttpsRequest::Post{"application/tlsrpt+gzip", "report"};
  const auto got = loop.run(https.exchange(std::move(wanted), in(seconds(10))));
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(got->status, 201);
  EXPECT_THAT(request, StartsWith("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/tlsrpt+gzip"));
}

TEST_F(Https, TheEndOfTheProgramEndsWhatIsUnderWay) {
  serve(good, "");
  auto own = std::make_unique<CurlHttps>();
  env::HttpsRequest wanted;
  wanted.host = "mta-sts.example.com";
  wanted.port = listener->local().port;
  wanted.addresses = {"127.0.0.1"};
  wanted.ca_file = authority.files().certificate;
  loop.later([&] { own.reset(); });
  const auto got = loop.run(own->exchange(std::move(wanted), in(seconds(20))));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error, HttpsError::unavailable);
}

}  // namespace
}  // namespace postil::env_asio
