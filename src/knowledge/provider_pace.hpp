// How much large receivers are known to take from one sender (data/pace): what they have published.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace postil::knowledge {

struct ProviderPace {
  std::string key, name;           // "yahoo", "Yahoo, AOL"
  std::vector<std::string> hosts;  // of the MX, in small letters; "*.example.net": all below it
  std::optional<std::uint32_t> connections, messages_per_connection;
  std::string source, url, as_of;  // who says so, where, when it was read
};

// In order of their keys.
std::span<const ProviderPace> provider_paces();

}  // namespace postil::knowledge
