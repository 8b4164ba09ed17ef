#include <gtest/gtest.h>

#include "account_store.hpp"
#include "sasl/scram_message.hpp"

namespace postil::sasl {
namespace {

using namespace std::string_literals;
using test::Exchange;
using test::make_account;
using test::outcome;
using test::ScramClient;

std::string challenge_of(const Step& step) {
  const auto* challenge = std::get_if<Challenge>(&step);
  return challenge ? challenge->text : "no challenge: " + outcome(step);
}

TEST(ScramVectors, Rfc5802) {  // [rfc5802 5]
  std::map<std::string, Credentials> accounts = {{"user", make_account("user", "pencil")}};
  Exchange exchange("SCRAM-SHA-1", accounts);
  EXPECT_EQ(challenge_of(exchange.start("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")),
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
  EXPECT_EQ(challenge_of(
                exchange.respond("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")),
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
  EXPECT_EQ(outcome(exchange.respond("")), "done user");
}

TEST(ScramVectors, Rfc7677) {  // [rfc7677 3]
  std::map<std::string, Credentials> accounts = {{"user", make_account("user", "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==")}};
  Exchange exchange("SCRAM-SHA-256", accounts, {.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"});
  EXPECT_EQ(outcome(exchange.start()), "challenge ");
  EXPECT_EQ(challenge_of(exchange.respond("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  EXPECT_EQ(challenge_of(exchange.respond("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                          "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")),
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  EXPECT_EQ(outcome(exchange.respond("")), "done user");
}

class ScramLogin : public testing::Test {
 protected:
  std::map<std::string, Credentials> accounts_ = {{"user", make_account("user", "pencil")}};
  ServerContext context_{.tls = true,
                         .tls_facts = {.exporter = std::string(32, 'e'), .server_end_point = std::string(32, 's')},
                         .plus_offered = true};

  // The whole exchange; what came of it.
  std::string run(std::string_view mechanism, ScramClient client, const std::string& extensions = {},
                  std::optional<std::string> nonce = {}, std::optional<std::string> binding = {}) {
    client.hash = mechanism.starts_with("SCRAM-SHA-256") ? crypto::Hash::sha256 : crypto::Hash::sha1;
    Exchange exchange(mechanism, accounts_, context_);
    const Step first = exchange.start(client.first());
    if (!std::holds_alternative<Challenge>(first)) return outcome(first);
    const std::string answer = client.final(challenge_of(first), extensions, nonce, binding);
    const Step second = exchange.respond(answer);
    if (!std::holds_alternative<Challenge>(second)) return outcome(second);
    EXPECT_EQ(challenge_of(second), client.server_final);
    return outcome(exchange.respond(""));
  }
};

TEST_F(ScramLogin, AllFourMechanisms) {
  EXPECT_EQ(run("SCRAM-SHA-1", {}), "done user");
  EXPECT_EQ(run("SCRAM-SHA-256", {}), "done user");
  const ScramClient exporter{.gs2 = "p=tls-exporter,,", .binding_data = std::string(32, 'e')};
  EXPECT_EQ(run("SCRAM-SHA-1-PLUS", exporter), "done user");
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", exporter), "done user");
  const ScramClient end_point{.gs2 = "p=tls-server-end-point,,", .binding_data = std::string(32, 's')};
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", end_point), "done user");
}

TEST_F(ScramLogin, Authzid) {
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "n,a=user,"}), "done user");
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "n,a=boss,"}), "auth_credentials");
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "n,a=,"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "n,b=user,"}), "auth_malformed");
}

TEST_F(ScramLogin, UserNamesWithCommasEqualSignsAndOtherForms) {
  accounts_["a,b=c"] = make_account("abc", "pencil");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=a=2Cb=3Dc,r=xyz"}), "done abc");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=a=2cb,r=xyz"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=a=,r=xyz"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=\u00ad,r=xyz"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=us\u00ader,r=xyz"}), "done user");
}

TEST_F(ScramLogin, WrongPasswordAndUnknownUserLookAlike) {
  EXPECT_EQ(run("SCRAM-SHA-256", {.password = "pencils"}), "auth_credentials");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=nobody,r=xyz"}), "auth_credentials");
  EXPECT_EQ(run("SCRAM-SHA-256", {.password = "nobody knows", .bare = "n=nobody,r=xyz"}), "auth_credentials");
  Exchange known("SCRAM-SHA-256", accounts_);
  Exchange unknown("SCRAM-SHA-256", accounts_);
  const std::string to_known = challenge_of(known.start("n,,n=user,r=xyz"));
  const std::string to_unknown = challenge_of(unknown.start("n,,n=nobody,r=xyz"));
  EXPECT_EQ(to_known.size(), to_unknown.size());
}

TEST_F(ScramLogin, AnAccountsStateIsToldOnlyAfterTheProof) {
  accounts_["user"].disabled = true;
  EXPECT_EQ(run("SCRAM-SHA-1", {.password = "wrong"}), "auth_credentials");
  EXPECT_EQ(run("SCRAM-SHA-1", {}), "auth_account_disabled");
  accounts_["user"].disabled = false;
  accounts_["user"].mechanisms_off = {"SCRAM-SHA-1"};
  EXPECT_EQ(run("SCRAM-SHA-1", {.password = "wrong"}), "auth_credentials");
  EXPECT_EQ(run("SCRAM-SHA-1", {}), "auth_mechanism_off");
  EXPECT_EQ(run("SCRAM-SHA-256", {}), "done user");
}

TEST_F(ScramLogin, StoredKeys) {
  accounts_["user"].scram_sha1.reset();
  EXPECT_EQ(run("SCRAM-SHA-1", {}), "auth_transition");
  EXPECT_EQ(run("SCRAM-SHA-256", {}), "done user");
  accounts_["user"].scram_sha256->stored_key = "short";
  EXPECT_EQ(run("SCRAM-SHA-256", {}), "auth_unavailable");
  Exchange down("SCRAM-SHA-256", accounts_);
  down.outcome = LookupOutcome::unavailable;
  EXPECT_EQ(outcome(down.start("n,,n=user,r=xyz")), "auth_unavailable");
}

TEST_F(ScramLogin, ChannelBindingMustFitTheMechanism) {
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "n,,"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "y,,"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "p=tls-exporter,,", .binding_data = std::string(32, 'e')}), "auth_malformed");
}

// Somebody in between ends TLS: told only where the password was right; to the client both are one reply.
TEST_F(ScramLogin, AnotherChannelIsRefused) {
  const auto over = [this](char channel, const std::string& password, const std::string& user) {
    return run("SCRAM-SHA-256-PLUS", {.password = password,
                                      .gs2 = "p=tls-exporter,,",
                                      .bare = "n=" + user + ",r=xyz",
                                      .binding_data = std::string(32, channel)});
  };
  EXPECT_EQ(over('e', "pencil", "user"), "done user");
  EXPECT_EQ(over('x', "pencil", "user"), "auth_channel_binding");
  EXPECT_EQ(over('s', "pencil", "user"), "auth_channel_binding");
  EXPECT_EQ(over('x', "pen", "user"), "auth_credentials");
  EXPECT_EQ(over('x', "nobody knows", "nobody"), "auth_credentials");
  EXPECT_EQ(run("SCRAM-SHA-256", {}, "", {}, "y,,"), "auth_channel_binding");
  const auto& told = reply::entry(reply::TextId::auth_channel_binding);
  const auto& wrong = reply::entry(reply::TextId::auth_credentials);
  EXPECT_EQ(std::tuple(told.code, told.enhanced, told.text), std::tuple(wrong.code, wrong.enhanced, wrong.text));
}

TEST_F(ScramLogin, UnknownBindingsAreRefused) {
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "p=tls-unique,,", .binding_data = "u"}), "auth_mechanism_unknown");
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "p=other,,", .binding_data = "u"}), "auth_mechanism_unknown");
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "p=,,"}), "auth_malformed");
  context_.tls_facts.exporter.clear();  // TLS 1.2 without extended master secret
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "p=tls-exporter,,"}), "auth_mechanism_unknown");
  context_.tls = false;
  EXPECT_EQ(run("SCRAM-SHA-256-PLUS", {.gs2 = "p=tls-server-end-point,,", .binding_data = std::string(32, 's')}),
            "auth_mechanism_unknown");
}

TEST_F(ScramLogin, ADowngradeIsSeen) {  // [rfc5802 6]
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "y,,"}), "auth_channel_binding");
  EXPECT_EQ(run("SCRAM-SHA-256", {.password = "wrong", .gs2 = "y,,"}), "auth_credentials");
  context_.plus_offered = false;
  EXPECT_EQ(run("SCRAM-SHA-256", {.gs2 = "y,,"}), "done user");
}

TEST_F(ScramLogin, NonceMustBeTheWholeOne) {
  const std::string client = "fyko+d2lbbFgONRv9qkxdawL";
  EXPECT_EQ(run("SCRAM-SHA-256", {}, "", client + test::server_nonce), "done user");
  for (const auto& nonce : {client, client + test::server_nonce + "x", client + test::server_nonce.substr(1), ""s})
    EXPECT_EQ(run("SCRAM-SHA-256", {}, "", nonce), "auth_malformed") << nonce;
}

TEST_F(ScramLogin, Extensions) {  // unknown ones are passed over, mandatory ones refused [rfc5802 5.1]
  EXPECT_EQ(run("SCRAM-SHA-256", {}, ",x=1,y=ab"), "done user");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=user,r=xyz,t=1"}), "done user");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "m=1,n=user,r=xyz"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {.bare = "n=user,r=xyz,m=1"}), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {}, ",m=1"), "auth_malformed");
  EXPECT_EQ(run("SCRAM-SHA-256", {}, ",xx"), "auth_malformed");
}

TEST_F(ScramLogin, MalformedFirstMessages) {
  for (const auto& message : {""s,
                              "n"s,
                              "n,"s,
                              "n,,"s,
                              "n,,n=user"s,
                              "n,,n=user,"s,
                              "n,,n=user,r="s,
                              "n,,n=,r=xyz"s,
                              "n,,r=xyz,n=user"s,
                              "x,,n=user,r=xyz"s,
                              "N,,n=user,r=xyz"s,
                              "n,,n=user,r=x\x01yz"s,
                              "n,,n=user,r=x yz"s,
                              "n,,n=us\0er,r=xyz"s,
                              "n,,n=\xff,r=xyz"s,
                              "p=a b,,n=user,r=xyz"s,
                              "n,,n=user,r="s + std::string(1025, 'n'),
                              "n,,n="s + std::string(513, 'u') + ",r=xyz",
                              "n,,n=user,r=xyz,"s,
                              "n,,n=user,r=\xc3\xa9"s}) {
    Exchange exchange("SCRAM-SHA-256", accounts_);
    EXPECT_EQ(outcome(exchange.start(message)), "auth_malformed") << message;
    EXPECT_TRUE(exchange.lookups.empty());
  }
}

TEST_F(ScramLogin, MalformedFinalMessages) {
  const std::string nonce = "xyz" + test::server_nonce;
  const std::string proof = crypto::base64_encode(std::string(32, 'p'));
  for (const auto& message :
       {""s, "p="s + proof, "c=biws"s, "c=biws,r="s + nonce,
        "c=biws,r="s + nonce + ",p=", "c=biws,r="s + nonce + ",p=!!!!",
        "c=biws,r="s + nonce + ",p=" + crypto::base64_encode("short"), "r="s + nonce + ",c=biws,p=" + proof,
        "c=biw,r="s + nonce + ",p=" + proof, "c=biws,p="s + proof, "c=biws,r="s + nonce + ",p=" + proof + ",x=1"}) {
    Exchange exchange("SCRAM-SHA-256", accounts_);
    (void)exchange.start("n,,n=user,r=xyz");
    EXPECT_EQ(outcome(exchange.respond(message)), "auth_malformed") << message;
  }
  Exchange exchange("SCRAM-SHA-256", accounts_);
  (void)exchange.start("n,,n=user,r=xyz");
  EXPECT_EQ(outcome(exchange.respond("c=biws,r=" + nonce + ",p=" + proof)), "auth_credentials");
}

TEST_F(ScramLogin, NothingMayComeWithTheLastResponse) {
  ScramClient client;
  Exchange exchange("SCRAM-SHA-256", accounts_);
  const std::string first = challenge_of(exchange.start(client.first()));
  ASSERT_TRUE(challenge_of(exchange.respond(client.final(first))).starts_with("v="));
  EXPECT_EQ(outcome(exchange.respond("more")), "auth_malformed");
}

TEST_F(ScramLogin, AProofServesOnce) {
  ScramClient client;
  Exchange exchange("SCRAM-SHA-256", accounts_);
  const std::string answer = client.final(challenge_of(exchange.start(client.first())));
  Exchange later("SCRAM-SHA-256", accounts_, {.nonce = "another-fresh-nonce-1"});
  (void)later.start(client.first());
  EXPECT_EQ(outcome(later.respond(answer)), "auth_malformed");
}

}  // namespace
}  // namespace postil::sasl
