#include "accounts/users.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <set>

#include "accounts/users_text.hpp"
#include "sasl/scram_keys.hpp"

namespace postil::accounts {
namespace {

const std::string random = "0123456789abcdef0123456789ABCDEFfedcba9876543210";
const std::string key(server_key_octets, 'k');
const std::string head = with_head("", key);
// Hashes that cost nothing; the first one is of "Hello world!".
const std::string sha512 =
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";

Users users_of(const std::string& lines) {
  auto users = Users::parse(head + lines);
  EXPECT_TRUE(users) << to_string(users.error().front());
  return std::move(*users);
}
std::vector<std::string> problems_of(std::string_view text) {
  const auto users = Users::parse(text);
  std::vector<std::string> texts;
  if (!users)
    for (const auto& problem : users.error()) texts.push_back(to_string(problem));
  return texts;
}

TEST(Users, AnEmptyFileHasItsHeadOnly) {
  EXPECT_EQ(head, "# postil users 1\n# server-key=a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n");
  EXPECT_TRUE(users_of("").all().empty());
  EXPECT_TRUE(Users::parse("# postil users 1\n"));
  EXPECT_EQ(with_head(head, std::string(32, 'x')), head);
}

TEST(Users, HeadProblems) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(problems_of(""), Texts{"line 1, column 1: header"});
  EXPECT_EQ(problems_of("anna language=de\n"), Texts{"line 1, column 1: header"});
  EXPECT_EQ(problems_of("# postil users 2\n"), Texts{"line 1, column 16: newer_version (2)"});
  EXPECT_EQ(problems_of("# postil users 1\nanna language=de\n"), Texts{"line 2, column 1: server_key"});
  EXPECT_EQ(problems_of("# postil users 1\n# server-key=abc\n"), Texts{"line 2, column 14: server_key"});
  EXPECT_EQ(problems_of(head + "# server-key=" + std::string(43, 'A') + "=\n"), Texts{"line 3, column 14: server_key"});
}

TEST(Users, AllProblemsAreToldInOrderAndBounded) {
  EXPECT_EQ(problems_of(head + "\n# a comment\nanna x=1\r\nbob disabled=?\nanna2\nAnna2\n"),
            (std::vector<std::string>{"line 5, column 6: key_unknown (x)", "line 6, column 5: flag (disabled)",
                                      "line 8, column 1: name_taken (Anna2)"}));
  std::string many = head;
  for (int i = 0; i < 500; ++i) many += "anna x=1 y=2 z=3\n";
  EXPECT_EQ(problems_of(many).size(), problems_max);
}

TEST(Users, FindsInAnyCaseAndForm) {
  const auto users = users_of("Anna@Example.org password=" + sha512 + " mechanism-off=login disabled=yes\n" +
                              "j\u00fcrgen password=" + sha512 + "\r\n");
  const auto anna = users.find("anna@example.ORG");
  EXPECT_TRUE(anna.exists);
  EXPECT_EQ(anna.user, "Anna@Example.org");
  EXPECT_EQ(anna.password_hash, sha512);
  EXPECT_TRUE(anna.disabled);
  EXPECT_EQ(anna.mechanisms_off, std::vector<std::string>{"LOGIN"});
  EXPECT_FALSE(anna.scram_sha256);
  EXPECT_TRUE(users.find("ju\u0308rgen").exists);
  EXPECT_FALSE(users.find("juergen").exists);
  EXPECT_FALSE(users.find("").exists);
  EXPECT_FALSE(users.find("anna@example.org\n").exists);
}

TEST(Users, UnknownUsersLookLikeKnownOnes) {
  UserRecord record{.name = "anna"};
  ASSERT_TRUE(set_password(record, "secret", random));
  const auto users = users_of(format_user(record) + "\n");
  const auto fake = users.find("nobody");
  EXPECT_FALSE(fake.exists);
  EXPECT_EQ(fake.password_hash.size(), record.password_hash.size());
  EXPECT_TRUE(crypto::known_hash(fake.password_hash));
  EXPECT_FALSE(crypto::verify_password(fake.password_hash, "secret"));
  ASSERT_TRUE(fake.scram_sha256 && fake.scram_sha1);
  EXPECT_EQ(fake.scram_sha256->iterations, record.scram_sha256->iterations);
  EXPECT_EQ(fake.scram_sha256->salt.size(), record.scram_sha256->salt.size());
  EXPECT_EQ(fake.scram_sha256->stored_key.size(), 32u);
  EXPECT_EQ(fake.scram_sha1->stored_key.size(), 20u);
  EXPECT_NE(fake.scram_sha256->salt, record.scram_sha256->salt);
  // Always the same for one name, as it is for a real user; another one for another name and another server.
  EXPECT_EQ(users.find("NOBODY").scram_sha256->salt, fake.scram_sha256->salt);
  EXPECT_NE(users.find("nobody2").scram_sha256->salt, fake.scram_sha256->salt);
  const auto other = Users::parse(with_head("", std::string(32, 'o')) + format_user(record) + "\n");
  EXPECT_NE(other->find("nobody").scram_sha256->salt, fake.scram_sha256->salt);
}

TEST(Users, UnknownUsersAreOfTheKindsThatThereAre) {
  UserRecord modern{.name = "modern"};
  ASSERT_TRUE(set_password(modern, "secret", random));
  std::string lines;
  for (int i = 0; i < 20; ++i) {
    modern.name = fmt::format("modern{}", i);
    lines += format_user(modern) + "\n" + fmt::format("old{} password={}\n", i, sha512);
  }
  const auto users = users_of(lines);
  int without_keys = 0;
  for (int i = 0; i < 200; ++i) {
    const auto fake = users.find(fmt::format("nobody{}", i));
    EXPECT_EQ(fake.password_hash.starts_with("$6$"), !fake.scram_sha256);
    without_keys += !fake.scram_sha256;
  }
  EXPECT_GT(without_keys, 20);
  EXPECT_LT(without_keys, 180);
  const auto empty = users_of("").find("nobody");
  EXPECT_TRUE(empty.scram_sha256);
  EXPECT_EQ(empty.password_hash, crypto::dummy_hash());
}

TEST(Users, AUserWithoutPasswordHasNoneThatMatches) {
  const auto users = users_of("anna address=*\nbob password=" + sha512 + "\n");
  const auto anna = users.find("anna");
  EXPECT_TRUE(anna.exists);
  EXPECT_EQ(anna.user, "anna");
  EXPECT_TRUE(crypto::known_hash(anna.password_hash));
  EXPECT_FALSE(crypto::verify_password(anna.password_hash, "Hello world!"));
}

TEST(Users, MaySendAs) {
  const auto users = users_of(
      "anna@example.org language=de\nbob\nshop address=*@shop.example address=info@example.org\nrelay address=*\n"
      "gone@example.org disabled=yes\n");
  EXPECT_TRUE(users.may_send_as("anna@example.org", "Anna@EXAMPLE.org"));
  EXPECT_TRUE(users.may_send_as("ANNA@example.org", ""));
  EXPECT_FALSE(users.may_send_as("anna@example.org", "bob@example.org"));
  EXPECT_FALSE(users.may_send_as("bob", "bob@example.org"));
  EXPECT_TRUE(users.may_send_as("shop", "any.thing@shop.example"));
  EXPECT_TRUE(users.may_send_as("shop", "info@example.org"));
  EXPECT_FALSE(users.may_send_as("shop", "a@sub.shop.example"));
  EXPECT_FALSE(users.may_send_as("shop", "info@evil.example"));
  EXPECT_FALSE(users.may_send_as("shop", "\"x@shop.example\"@evil.example"));
  EXPECT_FALSE(users.may_send_as("shop", "*"));
  EXPECT_TRUE(users.may_send_as("relay", "any@where.example"));
  EXPECT_FALSE(users.may_send_as("relay", "no address"));
  EXPECT_FALSE(users.may_send_as("gone@example.org", "gone@example.org"));
  EXPECT_FALSE(users.may_send_as("nobody", ""));
  EXPECT_EQ(users.language("anna@example.org"), "de");
  EXPECT_EQ(users.language("bob"), "");
  EXPECT_EQ(users.language("nobody"), "");
}

TEST(UsersText, ChangesOneLineAndLeavesTheOthers) {
  const std::string before = head + "# the office\nanna language=de   disabled=no\n\nbob # is no comment=\n";
  EXPECT_EQ(add_user(before, {.name = "carl"}).error(), EditError::unreadable);
  const std::string text = head + "# the office\nanna language=de   disabled=no\n\nbob";
  EXPECT_EQ(add_user(text, {.name = "carl", .language = "ru"}).value(), text + "\ncarl language=ru\n");
  EXPECT_EQ(add_user(text, {.name = "Anna"}).error(), EditError::exists);
  EXPECT_EQ(change_user(text, {.name = "ANNA", .language = "en"}).value(),
            head + "# the office\nANNA language=en\n\nbob");
  EXPECT_EQ(change_user(text, {.name = "bob", .disabled = true}).value(),
            head + "# the office\nanna language=de   disabled=no\n\nbob disabled=yes\n");
  EXPECT_EQ(change_user(text, {.name = "carl"}).error(), EditError::missing);
  EXPECT_EQ(remove_user(text, "anna").value(), head + "# the office\n\nbob");
  EXPECT_EQ(remove_user(text, "carl").error(), EditError::missing);
  EXPECT_EQ(remove_user("bob\n", "bob").error(), EditError::unreadable);
  UserRecord many{.name = "carl", .addresses = std::vector<std::string>(500, "somebody@example.org")};
  EXPECT_EQ(add_user(text, many).error(), EditError::too_long);
}

TEST(UsersText, AFileWrittenByHandGetsItsKey) {
  EXPECT_EQ(with_head("# postil users 1\nanna\n", key), head + "anna\n");
  EXPECT_EQ(with_head("# postil users 1", key), head);
  EXPECT_EQ(with_head(" \n", key), head);
  EXPECT_EQ(with_head("anna\n", key), "anna\n");  // not ours: left alone, and told by parse
}

}  // namespace
}  // namespace postil::accounts
