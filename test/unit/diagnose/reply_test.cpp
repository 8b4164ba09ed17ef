#include "diagnose/reply.hpp"

#include <gtest/gtest.h>

#include "diagnose/explain.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Reason;
using knowledge::Role;
using knowledge::Stage;

Explanation of(std::string_view text, Stage stage = Stage::any) {
  const auto reply = read_reply(text);
  EXPECT_TRUE(reply.has_value()) << text;
  return explain_reply(*reply, stage);
}

struct Case {
  const char* reply;
  Stage stage;
  Reason reason;
  Confidence confidence;
};

class ExplainReply : public testing::TestWithParam<Case> {};

TEST_P(ExplainReply, finds_the_reason) {
  const auto& c = GetParam();
  const auto found = of(c.reply, c.stage);
  EXPECT_EQ(knowledge::entry(found.reason).key, knowledge::entry(c.reason).key) << c.reply;
  EXPECT_EQ(to_string(found.confidence), to_string(c.confidence)) << c.reply;
}

constexpr auto certain = Confidence::certain;
constexpr auto likely = Confidence::likely;
constexpr auto unknown = Confidence::unknown;

INSTANTIATE_TEST_SUITE_P(
    Replies, ExplainReply,
    testing::Values(
        // qmail and its offspring end with the enhanced code.
        Case{"550 sorry, we have foo (#5.1.1)", Stage::any, Reason::user_unknown, likely},
        Case{"535 foo (#5.7.1)", Stage::any, Reason::auth_credentials, likely},
        // 521: what RFC 7504 means by it, and what it is used for.
        Case{"521 host.example does not accept email", Stage::connect, Reason::host_accepts_no_mail, certain},
        Case{"521 5.3.2 go away", Stage::connect, Reason::host_accepts_no_mail, certain},
        Case{"521 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.example", Stage::connect,
             Reason::dnsbl_listed, certain},
        Case{"521 5.2.1 (CON:B1)", Stage::connect, Reason::vendor_ip_block, certain},
        Case{"521 5.2.1 go away", Stage::connect, Reason::vendor_ip_block, likely},
        Case{"521 hello", Stage::connect, Reason::host_accepts_no_mail, likely},
        // 554: refuses this client as a greeting, and the transaction later.
        Case{"554 host7.example", Stage::connect, Reason::vendor_ip_block, likely},
        Case{"554 mx.example blocked using dnsbl.example", Stage::connect, Reason::dnsbl_listed, certain},
        Case{"554 Transaction failed", Stage::message, Reason::unknown, unknown},
        Case{"554 5.6.0 bad content", Stage::message, Reason::unknown, unknown},
        // 556: the null MX, and accounts at some providers.
        Case{"556 5.1.10 recipient address has null MX", Stage::rcpt, Reason::recipient_null_mx, certain},
        Case{"556 Domain does not accept mail", Stage::rcpt, Reason::recipient_null_mx, certain},
        Case{"556 Invalid account. Tenant or domain not found", Stage::rcpt, Reason::unknown, unknown},
        Case{"550 5.1.10 RESOLVER.ADR.RecipientNotFound", Stage::rcpt, Reason::user_unknown, certain},
        Case{"550 5.1.1 No such user", Stage::rcpt, Reason::user_unknown, certain},
        Case{"552 5.2.2 mailbox full", Stage::rcpt, Reason::mailbox_full, certain},
        Case{"421 4.3.2 shutting down", Stage::any, Reason::server_busy, certain},
        Case{"550 5.7.1 something", Stage::rcpt, Reason::policy_other, likely},
        Case{"550 5.7.1 listed at bl.spamcop.example", Stage::rcpt, Reason::dnsbl_listed, certain},
        Case{"550 5.7.26 unauthenticated", Stage::message, Reason::unauthenticated, certain},
        Case{"535 5.7.8 Error: authentication failed", Stage::auth, Reason::auth_credentials, certain},
        Case{"530 Must issue a STARTTLS command first", Stage::mail, Reason::tls_required, certain},
        Case{"530 5.7.0 Authentication required", Stage::mail, Reason::auth_required, certain},
        // What a code does not tell stays unknown.
        Case{"550 no", Stage::rcpt, Reason::unknown, unknown}, Case{"450 hello", Stage::rcpt, Reason::unknown, unknown},
        Case{"550 5.0.0 no", Stage::rcpt, Reason::unknown, unknown},
        Case{"599 odd", Stage::rcpt, Reason::unknown, unknown},
        Case{"550-one\n551 two", Stage::rcpt, Reason::unknown, unknown},
        Case{"250 2.0.0 OK", Stage::message, Reason::unknown, unknown}));

TEST(ExplainOwnReply, each_refusal_of_the_catalogue_is_recognized_on_the_wire) {
  for (const auto& entry : reply::catalogue()) {
    if (entry.code < 400 || entry.text.find(' ') == std::string_view::npos) continue;
    std::vector<reply::Arg> args;
    for (auto name : reply::argument_names(entry.text)) args.emplace_back(name, "some.example");
    auto made = reply::make(entry.id, args);
    if (entry.receipt) made.receipt = make_receipt_id(0x1234567890abcdefu);
    const auto found = of(reply::to_wire(made));
    ASSERT_NE(found.own, nullptr) << entry.key;
    // greeting_null_host and null_host differ by the enhanced code only; each is found as itself.
    // What a channel binding broke looks like a wrong password to the client, and only the receipt tells.
    if (entry.id == reply::TextId::auth_channel_binding) {
      EXPECT_EQ(found.own->key, "auth_credentials");
      continue;
    }
    EXPECT_EQ(found.own->key, entry.key);
    EXPECT_EQ(found.confidence, Confidence::certain);
    EXPECT_EQ(found.what, "reply." + std::string(entry.key) + ".what");
    EXPECT_EQ(found.act, knowledge::fact_of(entry.id)->act);
  }
}

TEST(ExplainOwnReply, a_receipt_knows_more_than_the_words) {
  const auto binding = explain_receipt("auth_channel_binding", "535 5.7.8 user name or password is wrong");
  ASSERT_TRUE(binding);
  EXPECT_EQ(binding->what.at(0), "reply.auth_channel_binding.what");
  EXPECT_EQ(binding->reply->own->key, "auth_channel_binding");
  for (const char* key : {"", "no_such_key", "rcpt_null_mx", "auth_credentials"}) {
    const auto words = explain_receipt(key, "535 5.7.8 user name or password is wrong");
    ASSERT_TRUE(words);
    EXPECT_EQ(words->what.at(0), "reply.auth_credentials.what") << key;
  }
}

TEST(ExplainOwnReply, others_words_are_not_taken_for_ours) {
  EXPECT_EQ(of("550 5.1.1 <bob@example.org>: Recipient address rejected").own, nullptr);
  EXPECT_EQ(match_own(550, {5, 1, 1}, "is not a mailbox here"), nullptr);
}

TEST(ExplainReplyBounds, hostile_text_is_only_text) {
  std::string long_line = "550 5.1.1 ";
  long_line.append(100000, 'x');
  EXPECT_EQ(of(long_line).reason, Reason::user_unknown);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "550-5.7.1 spam\n";
  EXPECT_EQ(of(many).reason, Reason::spam_content);
  EXPECT_FALSE(read_reply("no code here\n12 x\n1234 y").has_value());
}

}  // namespace
}  // namespace postil::diagnose
