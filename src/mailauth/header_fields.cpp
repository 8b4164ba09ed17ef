#include "mailauth/header_fields.hpp"

#include <algorithm>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"

namespace postil::mailauth {
namespace {

constexpr std::size_t authors_max = 100;

bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Reads one address list; what no mailbox looks like ends it.
class Authors {
 public:
  explicit Authors(std::string_view text) : rest_(text) {}
  std::vector<std::string> read();

 private:
  void skip_comment();
  void skip_quoted();
  bool end_address();

  std::string_view rest_;
  std::string current_;  // of this address, without comments and white space outside of quotes
  std::string angle_;
  bool in_angle_ = false, had_angle_ = false, quoted_last_ = false;
  std::vector<std::string> domains_;
};

// rest_ begins behind '('. Comments nest. [rfc5322 3.2.2]
void Authors::skip_comment() {
  for (int depth = 1; !rest_.empty() && depth > 0; rest_.remove_prefix(1)) {
    if (rest_.front() == '\\' && rest_.size() > 1) {
      rest_.remove_prefix(1);
    } else if (rest_.front() == '(') {
      ++depth;
    } else if (rest_.front() == ')') {
      --depth;
    }
  }
}

// rest_ begins behind the quote; the octets count as part of the address, so that a quoted local part has its '@'
// hidden.
void Authors::skip_quoted() {
  auto& into = in_angle_ ? angle_ : current_;
  into += 'q';
  while (!rest_.empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(c == '\\' && rest_.size() > 1 ? 2 : 1);
    if (c == '"') return;
  }
}

bool Authors::end_address() {
  const std::string address = had_angle_ ? angle_ : current_;
  const bool empty = !had_angle_ && current_.empty();
  current_.clear();
  angle_.clear();
  had_angle_ = in_angle_ = false;
  if (empty) return true;  // an empty member of a list [rfc5322 4.4]
  const auto at = address.rfind('@');
  if (at == std::string::npos || at == 0) return false;
  const auto domain = address::to_ascii(std::string_view(address).substr(at + 1));
  if (!domain || !address::valid_domain(*domain)) return false;
  domains_.push_back(*domain);
  return domains_.size() < authors_max;
}

std::vector<std::string> Authors::read() {
  while (!rest_.empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '(') {
      skip_comment();
    } else if (c == '"') {
      skip_quoted();
    } else if (c == '<') {
      if (had_angle_) return {};
      in_angle_ = had_angle_ = true;
    } else if (c == '>') {
      if (!in_angle_) return {};
      in_angle_ = false;
    } else if (c == ',' && !in_angle_) {
      if (!end_address()) return {};
    } else if ((c == ':' || c == ';') && !in_angle_) {
      return {};  // a group has no author of its own [rfc6854]
    } else if (!is_white(c)) {
      (in_angle_ ? angle_ : current_) += c;
    }
  }
  if (in_angle_ || !end_address()) return {};
  return std::move(domains_);
}

}  // namespace

std::vector<HeaderField> header_fields(std::string_view header) {
  std::vector<HeaderField> fields;
  while (!header.empty()) {
    std::size_t end = 0;
    do {
      const auto lf = header.find('\n', end);
      end = lf == std::string_view::npos ? header.size() : lf + 1;
    } while (end < header.size() && (header[end] == ' ' || header[end] == '\t'));
    HeaderField field;
    field.whole = header.substr(0, end);
    const auto colon = field.whole.find(':');
    if (colon == std::string_view::npos) break;
    field.colon = colon;
    field.name = trim(field.whole.substr(0, colon));
    if (field.name.empty() || !std::ranges::all_of(field.name, [](char c) { return c > ' ' && c < 127; })) break;
    fields.push_back(field);
    header.remove_prefix(end);
  }
  return fields;
}

std::string relaxed_field(std::string_view whole) {
  const auto colon = whole.find(':');
  std::string out = to_lower(trim(whole.substr(0, colon)));
  out += ':';
  bool space = false, begun = false;
  for (const char c : whole.substr(std::min(colon, whole.size() - 1) + 1)) {
    if (is_white(c)) {
      space = true;
      continue;
    }
    if (space && begun) out += ' ';
    space = false;
    begun = true;
    out += c;
  }
  return out;
}

FieldPicker::FieldPicker(const std::vector<HeaderField>& fields, std::size_t left_out)
    : fields_(fields), taken_(fields.size(), false) {
  if (left_out < taken_.size()) taken_[left_out] = true;
}

const HeaderField* FieldPicker::next(std::string_view name) {
  for (std::size_t i = fields_.size(); i-- > 0;) {
    if (taken_[i] || !iequals(fields_[i].name, name)) continue;
    taken_[i] = true;
    return &fields_[i];
  }
  return nullptr;
}

std::vector<std::string> author_domains(std::string_view from_value) {
  return Authors(from_value).read();
}

}  // namespace postil::mailauth
