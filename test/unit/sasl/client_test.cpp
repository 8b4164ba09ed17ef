#include "sasl/client.hpp"

#include <gtest/gtest.h>

#include "crypto/base64.hpp"
#include "sasl/prepare.hpp"
#include "sasl/scram_keys.hpp"
#include "sasl/server.hpp"

namespace postil::sasl {
namespace {

ClientLogin login(std::string user, std::string password, std::string nonce = "fyko+d2lbbFgONRv9qkxdawL") {
  return {std::move(user), std::move(password), {}, false, std::move(nonce)};
}

crypto::TlsFacts tls13() {
  crypto::TlsFacts facts;
  facts.version = "TLSv1.3";
  facts.exporter = std::string(32, 'e');
  facts.server_end_point = std::string(32, 'c');
  return facts;
}

TEST(SaslClient, Plain) {
  auto mechanism = make_client("PLAIN", login("user", "pencil"));
  EXPECT_EQ(mechanism->initial(), std::string("\0user\0pencil", 12));
  EXPECT_TRUE(mechanism->complete());
  EXPECT_FALSE(mechanism->respond("more?"));
}

// [rfc2195 2]
TEST(SaslClient, CramMd5IsThatOfTheRfc) {
  auto mechanism = make_client("CRAM-MD5", login("tim", "tanstaaftanstaaf"));
  EXPECT_EQ(mechanism->initial(), std::nullopt);
  EXPECT_FALSE(mechanism->complete());
  EXPECT_EQ(mechanism->respond("<1896.697170952@postoffice.reston.mci.net>").value(),
            "tim b913a602c7eda7a495b4e6e7334d3890");
  EXPECT_TRUE(mechanism->complete());
  EXPECT_FALSE(mechanism->respond("more?"));
}

TEST(SaslClient, Login) {
  auto mechanism = make_client("LOGIN", login("user", "pencil"));
  EXPECT_EQ(mechanism->initial(), std::nullopt);
  EXPECT_EQ(mechanism->respond("Username:").value(), "user");
  EXPECT_FALSE(mechanism->complete());
  EXPECT_EQ(mechanism->respond("any prompt").value(), "pencil");
  EXPECT_TRUE(mechanism->complete());
  EXPECT_FALSE(mechanism->respond("more?"));
}

TEST(SaslClient, ScramSha1AsInRfc5802) {
  auto mechanism = make_client("SCRAM-SHA-1", login("user", "pencil"));
  EXPECT_EQ(mechanism->initial(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
  EXPECT_EQ(mechanism->respond("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096").value(),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
  EXPECT_FALSE(mechanism->complete());
  EXPECT_EQ(mechanism->respond("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").value(), "");
  EXPECT_TRUE(mechanism->complete());
}

TEST(SaslClient, ScramSha256AsInRfc7677) {
  auto mechanism = make_client("SCRAM-SHA-256", login("user", "pencil", "rOprNGfwEbeRWgbNEkqO"));
  EXPECT_EQ(mechanism->initial(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(
      mechanism->respond("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
          .value(),
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_TRUE(mechanism->respond("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
  EXPECT_TRUE(mechanism->complete());
}

TEST(SaslClient, ScramRefusesAWrongServer) {
  const std::string nonce = "fyko+d2lbbFgONRv9qkxdawL";
  const std::string good = "r=" + nonce + "abc,s=QSXCR+Q6sek8bf92,i=4096";
  for (const std::string first : {"r=other,s=QSXCR+Q6sek8bf92,i=4096",
                                  "r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",  // adds nothing of its own
                                  "r=fyko+d2lbbFgONRv9qkxdawLabc,s=QSXCR+Q6sek8bf92,i=4095",
                                  "r=fyko+d2lbbFgONRv9qkxdawLabc,s=QSXCR+Q6sek8bf92,i=4096x",
                                  "r=fyko+d2lbbFgONRv9qkxdawLabc,s=QSXCR+Q6sek8bf92,i=99999999",
                                  "r=fyko+d2lbbFgONRv9qkxdawLabc,s=QSXCR+Q6sek8bf92,i=-1",
                                  "r=fyko+d2lbbFgONRv9qkxdawLabc,s=,i=4096", "r=fyko+d2lbbFgONRv9qkxdawLabc,s=!,i=4096",
                                  "m=ext,r=fyko+d2lbbFgONRv9qkxdawLabc,s=QSXC,i=4096", "", "r=", "e=other-error"}) {
    auto mechanism = make_client("SCRAM-SHA-1", login("user", "pencil"));
    mechanism->initial();
    EXPECT_FALSE(mechanism->respond(first)) << first;
    EXPECT_FALSE(mechanism->complete());
  }
  for (const std::string final : {"v=AAAA", "v=", "v", "", "e=invalid-proof", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ"}) {
    auto mechanism = make_client("SCRAM-SHA-1", login("user", "pencil"));
    mechanism->initial();
    ASSERT_TRUE(mechanism->respond(good));
    EXPECT_FALSE(mechanism->respond(final)) << final;
    EXPECT_FALSE(mechanism->complete());
  }
}

TEST(SaslClient, NamesAreEscaped) {
  auto mechanism = make_client("SCRAM-SHA-256", login("a=b,c", "x"));
  EXPECT_EQ(mechanism->initial(), "n,,n=a=3Db=2Cc,r=fyko+d2lbbFgONRv9qkxdawL");
}

TEST(SaslClient, TheStrongestThatFits) {
  const std::vector<std::string> all{"PLAIN",       "LOGIN",         "CRAM-MD5",
                                     "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
  std::optional<crypto::TlsFacts> none, tls = tls13();
  EXPECT_EQ(choose_client({all, "", true, {}}, tls), "SCRAM-SHA-256-PLUS");
  EXPECT_EQ(choose_client({all, "", true, {}}, none), "SCRAM-SHA-256");
  EXPECT_EQ(choose_client({all, "", true, {"SCRAM-SHA-256"}}, none), "SCRAM-SHA-1");
  EXPECT_EQ(choose_client({all, "login", true, {}}, tls), "LOGIN");
  EXPECT_EQ(choose_client({all, "LOGIN", false, {}}, tls), "");
  EXPECT_EQ(choose_client({{"PLAIN", "LOGIN"}, "", true, {}}, tls), "PLAIN");
  EXPECT_EQ(choose_client({{"PLAIN", "LOGIN"}, "", false, {}}, tls), "");
  EXPECT_EQ(choose_client({{"CRAM-MD5", "XOAUTH2"}, "", true, {}}, tls), "");
  EXPECT_EQ(choose_client({all, "SCRAM-SHA-256-PLUS", true, {}}, none), "");
}

// Against our own server.
std::string against_server(std::string_view name, ClientLogin client, std::string_view password,
                           ServerContext context) {
  const MechanismInfo* info = find_mechanism(name);
  context.nonce = "servernonceservernonce";
  auto server = make_server(*info, std::move(context));
  auto mechanism = make_client(name, std::move(client));
  Credentials found;
  found.exists = true;
  found.user = "user";
  const std::string prepared = *saslprep(password);
  found.scram_sha1 = make_scram_keys(crypto::Hash::sha1, prepared, "salt-salt-salt-1", 4096);
  found.scram_sha256 = make_scram_keys(crypto::Hash::sha256, prepared, "salt-salt-salt-2", 4096);
  Step step = server->start(mechanism->initial());
  for (int i = 0; i < 10; ++i) {
    if (std::holds_alternative<Lookup>(step)) {
      step = server->account(LookupOutcome::answered, found);
    } else if (const auto* challenge = std::get_if<Challenge>(&step)) {
      const auto response = mechanism->respond(challenge->text);
      if (!response) return response.error();
      step = server->respond(*response);
    } else if (std::holds_alternative<Done>(step)) {
      return mechanism->complete() ? "in" : "in without proof";
    } else {
      return "refused";
    }
  }
  return "endless";
}

TEST(SaslClient, AgainstOurServer) {
  for (const char* name : {"SCRAM-SHA-1", "SCRAM-SHA-256"}) {
    EXPECT_EQ(against_server(name, login("user", "pencil"), "pencil", {}), "in");
    EXPECT_EQ(against_server(name, login("user", "pen"), "pencil", {}), "refused");
    EXPECT_EQ(against_server(name, login("user", "p\xc3\xa4n\xc2\xa0x"), "p\xc3\xa4n x", {}), "in");  // SASLprep
  }
  for (const char* name : {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"}) {
    ClientLogin plus = login("user", "pencil");
    plus.tls = tls13();
    plus.plus_offered = true;
    ServerContext context;
    context.tls = context.plus_offered = true;
    context.tls_facts = tls13();
    EXPECT_EQ(against_server(name, plus, "pencil", context), "in");
    ClientLogin end_point = plus;  // TLS 1.2 has no exporter binding
    end_point.tls->exporter.clear();
    EXPECT_EQ(against_server(name, end_point, "pencil", context), "in");
    context.tls_facts.exporter = std::string(32, 'x');  // somebody in between
    EXPECT_EQ(against_server(name, plus, "pencil", context), "refused");
  }
}

TEST(SaslClient, AStrippedPlusOfferIsNoticedByTheServer) {
  ClientLogin client = login("user", "pencil");
  client.tls = tls13();
  client.plus_offered = false;  // what the client saw
  ServerContext context;
  context.tls = context.plus_offered = true;  // what the server sent
  context.tls_facts = tls13();
  EXPECT_EQ(against_server("SCRAM-SHA-256", client, "pencil", context), "refused");
  context.plus_offered = false;
  EXPECT_EQ(against_server("SCRAM-SHA-256", client, "pencil", context), "in");
}

}  // namespace
}  // namespace postil::sasl
