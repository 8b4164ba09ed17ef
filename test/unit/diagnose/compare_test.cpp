#include "diagnose/compare.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "diagnose/json.hpp"

namespace postil::diagnose {
namespace {

using testing::HasSubstr;
using testing::Not;

PairFinding pair_of(const std::string& a, const std::string& b) {
  const auto found = compare({a, b});
  EXPECT_TRUE(found.has_value()) << a << " " << b;
  return found->pairs.front();
}

std::string say(const Sentence& sentence) {
  return i18n::Translator().text(sentence.text, sentence.args);
}

TEST(Compare, the_reviewed_pairs_have_their_own_words_in_either_order) {
  const auto pair = pair_of("556", "235");
  EXPECT_TRUE(pair.reviewed);
  EXPECT_EQ(pair.one_session, Verdict::yes);
  EXPECT_THAT(say(pair.session), HasSubstr("Yes, in one session"));
  const auto other = pair_of("235", "521");
  EXPECT_EQ(other.one_session, Verdict::no);
  EXPECT_EQ(other.one_delivery, Verdict::yes);
  EXPECT_TRUE(pair_of("235 2.7.0", "556 5.1.10").reviewed);
}

TEST(Compare, other_pairs_get_a_sentence_by_their_relation) {
  EXPECT_EQ(say(pair_of("555", "450").verdict),
            "The same command can get either: 450 is for now and is tried again, 555 is for good and comes back to the "
            "sender.");
  EXPECT_EQ(say(pair_of("535", "521").session),
            "Not in one session: a server that greets with 521 serves nothing, so that 535 cannot follow.");
  EXPECT_EQ(pair_of("535", "521").one_session, Verdict::no);
  EXPECT_EQ(say(pair_of("550", "421").session),
            "Yes, in one session, but 421 is then its last reply: it closes the connection. 550 comes before it.");
  EXPECT_EQ(pair_of("421", "221").one_session, Verdict::no);
  EXPECT_EQ(say(pair_of("550", "235").session), "Yes, in one session: 235 answers an earlier command than 550.");
  EXPECT_EQ(pair_of("550", "550").verdict.text, "compare.verdict.same");
}

TEST(Compare, every_pair_of_codes_has_all_its_texts) {
  const i18n::Translator tr;
  std::vector<std::string> codes{"5.1.1", "4.2.2", "x.7.1", "2.1.5", "599", "550 5.1.1"};
  for (const auto& code : knowledge::basic_codes()) codes.push_back(std::to_string(code.code));
  for (const auto& a : codes) {
    for (const auto& b : codes) {
      const auto found = compare({a, b});
      ASSERT_TRUE(found.has_value());
      const auto& pair = found->pairs.front();
      for (const auto* sentence : {&pair.verdict, &pair.session, &pair.delivery}) {
        EXPECT_TRUE(tr.has(sentence->text)) << a << " " << b << " " << sentence->text;
        EXPECT_THAT(say(*sentence), Not(HasSubstr("{"))) << sentence->text;
      }
      for (const auto& advice : found->if_you_see) EXPECT_TRUE(tr.has(advice.text)) << a << " " << advice.text;
    }
  }
}

TEST(Compare, three_codes_are_compared_each_with_each) {
  const auto found = compare({"450", "550", "421"});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->pairs.size(), 3u);
  EXPECT_EQ(found->if_you_see.size(), 3u);
}

TEST(Compare, a_class_or_an_id_cannot_be_compared) {
  EXPECT_EQ(compare({"235", "5xx"}).error().which, 1u);
  EXPECT_EQ(compare({"bob", "235"}).error().which, 0u);
  EXPECT_EQ(compare({"235", "7Q3K-9F2M-4T8XB"}).error().which, 1u);
  EXPECT_EQ(compare({"235", "999"}).error().why, NotUnderstood::no_such_code);
}

TEST(CompareJson, has_sides_and_pairs) {
  const auto value = boost::json::parse(to_json(*compare({"235", "556"}), i18n::Translator("ru"))).as_object();
  EXPECT_EQ(value.at("schema").as_string(), "postil.compare/1");
  EXPECT_EQ(value.at("language").as_string(), "ru");
  EXPECT_EQ(value.at("codes").as_array().size(), 2u);
  EXPECT_TRUE(value.at("pairs").as_array().at(0).as_object().at("one_session").as_bool());
}

}  // namespace
}  // namespace postil::diagnose
