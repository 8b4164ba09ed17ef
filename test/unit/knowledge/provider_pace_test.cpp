#include "knowledge/provider_pace.hpp"

#include <gmock/gmock.h>

namespace postil::knowledge {
namespace {

TEST(ProviderPace, each_has_limits_hosts_and_where_they_are_from) {
  ASSERT_FALSE(provider_paces().empty());
  for (const auto& one : provider_paces()) {
    SCOPED_TRACE(one.key);
    for (const auto& host : one.hosts) EXPECT_THAT(host, testing::MatchesRegex("(\\*\\.)?[a-z0-9.-]+"));
    EXPECT_THAT(one.url, testing::StartsWith("https://"));
    EXPECT_THAT(one.as_of, testing::MatchesRegex("20[0-9][0-9]-[01][0-9]-[0-3][0-9]"));
  }
}

TEST(ProviderPace, what_orange_takes) {
  const auto all = provider_paces();
  const auto orange = std::ranges::find(all, "orange", &ProviderPace::key);
  ASSERT_NE(orange, all.end());
  EXPECT_EQ(orange->connections, 2u);
  EXPECT_EQ(orange->messages_per_connection, 100u);
}

}  // namespace
}  // namespace postil::knowledge
