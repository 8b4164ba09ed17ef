// An explanation in the terminal: the part that all commands show alike.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "diagnose/explain.hpp"
#include "i18n/translator.hpp"

namespace postil::cli {

inline constexpr std::size_t line_cells = 79;

// How wide lines are: line_cells, or as wide as a narrower terminal. It goes with the stream.
std::size_t line_cells_of(std::ostream& out);
void set_terminal_cells(std::ostream& out, std::size_t cells);
// The text with an end of line behind each of its lines, wrapped.
void write_wrapped(std::ostream& out, const std::string& text);

// Rows of "label   text", the text wrapped beside its label.
class Rows {
 public:
  // item: a code that stands before the text, in a column of its own; may be empty. An empty text adds no row.
  void add(std::string label, std::string text, std::string item = {});
  void write(std::ostream& out) const;
  bool empty() const { return rows_.empty(); }

 private:
  struct Row {
    std::string label;
    std::string item;
    std::string text;
  };
  std::vector<Row> rows_;
  std::size_t item_width_ = 0;
};

// Indented by two cells and wrapped.
void write_paragraph(std::ostream& out, const std::string& text);

// Whose move it is, and what the reader can do: not always the same person.
void add_act(Rows& rows, knowledge::Role who, const std::string& text, const i18n::Translator& tr);

std::string outcome_text(const diagnose::Answer& answer, const i18n::Translator& tr);
// All of answer.what as one text.
std::string what_text(const diagnose::Answer& answer, const i18n::Translator& tr);

// Title and outcome, what happened; behind an empty line why, and who does what. long_form: also when one meets it.
void write_answer_head(std::ostream& out, const diagnose::Answer& answer, const i18n::Translator& tr, bool long_form);

}  // namespace postil::cli
