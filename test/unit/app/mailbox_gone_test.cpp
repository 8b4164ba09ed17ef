#include "app/mailbox_gone.hpp"

#include <gtest/gtest.h>

namespace postil::app {
namespace {

bool gone(std::string diagnostic, reply::EnhancedCode code, queue::Reason reason = queue::Reason::recipient_refused) {
  queue::RecipientState state;
  state.reason = reason;
  state.code = code;
  state.remote = "mx.example.net [192.0.2.1]";
  state.diagnostic = std::move(diagnostic);
  state.diagnostic_remote = true;
  return mailbox_gone(state);
}

TEST(MailboxGone, only_what_says_that_there_is_no_such_mailbox) {
  EXPECT_TRUE(gone("550 5.1.1 <r@example.net>: Recipient address rejected: User unknown", {5, 1, 1}));
  EXPECT_TRUE(gone("550 no such user here", {5, 0, 0}));
  EXPECT_FALSE(gone("552 5.2.2 mailbox full", {5, 2, 2}));
  EXPECT_FALSE(gone("550 5.7.1 your address is on a block list", {5, 7, 1}));
  EXPECT_FALSE(gone("550 5.1.1 no such user", {5, 1, 1}, queue::Reason::message_refused));
  EXPECT_FALSE(gone("550 rejected", {5, 0, 0}));
}

}  // namespace
}  // namespace postil::app
