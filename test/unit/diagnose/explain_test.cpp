#include "diagnose/explain.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "diagnose/json.hpp"

namespace postil::diagnose {
namespace {

using testing::HasSubstr;
using testing::Not;

Answer answer_of(std::string_view input) {
  const auto answer = explain(input);
  EXPECT_TRUE(answer.has_value()) << input;
  return answer ? *answer : Answer{};
}

struct KindCase {
  const char* input;
  Kind kind;
  const char* subject;
  Outcome outcome;
};

class Input : public testing::TestWithParam<KindCase> {};

TEST_P(Input, is_recognized) {
  const auto& c = GetParam();
  const auto answer = answer_of(c.input);
  EXPECT_EQ(to_string(answer.kind), to_string(c.kind)) << c.input;
  EXPECT_EQ(answer.subject, c.subject) << c.input;
  EXPECT_EQ(to_string(answer.outcome), to_string(c.outcome)) << c.input;
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Input,
    testing::Values(KindCase{"521", Kind::basic_code, "521", Outcome::permanent},
                    KindCase{"  235\n", Kind::basic_code, "235", Outcome::success},
                    KindCase{"354", Kind::basic_code, "354", Outcome::go_on},
                    KindCase{"599", Kind::basic_code, "599", Outcome::permanent},
                    KindCase{"5.1.1", Kind::enhanced_code, "5.1.1", Outcome::permanent},
                    KindCase{"#4.2.2", Kind::enhanced_code, "4.2.2", Outcome::temporary},
                    KindCase{"X.7.1", Kind::enhanced_code, "x.7.1", Outcome::mixed},
                    KindCase{"5.9.99", Kind::enhanced_code, "5.9.99", Outcome::permanent},
                    KindCase{"550 5.1.1", Kind::pair, "550 5.1.1", Outcome::permanent},
                    KindCase{"550-5.1.1", Kind::pair, "550 5.1.1", Outcome::permanent},
                    KindCase{"SMTP 550-5.7.1", Kind::pair, "550 5.7.1", Outcome::permanent},
                    KindCase{"error 5.1.1 (550)", Kind::pair, "550 5.1.1", Outcome::permanent},
                    KindCase{"550 #5.1.1", Kind::pair, "550 5.1.1", Outcome::permanent},
                    KindCase{"550.5.1.1", Kind::pair, "550 5.1.1", Outcome::permanent},
                    KindCase{"451:", Kind::basic_code, "451", Outcome::temporary},
                    KindCase{"Error code: 550.", Kind::basic_code, "550", Outcome::permanent},
                    KindCase{"dsn=5.1.1,", Kind::enhanced_code, "5.1.1", Outcome::permanent},
                    KindCase{"\xef\xbc\x95\xef\xbc\x95\xef\xbc\x90", Kind::basic_code, "550", Outcome::permanent},
                    KindCase{"\xd9\xa5\xd9\xa5\xd9\xa0", Kind::basic_code, "550", Outcome::permanent},
                    KindCase{"4xx", Kind::code_class, "4xx", Outcome::temporary},
                    KindCase{"5.x.x", Kind::code_class, "5xx", Outcome::permanent},
                    KindCase{"x.7.z", Kind::subject, "x.7.x", Outcome::mixed},
                    KindCase{"5.7.x", Kind::subject, "5.7.x", Outcome::permanent},
                    KindCase{"550 no such user", Kind::reply, "550", Outcome::permanent},
                    KindCase{"S: 451 4.3.0 later", Kind::reply, "451 4.3.0", Outcome::temporary},
                    KindCase{"550-5.1.1 a\r\n550 5.1.1 b\r\n", Kind::reply, "550 5.1.1", Outcome::permanent},
                    KindCase{"C: RCPT TO:<a@b>\nS: 250 ok\nC: DATA\nS: 554 5.5.1 none", Kind::reply, "554 5.5.1",
                             Outcome::permanent},
                    KindCase{"7Q3K-9F2M-4T8XB", Kind::message_id, "7Q3K-9F2M-4T8XB", Outcome::mixed},
                    KindCase{"EFTN-CZMQ-QCKCZ", Kind::receipt_id, "EFTN-CZMQ-QCKCZ", Outcome::mixed},
                    KindCase{"8q3k9f2m4t8xb", Kind::receipt_id, "8Q3K-9F2M-4T8XB", Outcome::mixed}));

TEST(Explain, nobody_is_told_to_wait_for_what_has_come_back) {
  const i18n::Translator tr;
  for (const auto& status : knowledge::statuses()) {
    const auto answer = answer_of("5" + status.name().substr(1));
    for (const auto& step : answer.steps) {
      EXPECT_THAT(tr.text(step.text), Not(testing::StartsWith("Wait"))) << step.text;
      EXPECT_THAT(tr.text(step.text), Not(HasSubstr("tries again"))) << step.text;
    }
  }
  EXPECT_EQ(answer_of("4.4.1").steps.front().text, "status.x.4.1.fix.sender");
  EXPECT_EQ(answer_of("550 5.4.1").steps.front().text, "status.x.4.1.fix_for_good.sender");
  EXPECT_EQ(answer_of("2.1.0").what.front(), "class.success.meaning");
  EXPECT_TRUE(answer_of("2.1.0").confused.empty());
  EXPECT_TRUE(answer_of("2.1.0").live_checks.empty());
  EXPECT_EQ(answer_of("2.1.5").what.front(), "status.x.1.5.meaning");
}

TEST(Explain, pasted_secrets_do_not_come_back) {
  for (const char* text : {"535 5.7.8 refused\npassword hunter", "535 5.7.8 refused: swaks -ap hunter",
                           "334 UGFzc3dvcmQ6\naHVudGVy\n535 5.7.8 refused", "535 refused smtp://ann:hunter/@mail"}) {
    const auto json = to_json(answer_of(text), i18n::Translator());
    EXPECT_THAT(json, Not(HasSubstr("hunter"))) << text;
    EXPECT_THAT(json, Not(HasSubstr("aHVudGVy"))) << text;
  }
}

TEST(Explain, what_is_not_understood_says_why) {
  const auto why = [](std::string_view input) {
    const auto answer = explain(input);
    return answer ? std::string_view("understood") : to_string(answer.error());
  };
  EXPECT_EQ(why(""), "empty");
  EXPECT_EQ(why(" \r\n\t"), "empty");
  EXPECT_EQ(why("999"), "no_such_code");
  EXPECT_EQ(why("111"), "no_such_code");
  EXPECT_EQ(why("3.1.1"), "no_such_status");
  EXPECT_EQ(why("9.1.1"), "no_such_status");
  EXPECT_EQ(why("5.8.x"), "no_such_status");
  EXPECT_EQ(why("administrator"), "not_a_reply");
  EXPECT_EQ(why("AUTH PLAIN AGFubgBzZWNyZXQ="), "not_a_reply");
  EXPECT_EQ(why("192.0.2.1"), "not_a_reply");
  EXPECT_EQ(why(std::string(input_octets_max + 1, '5')), "too_long");
}

TEST(Explain, a_success_without_detail_is_told_by_its_basic_code) {
  const auto taken = answer_of("250 2.0.0 Ok: queued as 4ABC");
  EXPECT_EQ(taken.subject, "250 2.0.0");
  EXPECT_EQ(taken.title, "code.250.title");
  EXPECT_THAT(answer_of("550 2.0.0").what, testing::Contains("explain.class_mismatch"));
}

TEST(Explain, a_code_of_no_registry_is_told_as_the_provider_means_it) {
  const auto banned = answer_of("550 5.7.606");
  EXPECT_EQ(banned.kind, Kind::pair);
  EXPECT_EQ(banned.title, "reason.vendor_ip_block.name");
  EXPECT_THAT(banned.why, testing::ElementsAre("explain.because.vendor_status"));
  ASSERT_EQ(banned.defined.size(), 1u);
  EXPECT_TRUE(banned.defined.front().document.starts_with("Microsoft 365"));
  EXPECT_EQ(answer_of("5.7.708").title, "reason.sender_account_limited.name");
  EXPECT_EQ(answer_of("535 5.7.139").steps.front().who, knowledge::Role::sender_admin);
  // Two classes, a code that nobody uses, one that the registry has.
  EXPECT_EQ(answer_of("4.7.606").title, "reason.rate_limited.name");
  EXPECT_THAT(answer_of("5.7.999").what, testing::Contains("explain.unlisted_status"));
  for (const char* success : {"2.6.99", "2.6.0", "2.6.x"})
    EXPECT_EQ(answer_of(success).what.back(), "class.success.meaning") << success;
  EXPECT_EQ(answer_of("550 5.1.1").title, "status.x.1.1.title");
}

TEST(Explain, every_text_of_every_answer_is_there) {
  const i18n::Translator tr;
  std::vector<std::string> inputs{"5xx",          "4xx",           "2xx",         "3xx",      "x.0.z",
                                  "x.7.z",        "521 blocked",   "550 5.7.1 x", "450 wait", "556 user",
                                  "550 5.1.10 x", "250 4.1.1 odd", "550 5.7.606"};
  for (const auto& code : knowledge::basic_codes()) inputs.push_back(std::to_string(code.code));
  for (const auto& status : knowledge::statuses()) {
    for (int klass : {4, 5}) inputs.push_back(fmt::format("{}.{}.{}", klass, status.subject, status.detail));
  }
  for (const auto& input : inputs) {
    const auto answer = answer_of(input);
    std::vector<std::string> keys{answer.title};
    keys.insert(keys.end(), answer.what.begin(), answer.what.end());
    keys.insert(keys.end(), answer.why.begin(), answer.why.end());
    if (!answer.when.empty()) keys.push_back(answer.when);
    if (!answer.other.empty()) keys.push_back(answer.other);
    for (const auto& step : answer.steps) keys.push_back(step.text);
    for (const auto& confusion : answer.confused) keys.push_back(confusion.text);
    for (const auto& member : answer.members) keys.push_back(member.text);
    for (const auto& key : keys) EXPECT_TRUE(tr.has(key)) << input << ": " << key;
    EXPECT_FALSE(answer.what.empty()) << input;
  }
}

TEST(Explain, says_nothing_that_the_seeds_got_wrong) {
  const i18n::Translator tr;
  // 556 names no forwarding address; the exchange of a null MX is a dot.
  std::string all;
  for (const auto& step : answer_of("556").steps) all += tr.text(step.text) + " ";
  all += tr.text(answer_of("556").what.front());
  EXPECT_THAT(all, HasSubstr("a dot as host"));
  EXPECT_THAT(all, Not(HasSubstr("forwarding")));
}

TEST(ExplainJson, is_json_with_stable_ids_in_each_language) {
  for (const char* language : {"en", "de", "ru"}) {
    const auto value =
        boost::json::parse(to_json(answer_of("521 5.7.1 blocked using x.example"), i18n::Translator(language)))
            .as_object();
    EXPECT_EQ(value.at("schema").as_string(), "postil.explain/1");
    EXPECT_EQ(value.at("language").as_string(), language);
    EXPECT_EQ(value.at("kind").as_string(), "reply");
    EXPECT_EQ(value.at("outcome").as_string(), "permanent");
    EXPECT_EQ(value.at("reason").as_object().at("id").as_string(), "dnsbl_listed");
    EXPECT_EQ(value.at("reason").as_object().at("who").as_string(), "sender_admin");
  }
}

}  // namespace
}  // namespace postil::diagnose
