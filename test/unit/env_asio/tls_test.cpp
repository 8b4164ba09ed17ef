#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>

#include "env_asio/tls.hpp"
#include "run.hpp"
#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using env::NetError;
using test::in;
using test::Loop;
using test::Pair;
using ::testing::HasSubstr;

using Handshake = env::NetResult<crypto::TlsFacts>;

class Tls : public ::testing::Test {
 protected:
  std::shared_ptr<env::TlsServerContext> context(const test::CertificateFiles& pem, std::string client_ca = "") {
    auto loaded = network.load_tls({pem.certificate, pem.key, std::move(client_ca)});
    EXPECT_TRUE(loaded) << loaded.error();
    return loaded ? *loaded : nullptr;
  }
  Pair pair() {
    auto listener = network.listen({"127.0.0.1", 0}, {}, loop.executor());
    return loop.run(test::connect_pair(&network, listener->get()));
  }
  struct Both {
    std::optional<Handshake> server;
    std::optional<Handshake> client;
  };
  Both handshake(Pair& ends, std::shared_ptr<env::TlsServerContext> server_context, env::TlsClientRequest request) {
    auto out = std::make_shared<Both>();
    loop.spawn([](env::Stream* stream, std::shared_ptr<env::TlsServerContext> with,
                  std::shared_ptr<Both> results) -> env::Awaitable<void> {
      auto done = co_await stream->tls_accept(with, in(seconds(5)));
      results->server.emplace(std::move(done));
    }(ends.server.get(), std::move(server_context), out));
    out->client.emplace(loop.run(ends.client->tls_connect(std::move(request), in(seconds(5)))));
    while (!out->server && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
    }
    EXPECT_TRUE(out->server);
    return *out;
  }
  env::NetResult<std::string> read(env::Stream& stream, Duration limit = seconds(5)) {
    return loop.run([](env::Stream* from, Duration wait) -> env::Awaitable<env::NetResult<std::string>> {
      auto got = co_await from->read(in(wait));
      if (!got) co_return std::unexpected(got.error());
      co_return std::string(*got);
    }(&stream, limit));
  }

  test::TemporaryFolder folder;
  test::CertificateAuthority authority{folder};
  test::CertificateFiles files = authority.make("mx", {.names = {"mx.example.com", "127.0.0.1"}});
  AsioNetwork network;
  Loop loop;
};

TEST_F(Tls, VerifiesNameAndChainAndTellsTheFacts) {
  auto ends = pair();
  auto both = handshake(ends, context(files),
                        {.server_name = "mx.example.com", .verify = true, .ca_file = authority.files().certificate});
  ASSERT_TRUE(*both.client) << both.client->error().detail;
  ASSERT_TRUE(*both.server) << both.server->error().detail;
  const auto& client = **both.client;
  const auto& server = **both.server;
  EXPECT_EQ(client.version, "TLSv1.3");
  EXPECT_EQ(client.cipher, server.cipher);
  EXPECT_EQ(server.sni, "mx.example.com");
  EXPECT_TRUE(client.peer_verified);
  EXPECT_EQ(client.verify_error, "");
  EXPECT_EQ(client.exporter.size(), 32u);
  EXPECT_EQ(client.exporter, server.exporter);
  EXPECT_EQ(client.server_end_point.size(), 32u);
  EXPECT_EQ(client.server_end_point, server.server_end_point);
  EXPECT_EQ(server.peer_identity, "");
  ASSERT_TRUE(loop.run(ends.client->write("EHLO\r\n", in(seconds(5)))));
  EXPECT_EQ(read(*ends.server).value(), "EHLO\r\n");
  ends.server->close();
  const auto end = read(*ends.client);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().error, NetError::closed);
  EXPECT_EQ(end.error().detail, "");  // close_notify came
}

TEST_F(Tls, VerifiesAnAddress) {
  auto ends = pair();
  auto both = handshake(ends, context(files),
                        {.server_name = "127.0.0.1", .verify = true, .ca_file = authority.files().certificate});
  ASSERT_TRUE(*both.client) << both.client->error().detail;
  EXPECT_EQ((*both.server)->sni, "");  // [rfc6066 3]
}

TEST_F(Tls, AWrongNameFailsOnlyWhereItIsVerified) {
  auto ends = pair();
  auto both = handshake(ends, context(files),
                        {.server_name = "mx.example.net", .verify = true, .ca_file = authority.files().certificate});
  ASSERT_FALSE(*both.client);
  EXPECT_EQ(both.client->error().error, NetError::tls);
  EXPECT_THAT(both.client->error().detail, HasSubstr("ostname mismatch (it is for mx.example.com, 127.0.0.1)"));
  ASSERT_FALSE(loop.run(ends.client->write("MAIL", in(seconds(1)))));  // never in clear after that

  auto again = pair();
  both = handshake(again, context(files), {.server_name = "mx.example.net", .ca_file = authority.files().certificate});
  ASSERT_TRUE(*both.client);
  EXPECT_FALSE((*both.client)->peer_verified);
  EXPECT_THAT((*both.client)->verify_error, HasSubstr("ostname mismatch"));
}

TEST_F(Tls, AStrangersCertificateFailsOnlyWhereItIsVerified) {
  const test::CertificateAuthority stranger(folder, "stranger");
  auto ends = pair();
  auto both = handshake(ends, context(files),
                        {.server_name = "mx.example.com", .verify = true, .ca_file = stranger.files().certificate});
  ASSERT_FALSE(*both.client);
  EXPECT_EQ(both.client->error().error, NetError::tls);
  auto again = pair();
  both = handshake(again, context(files), {.server_name = "mx.example.com"});
  ASSERT_TRUE(*both.client);
  EXPECT_FALSE((*both.client)->peer_verified);
  EXPECT_NE((*both.client)->verify_error, "");
}

TEST_F(Tls, ALookTakesEveryCertificateAndTellsAllFaults) {
  const auto expired = authority.make("old", {.names = {"mx.example.com"}, .valid_to_seconds = -60});
  struct Case {
    test::CertificateFiles files;
    std::string ca_file, error;
  };
  const std::string trusted = authority.files().certificate;
  const Case cases[] = {
      {files, trusted, ""}, {files, "", "unable to get local issuer"}, {expired, trusted, "has expired"}};
  for (const auto& one : cases) {
    auto ends = pair();
    auto both =
        handshake(ends, context(one.files), {.server_name = "mx.example.net", .ca_file = one.ca_file, .inspect = true});
    ASSERT_TRUE(*both.client) << both.client->error().detail;
    const auto& facts = **both.client;
    EXPECT_FALSE(facts.peer_verified) << "nothing is to be sent there";
    if (one.error.empty()) {
      EXPECT_EQ(facts.verify_error, "") << "the name is not compared";
    } else {
      EXPECT_THAT(facts.verify_error, HasSubstr(one.error));
    }
    ASSERT_EQ(facts.chain.size(), 1u);
    const auto certificate = crypto::read_certificate(facts.chain.front());
    ASSERT_TRUE(certificate);
    EXPECT_EQ(certificate->key, "EC");
    EXPECT_EQ(certificate->key_bits, 256);
    EXPECT_TRUE(crypto::certificate_is_for(facts.chain.front(), "mx.example.com"));
    EXPECT_FALSE(crypto::certificate_is_for(facts.chain.front(), "mx.example.net"));
    EXPECT_EQ(crypto::certificate_is_for(facts.chain.front(), "127.0.0.1"), &one != &cases[2]);
    EXPECT_EQ(crypto::tlsa_octets(facts.chain.front(), 0, 0), facts.chain.front());
    EXPECT_EQ(crypto::tlsa_octets(facts.chain.front(), 1, 1).size(), 32u);
    EXPECT_EQ(crypto::tlsa_octets(facts.chain.front(), 1, 2).size(), 64u);
    EXPECT_EQ(crypto::tlsa_octets(facts.chain.front(), 2, 1), "");
  }
}

TEST_F(Tls, ALookInOneVersionAlone) {
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    auto ends = pair();
    auto both = handshake(ends, context(files), {.server_name = "mx.example.com", .inspect = true, .version = version});
    ASSERT_TRUE(*both.client) << both.client->error().detail;
    EXPECT_EQ((*both.client)->version, version);
  }
  auto ends = pair();
  auto both = handshake(ends, context(files), {.server_name = "mx.example.com", .inspect = true, .version = "TLSv1.1"});
  EXPECT_FALSE(*both.client) << "our server does not speak it";
}

TEST_F(Tls, AnExpiredCertificateLoadsAndIsSeen) {
  const auto old =
      authority.make("old", {.names = {"mx.example.com"}, .valid_from_seconds = -7200, .valid_to_seconds = -3600});
  const auto facts = certificate_facts({old.certificate, old.key, ""});
  ASSERT_TRUE(facts) << facts.error();
  EXPECT_LT(facts->not_after, SystemClock().wall());
  auto ends = pair();
  auto both = handshake(ends, context(old),
                        {.server_name = "mx.example.com", .verify = true, .ca_file = authority.files().certificate});
  ASSERT_FALSE(*both.client);
  EXPECT_THAT(both.client->error().detail, HasSubstr("expired"));
}

TEST_F(Tls, FactsOfACertificate) {
  const auto facts = certificate_facts({files.certificate, files.key, ""});
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->subject, "CN=mx.example.com");
  EXPECT_EQ(facts->issuer, "CN=test-ca");
  EXPECT_THAT(facts->names, ::testing::ElementsAre("mx.example.com", "127.0.0.1"));
  EXPECT_FALSE(facts->self_signed);
  EXPECT_NEAR(static_cast<double>(unix_microseconds(facts->not_after) - unix_microseconds(SystemClock().wall())),
              7e6 * 86400, 60e6);
}

TEST_F(Tls, LoadingSaysWhatToDo) {
  const auto error = [&](const std::string& certificate, const std::string& key, const std::string& ca = "") {
    auto loaded = network.load_tls({certificate, key, ca});
    return loaded ? std::string("loaded") : loaded.error();
  };
  const auto missing = folder.file("missing.pem");
  EXPECT_THAT(error(missing, files.key), HasSubstr("The certificate file " + missing + " does not exist"));
  EXPECT_THAT(error(files.certificate, missing), HasSubstr("The key file " + missing + " does not exist"));
  EXPECT_THAT(error(files.certificate, files.key, missing), HasSubstr("The client CA file " + missing));
  EXPECT_THAT(error("", files.key), HasSubstr("No certificate file is given"));
  EXPECT_THAT(error(folder.path(), files.key), HasSubstr("is a folder"));
  const auto text = folder.write("text.pem", "hello\n");
  EXPECT_THAT(error(text, files.key), HasSubstr("holds no PEM certificate"));
  EXPECT_THAT(error(files.certificate, text), HasSubstr("holds no PEM key"));
  EXPECT_THAT(error(files.certificate, files.key, text), HasSubstr("holds no PEM certificate"));
  const auto damaged = folder.write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(error(damaged, files.key), HasSubstr("damaged"));
  EXPECT_THAT(error(files.certificate, authority.files().key), HasSubstr("does not belong to the certificate"));
  EXPECT_THAT(error(files.certificate, test::encrypt_key(files.key, folder.file("locked.key"))),
              HasSubstr("encrypted with a passphrase"));
  if (::getuid() != 0) {
    ::chmod(files.key.c_str(), 0);
    EXPECT_THAT(error(files.certificate, files.key), HasSubstr("may not be read by the user"));
  }
}

TEST_F(Tls, WhatWasSentInClearNeverAppearsInside) {
  // A man in the middle sends octets behind STARTTLS: read with it, they are the session's to drop; in the socket,
  // they are no ClientHello.
  auto ends = pair();
  ASSERT_TRUE(loop.run(ends.client->write("STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n", in(seconds(5)))));
  EXPECT_THAT(read(*ends.server).value(), HasSubstr("STARTTLS"));
  auto both = handshake(ends, context(files), {.server_name = "mx.example.com"});
  ASSERT_TRUE(*both.server);
  ASSERT_TRUE(loop.run(ends.client->write("EHLO\r\n", in(seconds(5)))));
  EXPECT_EQ(read(*ends.server).value(), "EHLO\r\n");

  auto late = pair();
  ASSERT_TRUE(loop.run(late.client->write("MAIL FROM:<evil@example.com>\r\n", in(seconds(5)))));
  auto failed = loop.run(late.server->tls_accept(context(files), in(seconds(5))));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().error, NetError::tls);
  const auto after = read(*late.server);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().error, NetError::tls);
}

TEST_F(Tls, AServersClearOctetsBehindItsReplyFailTheHandshake) {  // CVE-2021-38371
  auto ends = pair();
  ASSERT_TRUE(loop.run(ends.server->write("220 go\r\n250-AUTH PLAIN\r\n250 X\r\n", in(seconds(5)))));
  EXPECT_THAT(read(*ends.client).value(), HasSubstr("220 go"));
  ASSERT_TRUE(loop.run(ends.server->write("250 late\r\n", in(seconds(5)))));
  auto failed = loop.run(ends.client->tls_connect({.server_name = "mx.example.com"}, in(seconds(5))));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().error, NetError::tls);
}

TEST_F(Tls, AHandshakeHasADeadline) {
  auto ends = pair();
  auto failed = loop.run(ends.server->tls_accept(context(files), in(milliseconds(50))));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().error, NetError::timed_out);
}

TEST_F(Tls, APeerThatClosesInTheHandshakeIsATlsFailure) {
  auto ends = pair();
  ends.client->close();
  auto failed = loop.run(ends.server->tls_accept(context(files), in(seconds(5))));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().error, NetError::tls);
  EXPECT_THAT(failed.error().detail, HasSubstr("closed the connection during the TLS handshake"));
}

TEST_F(Tls, CarriesMuchBothWaysAtOnce) {
  auto ends = pair();
  auto both = handshake(ends, context(files), {.server_name = "mx.example.com"});
  ASSERT_TRUE(*both.client);
  const std::string data(8'000'000, 'd');
  const auto send = [](env::Stream* stream, const std::string* what) -> env::Awaitable<void> {
    auto sent = co_await stream->write(*what, in(seconds(20)));
    EXPECT_TRUE(sent) << sent.error().detail;
  };
  const auto receive = [](env::Stream* stream, std::size_t size) -> env::Awaitable<std::size_t> {
    std::size_t got_octets = 0;
    while (got_octets < size) {
      auto got = co_await stream->read(in(seconds(20)));
      if (!got) break;
      got_octets += got->size();
    }
    co_return got_octets;
  };
  loop.spawn(send(ends.client.get(), &data));
  loop.spawn(send(ends.server.get(), &data));
  std::size_t at_client = 0;
  loop.spawn([](env::Awaitable<std::size_t> what, std::size_t* out) -> env::Awaitable<void> {
    *out = co_await std::move(what);
  }(receive(ends.client.get(), data.size()), &at_client));
  EXPECT_EQ(loop.run(receive(ends.server.get(), data.size())), data.size());
  while (at_client == 0 && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(at_client, data.size());
}

// An OpenSSL client of the test's own, on a thread: for what our client does not do.
struct RawClient {
  std::string certificate, key;
  int max_version = 0;
  std::string cipher;

  std::string run(const env::Endpoint& at) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(at.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return "connect";
    SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(context.get(), 0);
    if (max_version != 0) {
      SSL_CTX_set_min_proto_version(context.get(), max_version);
      SSL_CTX_set_max_proto_version(context.get(), max_version);
    }
    if (!cipher.empty()) SSL_CTX_set_cipher_list(context.get(), cipher.c_str());
    if (!certificate.empty()) {
      SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM);
    }
    SslPtr ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), fd);
    std::string result = "no handshake";
    if (SSL_connect(ssl.get()) == 1) {
      SSL_write(ssl.get(), "x", 1);
      char buffer[100];
      const int got = SSL_read(ssl.get(), buffer, sizeof buffer);
      result = got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "no data";
    }
    take_ssl_errors();
    ssl.reset();
    ::close(fd);
    return result;
  }
};

class TlsServer : public Tls {
 protected:
  // The handshake's outcome at our server; with "x" from the client answered "y".
  Handshake serve(const RawClient& client, std::shared_ptr<env::TlsServerContext> with) {
    auto listener = network.listen({"127.0.0.1", 0}, {}, loop.executor());
    auto outcome = std::async(std::launch::async, [&, at = (*listener)->local()] { return client.run(at); });
    auto accepted = loop.run((*listener)->accept(loop.executor()));
    EXPECT_TRUE(accepted);
    stream_ = std::move(*accepted);
    auto done = loop.run(stream_->tls_accept(std::move(with), in(seconds(5))));
    if (done) {
      EXPECT_EQ(read(*stream_).value_or("error"), "x");
      EXPECT_TRUE(loop.run(stream_->write("y", in(seconds(5)))));
    }
    stream_->close();
    client_result_ = outcome.get();
    return done;
  }
  env::StreamPtr stream_;
  std::string client_result_;
};

TEST_F(TlsServer, Tls12WithExtendedMasterSecretHasTheExporter) {
  auto done = serve({.max_version = TLS1_2_VERSION}, context(files));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->version, "TLSv1.2");
  EXPECT_THAT(done->cipher, HasSubstr("ECDHE"));
  EXPECT_EQ(done->exporter.size(), 32u);
  EXPECT_EQ(client_result_, "y");
}

TEST_F(TlsServer, Tls11IsRefused) {
  auto done = serve({.max_version = TLS1_1_VERSION, .cipher = "ALL:@SECLEVEL=0"}, context(files));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().error, NetError::tls);
  EXPECT_THAT(done.error().detail, HasSubstr("unsupported protocol"));
}

TEST_F(TlsServer, AClientCertificateGivesAnIdentityOnlyWhenVerified) {
  const auto user = authority.make("user", {.names = {"laptop.example.com"}, .mailboxes = {"anna@example.com"}});
  const auto host = authority.make("host", {.names = {"web1.example.com"}});
  const auto ca = authority.files().certificate;
  EXPECT_EQ(serve({user.certificate, user.key}, context(files, ca))->peer_identity, "anna@example.com");
  EXPECT_EQ(serve({host.certificate, host.key}, context(files, ca))->peer_identity, "web1.example.com");
  EXPECT_EQ(serve({}, context(files, ca))->peer_identity, "");
  // Not asked for.
  EXPECT_EQ(serve({user.certificate, user.key}, context(files))->peer_identity, "");
  // A stranger's: the session goes on, without an identity.
  const test::CertificateAuthority stranger(folder, "stranger");
  const auto false_user = stranger.make("false", {.names = {}, .mailboxes = {"anna@example.com"}});
  auto done = serve({false_user.certificate, false_user.key}, context(files, ca));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->peer_identity, "");
  EXPECT_EQ(client_result_, "y");
  const auto expired = authority.make("expired", {.mailboxes = {"anna@example.com"}, .valid_to_seconds = -60});
  EXPECT_EQ(serve({expired.certificate, expired.key}, context(files, ca))->peer_identity, "");
}

}  // namespace
}  // namespace postil::env_asio
