#include <gmock/gmock.h>

#include "run_command.hpp"

namespace postil::cli::test {
namespace {

using testing::HasSubstr;

class Catalog : public CommandTest {
 protected:
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(Catalog, WritesASiteWithAllItNeeds) {
  ASSERT_EQ(run({"catalog", "export", "--url", "https://example.org/mail", folder_}), exit_ok) << err_;
  EXPECT_THAT(out_, HasSubstr("files written to " + folder_));
  for (const char* name :
       {"index.html", "404.html", "en/index.html", "de/smtp/521.html", "ru/smtp/compare/235-vs-556.html",
        "assets/site.css", "assets/site.js", "assets/search-de.js", "llms.txt", "robots.txt"}) {
    EXPECT_FALSE(read(name).empty()) << name;
  }
  EXPECT_THAT(read("sitemap.xml"), HasSubstr("<loc>https://example.org/mail/de/smtp/521.html</loc>"));
}

TEST_F(Catalog, WritesJsonForEachLanguage) {
  ASSERT_EQ(run({"catalog", "export", "--format", "json", "--json", folder_}), exit_ok) << err_;
  EXPECT_EQ(json().at("schema"), "postil.catalog/1");
  EXPECT_EQ(json().at("ok"), true);
  for (const std::string language : {"en", "de", "ru"}) {
    const auto all = boost::json::parse(read(language + ".json")).as_object();
    EXPECT_EQ(all.at("schema"), "postil.catalogue/1");
    EXPECT_EQ(std::string(all.at("language").as_string()), language);
  }
}

TEST_F(Catalog, SaysWhatIsWrong) {
  EXPECT_EQ(run({"catalog", "export", "--format", "pdf", folder_}), exit_usage);
  EXPECT_EQ(run({"catalog", "export"}), exit_usage);
  EXPECT_EQ(run({"catalog", "export", "--url", "example.org", "--json", folder_}), exit_usage);
  EXPECT_EQ(json().at("error").at("id"), "url");
  const auto file = write("taken", "");
  EXPECT_EQ(run({"catalog", "export", "--format", "json", file + "/below"}), exit_no_permission);
  EXPECT_TRUE(complained(file + "/below"));
}

}  // namespace
}  // namespace postil::cli::test
