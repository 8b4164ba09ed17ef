#include "i18n/translator.hpp"

#include <gmock/gmock.h>

#include "i18n/columns.hpp"
#include "i18n/list.hpp"

namespace postil::i18n {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(Translator, knows_the_three_languages_that_gate_a_release) {
  EXPECT_THAT(known_languages(), Contains("en"));
  EXPECT_THAT(known_languages(), Contains("de"));
  EXPECT_THAT(known_languages(), Contains("ru"));
}

TEST(Translator, gives_the_text_in_its_language_with_literals_filled_in) {
  const Args args{{"command", "explian"}};
  EXPECT_EQ(Translator("en").text("cli.error.command_unknown", args), "There is no command explian.");
  EXPECT_EQ(Translator("de").text("cli.error.command_unknown", args), "Den Befehl explian gibt es nicht.");
  EXPECT_EQ(Translator("ru").text("cli.error.command_unknown", args), "Команды explian нет.");
}

TEST(Translator, an_argument_with_braces_is_not_filled_again) {
  EXPECT_EQ(Translator().text("cli.error.command_unknown", {{"command", "{command}"}}),
            "There is no command {command}.");
}

TEST(Translator, an_unknown_language_is_english_and_an_unknown_key_shows_itself) {
  const Translator tr("tlh");
  EXPECT_EQ(tr.language(), "en");
  EXPECT_EQ(tr.text("no.such.key"), "no.such.key");
  EXPECT_FALSE(tr.has("no.such.key"));
  EXPECT_TRUE(tr.has("cli.about"));
}

TEST(List, is_written_as_the_language_writes_lists) {
  const std::vector<std::string> words = {"a", "b", "c"};
  EXPECT_EQ(list(words, Translator("en")), "a, b, c");
  EXPECT_EQ(list(words, Translator("ja")), "a、b、c");
  EXPECT_EQ(list(words, Translator("zh-Hans")), "a、b、c");
  EXPECT_EQ(list(words, Translator("ar")), "a، b، c");
  EXPECT_EQ(list(std::vector<std::string>{}, Translator("ja")), "");
}

TEST(Language, tags_as_systems_write_them) {
  EXPECT_EQ(match_language("de_DE.UTF-8@euro"), "de");
  EXPECT_EQ(match_language("ru-RU"), "ru");
  EXPECT_EQ(match_language("RU"), "ru");
  EXPECT_EQ(match_language("pt_BR.UTF-8"), "pt-BR");
  EXPECT_EQ(match_language("pt-PT"), "pt-BR");  // better than English
  EXPECT_EQ(match_language("C"), "en");
  EXPECT_EQ(match_language("C.UTF-8"), "en");
  EXPECT_EQ(match_language("POSIX"), "en");
  EXPECT_EQ(match_language("xx"), "");
  EXPECT_EQ(match_language("deu"), "");
  EXPECT_EQ(match_language("zh-TW"), "");  // not the simplified one
  EXPECT_EQ(match_language(""), "");
}

TEST(Language, accept_language_by_weight) {
  EXPECT_EQ(match_accept_language("tlh, de;q=0.7, ru;q=0.8"), "ru");
  EXPECT_EQ(match_accept_language("de-CH,en;q=0.5"), "de");
  EXPECT_EQ(match_accept_language("de;q=0, en;q=0.1"), "en");
  EXPECT_EQ(match_accept_language("tlh"), "");
  EXPECT_EQ(match_accept_language(";;,,q=;"), "");
  EXPECT_EQ(match_accept_language("de;q=x,ru;q=0.001"), "ru");
}

TEST(Columns, width_counts_characters) {
  EXPECT_EQ(width_cells("Host"), 4u);
  EXPECT_EQ(width_cells("Хост"), 4u);
  EXPECT_EQ(width_cells("für"), 3u);
  EXPECT_EQ(width_cells("郵便"), 4u);
  EXPECT_EQ(width_cells("e\u0301"), 1u);
  EXPECT_EQ(pad("Хост", 6), "Хост  ");
  EXPECT_EQ(pad("longer", 3), "longer");
}

TEST(Columns, wrap_cuts_at_spaces) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("unbreakable a", 4), ElementsAre("unbreakable", "a"));
  EXPECT_THAT(wrap("", 4), ElementsAre(""));
}

TEST(Columns, wrap_cuts_between_wide_letters_but_not_before_a_mark) {
  EXPECT_THAT(wrap("宛先は存在しません。", 8), ElementsAre("宛先は存", "在しませ", "ん。"));
  EXPECT_THAT(wrap("宛先不存在。", 10), ElementsAre("宛先不存", "在。"));
  EXPECT_THAT(wrap("地址「不存在」", 6), ElementsAre("地址", "「不存", "在」"));
  EXPECT_THAT(wrap("RCPT TO で 550 が返る", 9), ElementsAre("RCPT TO", "で 550 が", "返る"));
  EXPECT_EQ(width_cells("\xe5\xae"), 1U);  // a cut letter
}

}  // namespace
}  // namespace postil::i18n
