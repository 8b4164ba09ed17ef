#include <sys/stat.h>

#include <regex>

#include "cli/complete.hpp"
#include "cli/demo_folder.hpp"
#include "run_command.hpp"
#include "servers.hpp"

namespace postil::cli {
namespace {

class CommandWords : public test::CommandTest {
 protected:
  std::vector<std::string> complete(std::vector<std::string> words) {
    words.insert(words.begin(), "--complete");
    run(std::move(words));
    std::vector<std::string> out;
    std::istringstream lines(out_);
    for (std::string line; std::getline(lines, line);) out.push_back(line.substr(0, line.find('\t')));
    return out;
  }
};

using Words = std::vector<std::string>;

TEST_F(CommandWords, AWrongOneSaysWhatIsWrongAndHowItIsWritten) {
  struct Case {
    Words arguments;
    std::string what, usage;
  };
  const Case cases[] = {
      {{"qeue"}, "There is no command qeue.\nDid you mean queue?\n", "Usage: postil [--OPTION...] [COMMAND]\n"},
      {{"help", "qeue"}, "There is no command qeue.\nDid you mean queue?\n", "Usage: postil [--OPTION...] [COMMAND]\n"},
      {{"550"}, "There is no command 550.\nDid you mean explain 550?\n", "Usage: postil [--OPTION...] [COMMAND]\n"},
      {{"queue", "lst"},
       "There is no command lst.\nDid you mean list?\n",
       "Usage: postil queue [--OPTION...] [COMMAND]\n"},
      {{"queue", "list", "--cuont", "3"}, "Did you mean --count?\n", "Usage: postil queue list [--OPTION...]\n"},
      {{"queue", "list", "--count", "0"}, " (1 - 10000)\n", "Usage: postil queue list"},
      {{"trace"}, "ID is missing.\n", "Usage: postil trace [--OPTION...] ID\n"},
      {{"config"}, "A command behind config is missing.\n", "Usage: postil config [--OPTION...] COMMAND\n"},
      {{"config", "example", "outbound"},
       "The value of JOB is not one that it takes.\n  JOB: submission, relay or null.\n",
       "Usage: postil config example"},
      {{"send", "--to"}, "The option --to needs a value.\n  --to: A recipient", "Usage: postil send"},
      {{"send", "--to", "a@b.example", "--tls", "yes"}, "  --tls: How TLS is used: starttls", "Usage: postil send"},
      {{"status", "now"}, "The argument now is not known to this command.\n", "More: postil status --help\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(run(c.arguments), exit_usage);
    EXPECT_TRUE(complained(c.what)) << err_;
    EXPECT_TRUE(complained(c.usage)) << err_;
    EXPECT_EQ(out_, "");
    auto with_json = c.arguments;
    with_json.push_back("--json");
    if (c.arguments.back() == "--to") continue;  // it would be the value
    EXPECT_EQ(run(with_json), exit_usage);
    EXPECT_EQ(json().at("error").at("id").as_string(), "usage");
    EXPECT_TRUE(json().at("schema").as_string().starts_with("postil."));
    EXPECT_FALSE(json().at("ok").as_bool());
    EXPECT_EQ(json().at("exit").to_number<int>(), exit_usage);
    EXPECT_EQ(err_, "");
  }
}

// What the command itself finds wrong is told like what CLI11 does.
TEST_F(CommandWords, AWrongValueSaysHowItIsWritten) {
  const std::pair<Words, std::string> cases[] = {
      {{"send", "--to", "notanaddress"}, "such as ann@example.org"},
      {{"send", "--to", "a@b.example", "--server", "h:99999"}, "HOST:PORT"},
      {{"send", "--to", "a@b.example", "--port", "99999999"}, "(1 - 65535)"},
      {{"compare", "999", "abc"}, "such as 521"},
      {{"compare", "550"}, "Two or three codes"},
      {{"explain", "550", "--stage", "nowhere"}, "  --stage: connect, ehlo, starttls"},
      {{"config", "explain", "zzz.qqq"}, "config show --defaults"},
      {{"trace", "xx"}, "7Q3K-9F2M-4T8XB"},
      {{"queue", "hold", "--older", "soon"}, "soon"},
      {{"suppress", "add", "notanaddress"}, "such as ann@example.org"},
      {{"user", "add", "anna", "--language", "d e", "--generate"}, "d e"},
  };
  for (const auto& [arguments, what] : cases) {
    EXPECT_EQ(run(arguments), exit_usage) << what << err_;
    EXPECT_TRUE(complained(what)) << err_;
    EXPECT_TRUE(complained("\nUsage: postil " + arguments[0])) << err_;
    EXPECT_TRUE(complained("--help\n")) << err_;
  }
}

TEST_F(CommandWords, EveryCommandHasExamplesAndExitCodes) {
  EXPECT_EQ(run({"--help"}), exit_ok);
  for (const char* command :
       {"explain", "compare", "send", "queue", "trace", "status", "config", "user", "dkim", "spool", "sendmail"}) {
    for (const auto& arguments : {Words{command, "--help"}, Words{"help", command}}) {
      EXPECT_EQ(run(arguments), exit_ok) << command;
      EXPECT_TRUE(said(std::string("\nExamples:\n"))) << command;
      EXPECT_TRUE(said("\nExit codes:\n  0   ")) << command;
      EXPECT_TRUE(said("  64  The command line is wrong.\n")) << command;
      std::istringstream lines(out_);
      bool examples = false;
      for (std::string line; std::getline(lines, line);) {
        examples = line == "Examples:" || (examples && !line.empty());
        if (!examples) EXPECT_LE(line.size(), 79u) << line;
      }
    }
  }
  EXPECT_EQ(run({"queue", "list", "--help"}), exit_ok);
  EXPECT_TRUE(said("postil queue list --to-domain example.net\n")) << out_;
  EXPECT_FALSE(said("postil queue --by age")) << "an example of another command";
  EXPECT_TRUE(said("  --older TIME"));
  EXPECT_TRUE(said("  --socket PATH"));  // of the command above
  EXPECT_TRUE(said("  --json "));
  EXPECT_FALSE(said("  --by WHAT")) << "an option of the summary alone";
  EXPECT_EQ(run({"spool", "check", "--help"}), exit_ok);
  EXPECT_TRUE(said("  --folder FOLDER"));
}

TEST_F(CommandWords, TheNamesOfSendmailSpeakOfPostil) {
  EXPECT_EQ(run({"--help"}, "", "sendmail"), exit_ok);
  EXPECT_TRUE(said("Usage: postil sendmail")) << out_;
  const auto config = write("postil.toml", "[control]\nsocket = \"" + folder_ + "/control\"\n");
  EXPECT_EQ(run({"-C", config}, "", "mailq"), exit_unavailable);
  EXPECT_TRUE(complained("\"postil serve\"")) << err_;
  EXPECT_EQ(run({"mailq", "-C", config}), exit_unavailable);  // the same, behind the program's own name
  EXPECT_EQ(run({"--lang", "de", "mailq", "-C", config}), exit_unavailable);
  EXPECT_TRUE(complained("antwortet kein Postil-Server")) << err_;
  EXPECT_EQ(run({"mailq", "--help"}), exit_ok);
  EXPECT_TRUE(said("Usage: postil sendmail")) << out_;
}

TEST_F(CommandWords, CompletesCommandsOptionsAndValues) {
  EXPECT_EQ(complete({"qu"}), (Words{"queue"}));
  EXPECT_EQ(complete({"queue", "re"}), (Words{"retry", "release", "return"}));
  EXPECT_EQ(complete({"queue", "list", "--to"}), (Words{"--to-domain"}));
  EXPECT_EQ(complete({"queue", "--by", "a"}), (Words{"age"}));
  EXPECT_EQ(complete({"queue", "--socket", "queue", "lis"}), (Words{"list"})) << "a value is no command";
  EXPECT_EQ(complete({"config", "example", ""}).size(), 3u);
  EXPECT_EQ(complete({"send", "--file", ""}), Words{}) << "the shell knows files";
  EXPECT_EQ(complete({"config", "show", "--ma"}), Words{}) << "it is hidden";
  EXPECT_FALSE(complete({""}).empty());
  EXPECT_EQ(complete({}), Words{});
}

// "postil user password" in a text that tells people what to do.
TEST_F(CommandWords, CommandsThatTextsNameExist) {
  std::vector<std::filesystem::path> files = {POSTIL_SOURCE_DIR "/README.md",
                                              POSTIL_SOURCE_DIR "/packaging/man/postil.1",
                                              POSTIL_SOURCE_DIR "/packaging/man/postil.toml.5"};
  for (const char* folder : {"/data/text/en", "/docs", "/docs/decisions", "/docs/formats"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(POSTIL_SOURCE_DIR) + folder)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  const std::regex named(R"((?:`|\\"|\n|build/|fB)(?:\{program\}|postil) ([a-z]+)(?: ([a-z]+))?)");
  int count = 0;
  for (const auto& file : files) {
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator it(text.begin(), text.end(), named), end; it != end; ++it) {
      const std::string command = (*it)[1], below = (*it)[2];
      if (command == "serve" || command == "demo" || command == "simulate") continue;  // of a higher level
      ++count;
      EXPECT_EQ(run({command, "--help"}), exit_ok) << file << ": " << it->str();
      const bool has_commands = command == "queue" || command == "user" || command == "config" || command == "spool";
      if (has_commands && !below.empty())
        EXPECT_EQ(run({command, below, "--help"}), exit_ok) << file << ": " << it->str();
    }
  }
  EXPECT_GT(count, 50);
}

TEST_F(CommandWords, ATraceNeedsAnId) {
  EXPECT_EQ(run({"trace", "0SA7", "--socket", folder_ + "/none"}), exit_usage);
  EXPECT_TRUE(complained("\"0SA7\" is not an id")) << err_;
  EXPECT_EQ(run({"trace", "BHGD-794S-QEVZJ", "--socket", folder_ + "/none"}), exit_unavailable);
}

TEST_F(CommandWords, FilesAreThoseOfTheConfiguration) {
  const auto users = folder_ + "/my-users";
  const auto config = write("postil.toml", "job = \"submission\"\n[submission]\nusers = \"" + users +
                                               "\"\n[spool]\nfolder = \"" + folder_ + "/my-spool\"\n");
  EXPECT_EQ(run({"user", "add", "anna@example.org", "--no-password", "--config", config}), exit_ok) << err_;
  EXPECT_TRUE(std::filesystem::exists(users));
  EXPECT_EQ(run({"user", "list", "--file", users}), exit_ok);
  EXPECT_TRUE(said("anna@example.org")) << out_;
  EXPECT_EQ(run({"spool", "check", "--config", config}), exit_data);
  EXPECT_TRUE(complained(folder_ + "/my-spool")) << err_;
  EXPECT_EQ(run({"spool", "check", "--folder", config}), exit_data) << "a file";
  EXPECT_TRUE(complained(config)) << err_;
  for (const std::string command : {"user", "spool"}) {
    const auto verb = command == "user" ? "list" : "check";
    EXPECT_EQ(run({command, verb, "--config", folder_ + "/none.toml", "--json"}), exit_config);
    EXPECT_EQ(json().at("error").at("id").as_string(), "config_unreadable");
    EXPECT_EQ(json().at("schema").as_string(), "postil." + command + "/1");
  }
}

TEST_F(CommandWords, ADemosFolderIsItsUsersAlone) {
  EXPECT_EQ(trust_of(folder_ + "/none"), FolderTrust::absent);
  EXPECT_EQ(trust_of(folder_), FolderTrust::mine);
  const auto link = folder_ + "/link";
  std::filesystem::create_directory_symlink(folder_, link);
  EXPECT_EQ(trust_of(link), FolderTrust::link);
  EXPECT_EQ(trust_of(write("file", "")), FolderTrust::link);
  const auto open = folder_ + "/open";
  ASSERT_EQ(::mkdir(open.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(open.c_str(), 0777), 0);
  EXPECT_EQ(trust_of(open), FolderTrust::foreign);
  ::setenv("POSTIL_DEMO_FOLDER", link.c_str(), 1);
  EXPECT_EQ(run({"status", "--demo", "--json"}), exit_no_permission);
  EXPECT_EQ(json().at("error").at("id").as_string(), "demo_foreign");
  ::unsetenv("POSTIL_DEMO_FOLDER");
}

}  // namespace
}  // namespace postil::cli
