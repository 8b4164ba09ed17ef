#include "knowledge/codes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "i18n/translator.hpp"
#include "knowledge/checks.hpp"
#include "knowledge/pairs.hpp"

namespace postil::knowledge {
namespace {

using i18n::Translator;
using reply::EnhancedCode;

// "550", "x.1.1", "5.1.1": something that can be looked up here.
bool is_known(std::string_view name) {
  if (name.size() == 3 && name.find('.') == std::string_view::npos) {
    return find_code(static_cast<Code>(std::stoi(std::string(name)))) != nullptr;
  }
  const auto code =
      reply::parse_enhanced_code((name.starts_with('x') ? "5" : "") + std::string(name.substr(name.starts_with('x'))));
  return code && find_status(code->subject, code->detail) != nullptr;
}

TEST(Codes, every_code_that_postil_gives_is_known) {
  for (const auto& entry : reply::catalogue()) {
    EXPECT_NE(find_code(entry.code), nullptr) << entry.key;
    if (entry.enhanced) {
      EXPECT_NE(find_status(entry.enhanced.subject, entry.enhanced.detail), nullptr) << entry.key;
    }
  }
}

TEST(Codes, the_codes_of_the_rfcs_are_known) {
  for (Code code :
       {211, 214, 220, 221, 235, 250, 251, 252, 253, 334, 354, 421, 422, 430, 432, 450, 451, 452, 453, 454, 455, 458,
        459, 500, 501, 502, 503, 504, 521, 523, 524, 525, 530, 533, 534, 535, 538, 550, 551, 552, 553, 554, 555, 556}) {
    EXPECT_NE(find_code(code), nullptr) << code;
  }
  EXPECT_EQ(find_code(599), nullptr);
}

TEST(Codes, each_has_its_prose_and_its_facts) {
  const Translator tr;
  for (const auto& code : basic_codes()) {
    const auto prefix = fmt::format("code.{}", code.code);
    for (const char* part : {"title", "meaning", "when"}) EXPECT_TRUE(tr.has(prefix + "." + part)) << prefix << part;
    bool fix = false;
    for (Role role : roles) fix = fix || tr.has(fmt::format("{}.fix.{}", prefix, to_string(role)));
    EXPECT_TRUE(fix) << prefix;
    EXPECT_FALSE(code.stages.empty()) << prefix;
    EXPECT_EQ(code.defined.empty(), code.standing == Standing::field) << prefix;
    EXPECT_FALSE(code.emitters.empty()) << prefix;
    for (const auto& key : code.live_checks) EXPECT_NE(find_live_check(key), nullptr) << prefix << " " << key;
    for (const auto& name : code.related) EXPECT_TRUE(is_known(name)) << prefix << " " << name;
    EXPECT_FALSE(code.transcript.empty()) << prefix;
    for (Code other : code.confused) {
      EXPECT_NE(find_code(other), nullptr) << prefix;
      EXPECT_TRUE(tr.has(fmt::format("{}.not.{}", prefix, other))) << prefix << " " << other;
    }
    // The class of an enhanced code is that of its basic code. [rfc2034 4]
    for (auto enhanced : code.enhanced) EXPECT_EQ(enhanced.klass, code.code / 100) << prefix;
    // What no server says stands in a log or a bounce.
    const bool noted = code.emitters == std::vector{Emitter::sending};
    const bool shows_itself = std::ranges::any_of(code.transcript, [&](const std::string& line) {
      return line.find(fmt::format("{}{}", noted ? "" : "S: ", code.code)) != std::string::npos &&
             (!noted || line.find("S: ") == std::string::npos);
    });
    EXPECT_TRUE(shows_itself) << prefix;
  }
}

TEST(Codes, what_is_seen_without_a_standard_is_known_and_marked) {
  for (Code code :
       {200, 422, 425, 431, 441, 442, 446, 447, 449, 471, 498, 505, 510, 511, 512, 513, 540, 541, 542, 571, 585, 591}) {
    ASSERT_NE(find_code(code), nullptr) << code;
    EXPECT_NE(find_code(code)->standing, Standing::rfc) << code;
    EXPECT_FALSE(find_code(code)->confused.empty()) << "the defined code for the same: " << code;
    EXPECT_EQ(find_code(code)->reason, std::nullopt) << "a number without a meaning decides nothing: " << code;
  }
  for (Code code : {421, 521, 556}) EXPECT_EQ(find_code(code)->standing, Standing::rfc);
}

TEST(Codes, how_long_a_refusal_lasts_is_not_its_first_digit) {
  for (const auto& code : basic_codes()) {
    EXPECT_EQ(code.persistence.has_value(), code.code >= 400 && code.code != 453) << code.code;
    if (code.retry == Retry::no) {
      EXPECT_NE(code.persistence, Persistence::transient) << code.code;
    }
  }
  EXPECT_EQ(find_code(556)->persistence, Persistence::permanent);
  EXPECT_EQ(find_code(535)->persistence, Persistence::conditional);
  EXPECT_EQ(find_code(432)->persistence, Persistence::conditional);
  EXPECT_EQ(find_code(450)->persistence, Persistence::transient);
  EXPECT_EQ(find_status(2, 2)->persistence_of(5), Persistence::conditional);
  EXPECT_EQ(find_status(2, 2)->persistence_of(4), Persistence::transient);
  EXPECT_EQ(find_status(2, 2)->persistence_of(2), std::nullopt);
  EXPECT_EQ(find_status(4, 7)->persistence_of(4), Persistence::permanent) << "4.4.7: the tries are over";
  EXPECT_EQ(find_status(1, 5)->persistence_of(5), std::nullopt);
}

TEST(Codes, a_refusal_for_now_is_retried_and_one_for_good_is_not) {
  for (const auto& code : basic_codes()) {
    if (code.code < 400) {
      EXPECT_EQ(code.retry, Retry::none) << code.code;
    } else if (code.code >= 500) {
      EXPECT_NE(code.retry, Retry::later) << code.code;
      EXPECT_NE(code.retry, Retry::none) << code.code;
    }
  }
}

TEST(Codes, the_three_of_the_beginning_are_as_the_rfcs_say) {
  EXPECT_THAT(find_code(235)->enhanced, testing::ElementsAre(EnhancedCode{2, 7, 0}));
  EXPECT_THAT(find_code(521)->enhanced, testing::ElementsAre(EnhancedCode{5, 3, 2}));
  EXPECT_THAT(find_code(521)->stages, testing::ElementsAre(Stage::connect));
  EXPECT_THAT(find_code(556)->enhanced, testing::ElementsAre(EnhancedCode{5, 1, 10}));
  EXPECT_THAT(find_code(556)->stages, testing::ElementsAre(Stage::rcpt));
}

TEST(Statuses, the_whole_registry_with_prose) {
  EXPECT_EQ(statuses().size(), 81u);
  const Translator tr;
  for (const auto& status : statuses()) {
    for (const char* part : {"title", "meaning", "when"})
      EXPECT_TRUE(tr.has(status.key() + "." + part)) << status.key();
    bool fix = false;
    for (Role role : roles) fix = fix || tr.has(fmt::format("{}.fix.{}", status.key(), to_string(role)));
    EXPECT_TRUE(fix) << status.key();
    EXPECT_FALSE(status.stages.empty()) << status.key();
    EXPECT_FALSE(status.emitters.empty()) << status.key();
    for (const auto& key : status.live_checks) EXPECT_NE(find_live_check(key), nullptr) << status.key() << " " << key;
    for (const auto& name : status.related) EXPECT_TRUE(is_known(name)) << status.key() << " " << name;
    for (const auto& name : status.confused) {
      EXPECT_TRUE(is_known(name)) << status.key() << " " << name;
      EXPECT_TRUE(tr.has(fmt::format("{}.not.{}", status.key(), name))) << status.key() << " " << name;
    }
    EXPECT_EQ(status.persistence_of(4).has_value(), status.persistence_of(5).has_value()) << status.key();
    EXPECT_TRUE(status.success || status.persistence) << status.key();
    EXPECT_FALSE(status.registry.empty()) << status.key();
    EXPECT_FALSE(status.defined.empty()) << status.key();
    // X.6.10 was never to be used.
    EXPECT_EQ(status.transcript.empty(), status.name() == "x.6.10") << status.key();
    const auto shown = status.name().substr(1);
    const bool shows = std::ranges::any_of(
        status.transcript, [&](const std::string& line) { return line.find(shown) != std::string::npos; });
    EXPECT_EQ(shows, !status.transcript.empty()) << status.key();
  }
  EXPECT_EQ(find_status(1, 10)->registry, "Recipient address has null MX");
  EXPECT_THAT(find_status(1, 10)->basic, testing::ElementsAre(556));
  EXPECT_EQ(find_status(1, 99), nullptr);
}

TEST(Replies, every_entry_of_the_catalogue_is_explained) {
  const Translator tr;
  for (const auto& entry : reply::catalogue()) {
    const auto prefix = fmt::format("reply.{}", entry.key);
    EXPECT_TRUE(tr.has(prefix + ".what")) << prefix;
    const bool refusal = entry.code >= 400;
    EXPECT_EQ(tr.has(prefix + ".why"), refusal) << prefix;
    EXPECT_EQ(tr.has(prefix + ".do"), refusal) << prefix;
    EXPECT_EQ(fact_of(entry.id) != nullptr, refusal) << prefix;
    if (fact_of(entry.id) != nullptr) {
      EXPECT_NE(fact_of(entry.id)->reason, Reason::unknown) << prefix;
    }
  }
}

TEST(Reasons, each_has_its_prose_and_can_be_found) {
  const Translator tr;
  std::set<std::string_view> seen;
  for (const auto& reason : reasons()) {
    EXPECT_TRUE(seen.insert(reason.key).second) << reason.key;
    EXPECT_EQ(find_reason(reason.key), &reason);
    EXPECT_EQ(&entry(reason.reason), &reason);
    for (const char* part : {"name", "what", "do"}) EXPECT_TRUE(tr.has(fmt::format("reason.{}.{}", reason.key, part)));
    EXPECT_TRUE(tr.has(fmt::format("reason.group.{}", to_string(reason.group))));
    EXPECT_TRUE(tr.has(fmt::format("explain.role.{}", to_string(reason.act))));
  }
  EXPECT_EQ(find_reason("no_such"), nullptr);
}

TEST(Pairs, each_reviewed_pair_is_whole) {
  const Translator tr;
  EXPECT_GE(reviewed_pairs().size(), 60u);
  for (const auto& pair : reviewed_pairs()) {
    for (const char* part : {"verdict", "session", "delivery"})
      EXPECT_TRUE(tr.has(pair.key() + "." + part)) << pair.key();
    for (const auto& code : {pair.a, pair.b}) {
      EXPECT_TRUE(is_known(code)) << pair.key();
      EXPECT_TRUE(tr.has(fmt::format("{}.see_{}", pair.key(), code))) << pair.key();
    }
    // The word and the fact say the same. "In one session only ...": it can.
    const auto session = tr.text(pair.key() + ".session");
    EXPECT_EQ(session.starts_with("Not in one session"), !pair.one_session) << pair.key() << ": " << session;
    const auto delivery = tr.text(pair.key() + ".delivery");
    EXPECT_EQ(delivery.starts_with("Not in "), !pair.one_delivery) << pair.key() << ": " << delivery;
    // The example shows both codes where both can come, and there is none where they cannot.
    EXPECT_EQ(pair.transcript.empty(), !pair.one_session && !pair.one_delivery) << pair.key();
    std::string example;
    for (const auto& line : pair.transcript) example += line + "\n";
    for (const auto& code : {pair.a, pair.b}) {
      EXPECT_TRUE(example.empty() || example.find(code) != std::string::npos) << pair.key() << " " << code;
    }
  }
  EXPECT_EQ(find_pair("556", "235"), find_pair("235", "556"));
  EXPECT_NE(find_pair("235", "556"), nullptr);
  EXPECT_EQ(find_pair("235", "500"), nullptr);
}

TEST(Pairs, whatever_is_confused_was_compared_by_hand) {
  for (const auto& code : basic_codes()) {
    if (code.standing == Standing::field) continue;
    for (Code other : code.confused) {
      EXPECT_NE(find_pair(std::to_string(code.code), std::to_string(other)), nullptr) << code.code << " " << other;
    }
  }
}

TEST(LiveChecks, each_has_a_command_and_a_sentence) {
  const Translator tr;
  EXPECT_GE(live_checks().size(), 15u);
  for (const auto& check : live_checks()) {
    EXPECT_TRUE(check.command.starts_with("postil check ")) << check.key;
    EXPECT_TRUE(tr.has(check.text())) << check.key;
    EXPECT_EQ(find_live_check(check.key), &check);
  }
  EXPECT_EQ(find_live_check("none"), nullptr);
}

TEST(Facts, every_word_for_a_fact_has_a_text) {
  const Translator tr;
  for (const auto& code : basic_codes()) {
    EXPECT_TRUE(tr.has(fmt::format("fact.standing.{}", to_string(code.standing))));
    for (auto emitter : code.emitters) EXPECT_TRUE(tr.has(fmt::format("fact.emitter.{}", to_string(emitter))));
    if (code.persistence) {
      EXPECT_TRUE(tr.has(fmt::format("explain.persistence.{}", to_string(*code.persistence))));
    }
  }
}

TEST(Prose, is_offered_whole_in_german_and_russian) {
  for (const char* language : {"de", "ru"}) {
    const Translator tr(language);
    for (const char* area :
         {"code", "class", "status", "reply", "reason", "explain", "compare", "cli", "fact", "live_check"}) {
      EXPECT_EQ(tr.language_of(area), language) << area;
    }
  }
}

}  // namespace
}  // namespace postil::knowledge
