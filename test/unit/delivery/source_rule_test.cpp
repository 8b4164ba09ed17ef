#include "delivery/source_rule.hpp"

#include <gtest/gtest.h>

namespace postil::delivery {
namespace {

TEST(SourceRule, the_first_whose_conditions_all_hold) {
  const std::vector<SourceRule> rules = {
      {.from = {"news.example.org"}, .to = {"*.example.net", "example.net"}, .accounts = {}, .ipv4 = "192.0.2.1"},
      {.from = {"*.example.org"}, .to = {}, .accounts = {}, .ipv4 = "192.0.2.2"},
      {.from = {"Boss@Example.com"}, .to = {}, .accounts = {}, .ipv4 = "192.0.2.3"},
      {.from = {"<>"}, .to = {}, .accounts = {}, .ipv4 = "192.0.2.4"},
      {.from = {}, .to = {}, .accounts = {"shop"}, .ipv4 = "192.0.2.5"},
  };
  const auto at = [&](std::string_view sender, std::string_view login, std::string_view domain) {
    const auto* rule = source_for(rules, sender, login, domain);
    return rule ? rule->ipv4 : std::string("none");
  };
  EXPECT_EQ(at("a@News.example.org", "", "mx.example.net"), "192.0.2.1");
  EXPECT_EQ(at("a@news.example.org", "", "other.example"), "192.0.2.2");
  EXPECT_EQ(at("a@example.org", "", "example.net"), "none");
  EXPECT_EQ(at("boss@example.com", "", "example.net"), "192.0.2.3");
  EXPECT_EQ(at("b@example.com", "", "example.net"), "none");
  EXPECT_EQ(at("", "", "example.net"), "192.0.2.4");
  EXPECT_EQ(at("b@example.com", "shop", "example.net"), "192.0.2.5");
}

}  // namespace
}  // namespace postil::delivery
