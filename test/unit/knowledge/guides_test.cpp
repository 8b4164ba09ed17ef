#include "knowledge/guides.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "i18n/translator.hpp"

namespace postil::knowledge {
namespace {

using i18n::Translator;

bool is_known(std::string_view name) {
  if (!name.starts_with('x')) return find_code(static_cast<Code>(std::stoi(std::string(name)))) != nullptr;
  const auto code = reply::parse_enhanced_code("5" + std::string(name.substr(1)));
  return code && find_status(code->subject, code->detail) != nullptr;
}

TEST(Guides, the_six_are_whole) {
  const Translator tr;
  std::vector<std::string> names;
  for (const auto& guide : guides()) {
    names.push_back(guide.name);
    EXPECT_EQ(find_guide(guide.name), &guide);
    EXPECT_TRUE(tr.has(guide.text("title"))) << guide.name;
    EXPECT_TRUE(tr.has(guide.text("intro"))) << guide.name;
    EXPECT_GE(guide.steps.size(), 4u) << guide.name;
    for (std::size_t step = 1; step <= guide.steps.size(); ++step) {
      EXPECT_TRUE(tr.has(guide.step_text(step, "title"))) << guide.name << step;
      EXPECT_TRUE(tr.has(guide.step_text(step, "text"))) << guide.name << step;
    }
    EXPECT_FALSE(tr.has(guide.step_text(guide.steps.size() + 1, "text"))) << guide.name << " has a step too few";
    for (const auto& code : guide.codes) EXPECT_TRUE(is_known(code)) << guide.name << " " << code;
    for (const auto& term : guide.terms) EXPECT_NE(find_term(term), nullptr) << guide.name << " " << term;
  }
  EXPECT_THAT(names, testing::ElementsAre("read_a_bounce", "null_mx", "auth_fails", "relay_denied", "dmarc_refusal",
                                          "greylisting"));
  EXPECT_EQ(find_guide("none"), nullptr);
}

TEST(Glossary, each_term_has_a_name_and_a_text_and_leads_on) {
  const Translator tr;
  EXPECT_GE(glossary().size(), 40u);
  for (const auto& term : glossary()) {
    EXPECT_EQ(find_term(term.key), &term);
    for (const char* part : {"name", "text"}) EXPECT_TRUE(tr.has(term.text(part))) << term.key << part;
    for (const auto& other : term.see) {
      EXPECT_NE(find_term(other), nullptr) << term.key << " " << other;
      EXPECT_NE(other, term.key);
    }
    for (const auto& code : term.codes) EXPECT_TRUE(is_known(code)) << term.key << " " << code;
  }
}

TEST(Glossary, is_offered_whole_in_german_and_russian) {
  for (const char* language : {"de", "ru"}) {
    const Translator tr(language);
    for (const char* area : {"glossary", "guide", "collision"}) EXPECT_EQ(tr.language_of(area), language) << area;
    // Two terms with one name in a language could not be told apart in its index.
    std::set<std::string> names;
    for (const auto& term : glossary()) EXPECT_TRUE(names.insert(tr.text(term.text("name"))).second) << term.key;
  }
}

}  // namespace
}  // namespace postil::knowledge
