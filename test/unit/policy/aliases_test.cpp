#include "policy/aliases.hpp"

#include <gmock/gmock.h>

namespace postil::policy {
namespace {

using testing::ElementsAre;

const Aliases aliases = {"mail.example.org",
                         {{"postmaster", {"admin@example.net"}},
                          {"root", {"ops@example.net", "night@example.net"}},
                          {"team@example.org", {"a@example.net"}}},
                         {"192.0.2.25", "2001:db8::25"}};

std::string targets(std::string_view path) {
  const auto parsed = address::parse_path(path, address::PathKind::forward);
  EXPECT_TRUE(parsed) << path;
  const auto* found = aliases.targets(*parsed);
  std::string all;
  for (const auto& target : found ? *found : std::vector<std::string>{"-"}) all += (all.empty() ? "" : " ") + target;
  return all;
}

TEST(Aliases, ABareNameStandsForTheOwnHost) {
  for (const char* path : {"<Postmaster>", "<POSTMASTER>", "<postmaster@mail.example.org>",
                           "<PostMaster@MAIL.example.org>", "<postmaster@localhost>"}) {
    EXPECT_EQ(targets(path), "admin@example.net") << path;
  }
  for (const char* path : {"<postmaster@[192.0.2.25]>", "<Postmaster@[IPv6:2001:DB8:0::25]>"}) {
    EXPECT_EQ(targets(path), "admin@example.net") << path;
  }
  EXPECT_EQ(targets("<root@mail.example.org>"), "ops@example.net night@example.net");
  for (const char* path : {"<postmaster@example.org>", "<postmaster@example.net>", "<postmaster@a.mail.example.org>",
                           "<nobody@mail.example.org>", "<postmaster@[192.0.2.1]>"}) {
    EXPECT_EQ(targets(path), "-") << path;
  }
}

TEST(Aliases, AnAddressStandsForItself) {
  EXPECT_EQ(targets("<team@example.org>"), "a@example.net");
  EXPECT_EQ(targets("<Team@Example.ORG>"), "a@example.net");
  EXPECT_EQ(targets("<team@mail.example.org>"), "-");
}

TEST(Aliases, ReportsNeverGoToTheOwnHost) {
  EXPECT_THAT(aliases.report_targets("alice@example.net"), ElementsAre("alice@example.net"));
  EXPECT_THAT(aliases.report_targets("team@example.org"), ElementsAre("a@example.net"));
  EXPECT_THAT(aliases.report_targets("root@mail.example.org"), ElementsAre("ops@example.net", "night@example.net"));
  EXPECT_THAT(aliases.report_targets("root@LOCALHOST"), ElementsAre("ops@example.net", "night@example.net"));
  // Somebody has to hear of it.
  EXPECT_THAT(aliases.report_targets("www-data@mail.example.org"), ElementsAre("admin@example.net"));
  EXPECT_THAT(aliases.report_targets("\"odd name\"@mail.example.org"), ElementsAre("admin@example.net"));
  EXPECT_THAT(aliases.report_targets("x@[192.0.2.1]"), ElementsAre("x@[192.0.2.1]"));
}

}  // namespace
}  // namespace postil::policy
