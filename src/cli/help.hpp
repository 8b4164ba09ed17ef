// The help of the program and of its commands: wrapped for a terminal, in the reader's language, with examples and the
// exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "i18n/translator.hpp"

namespace postil::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  // program: as it was called. cells: how wide lines may be. The translator must outlive this.
  HelpFormatter(const i18n::Translator& tr, std::string program, std::size_t cells);

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  // "Usage: postil queue show [--OPTION...] ID", one line with its end.
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* sub) const override;

 private:
  std::string row(const std::string& name, const std::string& text) const;
  std::string options(const CLI::App* app, CLI::AppFormatMode mode) const;
  std::string examples(const std::string& path) const;
  std::string exit_codes(const std::string& path) const;

  const i18n::Translator& tr_;
  std::string program_;
  std::size_t cells_;
};

// "queue show": the names from the program down to the command, without the program's.
std::string command_path(const CLI::App& app);

}  // namespace postil::cli
