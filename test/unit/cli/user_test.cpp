#include "cli/user.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "accounts/users.hpp"
#include "cli/cli.hpp"
#include "cli/password_source.hpp"

namespace postil::cli {
namespace {

class UserCommand : public testing::Test {
 protected:
  void SetUp() override {
    std::string form = testing::TempDir() + "postil-users-XXXXXX";
    ASSERT_NE(::mkdtemp(form.data()), nullptr);
    folder_ = form;
    file_ = folder_ + "/users";
    ::unsetenv("POSTIL_PASSWORD");
  }
  void TearDown() override {
    ::unsetenv("POSTIL_PASSWORD");
    std::filesystem::remove_all(folder_);
  }
  int run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), "user");
    arguments.push_back("--file");
    arguments.push_back(file_);
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const int code = cli::run(Process{.arguments = arguments, .environment = {}, .in = in, .out = out, .err = err});
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  int add(const std::string& name) { return run({"add", name, "--password-stdin"}, "correct horse\n"); }
  std::string content() const {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& text) const { std::ofstream(file_) << text; }
  accounts::Users users() const {
    auto users = accounts::Users::parse(content());
    EXPECT_TRUE(users);
    return users ? std::move(*users) : accounts::Users();
  }
  bool password_is(std::string_view name, std::string_view password) const {
    return crypto::verify_password(users().find(name).password_hash, password);
  }
  std::string folder_, file_, out_, err_;
};

TEST_F(UserCommand, AddsTheFirstUserAndMakesTheFile) {
  EXPECT_EQ(run({"add", "anna@example.org", "--password-stdin", "--address", "*@example.org", "--address",
                 "Info@Example.net", "--language", "de", "--mechanism-off", "login"},
                "correct horse\n"),
            exit_ok)
      << err_;
  EXPECT_EQ(out_, "The user anna@example.org was added.\n");
  EXPECT_EQ(err_, "");
  const auto found = users();
  const auto* anna = found.record("anna@example.org");
  ASSERT_NE(anna, nullptr);
  EXPECT_EQ(anna->addresses, (std::vector<std::string>{"*@example.org", "info@example.net"}));
  EXPECT_EQ(anna->language, "de");
  EXPECT_EQ(anna->mechanisms_off, std::vector<std::string>{"LOGIN"});
  EXPECT_TRUE(anna->scram_sha1 && anna->scram_sha256);
  EXPECT_TRUE(password_is("anna@example.org", "correct horse"));
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_EQ(content().find("correct horse"), std::string::npos);
}

TEST_F(UserCommand, KeepsKeyCommentsModeAndOtherUsers) {
  ASSERT_EQ(add("anna"), exit_ok);
  write(content() + "# the office\n");
  ASSERT_EQ(::chmod(file_.c_str(), 0600), 0);
  const std::string before = content();
  ASSERT_EQ(add("bob"), exit_ok);
  EXPECT_TRUE(content().starts_with(before));
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  ASSERT_EQ(run({"remove", "BOB"}), exit_ok);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(UserCommand, PasswordFromEveryPlace) {
  ASSERT_EQ(add("anna"), exit_ok);
  std::ofstream(folder_ + "/secret") << "from a file\r\nsecond line\n";
  EXPECT_EQ(run({"password", "anna", "--password-file", folder_ + "/secret"}), exit_ok) << err_;
  EXPECT_TRUE(password_is("anna", "from a file"));
  ::setenv("POSTIL_PASSWORD", "from the environment", 1);
  EXPECT_EQ(run({"password", "anna", "--scheme", "argon2id"}), exit_ok);
  EXPECT_TRUE(password_is("anna", "from the environment"));
  EXPECT_TRUE(users().record("anna")->password_hash.starts_with("$argon2id$"));
  EXPECT_EQ(run({"password", "anna", "--password-stdin"}, "no line end"), exit_ok);  // an option goes first
  EXPECT_TRUE(password_is("anna", "no line end"));
  EXPECT_EQ(run({"password", "anna", "--generate", "--json"}), exit_ok);
  const auto said = boost::json::parse(out_);
  EXPECT_TRUE(password_is("anna", said.at("password").as_string()));
}

TEST_F(UserCommand, PasswordProblems) {
  ASSERT_EQ(add("anna"), exit_ok);
  const std::string before = content();
  EXPECT_EQ(run({"password", "anna", "--password-stdin", "--generate"}, "x\n"), exit_usage);
  EXPECT_EQ(run({"password", "anna", "--password-stdin"}, ""), exit_usage);
  EXPECT_EQ(run({"password", "anna", "--password-stdin"}, "\n"), exit_data);
  EXPECT_EQ(run({"password", "anna", "--password-stdin"}, "a\tb\n"), exit_data);
  EXPECT_EQ(run({"password", "anna", "--password-stdin"}, std::string(600, 'a') + "\n"), exit_data);
  EXPECT_EQ(run({"password", "anna", "--password-file", folder_ + "/none"}), exit_data);
  EXPECT_EQ(run({"password", "anna", "secret"}), exit_usage);  // never as an argument
  EXPECT_EQ(content(), before);
}

TEST_F(UserCommand, WithoutPassword) {
  EXPECT_EQ(run({"add", "printer", "--no-password", "--address", "*"}), exit_ok);
  EXPECT_EQ(users().record("printer")->password_hash, "");
}

TEST_F(UserCommand, DisableAndEnable) {
  ASSERT_EQ(add("anna"), exit_ok);
  const std::string before = content();
  EXPECT_EQ(run({"disable", "anna"}), exit_ok);
  EXPECT_EQ(out_, "The user anna is switched off.\n");
  EXPECT_TRUE(users().find("anna").disabled);
  EXPECT_EQ(run({"disable", "anna"}), exit_ok);
  EXPECT_EQ(run({"enable", "anna"}), exit_ok);
  EXPECT_EQ(content(), before);
}

TEST_F(UserCommand, SaysWhoIsMissingOrThereAlready) {
  EXPECT_EQ(run({"list"}), exit_config);
  EXPECT_NE(err_.find("postil user add NAME"), std::string::npos);
  ASSERT_EQ(add("anna"), exit_ok);
  EXPECT_EQ(add("Anna"), exit_data);
  EXPECT_NE(err_.find("There is a user Anna already"), std::string::npos);
  for (const char* command : {"remove", "disable", "enable", "password"}) {
    EXPECT_EQ(run({command, "bob"}), exit_data);
    EXPECT_NE(err_.find("There is no user bob"), std::string::npos);
  }
  EXPECT_EQ(run({"remove", "bob", "--json"}), exit_data);
  EXPECT_EQ(boost::json::parse(out_).at("error").at("id"), "missing");
}

TEST_F(UserCommand, RefusesWhatTheFileCannotHold) {
  const auto refused = [&](std::vector<std::string> more, const std::string& name = "anna") {
    std::vector<std::string> arguments = {"add", name, "--password-stdin"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments, "correct horse\n"), exit_usage);
    return err_;
  };
  EXPECT_NE(refused({"--address", "nowhere"}).find("nowhere is no address"), std::string::npos);
  EXPECT_NE(refused({"--language", "d e"}).find("language tag"), std::string::npos);
  EXPECT_NE(refused({"--mechanism-off", "CRAM-MD5"}).find("CRAM-MD5"), std::string::npos);
  for (const char* name : {"a\nb", "", "\u00ad", "a\xff"})
    EXPECT_NE(refused({}, name).find("cannot be a login name"), std::string::npos) << name;
  for (const char* name : {"a b", " ", "a\u00a0b", "a\"b", "a\\b", "\"a b\"@example.org"})
    EXPECT_NE(refused({}, name).find("has a space, a quotation mark or a backslash"), std::string::npos) << name;
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(UserCommand, AFileWithProblemsIsNotTouched) {
  ASSERT_EQ(add("anna"), exit_ok);
  const std::string broken = content() + "bob langauge=de\ncarl disabled=maybe\n";
  write(broken);
  EXPECT_EQ(add("dora"), exit_config);
  EXPECT_NE(err_.find("users:4:5: There is no key langauge."), std::string::npos) << err_;
  EXPECT_EQ(run({"remove", "anna"}), exit_config);
  EXPECT_EQ(run({"disable", "anna"}), exit_config);
  EXPECT_EQ(content(), broken);
  EXPECT_EQ(run({"check"}), exit_finding);
  EXPECT_NE(out_.find("has 2 problems"), std::string::npos);
  EXPECT_EQ(run({"check", "--json"}), exit_finding);
  EXPECT_EQ(boost::json::parse(out_).at("problems").as_array().size(), 2u);
  write("alice secret\n");
  EXPECT_EQ(add("dora"), exit_config);
  EXPECT_EQ(content(), "alice secret\n");
}

TEST_F(UserCommand, ListAndCheck) {
  ASSERT_EQ(add("anna@example.org"), exit_ok);
  ASSERT_EQ(run({"add", "j\u00fcrgen", "--no-password", "--address", "*@example.org"}), exit_ok);
  ASSERT_EQ(run({"disable", "j\u00fcrgen"}), exit_ok);
  EXPECT_EQ(run({"list"}), exit_ok);
  EXPECT_EQ(out_,
            "NAME              MAY SEND AS     LOGS IN WITH            STATE\n"
            "anna@example.org  the login name  a password, also SCRAM  on\n"
            "j\u00fcrgen            *@example.org   a client certificate    off\n");
  EXPECT_EQ(run({"list", "--json"}), exit_ok);
  const auto said = boost::json::parse(out_);
  ASSERT_EQ(said.at("users").as_array().size(), 2u);
  EXPECT_EQ(said.at("users").as_array()[1].at("disabled"), true);
  EXPECT_EQ(out_.find("$y$"), std::string::npos);
  EXPECT_EQ(run({"check"}), exit_ok);
  EXPECT_NE(out_.find("It holds 2 users."), std::string::npos);
}

// A pipe, which nobody may ever write to, is not waited for.
TEST_F(UserCommand, AFileThatIsNoRegularOneIsToldAtOnce) {
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  for (const char* command : {"list", "check"}) {
    EXPECT_EQ(run({command}), exit_config);
    EXPECT_NE(err_.find(file_ + " is not a regular file"), std::string::npos) << err_;
  }
  for (const char* command : {"add", "password", "remove", "disable", "enable"}) {
    EXPECT_EQ(run({command, "anna"}), exit_config);
    EXPECT_NE(err_.find(file_ + " is not a regular file"), std::string::npos) << err_;
  }
  EXPECT_EQ(run({"list", "--json"}), exit_config);
  EXPECT_EQ(boost::json::parse(out_).at("error").at("id"), "file_irregular");
}

TEST_F(UserCommand, TwoAtOnceLoseNothing) {
  ASSERT_EQ(add("anna"), exit_ok);
  const auto add_some = [this](const std::string& prefix) {
    for (int i = 0; i < 10; ++i) {
      std::istringstream in;
      std::ostringstream out;
      const Process process{.arguments = {"user", "add", prefix + std::to_string(i), "--no-password", "--file", file_},
                            .environment = {},
                            .in = in,
                            .out = out,
                            .err = out};
      EXPECT_EQ(cli::run(process), exit_ok) << out.str();
    }
  };
  std::thread one(add_some, "one");
  std::thread two(add_some, "two");
  one.join();
  two.join();
  EXPECT_EQ(users().all().size(), 21u);
}

TEST_F(UserCommand, NowhereToWrite) {
  file_ = folder_ + "/none/users";
  EXPECT_EQ(add("anna"), exit_config);
  EXPECT_NE(err_.find("cannot be written"), std::string::npos);
}

TEST_F(UserCommand, SpeaksGermanAndRussian) {
  EXPECT_EQ(run({"add", "anna", "--no-password", "--lang", "de"}), exit_ok);
  EXPECT_EQ(out_, "Der Benutzer anna wurde angelegt.\n");
  EXPECT_EQ(run({"check", "--lang", "ru"}), exit_ok);
  EXPECT_NE(out_.find("в файле 1 пользователь."), std::string::npos);
}

TEST_F(UserCommand, HelpIsInOneLanguage) {
  EXPECT_EQ(run({"add", "--help", "--lang", "de"}), exit_ok);
  EXPECT_NE(out_.find("Der Anmeldename"), std::string::npos);
  EXPECT_NE(out_.find("POSTIL_PASSWORD"), std::string::npos);
  EXPECT_EQ(out_.find("TEXT"), std::string::npos) << out_;
  EXPECT_EQ(run({"--help", "--lang", "ru"}), exit_ok);
  EXPECT_NE(out_.find("Удаляет пользователя."), std::string::npos);
  EXPECT_EQ(out_.find("Subcommands"), std::string::npos) << out_;
}

TEST(MadePassword, IsLongAndNew) {
  const std::string password = make_password();
  EXPECT_EQ(password.size(), 23u);
  EXPECT_NE(password, make_password());
}

}  // namespace
}  // namespace postil::cli
