// What the server would answer: the dialogues of `postil simulate`, and [[expect]] by `config check`.
#include "app/simulation.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/commands.hpp"
#include "app/expectations.hpp"
#include "cli/cli.hpp"
#include "support/json_schema.hpp"

namespace postil::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string relay = R"(job = "relay"
hostname = "relay.example.org"
[relay]
listen = ["127.0.0.1:2525"]
networks = ["10.0.0.0/8"]
[aliases]
postmaster = "admin@example.net"
)";

const std::string submission = R"(job = "submission"
hostname = "mail.example.org"
[submission]
listen = ["127.0.0.1:5587"]
listen_tls = ["127.0.0.1:5465"]
[tls]
certificate = "/none/cert.pem"
key = "/none/key.pem"
[aliases]
postmaster = "admin@example.net"
)";

config::Config read(const std::string& toml) {
  const config::SourceFile source{"/etc/postil/postil.toml", toml};
  auto loaded = config::parse({&source, 1});
  for (const auto& problem : loaded.problems) {
    if (!problem.warning) ADD_FAILURE() << problem.line << ": " << problem.text_key;
  }
  return std::move(loaded.config);
}

// Knows ann, and carl, who is disabled.
struct TwoAccounts : server::AccountSource {
  Found lookup(const std::string& user) override {
    Found found;
    found.credentials.user = user;
    found.credentials.exists = user == "ann@example.org" || user == "carl@example.org";
    found.credentials.disabled = user == "carl@example.org";
    found.credentials.password_hash = "made up";
    return found;
  }
  bool may_send_as(std::string_view login, std::string_view address) override { return login == address; }
  std::string language(std::string_view) override { return "en"; }
};

// nullmx.example takes no mail, gone.example is not there, others have an MX.
struct Names : env::Resolver {
  env::Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime) override {
    ++asked;
    dns::Answer answer;
    answer.canonical_name = name;
    answer.status = name == "gone.example"     ? dns::Status::no_domain
                    : name == "silent.example" ? dns::Status::timed_out
                                               : dns::Status::ok;
    if (type == dns::Type::mx && name == "nullmx.example") answer.records = {dns::Mx{0, ""}};
    if (type == dns::Type::mx && name == "good.example") answer.records = {dns::Mx{10, "mx.good.example"}};
    co_return answer;
  }
  int asked = 0;
};

class Simulation : public testing::Test {
 protected:
  Simulated run(const std::string& toml, const SimulatedDialogue& dialogue, env::Resolver* resolver = nullptr) {
    auto result = simulate(read(toml), dialogue, resolver, &accounts);
    EXPECT_TRUE(result) << result.error().text_key;
    return result.value_or(Simulated{{}, false, {SimulatedStep{}}, {}, {}});
  }
  static std::vector<std::string> commands(const Simulated& result) {
    std::vector<std::string> out;
    for (const auto& step : result.steps) out.push_back(step.command);
    return out;
  }
  TwoAccounts accounts;
  Names names;
};

TEST_F(Simulation, AStrangerAtTheRelay) {
  SimulatedDialogue dialogue;
  dialogue.rcpt = {"bob@elsewhere.example"};
  const auto result = run(relay, dialogue);
  EXPECT_FALSE(result.accepted());
  ASSERT_EQ(result.steps.size(), 1u) << "turned away before the greeting";
  const auto& step = result.verdict();
  EXPECT_EQ(step.code, 554);
  EXPECT_EQ(step.key, "relay_not_for_you");
  EXPECT_EQ(step.rule, "relay.networks");
  EXPECT_EQ(step.place, "postil.toml:5");
  EXPECT_EQ(step.setting, "[\"10.0.0.0/8\"]");
}

TEST_F(Simulation, AKnownNetworkMayRelay) {
  SimulatedDialogue dialogue;
  dialogue.from_ip = "10.1.2.3";
  dialogue.helo = "printer.example.org";
  dialogue.mail_from = "scan@example.org";
  dialogue.rcpt = {"bob@good.example", "eve@nullmx.example", "carol@good.example"};
  const auto result = run(relay, dialogue, &names);
  EXPECT_THAT(commands(result),
              ElementsAre("", "EHLO printer.example.org", "MAIL FROM:<scan@example.org>", "RCPT TO:<bob@good.example>",
                          "RCPT TO:<eve@nullmx.example>", "RCPT TO:<carol@good.example>"));
  EXPECT_EQ(result.steps[3].code, 250);
  EXPECT_EQ(result.steps[5].code, 250) << "one recipient is no other's affair";
  const auto& verdict = result.verdict();
  EXPECT_EQ(verdict.command, "RCPT TO:<eve@nullmx.example>");
  EXPECT_EQ(verdict.code, 556);
  EXPECT_EQ(verdict.status, "5.1.10");
  EXPECT_EQ(verdict.rule, "deliver.check_recipient_domains");
  EXPECT_EQ(verdict.place, "default");
  EXPECT_EQ(verdict.reply().find('('), std::string::npos) << "no receipt that leads nowhere: " << verdict.reply();
  EXPECT_THAT(result.unasked, IsEmpty());
}

TEST_F(Simulation, WithoutDnsItSaysWhatItDidNotAsk) {
  SimulatedDialogue dialogue;
  dialogue.from_ip = "10.1.2.3";
  dialogue.rcpt = {"eve@nullmx.example", "bob@good.example"};
  const auto result = run(relay, dialogue);
  EXPECT_TRUE(result.accepted());
  EXPECT_THAT(result.unasked, ElementsAre("nullmx.example", "good.example"));
  EXPECT_TRUE(result.steps.back().dns);
  EXPECT_FALSE(result.steps.front().dns);
  EXPECT_EQ(names.asked, 0);
}

TEST_F(Simulation, DnsThatGivesNoAnswerLetsMailPassAndIsTold) {
  SimulatedDialogue dialogue;
  dialogue.from_ip = "10.1.2.3";
  dialogue.rcpt = {"bob@silent.example", "bob@good.example"};
  const auto result = run(relay, dialogue, &names);
  EXPECT_TRUE(result.accepted());
  EXPECT_THAT(result.unanswered, ElementsAre("silent.example"));
  EXPECT_THAT(result.unasked, IsEmpty());
}

TEST_F(Simulation, ALoginIsTakenAtItsWord) {
  SimulatedDialogue dialogue;
  dialogue.auth = "ann@example.org";
  dialogue.mail_from = "ann@example.org";
  dialogue.rcpt = {"bob@good.example"};
  const auto result = run(submission, dialogue, &names);
  EXPECT_TRUE(result.accepted()) << result.verdict().reply();
  EXPECT_TRUE(result.tls);
  EXPECT_EQ(result.listener.at.port, 5587);
  EXPECT_THAT(commands(result),
              ElementsAre("", "EHLO [192.0.2.1]", "STARTTLS", "EHLO [192.0.2.1]", "AUTH PLAIN (ann@example.org)",
                          "MAIL FROM:<ann@example.org>", "RCPT TO:<bob@good.example>"));
  EXPECT_EQ(result.steps[4].code, 235);
}

TEST_F(Simulation, AMechanismListDoesNotStandInTheWay) {
  std::string text = submission;
  text.insert(text.find("listen ="), "mechanisms = [\"SCRAM-SHA-256\"]\n");
  SimulatedDialogue dialogue;
  dialogue.auth = "ann@example.org";
  EXPECT_EQ(run(text, dialogue).verdict().code, 235);
}

TEST_F(Simulation, WhatStandsInTheWayOfALogin) {
  SimulatedDialogue dialogue;
  dialogue.mail_from = "ann@example.org";
  EXPECT_EQ(run(submission, dialogue).verdict().key, "auth_required");
  dialogue.tls = false;
  EXPECT_EQ(run(submission, dialogue).verdict().key, "tls_required");
  dialogue.auth = "ann@example.org";
  EXPECT_EQ(run(submission, dialogue).verdict().code, 538);
  dialogue.tls.reset();
  dialogue.auth = "nobody@example.org";
  EXPECT_EQ(run(submission, dialogue).verdict().key, "auth_credentials");
  dialogue.auth = "carl@example.org";
  EXPECT_EQ(run(submission, dialogue).verdict().key, "auth_account_disabled");
  dialogue.auth = "ann@example.org";
  dialogue.mail_from = "boss@example.org";
  const auto result = run(submission, dialogue);
  EXPECT_EQ(result.verdict().key, "mail_sender_not_yours");
  EXPECT_EQ(result.verdict().rule, "submission.users");
}

TEST_F(Simulation, PortsWithImplicitTls) {
  SimulatedDialogue dialogue;
  dialogue.port = 5465;
  const auto result = run(submission, dialogue);
  EXPECT_TRUE(result.tls);
  EXPECT_THAT(commands(result), ElementsAre("", "EHLO [192.0.2.1]"));
  dialogue.tls = false;
  const auto none = simulate(read(submission), dialogue, nullptr, &accounts);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text_key, "simulate.error.only_tls");
  dialogue.port = 26;
  EXPECT_EQ(simulate(read(submission), dialogue, nullptr, &accounts).error().text_key, "simulate.error.no_port");
  dialogue.port = 0;
  dialogue.job = "relay";
  EXPECT_EQ(simulate(read(submission), dialogue, nullptr, &accounts).error().text_key, "simulate.error.no_job");
}

TEST_F(Simulation, ANullHost) {
  const auto result = run("job = \"null\"\nhostname = \"host7.example.net\"\ncontact = \"c\"\n", {});
  ASSERT_EQ(result.steps.size(), 1u);
  EXPECT_EQ(result.verdict().code, 521);
  EXPECT_EQ(result.verdict().rule, "job");
  EXPECT_EQ(result.verdict().place, "postil.toml:1");
}

TEST_F(Simulation, AddressesWithoutAscii) {
  SimulatedDialogue dialogue;
  dialogue.from_ip = "10.1.2.3";
  dialogue.mail_from = "j\xc3\xbcrgen@good.example";
  dialogue.rcpt = {"bob@good.example"};
  const auto result = run(relay, dialogue, &names);
  EXPECT_TRUE(result.accepted()) << result.verdict().reply();
}

TEST(Expectations, HoldFailAndAreLeftOut) {
  const auto config = read(relay + R"(
[[expect]]
rcpt = "bob@elsewhere.example"
reply = 554

[[expect]]
from_ip = "10.1.2.3"
mail_from = "<>"
rcpt = ["bob@elsewhere.example"]
reply = "250 2.1.5"

[[expect]]
from_ip = "10.1.2.3"
rcpt = "bob@elsewhere.example"
reply = "550 5.7.1"

[[expect]]
rcpt = "bob@elsewhere.example"
reply = "250"

[[expect]]
from_ip = "10.1.2.3"
rcpt = "bob@nullmx.example"
reply = "556 5.1.10"
)");
  const auto run = run_expectations(config);
  EXPECT_EQ(run.held, 2u);
  EXPECT_EQ(run.left_out, 1u);
  ASSERT_EQ(run.problems.size(), 3u);
  EXPECT_EQ(run.problems[0].text_key, "config.expect_taken");
  EXPECT_FALSE(run.problems[0].warning);
  EXPECT_EQ(run.problems[0].line, 22u) << "at the reply that was expected";
  EXPECT_EQ(run.problems[1].text_key, "config.expect_failed_rule_connect");
  EXPECT_EQ(run.problems[2].text_key, "config.expect_dns");
  EXPECT_TRUE(run.problems[2].warning);
  const i18n::Translator english;
  EXPECT_THAT(config::to_string(run.problems[1], english),
              testing::AllOf(StartsWith("/etc/postil/postil.toml:26:"), HasSubstr("relay.networks (postil.toml:5)"),
                             HasSubstr("250 was expected"), HasSubstr("554")));
}

TEST(Expectations, OfTheExamplesHold) {
  for (const char* job : {"relay", "submission"}) {
    const auto run = run_expectations(read(config::example(job)));
    EXPECT_EQ(run.held, 1u) << job;
    EXPECT_THAT(run.problems, IsEmpty()) << job;
  }
}

TEST(Expectations, WhatTheParserSaysOfThem) {
  const auto problems = [](const std::string& entry) {
    const config::SourceFile source{"postil.toml", relay + "[[expect]]\n" + entry};
    std::vector<std::string> keys;
    for (const auto& problem : config::parse({&source, 1}).problems) keys.push_back(problem.text_key);
    return keys;
  };
  EXPECT_THAT(problems("reply = \"250\"\n"), IsEmpty());
  EXPECT_THAT(problems("rcpt = \"a@b.example\"\n"), ElementsAre("config.entry_missing"));
  EXPECT_THAT(problems("reply = \"yes\"\n"), ElementsAre("config.wants.reply"));
  EXPECT_THAT(problems("reply = \"250 5\"\n"), ElementsAre("config.wants.reply"));
  EXPECT_THAT(problems("reply = \"250\"\njob = \"null\"\n"), ElementsAre("config.expect_job"));
  EXPECT_THAT(problems("reply = \"250\"\nfrom_ip = \"relay.example\"\n"), ElementsAre("config.wants.ip"));
  EXPECT_THAT(problems("reply = \"250\"\nhelo = \"a\\r\\nRSET\"\n"), ElementsAre("config.wants.text"));
  EXPECT_THAT(problems("reply = \"250\"\nmail_form = \"a@b.example\"\n"), ElementsAre("config.unknown_key_near"));
}

class SimulateCommand : public testing::Test {
 protected:
  SimulateCommand() {
    char name[] = "/tmp/postil-test-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/postil.toml";
    write(relay);
  }
  ~SimulateCommand() override { std::filesystem::remove_all(folder); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  int run(std::vector<std::string> arguments) {
    std::istringstream in;
    std::ostringstream out, err;
    cli::Process process{.arguments = std::move(arguments), .environment = {}, .in = in, .out = out, .err = err};
    process.more = {add_simulate};
    process.run_expectations = run_expectations;
    const int code = cli::run(process);
    said = out.str();
    complained = err.str();
    return code;
  }
  std::string folder, path, said, complained;
};

TEST_F(SimulateCommand, RefusedWithRuleAndLine) {
  EXPECT_EQ(run({"simulate", "--no-dns", "-c", path, "--rcpt", "bob@elsewhere.example"}), cli::exit_refused);
  EXPECT_THAT(said, HasSubstr("127.0.0.1:2525 (relay), without TLS"));
  EXPECT_THAT(said, HasSubstr("relay.networks"));
  EXPECT_THAT(said, HasSubstr("postil.toml:5"));
  EXPECT_EQ(run({"simulate", "--no-dns", "-c", path, "--from-ip", "192.0.2.9", "--json"}), cli::exit_refused);
  const auto json = boost::json::parse(said).as_object();
  test::expect_documented(json, "simulate", "steps");
  EXPECT_FALSE(json.at("accepted").as_bool());
  EXPECT_EQ(json.at("code").as_int64(), 554);
  EXPECT_EQ(json.at("place").as_string(), "postil.toml:5");
  EXPECT_FALSE(json.at("steps").as_array().at(0).at("explanation").as_string().empty());
}

TEST_F(SimulateCommand, AcceptedWithWhatWasNotAsked) {
  EXPECT_EQ(run({"simulate", "--no-dns", "-c", path, "--from-ip", "10.0.0.9", "--mail-from", "<a@example.org>",
                 "--rcpt", "<bob@elsewhere.example>"}),
            cli::exit_ok);
  EXPECT_THAT(said, HasSubstr("C: RCPT TO:<bob@elsewhere.example>\n"));
  EXPECT_THAT(said, HasSubstr("Accepted: 250 2.1.5"));
  EXPECT_THAT(said, HasSubstr("example.org, elsewhere.example"));
  EXPECT_THAT(said, HasSubstr("before DATA")) << "it says where it ends";
}

TEST_F(SimulateCommand, ASizeThatIsDeclared) {
  write(relay + "[limits]\nmessage_size = \"1M\"\n");
  EXPECT_EQ(run({"simulate", "--no-dns", "-c", path, "--from-ip", "10.0.0.9", "--size", "900000"}), cli::exit_ok)
      << said;
  EXPECT_EQ(run({"simulate", "--no-dns", "-c", path, "--from-ip", "10.0.0.9", "--size", "9000000", "--json"}),
            cli::exit_refused);
  const auto json = boost::json::parse(said).as_object();
  test::expect_documented(json, "simulate", "steps");
  EXPECT_THAT(std::string(json.at("reply").as_string()), StartsWith("552 5.3.4"));
}

TEST_F(SimulateCommand, WhatCannotBeAsked) {
  EXPECT_EQ(run({"simulate", "-c", path, "--from-ip", "here"}), cli::exit_usage);
  EXPECT_EQ(run({"simulate", "-c", path, "--no-dns", "--helo", "a\r\nRSET"}), cli::exit_usage);
  EXPECT_EQ(run({"simulate", "-c", path, "--no-dns", "--job", "null"}), cli::exit_config);
  EXPECT_THAT(complained, HasSubstr("no listener for the job null"));
  write("jobs = 5\n");
  EXPECT_EQ(run({"simulate", "-c", path, "--json"}), cli::exit_config);
  EXPECT_EQ(boost::json::parse(said).at("error").at("id").as_string(), "config");
  test::expect_documented(boost::json::parse(said), "simulate", "error");
}

TEST_F(SimulateCommand, ConfigCheckRunsTheExpectations) {
  write(relay + "[[expect]]\nrcpt = \"bob@elsewhere.example\"\nreply = \"554\"\n");
  EXPECT_EQ(run({"config", "check", path}), cli::exit_ok) << complained;
  EXPECT_EQ(said, "The configuration is good.\n1 [[expect]] holds.\n");
  write(relay + "[[expect]]\nrcpt = \"bob@elsewhere.example\"\nreply = \"250\"\n");
  EXPECT_EQ(run({"config", "check", path}), cli::exit_config);
  EXPECT_THAT(complained, HasSubstr(path + ":10:1  250 was expected"));
  EXPECT_EQ(run({"config", "check", "--json", path}), cli::exit_config);
  EXPECT_EQ(boost::json::parse(said).at("expectations").at("held").to_number<int>(), 0);
  EXPECT_EQ(run({"config", "show", "-c", path}), cli::exit_ok);
  EXPECT_THAT(said, HasSubstr("[[expect]]\nrcpt = [\"bob@elsewhere.example\"]"));
  EXPECT_EQ(said.find("mail_from"), std::string::npos) << "what is not set is not shown";
}

}  // namespace
}  // namespace postil::app
