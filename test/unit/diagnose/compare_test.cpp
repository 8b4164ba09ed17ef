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

TEST(Compare, the_relation_chooses_the_sentence) {
  const auto relation = [](const std::string& a, const std::string& b) { return pair_of(a, b).relation; };
  EXPECT_EQ(relation("550", "550"), "same");
  EXPECT_EQ(relation("235", "556"), "reviewed");
  EXPECT_EQ(relation("5.1.10", "556"), "belongs");
  EXPECT_EQ(relation("556", "5.1.10"), "belongs");
  EXPECT_EQ(relation("511", "550"), "field");
  EXPECT_EQ(relation("550 5.1.1", "550 5.4.4"), "same_basic");
  EXPECT_EQ(relation("552 5.2.2", "550 5.2.2"), "same_detail");
  EXPECT_EQ(relation("4.2.2", "5.2.2"), "same_cause_two_classes");
  EXPECT_EQ(relation("2.1.5", "5.1.5"), "same_cause_success");
  EXPECT_EQ(relation("x.2.2", "5.2.2"), "class_open");
  EXPECT_EQ(relation("x.2.2", "5.1.1"), "open");
  EXPECT_EQ(relation("5.7.20", "5.7.25"), "same_subject.7");
  EXPECT_EQ(relation("4.4.1", "4.4.4"), "same_subject.4");
  EXPECT_EQ(relation("251", "550"), "success_permanent.same_command");
  EXPECT_EQ(relation("250", "550"), "success_permanent.anywhere");
  EXPECT_EQ(relation("550", "235"), "success_permanent.before");
  EXPECT_EQ(relation("221", "550"), "success_permanent.after");
  EXPECT_EQ(relation("535", "550"), "permanent_permanent.elsewhere");
  EXPECT_EQ(relation("556", "553"), "for_good_or_until_a_change");
  EXPECT_EQ(relation("450", "555"), "temporary_permanent.same_command");
  EXPECT_EQ(relation("432", "450"), "temporary_temporary.elsewhere");
  EXPECT_EQ(relation("454", "450"), "temporary_temporary.same_command");  // Postfix denies relaying with 454
  // What goes together in practice, though the registry names no basic code for it.
  EXPECT_EQ(relation("550", "5.2.1"), "belongs");
  EXPECT_EQ(relation("5.1.6", "551"), "belongs");
  EXPECT_EQ(relation("550", "5.3.2"), "for_good_or_until_a_change");
  // The order in which they are given does not matter.
  std::vector<std::string> codes{"235", "250", "334",   "421",   "450",   "511",      "521",
                                 "550", "556", "4.2.2", "5.2.2", "x.7.1", "550 5.1.1"};
  for (const auto& a : codes) {
    for (const auto& b : codes) {
      EXPECT_EQ(relation(a, b), relation(b, a)) << a << " " << b;
      EXPECT_EQ(pair_of(a, b).one_session, pair_of(b, a).one_session) << a << " " << b;
    }
  }
}

TEST(Compare, what_no_server_says_is_in_no_session) {
  const auto pair = pair_of("4.4.7", "550");
  EXPECT_EQ(pair.one_session, Verdict::no);
  EXPECT_THAT(say(pair.session), HasSubstr("no server says 4.4.7"));
  EXPECT_EQ(pair_of("4.4.7", "550 5.1.1").verdict.text.find("temporary"), std::string::npos)
      << "4.4.7 ends what was for now";
  EXPECT_EQ(pair_of("235", "521").one_delivery, Verdict::yes);
  EXPECT_EQ(pair_of("521", "556").one_delivery, Verdict::no);
  EXPECT_THAT(say(pair_of("235", "251").session), HasSubstr("where one server does both jobs"));
}

TEST(Compare, what_comes_first_is_said_only_where_it_always_does) {
  // 5.7.1 may refuse the connection, and later commands too.
  EXPECT_EQ(pair_of("5.7.1", "235").session.text, "compare.session.open");
  EXPECT_EQ(pair_of("535", "550").session.text, "compare.session.one_after_the_other");
  // HELP, VRFY and ETRN may come at any time, and 500 answers any command.
  EXPECT_EQ(pair_of("214", "554").relation, "success_permanent.anywhere");
  for (const char* other : {"214", "252", "253", "500"})
    EXPECT_EQ(pair_of(other, "556").session.text, "compare.session.open") << other;
  EXPECT_EQ(pair_of("252", "556").session.text, "compare.session.open");
  // Two refusals of AUTH need two of them; recipients have nothing to do with it.
  EXPECT_EQ(pair_of("535", "538").session.text, "compare.session.open");
  EXPECT_EQ(pair_of("550", "555").session.text, "compare.session.same_command");
}

TEST(Compare, where_the_place_is_not_known_none_is_claimed) {
  const auto relation = [](const std::string& a, const std::string& b) { return pair_of(a, b).relation; };
  EXPECT_EQ(relation("550", "599"), "permanent_permanent.anywhere");
  EXPECT_EQ(relation("535", "5.7.139"), "permanent_permanent.anywhere");
  EXPECT_EQ(relation("421", "5.7.1"), "temporary_permanent.anywhere");
  EXPECT_EQ(relation("498", "450"), "temporary_temporary.anywhere");
  // Details that say nothing are not the same cause.
  EXPECT_EQ(relation("2.0.0", "5.0.0"), "success_permanent.anywhere");
  EXPECT_EQ(relation("4.7.0", "5.7.0"), "temporary_permanent.anywhere");
  // A field code that is an enhanced one without its dots.
  EXPECT_EQ(relation("441", "4.4.1"), "field");
  EXPECT_EQ(relation("5.7.1", "571"), "field");
  // That nobody answered is no greeting.
  EXPECT_EQ(pair_of("4.4.1", "4.4.2").session.text, "compare.session.open");
  EXPECT_EQ(pair_of("5.4.1", "550").one_session, Verdict::yes);
  EXPECT_EQ(compare({"2.6.0", "550"})->if_you_see.front().text, "status.x.1.5.fix.nobody");
}

TEST(Compare, what_answers_commands_beside_the_mail_is_in_no_delivery) {
  for (const char* aside : {"211", "214", "252", "253", "453", "458", "459"}) {
    for (const char* other : {"235", "550", "451", "521", "5.1.1", "220"}) {
      const auto pair = pair_of(other, aside);
      EXPECT_EQ(pair.one_delivery, Verdict::no) << aside << " " << other;
      EXPECT_EQ(say(pair.delivery),
                std::string("Not in a delivery: ") + aside + " answers a command that carries no message.");
    }
  }
  EXPECT_EQ(pair_of("251", "450").one_delivery, Verdict::yes);
  // 551 may answer VRFY as well; what it answers of the mail comes behind the login.
  EXPECT_EQ(pair_of("551", "534").session.text, "compare.session.two_jobs");
  EXPECT_EQ(pair_of("551", "220").session.text, "compare.session.one_after_the_other");
}

TEST(Compare, what_asks_for_more_is_followed_by_the_answer) {
  for (const auto& [more, end] : {std::pair{"334", "535"}, {"354", "552"}, {"354", "451"}}) {
    EXPECT_EQ(say(pair_of(end, more).session), std::string("Yes, in one session, even for one command: ") + more +
                                                   " asks for more, and " + end + " may be the answer to that.");
  }
  EXPECT_EQ(pair_of("354", "550 5.1.1").one_session, Verdict::yes);
  EXPECT_EQ(pair_of("334", "354").session.text, "compare.session.one_after_the_other");
}

TEST(Compare, enhanced_codes_may_be_reviewed_too) {
  const auto found = compare({"5.1.10", "5.1.1"});
  EXPECT_TRUE(found->pairs.front().reviewed);
  EXPECT_EQ(found->if_you_see.front().text, "compare.pair.5.1.1_5.1.10.see_5.1.10");
  EXPECT_EQ(found->if_you_see.back().text, "compare.pair.5.1.1_5.1.10.see_5.1.1");
  EXPECT_TRUE(pair_of("550 5.1.1", "556 5.1.10").reviewed);
}

TEST(Compare, other_pairs_get_a_sentence_by_their_relation) {
  EXPECT_EQ(say(pair_of("555", "450").verdict),
            "The same command can get either: 450 is for now and is tried again, 555 is for good and comes back to the "
            "sender.");
  EXPECT_EQ(say(pair_of("535", "521").session),
            "Not in one session: a server that greets with 521 serves nothing, so that 535 cannot follow.");
  EXPECT_EQ(pair_of("535", "521").one_session, Verdict::no);
  EXPECT_THAT(say(pair_of("535", "521").delivery), testing::StartsWith("In one delivery, yes: one host may say 5"));
  EXPECT_THAT(say(pair_of("535", "552").delivery), testing::StartsWith("In one delivery too: "));
  EXPECT_EQ(say(pair_of("550", "421").session),
            "Yes, in one session, but 421 is then its last reply: it closes the connection. 550 comes before it.");
  EXPECT_EQ(pair_of("421", "221").one_session, Verdict::no);
  EXPECT_EQ(pair_of("421", "422").one_session, Verdict::yes);
  EXPECT_EQ(say(pair_of("550", "235").session), "Yes, in one session: 235 answers an earlier command than 550.");
  EXPECT_EQ(pair_of("550", "550").verdict.text, "compare.verdict.same");
}

TEST(Compare, every_pair_of_codes_has_all_its_texts) {
  const i18n::Translator tr;
  std::vector<std::string> codes{"5.1.1", "4.2.2", "x.7.1", "2.1.5", "599", "550 5.1.1"};
  for (const auto& code : knowledge::basic_codes()) codes.push_back(std::to_string(code.code));
  for (const auto& status : knowledge::statuses()) codes.push_back("5" + status.name().substr(1));
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
