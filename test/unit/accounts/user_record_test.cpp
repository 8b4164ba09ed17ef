#include "accounts/user_record.hpp"

#include <gtest/gtest.h>

#include "sasl/scram_keys.hpp"

namespace postil::accounts {
namespace {

const std::string random = "0123456789abcdef0123456789ABCDEFfedcba9876543210";

std::vector<ProblemKind> kinds_of(std::string_view line) {
  const auto record = parse_user(line, 7);
  std::vector<ProblemKind> kinds;
  if (record) return kinds;
  for (const auto& problem : record.error()) {
    EXPECT_EQ(problem.line, 7u);
    kinds.push_back(problem.kind);
  }
  return kinds;
}

TEST(UserRecord, ComesBackAsItWasWritten) {
  UserRecord record{.name = "anna \"b\\c\" = d",
                    .addresses = {"anna@example.org", "*@example.net", "*"},
                    .language = "de-AT",
                    .disabled = true,
                    .mechanisms_off = {"LOGIN", "SCRAM-SHA-1"}};
  ASSERT_TRUE(set_password(record, "correct horse", random));
  const std::string line = format_user(record);
  const auto read = parse_user(line, 1);
  ASSERT_TRUE(read) << line;
  EXPECT_EQ(format_user(*read), line);
  EXPECT_EQ(read->name, record.name);
  EXPECT_EQ(read->addresses, record.addresses);
  EXPECT_EQ(read->language, "de-AT");
  EXPECT_TRUE(read->disabled);
  EXPECT_EQ(read->mechanisms_off, record.mechanisms_off);
  EXPECT_TRUE(crypto::verify_password(read->password_hash, "correct horse"));
  ASSERT_TRUE(read->scram_sha256 && read->scram_sha1);
  EXPECT_EQ(read->scram_sha256->stored_key, record.scram_sha256->stored_key);
  EXPECT_EQ(read->scram_sha1->server_key, record.scram_sha1->server_key);
  EXPECT_EQ(read->scram_sha1->iterations, sasl::scram_iterations);
}

TEST(UserRecord, SpacesAndTabs) {
  const auto record = parse_user("  anna\t language=de   address=a@b.example\t", 1);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, "anna");
  EXPECT_EQ(record->language, "de");
  const auto quoted = parse_user("\"anna b\" address=\"\\\"x y\\\"@b.example\"", 1);
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->name, "anna b");
  EXPECT_EQ(quoted->addresses, std::vector<std::string>{"\"x y\"@b.example"});
}

TEST(UserRecord, Problems) {
  using enum ProblemKind;
  using Kinds = std::vector<ProblemKind>;
  EXPECT_EQ(kinds_of("anna langauge=de"), Kinds{key_unknown});
  EXPECT_EQ(kinds_of("anna language=de language=ru"), Kinds{key_twice});
  EXPECT_EQ(kinds_of("anna language="), Kinds{language});
  EXPECT_EQ(kinds_of("anna disabled"), Kinds{value_missing});
  EXPECT_EQ(kinds_of("anna disabled=1"), Kinds{flag});
  EXPECT_EQ(kinds_of("anna password=secret"), Kinds{password_hash});
  EXPECT_EQ(kinds_of("anna mechanism-off=CRAM-MD5"), Kinds{mechanism});
  EXPECT_EQ(kinds_of("anna address=b.example"), Kinds{address_pattern});
  EXPECT_EQ(kinds_of("anna address=*@"), Kinds{address_pattern});
  EXPECT_EQ(kinds_of("anna address=a*@b.example,c@d"), Kinds{address_pattern});
  EXPECT_EQ(kinds_of("anna \"address=a@b"), Kinds{quotes});
  EXPECT_EQ(kinds_of("anna language=\"d\\e\""), Kinds{quotes});
  EXPECT_EQ(kinds_of("\"\" language=de"), Kinds{name});
  EXPECT_EQ(kinds_of("an\x01na language=de"), Kinds{name});
  EXPECT_EQ(kinds_of("anna\xff"), Kinds{not_utf8});
  EXPECT_EQ(kinds_of(std::string(9000, 'a')), Kinds{line_too_long});
  EXPECT_EQ(kinds_of("anna x=1 y=2 disabled=maybe"), (Kinds{key_unknown, key_unknown, flag}));
}

TEST(UserRecord, BrokenScramKeys) {
  const std::string salt = "MDEyMzQ1Njc4OWFiY2RlZg==";
  const std::string key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";  // 32 octets
  const auto kinds = [&](const std::string& value) { return kinds_of("anna scram-sha-256=" + value); };
  const std::vector<ProblemKind> broken{ProblemKind::scram_keys};
  EXPECT_TRUE(kinds("4096:" + salt + "$" + key + ":" + key).empty());
  EXPECT_EQ(kinds("4095:" + salt + "$" + key + ":" + key), broken);
  EXPECT_EQ(kinds("99999999:" + salt + "$" + key + ":" + key), broken);
  EXPECT_EQ(kinds("99999999999:" + salt + "$" + key + ":" + key), broken);
  EXPECT_EQ(kinds("4096x:" + salt + "$" + key + ":" + key), broken);
  EXPECT_EQ(kinds("4096:$" + key + ":" + key), broken);
  EXPECT_EQ(kinds("4096:" + salt + "$" + salt + ":" + key), broken);
  EXPECT_EQ(kinds("4096:" + salt + "$" + key), broken);
  EXPECT_EQ(kinds("4096"), broken);
  EXPECT_EQ(kinds(""), broken);
  EXPECT_EQ(kinds_of("anna scram-sha-1=4096:" + salt + "$" + key + ":" + key), broken);
}

TEST(UserRecord, ProblemsDoNotShowSecrets) {
  for (const char* line :
       {"anna password=hunter2", "anna scram-sha-1=hunter2", "anna hunter2", "anna language=hunter2!"}) {
    const auto record = parse_user(line, 1);
    ASSERT_FALSE(record);
    EXPECT_EQ(to_string(record.error().front()).find("hunter2"), std::string::npos) << line;
  }
}

TEST(UserRecord, Names) {
  EXPECT_EQ(name_key("Anna@Example.org"), "anna@example.org");
  EXPECT_EQ(name_key("ju\u0308rgen"), name_key("j\u00fcrgen"));
  EXPECT_FALSE(name_key(""));
  EXPECT_FALSE(name_key("a\nb"));
  EXPECT_FALSE(name_key(std::string(513, 'a')));
}

TEST(UserRecord, Addresses) {
  EXPECT_EQ(normalise_address("Anna@Example.ORG", false), "anna@example.org");
  EXPECT_EQ(normalise_address("\"anna\"@example.org", false), "anna@example.org");
  EXPECT_EQ(normalise_address("a@m\u00fcnchen.example", false), "a@xn--mnchen-3ya.example");
  EXPECT_EQ(normalise_address("a@[192.0.2.1]", false), "a@[192.0.2.1]");
  EXPECT_EQ(normalise_address("*@M\u00fcnchen.example", true), "*@xn--mnchen-3ya.example");
  EXPECT_EQ(normalise_address("*", true), "*");
  EXPECT_FALSE(normalise_address("*", false));
  EXPECT_FALSE(normalise_address("anna", true));
  EXPECT_FALSE(normalise_address("", true));
  EXPECT_FALSE(normalise_address("a@b@c", true));
}

TEST(UserRecord, Passwords) {
  UserRecord record{.name = "anna"};
  EXPECT_EQ(set_password(record, "", random).error(), PasswordError::empty);
  EXPECT_EQ(set_password(record, "a\tb", random).error(), PasswordError::prohibited);
  EXPECT_EQ(set_password(record, "a\xff", random).error(), PasswordError::prohibited);
  EXPECT_EQ(set_password(record, std::string(512, 'a'), random).error(), PasswordError::too_long);
  EXPECT_TRUE(record.password_hash.empty() && !record.scram_sha1 && !record.scram_sha256);
  ASSERT_TRUE(set_password(record, "\u2168", random, crypto::Scheme::argon2id));
  EXPECT_TRUE(record.password_hash.starts_with("$argon2id$"));
  EXPECT_TRUE(crypto::verify_password(record.password_hash, "IX"));  // prepared
  EXPECT_NE(record.scram_sha1->salt, record.scram_sha256->salt);
}

TEST(UserRecord, EveryKindHasAName) {
  EXPECT_EQ(to_string(ProblemKind::header), "header");
  EXPECT_EQ(to_string(ProblemKind::key_twice), "key_twice");
  EXPECT_EQ(to_string(ProblemKind::address_pattern), "address_pattern");
  EXPECT_EQ(to_string(ProblemKind::mechanism), "mechanism");
  EXPECT_EQ(to_string(Problem{3, 7, ProblemKind::key_unknown, "adress"}), "line 3, column 7: key_unknown (adress)");
}

}  // namespace
}  // namespace postil::accounts
