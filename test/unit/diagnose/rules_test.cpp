#include "diagnose/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "base/bytes.hpp"
#include "diagnose/atoms.hpp"
#include "diagnose/block_lists.hpp"
#include "diagnose/fold.hpp"
#include "diagnose/required.hpp"
#include "i18n/translator.hpp"
#include "refusal_of.hpp"

namespace postil::diagnose {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Every rule decides the refusals that are written for it: none of them is taken by a rule before it.
TEST(Rules, each_rule_decides_its_samples) {
  for (const auto& rule : RuleSet::built_in().rules()) {
    ASSERT_FALSE(rule.samples.empty()) << rule.id;
    for (const auto& sample : rule.samples) {
      const auto found = classify(refusal_of(sample));
      EXPECT_EQ(found.rule, rule.id) << sample.text << "  [" << found.matched << "]";
      EXPECT_EQ(found.reason, rule.reason) << sample.text;
      if (rule.tier == Tier::vendor) {
        EXPECT_EQ(found.vendor, rule.vendor) << sample.text;
      }
    }
  }
}

TEST(Rules, ids_are_unique_and_what_they_name_is_there) {
  const i18n::Translator english;
  std::set<std::string> ids;
  for (const auto& rule : RuleSet::built_in().rules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_TRUE(english.has(rule.because)) << rule.id << ": " << rule.because;
    if (!rule.note.empty()) {
      EXPECT_TRUE(english.has(rule.note)) << rule.note;
    }
    if (rule.weak) {
      EXPECT_LT(rule.confidence, 0.8) << rule.id;
    }
  }
}

TEST(Rules, a_provider_s_rule_names_its_source_and_date) {
  const auto& set = RuleSet::built_in();
  for (const auto& rule : set.rules()) {
    if (rule.tier != Tier::vendor) continue;
    const auto* vendor = set.vendor(rule.vendor);
    ASSERT_NE(vendor, nullptr) << rule.id;
    const auto at = std::ranges::find(vendor->sources, rule.source, &Source::id);
    ASSERT_NE(at, vendor->sources.end()) << rule.id;
    EXPECT_FALSE(at->title.empty()) << rule.id;
    EXPECT_EQ(at->as_of.size(), 10u) << rule.id;
  }
}

// A text that has nothing of a pattern's words does not pay for it.
TEST(Rules, each_pattern_requires_words) {
  EXPECT_THAT(RuleSet::built_in().unfiltered(), IsEmpty());
}

TEST(Rules, vendors_before_wording_before_codes) {
  Tier last = Tier::vendor;
  for (const auto& rule : RuleSet::built_in().rules()) {
    EXPECT_GE(static_cast<int>(rule.tier), static_cast<int>(last)) << rule.id;
    last = rule.tier;
  }
}

void expect_refused(std::string_view content, std::string_view name = "rules/10-x.toml") {
  const EmbeddedFile file{name, content};
  EXPECT_THROW(RuleSet(std::span(&file, 1)), std::logic_error) << content;
}

TEST(RulesFile, what_is_wrong_is_refused_with_its_place) {
  constexpr std::string_view good = "[[rule]]\nid = 'a'\nreason = 'virus'\npattern = 'abc'\nsamples = ['550 abc']\n";
  const EmbeddedFile file{"rules/10-x.toml", good};
  EXPECT_EQ(RuleSet(std::span(&file, 1)).rules().size(), 1u);
  expect_refused("[[rule]]\nid = 'a'\nreason = 'viruses'\npattern = 'abc'\nsamples = ['550 abc']\n");
  expect_refused("[[rule]]\nid = 'a'\nreason = 'virus'\npattern = 'abc'\n");                             // no sample
  expect_refused("[[rule]]\nid = 'a'\nreason = 'virus'\nsamples = ['550 abc']\n");                       // matches all
  expect_refused("[[rule]]\nid = 'a'\nreason = 'virus'\npattern = 'a'\nsample = 'x'\nsamples = ['a']");  // unknown key
  expect_refused("[[rule]]\nid = 'a'\nreason = 'virus'\ncode = ['5x0']\nsamples = ['550 abc']\n");
  expect_refused("[[rule]]\nid = 'a'\nreason = 'virus'\nstatus = ['5.7']\nsamples = ['550 abc']\n");
  expect_refused(std::string(good) + std::string(good));  // the same id twice
  expect_refused(good, "vendors/v.toml");                 // a vendor without a name
}

TEST(Fold, lower_case_without_marks_codes_and_addresses) {
  EXPECT_EQ(fold("550-5.1.1  User\tUNKNOWN\r\n550 5.1.1 here").text, "user unknown here");
  EXPECT_EQ(fold("550 No Such User").text, "no such user");
  EXPECT_EQ(fold("5.7.1 Refused").text, "refused");
  EXPECT_EQ(fold("<Bob.Full+x@Mailbox-Full.example>: no").text, "<@>: no");
  EXPECT_EQ(fold("to bob@example.org.").text, "to @.");
  EXPECT_EQ(fold("One. Two! Three").text, "one.\ntwo!\nthree");
  EXPECT_EQ(fold("Bo\xC3\xAEte d\xE2\x80\x99"
                 "envoi \xC3\x9C"
                 "berf\xC3\xBCllt")
                .text,
            "boite d'envoi uberfullt");
  EXPECT_EQ(fold("\xD0\xAF\xD0\xA9\xD0\x98\xD0\x9A").text, "\xD1\x8F\xD1\x89\xD0\xB8\xD0\xBA");
  EXPECT_EQ(fold("lists 550 of them").text, "lists 550 of them");
  EXPECT_EQ(fold("").text, "");
}

TEST(Fold, says_where_words_came_from) {
  const std::string_view text = "550 5.1.1 <bob@example.org>... User   Unknown";
  const auto folded = fold(text);
  const auto at = folded.text.find("user unknown");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(folded.original(text, at, at + 12), "User   Unknown");
  EXPECT_EQ(folded.original(text, 0, 3), "<bob@example.org>");
}

TEST(Fold, any_octets_and_a_bounded_length) {
  EXPECT_EQ(fold("\xFF\xC3\xE2\x80").text, "\xFF\xC3\xE2\x80");
  EXPECT_LE(fold(std::string(100000, 'x')).text.size(), folded_octets_max);
}

TEST(RequiredStrings, sets_of_each_alternative) {
  const auto all = [](const auto&... sets) { return ElementsAre(ElementsAre(sets...)); };
  EXPECT_THAT(required_strings("mailbox full", 3), all(ElementsAre("mailbox full")));
  EXPECT_THAT(required_strings("black ?list", 3), all(ElementsAre("black"), ElementsAre("list")));
  EXPECT_THAT(required_strings("virus|mal ?ware", 3),
              ElementsAre(ElementsAre(ElementsAre("virus")), ElementsAre(ElementsAre("mal"), ElementsAre("ware"))));
  EXPECT_THAT(required_strings("(?:no such|unknown|bad) .*?users?\\b", 3),
              all(UnorderedElementsAre("no such", "unknown", "bad"), ElementsAre("user")));
  EXPECT_THAT(required_strings("\\bspf\\b.*?(?:no.*?sender|deny)", 3),
              all(ElementsAre("spf"), UnorderedElementsAre("sender", "deny")));
  EXPECT_THAT(required_strings("(?:very )?[a-z]+ full\\.", 3), all(ElementsAre(" full.")));
  EXPECT_THAT(required_strings("ab+c", 2), all(ElementsAre("ab")));
}

TEST(RequiredStrings, none_when_a_branch_needs_none) {
  EXPECT_THAT(required_strings("virus|no", 3), IsEmpty());
  EXPECT_THAT(required_strings(".*?", 3), IsEmpty());
  EXPECT_THAT(required_strings("(?:abc)?", 3), IsEmpty());
  EXPECT_THAT(required_strings("(?:abc){0,2}x", 3), IsEmpty());
}

TEST(Atoms, finds_each_string_once) {
  Atoms atoms;
  atoms.build({"user", "use", "unknown", "abc"});
  std::vector<int> found;
  atoms.find("user unknown user", found);
  EXPECT_THAT(found, UnorderedElementsAre(0, 1, 2));
  atoms.find("us", found);
  EXPECT_THAT(found, IsEmpty());
}

TEST(BlockLists, the_list_that_is_named) {
  EXPECT_EQ(named_list("Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query"),
            "zen.spamhaus.org");
  EXPECT_EQ(named_list("listed at bl.example.net."), "bl.example.net");
  EXPECT_EQ(named_list("see https://www.barracudacentral.org/q.cgi and dnsbl b.barracudacentral.org"),
            "b.barracudacentral.org");
  EXPECT_EQ(named_list("rejected by 192.0.2.7"), "");
  EXPECT_EQ(named_list("blocked by bob@example.org"), "");
  EXPECT_EQ(named_list(""), "");
}

}  // namespace
}  // namespace postil::diagnose
