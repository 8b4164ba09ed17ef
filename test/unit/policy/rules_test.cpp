#include "policy/rules.hpp"

#include <gmock/gmock.h>

namespace postil::policy {
namespace {

using address::PathKind;

address::Path path(std::string_view text, PathKind kind) {
  auto parsed = address::parse_path(text, kind);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(address::Path{});
}

std::string said(const std::optional<reply::Reply>& refused) {
  return refused ? std::string(reply::entry(refused->text).key) : "-";
}

Rules rules() {
  Rules made;
  made.aliases = {"mail.example.org",
                  {{"postmaster", {"admin@example.net"}},
                   {"team@example.org", {"a@example.net", "b@[192.0.2.7]"}},
                   {"broken@example.org", {"not an address"}},
                   {"short@example.org", {"x@unqualified"}}}};
  return made;
}

TEST(SenderRules, ALoginSendsAsItself) {
  const auto refused = [](const char* sender, Login login, Rules with) {
    return said(refuse_sender(with, path(sender, PathKind::reverse), login));
  };
  const Login nobody{};
  const Login other{.name = "alice@example.org", .local = false, .may_send_as = false};
  const Login own{.name = "alice@example.org", .local = false, .may_send_as = true};
  EXPECT_EQ(refused("<bob@example.org>", other, rules()), "mail_sender_not_yours");
  EXPECT_EQ(refused("<alice@example.org>", own, rules()), "-");
  EXPECT_EQ(refused("<bob@example.org>", nobody, rules()), "-") << "a relay's clients do not log in";
  EXPECT_EQ(refused("<>", other, rules()), "-") << "receipts [rfc8098 3]";
}

TEST(SenderRules, AProgramOfThisHost) {
  const auto refused = [](const char* sender, bool any) {
    auto with = rules();
    with.any_local_sender = any;
    const Login login{.name = "www-data", .local = true, .may_send_as = false};
    return said(refuse_sender(with, path(sender, PathKind::reverse), login));
  };
  EXPECT_EQ(refused("<shop@example.com>", true), "-");
  EXPECT_EQ(refused("<shop@example.com>", false), "mail_sender_not_yours");
  EXPECT_EQ(refused("<www-data@mail.example.org>", false), "-");
  EXPECT_EQ(refused("<www-data@other.example.org>", false), "mail_sender_not_yours");
}

TEST(SenderRules, TheDomain) {
  const auto refused = [](const char* sender) {
    return said(refuse_sender(rules(), path(sender, PathKind::reverse), {}));
  };
  EXPECT_EQ(refused("<a@unqualified>"), "mail_sender_not_qualified");
  EXPECT_EQ(refused("<a@localhost>"), "-");
  EXPECT_EQ(refused("<a@[192.0.2.1]>"), "-");
  const auto asked = [](const char* sender, Rules with) {
    return domain_of_sender(with, path(sender, PathKind::reverse)).value_or("-");
  };
  EXPECT_EQ(asked("<a@Example.COM>", rules()), "example.com");
  for (const char* sender : {"<>", "<a@[192.0.2.1]>", "<a@mail.example.org>", "<a@localhost>"}) {
    EXPECT_EQ(asked(sender, rules()), "-") << sender;
  }
  auto unchecked = rules();
  unchecked.check_sender_domain = false;
  EXPECT_EQ(asked("<a@example.com>", unchecked), "-");
  const auto sender = path("<a@example.com>", PathKind::reverse);
  EXPECT_EQ(said(refuse_sender_domain(sender, DomainFinding::null_mx)), "mail_sender_null_mx");
  for (const auto finding : {DomainFinding::good, DomainFinding::not_found, DomainFinding::no_host}) {
    EXPECT_EQ(said(refuse_sender_domain(sender, finding)), "-");
  }
}

// "a@example.net?example.net", with the domain to ask for; or the refusal.
std::string targets(const char* recipient, const Rules& with) {
  const auto found = targets_of(with, path(recipient, PathKind::forward));
  if (!found) return said(found.error());
  std::string all;
  for (const auto& target : *found) all += (all.empty() ? "" : " ") + target.address + "?" + target.domain;
  return all;
}

TEST(RecipientRules, Targets) {
  EXPECT_EQ(targets("<x@Example.net>", rules()), "x@example.net?example.net");
  EXPECT_EQ(targets("<x@[192.0.2.1]>", rules()), "x@[192.0.2.1]?");
  EXPECT_EQ(targets("<Postmaster>", rules()), "admin@example.net?example.net");
  EXPECT_EQ(targets("<team@example.org>", rules()), "a@example.net?example.net b@[192.0.2.7]?");
  EXPECT_EQ(targets("<nobody@mail.example.org>", rules()), "rcpt_not_here");
  EXPECT_EQ(targets("<nobody@localhost>", rules()), "rcpt_not_here");
  EXPECT_EQ(targets("<x@unqualified>", rules()), "rcpt_not_qualified");
  EXPECT_EQ(targets("<short@example.org>", rules()), "rcpt_not_qualified");
  EXPECT_EQ(targets("<broken@example.org>", rules()), "rcpt_local_trouble");
  EXPECT_EQ(targets("<Postmaster>", {}), "rcpt_not_here");
  auto unchecked = rules();
  unchecked.check_recipient_domains = false;
  EXPECT_EQ(targets("<x@example.net>", unchecked), "x@example.net?");
}

TEST(RecipientRules, WhatDnsFound) {
  const auto recipient = path("<x@team.example.org>", PathKind::forward);
  const auto refused = [&](DomainFinding finding) {
    return said(refuse_recipient_domain(recipient, "example.net", finding));
  };
  EXPECT_EQ(refused(DomainFinding::good), "-");
  EXPECT_EQ(refused(DomainFinding::null_mx), "rcpt_null_mx");
  EXPECT_EQ(refused(DomainFinding::not_found), "rcpt_domain_unknown");
  EXPECT_EQ(refused(DomainFinding::no_host), "rcpt_domain_no_host");
  EXPECT_EQ(reply::text_of(*refuse_recipient_domain(recipient, "example.net", DomainFinding::no_host)),
            "<x@team.example.org>: example.net has neither a mail host (MX) nor an address in DNS")
      << "the address as the client knows it, the domain that is to blame";
}

}  // namespace
}  // namespace postil::policy
