// What is found of those who send mail: SPF, DKIM, DMARC, their addresses and messages.
#include "dns/parse.hpp"
#include "findings_fixture.hpp"

namespace postil::diagnose {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST_F(FindingsTest, Spf) {
  only({Part::spf});
  mx({dns::Mx{0, ""}});
  txt("example.org", {});
  EXPECT_THAT(names(), testing::UnorderedElementsAre("NULLMX-SENDER", "SPF-MISSING"));
  EXPECT_EQ(finding("SPF-MISSING").advice.front().literal, "example.org.  TXT  \"v=spf1 -all\"");
  struct Case {
    std::string record;
    std::string name;
  };
  const Case cases[] = {{"v=spf1 ip4:192.0.2.0/24 -all", "SPF-OK"},
                        {"v=spf1 ip4:300.1.1.1 -all", "SPF-SYNTAX"},
                        {"v=spf1 +all", "SPF-PASS-ALL"},
                        {"v=spf1 ip4:192.0.2.1", "SPF-NO-END"},
                        {"v=spf1 -all ip4:192.0.2.1", "SPF-NO-EFFECT"},
                        {"v=spf1 ip4:192.0.2.1 ~all", "SPF-SOFT"},
                        {"v=spf10 -all", "SPF-LOOKALIKE"}};
  for (const auto& one : cases) {
    seen_.dns = {};
    txt("example.org", {one.record, "another thing"});
    EXPECT_THAT(names(), Contains(one.name)) << one.record;
    EXPECT_THAT(finding(one.name).evidence, Contains("example.org.  TXT  \"" + one.record + "\"")) << "shown as it is";
  }
  seen_.dns = {};
  txt("example.org", {"v=spf1 -all", "v=spf1 mx -all"});
  EXPECT_THAT(names(), Contains("SPF-SEVERAL"));
}

TEST_F(FindingsTest, SpfLookUpsAreCountedAndEachIncludeIsShown) {
  only({Part::spf});
  std::string record = "v=spf1";
  for (char c = 'a'; c <= 'k'; ++c) {
    const std::string name = std::string(1, c) + ".example.net";
    record += " include:" + name;
    txt(name, {"v=spf1 ip4:192.0.2.0/24 -all"});
  }
  txt("example.org", {record + " -all"});
  const auto found = finding("SPF-LOOKUPS");
  EXPECT_THAT(found.args, Contains(i18n::Arg("lookups", "11")));
  EXPECT_THAT(found.evidence, Contains("  k.example.net.  TXT  \"v=spf1 ip4:192.0.2.0/24 -all\""));
}

TEST_F(FindingsTest, MayThisAddressSend) {
  only({Part::spf});
  txt("example.org", {"v=spf1 ip4:192.0.2.0/24 -all"});
  seen_.request.from_ip = "192.0.2.9";
  EXPECT_THAT(finding("SPF-IP-PASS").args, Contains(i18n::Arg("term", "ip4:192.0.2.0/24")));
  seen_.request.from_ip = "198.51.100.9";
  EXPECT_EQ(finding("SPF-IP-FAIL").advice.front().literal,
            "example.org.  TXT  \"v=spf1 ip4:198.51.100.9 ip4:192.0.2.0/24 -all\"");
}

TEST_F(FindingsTest, AnSpfRecordInErrorIsShownAsItShouldBe) {
  only({Part::spf});
  struct Case {
    std::vector<std::string> records;
    std::string name, published;
  };
  const Case cases[] = {
      {{"v=spf1 ip4:2001:db8::/32 ipv4:192.0.2.1 redirect:x.example -all"},
       "SPF-SYNTAX",
       "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 redirect=x.example -all"},
      {{"v=spf1 ip4:192.0.2.300 ip4:192.0.2.0/33 mx -all"}, "SPF-SYNTAX", "v=spf1 ip4:192.0.2.0 mx -all"},
      {{"v=spf1 mx -all", "v=spf1 ip4:192.0.2.1 mx ~all"}, "SPF-SEVERAL", "v=spf1 mx ip4:192.0.2.1 ~all"},
      {{"v=spf1 mx include:gone.example -all"}, "SPF-INCLUDE", "v=spf1 mx -all"},
      {{"v=spf1 mx include:example.org ~all"}, "SPF-LOOP", "v=spf1 mx ~all"},
      {{"v=spf1 a:n1.example a:n2.example ip4:192.0.2.1 a:n3.example -all"}, "SPF-VOID", "v=spf1 ip4:192.0.2.1 -all"},
      {{"v=spf1 a:n1.example ip4:192.0.2.1 -all"}, "SPF-VOID-TERM", "v=spf1 ip4:192.0.2.1 -all"},
      {{"v=spf1 ip4:0.0.0.0/0 ip4:192.0.2.1 -all"}, "SPF-PASS-ANY", "v=spf1 ip4:192.0.2.1 -all"},
      {{"v=spf1 include:all.example ip4:192.0.2.1 -all"}, "SPF-PASS-ANY", "v=spf1 ip4:192.0.2.1 -all"},
      {{"v=spf1 include:gone.example ip4:300.0.0.1 mx -all"}, "SPF-SYNTAX", "v=spf1 mx -all"},
      {{"v=spf1 include:gone.example ip4:300.0.0.1 mx -all"}, "SPF-INCLUDE", "v=spf1 mx -all"},
      {{"v=spf1 ptr ip4:192.0.2.1 -all"}, "SPF-PTR", "v=spf1 ip4:192.0.2.1 -all"}};
  for (const auto& one : cases) {
    seen_.dns = {};
    txt("example.org", one.records);
    txt("all.example", {"v=spf1 +all"});
    mx({dns::Mx{10, "mx.example.org"}});
    for (const auto* gone : {"gone.example", "n1.example", "n2.example", "n3.example"}) {
      answer(gone, dns::Type::txt, {}, dns::Status::no_domain);
      answer(gone, dns::Type::a, {}, dns::Status::no_domain);
    }
    EXPECT_THAT(names(), Contains(one.name)) << one.records.front();
    EXPECT_EQ(finding(one.name).advice.front().literal, "example.org.  TXT  \"" + one.published + "\"");
  }
  EXPECT_THAT(finding("SPF-PTR").args, testing::IsEmpty());
}

// One of several faults alone would leave the others: each advice shows the whole record as it should be.
TEST_F(FindingsTest, AllAdviceAboutAnSpfRecordIsTheSame) {
  only({Part::spf});
  txt("example.org", {"v=spf1 a:n1.example ptr a:n2.example ip4:192.0.2.1 ip4:192.0.2.1"});
  for (const auto* gone : {"n1.example", "n2.example"}) answer(gone, dns::Type::a, {}, dns::Status::no_domain);
  EXPECT_THAT(names(), ElementsAre("SPF-VOID-TERM", "SPF-VOID-TERM", "SPF-NO-END", "SPF-PTR", "SPF-NO-EFFECT"));
  for (const auto& one : find_all(seen_)) {
    ASSERT_EQ(one.advice.size(), 1u);
    EXPECT_EQ(one.advice.front().literal, "example.org.  TXT  \"v=spf1 ip4:192.0.2.1 ~all\"");
  }
}

TEST_F(FindingsTest, AFirstSpfRecordNamesWhatIsThere) {
  struct Case {
    std::vector<dns::Data> mx;
    std::vector<std::string> addresses;
    std::string record;
  };
  const Case cases[] = {{{dns::Mx{10, "mx.example.org"}}, {}, "v=spf1 mx -all"},
                        {{}, {"192.0.2.1"}, "v=spf1 a -all"},
                        {{}, {}, "v=spf1 -all"},
                        {{dns::Mx{10, ""}}, {"192.0.2.1"}, "v=spf1 -all"}};
  for (const auto& one : cases) {
    only({Part::spf});
    seen_.dns = {};
    mx(one.mx);
    host("example.org", one.addresses);
    txt("example.org", {});
    EXPECT_EQ(finding("SPF-MISSING").advice.front().literal, "example.org.  TXT  \"" + one.record + "\"");
  }
}

TEST_F(FindingsTest, NetworksOfIncludesTakeThePlaceOfLookUps) {
  only({Part::spf});
  std::string record = "v=spf1";
  for (char c = 'a'; c <= 'k'; ++c) {
    const std::string name = std::string(1, c) + ".example.net";
    record += " include:" + name;
    txt(name, {"v=spf1 ip4:192.0.2." + std::to_string(c) + " -all"});
  }
  txt("example.org", {record + " -all"});
  const auto published = finding("SPF-LOOKUPS").advice.front().literal;
  EXPECT_THAT(published, testing::HasSubstr("ip4:192.0.2.97 ip4:192.0.2.98 ip4:192.0.2.99 include:d.example.net"));
  EXPECT_THAT(published, testing::EndsWith("include:k.example.net -all\""));
}

TEST_F(FindingsTest, AnRecordInErrorLetsNobodySend) {
  only({Part::spf});
  txt("example.org", {"v=spf1 include:gone.example -all"});
  answer("gone.example", dns::Type::txt, {}, dns::Status::no_domain);
  seen_.request.from_ip = "192.0.2.9";
  EXPECT_THAT(names(), testing::UnorderedElementsAre("SPF-INCLUDE", "SPF-IP-ERROR"));
  EXPECT_THAT(finding("SPF-INCLUDE").evidence, Contains("  gone.example.  TXT  -  (NXDOMAIN)"));
  EXPECT_THAT(text_of(finding("SPF-IP-ERROR"), i18n::Translator("en")), testing::HasSubstr("permerror for 192.0.2.9"));
  seen_.dns = {};
  txt("example.org", {"v=spf1 include:slow.example -all"});
  answer("slow.example", dns::Type::txt, {}, dns::Status::timed_out);
  EXPECT_THAT(names(), testing::UnorderedElementsAre("SPF-UNKNOWN", "SPF-IP-UNKNOWN"));
}

TEST_F(FindingsTest, ADkimKeyWithQuotationMarksIsMended) {
  only({Part::dkim});
  seen_.request.selectors = {"d"};
  txt("d._domainkey.example.org", {"v=DKIM1; k=ed25519; p=\"11qYAYKxCrfVS/7TyWQHOg7hc \"vPapiMlrwIaaPcHURo=\""});
  EXPECT_EQ(finding("DKIM-BAD").advice.front().literal,
            "d._domainkey.example.org.  TXT  \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"");
}

TEST_F(FindingsTest, WhatADmarcRecordSaysBesideItsPolicy) {
  only({Part::dmarc});
  txt("_dmarc.example.org", {"v=DMARC1; p=reject; t=y; pct=50; rua=mailto:a@example.org,mailto:b@other.example"});
  txt("_dmarc.org", {});
  txt("_dmarc.other.example", {});
  txt("_dmarc.example", {});
  txt("example.org._report._dmarc.other.example", {});
  EXPECT_THAT(names(),
              testing::UnorderedElementsAre("DMARC-OK", "DMARC-TESTING", "DMARC-OBSOLETE", "DMARC-REPORTS-REFUSED"));
  EXPECT_THAT(finding("DMARC-TESTING").args, Contains(i18n::Arg("applied", "quarantine")));
  EXPECT_EQ(finding("DMARC-OBSOLETE").advice.front().literal,
            "_dmarc.example.org.  TXT  \"v=DMARC1; p=reject; t=y; rua=mailto:a@example.org,mailto:b@other.example\"");
  EXPECT_EQ(finding("DMARC-REPORTS-REFUSED").advice.front().literal,
            "example.org._report._dmarc.other.example.  TXT  \"v=DMARC1;\"");
  seen_.dns = {};
  txt("_dmarc.example.org", {"v=DMARC1; p=none; pct=oops; sp=no; rua=mailto:b@other.example"});
  txt("_dmarc.org", {});
  txt("_dmarc.other.example", {});
  txt("_dmarc.example", {});
  txt("example.org._report._dmarc.other.example", {"v=DMARC1;"});
  EXPECT_THAT(names(), Contains("DMARC-REPORTS-FOREIGN"));
  EXPECT_EQ(finding("DMARC-BAD").advice.front().literal,
            "_dmarc.example.org.  TXT  \"v=DMARC1; p=none; rua=mailto:b@other.example\"");
}

TEST_F(FindingsTest, TheEnvelopeSenderOfAMessage) {
  only({Part::dmarc});
  const auto message = [this](const std::string& sender) {
    seen_.request.message =
        "Return-Path: <" + sender + ">\r\nFrom: Ann <ann@example.org>\r\nSubject: x\r\n\r\nhello\r\n";
  };
  const auto policy = [this](const std::string& record) {
    seen_.dns = {};
    txt("_dmarc.example.org", {record});
    for (const auto* name : {"_dmarc.org", "_dmarc.mail.example.org", "_dmarc.example.net", "_dmarc.net"})
      txt(name, {});
    txt("mail.example.org", {"v=spf1 ip4:192.0.2.9 -all"});
  };
  policy("v=DMARC1; p=reject; rua=mailto:a@example.org");
  message("b@mail.example.org");
  EXPECT_THAT(names(), Contains("MESSAGE-SPF-ALIGNED"));
  EXPECT_THAT(finding("MESSAGE-SPF-ALIGNED").args, Contains(i18n::Arg("mode", "aspf=r")));
  seen_.request.from_ip = "192.0.2.9";
  EXPECT_THAT(names(), Contains("MESSAGE-SPF-PASS"));
  EXPECT_THAT(names(), Not(Contains("MESSAGE-NOT-ALIGNED"))) << "SPF is enough";
  seen_.request.from_ip = "192.0.2.8";
  EXPECT_THAT(names(), testing::IsSupersetOf({"MESSAGE-SPF-FAIL", "MESSAGE-NOT-ALIGNED"}));
  policy("v=DMARC1; p=reject; aspf=s; rua=mailto:a@example.org");
  seen_.request.from_ip = "192.0.2.9";
  EXPECT_THAT(names(), testing::IsSupersetOf({"MESSAGE-SPF-OTHER", "MESSAGE-NOT-ALIGNED"})) << "strict";
  message("b@example.net");
  EXPECT_THAT(names(), Contains("MESSAGE-SPF-OTHER"));
  message("");
  EXPECT_THAT(names(), Contains("MESSAGE-NO-SENDER"));
}

TEST_F(FindingsTest, Dmarc) {
  only({Part::dmarc});
  txt("_dmarc.example.org", {});
  txt("_dmarc.org", {});
  EXPECT_THAT(names(), ElementsAre("DMARC-MISSING"));
  struct Case {
    std::vector<std::string> records;
    std::string name;
  };
  const Case cases[] = {{{"v=DMARC1; p=none"}, "DMARC-NONE"},
                        {{"v=DMARC1; p=reject; rua=mailto:a@example.org"}, "DMARC-OK"},
                        {{"v=DMARC1; p=reject"}, "DMARC-NO-REPORTS"},
                        {{"v=DMARC1; p=nonsense"}, "DMARC-BAD"},
                        {{"v=DMARC1; p=none", "v=DMARC1; p=reject"}, "DMARC-SEVERAL"}};
  for (const auto& one : cases) {
    seen_.dns = {};
    txt("_dmarc.example.org", one.records);
    txt("_dmarc.org", {});
    EXPECT_THAT(names(), Contains(one.name)) << one.records.front();
  }
}

TEST_F(FindingsTest, WhichTagOfDmarcAsksForNothing) {
  only({Part::dmarc});
  const std::pair<std::string, std::string> cases[] = {{"v=DMARC1; p=none", "p=none"},
                                                       {"v=DMARC1; p=quarantine; t=y", "t=y"}};
  for (const auto& [record, tag] : cases) {
    seen_.dns = {};
    txt("_dmarc.example.org", {record});
    txt("_dmarc.org", {});
    EXPECT_EQ(finding("DMARC-NONE").args, (i18n::Args{{"tag", tag}}));
  }
  // It is not one, and that is told once.
  seen_.dns = {};
  txt("_dmarc.example.org", {"v=dmarc1; p=reject"});
  txt("_dmarc.org", {});
  EXPECT_THAT(names(), ElementsAre("DMARC-BAD"));
  // Below another: by sp, and where the name does not exist by np.
  domain("a.example.org", {Part::dmarc});
  for (const bool exists : {true, false}) {
    seen_.dns = {};
    const auto status = exists ? dns::Status::ok : dns::Status::no_domain;
    answer("a.example.org", dns::Type::mx, {}, status);
    answer("a.example.org", dns::Type::a, {}, status);
    answer("_dmarc.a.example.org", dns::Type::txt, {}, status);
    txt("_dmarc.example.org", {"v=DMARC1; p=reject; sp=none; np=reject; rua=mailto:a@example.org"});
    txt("_dmarc.org", {});
    if (exists) {
      EXPECT_THAT(names(), ElementsAre("DMARC-INHERITED", "DMARC-NONE"));
      EXPECT_EQ(finding("DMARC-NONE").args, (i18n::Args{{"tag", "sp=none"}}));
    } else {
      EXPECT_THAT(names(), ElementsAre("DOMAIN-NONE", "DMARC-INHERITED", "DMARC-OK"));
    }
  }
}

TEST_F(FindingsTest, Bimi) {
  only({Part::bimi});
  txt("default._bimi.example.org", {});
  EXPECT_THAT(names(), ElementsAre("BIMI-NONE"));
  seen_.dns = {};
  txt("default._bimi.example.org", {"v=BIMI1; l=https://example.org/logo.svg"});
  EXPECT_THAT(names(), ElementsAre("BIMI-FOUND"));
  seen_.dns = {};
  answer("default._bimi.example.org", dns::Type::txt, {}, dns::Status::timed_out);
  EXPECT_THAT(names(), ElementsAre("BIMI-UNKNOWN"));
}

TEST_F(FindingsTest, SelectorsByTheYearAreAmongTheUsual) {
  only({Part::dkim});
  txt("s2026._domainkey.example.org", {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="});
  EXPECT_THAT(names(), ElementsAre("DKIM-OK"));
}

TEST_F(FindingsTest, DkimKeys) {
  only({Part::dkim});
  EXPECT_THAT(names(), ElementsAre("DKIM-NOT-FOUND"));
  seen_.request.selectors = {"a", "b", "c", "d"};
  txt("a._domainkey.example.org", {});
  txt("b._domainkey.example.org", {"v=DKIM1; k=rsa; p="});
  txt("c._domainkey.example.org", {"v=DKIM1; k=rsa; p=AAAA"});
  txt("d._domainkey.example.org", {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="});
  EXPECT_THAT(names(), testing::UnorderedElementsAre("DKIM-MISSING", "DKIM-REVOKED", "DKIM-BAD", "DKIM-OK"));
}

// The lines differ with the server, and must be of its language.
TEST_F(FindingsTest, ConfigurationIsThatOfTheServer) {
  const std::pair<std::string, std::string> cases[] = {
      {"mx ESMTP Postfix", "myhostname = mx.example.org"},
      {"mx ESMTP Exim 4.96", "primary_hostname = mx.example.org"},
      {"mx ESMTP OpenSMTPD", "listen on 0.0.0.0 hostname mx.example.org"},
      {"mx ESMTP Postil", "hostname = \"mx.example.org\""}};
  for (const auto& [greeting, line] : cases) {
    only({Part::reverse_dns});
    seen_.connections.clear();
    auto& c = connection("mx.example.org", "192.0.2.1");
    c.greeting = reply(220, {greeting});
    c.ehlo = reply(250, {"localhost"});
    EXPECT_EQ(finding("EHLO-NAME-BAD").advice.front().literal, line);
  }
}

TEST_F(FindingsTest, ABlockListIsTestedBeforeItIsBelieved) {
  seen_.request.subject = {SubjectKind::ip, "192.0.2.9", "", "", "192.0.2.9"};
  seen_.request.parts = {};
  seen_.request.parts.add(Part::block_lists);
  seen_.request.lists = {"list.example"};
  struct Case {
    std::vector<std::string> own, always, test;
    std::string name;
  };
  const Case cases[] = {{{"127.0.0.2"}, {}, {"127.0.0.2"}, "LIST-LISTED"},
                        {{}, {}, {"127.0.0.2"}, "LIST-CLEAR"},
                        {{"127.255.255.254"}, {}, {"127.0.0.2"}, "LIST-ERROR"},
                        {{"127.0.0.2"}, {"127.0.0.2"}, {"127.0.0.2"}, "LIST-BROKEN"},
                        {{}, {}, {}, "LIST-BROKEN"},
                        {{"198.51.100.7"}, {}, {"127.0.0.2"}, "LIST-ERROR"}};
  for (const auto& one : cases) {
    seen_.dns = {};
    const auto add = [&](const std::string& name, const std::vector<std::string>& codes) {
      std::vector<dns::Data> records;
      for (const auto& code : codes) records.emplace_back(dns::Address{code});
      answer(name, dns::Type::a, records);
    };
    add("9.2.0.192.list.example", one.own);
    add("1.0.0.127.list.example", one.always);
    add("2.0.0.127.list.example", one.test);
    EXPECT_THAT(names(), ElementsAre(one.name));
  }
}

// A list for IPv6 alone has its own entries for the test.
TEST_F(FindingsTest, ABlockListForIpv6) {
  seen_.request.subject = {SubjectKind::ip, "2001:db8::9", "", "", "2001:db8::9"};
  seen_.request.parts = {};
  seen_.request.parts.add(Part::block_lists);
  seen_.request.lists = {"list.example"};
  const std::string zeros = ".0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.list.example";
  answer("9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.example", dns::Type::a, {});
  answer("1.0.0.127.list.example", dns::Type::a, {});
  answer("2.0.0.127.list.example", dns::Type::a, {});
  answer("1.0.0.0.0.0.f.7.f.f.f.f" + zeros, dns::Type::a, {});
  answer("2.0.0.0.0.0.f.7.f.f.f.f" + zeros, dns::Type::a, {dns::Address{"127.0.0.2"}});
  EXPECT_THAT(names(), ElementsAre("LIST-CLEAR"));
}

TEST_F(FindingsTest, ReverseDnsMustLeadBack) {
  seen_.request.subject = {SubjectKind::ip, "192.0.2.9", "", "", "192.0.2.9"};
  seen_.request.parts = {};
  seen_.request.parts.add(Part::reverse_dns);
  const auto name = *dns::reverse_name("192.0.2.9");
  answer(name, dns::Type::ptr, {});
  EXPECT_THAT(names(), ElementsAre("RDNS-MISSING"));
  seen_.dns = {};
  answer(name, dns::Type::ptr, {dns::NameTarget{"mail.example.org"}});
  host("mail.example.org", {"192.0.2.8"});
  EXPECT_THAT(names(), ElementsAre("RDNS-MISMATCH"));
  seen_.dns = {};
  answer(name, dns::Type::ptr, {dns::NameTarget{"mail.example.org"}});
  host("mail.example.org", {"192.0.2.9"});
  EXPECT_THAT(names(), ElementsAre("RDNS-OK"));
}

TEST_F(FindingsTest, TheNameOfAHostAndItsAddress) {
  only({Part::reverse_dns});
  mx({dns::Mx{10, "mx.example.org"}});
  host("mx.example.org", {"192.0.2.1"});
  const auto says = [&](const std::string& name) {
    seen_.connections.clear();
    auto& c = connection("mx.example.org", "192.0.2.1");
    c.greeting = reply(220, {"ready"});
    c.ehlo = reply(250, {name + " at your service", "SIZE"});
  };
  const auto reverse = *dns::reverse_name("192.0.2.1");
  answer(reverse, dns::Type::ptr, {dns::NameTarget{"MX.example.org"}});
  says("mx.example.org");
  EXPECT_THAT(names(), ElementsAre("EHLO-NAME-OK"));
  says("localhost.localdomain");
  EXPECT_THAT(names(), ElementsAre("EHLO-NAME-BAD"));
  says("[192.0.2.1]");
  EXPECT_THAT(names(), ElementsAre("EHLO-NAME-BAD"));
  says("other.example.org");
  host("other.example.org", {"192.0.2.2"});
  EXPECT_THAT(names(), ElementsAre("EHLO-NAME-DIFFERS"));
  EXPECT_EQ(find_all(seen_).front().advice.size(), 2u) << "a PTR record, and an address record";
  seen_.dns = {};
  mx({dns::Mx{10, "mx.example.org"}});
  host("other.example.org", {"192.0.2.1"});
  answer(reverse, dns::Type::ptr, {}, dns::Status::timed_out);
  EXPECT_THAT(names(), ElementsAre("EHLO-NAME-UNKNOWN"));
}

TEST_F(FindingsTest, AMessageThatIsNotSigned) {
  only({Part::dkim, Part::dmarc});
  seen_.request.message = "From: Ann <ann@example.org>\r\nSubject: x\r\n\r\nhello\r\n";
  seen_.request.selectors = {"a"};
  txt("_dmarc.example.org", {"v=DMARC1; p=reject; rua=mailto:a@example.org"});
  txt("_dmarc.org", {});
  txt("a._domainkey.example.org", {});
  EXPECT_THAT(names(), testing::UnorderedElementsAre("DKIM-MISSING", "MESSAGE-UNSIGNED", "DMARC-OK",
                                                     "MESSAGE-NO-SENDER", "MESSAGE-NOT-ALIGNED"));
  seen_.request.message =
      "From: Ann <ann@example.org>\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=a; "
      "h=from; bh=AAAA; b=AAAA\r\n\r\nhello\r\n";
  EXPECT_THAT(names(), Contains("MESSAGE-SIGNATURE-BAD"));
}

TEST_F(FindingsTest, AMessageOfADomainWithoutDmarc) {
  only({Part::dmarc});
  seen_.request.message = "Return-Path: <b@example.org>\r\nFrom: Ann <ann@example.org>\r\n\r\nhello\r\n";
  txt("_dmarc.example.org", {});
  txt("_dmarc.org", {});
  EXPECT_THAT(names(), testing::UnorderedElementsAre("DMARC-MISSING", "MESSAGE-NO-POLICY"));
  EXPECT_THAT(finding("MESSAGE-NO-POLICY").evidence, ElementsAre("From: example.org", "Return-Path: example.org"));
}

}  // namespace
}  // namespace postil::diagnose
