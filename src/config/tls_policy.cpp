// The keys of an entry of [[tls_policy]].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

constexpr std::string_view level_choices = "never opportunistic required verified dane";

Wrong wants(std::string_view what) {
  return {fmt::format("config.wants.{}", what), {}};
}

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

// Of all entries, as a TOML list.
template <class Get>
std::function<std::string(const Config&)> shown(Get get) {
  return [get](const Config& config) {
    std::vector<std::string> all;
    for (const auto& entry : config.tls_policies) all.push_back(get(entry));
    return fmt::format("[{}]", fmt::join(all, ", "));
  };
}

std::optional<std::string> domain_of(std::string_view text) {
  const auto ascii = address::to_ascii(text);
  if (!ascii || !address::valid_domain(*ascii)) return {};
  return *ascii;
}

std::optional<Wrong> set_domain(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (given == nullptr) return wants("domain");
  const bool below = given->starts_with('.');
  auto domain = domain_of(std::string_view(*given).substr(below ? 1 : 0));
  if (!domain) return wants("domain");
  entry.domain = (below ? "." : "") + *domain;
  return {};
}

std::optional<Wrong> set_tls(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const auto all = split(level_choices, ' ');
  if (!given || std::ranges::find(all, std::string_view(*given)) == all.end()) {
    return Wrong{"config.wants.choice", {{"choices", fmt::format("{}", fmt::join(all, ", "))}}};
  }
  entry.tls = *given;
  return {};
}

std::optional<Wrong> set_names(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::vector<std::string>>(&value);
  if (given == nullptr) return wants("texts");
  for (const auto& name : *given) {
    auto domain = domain_of(name);
    if (!domain) return wants("domain");
    entry.names.push_back(std::move(*domain));
  }
  return {};
}

std::optional<Wrong> set_ca(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (given == nullptr) return wants("text");
  entry.ca = *given;
  return {};
}

}  // namespace

const std::vector<TlsPolicyRow>& tls_policy_rows() {
  static const std::vector<TlsPolicyRow> all = {
      {{"tls_policy.domain", "text", "", "", shown([](const TlsPolicy& e) { return quoted(e.domain); })},
       true,
       set_domain},
      {{"tls_policy.tls", "choice", "", level_choices, shown([](const TlsPolicy& e) { return quoted(e.tls); })},
       true,
       set_tls},
      {{"tls_policy.names", "list of texts", "[]", "", shown([](const TlsPolicy& e) {
          std::vector<std::string> names;
          for (const auto& name : e.names) names.push_back(quoted(name));
          return fmt::format("[{}]", fmt::join(names, ", "));
        })},
       false,
       set_names},
      {{"tls_policy.ca", "text", "", "", shown([](const TlsPolicy& e) { return quoted(e.ca); })}, false, set_ca},
  };
  return all;
}

}  // namespace postil::config
