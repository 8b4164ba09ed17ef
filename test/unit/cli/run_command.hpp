// Runs the program's command line in the test's process.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/cli.hpp"

namespace postil::cli::test {

class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string form = testing::TempDir() + "postil-cli-XXXXXX";
    ASSERT_NE(::mkdtemp(form.data()), nullptr);
    folder_ = form;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int run(std::vector<std::string> arguments, const std::string& input = {}, const std::string& name = "postil") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Process process{.arguments = std::move(arguments), .environment = {}, .in = in, .out = out, .err = err};
    process.program_name = name;
    const int code = cli::run(process);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  boost::json::object json() const { return boost::json::parse(out_).as_object(); }
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  bool said(std::string_view text) const { return out_.find(text) != std::string::npos; }
  bool complained(std::string_view text) const { return err_.find(text) != std::string::npos; }

  std::string folder_, out_, err_;
};

}  // namespace postil::cli::test
