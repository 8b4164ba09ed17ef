#include "sasl/server.hpp"

#include <gtest/gtest.h>

#include "account_store.hpp"

namespace postil::sasl {
namespace {

using namespace std::string_literals;
using test::Exchange;
using test::make_account;
using test::outcome;

TEST(Mechanisms, StrongestFirstAndFoundInAnyCase) {
  EXPECT_EQ(mechanisms().front().name, "SCRAM-SHA-256-PLUS");
  for (const auto& mechanism : mechanisms()) {
    EXPECT_EQ(find_mechanism(mechanism.name), &mechanism);
    EXPECT_EQ(mechanism.channel_binding, mechanism.name.ends_with("-PLUS"));
  }
  EXPECT_EQ(find_mechanism("scram-sha-256")->name, "SCRAM-SHA-256");
  EXPECT_EQ(find_mechanism("CRAM-MD5"), nullptr);
  EXPECT_EQ(find_mechanism(""), nullptr);
  EXPECT_TRUE(find_mechanism("LOGIN")->password_in_clear);
  EXPECT_TRUE(find_mechanism("PLAIN")->password_in_clear);
}

class Passwords : public testing::Test {
 protected:
  std::map<std::string, Credentials> accounts_ = {{"tim", make_account("tim@example.org", "tanstaaftanstaaf")}};

  std::string plain(std::string_view message) {
    Exchange exchange("PLAIN", accounts_);
    const Step step = exchange.start(message);
    verified_ = exchange.verified;
    lookups_ = exchange.lookups;
    return outcome(step);
  }
  int verified_ = 0;
  std::vector<std::string> lookups_;
};

TEST_F(Passwords, PlainGood) {  // [rfc4616 4]
  EXPECT_EQ(plain("\0tim\0tanstaaftanstaaf"s), "done tim@example.org");
  EXPECT_EQ(verified_, 1);
  EXPECT_EQ(plain("tim\0tim\0tanstaaftanstaaf"s), "done tim@example.org");
  EXPECT_EQ(plain("TIM\0tim\0tanstaaftanstaaf"s), "done tim@example.org");
}

TEST_F(Passwords, PlainWithoutInitialResponse) {
  Exchange exchange("PLAIN", accounts_);
  EXPECT_EQ(outcome(exchange.start()), "challenge ");
  EXPECT_EQ(outcome(exchange.respond("\0tim\0tanstaaftanstaaf"s)), "done tim@example.org");
}

TEST_F(Passwords, PlainPreparesNameAndPassword) {
  accounts_["j\u00fcrgen"] = make_account("j", "stra\u00dfe IX");
  EXPECT_EQ(plain("\0ju\u0308rgen\0stra\u00dfe\u00a0\u2168"s), "done j");
  EXPECT_EQ(lookups_, std::vector<std::string>{"j\u00fcrgen"});
}

TEST_F(Passwords, PlainWrong) {
  EXPECT_EQ(plain("\0tim\0wrong"s), "auth_credentials");
  EXPECT_EQ(plain("Ursel\0tim\0tanstaaftanstaaf"s), "auth_credentials");  // [rfc4616 4]: no proxies here
  EXPECT_EQ(verified_, 0);
}

TEST_F(Passwords, PlainUnknownUserIsHashedAllTheSame) {
  EXPECT_EQ(plain("\0nobody\0tanstaaftanstaaf"s), "auth_credentials");
  EXPECT_EQ(verified_, 1);
  // Even the made-up account's own password does not help.
  EXPECT_EQ(plain("\0nobody\0nobody knows"s), "auth_credentials");
}

TEST_F(Passwords, PlainMalformed) {
  for (const auto& message :
       {""s, "tim"s, "\0"s, "\0tim"s, "\0\0"s, "\0\0secret"s, "\0tim\0"s, "\0tim\0a\0b"s, "\0ti\nm\0a"s, "\0tim\0\xff"s,
        "\0\xff\0a"s, "\0"s + std::string(513, 'a') + "\0b"s, "\0tim\0a\rb"s}) {
    EXPECT_EQ(plain(message), "auth_malformed") << message;
    EXPECT_EQ(verified_, 0);
  }
}

TEST_F(Passwords, AnAccountsStateIsToldOnlyToItsOwner) {
  accounts_["tim"].disabled = true;
  EXPECT_EQ(plain("\0tim\0wrong"s), "auth_credentials");
  EXPECT_EQ(plain("\0tim\0tanstaaftanstaaf"s), "auth_account_disabled");
  accounts_["tim"].disabled = false;
  accounts_["tim"].mechanisms_off = {"CRAM-MD5", "plain"};
  EXPECT_EQ(plain("\0tim\0wrong"s), "auth_credentials");
  EXPECT_EQ(plain("\0tim\0tanstaaftanstaaf"s), "auth_mechanism_off");
  Exchange login("LOGIN", accounts_);
  (void)login.start("tim");
  EXPECT_EQ(outcome(login.respond("tanstaaftanstaaf")), "done tim@example.org");
}

TEST_F(Passwords, NoPasswordStored) {
  accounts_["tim"].password_hash.clear();
  EXPECT_EQ(plain("\0tim\0tanstaaftanstaaf"s), "auth_credentials");
  EXPECT_EQ(verified_, 1);
}

TEST_F(Passwords, LookupUnavailable) {
  Exchange exchange("PLAIN", accounts_);
  exchange.outcome = LookupOutcome::unavailable;
  EXPECT_EQ(outcome(exchange.start("\0tim\0tanstaaftanstaaf"s)), "auth_unavailable");
  EXPECT_EQ(exchange.verified, 0);
}

TEST_F(Passwords, Login) {
  Exchange exchange("LOGIN", accounts_);
  EXPECT_EQ(outcome(exchange.start()), "challenge Username:");
  EXPECT_EQ(outcome(exchange.respond("tim")), "challenge Password:");
  EXPECT_EQ(outcome(exchange.respond("tanstaaftanstaaf")), "done tim@example.org");
}

TEST_F(Passwords, LoginWithInitialResponse) {
  Exchange exchange("LOGIN", accounts_);
  EXPECT_EQ(outcome(exchange.start("tim")), "challenge Password:");
  EXPECT_EQ(outcome(exchange.respond("wrong")), "auth_credentials");
}

TEST_F(Passwords, LoginMalformed) {
  for (const auto& [user, password] : std::vector<std::pair<std::string, std::string>>{
           {"", "a"}, {"tim", ""}, {"t\0m"s, "a"}, {"tim", "a\0b"s}, {std::string(5000, 'x'), "a"}, {"\xff", "a"}}) {
    Exchange exchange("LOGIN", accounts_);
    (void)exchange.start(user);
    EXPECT_EQ(outcome(exchange.respond(password)), "auth_malformed");
    EXPECT_TRUE(exchange.lookups.empty());
  }
}

class ExternalLogin : public testing::Test {
 protected:
  std::map<std::string, Credentials> accounts_ = {{"tim@example.org", make_account("tim", "x")}};
  ServerContext context_{.tls = true, .tls_facts = {.peer_identity = "tim@example.org"}};
};

TEST_F(ExternalLogin, Good) {
  EXPECT_EQ(outcome(Exchange("EXTERNAL", accounts_, context_).start("")), "done tim");
  EXPECT_EQ(outcome(Exchange("EXTERNAL", accounts_, context_).start("Tim@example.org")), "done tim");
  Exchange exchange("EXTERNAL", accounts_, context_);
  EXPECT_EQ(outcome(exchange.start()), "challenge ");
  EXPECT_EQ(outcome(exchange.respond("")), "done tim");
}

TEST_F(ExternalLogin, Failures) {
  const auto run = [this](std::string_view authzid) {
    return outcome(Exchange("EXTERNAL", accounts_, context_).start(authzid));
  };
  EXPECT_EQ(run("other@example.org"), "auth_credentials");
  EXPECT_EQ(run("a\nb"), "auth_malformed");
  accounts_["tim@example.org"].mechanisms_off = {"EXTERNAL"};
  EXPECT_EQ(run(""), "auth_mechanism_off");
  accounts_["tim@example.org"].disabled = true;
  EXPECT_EQ(run(""), "auth_account_disabled");
  Exchange down("EXTERNAL", accounts_, context_);
  down.outcome = LookupOutcome::unavailable;
  EXPECT_EQ(outcome(down.start("")), "auth_unavailable");
  accounts_.clear();
  EXPECT_EQ(run(""), "auth_credentials");
  context_.tls_facts.peer_identity.clear();
  EXPECT_EQ(run(""), "auth_mechanism_unknown");
  EXPECT_EQ(run("tim@example.org"), "auth_mechanism_unknown");
  context_.tls_facts.peer_identity = "tim@example.org";
  context_.tls = false;
  EXPECT_EQ(run(""), "auth_mechanism_unknown");
}

}  // namespace
}  // namespace postil::sasl
