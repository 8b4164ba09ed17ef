#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/config.hpp"

namespace postil::config {
namespace {

const std::string relay =
    "job = \"relay\"\nhostname = \"relay.example.org\"\naliases.postmaster = \"admin@example.net\"\n"
    "relay.networks = [\"10.0.0.0/8\"]\n";

Loaded parse_text(const std::string& text) {
  const SourceFile file{"/etc/postil/postil.toml", text};
  return parse({&file, 1});
}

// "config.wants.number@5:9" of each problem.
std::vector<std::string> problems(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& problem : parse_text(text).problems) {
    out.push_back(problem.text_key.substr(7) + "@" + std::to_string(problem.line) + ":" +
                  std::to_string(problem.column));
  }
  return out;
}

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST(ConfigParse, TheSmallestFiles) {
  EXPECT_THAT(problems(relay), IsEmpty());
  EXPECT_THAT(problems("job = \"null\"\nhostname = \"host7.example.net\"\ncontact = \"https://example.net/\"\n"),
              IsEmpty());
  const auto loaded = parse_text(relay);
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.aliases.at("root"), std::vector<std::string>{"admin@example.net"});  // follows the postmaster
  EXPECT_EQ(loaded.config.deliver.lifetime, days(5));
  EXPECT_EQ(loaded.config.limits.message_octets, 50u << 20);
  EXPECT_EQ(loaded.config.place("job"), "postil.toml:1");
  EXPECT_EQ(loaded.config.place("deliver.lifetime"), "default");
}

TEST(ConfigParse, ExamplesHaveNoProblem) {
  for (const std::string job : {"submission", "relay", "null"}) {
    EXPECT_THAT(problems(example(job)), IsEmpty()) << job;
    EXPECT_TRUE(parse_text(example(job)).config.has_job(job));
  }
  EXPECT_EQ(example("inbound"), "");
}

TEST(ConfigParse, DefaultsAreValuesOfTheirKinds) {
  for (const auto& key : keys()) {
    if (key.default_text.empty()) continue;
    const auto dot = key.path.find('.');
    // A default written into the file changes nothing.
    const auto loaded = parse_text(std::string(key.path) + " = " + std::string(key.default_text) + "\n");
    for (const auto& problem : loaded.problems) EXPECT_EQ(problem.line, 0u) << key.path << ": " << problem.text_key;
    EXPECT_EQ(key.shown(loaded.config), key.shown(parse_text("").config)) << key.path;
    EXPECT_NE(dot, 0u);
  }
}

TEST(ConfigParse, UnknownKeysAndWhatMayHaveBeenMeant) {
  EXPECT_THAT(problems(relay + "hostnme = \"x\"\n"), ElementsAre("unknown_key_near@5:1"));
  EXPECT_THAT(problems(relay + "deliver.lifetim = \"5d\"\n"), ElementsAre(StartsWith("unknown_key_near@5:")));
  EXPECT_THAT(problems(relay + "zzzzzz = 1\n"), ElementsAre("unknown_key@5:1"));
  EXPECT_THAT(problems(relay + "[delivr]\nvia = \"direct\"\n"), ElementsAre(StartsWith("unknown_table_near@5:")));
  EXPECT_THAT(problems(relay + "[quotas]\nx = 1\n"), ElementsAre(StartsWith("unknown_table@5:")));
  EXPECT_THAT(problems(relay + "[foo]\nx = 1\n"), ElementsAre(StartsWith("unknown_table@5:")));
  // the right name in the wrong table
  const auto loaded = parse_text(relay + "[limits]\nlifetime = \"5d\"\n");
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_THAT(loaded.problems[0].args, Contains(i18n::Arg{"nearest", "deliver.lifetime"}));
  EXPECT_EQ(nearest_key("submission.listn"), "submission.listen");
  EXPECT_EQ(nearest_key("x"), "");
  EXPECT_EQ(nearest_key("retry_first"), "deliver.retry_first");
  EXPECT_EQ(nearest_key("dkim.retry_first"), "");
  EXPECT_THAT(problems(relay + "[[dkm]]\ndomain = \"example.org\"\n"), ElementsAre("unknown_table_near@5:3"));
  EXPECT_THAT(problems(relay + "[[quotas]]\nx = 1\n"), ElementsAre("unknown_table@5:3"));
}

TEST(ConfigParse, WrongValues) {
  const std::pair<std::string, std::string> cases[] = {
      {"contact = 5", "wants.text@5:11"},
      {"contact = [1, 2]", "wants.other@5:11"},
      {"contact = 1979-05-27", "wants.other@5:11"},
      {"dns.resolver = 7", "wants.texts@5:16"},
      {"dns.validate = \"yes\"", "wants.yes_no@5:16"},
      {"limits.hops = 3", "wants.number@5:15"},
      {"limits.hops = \"50\"", "wants.number@5:15"},
      {"limits.hops = -1", "wants.number@5:15"},
      {"deliver.lifetime = \"5 years\"", "wants.duration@5:20"},
      {"deliver.lifetime = 5", "wants.duration@5:20"},
      {"deliver.lifetime = \"1s\"", "wants.duration_between@5:20"},
      {"limits.message_size = \"big\"", "wants.size@5:23"},
      {"limits.message_size = \"1K\"", "wants.size_from@5:23"},
      {"relay.listen = 25", "wants.addresses@5:16"},
      {"relay.listen = [\"25\"]", "wants.address@5:17"},
      {"relay.listen = [\"::1:25\"]", "wants.address@5:17"},
      {"relay.listen = [\"host.example:25\"]", "wants.address@5:17"},
      {"relay.listen = [\"0.0.0.0:99999\"]", "wants.address@5:17"},
      {"limits.unlimited_from = 1", "wants.networks@5:25"},
      {"limits.unlimited_from = [\"10.0.0.1/8\"]", "wants.network@5:26"},
      {"deliver.via = \"pigeon\"", "wants.choice@5:15"},
      {"deliver.via = \"smart-host\"", "wants.choice_near@5:15"},
      {"deliver.source_ipv4 = \"::1\"", "wants.address_only@5:23"},
      {"deliver.source_ipv6 = \"mail\"", "wants.address_only@5:23"},
      {"deliver.smarthost = \"smtp://relay.example:99999\"", "smarthost_form@5:21"},
      {"deliver.smarthost = \"smtp://\"", "smarthost_form@5:21"},
      {"deliver.smarthost = \"smtp://[::1\"", "smarthost_form@5:21"},
      {"dns.resolver = [\"not an ip\"]", "wants.resolver@5:17"},
      {"dns.resolver = [\"192.0.2.1@70000\"]", "wants.resolver@5:17"},
      {"submission.mechanisms = [\"PLAINN\"]", "wants.choice_near@5:26"},
      {"submission.mechanisms = [\"KERBEROS_V4\"]", "wants.choice@5:26"},
      {"language = \"xx-yy\"", "wants.choice@5:12"},
      {"spool.folder = \"\"", "wants.path@5:16"},
      {"spool.segment_size = \"8G\"", "wants.duration_between@5:22"},
      {"limits.line_length = \"8G\"", "wants.duration_between@5:22"},
      {"limits.header_size = \"4G\"", "wants.duration_between@5:22"},
      {"control.socket = \"/" + std::string(107, 'x') + "\"", "wants.socket@5:18"},
      {"web.url = \"mail.example.org\"", "wants.url@5:11"},
      {"receipts.url = \"https://a b/\"", "wants.url@5:16"},
      {"log.events = \"stdout\"", "wants.events@5:14"},
      {"contact = \"a\\r\\nb\"", "wants.one_line@5:11"},
      {"contact = \"k\u00f6ln@example.net\"", "wants.contact@5:11"},  // it would stand in a reply
  };
  for (const auto& [line, expected] : cases) EXPECT_THAT(problems(relay + line + "\n"), ElementsAre(expected)) << line;
  EXPECT_THAT(problems("job = \"mx\"\nhostname = \"localhost\"\n"),
              testing::IsSupersetOf({"wants.choice@1:7", "wants.host_name@2:12"}));
  EXPECT_THAT(problems("job = \"mx\"\nhostname = \"a.example\"\n"), Not(Contains(StartsWith("job_missing"))));
}

TEST(ConfigParse, EveryWrongItemOfAList) {
  EXPECT_THAT(problems(relay + "dns.resolver = [\"a\", \"192.0.2.1\", \"b\"]\n"),
              ElementsAre("wants.resolver@5:17", "wants.resolver@5:35"));
  EXPECT_THAT(problems(relay + "web.listen = [\n  \"x\",\n  5,\n  \"127.0.0.1:80\",\n  \"y\" ]\n"),
              ElementsAre("wants.address@6:3", "wants.item@7:3", "wants.address@9:3"));
  EXPECT_THAT(problems(relay + "limits.unlimited_from = [\"10.0.0.1/8\", \"x\"]\n"),
              ElementsAre("wants.network@5:26", "wants.network@5:40"));
  EXPECT_THAT(problems(relay + "submission.mechanisms = [\"plain\", \"X\", \"SCRAM-SHA-257\"]\n"),
              ElementsAre("wants.choice@5:35", "wants.choice_near@5:40"));
  EXPECT_THAT(problems(relay + "aliases.x = [\"a@b.example\", \"nobody\", 5]\n"),
              ElementsAre("alias_target@5:29", "alias_target@5:39"));
  EXPECT_THAT(problems(relay + "[[site]]\ndomains = [\"a b\", \"a.example\", \"c d\"]\nrate = \"1/s\"\n"),
              ElementsAre("wants.domain_patterns@6:12", "wants.domain_patterns@6:32"));
  EXPECT_THAT(problems("jobs = [\"relais\", \"nul\"]\nhostname = \"a.example\"\n"),
              testing::IsSupersetOf({"wants.choice_near@1:9", "wants.choice_near@1:19"}));
  const auto loaded = parse_text(relay + "deliver.tls = \"verifed\"\n");
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_THAT(loaded.problems[0].args, Contains(i18n::Arg{"nearest", "verified"}));
}

TEST(ConfigParse, ChecksBehindASmarthostAreForWhoAsksForThem) {
  const std::string smarthost = relay + "deliver.via = \"smarthost\"\ndeliver.smarthost = \"smtp://mail.example\"\n";
  EXPECT_TRUE(parse_text(relay).config.deliver.check_recipient_domains);
  EXPECT_FALSE(parse_text(smarthost).config.deliver.check_recipient_domains);
  EXPECT_FALSE(parse_text(smarthost).config.deliver.check_sender_domain);
  const auto asked = parse_text(smarthost + "deliver.check_recipient_domains = true\n").config.deliver;
  EXPECT_TRUE(asked.check_recipient_domains);
  EXPECT_FALSE(asked.check_sender_domain);
}

TEST(ConfigParse, LanguagesOfSenderDomains) {
  const auto loaded = parse_text(relay + "[languages]\n\"Exämple.de\" = \"de\"\n\"example.br\" = \"pt\"\n");
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.config.domain_languages,
              ElementsAre(testing::Pair("example.br", "pt-BR"), testing::Pair("xn--exmple-cua.de", "de")));
  EXPECT_EQ(loaded.config.place("languages.example.br"), "postil.toml:7");
}

TEST(ConfigParse, WhatOnlyShowsWhenAllIsRead) {
  const std::pair<std::string, std::string> cases[] = {
      {"hostname = \"a.example\"", "job_missing@0:0"},
      {"job = \"null\"\njobs = [\"null\"]\nhostname = \"a.example\"\ncontact = \"x\"", "job_and_jobs@2:1"},
      {"job = \"null\"\ncontact = \"x\"", "host_name_missing@0:0"},
      {"job = \"null\"\nhostname = \"a.example\"", "contact_missing@0:0"},
      {"job = \"null\"\nhostname = \"a.example\"\ncontact = \"x\"\nnull.listen = [\"0.0.0.0:587\"]",
       "null_on_submission@4:1"},
      {"job = \"submission\"\nhostname = \"a.example\"\naliases.postmaster = \"p@b.example\"",
       "certificate_missing@0:0"},
      {"job = \"submission\"\nhostname = \"a.example\"\naliases.postmaster = \"p@b.example\"\ntls.certificate = \"c\"",
       "tls_half@4:1"},
      {"job = \"relay\"\nhostname = \"a.example\"\naliases.postmaster = \"p@b.example\"", "networks_missing@0:0"},
      {"job = \"relay\"\nhostname = \"a.example\"\nrelay.networks = [\"10.0.0.0/8\"]", "postmaster_missing@0:0"},
      {relay + "[[route]]\nto = \"lmtp:unix:/run/lmtp\"", "entry_missing@5:1"},
      {relay + "[[route]]\ndomains = \"a.example\"\nto = \"lmtp:unix:run/lmtp\"", "wants.next_hop@7:6"},
      {relay + "[[route]]\ndomains = \"a.example\"\nto = \"lmtp:host:24\"", "wants.next_hop@7:6"},
      {relay + "[[route]]\ndomains = \"a.example\"\nto = \"lmtp:inet:\"", "wants.next_hop@7:6"},
      {relay + "proxy.listen = \"0.0.0.0:25\"", "intermediaries_missing@5:7"},
      {relay + "proxy.networks = \"10.0.0.1\"\nproxy.listen = \"0.0.0.0:26\"", "intermediaries_listen@6:7"},
      {relay + "xclient.networks = \"10.0.0.1\"\nxclient.listen = \"0.0.0.0:587\"", "intermediaries_listen@6:9"},
      {relay + "aliases.x = \"y@relay.example.org\"", "alias_to_self@5:9"},
      {relay + "aliases.x = \"y@localhost\"", "alias_to_self@5:9"},
      {relay + "aliases.\"a b\" = \"y@b.example\"", "alias_name@5:9"},
      {relay + "aliases.x = \"nobody\"", "alias_target@5:13"},
      {relay + "aliases.x = []", "alias_target@5:13"},
      {relay + "languages.\"a b\" = \"de\"", "language_domain@5:11"},
      {relay + "languages.\"example.de\" = \"tlh\"", "language_unknown@5:26"},
      {relay + "relay.listen = [\"0.0.0.0:25\", \"0.0.0.0:25\"]", "listen_twice@5:1"},
      {relay + "web.listen = [\"127.0.0.1:9825\"]", "listen_twice@5:1"},
      {relay + "control = {socket = \"/run/p\", submit_socket = \"/run/p\"}", "listen_twice@5:1"},
      {relay + "relay.listen = []\nsubmission.local = false", "nothing_listens_at@5:1"},
      {"job = \"null\"\nhostname = \"a.example\"\ncontact = \"x\"\nnull.listen = []", "nothing_listens_at@4:1"},
      {relay + "deliver.via = \"smarthost\"", "smarthost_missing@5:1"},
      {relay + "deliver.via = \"smarthost\"\ndeliver.smarthost = \"mail.example\"", "smarthost_form@6:1"},
      {relay + "deliver.smarthost = \"smtp://mail.example\"", "smarthost_unused@5:1"},
      {relay + "deliver.username = \"u\"", "login_half@5:1"},
      {relay + "deliver.retry_first = \"5h\"", "retry_order@5:1"},
  };
  for (const auto& [text, expected] : cases) {
    const auto found = problems(text + "\n");
    // dotted keys: the place is that of the key's last part or its first, by the parser; the line is what counts
    const auto line = expected.substr(0, expected.rfind(':'));
    EXPECT_THAT(found, Contains(StartsWith(line))) << text << testing::PrintToString(found);
  }
  // serve would refuse its TLS listener
  const auto no_certificate = parse_text(
      "job = \"submission\"\nhostname = \"a.example\"\naliases.postmaster = \"p@b.example\"\n"
      "submission = {listen_tls = [\"127.0.0.1:465\"], auth_without_tls = true}\n");
  ASSERT_EQ(no_certificate.problems.size(), 1u);
  EXPECT_EQ(no_certificate.problems[0].text_key, "serve.tls_listener_without_certificate");
  const auto nothing = problems(
      "job = \"submission\"\nhostname = \"a.example\"\naliases.postmaster = \"p@b.example\"\n"
      "tls = {certificate = \"c\", key = \"k\"}\nsubmission = {listen = [], listen_tls = [], local = false}\n");
  EXPECT_THAT(nothing, ElementsAre(StartsWith("nothing_listens@")));
}

TEST(ConfigParse, WarningsDoNotStopIt) {
  const auto loaded = parse_text(relay + "deliver.smarthost = \"smtp://mail.example\"\n");
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_TRUE(loaded.problems[0].warning);
}

TEST(ConfigParse, NothingIsSaidOfTheWholeBesideASyntaxError) {
  EXPECT_THAT(problems("job = \n"), ElementsAre(StartsWith("syntax@1:")));
}

// Each mistake of the writing, and what is wrong in what can be read; nothing that only follows from them.
TEST(ConfigParse, EverySyntaxErrorAtOnce) {
  const auto of = [](const std::string& text) {
    std::vector<std::string> lines;
    for (const auto& found : problems(text)) lines.push_back(found.substr(0, found.rfind(':')));
    return lines;
  };
  EXPECT_THAT(of(relay + "contact = = \"x\"\nhostnam = \"y\"\nlanguage = \"de\nthreads = 999\n"),
              ElementsAre("syntax@5", "unknown_key_near@6", "syntax@7", "wants.number@8"));
  // a header: whose the keys below are is not known, how they are written is
  EXPECT_THAT(of(relay + "[deliver\nlifetime = \"5d\"\nvia = \n[limits]\nhops = 3\n"),
              ElementsAre("syntax@5", "syntax@7", "wants.number@9"));
  EXPECT_THAT(of(relay + "limits]\nhops = 3\n[deliver]\nlifetime = 5\n"), ElementsAre("syntax@5", "wants.duration@8"));
  // a list of several lines, wrong inside and without an end
  EXPECT_THAT(of(relay + "[dns]\nresolver = [\n \"a\"\n \"b\",\n]\nvalidate = 1\n"),
              ElementsAre("syntax@8", "wants.yes_no@10"));
  EXPECT_THAT(of(relay + "[dns]\nresolver = [ \"a\",\nvalidate = 1\n[deliver]\nlifetime = 5\n"),
              ElementsAre(StartsWith("syntax@"), "wants.yes_no@7", "wants.duration@9"));
  // a text of several lines without an end
  EXPECT_THAT(of(relay + "contact = \"\"\"x\nthreads = 999\n"), ElementsAre("wants.number@6", StartsWith("syntax@")));
  // the same key and the same table again
  EXPECT_THAT(of(relay + "threads = 1\nthreads = 2\n[dns]\nvalidate = true\n[dns]\ntimeout = 7\n"),
              ElementsAre("syntax@6", "syntax@9"));
  // what an entry lacks may stand in the line that could not be read
  EXPECT_THAT(of(relay + "[[dkim]]\ndomain = \"a.example\"\nselector = s\nkey = \"k\"\n"), ElementsAre("syntax@7"));
  EXPECT_THAT(of("job = \"relay\r\nhostname = 5\r\n"), ElementsAre("syntax@1", "wants.host_name@2"));
}

TEST(ConfigParse, SyntaxErrorsHaveAnEnd) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "k" + std::to_string(i) + " = = 1\n";
  const auto loaded = parse_text(many);
  ASSERT_EQ(loaded.problems.size(), 21u);
  EXPECT_EQ(loaded.problems.back().text_key, "config.syntax_more");
  for (const char* text : {"[", "[\n", "[[", "[ \n", "[]", "[.]\n", "[(]\n", "[a.", "[\"", "a.", "\"", "x = [", "x = {",
                           "x = {a", "\xff", "x = \"\\u"}) {
    EXPECT_FALSE(parse_text(text).ok()) << text;
    EXPECT_FALSE(parse_text(relay + text).ok()) << text;
  }
  EXPECT_FALSE(parse_text(std::string(1000, '[')).ok());
  EXPECT_FALSE(parse_text("\"\"\"\n\n\n").ok());
  EXPECT_FALSE(parse_text("x = \"\"\"" + std::string(5000, '\n')).ok());
  const auto whole = example("submission");
  for (std::size_t end = 0; end < whole.size(); end += 11) parse_text(whole.substr(0, end));
}

TEST(ConfigParse, SeveralFiles) {
  const SourceFile files[] = {
      {"/etc/postil/postil.toml", relay},
      {"/etc/postil/conf.d/10.toml", "[deliver]\nlifetime = \"2d\"\n[aliases]\nabuse = \"x@b.example\"\n"},
      {"/etc/postil/conf.d/20.toml", "[deliver]\nlifetime = \"3d\"\n[aliases]\nAbuse = \"y@b.example\"\n"}};
  const auto loaded = parse(files);
  ASSERT_EQ(loaded.problems.size(), 2u);
  for (const auto& problem : loaded.problems) {
    EXPECT_EQ(problem.text_key, "config.twice");
    EXPECT_EQ(problem.file, "/etc/postil/conf.d/20.toml");
  }
  EXPECT_EQ(loaded.config.deliver.lifetime, days(2));
  EXPECT_EQ(loaded.config.place("deliver.lifetime"), "10.toml:2");
}

TEST(ConfigParse, EveryProblemHasAText) {
  const i18n::Translator tr;
  const auto loaded =
      parse_text("job = 5\nhostnam = 7\n[delver]\nx = 1\n[limits]\nhops = \"x\"\n[aliases]\n\"a b\" = 1\n");
  EXPECT_GE(loaded.problems.size(), 5u);
  for (const auto& problem : loaded.problems) {
    const auto text = to_string(problem, tr);
    EXPECT_EQ(text.find("config."), std::string::npos) << text;
    EXPECT_EQ(text.find('{'), std::string::npos) << text;
    EXPECT_TRUE(text.starts_with("/etc/postil/postil.toml")) << text;
  }
}

TEST(ConfigDkim, EntriesAndTheirPlaces) {
  const auto loaded = parse_text(relay +
                                 "[[dkim]]\ndomain = \"Example.ORG\"\nselector = \"S1\"\nkey = \"/k/1.pem\"\n"
                                 "until = 2027-01-31\n"
                                 "[[dkim]]\ndomain = \"m\u00fcnchen.example\"\nselector = \"s2\"\nkey = \"k2\"\n"
                                 "sign_by = \"both\"\nsubdomains = false\nfrom = 2027-01-01T12:00:00+01:00\n");
  EXPECT_THAT(loaded.problems, IsEmpty());
  ASSERT_EQ(loaded.config.dkim.size(), 2u);
  const auto& [first, second] = std::pair{loaded.config.dkim[0], loaded.config.dkim[1]};
  EXPECT_EQ(first.domain, "example.org");
  EXPECT_EQ(first.selector, "s1");
  EXPECT_EQ(first.key, "/k/1.pem");
  EXPECT_EQ(first.sign_by, "from");
  EXPECT_TRUE(first.subdomains);
  EXPECT_FALSE(first.from);
  EXPECT_EQ(unix_microseconds(*first.until), 1'801'353'600'000'000);
  EXPECT_EQ(second.domain, "xn--mnchen-3ya.example");
  EXPECT_EQ(second.sign_by, "both");
  EXPECT_FALSE(second.subdomains);
  EXPECT_EQ(unix_microseconds(*second.from), 1'798'801'200'000'000);
  EXPECT_EQ(loaded.config.place("dkim.0.key"), "postil.toml:8");
  EXPECT_EQ(loaded.config.place("dkim.1"), "postil.toml:10");
}

TEST(ConfigTlsReports, AContactAndAKeyForItsDomain) {
  const auto of = [](const std::string& more) { return problems(relay + "[tls_reports]\n" + more); };
  const std::string contact = "contact = \"tls@Mail.Example.org\"\n";
  const std::string key = "[[dkim]]\ndomain = \"example.org\"\nselector = \"s\"\nkey = \"k\"\n";
  EXPECT_THAT(of(contact + key), IsEmpty());
  EXPECT_THAT(of("organization = \"Ours\"\n"), IsEmpty()) << "nothing is sent";
  EXPECT_THAT(of(contact), ElementsAre("tls_reports_unsigned@6:1"));
  EXPECT_TRUE(parse_text(relay + "[tls_reports]\n" + contact).ok()) << "a warning: HTTPS needs no key";
  EXPECT_THAT(of(contact + key + "subdomains = false\n"), ElementsAre("tls_reports_unsigned@6:1"));
  for (const auto* bad : {"tls", "tls@host", "<tls@example.org>", "t\u00fcr@example.org", "a@b@example.org"}) {
    EXPECT_THAT(of("contact = \"" + std::string(bad) + "\"\n"), ElementsAre("wants.mailbox@6:11")) << bad;
  }
  EXPECT_THAT(of("window = \"13h\"\n"), ElementsAre("wants.duration_between@6:10"));
}

TEST(ConfigDkim, Problems) {
  const auto of = [](const std::string& entry) { return problems(relay + entry); };
  const std::string good = "[[dkim]]\ndomain = \"a.example\"\nselector = \"s\"\nkey = \"k\"\n";
  EXPECT_THAT(of(good), IsEmpty());
  EXPECT_THAT(of("[dkim]\ndomain = \"a.example\"\n"), ElementsAre("dkim_form@5:2"));
  EXPECT_THAT(of("dkim = 5\n"), ElementsAre("dkim_form@5:1"));
  EXPECT_THAT(of("[[dkim]]\nselector = \"s\"\nkey = \"k\"\n"), ElementsAre("dkim_missing@5:1"));
  EXPECT_THAT(of(good + "domian = \"x\"\n"), ElementsAre("unknown_key_near@9:1"));
  EXPECT_THAT(of(good + "until = \"soon\"\n"), ElementsAre("wants.date@9:9"));
  EXPECT_THAT(of(good + "until = \"2027-02-30\"\n"), ElementsAre("wants.date@9:9"));
  EXPECT_THAT(of(good + "until = 2027-01-31T12:00:00\n"), ElementsAre("wants.date@9:9")) << "no zone";
  EXPECT_THAT(of(good + "from = 2027-01-31\nuntil = 2027-01-31\n"), ElementsAre("dkim_order@10:1"));
  EXPECT_THAT(of(good + "sign_by = \"sender\"\n"), ElementsAre("wants.choice@9:11"));
  EXPECT_THAT(of(good + good), ElementsAre("dkim_twice@11:1"));
  EXPECT_THAT(of("[[dkim]]\ndomain = \"nodot\"\nselector = \"a b\"\nkey = \"\"\n"),
              ElementsAre("wants.domain@6:10", "wants.selector@7:12", "wants.text@8:7"));
  EXPECT_THAT(of("[[dkin]]\ndomain = \"a.example\"\n"), Not(IsEmpty()));
}

TEST(ConfigParse, KeysAreThereOnce) {
  std::set<std::string_view> seen;
  for (const auto& key : keys()) {
    EXPECT_TRUE(seen.insert(key.path).second) << key.path;
    EXPECT_EQ(find_key(key.path), &key);
  }
  EXPECT_EQ(find_key("nothing"), nullptr);
}

TEST(ConfigValues, Smarthosts) {
  const auto of = [](std::string_view url) {
    const auto found = parse_smarthost(url);
    return found ? found->host + " " + std::to_string(found->port) + (found->implicit_tls ? " tls" : "") : "none";
  };
  EXPECT_EQ(of("smtp://Relay.Example"), "relay.example 25");
  EXPECT_EQ(of("submission://relay.example/"), "relay.example 587");
  EXPECT_EQ(of("smtps://relay.example"), "relay.example 465 tls");
  EXPECT_EQ(of("smtps://relay.example:4465"), "relay.example 4465 tls");
  EXPECT_EQ(of("smtp://192.0.2.1:2525"), "192.0.2.1 2525");
  EXPECT_EQ(of("smtp://[2001:db8::1]"), "2001:db8::1 25");
  EXPECT_EQ(of("smtp://[2001:db8::1]:2525"), "2001:db8::1 2525");
  for (const char* bad : {"", "relay.example", "http://relay.example", "smtp://", "smtp://:25", "smtp://a:0",
                          "smtp://a:65536", "smtp://a:x", "smtp://a b", "smtp://[::1", "smtp://[::1]x", "smtp://[x]"}) {
    EXPECT_EQ(of(bad), "none") << bad;
  }
}

TEST(ConfigValues, Resolvers) {
  for (const char* good : {"192.0.2.53", "2001:db8::53", "192.0.2.53@5353", "::1@53", "fe80::1%eth0"})
    EXPECT_TRUE(resolver_address(good)) << good;
  for (const char* bad : {"", "not an ip", "dns.example", "192.0.2.53:53", "192.0.2.53@", "192.0.2.53@0",
                          "192.0.2.53@70000", "192.0.2.1%eth0", "fe80::1%", "192.0.2.1/32"})
    EXPECT_FALSE(resolver_address(bad)) << bad;
}

TEST(ConfigValues, Durations) {
  EXPECT_EQ(parse_duration("90s"), seconds(90));
  EXPECT_EQ(parse_duration("1h30m"), minutes(90));
  EXPECT_EQ(parse_duration("5d"), days(5));
  EXPECT_EQ(parse_duration("2w"), days(14));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("0"), Duration(0));
  for (const char* bad : {"", "5", "m", "5x", "-5m", "5.5m", "5m5", "99999999999999999d", "5000000000000d"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  for (const auto duration :
       {Duration(0), Duration(seconds(90)), Duration(minutes(90)), Duration(days(5)), Duration(milliseconds(1500))}) {
    EXPECT_EQ(parse_duration(format_duration(duration)), duration) << format_duration(duration);
  }
}

TEST(ConfigProblems, ListsAreWrittenAsTheReaderDoes) {
  Problem problem;
  problem.text_key = "config.wants.choice";
  problem.args = {{"key", "a"}, {"choices", "red, green"}};
  EXPECT_NE(text_of(problem, i18n::Translator("en")).find("red, green"), std::string::npos);
  const i18n::Translator japanese("ja");
  EXPECT_NE(text_of(problem, japanese).find("red、green"), std::string::npos) << text_of(problem, japanese);
}

TEST(ConfigValues, Sizes) {
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("64K"), 65536u);
  EXPECT_EQ(parse_size("50M"), 50u << 20);
  EXPECT_EQ(parse_size("1G"), 1u << 30);
  EXPECT_EQ(parse_size("2 MB"), 2u << 20);
  for (const char* bad : {"", "K", "5X", "-1", "1K1", "1.5M", "99999999999999999999"})
    EXPECT_FALSE(parse_size(bad)) << bad;
  for (const std::uint64_t octets : {0ull, 1000ull, 4096ull, 50ull << 20, 3ull << 30}) {
    EXPECT_EQ(parse_size(format_size(octets)), octets) << format_size(octets);
  }
}

}  // namespace
}  // namespace postil::config
