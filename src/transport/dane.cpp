#include "transport/dane.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "address/ip.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::transport {
namespace {

bool has_records(const dns::Answer& answer) {
  return answer.status == dns::Status::ok && !answer.records.empty();
}

}  // namespace

std::string_view to_string(DaneResult::Kind kind) {
  switch (kind) {
    case DaneResult::Kind::none:
      return "none";
    case DaneResult::Kind::authenticate:
      return "authenticate";
    case DaneResult::Kind::encrypt:
      return "encrypt";
    case DaneResult::Kind::trouble:
      return "trouble";
  }
  return "none";
}

std::string_view to_string(DaneResult::Why why) {
  switch (why) {
    case DaneResult::Why::found:
      return "found";
    case DaneResult::Why::insecure_addresses:
      return "insecure_addresses";
    case DaneResult::Why::insecure_records:
      return "insecure_records";
    case DaneResult::Why::no_records:
      return "no_records";
    case DaneResult::Why::address_literal:
      return "address_literal";
  }
  return "found";
}

DaneLookup::DaneLookup(std::string host, std::uint16_t port, const dns::Answer& v6, const dns::Answer& v4)
    : host_(to_lower(host)), port_label_(fmt::format("_{}._tcp.", port)) {
  if (address::canonical_ip(host_)) {
    result_.why = DaneResult::Why::address_literal;
    return;
  }
  // The answers that gave the addresses count; a family without any says nothing of the host.
  const dns::Answer* first = nullptr;
  bool secure = true;
  for (const auto* answer : {&v6, &v4}) {
    if (!has_records(*answer)) continue;
    if (first == nullptr) first = answer;
    secure &= answer->secure;
    result_.ttl_seconds = std::min(result_.ttl_seconds, answer->ttl_seconds);
  }
  result_.why = DaneResult::Why::insecure_addresses;
  if (first == nullptr) return;
  const std::string expanded = to_lower(first->canonical_name);
  const bool alias = !expanded.empty() && expanded != host_;
  if (secure) {
    if (alias) bases_.push_back(expanded);
    bases_.push_back(host_);
    step_ = Step::tlsa;
  } else if (alias) {
    bases_.push_back(host_);
    step_ = Step::alias;  // the host's own zone may be signed, though that of the target is not
  }
}

std::optional<DaneLookup::Question> DaneLookup::next() const {
  switch (step_) {
    case Step::alias:
      return Question{host_, dns::Type::cname};
    case Step::tlsa:
      return Question{port_label_ + bases_.front(), dns::Type::tlsa};
    case Step::done:
      break;
  }
  return {};
}

void DaneLookup::answer(const dns::Answer& answer) {
  const auto asked = next();
  POSTIL_ASSERT(asked);
  if (!answer.definite()) {
    result_.kind = DaneResult::Kind::trouble;
    result_.failed = answer.status;
    result_.question = asked->name;
    result_.detail = answer.detail;
    result_.ttl_seconds = 0;
    step_ = Step::done;
    return;
  }
  if (answer.ttl_seconds != 0) result_.ttl_seconds = std::min(result_.ttl_seconds, answer.ttl_seconds);
  if (step_ == Step::alias) {
    step_ = answer.secure && answer.status == dns::Status::ok ? Step::tlsa : Step::done;
    return;
  }
  take_tlsa(answer);
}

void DaneLookup::take_tlsa(const dns::Answer& answer) {
  const std::string base = bases_.front();
  bases_.erase(bases_.begin());
  auto set = sort_tlsa(answer.records);
  if (!set.empty() && answer.secure) {
    result_.kind = set.usable.empty() ? DaneResult::Kind::encrypt : DaneResult::Kind::authenticate;
    result_.why = DaneResult::Why::found;
    result_.base = base;
    result_.records = std::move(set);
    step_ = Step::done;
    return;
  }
  result_.why = set.empty() ? DaneResult::Why::no_records : DaneResult::Why::insecure_records;
  if (bases_.empty()) step_ = Step::done;
}

std::vector<std::string> dane_reference_names(const std::string& base, const std::string& next_hop,
                                              const std::string& expanded) {
  std::vector<std::string> names;
  for (const auto* name : {&base, &next_hop, &expanded}) {
    auto lower = to_lower(*name);
    if (lower.empty() || lower.front() == '[') continue;
    if (std::ranges::find(names, lower) == names.end()) names.push_back(std::move(lower));
  }
  return names;
}

}  // namespace postil::transport
