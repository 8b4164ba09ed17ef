// What is found of those who take mail, of logins and of parked domains, from observations written by hand.
#include <set>

#include "diagnose/confirm.hpp"
#include "diagnose/observations_json.hpp"
#include "findings_fixture.hpp"

namespace postil::diagnose {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

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

TEST_F(FindingsTest, PartsThatSayNothingSayWhy) {
  const auto outcome = [&] { return check_outcome(seen_, find_all(seen_)); };
  seen_.request.subject = {SubjectKind::ip, "192.0.2.9", "", "", "192.0.2.9"};
  seen_.request.parts = {};
  seen_.request.parts.add(Part::spf);
  EXPECT_THAT(names(), ElementsAre("NOT-APPLICABLE"));
  EXPECT_EQ(outcome(), CheckOutcome::good);
  only({Part::reverse_dns});
  connection("mx.example.org", "192.0.2.1").broken = Break{"connect", "refused", ""};
  EXPECT_THAT(names(), ElementsAre("NOT-TESTED"));
  EXPECT_EQ(outcome(), CheckOutcome::untested);
}

TEST_F(FindingsTest, NobodyTakesMailForARecipientWhoseDomainNamesNoHost) {
  only({Part::recipient});
  seen_.request.recipient = "ann@example.org";
  mx({dns::Mx{0, ""}});
  EXPECT_THAT(names(), ElementsAre("NO-HOST", "RCPT-NO-HOST"));
  EXPECT_EQ(check_outcome(seen_, find_all(seen_)), CheckOutcome::fails);
  seen_.dns = {};
  mx({}, dns::Status::timed_out);
  EXPECT_THAT(names(), ElementsAre("HOSTS-UNKNOWN", "RCPT-UNTESTED"));
}

TEST_F(FindingsTest, OneHostIsAskedAboutARecipient) {
  only({Part::recipient});
  seen_.request.recipient = "ann@example.org";
  auto& first = connection("a.example.org", "192.0.2.1");
  first.broken = Break{"connect", "refused", ""};
  connection("b.example.org", "192.0.2.2");
  EXPECT_THAT(finding("RCPT-UNTESTED").about, ElementsAre("a.example.org 192.0.2.1", "b.example.org 192.0.2.2"));
  auto& second = connection("b.example.org", "192.0.2.2");
  second.mail = reply(250, {"2.1.0 ok"});
  second.rcpt = reply(250, {"2.1.5 ok"});
  EXPECT_THAT(names(), ElementsAre("RCPT-OK"));
  EXPECT_THAT(finding("RCPT-OK").about, ElementsAre("b.example.org 192.0.2.2"));
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

TEST_F(FindingsTest, OfAnAddressThatIsParkedTheHostCounts) {
  only({Part::parked});
  seen_.request.subject = {SubjectKind::ip, "192.0.2.9", "", "", "192.0.2.9"};
  connection("", "192.0.2.9").greeting = reply(220, {"come in"});
  EXPECT_THAT(names(), ElementsAre("PARKED-HOST-OPEN"));
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
    std::vector<std::string> wanted = {one.name};
    if (one.name == "LOGIN-MECHANISM") wanted.emplace_back("LOGIN-NONE-WORKS");  // there is no other
    EXPECT_EQ(names(), wanted) << one.reply.one_line();
  }
}

TEST_F(FindingsTest, AServerThatTakesNoMechanismLetsNobodyIn) {
  domain("mail.example.org", {Part::login});
  seen_.request.subject.kind = SubjectKind::host;
  seen_.request.login_user = "ann";
  login(465, "PLAIN", reply(501, {"5.5.2 the exchange cannot be read"}));
  EXPECT_THAT(names(), ElementsAre("LOGIN-MECHANISM", "LOGIN-NONE-WORKS"));
  EXPECT_EQ(check_outcome(seen_, find_all(seen_)), CheckOutcome::fails);
  login(587, "PLAIN", reply(235, {"2.7.0 in"}));
  EXPECT_THAT(names(), testing::UnorderedElementsAre("LOGIN-MECHANISM", "LOGIN-OK"));
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

TEST_F(FindingsTest, WordsOfOpensslAndOfTheParserAreSentences) {
  only({Part::greeting, Part::tls});
  auto& c = connection("mx.example.org", "192.0.2.1");
  c.greeting = reply(220, {"mx"});
  c.broken = Break{"tls", "tls", "wrong version number"};
  EXPECT_THAT(text_of(finding("TLS-FAILED"), i18n::Translator("en")), testing::HasSubstr("is no TLS"));
  c.greeting.reset();
  c.broken = Break{"greeting", "malformed", "\"FTP ready\" is no line of an SMTP reply."};
  EXPECT_THAT(text_of(finding("GREETING-NOT-SMTP"), i18n::Translator("en")), testing::EndsWith(": \"FTP ready\""));
  for (const auto* words : {"unable to get local issuer certificate; unable to verify the first certificate",
                            "self-signed certificate in certificate chain", "certificate has expired"}) {
    const auto phrases = chain_phrases("detail", words);
    ASSERT_EQ(phrases.size(), 1u) << words;
    EXPECT_TRUE(i18n::Translator("de").has("check_detail." + phrases.front().key)) << words;
  }
  EXPECT_TRUE(chain_phrases("detail", "words of another library").empty());
}

TEST_F(FindingsTest, ASoundRecordRefutesOnlyWhatItDecides) {
  using knowledge::Reason;
  const auto verdict = [&](std::string_view check, Reason reason) {
    return confirm(check, reason, find_all(seen_)).verdict;
  };
  only({Part::spf});
  txt("example.org", {"v=spf1 ip4:192.0.2.1 -all"});
  EXPECT_EQ(verdict("spf", Reason::spf_fail), Confirmation::untested) << "which address sent is not known";
  seen_.request.from_ip = "192.0.2.1";
  EXPECT_EQ(verdict("spf", Reason::spf_fail), Confirmation::refuted);
  seen_.request.from_ip = "192.0.2.2";
  EXPECT_EQ(verdict("spf", Reason::spf_fail), Confirmation::confirmed);
  only({Part::dmarc});
  txt("_dmarc.example.org", {"v=DMARC1; p=reject"});
  txt("_dmarc.org", {});
  EXPECT_EQ(verdict("dmarc", Reason::dmarc_reject), Confirmation::confirmed);
  EXPECT_EQ(verdict("dmarc", Reason::unauthenticated), Confirmation::untested);
  seen_.dns = {};
  txt("_dmarc.example.org", {"v=DMARC1; p=none"});
  txt("_dmarc.org", {});
  EXPECT_EQ(verdict("dmarc", Reason::dmarc_reject), Confirmation::refuted) << "nobody refuses by such a policy";
}

// Each of fail and warn: a line that is at hand always, or one that is made of what was seen.
TEST(FindingEntriesTest, EachTroubleHasALineToPaste) {
  using Id = FindingId;
  const std::set<Id> made_of_what_was_seen = {
      // records as they should be (findings_mx, findings_policies, findings_parked, findings_address)
      Id::mx_null_preference, Id::mx_null_beside, Id::mx_none, Id::mx_cname, Id::mx_literal, Id::dane_mismatch,
      Id::dane_unusable, Id::sts_record_bad, Id::sts_policy_missing, Id::sts_policy_bad, Id::sts_mx, Id::tlsrpt_bad,
      Id::rdns_missing, Id::rdns_mismatch, Id::list_listed, Id::parked_mx_missing, Id::parked_host_open,
      Id::parked_spf_missing, Id::parked_dmarc_missing,
      // "postil explain" of the reply (findings_host, findings_login)
      Id::greeting_null_host, Id::greeting_refused, Id::greeting_later, Id::ehlo_refused, Id::rcpt_refused,
      Id::rcpt_later, Id::rcpt_no_host, Id::login_none, Id::login_refused, Id::login_mechanism, Id::login_permission,
      Id::login_app_password,
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
