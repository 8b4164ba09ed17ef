// explain on TLS reports: a mail, its attachment, JSON; in words and as JSON.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "mime/gzip.hpp"
#include "run_command.hpp"
#include "tlsrpt/mail.hpp"

namespace postil::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string report = R"({"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z",
"end-datetime":"2016-04-01T23:59:59Z"},"contact-info":"sts@company-x.example","report-id":"5065427c","policies":[
{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: testing"],"policy-domain":"company-y.example",
"mx-host":"*.mail.company-y.example"},"summary":{"total-successful-session-count":5326,"total-failure-session-count":303},
"failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx1.company-y.example",
"sending-mta-ip":"192.0.2.1","receiving-ip":"203.0.113.1","failed-session-count":100},
{"result-type":"sts-policy-invalid","failed-session-count":200,"receiving-mx-hostname":"mta-sts.company-y.example"},
{"result-type":"something-new","failed-session-count":3,"failure-reason-code":"X_1"}]},
{"policy":{"policy-type":"tlsa","policy-domain":"mx2.company-y.example"},
"summary":{"total-successful-session-count":7,"total-failure-session-count":0}}]})";

std::string mail() {
  tlsrpt::Letter letter;
  letter.from = "sts@company-x.example";
  letter.to = {"tls@company-y.example"};
  letter.domain = "company-y.example";
  letter.day = 16'892;
  letter.report_id = "5065427c@company-x.example";
  letter.organization = "Company-X";
  letter.attachment = mime::gzip(report);
  return tlsrpt::write_mail(letter).octets;
}

class ExplainTlsReport : public CommandTest {};

TEST_F(ExplainTlsReport, a_mail_its_attachment_and_json_are_told_alike) {
  for (const auto& [name, octets] :
       {std::pair{"r.eml", mail()}, {"r.json.gz", mime::gzip(report)}, {"r.json", report}}) {
    EXPECT_EQ(run({"explain", write(name, octets)}), exit_ok) << name << err_;
    EXPECT_TRUE(said("TLS report from Company-X")) << out_;
    EXPECT_TRUE(said("2016-04-01 (UTC)")) << out_;
    EXPECT_TRUE(said("company-y.example  MTA-STS policy")) << out_;
    EXPECT_TRUE(said("5326")) << out_;
    EXPECT_TRUE(said("100 x certificate-expired")) << out_;
    EXPECT_TRUE(said("mx1.company-y.example [203.0.113.1]")) << out_;
    EXPECT_TRUE(said("Host's admin")) << out_;
    EXPECT_TRUE(said("Domain's admin")) << out_;
    EXPECT_TRUE(said("which RFC 8460 does not know")) << out_;
    EXPECT_TRUE(said("in mode \"testing\"")) << out_;
    EXPECT_EQ(out_.find("has no DKIM signature") != std::string::npos, std::string_view(name) == "r.eml");
    EXPECT_EQ(run({"explain", "-"}, octets), exit_ok) << name;
    EXPECT_TRUE(said("200 x sts-policy-invalid")) << out_;
  }
  EXPECT_EQ(run({"explain", "-q", write("r.json", report)}), exit_ok);
  EXPECT_TRUE(said("company-y.example  MTA-STS policy  5326/5629")) << out_;
}

TEST_F(ExplainTlsReport, json_is_what_is_documented) {
  EXPECT_EQ(run({"explain", "--json", write("r.eml", mail())}), exit_ok);
  const auto answer = json();
  EXPECT_EQ(answer.at("schema").as_string(), "postil.tls_report/1");
  EXPECT_EQ(answer.at("failed").to_number<int>(), 303);
  EXPECT_EQ(answer.at("submitter").as_string(), "company-x.example");
  std::ifstream file(POSTIL_SOURCE_DIR "/docs/schema/tls_report.json");
  const auto schema = boost::json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto same = [](const boost::json::value& given, const boost::json::value& documented) {
    for (const auto& [name, value] : given.as_object()) {
      EXPECT_TRUE(documented.at("properties").as_object().contains(name)) << name;
    }
    for (const auto& name : documented.at("required").as_array()) {
      EXPECT_TRUE(given.as_object().contains(name.as_string())) << name;
    }
  };
  same(boost::json::value(answer), schema);
  const auto& policy = answer.at("policies").as_array().at(0);
  const auto& of_policy = schema.at("properties").at("policies").at("items");
  same(policy, of_policy);
  const auto& failures = policy.at("failures").as_array();
  ASSERT_EQ(failures.size(), 3u);
  same(failures[0], of_policy.at("properties").at("failures").at("items"));
  EXPECT_EQ(failures[1].at("who").as_string(), "domain");
  EXPECT_FALSE(failures[2].at("known").as_bool());
}

TEST_F(ExplainTlsReport, what_cannot_be_read_says_so) {
  EXPECT_EQ(run({"explain", write("r.json.gz", mime::gzip(report).substr(0, 40))}), exit_data);
  EXPECT_THAT(err_, HasSubstr("cannot be unpacked"));
  EXPECT_EQ(run({"explain", "--json", write("r.gz", mime::gzip("text"))}), exit_data);
  EXPECT_EQ(json().at("error").at("id").as_string(), "not_json");
}

TEST_F(ExplainTlsReport, in_german_and_russian_nothing_is_english) {
  for (const char* language : {"de", "ru"}) {
    EXPECT_EQ(run({"--lang", language, "explain", write("r.eml", mail())}), exit_ok);
    EXPECT_THAT(out_, Not(HasSubstr("sessions"))) << out_;
    EXPECT_THAT(out_, Not(HasSubstr("Renew"))) << out_;
    EXPECT_THAT(out_, Not(HasSubstr("tls_report."))) << out_;
  }
}

}  // namespace
}  // namespace postil::cli::test
