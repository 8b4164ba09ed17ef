#include <sys/stat.h>
#include <unistd.h>

#include "config/config.hpp"
#include "run_command.hpp"
#include "servers.hpp"
#include "support/json_schema.hpp"

namespace postil::cli {
namespace {

class ConfigCommand : public test::CommandTest {
 protected:
  std::string good() const {
    return write("postil.toml",
                 "job = \"relay\"\nhostname = \"relay.example.org\"\n[relay]\nnetworks = [\"10.0.0.0/8\"]\n"
                 "[aliases]\npostmaster = \"a@example.net\"\n[deliver]\nlifetime = \"3d\"\n");
  }
};

TEST_F(ConfigCommand, AGoodFile) {
  EXPECT_EQ(run({"config", "check", good()}), exit_ok) << err_;
  EXPECT_EQ(out_, "The configuration is good.\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(run({"config", "check", "--json", good()}), exit_ok);
  EXPECT_TRUE(json().at("problems").as_array().empty());
}

TEST_F(ConfigCommand, EveryProblemWithItsPlace) {
  const auto path = write("postil.toml", "job = \"relay\"\nhostnam = \"relay.example.org\"\n[deliver]\nlifetime = 5\n");
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(path + ":2:1  The key \"hostnam\" is not known. Did you mean \"hostname\"?")) << err_;
  EXPECT_TRUE(complained(path + ":4:")) << err_;
  EXPECT_TRUE(complained(path + "  The host name is missing.")) << err_;
  EXPECT_EQ(run({"config", "check", path, "--json"}), exit_config);
  EXPECT_GE(json().at("problems").as_array().size(), 4u);
  EXPECT_EQ(json().at("exit").as_int64(), exit_config);
  EXPECT_EQ(json().at("schema").as_string(), "postil.config/1");
  EXPECT_EQ(json().at("error").at("id").as_string(), "config");
  EXPECT_FALSE(json().at("error").at("message").as_string().empty());
  EXPECT_EQ(run({"config", "show", "--config", path, "--json"}), exit_config);
  EXPECT_EQ(json().at("problems").as_array().back().at("line").as_int64(), 4);
  EXPECT_EQ(json().at("error").at("id").as_string(), "config");
}

// What cannot be read is told all at once, each at the line that names it; where only rights are missing, that is 77.
TEST_F(ConfigCommand, EveryUnreadableFileAtItsLine) {
  const auto text = [&](const std::string& folder) {
    return "job = \"relay\"\nhostname = \"relay.example.org\"\nrelay.networks = [\"10.0.0.0/8\"]\n"
           "aliases.postmaster = \"a@example.net\"\n[tls]\ncertificate = \"" +
           folder + "/c.pem\"\nkey = \"" + folder +
           "/k.pem\"\n[deliver]\nvia = \"smarthost\"\nsmarthost = \"smtp://a.example\"\nusername = "
           "\"u\"\npassword_file = \"" +
           folder + "/password\"\n[log]\nevents = \"" + folder +
           "/none/log\"\n[[dkim]]\ndomain = \"a.example\"\nselector = \"s\"\nkey = \"" + folder +
           "/dkim.pem\"\n[[tls_policy]]\ndomain = \"b.example\"\ntls = \"verified\"\nca = \"" + folder + "/ca.pem\"\n";
  };
  const auto path = write("postil.toml", text(folder_ + "/nowhere"));
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  for (const int line : {6, 7, 12, 14, 18, 22})
    EXPECT_TRUE(complained(path + ":" + std::to_string(line) + ":1  ")) << err_;
  EXPECT_TRUE(complained("6 errors.")) << err_;
  EXPECT_TRUE(complained("Make the file, or write where it is.")) << err_;

  // Also beside an error of another kind, which keeps nothing back.
  const auto misspelt = write("misspelt.toml", text(folder_ + "/nowhere") + "[histroy]\nage = \"7d\"\n");
  EXPECT_EQ(run({"config", "check", misspelt}), exit_config);
  for (const int line : {6, 7, 12, 14, 18, 22})
    EXPECT_TRUE(complained(misspelt + ":" + std::to_string(line) + ":1  ")) << err_;
  EXPECT_TRUE(complained("Did you mean [history]?")) << err_;
  EXPECT_TRUE(complained("7 errors.")) << err_;
  // Of what it does not name nothing is said.
  const auto short_one = write("short.toml", "job = \"submission\"\nhostnam = \"mail.example.org\"\n");
  EXPECT_EQ(run({"config", "check", short_one}), exit_config);
  EXPECT_FALSE(complained("/etc/postil/users")) << err_;

  for (const char* name : {"c.pem", "k.pem", "password", "dkim.pem", "ca.pem"}) {
    ASSERT_EQ(::chmod(write(name, "secret").c_str(), 0), 0);
  }
  std::filesystem::create_directories(folder_ + "/none");
  const auto denied = write("denied.toml", text(folder_));
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod((folder_ + "/none").c_str(), 0777), 0);
  const bool root = ::geteuid() == 0;
  if (root) ASSERT_EQ(::seteuid(65534), 0);
  const int code = run({"config", "check", denied});
  if (root) ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(code, exit_no_permission) << err_;
  for (const int line : {6, 7, 12, 18, 22})
    EXPECT_TRUE(complained(denied + ":" + std::to_string(line) + ":1  ")) << err_;
  EXPECT_TRUE(complained("chmod 640 " + folder_ + "/k.pem")) << err_;
}

TEST_F(ConfigCommand, BehindASmarthostTheDefaultIsShownThatHolds) {
  const auto path = write("postil.toml",
                          "job = \"relay\"\nhostname = \"relay.example.org\"\n[relay]\nnetworks = [\"10.0.0.0/8\"]\n"
                          "[aliases]\npostmaster = \"a@example.net\"\n[deliver]\nvia = \"smarthost\"\n"
                          "smarthost = \"smtp://mail.example\"\ncheck_sender_domain = true\n");
  EXPECT_EQ(run({"config", "show", "--json", "--config", path}), exit_ok) << err_;
  const auto keys = json().at("keys").as_object();
  EXPECT_EQ(keys.at("deliver.check_recipient_domains").at("value").as_string(), "false");
  EXPECT_EQ(keys.at("deliver.check_recipient_domains").at("place").as_string(), "default");
  EXPECT_EQ(keys.at("deliver.check_sender_domain").at("value").as_string(), "true");
}

// The file is no TOML any more; the server that has read it before is found all the same, where the file says.
TEST_F(ConfigCommand, ABrokenFileAndItsServer) {
  const std::string socket = folder_ + "/control";
  const auto path = write("postil.toml", "job = \"relay\nhostname = \"relay.example.org\"\n[control]\nsocket = \"" +
                                             socket + "\"  # ours\n");
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(path + ":1:")) << err_;
  EXPECT_FALSE(complained("running server")) << err_;
  test::ControlServer server(socket, [](const auto&) { return boost::json::object{{"ok", true}}; });
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained("running server")) << err_;
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(ConfigCommand, AMissingFile) {
  EXPECT_EQ(run({"config", "check", folder_ + "/none.toml"}), exit_config);
  EXPECT_TRUE(complained("cannot be read")) << err_;
  EXPECT_EQ(run({"config", "show", "--config", folder_ + "/none.toml", "--json"}), exit_config);
  EXPECT_FALSE(json().at("ok").as_bool());
}

TEST_F(ConfigCommand, ProblemsInConfDNameTheirFile) {
  const auto path = good();
  const auto more = write("conf.d/50-more.toml", "[limits]\nhopps = 3\n");
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(more + ":2:1")) << err_;
}

TEST_F(ConfigCommand, WhatTheFileNamesIsLookedAt) {
  const auto path =
      write("postil.toml", "job = \"submission\"\nhostname = \"mail.example.org\"\n[tls]\ncertificate = \"" + folder_ +
                               "/none.pem\"\nkey = \"" + folder_ + "/none.key\"\n[submission]\nusers = \"" + folder_ +
                               "/users\"\n[aliases]\npostmaster = \"a@example.net\"\n");
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(path + ":4:1  tls.certificate names ")) << err_;
  EXPECT_TRUE(complained(path + ":7:1  The users file")) << err_;
  EXPECT_TRUE(complained("2 errors.")) << err_;  // the missing users file is a warning: the server starts
  write("users", "nonsense\n");
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(folder_ + "/users:1:")) << err_;
  std::filesystem::remove(folder_ + "/users");
  ASSERT_EQ(::mkfifo((folder_ + "/users").c_str(), 0600), 0);  // is not waited for
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(path + ":7:1  " + folder_ + "/users is not a regular file")) << err_;
  ASSERT_EQ(::mkfifo((folder_ + "/none.key").c_str(), 0600), 0);
  EXPECT_EQ(run({"config", "check", path}), exit_config);
  EXPECT_TRUE(complained(path + ":5:1  tls.key names " + folder_ + "/none.key, which cannot be read")) << err_;
}

TEST_F(ConfigCommand, ShowsValuesAndTheirPlaces) {
  EXPECT_EQ(run({"config", "show", "--config", good()}), exit_ok) << err_;
  EXPECT_TRUE(said("lifetime = \"3d\"")) << out_;
  EXPECT_TRUE(said("# postil.toml:8")) << out_;
  EXPECT_TRUE(said("\"postmaster\" = [\"a@example.net\"]")) << out_;
  EXPECT_EQ(run({"config", "show", "--json", "--config", good()}), exit_ok);
  const auto keys = json().at("keys").as_object();
  EXPECT_EQ(keys.at("deliver.lifetime").at("place").as_string(), "postil.toml:8");
  EXPECT_EQ(keys.at("deliver.retry_max").at("place").as_string(), "default");
  EXPECT_EQ(keys.size(), config::keys().size());
}

// What `config show` prints is a configuration again, with the same values.
TEST_F(ConfigCommand, WhatIsShownCanBeReadAgain) {
  ASSERT_EQ(run({"config", "show", "--config", good()}), exit_ok);
  const auto again = write("again.toml", out_);
  const std::string first = out_;
  ASSERT_EQ(run({"config", "check", again}), exit_ok) << err_;
  ASSERT_EQ(run({"config", "show", "--config", again}), exit_ok);
  const auto without_comments = [](const std::string& text) {
    std::string out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out += line.substr(0, line.find("  #")) + "\n";
    return out;
  };
  EXPECT_EQ(without_comments(out_), without_comments(first));
}

TEST_F(ConfigCommand, ExplainsEveryKey) {
  for (const auto& key : config::keys()) {
    for (const std::string language : {"en", "de", "ru"}) {
      EXPECT_EQ(run({"--lang", language, "config", "explain", std::string(key.path), "--config", folder_ + "/none"}),
                exit_ok);
      EXPECT_FALSE(said("config_key.")) << out_;
      EXPECT_FALSE(said("config.kind.")) << out_;
    }
  }
  EXPECT_EQ(run({"config", "explain", "deliver.lifetime", "--config", good()}), exit_ok);
  EXPECT_TRUE(said("\"3d\"") && said("\"5d\"") && said("postil.toml:8")) << out_;
  EXPECT_EQ(run({"config", "explain", "deliver.lifetim"}), exit_usage);
  EXPECT_TRUE(complained("Did you mean \"deliver.lifetime\"?")) << err_;
  EXPECT_EQ(run({"config", "explain", "nothing", "--json"}), exit_usage);
  EXPECT_EQ(json().at("error").at("id").as_string(), "unknown_key");
}

TEST_F(ConfigCommand, JsonIsAsDocumented) {
  const auto wrong = write("wrong.toml", "job = \"relay\"\nthreads = 999\n");
  run({"config", "check", "--json", wrong});
  postil::test::expect_documented(json(), "config", "problems");
  run({"config", "check", "--json", good()});
  postil::test::expect_documented(json(), "config", "problems");
  run({"config", "show", "--json", "--config", wrong});
  postil::test::expect_documented(json(), "config", "problems");
  run({"config", "show", "--json", "--config", good()});
  postil::test::expect_documented(json(), "config", "keys");
  run({"config", "explain", "threads", "--json", "--config", good()});
  postil::test::expect_documented(json(), "config", "key");
  run({"config", "example", "null", "--json"});
  postil::test::expect_documented(json(), "config", "example");
}

TEST_F(ConfigCommand, Examples) {
  for (const std::string job : {"submission", "relay", "null"}) {
    EXPECT_EQ(run({"config", "example", job}), exit_ok);
    EXPECT_EQ(out_, config::example(job));
    EXPECT_FALSE(out_.empty());
  }
  EXPECT_EQ(run({"config", "example", "inbound"}), exit_usage);
}

// docs/configuration.md is made by: postil config show --markdown > docs/configuration.md
TEST_F(ConfigCommand, TheDocumentationIsUpToDate) {
  ASSERT_EQ(run({"config", "show", "--markdown"}), exit_ok);
  std::ifstream file(POSTIL_SOURCE_DIR "/docs/configuration.md");
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(written, out_);
}

}  // namespace
}  // namespace postil::cli
