#include "diagnose/string_list.hpp"

#include <boost/json.hpp>

#include "diagnose/reading.hpp"

namespace postil::diagnose {
namespace {

namespace json = boost::json;

std::string_view behind_space(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

}  // namespace

bool begins_strings(std::string_view text) {
  text = behind_space(text);
  return text.starts_with('[') && behind_space(text.substr(1)).starts_with('"');
}

std::vector<std::string> read_strings(std::string_view text) {
  text = behind_space(text);
  if (text.size() > mail_octets_max || (!text.starts_with('"') && !begins_strings(text))) return {};
  json::error_code error;
  const auto value = json::parse(text, error);
  if (error) return {};
  if (value.is_string()) return {std::string(std::string_view(value.get_string()))};
  std::vector<std::string> out;
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) return {};
    out.emplace_back(std::string_view(item.get_string()));
  }
  return out;
}

}  // namespace postil::diagnose
