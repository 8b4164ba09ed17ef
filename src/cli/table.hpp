// Columns in the terminal.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace postil::cli {

class Table {
 public:
  // right: numbers, which stand at the right edge of their column.
  struct Column {
    std::string heading;
    bool right = false;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell for each column; an empty one is shown as "-".
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // cells_max: the last column is cut there; 0 = it is not.
  void write(std::ostream& out, std::size_t cells_max) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// At most that many cells, with "..." where something was cut off.
std::string cut(const std::string& text, std::size_t cells);
// Columns of the terminal, 100 where that is not known. descriptor: 1 is the standard output, 2 that for errors.
std::size_t terminal_cells(int descriptor = 1);

}  // namespace postil::cli
