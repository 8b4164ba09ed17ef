#include "dsn/reader.hpp"

#include <gtest/gtest.h>

namespace postil::dsn {
namespace {

TEST(StatusReader, reads_each_recipient) {
  const auto report = read_delivery_status(
      "Reporting-MTA: dns; mx.example.net\nArrival-Date: x\n\n"
      "Original-Recipient: rfc822;sales@example.org\nFinal-Recipient: RFC822; <ann@example.org>\nAction: "
      "failed\nStatus: 5.2.2 (mailbox full)\n"
      "Remote-MTA: dns; [192.0.2.1]\nDiagnostic-Code: SMTP; 552 5.2.2\n   over quota\n\n"
      "Final-Recipient: rfc822; @relay.example,@b:bob@example.org\nAction: DELAYED\nStatus: 4.4.1\n",
      10);
  EXPECT_EQ(report.reporting_mta, "mx.example.net");
  ASSERT_EQ(report.recipients.size(), 2u);
  const auto& ann = report.recipients[0];
  EXPECT_EQ(ann.address, "ann@example.org");
  EXPECT_EQ(ann.original, "sales@example.org");
  EXPECT_EQ(ann.action, Action::failed);
  EXPECT_EQ(ann.status, (reply::EnhancedCode{5, 2, 2}));
  EXPECT_EQ(ann.status_comment, "mailbox full");
  EXPECT_EQ(ann.remote_mta, "192.0.2.1");
  EXPECT_EQ(ann.diagnostic_type, "smtp");
  EXPECT_EQ(ann.diagnostic, "552 5.2.2 over quota");
  EXPECT_EQ(report.recipients[1].address, "bob@example.org");
  EXPECT_EQ(report.recipients[1].action, Action::delayed);
}

TEST(StatusReader, damaged_reports_give_what_they_have) {
  // No empty line between two recipients.
  EXPECT_EQ(read_delivery_status(
                "Final-Recipient: rfc822; a@b.example\nStatus: 5.1.1\nFinal-Recipient: rfc822; c@b.example\n", 9)
                .recipients.size(),
            2u);
  // An empty line within one; only the original recipient; an unknown word for the action.
  const auto odd =
      read_delivery_status("\n\nAction: expired\n\nOriginal-Recipient: <a@b.example>\nDiagnostic-Code: 550 no\n", 9);
  ASSERT_EQ(odd.recipients.size(), 1u);
  EXPECT_EQ(odd.recipients[0].address, "a@b.example");
  EXPECT_EQ(odd.recipients[0].action, Action::failed);
  EXPECT_EQ(odd.recipients[0].diagnostic, "550 no");
  EXPECT_EQ(odd.recipients[0].diagnostic_type, "");
  // A reply whose fold was lost, and an inner name behind a source route.
  const auto torn = read_delivery_status(
      "Original-Recipient: rfc822;ann@b.example\nFinal-Recipient: rfc822;@store.b.example.lmtp:35065@daemon\n"
      "Diagnostic-Code: smtp; 550 this is no\nregistered user\nRemote-MTA: dns; mx.b.example\n",
      9);
  ASSERT_EQ(torn.recipients.size(), 1u);
  EXPECT_EQ(torn.recipients[0].address, "ann@b.example");
  EXPECT_EQ(torn.recipients[0].diagnostic, "550 this is no registered user");
  EXPECT_EQ(torn.recipients[0].remote_mta, "mx.b.example");
  // Nobody is named.
  EXPECT_EQ(read_delivery_status("Status: 5.1.1\n", 9).recipients.at(0).address, "");
  EXPECT_TRUE(read_delivery_status("hello\n", 9).recipients.empty());
}

TEST(StatusReader, limits_hold) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Final-Recipient: rfc822; a" + std::to_string(i) + "@b.example\n\n";
  EXPECT_EQ(read_delivery_status(many, 7).recipients.size(), 7u);
  std::string folded = "Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: smtp; 550";
  for (int i = 0; i < 10000; ++i) folded += "\n xxxxxxxxxx";
  EXPECT_LT(read_delivery_status(folded, 7).recipients.at(0).diagnostic.size(), 17u * 1024);
}

}  // namespace
}  // namespace postil::dsn
