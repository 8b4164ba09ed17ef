#include "diagnose/finding_help.hpp"

#include <gmock/gmock.h>

namespace postil::diagnose {
namespace {

TEST(FindingHelp, a_typing_error_or_two_is_seen_through) {
  const auto nearest = [](std::string_view id) {
    const auto* found = nearest_finding(id);
    return found == nullptr ? std::string_view() : found->name;
  };
  for (const char* id : {"MX-NUL", "mx_null", "MX NULL", "MXNULL", "MX-NULLL", "MX-NLUL", " MX-NULL "})
    EXPECT_EQ(nearest(id), "MX-NULL") << id;
  EXPECT_EQ(nearest("spf-lookup"), "SPF-LOOKUPS");
  for (const char* id : {"", "MX", "spf", "hello", "521", "550 no such user", "administrator"})
    EXPECT_EQ(nearest(id), "") << id;
  EXPECT_EQ(nearest(std::string(1000, 'X')), "");
}

TEST(FindingHelp, a_sentence_has_examples_where_a_check_has_facts) {
  for (const std::string_view language : {"en", "de", "ar"}) {
    const i18n::Translator tr(language);
    for (const auto& finding : finding_entries()) {
      EXPECT_THAT(example_text(finding, tr), testing::Not(testing::HasSubstr("{"))) << finding.name;
      EXPECT_THAT(more_text(finding, tr), testing::Not(testing::StartsWith("check."))) << finding.name;
    }
  }
  EXPECT_EQ(did_you_mean("MX-NUL", i18n::Translator("en")), "Did you mean MX-NULL?");
  EXPECT_THAT(why_not_understood("MX-NUL", NotUnderstood::not_a_reply, i18n::Translator("en")),
              testing::EndsWith(". Did you mean MX-NULL?"));
  EXPECT_THAT(why_not_understood("MX-NUL", NotUnderstood::not_a_reply, i18n::Translator("ja")),
              testing::HasSubstr("。MX-NULL"))
      << "no space between sentences";
  EXPECT_EQ(did_you_mean("user-unknwon", i18n::Translator("en")), "Did you mean user_unknown?");
  for (const char* word : {"hello", "minus", "no_input", "administrator"})
    EXPECT_EQ(did_you_mean(word, i18n::Translator("en")), "") << word;
}

}  // namespace
}  // namespace postil::diagnose
