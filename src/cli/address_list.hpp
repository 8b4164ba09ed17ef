// The addresses in a header field [rfc5322 3.4]: what `sendmail -t` sends to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::cli {

// value: of one field, folded or not. Display names, comments and the names of groups are left out; routes
// ("@a,@b:x@c") too. The addresses are as written, not checked: "local" without a domain is given so.
std::vector<std::string> addresses_in(std::string_view value);
// The values of all fields of that name, in order.
std::vector<std::string> field_values(std::string_view header, std::string_view name);

}  // namespace postil::cli
