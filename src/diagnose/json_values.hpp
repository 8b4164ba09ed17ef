// What the makers of JSON share. Header only, for their sources.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

inline boost::json::string json_text(std::string_view value) {
  return boost::json::string(value.data(), value.size());
}

inline boost::json::array json_strings(const std::vector<std::string>& values) {
  boost::json::array out;
  for (const auto& value : values) out.emplace_back(json_text(value));
  return out;
}

}  // namespace postil::diagnose
