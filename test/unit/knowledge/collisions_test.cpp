#include "knowledge/collisions.hpp"

#include <gmock/gmock.h>

#include "base/bytes.hpp"
#include "i18n/translator.hpp"
#include "knowledge/checks.hpp"

namespace postil::knowledge {
namespace {

std::vector<std::string> keys_of(Code code, EnhancedCode enhanced) {
  std::vector<std::string> out;
  for (const auto* one : collisions_of(code, enhanced)) out.push_back(one->key);
  return out;
}

TEST(Collisions, each_is_whole_and_says_what_decides) {
  const i18n::Translator tr;
  EXPECT_GE(collisions().size(), 30u);
  for (const auto& one : collisions()) {
    for (const char* part : {"standard", "elsewhere", "decides"}) EXPECT_TRUE(tr.has(one.text(part))) << one.key;
    EXPECT_FALSE(one.codes.empty()) << one.key;
    EXPECT_FALSE(one.elsewhere.empty()) << one.key;
    for (auto reason : one.elsewhere) EXPECT_NE(one.reason, reason) << one.key << " is no collision";
    for (const auto& check : one.live_checks) EXPECT_NE(find_live_check(check), nullptr) << one.key << " " << check;
    for (const auto& about : one.codes) {
      for (const auto part : split(about, ' ')) {
        const auto enhanced = reply::parse_enhanced_code(part);
        EXPECT_TRUE(enhanced ? find_status(enhanced->subject, enhanced->detail) != nullptr
                             : find_code(static_cast<Code>(std::stoi(std::string(part)))) != nullptr)
            << one.key << " " << part;
      }
    }
  }
}

TEST(Collisions, are_told_for_the_code_or_for_the_pair_only) {
  EXPECT_THAT(keys_of(521, {}), testing::ElementsAre("521"));
  EXPECT_THAT(keys_of(0, {5, 1, 10}), testing::ElementsAre("5.1.10"));
  EXPECT_THAT(keys_of(556, {5, 1, 10}), testing::UnorderedElementsAre("556", "5.1.10"));
  EXPECT_THAT(keys_of(552, {5, 1, 1}), testing::UnorderedElementsAre("552", "552_5.1.1"));
  EXPECT_THAT(keys_of(0, {5, 1, 1}), testing::IsEmpty()) << "5.1.1 alone is clear enough";
  EXPECT_THAT(keys_of(221, {}), testing::IsEmpty());
}

TEST(Collisions, a_code_whose_meaning_is_open_says_so_in_its_facts) {
  // What a collision is about may not decide the reason by the code alone.
  for (const auto& one : collisions()) {
    if (!one.reason) continue;
    for (const auto& about : one.codes) {
      const auto enhanced = reply::parse_enhanced_code(about);
      if (!enhanced || enhanced->klass != 5) continue;
      const auto* status = find_status(enhanced->subject, enhanced->detail);
      EXPECT_TRUE(status->ambiguous || !status->reason) << about;
    }
  }
}

}  // namespace
}  // namespace postil::knowledge
