#include "diagnose/confirm.hpp"

#include <algorithm>

namespace postil::diagnose {
namespace {

bool is_trouble(std::string_view check, FindingId id) {
  const auto word = entry(id).word;
  if (word == Word::fail || word == Word::warn) return true;
  const bool about_mx = check == "recipient_mx" || check == "sender_mx";
  if (about_mx && id == FindingId::mx_null) return true;
  if (check == "parked") return word == Word::ok;  // it is one: that is why it takes nothing
  if (check == "dkim") return id == FindingId::dkim_not_found || id == FindingId::dkim_revoked;
  return false;
}

}  // namespace

std::string_view to_string(Confirmation confirmation) {
  constexpr std::string_view words[] = {"confirmed", "refuted", "untested"};
  return words[static_cast<std::size_t>(confirmation)];
}

Confirmed confirm(std::string_view check, const std::vector<Finding>& findings) {
  Confirmed out;
  std::vector<std::string> good;
  for (const auto& finding : findings) {
    const auto& of = entry(finding.id);
    if (is_trouble(check, finding.id)) {
      out.by.emplace_back(of.name);
    } else if (of.word == Word::ok) {
      good.emplace_back(of.name);
    }
  }
  if (!out.by.empty()) {
    out.verdict = Confirmation::confirmed;
  } else if (!good.empty()) {
    out.verdict = Confirmation::refuted;
    out.by = std::move(good);
  }
  return out;
}

}  // namespace postil::diagnose
