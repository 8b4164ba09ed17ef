#include "tlsrpt/ledger_text.hpp"

#include <algorithm>

namespace postil::tlsrpt {
namespace {

namespace json = boost::json;
using Counted = transport::TlsReport::Policy;
using Kind = transport::TlsReport::Failure;

json::array strings(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(json::string(text));
  return out;
}

std::vector<std::string> strings_in(const json::object& object, std::string_view name) {
  std::vector<std::string> out;
  const auto* list = object.if_contains(name);
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& item : list->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

std::uint64_t count_in(const json::object& object, std::string_view name) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_in(object, name)));
}

std::optional<Kind> read_kind(const json::value& value) {
  if (!value.is_object()) return {};
  const auto& from = value.get_object();
  const auto result = transport::parse_tls_result(string_in(from, "result"));
  if (!result) return {};
  return Kind{*result,
              string_in(from, "from"),
              string_in(from, "host"),
              string_in(from, "ip"),
              string_in(from, "reason"),
              count_in(from, "n")};
}

std::optional<Counted> read_policy(const json::value& value) {
  if (!value.is_object()) return {};
  const auto& from = value.get_object();
  const auto type = transport::parse_report_policy(string_in(from, "type"));
  if (!type) return {};
  Counted out{*type,
              string_in(from, "domain"),
              strings_in(from, "lines"),
              strings_in(from, "mx"),
              count_in(from, "good"),
              count_in(from, "failed"),
              {}};
  if (const auto* failures = from.if_contains("failures"); failures != nullptr && failures->is_array()) {
    for (const auto& item : failures->get_array()) {
      auto kind = read_kind(item);
      if (!kind) return {};
      out.failures.push_back(std::move(*kind));
    }
  }
  return out;
}

}  // namespace

std::string string_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::int64_t number_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_int64() ? found->get_int64() : 0;
}

json::array counts_json(const std::vector<Counted>& policies) {
  json::array out;
  for (const auto& policy : policies) {
    json::array failures;
    for (const auto& kind : policy.failures) {
      failures.emplace_back(json::object{{"result", to_string(kind.result)},
                                         {"from", kind.sending_ip},
                                         {"host", kind.receiving_host},
                                         {"ip", kind.receiving_ip},
                                         {"reason", kind.reason},
                                         {"n", kind.sessions}});
    }
    out.emplace_back(json::object{{"type", to_string(policy.type)},
                                  {"domain", policy.domain},
                                  {"lines", strings(policy.lines)},
                                  {"mx", strings(policy.mx_patterns)},
                                  {"good", policy.successful},
                                  {"failed", policy.failed},
                                  {"failures", std::move(failures)}});
  }
  return out;
}

json::object due_json(const Due& due) {
  return {{"due", due.id},
          {"day", due.day},
          {"domain", due.domain},
          {"done", strings(due.done)},
          {"next_try", unix_microseconds(due.next_try)},
          {"first_try", unix_microseconds(due.first_try)},
          {"tries", due.tries},
          {"policies", counts_json(due.policies)}};
}

std::optional<std::vector<Counted>> read_counts(const json::object& line) {
  const auto* list = line.if_contains("policies");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) return {};
  std::vector<Counted> out;
  for (const auto& item : list->get_array()) {
    auto policy = read_policy(item);
    if (!policy) return {};
    out.push_back(std::move(*policy));
  }
  return out;
}

std::optional<Due> read_due(const json::object& line) {
  auto policies = read_counts(line);
  if (!policies) return {};
  Due out{string_in(line, "due"),
          string_in(line, "domain"),
          number_in(line, "day"),
          std::move(*policies),
          strings_in(line, "done"),
          wall_from_microseconds(number_in(line, "next_try")),
          wall_from_microseconds(number_in(line, "first_try")),
          static_cast<std::uint32_t>(std::clamp<std::int64_t>(number_in(line, "tries"), 0, 1000))};
  if (out.id.empty() || out.domain.empty()) return {};
  return out;
}

}  // namespace postil::tlsrpt
