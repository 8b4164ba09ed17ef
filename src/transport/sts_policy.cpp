#include "transport/sts_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/bytes.hpp"

namespace postil::transport {
namespace {

constexpr std::size_t faults_max = 50;
constexpr std::uint32_t short_age_seconds = 86'400;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// ALPHA / DIGIT, then up to 31 of these and "_", "-", ".".
bool is_field_name(std::string_view name) {
  if (name.empty() || name.size() > 32 || !is_alnum(name.front())) return false;
  return std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; });
}

StsFault fault(StsFaultKind kind, std::size_t line, std::size_t column, std::string_view text, bool fatal = true) {
  return {kind, line, column, printable(text, 80), fatal};
}

// ---- the record ----

bool begins_as_sts(std::string_view text) {
  constexpr std::string_view version = "v=STSv1";
  if (!text.starts_with(version)) return false;
  const auto rest = trim(text.substr(version.size()));
  return rest.empty() || rest.front() == ';';
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && std::ranges::all_of(id, is_alnum);
}

bool is_extension_value(std::string_view value) {
  return !value.empty() &&
         std::ranges::all_of(value, [](char c) { return c > ' ' && c < 127 && c != '=' && c != ';'; });
}

StsRecordParse parse_record(std::string_view text) {
  StsRecordParse out;
  out.present = true;
  std::optional<std::string> id;
  bool good = true;
  const auto add = [&](StsFaultKind kind, std::size_t at, std::string_view what, bool fatal) {
    if (out.faults.size() < faults_max) out.faults.push_back(fault(kind, 1, at + 1, what, fatal));
    good &= !fatal;
  };
  std::size_t at = std::min(text.find(';'), text.size());
  while (at < text.size()) {
    ++at;  // behind the ';'
    const std::size_t end = std::min(text.find(';', at), text.size());
    std::size_t from = at;
    while (from < end && is_blank(text[from])) ++from;
    const auto field = trim(text.substr(at, end - at));
    const bool last = end == text.size();
    at = end;
    if (field.empty()) {
      if (!last) add(StsFaultKind::bad_field, from, ";", true);
      continue;
    }
    const auto equals = field.find('=');
    const auto name = field.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
    if (equals == std::string_view::npos || !is_field_name(name)) {
      add(StsFaultKind::bad_field, from, field, true);
    } else if (name != "id") {
      if (!is_extension_value(value)) {
        add(StsFaultKind::bad_field, from, field, true);
      } else {
        add(StsFaultKind::unknown_field, from, name, false);
      }
    } else if (id) {
      add(StsFaultKind::duplicate, from, field, false);
    } else if (!is_id(value)) {
      id = "";
      add(StsFaultKind::bad_id, from + equals + 1, value, true);
    } else {
      id = std::string(value);
    }
  }
  if (!id) add(StsFaultKind::no_id, text.size(), "", true);
  if (good) out.record = StsRecord{*id};
  return out;
}

// ---- the policy file ----

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

bool is_pattern(std::string_view pattern) {
  if (pattern.starts_with("*.")) pattern.remove_prefix(2);
  if (pattern.empty() || pattern.size() > 253) return false;
  return std::ranges::all_of(split(pattern, '.'), is_label);
}

class PolicyParser {
 public:
  StsPolicyParse parse(std::string_view file) {
    if (file.size() > sts_policy_octets_max) {
      add(StsFaultKind::too_large, 1, "", true);
      return std::move(out_);
    }
    while (!file.empty()) {
      const auto end = file.find('\n');
      auto text = file.substr(0, end);
      if (text.ends_with('\r')) text.remove_suffix(1);
      line(text);
      ++line_;
      file = end == std::string_view::npos ? std::string_view() : file.substr(end + 1);
    }
    if (!version_) add(StsFaultKind::no_version, 1, "", true);
    if (!mode_) add(StsFaultKind::no_mode, 1, "", true);
    if (!max_age_) add(StsFaultKind::no_max_age, 1, "", true);
    if (policy_.mx.empty() && !bad_mx_ && policy_.mode != StsMode::none) add(StsFaultKind::no_mx, 1, "", true);
    if (good_) out_.policy = std::move(policy_);
    return std::move(out_);
  }

 private:
  void add(StsFaultKind kind, std::size_t column, std::string_view text, bool fatal) {
    if (out_.faults.size() < faults_max) out_.faults.push_back(fault(kind, line_, column, text, fatal));
    good_ &= !fatal;
  }

  void line(std::string_view text) {
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    if (text.empty()) {
      add(StsFaultKind::bare_line, 1, "", false);
      return;
    }
    const auto colon = text.find(':');
    auto name = text.substr(0, colon);
    while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
    if (colon == std::string_view::npos || !is_field_name(name)) {
      add(StsFaultKind::bad_field, 1, text, true);
      return;
    }
    std::size_t from = colon + 1;
    while (from < text.size() && is_blank(text[from])) ++from;
    field(name, text.substr(from), from + 1);
  }

  // True for the first one of its name; `seen` is set.
  bool first(bool& seen, std::string_view name) {
    if (seen) add(StsFaultKind::duplicate, 1, name, false);
    return !std::exchange(seen, true);
  }

  void field(std::string_view name, std::string_view value, std::size_t column) {
    if (name == "version") {
      if (first(version_, name) && value != "STSv1") add(StsFaultKind::bad_version, column, value, true);
    } else if (name == "mode") {
      if (first(mode_, name)) mode(value, column);
    } else if (name == "max_age") {
      if (first(max_age_, name)) max_age(value, column);
    } else if (name == "mx") {
      mx(value, column);
    } else {
      const bool good = is_utf8(value) && !value.empty() && std::ranges::none_of(value, is_control);
      add(good ? StsFaultKind::unknown_field : StsFaultKind::bad_field, 1, name, !good);
    }
  }

  void mode(std::string_view value, std::size_t column) {
    for (const auto mode : {StsMode::none, StsMode::testing, StsMode::enforce}) {
      if (value != to_string(mode)) continue;
      policy_.mode = mode;
      return;
    }
    policy_.mode = StsMode::enforce;  // no second fault for what only `none` may leave out
    add(StsFaultKind::bad_mode, column, value, true);
  }

  void max_age(std::string_view value, std::size_t column) {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if (value.empty() || value.size() > 10 || parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) {
      add(StsFaultKind::bad_max_age, column, value, true);
      return;
    }
    if (number > sts_max_age_max_seconds) {
      add(StsFaultKind::max_age_clipped, column, value, false);
      number = sts_max_age_max_seconds;
    } else if (number < short_age_seconds) {
      add(StsFaultKind::max_age_short, column, value, false);
    }
    policy_.max_age_seconds = static_cast<std::uint32_t>(number);
  }

  void mx(std::string_view value, std::size_t column) {
    if (!is_pattern(value)) {
      bad_mx_ = true;
      add(StsFaultKind::bad_mx, column, value, true);
    } else if (policy_.mx.size() >= sts_mx_max) {
      add(StsFaultKind::too_many_mx, column, value, true);
    } else {
      policy_.mx.push_back(to_lower(value));
    }
  }

  StsPolicyParse out_;
  StsPolicy policy_;
  std::size_t line_ = 1;
  bool good_ = true;
  bool version_ = false, mode_ = false, max_age_ = false, bad_mx_ = false;
};

}  // namespace

std::string_view to_string(StsFaultKind kind) {
  switch (kind) {
    case StsFaultKind::no_id:
      return "no_id";
    case StsFaultKind::bad_id:
      return "bad_id";
    case StsFaultKind::several_records:
      return "several_records";
    case StsFaultKind::too_large:
      return "too_large";
    case StsFaultKind::no_version:
      return "no_version";
    case StsFaultKind::bad_version:
      return "bad_version";
    case StsFaultKind::no_mode:
      return "no_mode";
    case StsFaultKind::bad_mode:
      return "bad_mode";
    case StsFaultKind::no_max_age:
      return "no_max_age";
    case StsFaultKind::bad_max_age:
      return "bad_max_age";
    case StsFaultKind::no_mx:
      return "no_mx";
    case StsFaultKind::bad_mx:
      return "bad_mx";
    case StsFaultKind::too_many_mx:
      return "too_many_mx";
    case StsFaultKind::bad_field:
      return "bad_field";
    case StsFaultKind::duplicate:
      return "duplicate";
    case StsFaultKind::unknown_field:
      return "unknown_field";
    case StsFaultKind::max_age_clipped:
      return "max_age_clipped";
    case StsFaultKind::max_age_short:
      return "max_age_short";
    case StsFaultKind::bare_line:
      return "bare_line";
  }
  return "bad_field";
}

std::string_view to_string(StsMode mode) {
  switch (mode) {
    case StsMode::none:
      return "none";
    case StsMode::testing:
      return "testing";
    case StsMode::enforce:
      return "enforce";
  }
  return "none";
}

StsRecordParse parse_sts_records(std::span<const dns::Data> texts) {
  const std::string* only = nullptr;
  std::size_t count = 0;
  for (const auto& data : texts) {
    const auto* text = std::get_if<dns::Text>(&data);
    if (text == nullptr || !begins_as_sts(text->value)) continue;
    only = &text->value;
    ++count;
  }
  if (count == 0) return {};
  if (count == 1) return parse_record(*only);
  StsRecordParse out;
  out.present = true;
  out.faults.push_back(fault(StsFaultKind::several_records, 1, 1, fmt::to_string(count)));
  return out;
}

StsPolicyParse parse_sts_policy(std::string_view file) {
  return PolicyParser().parse(file);
}

std::string to_text(const StsPolicy& policy) {
  std::string text = fmt::format("version: STSv1\r\nmode: {}\r\n", to_string(policy.mode));
  for (const auto& mx : policy.mx) text += fmt::format("mx: {}\r\n", mx);
  text += fmt::format("max_age: {}\r\n", policy.max_age_seconds);
  return text;
}

bool sts_pattern_matches(std::string_view pattern, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!pattern.starts_with("*.")) return iequals(pattern, host);
  const auto dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && iequals(pattern.substr(2), host.substr(dot + 1));
}

bool sts_allows(const StsPolicy& policy, std::string_view host) {
  return std::ranges::any_of(policy.mx, [&](const auto& pattern) { return sts_pattern_matches(pattern, host); });
}

std::string sts_record_name(std::string_view domain) {
  return fmt::format("_mta-sts.{}", domain);
}

std::string sts_policy_host(std::string_view domain) {
  return fmt::format("mta-sts.{}", domain);
}

bool sts_media_type(std::string_view content_type) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), "text/plain");
}

}  // namespace postil::transport
