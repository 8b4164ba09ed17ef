// Whether a domain publishes a logo: the record at "default._bimi." + domain, as
// draft-brand-indicators-for-message-identification has it. Neither the logo nor its certificate is fetched here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"
#include "mailauth/record_tags.hpp"

namespace postil::mailauth {

enum class BimiProblem : std::uint8_t {
  tag_form,          // A part that is not "name=value".
  location_missing,  // No "l": where the logo is.
  location_value,    // "l" is no https address.
  evidence_value,    // "a" is no https address.
};
std::string_view to_string(BimiProblem problem);

struct BimiError {
  BimiProblem problem = BimiProblem::tag_form;
  Span where;
  friend bool operator==(const BimiError&, const BimiError&) = default;
};

struct BimiRecord {
  std::string raw;
  std::string location;   // l=, an https address; "" with declined, or when it cannot be read
  std::string evidence;   // a=, of the mark's certificate; "" = none
  bool declined = false;  // "l=" and "a=" stand there empty: the domain wants no logo shown
  std::vector<BimiError> errors;
};

bool is_bimi_record(std::string_view text);  // its first tag is "v=BIMI1"
std::vector<std::string> bimi_records(const dns::Answer& answer);
// text: of which is_bimi_record is true.
BimiRecord parse_bimi_record(std::string_view text);

}  // namespace postil::mailauth
