// The whole static site, page by page: what one can find out without a browser.
#include "console/site.hpp"

#include <gmock/gmock.h>

#include <re2/re2.h>

#include <set>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "console/web.hpp"
#include "knowledge/codes.hpp"
#include "knowledge/guides.hpp"
#include "knowledge/pairs.hpp"
#include "markup.hpp"

namespace postil::console {
namespace {

using test::Document;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const Site& files() {
  static const Site site({.url = "https://example.org/mail", .files = true});
  return site;
}

// "de/smtp/521.html" and "../../assets/site.css" give "assets/site.css".
std::string resolved(const std::string& from, std::string link) {
  link = link.substr(0, link.find('#'));
  if (link.empty()) return from;
  std::vector<std::string> parts;
  for (auto part : split(from.substr(0, from.rfind('/') == std::string::npos ? 0 : from.rfind('/')), '/')) {
    if (!part.empty()) parts.emplace_back(part);
  }
  const bool folder = link.ends_with('/');
  for (auto part : split(link, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) return "above the root: " + link;
      parts.pop_back();
    } else {
      parts.emplace_back(part);
    }
  }
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : "/") + part;
  return folder ? out + "/index.html" : out;
}

struct Crawl {
  struct Item {
    Place place;
    Document document;
    bool indexed;
  };
  std::map<std::string, Item> pages;  // by file

  Crawl() {
    for (const auto& place : files().places()) {
      auto page = files().page(place);
      EXPECT_TRUE(page) << path_of(place);
      if (page) pages.emplace(file_of(place), Item{place, test::read(page->html), page->indexed});
    }
  }
};

const Crawl& crawl() {
  static const Crawl all;
  return all;
}

TEST(Site, OffersTheLanguagesThatGateARelease) {
  EXPECT_THAT(files().languages(), testing::IsSupersetOf({"en", "de", "ru"}));
}

TEST(Site, HasAPageForEachCodeStatusPairStageAndGuide) {
  const auto& pages = crawl().pages;
  for (const std::string language : {"en", "de", "ru"}) {
    for (const auto& code : knowledge::basic_codes()) {
      const auto number = std::to_string(code.code);
      EXPECT_TRUE(pages.contains(language + "/smtp/" + number + ".html"));
      for (const auto stage : code.stages) {
        EXPECT_TRUE(pages.contains(language + "/smtp/stage/" + std::string(knowledge::to_string(stage)) + ".html"));
      }
    }
    for (const auto& status : knowledge::statuses()) {
      EXPECT_TRUE(pages.contains(language + "/smtp/status/" + status.key().substr(7) + ".html")) << status.key();
    }
    for (const auto& pair : knowledge::reviewed_pairs()) {
      const auto item = comparison_item(std::vector<std::string>{pair.a, pair.b});
      ASSERT_TRUE(pages.contains(language + "/smtp/compare/" + item + ".html")) << item;
      EXPECT_TRUE(pages.at(language + "/smtp/compare/" + item + ".html").indexed);
    }
    if (files().offers(language, "guide")) {
      for (const auto& guide : knowledge::guides()) {
        EXPECT_TRUE(pages.contains(language + "/guides/" + guide_item(guide.name) + ".html")) << guide.name;
      }
    }
  }
}

TEST(Site, MarkupIsWellFormedAndEscaped) {
  for (const auto& [file, item] : crawl().pages) EXPECT_THAT(item.document.problems, IsEmpty()) << file;
}

TEST(Site, EachPageHasOneTitleOneHeadingAndItsLanguage) {
  std::map<std::string, std::string> titles;
  for (const auto& [file, item] : crawl().pages) {
    const auto& document = item.document;
    ASSERT_EQ(document.all("title").size(), 1u) << file;
    ASSERT_EQ(document.all("h1").size(), 1u) << file;
    EXPECT_EQ(document.all("main").size(), 1u) << file;
    const auto* html = document.first("html");
    const auto language = item.place.view == View::entry ? "en" : item.place.language;
    EXPECT_EQ(html->attributes.at("lang"), language) << file;
    EXPECT_EQ(html->attributes.at("dir"), language == "ar" ? "rtl" : "ltr") << file;
    if (item.place.view == View::card) continue;
    const auto [at, fresh] = titles.emplace(language + document.first("title")->text, file);
    EXPECT_TRUE(fresh) << file << " has the title of " << at->second << ": " << document.first("title")->text;
  }
}

TEST(Site, HeadingsDoNotSkipALevelAndDiffer) {
  for (const auto& [file, item] : crawl().pages) {
    int level = 0;
    std::set<std::string> ids;
    std::set<std::string> headings;
    for (const auto& element : item.document.elements) {
      if (element.name.size() == 2 && element.name[0] == 'h' && is_digit(element.name[1])) {
        EXPECT_LE(element.name[1] - '0', level + 1) << file << ": " << element.text;
        level = element.name[1] - '0';
        EXPECT_TRUE(headings.insert(element.text).second) << file << ": two headings " << element.text;
      }
      if (const auto id = element.attributes.find("id"); id != element.attributes.end()) {
        EXPECT_TRUE(ids.insert(id->second).second) << file << ": id " << id->second << " twice";
      }
    }
    for (const auto& element : item.document.elements) {
      for (const std::string_view name : {"aria-labelledby", "aria-describedby", "for"}) {
        const auto at = element.attributes.find(name);
        EXPECT_TRUE(at == element.attributes.end() || ids.contains(at->second)) << file << ": " << at->second;
      }
    }
  }
}

TEST(Site, EveryLinkLeadsToAPageOrAFileAndEveryFragmentToAnElement) {
  std::set<std::string> known = {"llms.txt", "assets/site.css", "assets/site.js", "assets/icon.svg"};
  std::map<std::string, std::set<std::string>> ids;
  for (const auto& [file, item] : crawl().pages) {
    known.insert(file);
    for (const auto& element : item.document.elements) {
      if (const auto id = element.attributes.find("id"); id != element.attributes.end()) ids[file].insert(id->second);
    }
  }
  std::size_t links = 0;
  for (const auto& [file, item] : crawl().pages) {
    for (const auto& element : item.document.elements) {
      for (const std::string_view name : {"href", "src", "action"}) {
        const auto at = element.attributes.find(name);
        if (at == element.attributes.end()) continue;
        std::string to = at->second;
        const auto rel = element.attributes.find("rel");
        // Links that a reader follows; nothing is loaded from there. Some providers' pages have no TLS.
        if (element.name == "a" && rel != element.attributes.end() && rel->second == "noreferrer") {
          EXPECT_THAT(to, testing::AnyOf(StartsWith("https://"), StartsWith("http://"))) << file;
          continue;
        }
        if (to.starts_with("https://example.org/mail/")) {
          to = to.substr(25);
          if (to.empty()) to = "index.html";
        } else {
          to = resolved(file, to);
        }
        ++links;
        EXPECT_TRUE(known.contains(to)) << file << " links to " << at->second;
        const auto fragment = at->second.find('#');
        if (fragment != std::string::npos) {
          EXPECT_TRUE(ids[to].contains(at->second.substr(fragment + 1))) << file << " links to " << at->second;
        }
      }
    }
  }
  EXPECT_GT(links, 10000u);
}

TEST(Site, CanonicalIsThePageItselfAndLanguagesNameEachOther) {
  std::map<std::string, std::map<std::string, std::string>> alternates;  // file -> tag -> address
  for (const auto& [file, item] : crawl().pages) {
    if (item.place.view == View::card) continue;
    std::string canonical;
    for (const auto* link : item.document.all("link")) {
      const auto& rel = link->attributes.at("rel");
      if (rel == "canonical") canonical = link->attributes.at("href");
      if (rel == "alternate") alternates[file][link->attributes.at("hreflang")] = link->attributes.at("href");
    }
    if (!item.indexed) {
      EXPECT_THAT(canonical, IsEmpty()) << file;
      EXPECT_THAT(alternates[file], IsEmpty()) << file;
      continue;
    }
    EXPECT_EQ(canonical, item.place.view == View::entry ? "https://example.org/mail/index.html"
                                                        : "https://example.org/mail/" + file);
    const bool asks = item.place.view == View::entry || item.place.view == View::home;
    const auto english = "https://example.org/mail/en" + file.substr(std::min(file.find('/'), file.size()));
    EXPECT_EQ(alternates[file]["x-default"], asks ? "https://example.org/mail/index.html" : english) << file;
    if (item.place.view != View::entry) EXPECT_EQ(alternates[file][item.place.language], canonical);
  }
  for (const auto& [file, tags] : alternates) {
    for (const auto& [tag, address] : tags) {
      const auto other = address.substr(25);
      ASSERT_TRUE(alternates.contains(other)) << file << " names " << other;
      EXPECT_EQ(alternates.at(other), tags) << file << " and " << other;
    }
  }
}

TEST(Site, OnlyComparisonsThatNobodyReviewedAreNotIndexed) {
  for (const auto& [file, item] : crawl().pages) {
    if (item.place.view == View::card) continue;
    bool robots = false;
    for (const auto* meta : item.document.all("meta")) {
      const auto name = meta->attributes.find("name");
      robots = robots || (name != meta->attributes.end() && name->second == "robots");
    }
    EXPECT_EQ(robots, !item.indexed) << file;
    if (item.place.view != View::comparison) {
      EXPECT_TRUE(item.indexed) << file;
      continue;
    }
    const auto codes = codes_of_comparison(item.place.item);
    EXPECT_EQ(item.indexed, knowledge::find_pair(codes[0], codes[1]) != nullptr) << file;
  }
}

// Without the proper names of providers ("GMX, WEB.DE and ...").
std::string prose_of(const Crawl::Item& item) {
  auto text = item.document.text;
  if (item.place.view != View::provider) return text;
  const auto& name = provider_of(item.place.item)->name;
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name)) text.erase(at, name.size());
  return text;
}

TEST(Site, NoKeyAndNoPlaceholderIsLeft) {
  const RE2 key(
      "\\b(web|code|status|class|explain|compare|reason|reply|guide|glossary|fact|collision)\\.[a-z0-9_]+(\\.[a-z0-9_]+"
      ")*\\b");
  for (const auto& [file, item] : crawl().pages) {
    std::string found;
    EXPECT_FALSE(RE2::PartialMatch(prose_of(item), key, &found)) << file << ": " << found;
    EXPECT_THAT(item.document.text, Not(HasSubstr("{"))) << file;
  }
}

// What is no literal is in the page's language: an English function word in a German or Russian page is a text that
// somebody forgot.
TEST(Site, PagesInOtherLanguagesHaveNoEnglishSentence) {
  const RE2 english("\\b([Tt]he|and|[Ww]ith|[Ww]hich|from|[Yy]our|[Tt]hat|[Tt]his|have|not|means|must)\\b");
  for (const auto& [file, item] : crawl().pages) {
    if (item.place.language != "de" && item.place.language != "ru") continue;
    std::string word;
    EXPECT_FALSE(RE2::PartialMatch(prose_of(item), english, &word)) << file << ": " << word;
  }
}

TEST(Site, TheSeedsComparisonsSayWhatTellsTheCodesApart) {
  for (const std::string item : {"235-vs-521", "235-vs-556"}) {
    for (const std::string language : {"en", "de", "ru"}) {
      const auto& page = crawl().pages.at(language + "/smtp/compare/" + item + ".html");
      EXPECT_EQ(page.document.all("table").size(), 1u);
      EXPECT_TRUE(page.indexed);
    }
  }
}

TEST(Site, WhatToDoStandsBeforeTheFactsAlsoOnAPhone) {
  const auto page = files().page({View::code, "de", "521"})->html;
  const auto fix = page.find("id=\"fix\"");
  const auto facts = page.find("class=\"margin\"");
  const auto when = page.find("id=\"when\"");
  ASSERT_NE(when, std::string::npos);
  EXPECT_LT(fix, facts);
  EXPECT_LT(facts, when);
}

TEST(Site, AComparisonSaysWhenOneMeetsEach) {
  const auto page = test::read(files().page({View::comparison, "en", "235-vs-521"})->html);
  const auto rows = page.all("tr");
  const auto& tr = files().translator("en");
  const auto label = tr.text("web.code.when");
  const auto row = std::ranges::find_if(rows, [&](const auto* each) { return each->text.starts_with(label); });
  ASSERT_NE(row, rows.end());
  EXPECT_THAT((*row)->text, HasSubstr(tr.text("code.235.when")));
  EXPECT_THAT((*row)->text, HasSubstr(tr.text("code.521.when")));
}

TEST(Site, ADialogueHasNoColumns) {
  const auto page = files().page({View::comparison, "de", "235-vs-521"})->html;
  EXPECT_THAT(page, HasSubstr("1  C: AUTH PLAIN ...\n1  S: 235 2.7.0 logged in\n"));
  EXPECT_THAT(page, HasSubstr("2  (host7.example.net, port 25)\n2  S: 521 host7"));
  for (const auto& [file, item] : crawl().pages) {
    if (item.place.view != View::comparison) continue;
    for (const auto* dialogue : item.document.all("pre")) {
      for (const auto line : split(dialogue->text, '\n')) {
        EXPECT_FALSE(line.find("C: ") != line.npos && line.find("  S: ") != line.npos) << file << ": " << line;
      }
    }
  }
}

TEST(Site, StaticPagesForbidEverythingFromElsewhere) {
  for (const auto& [file, item] : crawl().pages) {
    bool policy = false;
    for (const auto* meta : item.document.all("meta")) {
      const auto at = meta->attributes.find("http-equiv");
      policy = policy || (at != meta->attributes.end() && at->second == "Content-Security-Policy");
    }
    EXPECT_TRUE(policy) << file;
    for (const auto& element : item.document.elements) {
      EXPECT_FALSE(element.attributes.contains("style")) << file;
      for (const auto& [name, value] : element.attributes) EXPECT_FALSE(name.starts_with("on")) << file << ": " << name;
      EXPECT_TRUE(element.name != "script" || element.text.empty()) << file;
    }
  }
}

TEST(Site, WhatIsPastedComesBackEscaped) {
  const Site site({});
  const auto page = site.explained("en", "550 5.1.1 <script>alert(1)</script> \"quoted\" & 'single' {{X}} `code`");
  EXPECT_THAT(page.html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page.html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_FALSE(page.indexed);
  const auto document = test::read(page.html);
  EXPECT_THAT(document.problems, IsEmpty());
  ASSERT_NE(document.first("q"), nullptr);
  EXPECT_THAT(document.first("q")->text, HasSubstr("{{X}} `code`"));
}

TEST(Site, APastedPasswordStandsNowhere) {
  const Site site({});
  for (const std::string secret : {"AGFubmEAc2VjcmV0LXBhc3N3b3Jk", "secret-password"}) {
    const auto page =
        site.explained("en", "C: AUTH PLAIN " + secret + "\nS: 535 5.7.8 user name or password is wrong\n");
    EXPECT_THAT(page.html, Not(HasSubstr(secret)));
    EXPECT_THAT(page.html, HasSubstr("535"));
  }
}

TEST(Site, ABounceIsExplainedForEachRecipient) {
  const Site site({});
  const std::string bounce =
      "From: MAILER-DAEMON@mx.example.net\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
      "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
      "Final-Recipient: rfc822; ann<i>@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
      "Diagnostic-Code: smtp; 550 5.1.1 no such user <b>here</b>\r\n\r\n"
      "Final-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.2.2\r\n"
      "Diagnostic-Code: smtp; 552 5.2.2 mailbox full\r\n\r\n--b--\r\n";
  const auto document = test::read(site.explained("de", bounce).html);
  EXPECT_THAT(document.problems, IsEmpty());
  std::vector<std::string> recipients;
  for (const auto* heading : document.all("h2")) recipients.push_back(heading->text);
  EXPECT_THAT(recipients, testing::IsSupersetOf({"bob@example.org"}));
  EXPECT_EQ(document.all("q").size(), 2u);
  EXPECT_EQ(document.all("b").size(), 0u);
  EXPECT_EQ(document.all("h1").size(), 1u);
}

TEST(Site, ALogLineIsExplained) {
  const Site site({});
  const auto page = site.explained(
      "en",
      "Nov 22 09:12:13 mx postfix/smtp[123]: 4B2C31A2F3: to=<ann@example.org>, relay=mx.example.org[192.0.2.1]:25, "
      "delay=1, "
      "delays=0/0/1/0, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 <ann@example.org>: "
      "Recipient address rejected: User unknown (in reply to RCPT TO command))");
  EXPECT_THAT(page.html, HasSubstr("<h2 dir=\"auto\" translate=\"no\">ann@example.org</h2>"));
  EXPECT_THAT(test::read(page.html).problems, IsEmpty());
}

TEST(Site, HostileInputNeverBreaksThePage) {
  const Site site({});
  std::string octets;
  for (int i = 0; i < 256; ++i) octets += static_cast<char>(i);
  for (const std::string& input :
       {octets, "550 " + octets, std::string(100'000, '5'), std::string("550-x\n550 \xff\xfe</q></main>"),
        std::string("\0\0", 2), std::string("5.1.1\"><img src=x>"), std::string("550 ") + std::string(60'000, '<')}) {
    const auto document = test::read(site.explained("de", input).html);
    EXPECT_THAT(document.problems, IsEmpty()) << printable(input, 40);
    EXPECT_EQ(document.all("img").size(), 0u);
  }
}

TEST(Site, SearchIndexNamesPagesThatAreThere) {
  for (const auto& language : files().languages()) {
    const auto script = search_index(files(), language);
    const RE2 address("\"([a-zA-Z-]{2,7}/[^\"]*\\.html)\"");
    re2::StringPiece rest(script);
    std::string file;
    int count = 0;
    while (RE2::FindAndConsume(&rest, address, &file)) {
      EXPECT_TRUE(crawl().pages.contains(file)) << file;
      ++count;
    }
    EXPECT_GT(count, 120);
  }
}

TEST(Site, RightToLeftIsReady) {
  EXPECT_EQ(direction("ar"), "rtl");
  EXPECT_EQ(direction("de"), "ltr");
}

}  // namespace
}  // namespace postil::console
