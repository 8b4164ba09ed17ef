// DKIM's tag lists [rfc6376 3.2], of signature fields and of key records. Pure; the text is anybody's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postil::mailauth {

struct DkimTag {
  std::string_view name;                   // as written; names are case-sensitive
  std::string_view value;                  // without white space around it
  std::size_t position = 0;                // of the name in the text
  std::size_t raw_begin = 0, raw_end = 0;  // of all between '=' and ';' in the text
};

enum class DkimTagError : std::uint8_t { no_equals, bad_name, bad_value, twice, too_many };
std::string_view to_string(DkimTagError error);  // "no_equals"

struct DkimTagProblem {
  DkimTagError error{};
  std::size_t position = 0;  // in the text, from 0
};

using DkimTags = std::vector<DkimTag>;
// Views into text. A ';' at the end is allowed, an empty tag elsewhere is not. At most 64 tags.
std::expected<DkimTags, DkimTagProblem> parse_dkim_tags(std::string_view text);
const DkimTag* find_tag(const DkimTags& tags, std::string_view name);
// Without spaces, tabs, CR and LF, which may stand anywhere in base64 and in lists.
std::string without_white_space(std::string_view value);
// "a : b:c" gives a, b, c; white space around each is dropped. [rfc6376 3.2, 3.5]
std::vector<std::string_view> dkim_list(std::string_view value);
// Without white space; CR and LF count as such.
std::string_view trim_folding(std::string_view text);

}  // namespace postil::mailauth
