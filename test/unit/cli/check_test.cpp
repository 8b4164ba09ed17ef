// `postil check` without a network: what is refused, and reports from saved observations.
#include "diagnose/observations_json.hpp"
#include "run_command.hpp"
#include "support/json_schema.hpp"

namespace postil::cli::test {
namespace {

class CheckCommandTest : public CommandTest {
 protected:
  std::string saved(const std::string& domain) {
    diagnose::Observations seen;
    seen.request.subject = {diagnose::SubjectKind::domain, domain, domain, "", ""};
    for (const auto part : {diagnose::Part::mx, diagnose::Part::connect, diagnose::Part::spf}) {
      seen.request.parts.add(part);
    }
    seen.time = WallTime(seconds(1'790'000'000));
    dns::Answer mx;
    mx.status = dns::Status::ok;
    mx.records = {dns::Mx{0, ""}};
    seen.dns.add({domain, dns::Type::mx, mx});
    dns::Answer txt;
    txt.status = dns::Status::no_data;
    seen.dns.add({domain, dns::Type::txt, txt});
    return diagnose::to_json(seen) + "\n";
  }
};

TEST_F(CheckCommandTest, WhatCannotBeUnderstoodIsRefused) {
  EXPECT_EQ(run({"check"}), 64);
  EXPECT_EQ(run({"check", "no such name!"}), 65);
  EXPECT_TRUE(complained("no such name!"));
  EXPECT_EQ(run({"check", "example.org", "--only", "nonsense"}), 64);
  EXPECT_EQ(run({"check", "example.org", "--only", "nonsense", "--json"}), 64);
  EXPECT_EQ(json().at("error").at("id"), "usage");
  EXPECT_EQ(json().at("exit"), 64);
  EXPECT_EQ(run({"check", "example.org", "--only", "login"}), 64);
  EXPECT_EQ(run({"check", "example.org", "--rcpt"}), 64) << "a recipient, but of whom?";
  EXPECT_EQ(run({"check", "-"}, "\n# nothing\n"), 64);
  EXPECT_EQ(run({"check", "-"}, "not a name!\n"), 65);
  EXPECT_TRUE(complained("not a name!"));
  EXPECT_EQ(run({"check", "--replay", folder_ + "/none"}), 66);
  EXPECT_EQ(run({"check", "--message", write("m.eml", "Subject: x\n\nhello\n")}), 65);
}

TEST_F(CheckCommandTest, APasswordIsNoArgument) {
  EXPECT_EQ(run({"check", "example.org", "--login", "ann", "--password", "secret"}), 64);
}

TEST_F(CheckCommandTest, AReportFromWhatWasSaved) {
  const auto file = write("seen", saved("example.org"));
  EXPECT_EQ(run({"check", "--replay", file}), 1);
  for (const auto* text : {"RECEIVING", "MX-NULL", "example.org.  MX  0 .", "SPF-MISSING",
                           "example.org.  TXT  \"v=spf1 -all\"", "2026-09"}) {
    EXPECT_TRUE(said(text)) << text << "\n" << out_;
  }
  EXPECT_EQ(run({"check", "--replay", file, "--lang", "de"}), 1);
  EXPECT_TRUE(said("EMPFANG"));
  EXPECT_EQ(run({"check", "--replay", file, "--only", "mx"}), 0) << "only the parts that are asked for count";
  EXPECT_FALSE(said("SPF-MISSING"));
  EXPECT_EQ(run({"check", "--replay", file, "--only", "fail"}), 1);
  EXPECT_FALSE(said("MX-NULL")) << "only these are shown";
  EXPECT_TRUE(said("SPF-MISSING"));
  EXPECT_EQ(run({"check", "--replay", file, "--json"}), 1);
  EXPECT_EQ(json().at("counts").at("fail"), 1);
  EXPECT_EQ(json().at("ok"), false);
}

TEST_F(CheckCommandTest, SeveralSubjectsAreSeveralReports) {
  const auto file = write("seen", saved("a.example") + saved("b.example"));
  EXPECT_EQ(run({"check", "--replay", file}), 1);
  EXPECT_TRUE(said("a.example\n"));
  EXPECT_TRUE(said("b.example\n"));
}

TEST_F(CheckCommandTest, AMistypedWordHasTheNearestOne) {
  for (const auto& [word, meant] :
       {std::pair{"mx-nul", "MX-NULL"}, {"tsl", "tls"}, {"mta_stss", "mta_sts"}, {"fial", "fail"}}) {
    EXPECT_EQ(run({"check", "example.org", "--only", word}), 64);
    EXPECT_TRUE(complained("Did you mean " + std::string(meant) + "?")) << word << err_;
  }
  EXPECT_EQ(run({"check", "example.org", "--only", "everything"}), 64);
  EXPECT_FALSE(complained("Did you mean"));
}

TEST_F(CheckCommandTest, EachExitCodeHasItsOwnSentence) {
  EXPECT_EQ(run({"check", "--help"}), 0);
  EXPECT_TRUE(said("66  A file cannot be read."));
  EXPECT_TRUE(said("77  The file of --save cannot be written."));
}

TEST_F(CheckCommandTest, FindingsAreExplained) {
  EXPECT_EQ(run({"explain", "mx-null"}), 0);
  EXPECT_TRUE(said("MX-NULL"));
  EXPECT_TRUE(said("RFC 7505"));
  EXPECT_EQ(run({"explain", "SPF-LOOKUPS", "--json", "--lang", "ru"}), 0);
  EXPECT_EQ(json().at("id"), "SPF-LOOKUPS");
  EXPECT_EQ(json().at("language"), "ru");
  EXPECT_EQ(std::string(json().at("text").as_string()).find('{'), std::string::npos);
  postil::test::check_schema(json(), postil::test::alternative(postil::test::schema_of("explain"), "word"), "finding");
}

}  // namespace
}  // namespace postil::cli::test
