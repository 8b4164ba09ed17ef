#include "mailauth/dmarc_tree.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "dns/texts.hpp"

namespace postil::mailauth {
namespace {

constexpr std::string_view prefix = "_dmarc.";
constexpr std::size_t labels_max = 8;  // a longer name's second question is about its last seven labels

std::size_t label_count(std::string_view domain) {
  return static_cast<std::size_t>(std::ranges::count(domain, '.')) + 1;
}

std::string_view parent(std::string_view domain) {
  return domain.substr(domain.find('.') + 1);
}

// The part of `domain` that has one label more than `above`, which it ends in.
std::string_view one_below(std::string_view domain, std::string_view above) {
  const auto front = domain.substr(0, domain.size() - above.size() - 1);
  const auto dot = front.rfind('.');
  return dot == std::string_view::npos ? domain : domain.substr(dot + 1);
}

// [rfc9989 4.10.2] found: the longest name first.
std::string organizational_domain(std::string_view start, const std::vector<const DmarcFound*>& found) {
  for (const auto* one : found) {
    const auto psd = one->record->psd;
    if (psd == DmarcPsd::no) return one->domain;
    if (psd == DmarcPsd::yes && one->domain != start) return std::string(one_below(start, one->domain));
  }
  return found.empty() ? std::string(start) : found.back()->domain;
}

}  // namespace

std::vector<std::string> DmarcTree::domains(std::string_view domain) {
  std::vector<std::string> out{std::string(domain)};
  auto labels = label_count(domain);
  while (labels > 1) {
    do {
      domain = parent(domain);
      --labels;
    } while (labels >= labels_max);
    out.emplace_back(domain);
  }
  return out;
}

DnsQuestion DmarcTree::question_about(std::string_view domain) {
  return {std::string(prefix) + std::string(domain), dns::Type::txt};
}

const DmarcFound* DmarcTree::at(std::string_view domain) const {
  const auto found = known_.find(domain);
  return found == known_.end() ? nullptr : &found->second;
}

DmarcTree::Walk DmarcTree::walk(std::string_view domain) const {
  Walk walk;
  for (const auto& name : domains(domain)) {
    const auto* here = at(name);
    if (!here) {
      if (!askable_name(question_about(name).name)) continue;  // longer than DNS can hold: there is no record
      walk.question = question_about(name);
      return walk;
    }
    const bool definite = here->status == dns::Status::ok || here->status == dns::Status::no_data ||
                          here->status == dns::Status::no_domain;
    // A top-level domain whose servers stumble over such a name must not make the mail of all below it wait.
    const bool top_level = name.find('.') == std::string::npos && !walk.found.empty();
    if (!definite && !top_level) {
      walk.failed = true;
      return walk;
    }
    if (!here->record) continue;
    walk.found.push_back(here);
    if (here->record->psd != DmarcPsd::unknown) break;
  }
  walk.organizational = organizational_domain(domain, walk.found);
  return walk;
}

void DmarcTree::take(const DnsQuestion& question, const dns::Answer& answer) {
  POSTIL_ASSERT(question.name.starts_with(prefix));
  DmarcFound found;
  found.domain = question.name.substr(prefix.size());
  found.status = answer.status;
  if (answer.definite()) {
    found.records = dmarc_records(answer);
    found.lookalikes = dns::texts(answer, resembles_dmarc_record);
    if (found.records.size() == 1) found.record = parse_dmarc_record(found.records.front());
  }
  known_.insert_or_assign(question.name.substr(prefix.size()), std::move(found));
}

std::vector<DmarcFound> DmarcTree::all() const {
  std::vector<DmarcFound> out;
  for (const auto& [name, found] : known_) out.push_back(found);
  return out;
}

}  // namespace postil::mailauth
