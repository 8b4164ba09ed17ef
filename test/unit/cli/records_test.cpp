#include "run_command.hpp"
#include "support/json_schema.hpp"

namespace postil::cli {
namespace {

class RecordsCommand : public test::CommandTest {};

TEST_F(RecordsCommand, ByOptionsAlone) {
  EXPECT_EQ(run({"records", "Example.ORG.", "--mx", "mx.example.org", "--ip", "198.51.100.7", "--no-dns"}), exit_ok)
      << err_;
  EXPECT_TRUE(said("\nexample.org. IN MX 10 mx.example.org.\n")) << out_;
  EXPECT_TRUE(said("\nexample.org. IN TXT \"v=spf1 ip4:198.51.100.7 -all\"\n"));
  EXPECT_TRUE(said(";   mx: mx.example.org\n"));
  EXPECT_TRUE(said("no DKIM key for example.org"));
  std::istringstream lines(out_);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.empty() || line.starts_with(";") || line.find(". IN ") != std::string::npos)
        << "no zone file: " << line;
  }
}

TEST_F(RecordsCommand, AParkedDomain) {
  EXPECT_EQ(run({"records", "parked.example", "--null", "--no-dns", "--json"}), exit_ok) << err_;
  const auto out = json();
  postil::test::expect_documented(out, "records", "records");
  EXPECT_TRUE(out.at("parked").as_bool());
  ASSERT_EQ(out.at("records").as_array().size(), 3u);
  EXPECT_EQ(out.at("records").as_array()[0].at("zone").as_string(), "parked.example. IN MX 0 .");
  EXPECT_EQ(out.at("records").as_array()[0].at("state").as_string(), "not_asked");
  EXPECT_TRUE(out.at("notes").as_array().empty());
}

TEST_F(RecordsCommand, FromTheConfiguration) {
  EXPECT_EQ(run({"dkim", "new", "example.org", "--selector", "s1", "--folder", folder_, "--type", "ed25519"}), exit_ok)
      << err_;
  const auto path = write("postil.toml",
                          "job = \"relay\"\nhostname = \"relay.example.org\"\n[relay]\nnetworks = [\"10.0.0.0/8\"]\n"
                          "[aliases]\npostmaster = \"a@example.net\"\n[deliver]\nsource_ipv4 = \"198.51.100.9\"\n"
                          "[[dkim]]\ndomain = \"example.org\"\nselector = \"s1\"\nkey = \"" +
                              folder_ + "/example.org.s1.pem\"\n");
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "-c", path}), exit_ok) << err_;
  EXPECT_TRUE(said("v=spf1 ip4:198.51.100.9 -all")) << out_;
  EXPECT_TRUE(said("\ns1._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; p="));
  EXPECT_TRUE(said("--mx")) << "it says what it does not know";
  EXPECT_EQ(run({"records", "other.example", "--no-dns", "-c", path}), exit_ok);
  EXPECT_FALSE(said("s1._domainkey")) << "another domain's key";
  std::filesystem::remove(folder_ + "/example.org.s1.pem");
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "-c", path, "--json"}), exit_ok);
  EXPECT_EQ(json().at("notes").as_array()[0].at("id").as_string(), "dkim_unread");
  postil::test::expect_documented(json(), "records", "records");
}

TEST_F(RecordsCommand, ANullHostsDomainIsParked) {
  const auto path = write("postil.toml", "job = \"null\"\nhostname = \"host7.example.net\"\ncontact = \"c\"\n");
  EXPECT_EQ(run({"records", "host7.example.net", "--no-dns", "-c", path}), exit_ok) << err_;
  EXPECT_TRUE(said("\nhost7.example.net. IN MX 0 .\n")) << out_;
  EXPECT_TRUE(said("p=reject"));
  EXPECT_FALSE(said("STSv1"));
  EXPECT_EQ(run({"records", "example.net", "--no-dns", "-c", path, "--json"}), exit_ok);
  EXPECT_FALSE(json().at("parked").as_bool()) << "that one of its hosts takes no mail says nothing of a domain";
  EXPECT_EQ(json().at("notes").as_array()[0].at("id").as_string(), "null_host");
}

TEST_F(RecordsCommand, Wrong) {
  EXPECT_EQ(run({"records", "no domain", "--no-dns"}), exit_usage);
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "--ip", "mx.example.org"}), exit_usage);
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "--mx", "mx..org"}), exit_usage);
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "--null", "--mx", "mx.example.org"}), exit_usage);
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "--reports", "a b@example.org"}), exit_usage);
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "--reports", "a\";@example.org"}), exit_usage);
  EXPECT_EQ(run({"records", "example.org", "--no-dns", "-c", folder_ + "/none.toml", "--json"}), exit_config);
  EXPECT_EQ(json().at("error").as_object().at("id").as_string(), "config");
  postil::test::expect_documented(json(), "records", "error");
}

}  // namespace
}  // namespace postil::cli
