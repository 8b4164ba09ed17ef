// A message's header fields as signatures see them: the octets as they stand, and DKIM's relaxed form.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postil::mailauth {

struct HeaderField {
  std::string_view name;   // as it stands, without spaces behind it
  std::string_view whole;  // name, colon, value, folding, the line end
  std::string_view value() const { return whole.substr(colon + 1); }
  std::size_t colon = 0;
};

// Top to bottom, views into header. CRLF and bare LF end lines; stops at the empty line or at what is no field.
std::vector<HeaderField> header_fields(std::string_view header);

// "subject:some text" without a line end. [rfc6376 3.4.2]
std::string relaxed_field(std::string_view whole);

// Takes the fields that a list of names (h=) picks: each time a name comes the next one from the bottom up, nothing
// when there is none left. [rfc6376 5.4.2]
class FieldPicker {
 public:
  // fields must outlive it. left_out: an index that is never picked; npos = none.
  explicit FieldPicker(const std::vector<HeaderField>& fields, std::size_t left_out = npos);
  const HeaderField* next(std::string_view name);
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

 private:
  const std::vector<HeaderField>& fields_;
  std::vector<bool> taken_;
};

// The domains of the addresses in a From field's value, lower case, in order; empty when it cannot be read. Domains
// with 8-bit letters come in their A-label form. [rfc5322 3.4] [rfc6376 6.3]
std::vector<std::string> author_domains(std::string_view from_value);

}  // namespace postil::mailauth
