// A line of the ledger's file: counts of one domain and day, open or due. Inside of the module.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "tlsrpt/ledger.hpp"

namespace postil::tlsrpt {

boost::json::array counts_json(const std::vector<transport::TlsReport::Policy>& policies);
boost::json::object due_json(const Due& due);
// Nothing for what is none.
std::optional<std::vector<transport::TlsReport::Policy>> read_counts(const boost::json::object& line);
std::optional<Due> read_due(const boost::json::object& line);

std::string string_in(const boost::json::object& object, std::string_view name);   // "" where there is none
std::int64_t number_in(const boost::json::object& object, std::string_view name);  // 0 where there is none

}  // namespace postil::tlsrpt
