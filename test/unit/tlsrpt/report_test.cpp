// Reports as JSON, as a mail, and as they come.
#include "tlsrpt/report.hpp"

#include <gmock/gmock.h>

#include "mime/gzip.hpp"
#include "mime/message.hpp"
#include "tlsrpt/mail.hpp"
#include "tlsrpt/received.hpp"

namespace postil::tlsrpt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

// RFC 8460, appendix B.
constexpr std::string_view example = R"({
  "organization-name": "Company-X",
  "date-range": {
    "start-datetime": "2016-04-01T00:00:00Z",
    "end-datetime": "2016-04-01T23:59:59Z"
  },
  "contact-info": "sts-reporting@company-x.example",
  "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1","mode: testing",
            "mx: *.mail.company-y.example","max_age: 86400"],
      "policy-domain": "company-y.example",
      "mx-host": "*.mail.company-y.example"
    },
    "summary": {
      "total-successful-session-count": 5326,
      "total-failure-session-count": 303
    },
    "failure-details": [{
      "result-type": "certificate-expired",
      "sending-mta-ip": "2001:db8:abcd:0012::1",
      "receiving-mx-hostname": "mx1.mail.company-y.example",
      "failed-session-count": 100
    }, {
      "result-type": "starttls-not-supported",
      "sending-mta-ip": "2001:db8:abcd:0013::1",
      "receiving-mx-hostname": "mx2.mail.company-y.example",
      "receiving-ip": "203.0.113.56",
      "failed-session-count": 200,
      "additional-information": "https://reports.company-x.example/report_info?id=5065427c-23d3#StarttlsNotSupported"
    }, {
      "result-type": "validation-failure",
      "sending-mta-ip": "198.51.100.62",
      "receiving-ip": "203.0.113.58",
      "receiving-mx-hostname": "mx-backup.mail.company-y.example",
      "failed-session-count": 3,
      "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"
    }]
  }]
})";

TEST(TlsReportJson, TheExampleOfTheRfcIsRead) {
  const auto report = parse_report(example);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->organization, "Company-X");
  EXPECT_EQ(report->contact, "sts-reporting@company-x.example");
  EXPECT_EQ(report->begin, "2016-04-01T00:00:00Z");
  ASSERT_EQ(report->policies.size(), 1u);
  const Policy& policy = report->policies[0];
  EXPECT_EQ(policy.type, "sts");
  EXPECT_THAT(policy.mx_patterns, ElementsAre("*.mail.company-y.example"));
  EXPECT_THAT(policy.lines, SizeIs(4));
  EXPECT_EQ(policy.successful, 5326u);
  EXPECT_EQ(policy.failed, 303u);
  ASSERT_THAT(policy.failures, SizeIs(3));
  EXPECT_EQ(policy.failures[1].sessions, 200u);
  EXPECT_EQ(policy.failures[1].receiving_ip, "203.0.113.56");
  EXPECT_THAT(policy.failures[1].information, StartsWith("https://"));
  EXPECT_EQ(policy.failures[2].reason, "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED");
  // What is written is read again as it was.
  EXPECT_EQ(parse_report(to_json(*report)), *report);
}

TEST(TlsReportJson, WhatIsCountedHasTheMembersOfTheRfc) {
  transport::TlsReport counted;
  transport::TlsSession session{.domain = "example.net",
                                .policy_domain = "mx.example.net",
                                .policy = transport::ReportPolicy::tlsa,
                                .policy_lines = {"3 1 1 AA"},
                                .mx_patterns = {},
                                .result = transport::TlsResult::certificate_expired,
                                .sending_ip = "192.0.2.1",
                                .receiving_host = "mx.example.net",
                                .receiving_ip = "203.0.113.1",
                                .reason = "certificate has expired"};
  counted.add(session);
  session.result = transport::TlsResult::success;
  counted.add(session);
  Report report{"Org", "tls@org.example", "id@org.example", begin_text(20'000), end_text(20'000), {}, false};
  report.policies = policies_of("example.net", counted.domains().at("example.net"));
  EXPECT_EQ(
      to_json(report),
      R"({"organization-name":"Org","date-range":{"start-datetime":"2024-10-04T00:00:00Z",)"
      R"("end-datetime":"2024-10-04T23:59:59Z"},"contact-info":"tls@org.example","report-id":"id@org.example",)"
      R"("policies":[{"policy":{"policy-type":"tlsa","policy-string":["3 1 1 AA"],"policy-domain":"mx.example.net"},)"
      R"("summary":{"total-successful-session-count":1,"total-failure-session-count":1},)"
      R"("failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.1",)"
      R"("receiving-mx-hostname":"mx.example.net","receiving-ip":"203.0.113.1","failed-session-count":1,)"
      R"("failure-reason-code":"certificate has expired"}]}]})");
}

TEST(TlsReportJson, OtherWaysToWriteItAreRead) {
  const auto report = parse_report(R"({"date-range":{},"policies":[{"policy":{"policy-type":"STS","mx-host":[1,"a"],
    "policy-string":"x"},"summary":{"total-successful-session-count":"7","total-failure-session-count":2.0},
    "failure-details":[{},5,{"result-type":"New-Kind","failed-session-count":-3}]},"no object"]})");
  ASSERT_TRUE(report.has_value());
  ASSERT_THAT(report->policies, SizeIs(1));
  const Policy& policy = report->policies[0];
  EXPECT_EQ(policy.type, "sts");
  EXPECT_THAT(policy.mx_patterns, ElementsAre("a"));
  EXPECT_THAT(policy.lines, ElementsAre("x"));
  EXPECT_EQ(policy.successful, 7u);
  EXPECT_EQ(policy.failed, 2u);
  ASSERT_THAT(policy.failures, SizeIs(1));
  EXPECT_EQ(policy.failures[0].result, "new-kind");
  EXPECT_EQ(policy.failures[0].sessions, 0u);
  EXPECT_EQ(parse_report("{").error(), Unreadable::not_json);
  for (const auto* text : {"[]", "{}", R"({"policies":[]})", R"({"policies":{},"date-range":{}})"}) {
    EXPECT_EQ(parse_report(text).error(), Unreadable::not_a_report) << text;
  }
}

TEST(TlsReportJson, IsBounded) {
  std::string many = R"({"date-range":{},"policies":[{"failure-details":[)";
  for (int i = 0; i < 11'000; ++i) many += R"({"result-type":"x"},)";
  many.back() = ']';
  many += "}]}";
  const auto report = parse_report(many);
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->policies[0].failures, SizeIs(10'000));
  EXPECT_TRUE(report->truncated);
  EXPECT_FALSE(parse_report(std::string(100'000, '[')).has_value());
}

Letter letter() {
  Letter out;
  out.from = "tls-reports@mail.sndr.example.com";
  out.to = {"reports@example.net", "other@example.org"};
  out.domain = "example.net";
  out.day = 17'014;  // 2016-08-01
  out.report_id = "20160801.001@mail.sndr.example.com";
  out.time = begin_of(17'015) + hours(1);
  out.organization = "Sender & Co";
  out.random = 7;
  out.attachment = mime::gzip(example);
  return out;
}

TEST(TlsReportMail, IsAsTheRfcHasIt) {
  const auto one = letter();
  EXPECT_EQ(file_name(one), "mail.sndr.example.com!example.net!1470009600!1470095999!20160801001.json.gz");
  const auto written = write_mail(one);
  const std::string_view header = std::string_view(written.octets).substr(0, written.header_octets);
  EXPECT_TRUE(header.ends_with("\r\n\r\n"));
  const auto mail = mime::parse(written.octets);
  EXPECT_EQ(mail.field("Subject"),
            "Report Domain: example.net Submitter: mail.sndr.example.com "
            "Report-ID: <20160801.001@mail.sndr.example.com>");
  EXPECT_EQ(mail.field("TLS-Report-Domain"), "example.net");
  EXPECT_EQ(mail.field("TLS-Report-Submitter"), "mail.sndr.example.com");
  EXPECT_EQ(mail.field("TLS-Required"), "No");
  EXPECT_EQ(mail.field("To"), "<reports@example.net>, <other@example.org>");
  EXPECT_THAT(std::string(header), HasSubstr("\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n"));
  ASSERT_THAT(mail.parts, SizeIs(2));
  EXPECT_EQ(mail.parts[0].type, "text/plain");
  EXPECT_THAT(mail.parts[0].text, HasSubstr("2016-08-01"));
  EXPECT_EQ(mail.parts[1].type, "application/tlsrpt+gzip");
}

TEST(TlsReportReceived, AMailOfOursAFileAndJsonAreRead) {
  const auto written = write_mail(letter());
  const auto expected = parse_report(example);
  for (const std::string& octets : {written.octets, mime::gzip(example), std::string(example)}) {
    EXPECT_TRUE(looks_like_report(octets));
    const auto received = read(octets);
    ASSERT_TRUE(received.has_value()) << to_string(received.error());
    EXPECT_EQ(received->report, *expected);
    EXPECT_EQ(received->mail, octets == written.octets);
    EXPECT_FALSE(received->signature_field);
  }
  const auto with_signature = read("DKIM-Signature: v=1; a=x\r\n" + written.octets);
  ASSERT_TRUE(with_signature.has_value());
  EXPECT_TRUE(with_signature->signature_field);
  EXPECT_EQ(with_signature->submitter, "mail.sndr.example.com");
  // As some send it: the attachment alone, without multipart/report.
  auto bare = written.octets;
  bare.replace(bare.find("multipart/report"), 16, "multipart/mixed ");
  EXPECT_TRUE(read(bare).has_value());
}

TEST(TlsReportReceived, WhatIsNoneSaysWhy) {
  EXPECT_EQ(read("\x1f\x8bnothing").error(), NotReceived::damaged);
  const auto packed = mime::gzip(example);
  EXPECT_EQ(read(std::string_view(packed).substr(0, packed.size() / 2)).error(), NotReceived::damaged);
  EXPECT_EQ(read(mime::gzip("no json")).error(), NotReceived::not_json);
  EXPECT_EQ(read(R"({"date-range":1})").error(), NotReceived::not_a_report);
  EXPECT_EQ(read("Subject: x\r\nFrom: a@x.example\r\n\r\ntext\r\n").error(), NotReceived::none);
  EXPECT_EQ(read(mime::gzip(std::string(json_octets_max + 1, ' '))).error(), NotReceived::too_large);
  EXPECT_EQ(read(std::string(received_octets_max + 1, ' ')).error(), NotReceived::too_large);
  EXPECT_FALSE(looks_like_report(R"({"level":"info","msg":"550 5.1.1 no"})"));
  EXPECT_FALSE(looks_like_report("Subject: x\r\nFrom: a@x.example\r\n\r\ntext\r\n"));
  EXPECT_FALSE(looks_like_report("550 5.1.1 no such user at tlsrpt.example"));
}

// A bounce of a report is a bounce: the report within it is the returned message.
TEST(TlsReportReceived, AReportWithinABounceIsNotRead) {
  const auto written = write_mail(letter());
  const std::string bounce =
      "From: mailer@x.example\r\nSubject: failed\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=delivery-status; boundary=bb\r\n\r\n"
      "--bb\r\n\r\nfailed\r\n--bb\r\nContent-Type: message/rfc822\r\n\r\n" +
      written.octets + "\r\n--bb--\r\n";
  EXPECT_EQ(read(bounce).error(), NotReceived::none);
}

TEST(Gzip, MembersOneBehindTheOther) {
  const auto both = mime::gunzip(mime::gzip("one ") + mime::gzip("two"), 7);
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(*both, "one two");
  EXPECT_EQ(mime::gunzip(mime::gzip("one ") + mime::gzip("two"), 6).error(), mime::GunzipError::too_large);
  EXPECT_EQ(mime::gunzip(mime::gzip(""), 0).value(), "");
  EXPECT_EQ(mime::gunzip(mime::gzip("x"), 0).error(), mime::GunzipError::too_large);
  EXPECT_EQ(mime::gunzip("", 9).error(), mime::GunzipError::damaged);
  auto wrong = mime::gzip("some text");
  wrong[wrong.size() - 5] ^= 1;  // of the checksum
  EXPECT_EQ(mime::gunzip(wrong, 100).error(), mime::GunzipError::damaged);
}

}  // namespace
}  // namespace postil::tlsrpt
