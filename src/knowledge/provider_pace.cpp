#include "knowledge/provider_pace.hpp"

#include <algorithm>

#include "knowledge/tables.hpp"

namespace postil::knowledge {
namespace {

std::optional<std::uint32_t> limit_of(const toml::table& table, std::string_view key) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < 1 || *value > 1'000'000) bad_data("pace", key);
  return static_cast<std::uint32_t>(*value);
}

std::string text_of(const toml::table& table, std::string_view key) {
  const auto value = table[key].value_exact<std::string>();
  if (!value || value->empty()) bad_data("pace", key);
  return *value;
}

}  // namespace

std::span<const ProviderPace> provider_paces() {
  static const std::vector<ProviderPace> all = [] {
    std::vector<ProviderPace> out;
    each_table("pace/", [&](std::string_view key, const toml::table& table) {
      ProviderPace one;
      one.key = key;
      one.name = text_of(table, "name");
      one.hosts = strings(table, "hosts");
      one.connections = limit_of(table, "connections");
      one.messages_per_connection = limit_of(table, "messages_per_connection");
      one.source = text_of(table, "source");
      one.url = text_of(table, "url");
      one.as_of = text_of(table, "as_of");
      if (one.hosts.empty() || (!one.connections && !one.messages_per_connection)) bad_data("pace", key);
      out.push_back(std::move(one));
    });
    std::ranges::sort(out, {}, &ProviderPace::key);
    return out;
  }();
  return all;
}

}  // namespace postil::knowledge
