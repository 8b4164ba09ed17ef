#include "mailauth/spf.hpp"

#include <gmock/gmock.h>

#include "names.hpp"

namespace postil::mailauth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

address::Ip ip(std::string_view text) {
  return *address::Ip::parse(text);
}

SpfOutcome check(Names& names, std::string_view client, std::string_view sender, SpfLimits limits = {},
                 std::string_view helo = "mail.client.example") {
  SpfCheck check(spf_mail_from(ip(client), helo, sender), limits);
  names.run(check);
  return check.outcome();
}

SpfOutcome count(Names& names, std::string_view domain) {
  SpfInput input;
  input.client = ip("192.0.2.1");
  input.domain = domain;
  input.sender = "postmaster@" + input.domain;
  SpfCheck check(input, {}, SpfMode::count_everything);
  names.run(check);
  return check.outcome();
}

TEST(Spf, QualifiersGiveTheResult) {
  Names names;
  names.txt("pass.example", "v=spf1 ip4:192.0.2.1 -all").txt("soft.example", "v=spf1 ~all");
  names.txt("neutral.example", "v=spf1 ?ip4:192.0.2.0/24 -all").txt("open.example", "v=spf1 a");
  const auto pass = check(names, "192.0.2.1", "a@pass.example");
  EXPECT_EQ(pass.result, SpfResult::pass);
  EXPECT_EQ(pass.reason, SpfReason::matched);
  EXPECT_EQ(pass.matched_text(), "ip4:192.0.2.1");
  EXPECT_EQ(pass.lookups, 0);
  const auto fail = check(names, "192.0.2.2", "a@pass.example");
  EXPECT_EQ(fail.result, SpfResult::fail);
  EXPECT_EQ(fail.matched_text(), "-all");
  EXPECT_EQ(check(names, "192.0.2.2", "a@soft.example").result, SpfResult::softfail);
  EXPECT_EQ(check(names, "192.0.2.2", "a@neutral.example").matched_text(), "?ip4:192.0.2.0/24");
  const auto open = check(names, "192.0.2.2", "a@open.example");
  EXPECT_EQ(open.result, SpfResult::neutral);
  EXPECT_EQ(open.reason, SpfReason::nothing_matched);
  EXPECT_FALSE(open.matched_node);
}

TEST(Spf, BothFamilies) {
  Names names;
  names.txt("x.example", "v=spf1 a/24//64 mx//48 ip6:2001:db8:9::/48 -all");
  names.a("x.example", "192.0.2.7").aaaa("x.example", "2001:db8:1::7").mx("x.example", "mx.example");
  names.aaaa("mx.example", "2001:db8:2::1").a("mx.example", "198.51.100.1");
  EXPECT_EQ(check(names, "192.0.2.200", "a@x.example").result, SpfResult::pass);
  EXPECT_EQ(check(names, "::ffff:192.0.2.200", "a@x.example").matched_text(), "a/24//64");
  EXPECT_EQ(check(names, "2001:db8:1::ffff", "a@x.example").matched_text(), "a/24//64");
  EXPECT_EQ(check(names, "2001:db8:2:3::1", "a@x.example").matched_text(), "mx//48");
  EXPECT_EQ(check(names, "198.51.100.2", "a@x.example").result, SpfResult::fail);
  EXPECT_EQ(check(names, "2001:db8:9::1", "a@x.example").matched_text(), "ip6:2001:db8:9::/48");
  names.asked.clear();
  check(names, "2001:db8:2:3::1", "a@x.example");
  EXPECT_THAT(names.asked, ElementsAre("x.example TXT", "x.example AAAA", "x.example MX", "mx.example AAAA"));
}

TEST(Spf, NoneAndItsReasons) {
  Names names;
  names.txt("other.example", "hello").txt("typo.example", " v=spf1 -all").exists("bare.example").fails("down.example");
  EXPECT_EQ(check(names, "192.0.2.1", "a@nowhere.example").reason, SpfReason::no_domain);
  EXPECT_EQ(check(names, "192.0.2.1", "a@other.example").reason, SpfReason::no_record);
  EXPECT_EQ(check(names, "192.0.2.1", "a@bare.example").reason, SpfReason::no_record);
  const auto typo = check(names, "192.0.2.1", "a@typo.example");
  EXPECT_EQ(typo.result, SpfResult::none);
  EXPECT_THAT(typo.nodes.front().lookalikes, ElementsAre(" v=spf1 -all"));
  for (const auto* bad : {"a@localhost", "a@[192.0.2.1]", "a@x..example", "a@.example", "a@"})
    EXPECT_EQ(check(names, "192.0.2.1", bad).reason, SpfReason::malformed_domain) << bad;
  const auto down = check(names, "192.0.2.1", "a@down.example");
  EXPECT_EQ(down.result, SpfResult::temperror);
  EXPECT_EQ(down.reason, SpfReason::dns_failure);
  EXPECT_EQ(down.name, "down.example");
}

TEST(Spf, ABounceIsCheckedByItsHelo) {
  Names names;
  names.txt("mail.client.example", "v=spf1 exists:%{l}.%{o}.list.example -all");
  names.a("postmaster.mail.client.example.list.example", "127.0.0.2");
  EXPECT_EQ(check(names, "192.0.2.1", "").result, SpfResult::pass);
  EXPECT_EQ(check(names, "192.0.2.1", "<>").result, SpfResult::pass);
}

TEST(Spf, SeveralRecordsAndBrokenOnes) {
  Names names;
  names.txt("two.example", "v=spf1 -all").txt("two.example", "v=spf1 +all").txt("two.example", "hello");
  names.txt("bad.example", "v=spf1 +all ipv4:192.0.2.1");
  const auto two = check(names, "192.0.2.1", "a@two.example");
  EXPECT_EQ(two.result, SpfResult::permerror);
  EXPECT_EQ(two.reason, SpfReason::several_records);
  EXPECT_EQ(two.count, 2);
  EXPECT_THAT(two.nodes.front().records, SizeIs(2));
  const auto bad = check(names, "192.0.2.1", "a@bad.example");
  EXPECT_EQ(bad.result, SpfResult::permerror);
  EXPECT_EQ(bad.reason, SpfReason::syntax);
  EXPECT_THAT(bad.nodes.front().record->errors, SizeIs(1));
}

TEST(Spf, TheTableOfInclude) {
  Names names;
  names.txt("pass.example", "v=spf1 +all").txt("fail.example", "v=spf1 -all").txt("soft.example", "v=spf1 ~all");
  names.txt("neutral.example", "v=spf1 ?all").txt("bad.example", "v=spf1 x").fails("down.example");
  const auto result = [&](const std::string& included) {
    Names with = names;
    with.txt("start.example", "v=spf1 include:" + included + " ?all");
    return check(with, "192.0.2.1", "a@start.example");
  };
  EXPECT_EQ(result("pass.example").result, SpfResult::pass);
  EXPECT_EQ(result("pass.example").matched_text(), "include:pass.example");
  for (const auto* none : {"fail.example", "soft.example", "neutral.example"})
    EXPECT_EQ(result(none).result, SpfResult::neutral) << none;
  EXPECT_EQ(result("down.example").result, SpfResult::temperror);
  EXPECT_EQ(result("bad.example").reason, SpfReason::syntax);
  EXPECT_EQ(result("bad.example").name, "bad.example");
  const auto missing = result("nowhere.example");
  EXPECT_EQ(missing.result, SpfResult::permerror);
  EXPECT_EQ(missing.reason, SpfReason::include_without_record);
  EXPECT_EQ(missing.name, "nowhere.example");
  EXPECT_EQ(missing.nodes[1].result, SpfResult::none);
  EXPECT_EQ(missing.nodes[0].terms[0].outcome, SpfTermOutcome::error);
}

TEST(Spf, RedirectTakesTheOtherRecordsResultAndExplanation) {
  Names names;
  names.txt("a.example", "v=spf1 ip4:192.0.2.9 redirect=b.example exp=mine.example");
  names.txt("b.example", "v=spf1 ip4:192.0.2.1 -all exp=theirs.example");
  names.txt("mine.example", "mine").txt("theirs.example", "Not from %{i}, %{o}");
  names.txt("c.example", "v=spf1 redirect=nowhere.example").txt("d.example", "v=spf1 redirect=b.example ?all");
  const auto pass = check(names, "192.0.2.1", "x@a.example");
  EXPECT_EQ(pass.result, SpfResult::pass);
  EXPECT_EQ(pass.nodes[0].reason, SpfReason::redirected);
  EXPECT_EQ(pass.reason, SpfReason::matched);
  EXPECT_EQ(pass.matched_node, 1u);
  EXPECT_EQ(pass.lookups, 1);
  const auto fail = check(names, "192.0.2.2", "x@a.example");
  EXPECT_EQ(fail.result, SpfResult::fail);
  EXPECT_EQ(fail.explanation, "Not from 192.0.2.2, a.example");
  EXPECT_EQ(check(names, "192.0.2.2", "x@c.example").reason, SpfReason::redirect_without_record);
  EXPECT_EQ(check(names, "192.0.2.1", "x@d.example").result, SpfResult::neutral);
}

TEST(Spf, ExplanationsThatAreNotGiven) {
  Names names;
  names.txt("inc.example", "v=spf1 -all exp=why.example").txt("why.example", "why");
  names.txt("a.example", "v=spf1 include:inc.example -all");
  EXPECT_EQ(check(names, "192.0.2.2", "x@a.example").explanation, "");
  for (const auto* text : {"bad %{x}", "umlaut \xc3\xbc", "line\nend"}) {
    Names with;
    with.txt("b.example", "v=spf1 -all exp=e.example").txt("e.example", text);
    EXPECT_EQ(check(with, "192.0.2.2", "x@b.example").explanation, "") << text;
  }
  Names two;
  two.txt("b.example", "v=spf1 -all exp=e.example").txt("e.example", "1").txt("e.example", "2");
  EXPECT_EQ(check(two, "192.0.2.2", "x@b.example").explanation, "");
  Names eai;
  eai.txt("b.example", "v=spf1 -all exp=e.example").txt("e.example", "not %{l}");
  EXPECT_EQ(check(eai, "192.0.2.2", "j\xc3\xb6rg@b.example").explanation, "");
  EXPECT_EQ(check(eai, "192.0.2.2", "joe@b.example").explanation, "not joe");
}

TEST(Spf, TenTermsMayAskDns) {
  Names names;
  std::string text = "v=spf1";
  for (int i = 0; i < 10; ++i) {
    const auto host = "h" + std::to_string(i) + ".example";
    names.a(host, "198.51.100.1");
    text += " a:" + host;
  }
  names.txt("ten.example", text + " -all").txt("eleven.example", text + " a:h0.example -all");
  names.txt("early.example", "v=spf1 ip4:192.0.2.1" + text.substr(6) + " a:h1.example -all");
  EXPECT_EQ(check(names, "192.0.2.1", "a@ten.example").result, SpfResult::fail);
  const auto eleven = check(names, "192.0.2.1", "a@eleven.example");
  EXPECT_EQ(eleven.result, SpfResult::permerror);
  EXPECT_EQ(eleven.reason, SpfReason::too_many_lookups);
  EXPECT_EQ(eleven.lookups, 11);
  EXPECT_EQ(check(names, "192.0.2.1", "a@early.example").result, SpfResult::pass);
  EXPECT_EQ(check(names, "192.0.2.1", "a@eleven.example", {.lookups = 11}).result, SpfResult::fail);
}

TEST(Spf, TwoMayFindNothing) {
  Names names;
  names.txt("two.example", "v=spf1 a:n1.example mx:n2.example -all");
  names.txt("three.example", "v=spf1 a:n1.example mx:n2.example exists:n3.example -all").exists("n3.example");
  EXPECT_EQ(check(names, "192.0.2.1", "a@two.example").result, SpfResult::fail);
  const auto three = check(names, "192.0.2.1", "a@three.example");
  EXPECT_EQ(three.result, SpfResult::permerror);
  EXPECT_EQ(three.reason, SpfReason::too_many_void_lookups);
  EXPECT_EQ(three.void_lookups, 3);
  EXPECT_EQ(check(names, "192.0.2.1", "a@three.example", {.void_lookups = 3}).result, SpfResult::fail);
}

TEST(Spf, HostsOfMxRecords) {
  Names names;
  names.txt("ten.example", "v=spf1 mx -all").txt("eleven.example", "v=spf1 mx -all");
  for (int i = 0; i < 11; ++i) {
    const auto host = "mx" + std::to_string(i) + ".example";
    names.a(host, "192.0.2." + std::to_string(i));
    if (i < 10) names.mx("ten.example", host);
    names.mx("eleven.example", host);
  }
  EXPECT_EQ(check(names, "192.0.2.9", "a@ten.example").result, SpfResult::pass);
  const auto eleven = check(names, "192.0.2.1", "a@eleven.example");
  EXPECT_EQ(eleven.reason, SpfReason::too_many_mx);
  EXPECT_EQ(eleven.count, 11);
  // No MX: the address of the name itself is not tried, and a null MX names no host.
  names.txt("bare.example", "v=spf1 mx -all").a("bare.example", "192.0.2.1");
  EXPECT_EQ(check(names, "192.0.2.1", "a@bare.example").result, SpfResult::fail);
  names.txt("null.example", "v=spf1 mx -all").mx("null.example", "");
  EXPECT_EQ(check(names, "192.0.2.1", "a@null.example").result, SpfResult::fail);
}

TEST(Spf, NamesOfTheClient) {
  Names names;
  names.txt("x.example", "v=spf1 ptr -all").txt("p.example", "v=spf1 exists:%{p}.list.example -all");
  names.ptr("1.2.0.192.in-addr.arpa", "liar.example").ptr("1.2.0.192.in-addr.arpa", "mail.x.example");
  names.a("mail.x.example", "192.0.2.1").a("liar.example", "192.0.2.77");
  names.a("mail.x.example.list.example", "127.0.0.2").a("unknown.list.example", "127.0.0.2");
  EXPECT_EQ(check(names, "192.0.2.1", "a@x.example").result, SpfResult::pass);
  EXPECT_EQ(check(names, "192.0.2.1", "a@p.example").result, SpfResult::pass);
  EXPECT_EQ(check(names, "192.0.2.2", "a@x.example").result, SpfResult::fail);
  names.asked.clear();
  EXPECT_EQ(check(names, "192.0.2.2", "a@p.example").result, SpfResult::pass);
  EXPECT_THAT(names.asked, ElementsAre("p.example TXT", "2.2.0.192.in-addr.arpa PTR", "unknown.list.example A"));
  // "bad-x.example" is not below "x.example".
  names.ptr("3.2.0.192.in-addr.arpa", "bad-x.example").a("bad-x.example", "192.0.2.3");
  EXPECT_EQ(check(names, "192.0.2.3", "a@x.example").result, SpfResult::fail);
  Names down;
  down.txt("x.example", "v=spf1 ptr -all").fails("1.2.0.192.in-addr.arpa");
  EXPECT_EQ(check(down, "192.0.2.1", "a@x.example").result, SpfResult::fail);
}

TEST(Spf, OnlyTenNamesOfTheClientCount) {
  Names names;
  names.txt("x.example", "v=spf1 ptr -all");
  for (int i = 0; i < 10; ++i) names.ptr("1.2.0.192.in-addr.arpa", "h" + std::to_string(i) + ".other.example");
  names.ptr("1.2.0.192.in-addr.arpa", "mail.x.example").a("mail.x.example", "192.0.2.1");
  EXPECT_EQ(check(names, "192.0.2.1", "a@x.example").result, SpfResult::fail);
}

TEST(Spf, LoopsAreErrors) {
  Names names;
  names.txt("a.example", "v=spf1 include:b.example -all").txt("b.example", "v=spf1 redirect=A.example.");
  names.txt("c.example", "v=spf1 redirect=c.example").txt("d.example", "v=spf1 ip4:192.0.2.1 include:d.example -all");
  const auto loop = check(names, "192.0.2.1", "x@a.example");
  EXPECT_EQ(loop.result, SpfResult::permerror);
  EXPECT_EQ(loop.reason, SpfReason::loop);
  EXPECT_EQ(check(names, "192.0.2.1", "x@c.example").reason, SpfReason::loop);
  EXPECT_EQ(check(names, "192.0.2.1", "x@d.example").result, SpfResult::pass);
}

TEST(Spf, InternationalNames) {
  Names names;
  names.txt("xn--bcher-kva.example", "v=spf1 exists:%{o}.list.example include:s.example -all");
  names.a("xn--bcher-kva.example.list.example", "127.0.0.2");
  EXPECT_EQ(check(names, "192.0.2.1",
                  "a@b\xc3\xbc"
                  "cher.example")
                .matched_text(),
            "exists:%{o}.list.example");
  // A term with a local part that is no ASCII matches nothing, and asks nothing. [rfc8616 4]
  Names local;
  local.txt("x.example", "v=spf1 exists:%{l}.list.example ?all");
  EXPECT_EQ(check(local, "192.0.2.1", "j\xc3\xb6rg@x.example").result, SpfResult::neutral);
  EXPECT_THAT(local.asked, ElementsAre("x.example TXT"));
}

TEST(Spf, NamesThatCannotBeAsked) {
  Names names;
  const std::string local(70, 'l');
  names.txt("x.example", "v=spf1 exists:%{l}.list.example a:%{l}..example ?all");
  names.txt("y.example", "v=spf1 include:%{l}.list.example ?all");
  EXPECT_EQ(check(names, "192.0.2.1", local + "@x.example").result, SpfResult::neutral);
  EXPECT_EQ(check(names, "192.0.2.1", local + "@y.example").reason, SpfReason::include_without_record);
  names.asked.clear();
  names.txt("z.example", "v=spf1 exists:%{l}.list.example ?all");
  check(names, "192.0.2.1", "\"a b\\\"@z.example");
  EXPECT_THAT(names.asked, ElementsAre("z.example TXT", "\"a\\032b\\\\\".list.example A"));
}

TEST(Spf, TheTreeTellsWhatEachRecordCosts) {
  Names names;
  names.txt("start.example", "v=spf1 mx include:one.example include:two.example -all");
  names.txt("one.example", "v=spf1 a:h.example include:deep.example -all")
      .txt("deep.example", "v=spf1 exists:h.example ~all");
  names.txt("two.example", "v=spf1 ip4:192.0.2.1 -all").mx("start.example", "h.example").a("h.example", "198.51.100.1");
  const auto outcome = check(names, "192.0.2.1", "a@start.example");
  ASSERT_THAT(outcome.nodes, SizeIs(3));  // deep passes: exists finds h.example
  EXPECT_EQ(outcome.matched_text(), "include:one.example");
  const auto all = count(names, "start.example");
  ASSERT_THAT(all.nodes, SizeIs(4));
  EXPECT_EQ(all.lookups, 6);
  EXPECT_EQ(all.nodes[0].lookups, 6);
  EXPECT_EQ(all.nodes[0].terms[1].lookups_below, 3);
  EXPECT_EQ(all.nodes[1].domain, "one.example");
  EXPECT_EQ(all.nodes[1].lookups, 3);
  EXPECT_EQ(all.nodes[2].parent, 1u);
  EXPECT_EQ(all.nodes[3].lookups, 0);
  EXPECT_EQ(all.nodes[0].terms[2].node, 3u);
  EXPECT_FALSE(all.incomplete);
}

TEST(Spf, CountingGoesOnBehindAMatchAndTheLimit) {
  Names names;
  std::string text = "v=spf1 ip4:192.0.2.1 include:pass.example";
  for (int i = 0; i < 12; ++i) text += " a:h.example";
  names.txt("start.example", text + " redirect=other.example").txt("pass.example", "v=spf1 ?all a:never.example");
  names.txt("other.example", "v=spf1 mx -all").a("h.example", "198.51.100.1");
  const auto all = count(names, "start.example");
  EXPECT_EQ(all.lookups, 15);
  EXPECT_EQ(all.result, SpfResult::pass) << "the client matches before";
  names.txt("none.example", text.replace(0, 20, "v=spf1") + " -all");
  const auto over = count(names, "none.example");
  EXPECT_EQ(over.lookups, 13);
  EXPECT_EQ(over.result, SpfResult::permerror);
  EXPECT_EQ(over.reason, SpfReason::too_many_lookups);
}

TEST(Spf, NobodyIsInNoNetworkAndHasNoName) {
  Names names;
  names.txt("start.example", "v=spf1 ip4:192.0.2.0/24 a:h.example include:gone.example -all")
      .a("h.example", "192.0.2.1");
  names.txt("any.example", "v=spf1 ip4:0.0.0.0/0 -all");
  const auto nobody = [&](const std::string& domain) {
    SpfInput input;
    input.client = ip("192.0.2.1");
    input.nobody = true;
    input.domain = domain;
    SpfCheck check(input, {}, SpfMode::count_everything);
    names.run(check);
    return check.outcome();
  };
  EXPECT_EQ(nobody("start.example").reason, SpfReason::include_without_record) << "no match hides it";
  EXPECT_EQ(nobody("any.example").matched_text(), "ip4:0.0.0.0/0");
}

TEST(Spf, CountingLeavesOutWhatDependsOnTheMessage) {
  Names names;
  names.txt("start.example", "v=spf1 exists:%{i}.x.example include:%{l}.y.example include:%{d2}.z.example ptr -all");
  names.txt("start.example.z.example", "v=spf1 -all");
  const auto all = count(names, "start.example");
  EXPECT_EQ(all.lookups, 4);
  EXPECT_TRUE(all.incomplete);
  EXPECT_THAT(names.asked, ElementsAre("start.example TXT", "start.example.z.example TXT"));
  EXPECT_EQ(all.nodes[0].terms[0].outcome, SpfTermOutcome::not_asked);
}

TEST(Spf, CountingGoesOnAfterErrors) {
  Names names;
  names.txt(
      "start.example",
      "v=spf1 include:bad.example include:gone.example include:down.example a:h.example include:start.example -all");
  names.txt("bad.example", "v=spf1 a:h.example bogus mx -all").a("h.example", "198.51.100.1").fails("down.example");
  const auto all = count(names, "start.example");
  EXPECT_EQ(all.result, SpfResult::permerror);
  EXPECT_EQ(all.reason, SpfReason::syntax);
  EXPECT_EQ(all.name, "bad.example");
  EXPECT_EQ(all.lookups, 7);
  EXPECT_EQ(all.nodes[2].reason, SpfReason::no_domain);
  EXPECT_EQ(all.nodes[3].reason, SpfReason::dns_failure);
  EXPECT_THAT(all.nodes, SizeIs(4)) << "a loop is not walked";
}

TEST(Spf, CountingIsBounded) {
  Names names;
  std::string text = "v=spf1";
  for (int i = 0; i < 5000; ++i) text += " a:h" + std::to_string(i) + ".example";
  names.txt("many.example", text + " -all");
  const auto many = count(names, "many.example");
  EXPECT_EQ(many.lookups, 5000);
  EXPECT_TRUE(many.incomplete);
  EXPECT_LE(names.asked.size(), 200u);
}

TEST(Spf, TimeUp) {
  SpfCheck slow(spf_mail_from(ip("192.0.2.1"), "h.example", "a@x.example"));
  ASSERT_TRUE(slow.question());
  slow.time_up();
  EXPECT_TRUE(slow.done());
  EXPECT_EQ(slow.outcome().result, SpfResult::temperror);
  EXPECT_EQ(slow.outcome().reason, SpfReason::time_up);
  // The explanation alone is not worth an error.
  Names names;
  names.txt("x.example", "v=spf1 -all exp=e.example");
  SpfCheck known(spf_mail_from(ip("192.0.2.1"), "h.example", "a@x.example"));
  known.answer(names.ask(*known.question()));
  ASSERT_TRUE(known.question());
  known.time_up();
  EXPECT_EQ(known.outcome().result, SpfResult::fail);
}

}  // namespace
}  // namespace postil::mailauth
