// links: dsn
// Whatever the remote, the envelope and the original's header say, a report is ASCII in lines with CRLF that fit,
// with our fields and boundaries only.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "dsn/writer.hpp"

using namespace postil;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take = [&] {
    const auto end = rest.find('\xfe');
    const auto part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return std::string(part);
  };
  dsn::Report report;
  report.host = "mail.example.org";
  report.id = "1";
  report.original.sender = "ann@example.org";
  report.original.recipients = {{take(), take(), 0}};
  report.original.envid = take();
  report.recipients.resize(1);
  report.recipients[0].remote = take();
  report.recipients[0].diagnostic = take();
  report.recipients[0].diagnostic_remote = true;
  report.language = take();
  report.original_header = take();
  const auto out = dsn::write(report);
  require(!has_8bit(out) && out.ends_with("--\r\n"));
  for (const auto line : split(std::string_view(out).substr(0, out.size() - 2), '\n')) {
    require(line.size() <= 999 && (line.ends_with('\r') || line.data() + line.size() == out.data() + out.size() - 2));
    require(std::ranges::none_of(line.substr(0, line.size() - 1), [](char c) { return is_control(c) && c != '\t'; }));
  }
  const auto at = out.find("boundary=\"") + 10;
  const auto boundary = out.substr(at, out.find('"', at) - at);
  require(occurrences(out, boundary) == 5);
  require(occurrences(out.substr(0, out.find("\r\n\r\n")), "\r\n") <= 14);
  return 0;
}
