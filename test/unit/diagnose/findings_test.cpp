// What is found, from observations written by hand.
#include "diagnose/findings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "diagnose/confirm.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/observations_json.hpp"
#include "dns/parse.hpp"

namespace postil::diagnose {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

class FindingsTest : public testing::Test {
 protected:
  FindingsTest() { domain("example.org", {Part::mx, Part::connect, Part::greeting, Part::ehlo, Part::tls}); }

  void domain(const std::string& name, std::initializer_list<Part> parts) {
    seen_.request.subject = {SubjectKind::domain, name, name, "", ""};
    seen_.request.parts = {};
    for (const Part part : parts) seen_.request.parts.add(part);
    seen_.time = WallTime(seconds(1'790'000'000));
  }
  void only(std::initializer_list<Part> parts) { domain(seen_.request.subject.domain, parts); }

  void answer(const std::string& name, dns::Type type, std::vector<dns::Data> records,
              dns::Status status = dns::Status::ok) {
    dns::Answer out;
    out.status = records.empty() && status == dns::Status::ok ? dns::Status::no_data : status;
    out.records = std::move(records);
    out.canonical_name = name;
    out.chain = {name};
    seen_.dns.add({name, type, std::move(out)});
  }
  void mx(std::vector<dns::Data> records, dns::Status status = dns::Status::ok) {
    answer("example.org", dns::Type::mx, std::move(records), status);
  }
  void txt(const std::string& name, std::vector<std::string> values) {
    std::vector<dns::Data> records;
    for (auto& value : values) records.emplace_back(dns::Text{std::move(value)});
    answer(name, dns::Type::txt, std::move(records));
  }
  void host(const std::string& name, std::vector<std::string> v4, std::vector<std::string> v6 = {}) {
    std::vector<dns::Data> a, aaaa;
    for (auto& text : v4) a.emplace_back(dns::Address{std::move(text)});
    for (auto& text : v6) aaaa.emplace_back(dns::Address{std::move(text)});
    answer(name, dns::Type::a, std::move(a));
    answer(name, dns::Type::aaaa, std::move(aaaa));
  }
  void login(std::uint16_t port, const std::string& mechanism, std::optional<reply::RemoteReply> auth,
             const std::string& offer = "AUTH PLAIN") {
    auto& c = connection("mail.example.org", "192.0.2.1");
    c.purpose = Purpose::login;
    c.port = port;
    c.implicit_tls = port == 465;
    c.mechanism = mechanism;
    c.greeting = reply(220, {"ready"});
    c.ehlo = reply(250, {"mail"});
    (c.implicit_tls ? c.ehlo : c.ehlo_tls) = reply(250, {"mail", offer});
    c.tls = SeenTls{"TLSv1.3", "X", {}, ""};
    c.auth = std::move(auth);
  }
  static reply::RemoteReply reply(reply::Code code, std::vector<std::string> lines) {
    reply::RemoteReply out;
    out.code = code;
    out.lines = std::move(lines);
    for (const auto& line : out.lines) {
      if (const auto enhanced = reply::leading_enhanced_code(line)) out.enhanced = *enhanced;
    }
    return out;
  }
  Connection& connection(const std::string& name, const std::string& address) {
    auto& out = seen_.connections.emplace_back();
    out.host = name;
    out.address = address;
    return out;
  }

  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& finding : find_all(seen_)) {
      const auto& of = entry(finding.id);
      out.emplace_back(of.name);
      const bool trouble = of.word == Word::fail || of.word == Word::warn;
      EXPECT_TRUE(!trouble || !finding.advice.empty()) << of.name << " has nothing to paste";
      for (const auto& phrase : finding.phrases) {
        EXPECT_TRUE(i18n::Translator("de").has("check_detail." + phrase.key)) << of.name << ' ' << phrase.key;
      }
    }
    return out;
  }
  Finding finding(std::string_view name) {
    for (auto& one : find_all(seen_)) {
      if (entry(one.id).name == name) return one;
    }
    ADD_FAILURE() << "not found: " << name;
    return {};
  }

  Observations seen_;
};

TEST_F(FindingsTest, NullMx) {
  only({Part::mx});
  mx({dns::Mx{0, ""}});
  EXPECT_THAT(names(), ElementsAre("MX-NULL"));
  EXPECT_THAT(finding("MX-NULL").evidence, ElementsAre("example.org.  MX  0 ."));
}

TEST_F(FindingsTest, NullMxWithAPreferenceIsNone) {
  only({Part::mx});
  mx({dns::Mx{10, ""}});
  EXPECT_THAT(names(), ElementsAre("MX-NULL-PREFERENCE"));
  EXPECT_EQ(finding("MX-NULL-PREFERENCE").advice.front().literal, "example.org.  MX  0 .");
}

TEST_F(FindingsTest, NullMxBesideAHost) {
  only({Part::mx});
  mx({dns::Mx{0, ""}, dns::Mx{10, "mx.example.org"}});
  host("mx.example.org", {"198.51.100.1"}, {"2001:db8::1"});
  EXPECT_THAT(names(), Contains("MX-NULL-BESIDE"));
  EXPECT_THAT(names(), Contains("MX-FOUND")) << "one fault hides no other finding";
}

TEST_F(FindingsTest, TargetsThatNoMailReaches) {
  only({Part::mx});
  mx({dns::Mx{10, "192.0.2.7"}, dns::Mx{20, "alias.example.org"}, dns::Mx{30, "bare.example.org"},
      dns::Mx{40, "lost.example.org"}, dns::Mx{50, "inside.example.org"}});
  dns::Answer alias;
  alias.status = dns::Status::ok;
  alias.records = {dns::Address{"11.22.33.44"}};
  alias.canonical_name = "real.example.org";
  alias.chain = {"alias.example.org", "real.example.org"};
  seen_.dns.add({"alias.example.org", dns::Type::a, alias});
  host("bare.example.org", {});
  answer("lost.example.org", dns::Type::a, {}, dns::Status::server_failure);
  answer("lost.example.org", dns::Type::aaaa, {}, dns::Status::server_failure);
  host("inside.example.org", {"192.168.1.1"});
  const auto all = names();
  for (const auto* name :
       {"MX-LITERAL", "MX-CNAME", "MX-NO-ADDRESS", "MX-ADDRESS-UNKNOWN", "MX-PRIVATE", "MX-NO-IPV6"}) {
    EXPECT_THAT(all, Contains(name));
  }
  EXPECT_EQ(finding("MX-CNAME").advice.front().literal, "example.org.  MX  20 real.example.org.");
  EXPECT_THAT(finding("MX-NO-ADDRESS").about, ElementsAre("bare.example.org"));
}

TEST_F(FindingsTest, NoMx) {
  only({Part::mx});
  mx({});
  host("example.org", {"11.22.33.44"});
  EXPECT_THAT(names(), ElementsAre("MX-IMPLICIT", "MX-NO-IPV6"));
  seen_.dns = {};
  mx({});
  host("example.org", {});
  EXPECT_THAT(names(), ElementsAre("MX-NONE"));
  seen_.dns = {};
  mx({}, dns::Status::no_domain);
  EXPECT_THAT(names(), ElementsAre("DOMAIN-NONE"));
  seen_.dns = {};
  mx({}, dns::Status::bogus);
  EXPECT_THAT(names(), ElementsAre("DNS-BOGUS"));
  seen_.dns = {};
  mx({}, dns::Status::timed_out);
  EXPECT_THAT(names(), ElementsAre("DNS-FAILED"));
}

TEST_F(FindingsTest, HostsThatAnswerAlikeAreOneLine) {
  mx({dns::Mx{10, "a.example.org"}, dns::Mx{20, "b.example.org"}});
  for (const auto* name : {"a.example.org", "b.example.org"}) {
    host(name, {"11.22.33.44"});
    auto& c = connection(name, "11.22.33.44");
    c.broken = Break{"connect", "refused", "nobody listens"};
  }
  EXPECT_THAT(finding("CONNECT-REFUSED").about, ElementsAre("a.example.org 11.22.33.44", "b.example.org 11.22.33.44"));
  EXPECT_THAT(names(), Contains("TLS-UNTESTED"));
}

TEST_F(FindingsTest, NoNameOfOthersRunsInAShell) {
  const std::string odd = "mx;reboot.$(id).example.net";
  mx({dns::Mx{10, odd}});
  host(odd, {"11.22.33.44"});
  auto& c = connection(odd, "11.22.33.44");
  c.greeting = reply(220, {"x ESMTP"});
  c.ehlo = reply(250, {"x", "STARTTLS"});
  c.starttls = reply(220, {"go"});
  c.broken = Break{"tls", "tls", "handshake failure"};
  EXPECT_EQ(finding("TLS-FAILED").advice.front().literal,
            "openssl s_client -starttls smtp -connect 11.22.33.44:25 -servername 11.22.33.44 </dev/null");
}

TEST_F(FindingsTest, LoginsInClearAndNoTls) {
  mx({dns::Mx{10, "a.example.org"}});
  host("a.example.org", {"11.22.33.44"});
  auto& c = connection("a.example.org", "11.22.33.44");
  c.greeting = reply(220, {"a.example.org ESMTP"});
  c.ehlo = reply(250, {"a.example.org", "AUTH PLAIN LOGIN", "SIZE 1000"});
  const auto all = names();
  EXPECT_THAT(all, Contains("EHLO-AUTH-IN-CLEAR"));
  EXPECT_THAT(all, Contains("TLS-NOT-OFFERED"));
  EXPECT_THAT(all, Contains("EHLO-SIZE"));
  EXPECT_THAT(all, Not(Contains("TLS-OK")));
}

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

TEST_F(FindingsTest, ProgramWordsAreSentences) {
  only({Part::spf, Part::dkim});
  seen_.request.selectors = {"c"};
  txt("example.org", {"v=spf1 ip4:300.1.1.1 -all"});
  txt("c._domainkey.example.org", {"v=DKIM1; k=rsa; p=AAAA"});
  const auto syntax = finding("SPF-SYNTAX");
  EXPECT_THAT(syntax.args, Contains(i18n::Arg("problem", "ip4_invalid"))) << "for programs";
  EXPECT_THAT(text_of(syntax, i18n::Translator("en")), testing::HasSubstr("(this is no IPv4 address)"));
  EXPECT_THAT(text_of(finding("DKIM-BAD"), i18n::Translator("de")), testing::HasSubstr("p= enthält keinen Schlüssel"));
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

TEST_F(FindingsTest, ParkedSaysWhatIsMissing) {
  only({Part::parked});
  mx({});
  txt("example.org", {"v=spf1 mx -all"});
  txt("_dmarc.example.org", {"v=DMARC1; p=none"});
  txt("_dmarc.org", {});
  EXPECT_THAT(names(), testing::UnorderedElementsAre("PARKED-MX-MISSING", "PARKED-HOST-NONE", "PARKED-SPF-MISSING",
                                                     "PARKED-DMARC-MISSING"));
  seen_.dns = {};
  mx({dns::Mx{0, ""}});
  txt("example.org", {"v=spf1 -all"});
  txt("_dmarc.example.org", {"v=DMARC1; p=reject"});
  txt("_dmarc.org", {});
  auto& c = connection("example.org", "11.22.33.44");
  c.greeting = reply(521, {"no mail here"});
  EXPECT_THAT(names(),
              testing::UnorderedElementsAre("PARKED-MX-OK", "PARKED-HOST-521", "PARKED-SPF-OK", "PARKED-DMARC-OK"));
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

TEST_F(FindingsTest, LoginsTellWhoseFaultItIs) {
  seen_.request.subject = {SubjectKind::host, "mail.example.org", "mail.example.org", "", ""};
  seen_.request.parts = {};
  seen_.request.parts.add(Part::login);
  struct Case {
    reply::RemoteReply reply;
    std::string name;
  };
  const Case cases[] = {
      {reply(235, {"2.7.0 welcome"}), "LOGIN-OK"},
      {reply(535, {"5.7.8 no"}), "LOGIN-REFUSED"},
      {reply(534, {"5.7.9 too weak"}), "LOGIN-MECHANISM"},
      {reply(504, {"5.5.4 not that one"}), "LOGIN-MECHANISM"},
      {reply(454, {"4.7.0 database"}), "LOGIN-LATER"},
      {reply(538, {"5.7.11 encrypt"}), "LOGIN-NO-TLS"},
      {reply(525, {"5.7.13 disabled"}), "LOGIN-PERMISSION"},
      {reply(535, {"5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."}),
       "LOGIN-PERMISSION"},
      {reply(535, {"5.7.139 Authentication unsuccessful, the user credentials were incorrect."}), "LOGIN-REFUSED"},
      {reply(535, {"5.7.8 Error: authentication failed: account locked"}), "LOGIN-PERMISSION"},
      {reply(535, {"5.7.8 user disabled"}), "LOGIN-PERMISSION"},
      {reply(535, {"5.7.8 Error: authentication failed: Connection lost to authentication server"}), "LOGIN-LATER"},
      {reply(534, {"5.7.9 Application-specific password required"}), "LOGIN-APP-PASSWORD"},
      {reply(534, {"5.7.14 Please log in via your web browser and then try again."}), "LOGIN-PERMISSION"}};
  for (const auto& one : cases) {
    seen_.connections.clear();
    login(465, "PLAIN", one.reply);
    EXPECT_THAT(names(), ElementsAre(one.name)) << one.reply.one_line();
  }
}

TEST_F(FindingsTest, AMechanismThatFailsWhereAnotherWorksIsNotThePassword) {
  seen_.request.subject = {SubjectKind::host, "mail.example.org", "mail.example.org", "", ""};
  seen_.request.parts = {};
  seen_.request.parts.add(Part::login);
  seen_.request.login_user = "ann o'hara";
  login(465, "SCRAM-SHA-256", reply(535, {"5.7.8 no"}), "AUTH SCRAM-SHA-256 PLAIN");
  login(465, "PLAIN", reply(235, {"2.7.0 welcome"}), "AUTH SCRAM-SHA-256 PLAIN");
  EXPECT_THAT(names(), ElementsAre("LOGIN-MECHANISM", "LOGIN-OK"));
  EXPECT_EQ(check_outcome(seen_, find_all(seen_)), CheckOutcome::good);
  // The other port was opened, and nothing tried there.
  login(587, "", std::nullopt, "AUTH PLAIN LOGIN");
  EXPECT_THAT(names(), ElementsAre("LOGIN-MECHANISM", "LOGIN-OK", "LOGIN-NOT-TRIED"));
  EXPECT_EQ(find_all(seen_).back().advice.front().literal,
            "postil check mail.example.org --login USER --all-mechanisms");
  seen_.connections.clear();
  login(465, "PLAIN", reply(454, {"4.7.0 database"}));
  EXPECT_EQ(check_outcome(seen_, find_all(seen_)), CheckOutcome::untested);
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

TEST_F(FindingsTest, WhatDnsDoesNotAnswerIsUnknown) {
  only({Part::connect});
  mx({}, dns::Status::timed_out);
  EXPECT_THAT(names(), ElementsAre("HOSTS-UNKNOWN"));
  seen_.dns = {};
  mx({dns::Mx{10, "mx.example.org"}});
  answer("mx.example.org", dns::Type::a, {}, dns::Status::server_failure);
  EXPECT_THAT(names(), ElementsAre("HOSTS-UNKNOWN"));
  only({Part::parked});
  EXPECT_THAT(names(), Contains("PARKED-UNKNOWN"));
  EXPECT_THAT(names(), Not(Contains("PARKED-HOST-NONE")));
  only({Part::dmarc});
  seen_.dns = {};
  mx({}, dns::Status::no_domain);
  EXPECT_THAT(names(), ElementsAre("DOMAIN-NONE"));
}

TEST_F(FindingsTest, MtaSts) {
  only({Part::mta_sts});
  mx({dns::Mx{10, "a.example.org"}, dns::Mx{20, "b.example.net"}});
  txt("_mta-sts.example.org", {});
  EXPECT_THAT(names(), ElementsAre("MTASTS-NONE"));
  struct Case {
    std::string record;
    Fetch fetch;
    std::vector<std::string> names;
  };
  const std::string url = "https://mta-sts.example.org/.well-known/mta-sts.txt";
  const std::string begin = "version: STSv1\nmode: ";
  const std::string end = "\nmax_age: 604800\nmx: *.example.org\n";
  const Case cases[] = {
      {"v=STSv1; id=", {}, {"MTASTS-RECORD-BAD"}},
      {"v=STSv1; id=1", {}, {"MTASTS-UNTESTED"}},
      {"v=STSv1; id=1", {url, 0, "", "", "certificate: expired"}, {"MTASTS-POLICY-MISSING"}},
      {"v=STSv1; id=1", {url, 404, "text/plain", "", ""}, {"MTASTS-POLICY-MISSING"}},
      {"v=STSv1; id=1", {url, 200, "text/html", begin + "enforce" + end, ""}, {"MTASTS-POLICY-MISSING"}},
      {"v=STSv1; id=1", {url, 200, "text/plain", begin + "always" + end, ""}, {"MTASTS-POLICY-BAD"}},
      {"v=STSv1; id=1", {url, 200, "text/plain", begin + "none" + end, ""}, {"MTASTS-OFF"}},
      {"v=STSv1; id=1", {url, 200, "text/plain", begin + "enforce" + end, ""}, {"MTASTS-OK", "MTASTS-MX"}},
      {"v=STSv1; id=1", {url, 200, "text/plain", begin + "testing" + end, ""}, {"MTASTS-TESTING", "MTASTS-WOULD-FAIL"}},
  };
  for (const auto& one : cases) {
    seen_.dns = {};
    seen_.fetches.clear();
    mx({dns::Mx{10, "a.example.org"}, dns::Mx{20, "b.example.net"}});
    txt("_mta-sts.example.org", {one.record});
    if (!one.fetch.url.empty()) seen_.fetches = {one.fetch};
    EXPECT_EQ(names(), one.names) << one.fetch.body;
  }
  EXPECT_THAT(finding("MTASTS-WOULD-FAIL").about, ElementsAre("b.example.net"));
}

TEST_F(FindingsTest, TlsReports) {
  only({Part::tls_rpt});
  mx({dns::Mx{10, "a.example.org"}});
  txt("_smtp._tls.example.org", {});
  EXPECT_THAT(names(), ElementsAre("TLSRPT-NONE"));
  seen_.dns = {};
  txt("_smtp._tls.example.org", {"v=TLSRPTv1; rua=mailto:a@example.org"});
  EXPECT_THAT(names(), ElementsAre("TLSRPT-OK"));
  seen_.dns = {};
  txt("_smtp._tls.example.org", {"v=TLSRPTv1; rua=nowhere"});
  EXPECT_THAT(names(), ElementsAre("TLSRPT-BAD"));
}

TEST_F(FindingsTest, NothingMoreOfADomainThatDoesNotExist) {
  only({Part::mx, Part::spf, Part::dkim, Part::dmarc, Part::mta_sts});
  mx({}, dns::Status::no_domain);
  EXPECT_THAT(names(), ElementsAre("DOMAIN-NONE"));
}

TEST_F(FindingsTest, ACheckConfirmsOrRefutes) {
  only({Part::mx});
  mx({dns::Mx{0, ""}});
  EXPECT_EQ(confirm("recipient_mx", knowledge::Reason::recipient_null_mx, find_all(seen_)).verdict,
            Confirmation::confirmed);
  EXPECT_THAT(confirm("recipient_mx", knowledge::Reason::recipient_null_mx, find_all(seen_)).by,
              ElementsAre("MX-NULL"));
  seen_.dns = {};
  mx({dns::Mx{10, "a.example.org"}});
  host("a.example.org", {"11.22.33.44"}, {"2a00::1"});
  EXPECT_EQ(confirm("recipient_mx", knowledge::Reason::recipient_null_mx, find_all(seen_)).verdict,
            Confirmation::refuted);
  EXPECT_EQ(confirm("recipient_mx", knowledge::Reason::domain_not_found, find_all(seen_)).verdict,
            Confirmation::refuted);
  seen_.dns = {};
  mx({dns::Mx{10, "a.example.org"}});
  host("a.example.org", {"10.0.0.1"}, {});  // wrong, and yet no null MX
  EXPECT_EQ(confirm("recipient_mx", knowledge::Reason::recipient_null_mx, find_all(seen_)).verdict,
            Confirmation::refuted);
  seen_.dns = {};
  mx({}, dns::Status::timed_out);
  EXPECT_EQ(confirm("recipient_mx", knowledge::Reason::recipient_null_mx, find_all(seen_)).verdict,
            Confirmation::untested);
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

TEST_F(FindingsTest, WhatIsReadFromAFileIsChecked) {
  mx({dns::Mx{10, "a.example.org"}});
  const auto text = to_json(seen_);
  ASSERT_TRUE(read_observations(text)) << read_observations(text).error();
  // Cut anywhere and changed anywhere, it is refused or read, and nothing else happens.
  for (std::size_t at = 0; at < text.size(); at += 3) {
    EXPECT_FALSE(read_observations(text.substr(0, at)));
    auto changed = text;
    changed[at] = changed[at] == '1' ? 'x' : '1';
    if (const auto seen = read_observations(changed)) find_all(*seen);
  }
  EXPECT_FALSE(read_observations("{}"));
  EXPECT_FALSE(read_observations("[]"));
}

TEST(FindingEntriesTest, NamesAreUniqueAndEachHasItsTexts) {
  std::set<std::string_view> names;
  for (const auto* language : {"en", "de", "ru"}) {
    const i18n::Translator tr(language);
    EXPECT_EQ(tr.language_of("check"), language);
    for (const auto& of : finding_entries()) {
      if (tr.language() == "en") {
        EXPECT_TRUE(names.insert(of.name).second) << of.name;
      }
      EXPECT_TRUE(tr.has("check.finding." + std::string(of.key) + ".text")) << of.key;
      EXPECT_TRUE(tr.has("check.finding." + std::string(of.key) + ".more")) << of.key;
    }
  }
  EXPECT_EQ(find_finding("mx-null")->name, "MX-NULL");
  EXPECT_EQ(find_finding("MX-NOTHING"), nullptr);
}

// Each of fail and warn: a line that is at hand always, or one that is made of what was seen.
TEST(FindingEntriesTest, EachTroubleHasALineToPaste) {
  using Id = FindingId;
  const std::set<Id> made_of_what_was_seen = {
      // records as they should be (findings_mx, findings_policies, findings_parked, findings_address)
      Id::mx_null_preference, Id::mx_null_beside, Id::mx_none, Id::mx_cname, Id::mx_literal, Id::dane_mismatch,
      Id::dane_unusable, Id::sts_record_bad, Id::sts_policy_missing, Id::sts_policy_bad, Id::sts_mx, Id::tlsrpt_bad,
      Id::rdns_missing, Id::rdns_mismatch, Id::ehlo_name_bad, Id::list_listed, Id::parked_mx_missing,
      Id::parked_host_open, Id::parked_spf_missing, Id::parked_dmarc_missing,
      // "postil explain" of the reply (findings_host, findings_login)
      Id::greeting_null_host, Id::greeting_refused, Id::greeting_later, Id::ehlo_refused, Id::rcpt_refused,
      Id::rcpt_later, Id::login_refused, Id::login_mechanism, Id::login_permission, Id::login_app_password,
      // findings_spf, findings_dmarc, findings_message
      Id::spf_missing, Id::spf_several, Id::spf_lookalike, Id::spf_syntax, Id::spf_lookups, Id::spf_lookups_near,
      Id::spf_void, Id::spf_include, Id::spf_void_term, Id::spf_loop, Id::spf_many_mx, Id::spf_pass_all,
      Id::spf_pass_any, Id::spf_no_end, Id::spf_ptr, Id::spf_no_effect, Id::spf_ip_fail, Id::spf_ip_neutral,
      Id::spf_ip_error, Id::dkim_missing, Id::dkim_bad, Id::dkim_small, Id::dmarc_missing, Id::dmarc_none,
      Id::dmarc_bad, Id::dmarc_several, Id::dmarc_reports_refused, Id::message_not_aligned, Id::message_spf_fail};
  Observations seen;
  seen.request.subject = {SubjectKind::domain, "example.org", "example.org", "", ""};
  auto& connection = seen.connections.emplace_back();
  connection.host = "mx.example.org";
  connection.address = "192.0.2.1";
  for (const auto& of : finding_entries()) {
    if (of.word != Word::fail && of.word != Word::warn) continue;
    Finding finding;
    finding.id = of.id;
    finding.about = {"mx.example.org 192.0.2.1"};
    advise(finding, seen);
    EXPECT_NE(finding.advice.empty(), !made_of_what_was_seen.contains(of.id)) << of.name;
    for (const auto& advice : finding.advice) EXPECT_FALSE(advice.literal.empty()) << of.name;
  }
}

TEST(RecordLineTest, LongTextsAreCutIntoStrings) {
  const auto line = txt_line("a.example", std::string(300, 'x') + "\"");
  EXPECT_EQ(line, "a.example.  TXT  \"" + std::string(255, 'x') + "\" \"" + std::string(45, 'x') + "\\\"\"");
}

}  // namespace
}  // namespace postil::diagnose
