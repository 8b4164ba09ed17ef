#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "cli/config_files.hpp"
#include "cli/dkim_keys.hpp"
#include "mailauth/dkim_key.hpp"
#include "run_command.hpp"

namespace postil::cli {
namespace {

class DkimCommand : public test::CommandTest {
 protected:
  boost::json::array made(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"dkim", "new", "Example.org", "--folder", folder_ + "/keys", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments), exit_ok) << out_ << err_;
    return json().at("keys").as_array();
  }
  std::string config(const std::string& entries) const {
    return write("postil.toml",
                 "job = \"relay\"\nhostname = \"relay.example.org\"\n[relay]\nnetworks = [\"10.0.0.0/8\"]\n"
                 "[aliases]\npostmaster = \"a@example.net\"\n" +
                     entries);
  }
};

std::string text(const boost::json::value& key, std::string_view member) {
  return std::string(key.at(member).as_string());
}

TEST_F(DkimCommand, NewKeysServeTheConfigurationAndDns) {
  const auto keys = made({"--type", "both", "--selector", "s1"});
  ASSERT_EQ(keys.size(), 2u);
  std::string entries;
  for (const auto& key : keys) {
    entries += text(key, "config");
    struct stat s{};
    ASSERT_EQ(::stat(text(key, "file").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 07777, 0600u);
    EXPECT_EQ(text(key, "domain"), "example.org");
    EXPECT_TRUE(mailauth::parse_dkim_key(text(key, "record")));
    EXPECT_TRUE(text(key, "zone").starts_with(text(key, "name") + ". IN TXT"));
  }
  const auto path = config(entries);
  EXPECT_EQ(run({"config", "check", path}), exit_ok) << err_;
  const auto loaded = load_dkim_keys(load_config(path).config);
  ASSERT_TRUE(loaded.keys);
  ASSERT_EQ(loaded.keys->all().size(), 2u);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(mailauth::dkim_key_record(loaded.keys->all()[i].key), text(keys[i], "record"));
  EXPECT_EQ(run({"dkim", "show", "--config", path}), exit_ok) << err_;
  EXPECT_TRUE(said("s1._domainkey.example.org. IN TXT") && said("s1-ed25519._domainkey.example.org. IN TXT")) << out_;
  EXPECT_FALSE(said("PRIVATE KEY"));
  EXPECT_EQ(run({"dkim", "show", "other.example", "--config", path}), exit_data);
}

TEST_F(DkimCommand, SelectorsAndExistingKeys) {
  const auto first = made({})[0];
  const auto second = made({})[0];
  EXPECT_EQ(text(second, "selector"), text(first, "selector") + "b");
  std::ifstream file(text(first, "file"));
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(run({"dkim", "new", "example.org", "--folder", folder_ + "/keys", "--selector", text(first, "selector")}),
            exit_data);
  EXPECT_TRUE(complained("already")) << err_;
  EXPECT_EQ(read_file(text(first, "file")), before);
  EXPECT_EQ(run({"dkim", "new", "nodot", "--folder", folder_}), exit_usage);
  EXPECT_EQ(run({"dkim", "new", "example.org", "--selector", "a b", "--folder", folder_}), exit_usage);
  EXPECT_EQ(run({"dkim", "new", "example.org", "--type", "dsa"}), exit_usage);
  EXPECT_EQ(run({"dkim", "new", "example.org", "--folder", "/proc/nowhere", "--json"}), exit_config);
  EXPECT_EQ(json().at("error").at("id").as_string(), "unwritable");
}

TEST_F(DkimCommand, KeysThatCannotSignAreErrorsAtTheirLine) {
  const auto problem = [&](const std::string& pem) {
    const auto key = write("key.pem", pem);
    const auto path = config("[[dkim]]\ndomain = \"example.org\"\nselector = \"s1\"\nkey = \"" + key + "\"\n");
    EXPECT_EQ(run({"config", "check", "--json", path}), exit_config);
    const auto found = json().at("problems").as_array();
    EXPECT_EQ(found.size(), 1u);
    EXPECT_EQ(found.at(0).at("line").as_int64(), 10);
    return text(found.at(0), "id");
  };
  EXPECT_EQ(problem("no key"), "config.dkim_key_form");
  const auto path = config("[[dkim]]\ndomain = \"example.org\"\nselector = \"s1\"\nkey = \"/nowhere\"\n");
  EXPECT_EQ(run({"config", "check", "--json", path}), exit_config);
  EXPECT_EQ(text(json().at("problems").as_array().at(0), "id"), "config.file_of_key_missing");
  // A short one is a warning.
  const auto key = write("short.pem", crypto::PrivateKey::generate(crypto::KeyType::rsa, 1024).to_pem());
  ASSERT_EQ(::chmod(key.c_str(), 0604), 0);
  const auto weak = config("[[dkim]]\ndomain = \"example.org\"\nselector = \"s1\"\nkey = \"" + key + "\"\n");
  EXPECT_EQ(run({"config", "check", "--json", weak}), exit_ok);
  std::vector<std::string> ids;
  const auto found = json().at("problems").as_array();
  for (const auto& one : found) ids.push_back(text(one, "id"));
  EXPECT_THAT(ids, testing::ElementsAre("config.dkim_key_short", "config.dkim_key_open"));
}

}  // namespace
}  // namespace postil::cli
