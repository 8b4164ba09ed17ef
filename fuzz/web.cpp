// links: console
// Requests for pages, the box and the API: whatever comes, there is an answer, and what was pasted is escaped in it.
#include "console/web.hpp"
#include "base/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const postil::console::Web web("https://example.org/");
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  postil::console::HttpRequest request;
  request.method = (data[0] & 1) != 0 ? "POST" : "GET";
  if ((data[0] & 2) != 0) {
    const auto line = text.find('\n');
    request.target = "/" + std::string(text.substr(0, line));
    if (line != std::string_view::npos) request.body = text.substr(line + 1);
  } else {
    request.target = (data[0] & 4) != 0 ? "/api/v1/explain" : "/de/explain";
    request.method = "POST";
    request.body = "q=" + std::string(text);
    request.content_type = "application/x-www-form-urlencoded";
  }
  const auto answer = web.answer(request);
  POSTIL_ASSERT(answer.status >= 200 && answer.status < 500);
  // No template has an inline script, so that one in the answer came from the request.
  POSTIL_ASSERT(answer.content_type.find("html") == std::string::npos ||
                answer.body.find("<script>") == std::string::npos);
  for (const auto& [name, value] : answer.headers) POSTIL_ASSERT(value.find_first_of("\r\n") == std::string::npos);
  return 0;
}
