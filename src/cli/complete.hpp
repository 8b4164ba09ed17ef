// What may stand next on the command line, for the shells' completion (packaging/completions).
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace postil::cli {

struct Completion {
  std::string word;
  std::string help;  // one line, in the reader's language; may be empty
};

// words: behind the program's name; the last one is being written, and may be "". Only what begins like it; nothing
// where a file name or free text is expected.
std::vector<Completion> completions(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace postil::cli
