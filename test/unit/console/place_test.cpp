#include "console/place.hpp"

#include <gmock/gmock.h>

#include "console/prose.hpp"
#include "console/site.hpp"

namespace postil::console {
namespace {

TEST(Place, AddressesAndPlacesAreTheSame) {
  const Site site({});
  for (const auto& place : site.places()) {
    EXPECT_EQ(parse_path(path_of(place)), place) << path_of(place);
    EXPECT_EQ(parse_path(file_of(place)), place) << file_of(place);
  }
}

TEST(Place, WhatIsNoAddressIsNone) {
  for (const char* path : {"de/smtp/../x", "de/smtp/5 21", "de/nothing", "de/smtp/a/b/c", "xindex.html", "de//",
                           "%64e/", "de/smtp/stage/rcpt/x"}) {
    const auto place = parse_path(path);
    EXPECT_FALSE(place && Site({}).exists(*place)) << path;
  }
}

TEST(Place, ComparisonsHaveOneOrder) {
  const auto item = [](const char* a, const char* b) { return comparison_item(std::vector<std::string>{a, b}); };
  EXPECT_EQ(item("521", "235"), "235-vs-521");
  EXPECT_EQ(item("5.1.10", "5.1.2"), "5.1.2-vs-5.1.10");
  EXPECT_EQ(item("5.1.1", "550"), "550-vs-5.1.1");
  EXPECT_EQ(comparison_item("521-host-does-not-accept-mail-vs-235-authentication-successful"), "235-vs-521");
  EXPECT_EQ(comparison_item("554-vs-550-vs-421"), "421-vs-550-vs-554");
  EXPECT_EQ(comparison_item("550"), "");
  EXPECT_EQ(comparison_item("550-vs-"), "");
  EXPECT_EQ(comparison_item("1-vs-2-vs-3-vs-4"), "");
}

TEST(Links, AreRelative) {
  const Links page("de/smtp/521", false);
  EXPECT_EQ(page.to({View::home, "de", {}}), "../../de/");
  EXPECT_EQ(page.asset("site.css"), "../../assets/site.css");
  const Links files("de/smtp/index.html", true);
  EXPECT_EQ(files.to({View::code, "ru", "556"}), "../../ru/smtp/556.html");
  EXPECT_EQ(files.to({}), "../../index.html");
  EXPECT_EQ(Links("", false).to({}), "./");
}

TEST(Prose, LinksCodesAndMarksCommands) {
  const Links links("en/smtp/521", false);
  EXPECT_EQ(prose("550 answers RCPT.", links, "en").html,
            "<a href=\"../../en/smtp/550\"><code>550</code></a> answers <code>RCPT</code>.");
  EXPECT_EQ(prose("With 5.1.1, or 521.", links, "en", "521").html,
            "With <a href=\"../../en/smtp/status/x.1.1\"><code>5.1.1</code></a>, or <code>521</code>.");
  // Other numbers are left alone.
  EXPECT_EQ(prose("port 587, RFC 5321, 1550, 599, 3.14.15", links, "en").html,
            "port 587, RFC 5321, 1550, 599, 3.14.15");
  EXPECT_EQ(prose("a `-all` b", links, "en").html, "a <code>-all</code> b");
  EXPECT_EQ(prose("5.7.x, 5xx and x.7", links, "en").html,
            "<a href=\"../../en/smtp/status/x.7.x\"><code>5.7.x</code></a>, <a "
            "href=\"../../en/smtp/5xx\"><code>5xx</code></a> and <code>x.7</code>");
  // Where words stand without spaces.
  EXPECT_EQ(prose("\u30b3\u30fc\u30c9550\u306f", links, "ja").html,
            "\u30b3\u30fc\u30c9<a href=\"../../ja/smtp/550\"><code>550</code></a>\u306f");
}

TEST(Prose, EscapesEverything) {
  const Links links("", false);
  EXPECT_EQ(prose("<b>\"&'`<i>`", links, "en").html, "&lt;b&gt;&quot;&amp;&#39;<code>&lt;i&gt;</code>");
  EXPECT_EQ(prose("`open", links, "en").html, "`open");
}

}  // namespace
}  // namespace postil::console
