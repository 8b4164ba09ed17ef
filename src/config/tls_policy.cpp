// The keys of an entry of [[tls_policy]].
#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

constexpr std::string_view level_choices = "never opportunistic required verified dane";

template <class Get>
std::function<std::string(const Config&)> shown(Get get) {
  return shown_of(&Config::tls_policies, get);
}

std::optional<std::string> domain_of(std::string_view text) {
  const auto ascii = address::to_ascii(text);
  if (!ascii || !address::valid_domain(*ascii)) return {};
  return *ascii;
}

Wrongs set_domain(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (given == nullptr) return wants("domain");
  const bool below = given->starts_with('.');
  auto domain = domain_of(std::string_view(*given).substr(below ? 1 : 0));
  if (!domain) return wants("domain");
  entry.domain = (below ? "." : "") + *domain;
  return {};
}

Wrongs set_names(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::vector<std::string>>(&value);
  if (given == nullptr) return wants("texts");
  return set_items(entry.names, *given, "domain", domain_of);
}

Wrongs set_ca(TlsPolicy& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (given && given->empty()) return {};
  return set_line(entry.ca, value);
}

}  // namespace

const std::vector<RowOf<TlsPolicy>>& tls_policy_rows() {
  static const std::vector<RowOf<TlsPolicy>> all = {
      {{"tls_policy.domain", "text", "", "", shown([](const TlsPolicy& e) { return quoted(e.domain); })},
       set_domain,
       true},
      {{"tls_policy.tls", "choice", "", level_choices, shown([](const TlsPolicy& e) { return quoted(e.tls); })},
       [](TlsPolicy& e, const Value& value) { return set_choice(e.tls, value, level_choices); },
       true},
      {{"tls_policy.names", "list of texts", "[]", "", shown([](const TlsPolicy& e) { return quoted_list(e.names); })},
       set_names},
      {{"tls_policy.ca", "text", "", "", shown([](const TlsPolicy& e) { return quoted(e.ca); })}, set_ca},
  };
  return all;
}

}  // namespace postil::config
