#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cli/answer_text.hpp"
#include "cli/cli.hpp"
#include "i18n/columns.hpp"

namespace postil::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result postil(std::vector<std::string> arguments, const std::string& input = "",
              std::map<std::string, std::string> environment = {{"LC_ALL", "C"}}) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Process process{
      .arguments = std::move(arguments), .environment = std::move(environment), .in = in, .out = out, .err = err};
  Result result;
  result.code = run(process);
  result.out = out.str();
  result.err = err.str();
  return result;
}

// POSTIL_WRITE_GOLDEN=1 writes the files anew; look at what changed.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = POSTIL_SOURCE_DIR "/test/golden/cli/" + name;
  if (std::getenv("POSTIL_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::stringstream wanted;
  wanted << file.rdbuf();
  EXPECT_EQ(text, wanted.str()) << path;
}

// The seeds' pages had English sentences in every language: none may come here. Transcripts and
// the reply itself stay as they are on the wire.
void expect_no_english(const std::string& text) {
  for (std::string line; const char* word : {" the ", " of ", " this ", " that ", " mail ", " is ", " not ", " you "}) {
    std::istringstream lines(text);
    while (std::getline(lines, line)) {
      if (line.find("S: ") != std::string::npos || line.find("C: ") != std::string::npos) continue;
      EXPECT_EQ(line.find(word), std::string::npos) << line;
    }
  }
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, the_seeds_questions_are_answered_whole) {
  const std::string language = GetParam();
  const std::vector<std::pair<std::string, std::vector<std::string>>> runs{
      {"explain-521", {"explain", "521"}},
      {"compare-235-556", {"compare", "235", "556"}},
      {"compare-235-521", {"compare", "235", "521"}},
  };
  for (auto [name, arguments] : runs) {
    arguments.push_back("--lang=" + language);
    const auto result = postil(arguments);
    EXPECT_EQ(result.code, 0);
    expect_golden(name + "." + language + ".txt", result.out);
    if (language != "en") expect_no_english(result.out);
  }
}

INSTANTIATE_TEST_SUITE_P(Languages, Golden, testing::Values("en", "de", "ru"));

// What somebody asked, and what the answer has to say so that it helps; what it must not say.
struct Asked {
  const char* reply;
  std::vector<const char*> says;
  const char* misleads;
};

class AskedReplies : public testing::TestWithParam<Asked> {};

TEST_P(AskedReplies, name_the_cause_and_what_to_do) {
  const auto& asked = GetParam();
  auto out = postil({"explain", asked.reply}).out;
  // Lines are broken where the terminal ends.
  std::string flat;
  for (const char c : out.substr(0, out.find("postil check"))) {
    const bool space = c == ' ' || c == '\n';
    if (!space || (!flat.empty() && flat.back() != ' ')) flat += space ? ' ' : c;
  }
  for (const char* part : asked.says) EXPECT_THAT(flat, HasSubstr(part)) << asked.reply;
  EXPECT_THAT(flat, Not(HasSubstr(asked.misleads))) << asked.reply;
}

INSTANTIATE_TEST_SUITE_P(
    Questions, AskedReplies,
    testing::Values(
        Asked{"556 5.1.10 <zz@yahooo.com>: Domain yahooo.com does not accept mail (nullMX)",
              {"null MX", "after the @ sign"},
              "Wait"},
        Asked{"521 5.2.1 : (CON:B1)", {"blocked the address of the sending server", "remove the block"}, "MX records"},
        Asked{"530 5.7.0 Must issue a STARTTLS command first", {"STARTTLS on port 587", "encryption"}, "password"},
        Asked{"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
              {"switched off for the mailbox", "OAuth"},
              "Check user name"},
        Asked{"550 5.7.60 SMTP; Client does not have permissions to send as this sender",
              {"may not send with", "Send As"},
              "password"},
        Asked{"535 5.7.8 Error: authentication failed: Connection lost to authentication server",
              {"could not check the login", "without a new password", "Dovecot"},
              "Check user name"},
        Asked{"500 5.0.0 'XXXXXXXX': command not understood", {"firewall", "inspect esmtp", "port 465"}, "certificate"},
        Asked{"553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b@example.net",
              {"one of the account", "smtpd_sender_login_maps"},
              "Correct the"},
        Asked{"554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org; Error: open "
              "resolver; https://check.spamhaus.org/returnc/pub/192.0.2.53/",
              {"error answer", "nothing to delist", "resolver of their own"},
              "ask the list to remove"},
        Asked{"550 5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level. "
              "Spf= Fail, Dkim= Pass, DMARC= Pass",
              {"Here SPF alone failed"},
              "reputation"},
        Asked{"421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred due to unexpected volume",
              {"more slowly", "Sender Hub"},
              "returned"},
        Asked{"550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
              {"not in its directory", "internal relay"},
              "firewall"},
        Asked{"451 4.7.1 Greylisting in action, please come back later", {"on purpose", "script or web form"}, "list "},
        Asked{"550 5.5.1 Protocol error", {"correct the program"}, "address off"},
        Asked{"550 5.1.1 <x@example.org>: Recipient address rejected: User unknown in local recipient table",
              {"mydestination"},
              "blocked"},
        Asked{
            "552 5.3.4 Message size exceeds fixed limit", {"a link instead", "more than a third bigger"}, "make room"},
        Asked{"550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP",
              {"Microsoft 365 organization", "Microsoft's support"},
              "delist"},
        Asked{"451 4.7.500 Server busy. Please try again later from [192.0.2.7]. (AS77712344)",
              {"The queue retries", "raise the volume slowly"},
              "address off"},
        Asked{"454 4.7.1 <a@example.org>: Relay access denied",
              {"Log in before sending", "relay_domains"},
              "certificate"}));

TEST(Explain, takes_words_a_line_or_standard_input) {
  EXPECT_THAT(postil({"explain", "550", "5.1.1"}).out, HasSubstr("550 5.1.1  Mailbox does not exist"));
  EXPECT_THAT(postil({"explain", "550 5.7.26 no"}).out, HasSubstr("Neither SPF nor DKIM"));
  EXPECT_THAT(postil({"explain", "-"}, "550-5.1.1 no\r\n550 5.1.1 user\r\n").out, HasSubstr("Mailbox does not exist"));
}

TEST(Explain, quiet_is_one_line_and_long_is_more) {
  const auto quiet = postil({"explain", "556", "-q"}).out;
  EXPECT_EQ(std::count(quiet.begin(), quiet.end(), '\n'), 1);
  EXPECT_THAT(quiet, testing::StartsWith("556 5.1.10  "));
  EXPECT_GT(postil({"explain", "556", "--long"}).out.size(), postil({"explain", "556"}).out.size());
}

TEST(Explain, what_is_not_understood_is_65_a_wrong_word_64_and_no_secret_is_shown) {
  const auto result = postil({"explain", "AUTH PLAIN AGFubgBzZWNyZXQ="});
  EXPECT_EQ(result.code, exit_data);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("not understood"));
  EXPECT_THAT(result.err, Not(HasSubstr("AGFub")));
  const auto json = postil({"explain", "some nonsense", "--json"});
  EXPECT_EQ(json.code, exit_data);
  EXPECT_EQ(boost::json::parse(json.out).at("error").at("id").as_string(), "not_a_reply");
  EXPECT_EQ(boost::json::parse(json.out).at("exit").as_int64(), exit_data);
  for (const std::string word : {"nonsense", "999", "9.1.1"}) {
    const auto wrong = postil({"explain", word});
    EXPECT_EQ(wrong.code, exit_usage) << word;
    EXPECT_THAT(wrong.err, HasSubstr("Usage: postil explain")) << word;
  }
  EXPECT_EQ(postil({"explain", "-"}, "nonsense\n").code, exit_data);
  EXPECT_EQ(postil({"explain", "550", "--resolver", "dns"}).code, exit_usage);
  EXPECT_EQ(postil({"compare", "999", "abc"}).code, exit_usage);
  for (const auto& codes : {std::vector<std::string>{"521"}, {"521", "nonsense"}}) {
    std::vector<std::string> words = codes;
    words.insert(words.begin(), {"compare", "--json"});
    const auto compared = postil(words);
    EXPECT_NE(compared.code, exit_ok);
    EXPECT_EQ(boost::json::parse(compared.out).at("exit").as_int64(), compared.code);
  }
}

TEST(Explain, several_codes_are_told_one_after_the_other) {
  const auto two = postil({"explain", "550", "x.7.1", "-q"});
  EXPECT_EQ(two.code, exit_ok);
  EXPECT_EQ(std::count(two.out.begin(), two.out.end(), '\n'), 2);
  EXPECT_THAT(two.out, testing::StartsWith("550  "));
  EXPECT_THAT(two.out, HasSubstr("\nx.7.1  "));
  EXPECT_THAT(postil({"explain", "451", "4.7.1", "-q"}).out, testing::StartsWith("451 4.7.1  "));  // one reply
  EXPECT_THAT(postil({"explain", "550", "no", "554"}).out, HasSubstr("The reply was: 550 no 554"));
}

TEST(Explain, codes_that_contradict_go_by_the_three_digits) {
  const auto bad = postil({"explain", "554 4.7.1"}).out;
  EXPECT_THAT(bad, HasSubstr("refused for good"));
  EXPECT_THAT(bad, HasSubstr("contradict each other"));
  EXPECT_THAT(bad, HasSubstr("No: a mail server returns the message"));
  EXPECT_THAT(bad, Not(HasSubstr("tries again by itself")));
  const auto later = postil({"explain", "450 4.2.1"}).out;  // the registry's example is 550 5.2.1
  EXPECT_THAT(later, HasSubstr("tries again by itself"));
  EXPECT_THAT(later, Not(HasSubstr("S: 550")));
}

TEST(Explain, several_codes_however_they_are_written) {
  for (const auto& words :
       {std::vector<std::string>{"550", "554"}, {"550 554"}, {"550/554"}, {"550 and 554"}, {"550,", "554"}}) {
    std::vector<std::string> arguments{"explain", "-q"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const auto told = postil(arguments);
    EXPECT_EQ(told.code, 0) << words.front();
    EXPECT_THAT(told.out, testing::StartsWith("550  ")) << words.front();
    EXPECT_THAT(told.out, HasSubstr("\n554  ")) << words.front();
  }
  EXPECT_THAT(postil({"explain", "-q", "550 5.1.1"}).out, Not(HasSubstr("\n5.1.1")));
  EXPECT_THAT(postil({"explain", "-q", "550", "5.1.1"}).out, Not(HasSubstr("\n5.1.1")));
  EXPECT_THAT(postil({"explain", "-q", "550 5.1.1", "554"}).out, HasSubstr("\n554  "));
}

TEST(Explain, one_empty_line_stands_between_the_parts_and_none_at_the_end) {
  for (const std::string what :
       {"521", "5xx", "x.7.z", "550 5.1.1", "550 5.7.708 Access denied", "550 554", "421 4.7.0 [TSS04] later",
        "550 5.1.1 <ann@example.org>: user unknown", "599", "5.1.99"}) {
    for (const char* form : {"--lang=en", "--long"}) {
      const auto out = postil({"explain", what, form}).out;
      EXPECT_FALSE(out.starts_with('\n') || out.ends_with("\n\n")) << what << '\n' << out;
      EXPECT_EQ(out.find("\n\n\n"), out.npos) << what << '\n' << out;
    }
  }
}

// As in a terminal.
std::string shown_to_a_reader_of(const char* language, std::vector<std::string> words, bool fails = false) {
  std::istringstream in;
  std::ostringstream out, err;
  Process process{
      .arguments = std::move(words), .environment = {{"LC_ALL", language}}, .in = in, .out = out, .err = err};
  process.out_is_terminal = process.err_is_terminal = true;
  run(process);
  return fails ? err.str() : out.str();
}

TEST(Explain, codes_in_arabic_are_isolated_in_a_terminal_and_nowhere_else) {
  const std::string begin = "\u2068", end = "\u2069";
  const std::vector<std::string> words{"explain", "550 5.1.1 <ann@example.org>: no such user"};
  const auto plain = postil(words, "", {{"LC_ALL", "ar"}}).out;
  EXPECT_THAT(plain, Not(HasSubstr(begin)));
  const auto shown = shown_to_a_reader_of("ar", words);
  EXPECT_THAT(shown, HasSubstr(begin));
  std::string bare;
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(i18n::width_cells(line), 79u) << line;
    for (const auto& mark : {begin, end}) {
      for (auto at = line.find(mark); at != line.npos; at = line.find(mark)) line.erase(at, mark.size());
    }
    bare += line + '\n';
  }
  EXPECT_THAT(bare, testing::StartsWith(plain));  // behind it a terminal gets a hint
  EXPECT_THAT(shown_to_a_reader_of("de", words), Not(HasSubstr(begin)));
  for (auto other : {std::vector<std::string>{"explain", "521", "--json"}, {"explain", "999", "--json"}})
    EXPECT_THAT(shown_to_a_reader_of("ar", other), Not(HasSubstr(begin)));
  EXPECT_THAT(shown_to_a_reader_of("ar", {"explain", "--nothing"}, true), HasSubstr(begin + "--nothing" + end));
}

TEST(Explain, two_codes_against_each_other_are_compared) {
  const auto wanted = postil({"compare", "235", "521"}).out;
  EXPECT_EQ(postil({"explain", "235", "vs", "521"}).out, wanted);
  EXPECT_EQ(postil({"explain", "235 vs. 521"}).out, wanted);
  EXPECT_EQ(postil({"explain", "-"}, "235 vs 521\n").out, wanted);
  EXPECT_EQ(postil({"explain", "--json", "235 vs 521"}).out, postil({"compare", "--json", "235", "521"}).out);
  EXPECT_THAT(postil({"explain", "-q", "4xx vs 5xx"}).out, testing::AllOf(HasSubstr("4xx  "), HasSubstr("\n5xx  ")));
  EXPECT_EQ(postil({"explain", "-"}, "550 554\n").out, postil({"explain", "550", "554"}).out);
}

TEST(Explain, a_mistyped_finding_has_the_nearest_name) {
  const auto wrong = postil({"explain", "MX-NUL"});
  EXPECT_EQ(wrong.code, exit_usage);
  EXPECT_THAT(wrong.err, HasSubstr("Did you mean MX-NULL?"));
  EXPECT_THAT(postil({"explain", "MX-NUL", "--json"}).out, HasSubstr("Did you mean MX-NULL?"));
  EXPECT_THAT(postil({"explain", "nonsense"}).err, Not(HasSubstr("Did you mean")));
  EXPECT_THAT(postil({"explain", "MX-NULL", "SPF-LOOKUPS"}).out,
              testing::AllOf(HasSubstr("MX-NULL  "), HasSubstr("\nSPF-LOOKUPS  ")));
  EXPECT_THAT(postil({"explain", "-"}, "mx-null\n").out, HasSubstr("RFC 7505"));
}

TEST(Explain, an_id_of_a_reason_is_told_as_the_other_commands_print_it) {
  const auto told = postil({"explain", "user_unknown"});
  EXPECT_EQ(told.code, exit_ok);
  EXPECT_THAT(told.out, testing::StartsWith("user_unknown  Mailbox does not exist"));
  EXPECT_THAT(told.out, HasSubstr("postil check ann@example.org --rcpt"));
  EXPECT_THAT(told.out, HasSubstr("x.1.1"));
  EXPECT_THAT(told.out, HasSubstr("refused for good\n"));
  EXPECT_THAT(postil({"explain", "-q", "mailbox_full", "greylisted"}).out, HasSubstr("\ngreylisted  "));
  EXPECT_THAT(postil({"explain", "user_unknwon"}).err, HasSubstr("Did you mean user_unknown?"));
}

TEST(Explain, lines_in_json_are_read) {
  const std::string lines = "[\n  \"550-5.1.1 no such\",\n  \"550 5.1.1 user\"\n]\n";
  EXPECT_EQ(postil({"explain", "-"}, lines).out, postil({"explain", "550-5.1.1 no such\n550 5.1.1 user"}).out);
  const auto several = postil({"explain", "-q", "-"}, R"(["550 5.1.1 no such user", "552 5.2.2 mailbox full"])").out;
  EXPECT_THAT(several, testing::AllOf(HasSubstr("user_unknown"), HasSubstr("mailbox_full")));
}

TEST(Explain, lines_fit_a_narrow_terminal) {
  for (const std::string language : {"en", "de", "ru", "ja"}) {
    for (const auto& words :
         {std::vector<std::string>{"explain", "556"}, {"compare", "235", "556"}, {"explain", "--help"}}) {
      std::istringstream in;
      std::ostringstream out, err;
      set_terminal_cells(out, 60);
      Process process{.arguments = words, .environment = {{"LC_ALL", language}}, .in = in, .out = out, .err = err};
      EXPECT_EQ(run(process), exit_ok);
      std::istringstream lines(out.str());
      for (std::string line; std::getline(lines, line);) {
        const bool literal = line.find(": ") < 6 || line.find("postil") != line.npos;  // sessions and commands
        if (!literal) EXPECT_LE(i18n::width_cells(line), 60u) << line;
      }
    }
  }
}

TEST(Compare, codes_may_be_joined_as_people_write_them) {
  const auto wanted = postil({"compare", "235", "521"}).out;
  for (const auto& words :
       {std::vector<std::string>{"235-vs-521"}, {"235,521"}, {"235", "vs", "521"}, {"235,", "521"}}) {
    auto arguments = words;
    arguments.insert(arguments.begin(), "compare");
    EXPECT_EQ(postil(arguments).out, wanted) << words[0];
  }
}

TEST(Explain, the_long_form_tells_the_facts_and_the_two_meanings) {
  const auto out = postil({"explain", "521", "--long"}).out;
  EXPECT_THAT(out, HasSubstr("Said by           a host of the recipient's domain"));
  EXPECT_THAT(out, HasSubstr("Lasts             permanent"));
  EXPECT_THAT(out, HasSubstr("By the standard   The host takes no mail from anybody"));
  EXPECT_THAT(out, HasSubstr("What decides      The text and the enhanced code decide"));
  EXPECT_THAT(out, HasSubstr("postil check mx.example.org --only greeting"));
  EXPECT_THAT(out, Not(HasSubstr("in no standard")));
  EXPECT_THAT(postil({"explain", "511", "--long"}).out, HasSubstr("This code is in no standard"));
  // Of a pair both codes may have two meanings: then it is said of which.
  EXPECT_THAT(postil({"explain", "550 5.7.1", "--long"}).out, HasSubstr("By the standard   5.7.1"));
  EXPECT_THAT(postil({"explain", "521"}).out, Not(HasSubstr("What decides")));
}

TEST(CommandLine, a_wrong_one_is_64_with_how_it_is_written) {
  const auto typo = postil({"explian", "521"});
  EXPECT_EQ(typo.code, exit_usage);
  EXPECT_THAT(typo.err, HasSubstr("Did you mean explain?"));
  EXPECT_THAT(typo.err, HasSubstr("Usage: postil"));
  const auto option = postil({"explain", "521", "--lnog"});
  EXPECT_EQ(option.code, exit_usage);
  EXPECT_THAT(option.err, HasSubstr("Did you mean --long?"));
  EXPECT_EQ(postil({}).code, exit_usage);
  const auto nothing = postil({"explain"});  // with nothing at standard input either
  EXPECT_EQ(nothing.code, exit_usage);
  EXPECT_THAT(nothing.err, HasSubstr("the input is empty"));
  EXPECT_EQ(postil({"compare", "521"}).code, exit_usage);
  EXPECT_EQ(postil({"explain", "521", "--stage", "nowhere"}).code, exit_usage);
}

TEST(CommandLine, the_language_comes_from_the_option_or_the_environment) {
  EXPECT_THAT(postil({"explain", "521"}, "", {{"LANG", "de_AT.UTF-8"}}).out, HasSubstr("Host nimmt keine Mail an"));
  EXPECT_THAT(postil({"explain", "521"}, "", {{"LANG", "de_AT.UTF-8"}, {"LC_ALL", "C"}}).out,
              HasSubstr("does not accept"));
  EXPECT_THAT(postil({"--lang", "ru", "explain", "521"}).out, HasSubstr("Хост не принимает почту"));
  EXPECT_THAT(postil({"explain", "521"}, "", {{"LANG", "tlh"}}).out, HasSubstr("does not accept"));
  const auto unknown = postil({"explain", "521", "--lang", "tlh"});
  EXPECT_EQ(unknown.code, exit_usage);
  EXPECT_THAT(unknown.err, HasSubstr("ar, de, en, es, fr, ja, pt-BR, ru, zh-Hans"));
}

TEST(CommandLine, help_is_wholly_in_the_language) {
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{"--help"}, {"explain", "--help"}, {"compare", "--help"}}) {
    arguments.push_back("--lang=ru");
    const auto result = postil(arguments);
    EXPECT_EQ(result.code, exit_ok);
    for (const char* word : {"Options:", "Usage", "Positionals", "Subcommands", "TEXT", "REQUIRED", "Commands:"}) {
      EXPECT_THAT(result.out, Not(HasSubstr(word)));
    }
  }
}

TEST(CommandLine, english_output_is_ascii) {
  for (const char* what : {"521", "535", "5.7.1", "5xx", "x.7.z"}) {
    const auto out = postil({"explain", what, "--long"}).out;
    EXPECT_TRUE(std::ranges::all_of(out, [](char c) { return (c & 0x80) == 0; })) << what;
  }
}

}  // namespace
}  // namespace postil::cli
