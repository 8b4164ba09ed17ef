// Reads a message with GMime, for the tests of what we write.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postil::dsn {

using Fields = std::vector<std::pair<std::string, std::string>>;  // unfolded, decoded where a reader would

struct ReadPart {
  std::string type;      // "text/plain"
  std::string encoding;  // "7bit", "quoted-printable", ...; "" when none is named
  std::string language;
  std::string content;  // decoded
};
struct ReadMessage {
  Fields header;
  std::string type;
  std::string report_type;
  std::vector<ReadPart> parts;
  std::string field(std::string_view name) const;  // the first; "" when absent
};
ReadMessage read_message(std::string_view octets);

// The groups of a delivery-status part: the message's first, then one for each recipient. By a reading of our own, line
// by line, that is stricter than GMime's; fails the test on a line that is no field.
std::vector<Fields> read_status(std::string_view content);
std::string find(const Fields& fields, std::string_view name);
std::size_t count(const Fields& fields, std::string_view name);

}  // namespace postil::dsn
