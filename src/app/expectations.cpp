#include "app/expectations.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/simulation.hpp"
#include "cli/config_files.hpp"
#include "reply/catalogue.hpp"

namespace postil::app {
namespace {

using config::ExpectedReply;
using reply::TextId;

// What the answers of DNS can lead to (server/domain_check.hpp).
constexpr TextId by_dns[] = {TextId::mail_sender_null_mx, TextId::mail_sender_domain_unknown, TextId::rcpt_null_mx,
                             TextId::rcpt_domain_unknown, TextId::rcpt_domain_no_host};

bool is(const ExpectedReply& expected, int code, const std::string& status) {
  return expected.code == code && (expected.status.empty() || expected.status == status);
}

bool dns_may_say(const ExpectedReply& expected) {
  return std::ranges::any_of(by_dns, [&](TextId text) {
    const auto& entry = reply::entry(text);
    return is(expected, entry.code, reply::to_string(entry.enhanced));
  });
}

SimulatedDialogue dialogue_of(const config::Expect& entry) {
  SimulatedDialogue out;
  out.job = entry.job;
  out.port = entry.port;
  out.tls = entry.tls;
  out.from_ip = entry.from_ip;
  out.helo = entry.helo;
  out.auth = entry.auth;
  out.mail_from = entry.mail_from;
  out.rcpt = entry.rcpt;
  return out;
}

}  // namespace

cli::ExpectationsRun run_expectations(const config::Config& config) {
  cli::ExpectationsRun out;
  for (std::size_t i = 0; i < config.expectations.size(); ++i) {
    const auto& entry = config.expectations[i];
    const std::string at = fmt::format("expect.{}", i);
    const auto expected = config::parse_expected_reply(entry.reply);
    if (!expected) continue;  // the parser has told it
    const auto problem = [&](std::string key, std::string text, i18n::Args args, bool warning) {
      out.problems.push_back(cli::problem_at(config, key, std::move(text), std::move(args), warning));
    };
    const auto simulated = simulate(config, dialogue_of(entry), nullptr);
    if (!simulated) {
      problem(at, simulated.error().text_key, simulated.error().args, false);
      continue;
    }
    const auto& verdict = simulated->verdict();
    if (is(*expected, verdict.code, verdict.status)) {
      ++out.held;
      continue;
    }
    const bool unasked = std::ranges::any_of(simulated->steps, &SimulatedStep::dns);
    if (unasked && dns_may_say(*expected)) {
      ++out.left_out;
      problem(at + ".reply", "config.expect_dns",
              {{"expected", entry.reply}, {"names", fmt::to_string(fmt::join(simulated->unasked, ", "))}}, true);
      continue;
    }
    i18n::Args args{{"expected", entry.reply},
                    {"command", verdict.command.empty() ? "-" : verdict.command},
                    {"reply", verdict.reply()},
                    {"rule", verdict.rule},
                    {"place", verdict.place}};
    const bool greeting = verdict.command.empty();
    if (!verdict.refused() && !greeting) {
      problem(at + ".reply", "config.expect_taken", std::move(args), false);
      continue;
    }
    const std::string_view by_protocol = greeting ? "config.expect_failed_connect" : "config.expect_failed";
    const std::string_view by_rule = greeting ? "config.expect_failed_rule_connect" : "config.expect_failed_rule";
    problem(at + ".reply", std::string(verdict.rule.empty() ? by_protocol : by_rule), std::move(args), false);
  }
  return out;
}

}  // namespace postil::app
