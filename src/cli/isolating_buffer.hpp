// Between a command and a terminal: lines of a right-to-left language get isolates (i18n/isolates.hpp).
#pragma once

#include <ostream>
#include <streambuf>
#include <string>

namespace postil::cli {

// Stands in the stream's way as long as it lives. A line is held until its end, or until the stream is flushed.
class IsolatingBuffer : public std::streambuf {
 public:
  explicit IsolatingBuffer(std::ostream& out);
  ~IsolatingBuffer() override;
  IsolatingBuffer(const IsolatingBuffer&) = delete;
  IsolatingBuffer& operator=(const IsolatingBuffer&) = delete;

 protected:
  int_type overflow(int_type octet) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  bool write(std::string_view text);
  bool write_line();

  std::ostream& out_;
  std::streambuf* to_;
  bool eager_;  // standard error is flushed by each <<, which would cut lines; so it is flushed at their ends
  std::string line_;
};

}  // namespace postil::cli
