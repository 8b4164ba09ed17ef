#include "transport/tls_report.hpp"

#include <gmock/gmock.h>

namespace postil::transport {
namespace {

TlsSession session(std::string domain, TlsResult result, ReportPolicy policy = ReportPolicy::sts) {
  TlsSession out;
  out.domain = std::move(domain);
  out.policy = policy;
  out.policy_lines = {"version: STSv1", "mode: enforce"};
  out.result = result;
  out.receiving_host = "mx.example.net";
  out.receiving_ip = "192.0.2.1";
  return out;
}

TEST(TlsReports, CountSessionsByPolicyAndFailuresByType) {
  TlsReport report;
  report.add(session("example.net", TlsResult::success));
  report.add(session("example.net", TlsResult::success));
  report.add(session("example.net", TlsResult::certificate_expired));
  report.add(session("example.net", TlsResult::certificate_expired));
  report.add(session("example.net", TlsResult::starttls_not_supported));
  report.add(session("example.net", TlsResult::success, ReportPolicy::tlsa));
  const auto domains = report.take();
  const auto& policies = domains.at("example.net");
  ASSERT_EQ(policies.size(), 2u);
  EXPECT_EQ(policies[0].successful, 2u);
  EXPECT_EQ(policies[0].failed, 3u);
  ASSERT_EQ(policies[0].failures.size(), 2u);
  EXPECT_EQ(policies[0].failures[0].sessions, 2u);
  EXPECT_EQ(to_string(policies[0].failures[0].result), "certificate-expired");
  EXPECT_EQ(policies[1].type, ReportPolicy::tlsa);
  EXPECT_TRUE(report.domains().empty());
}

TEST(TlsReports, AreBounded) {
  TlsReport report(2, 3);
  for (int i = 0; i < 5; ++i) report.add(session("d" + std::to_string(i) + ".example", TlsResult::success));
  EXPECT_EQ(report.domains().size(), 2u);
  EXPECT_EQ(report.dropped(), 3u);
  for (int i = 0; i < 10; ++i) {
    auto one = session("d0.example", TlsResult::certificate_expired);
    one.receiving_ip = "192.0.2." + std::to_string(i);
    report.add(one);
  }
  EXPECT_EQ(report.domains().at("d0.example")[0].failures.size(), 3u);
  EXPECT_EQ(report.domains().at("d0.example")[0].failed, 10u);
}

}  // namespace
}  // namespace postil::transport
