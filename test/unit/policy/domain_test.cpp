#include "policy/domain.hpp"

#include <gmock/gmock.h>

namespace postil::policy {
namespace {

using dns::Answer;
using dns::Status;

Answer answer(Status status, std::vector<dns::Data> records = {}) {
  Answer made;
  made.status = status;
  made.records = std::move(records);
  return made;
}

std::optional<DomainFinding> of_mx(Status status, std::vector<dns::Data> records = {}) {
  return judge_mx(dns::classify_mx(answer(status, std::move(records))));
}

TEST(Domain, ItsMxRecords) {
  EXPECT_EQ(of_mx(Status::ok, {dns::Mx{10, "mx.example.net"}}), DomainFinding::good);
  EXPECT_EQ(of_mx(Status::ok, {dns::Mx{0, ""}}), DomainFinding::null_mx);
  EXPECT_EQ(of_mx(Status::no_domain), DomainFinding::not_found);
  EXPECT_EQ(of_mx(Status::no_data), std::nullopt) << "the addresses decide";
  // Not a null MX [rfc7505 3].
  EXPECT_EQ(of_mx(Status::ok, {dns::Mx{10, ""}}), DomainFinding::good);
  EXPECT_EQ(of_mx(Status::ok, {dns::Mx{0, ""}, dns::Mx{10, "mx.example.net"}}), DomainFinding::good);
}

TEST(Domain, TroubleRefusesNothing) {
  for (const auto trouble : {Status::server_failure, Status::bogus, Status::timed_out, Status::malformed}) {
    EXPECT_EQ(of_mx(trouble), DomainFinding::good) << to_string(trouble);
    EXPECT_EQ(judge_addresses(answer(trouble), answer(Status::no_data)), DomainFinding::good) << to_string(trouble);
    EXPECT_EQ(judge_addresses(answer(Status::no_data), answer(trouble)), DomainFinding::good) << to_string(trouble);
  }
}

TEST(Domain, ItsAddresses) {
  const auto none = answer(Status::no_data);
  EXPECT_EQ(judge_addresses(none, none), DomainFinding::no_host);
  EXPECT_EQ(judge_addresses(answer(Status::no_domain), none), DomainFinding::no_host) << "a CNAME that leads nowhere";
  EXPECT_EQ(judge_addresses(answer(Status::ok, {dns::Address{"192.0.2.1"}}), none), DomainFinding::good);
  EXPECT_EQ(judge_addresses(none, answer(Status::ok, {dns::Address{"2001:db8::1"}})), DomainFinding::good);
}

}  // namespace
}  // namespace postil::policy
