// links: message
// The edited message does not depend on the cuts; a relayed one is passed octet for octet behind our field,
// or with one empty line more where the header ended without one.
#include "message/header_filter.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace postil::message;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

std::string filter(const HeaderFilter::Options& options, std::string_view in, std::size_t piece) {
  HeaderFilter filter(options);
  std::string out;
  for (; !in.empty(); in.remove_prefix(std::min(piece, in.size()))) filter.feed(in.substr(0, piece), out);
  filter.finish(out);
  out += '|';
  out += std::to_string(filter.hops()) + std::to_string(filter.header_octets()) + filter.content_language() +
         filter.accept_language() + filter.message_id();
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 32 + 1;
  const std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  const HeaderFilter::Options submission{.prepend = "Received: us\r\n",
                                         .date_if_missing = "Date: now\r\n",
                                         .message_id_if_missing = "Message-ID: <x@us>\r\n",
                                         .remove_bcc = true,
                                         .remove_return_path = true};
  require(filter(submission, in, in.size() + 1) == filter(submission, in, piece));
  const HeaderFilter::Options relay{.prepend = "Received: us\r\n"};
  const auto out = filter(relay, in, piece);
  require(out == filter(relay, in, in.size() + 1));
  const auto body = std::string_view(out).substr(relay.prepend.size());
  const auto same = std::ranges::mismatch(body, in).in2 - in.begin();
  if (static_cast<std::size_t>(same) == in.size()) return 0;
  const auto rest = in.substr(static_cast<std::size_t>(same));
  // the empty line may share a CR with what follows it
  require(body.substr(static_cast<std::size_t>(same)).starts_with("\r\n" + std::string(rest)) ||
          (same > 0 &&
           body.substr(static_cast<std::size_t>(same) - 1).starts_with("\r\n" + std::string(in.substr(same - 1)))));
  return 0;
}
