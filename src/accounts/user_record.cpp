#include "accounts/user_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "sasl/prepare.hpp"
#include "sasl/scram_keys.hpp"

namespace postil::accounts {
namespace {

constexpr std::size_t salt_octets_max = 1024;
constexpr std::size_t language_octets_max = 35;  // [rfc5646 4.4.1]

struct Word {
  std::string text;
  std::size_t column = 1;
};

// Cuts a line into words between spaces and tabs; a part of a word may stand in double quotes.
class WordReader {
 public:
  explicit WordReader(std::string_view line) : line_(line) {}
  // Nothing at the end; good() is false after a broken quote.
  std::optional<Word> next() {
    while (at_ < line_.size() && blank(line_[at_])) ++at_;
    if (at_ == line_.size()) return std::nullopt;
    Word word{.text = {}, .column = at_ + 1};
    bool quoted = false;
    for (; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (c == '"') {
        quoted = !quoted;
      } else if (quoted && c == '\\') {
        if (++at_ == line_.size() || (line_[at_] != '"' && line_[at_] != '\\')) return fail(word.column);
        word.text += line_[at_];
      } else if (!quoted && blank(c)) {
        break;
      } else {
        word.text += c;
      }
    }
    if (quoted) return fail(word.column);
    return word;
  }
  bool good() const { return good_; }
  std::size_t failed_column() const { return failed_column_; }

 private:
  static bool blank(char c) { return c == ' ' || c == '\t'; }
  std::optional<Word> fail(std::size_t column) {
    good_ = false;
    failed_column_ = column;
    at_ = line_.size();
    return std::nullopt;
  }
  std::string_view line_;
  std::size_t at_ = 0;
  bool good_ = true;
  std::size_t failed_column_ = 0;
};

std::string quoted_if_needed(std::string_view text) {
  const bool plain = !text.empty() && !text.starts_with('#') && text.find_first_of(" \t\"\\") == std::string_view::npos;
  if (plain) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// ITERATIONS:SALT$STORED:SERVER, as in RFC 5803 without the mechanism's name.
std::optional<sasl::ScramKeys> parse_scram(std::string_view text, crypto::Hash hash) {
  const auto colon = text.find(':');
  const auto dollar = text.find('$');
  const auto second = dollar == std::string_view::npos ? dollar : text.find(':', dollar);
  if (colon == std::string_view::npos || second == std::string_view::npos || colon > dollar) return std::nullopt;
  sasl::ScramKeys keys;
  const auto count = text.substr(0, colon);
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), keys.iterations);
  if (error != std::errc() || end != count.data() + count.size()) return std::nullopt;
  const auto salt = crypto::base64_decode(text.substr(colon + 1, dollar - colon - 1));
  const auto stored = crypto::base64_decode(text.substr(dollar + 1, second - dollar - 1));
  const auto server = crypto::base64_decode(text.substr(second + 1));
  if (!salt || !stored || !server) return std::nullopt;
  const std::size_t octets = crypto::digest_octets(hash);
  const bool good = keys.iterations >= sasl::scram_iterations_min && keys.iterations <= sasl::scram_iterations_max &&
                    !salt->empty() && salt->size() <= salt_octets_max && stored->size() == octets &&
                    server->size() == octets;
  if (!good) return std::nullopt;
  keys.salt = *salt;
  keys.stored_key = *stored;
  keys.server_key = *server;
  return keys;
}

std::string format_scram(const sasl::ScramKeys& keys) {
  return fmt::format("{}:{}${}:{}", keys.iterations, crypto::base64_encode(keys.salt),
                     crypto::base64_encode(keys.stored_key), crypto::base64_encode(keys.server_key));
}

bool valid_language(std::string_view tag) {
  return !tag.empty() && tag.size() <= language_octets_max && is_alpha(tag.front()) && is_alnum(tag.back()) &&
         std::ranges::all_of(tag, [](char c) { return is_alnum(c) || c == '-'; });
}

// What is wrong with a key's value, if anything; otherwise it is in the record.
std::optional<ProblemKind> take(UserRecord& record, std::string_view key, const std::string& value) {
  if (key == "password") {
    if (!crypto::known_hash(value)) return ProblemKind::password_hash;
    record.password_hash = value;
  } else if (key == "scram-sha-1") {
    record.scram_sha1 = parse_scram(value, crypto::Hash::sha1);
    if (!record.scram_sha1) return ProblemKind::scram_keys;
  } else if (key == "scram-sha-256") {
    record.scram_sha256 = parse_scram(value, crypto::Hash::sha256);
    if (!record.scram_sha256) return ProblemKind::scram_keys;
  } else if (key == "address") {
    auto pattern = normalise_address(value, true);
    if (!pattern) return ProblemKind::address_pattern;
    record.addresses.push_back(std::move(*pattern));
  } else if (key == "language") {
    if (!valid_language(value)) return ProblemKind::language;
    record.language = value;
  } else if (key == "disabled") {
    if (value != "yes" && value != "no") return ProblemKind::flag;
    record.disabled = value == "yes";
  } else if (key == "mechanism-off") {
    const auto* mechanism = sasl::find_mechanism(value);
    if (mechanism == nullptr) return ProblemKind::mechanism;
    record.mechanisms_off.emplace_back(mechanism->name);
  } else {
    return ProblemKind::key_unknown;
  }
  return std::nullopt;
}

// A value is shown only where it cannot be a secret.
std::string detail_of(ProblemKind kind, std::string_view key, std::string_view value) {
  const bool shown = kind == ProblemKind::address_pattern || kind == ProblemKind::mechanism;
  return printable(shown ? value : key, 100);
}

std::expected<std::string, PasswordError> prepared_password(std::string_view password) {
  auto prepared = sasl::saslprep(password);
  if (!prepared)
    return std::unexpected(prepared.error() == sasl::PrepareError::empty ? PasswordError::empty
                                                                         : PasswordError::prohibited);
  if (prepared->size() > crypto::password_octets_max) return std::unexpected(PasswordError::too_long);
  return std::move(*prepared);
}

}  // namespace

std::string_view to_string(ProblemKind kind) {
  static constexpr std::array<std::string_view, 17> names = {
      "header",     "newer_version",   "server_key",  "line_too_long", "not_utf8",      "quotes",
      "name",       "name_taken",      "key_unknown", "key_twice",     "value_missing", "password_hash",
      "scram_keys", "address_pattern", "language",    "flag",          "mechanism"};
  static_assert(names.size() == static_cast<std::size_t>(ProblemKind::mechanism) + 1);
  return names[static_cast<std::size_t>(kind)];
}

std::string to_string(const Problem& problem) {
  std::string text = fmt::format("line {}, column {}: {}", problem.line, problem.column, to_string(problem.kind));
  if (!problem.detail.empty()) text += fmt::format(" ({})", problem.detail);
  return text;
}

std::optional<std::string> name_key(std::string_view name) {
  constexpr std::size_t name_octets_max = 512;  // as sasl takes them
  const auto prepared = sasl::saslprep(name);
  if (!prepared || prepared->size() > name_octets_max) return std::nullopt;
  return to_lower(*prepared);
}

std::optional<std::string> normalise_address(std::string_view text, bool patterns) {
  if (patterns && text == "*") return "*";
  if (patterns && text.starts_with("*@")) {
    const auto domain = address::to_ascii(text.substr(2));
    if (!domain || !address::valid_domain(*domain)) return std::nullopt;
    return "*@" + *domain;
  }
  const auto path = address::parse_address(text, true);
  if (!path) return std::nullopt;
  const std::string local = to_lower(address::nfc(address::quote_local(path->local)));
  if (path->literal) return local + "@" + path->domain;
  const auto domain = address::to_ascii(path->domain);
  if (!domain) return std::nullopt;
  return local + "@" + *domain;
}

std::expected<UserRecord, std::vector<Problem>> parse_user(std::string_view line, std::size_t line_number) {
  std::vector<Problem> problems;
  const auto report = [&](std::size_t column, ProblemKind kind, std::string detail = {}) {
    problems.push_back({line_number, column, kind, std::move(detail)});
  };
  if (line.size() > line_octets_max) {
    report(line_octets_max + 1, ProblemKind::line_too_long);
    return std::unexpected(std::move(problems));
  }
  if (!is_utf8(line)) {
    report(1, ProblemKind::not_utf8);
    return std::unexpected(std::move(problems));
  }
  UserRecord record;
  WordReader words(line);
  if (const auto name = words.next()) {
    const auto prepared = sasl::saslprep(name->text);
    if (prepared && name_key(name->text)) {
      record.name = *prepared;
    } else {
      report(name->column, ProblemKind::name);
    }
  }
  std::vector<std::string> seen;
  while (const auto word = words.next()) {
    const auto equals = word->text.find('=');
    const std::string key = word->text.substr(0, equals);
    if (equals == std::string::npos) {
      report(word->column, ProblemKind::value_missing);  // the word may be a password: not shown
    } else if (key != "address" && key != "mechanism-off" && std::ranges::find(seen, key) != seen.end()) {
      report(word->column, ProblemKind::key_twice, printable(key, 100));
    } else if (const auto wrong = take(record, key, word->text.substr(equals + 1))) {
      report(word->column, *wrong, detail_of(*wrong, key, word->text.substr(equals + 1)));
    }
    seen.push_back(key);
  }
  if (!words.good()) report(words.failed_column(), ProblemKind::quotes);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return record;
}

std::string format_user(const UserRecord& record) {
  std::string line = quoted_if_needed(record.name);
  const auto add = [&line](std::string_view key, std::string_view value) {
    line += fmt::format(" {}={}", key, quoted_if_needed(value));
  };
  if (record.disabled) add("disabled", "yes");
  for (const auto& each : record.addresses) add("address", each);
  if (!record.language.empty()) add("language", record.language);
  for (const auto& each : record.mechanisms_off) add("mechanism-off", each);
  if (!record.password_hash.empty()) add("password", record.password_hash);
  if (record.scram_sha256) add("scram-sha-256", format_scram(*record.scram_sha256));
  if (record.scram_sha1) add("scram-sha-1", format_scram(*record.scram_sha1));
  return line;
}

std::expected<void, PasswordError> set_password(UserRecord& record, std::string_view password, std::string_view random,
                                                crypto::Scheme scheme) {
  POSTIL_ASSERT(random.size() == password_random_octets);
  auto prepared = prepared_password(password);
  if (!prepared) return std::unexpected(prepared.error());
  const std::size_t octets = sasl::scram_salt_octets;
  std::string hash = crypto::hash_password(*prepared, random.substr(0, crypto::password_salt_octets), scheme);
  POSTIL_ASSERT(!hash.empty());
  record.password_hash = std::move(hash);
  record.scram_sha256 = sasl::make_scram_keys(crypto::Hash::sha256, *prepared, random.substr(octets, octets));
  record.scram_sha1 = sasl::make_scram_keys(crypto::Hash::sha1, *prepared, random.substr(2 * octets, octets));
  crypto::wipe(*prepared);
  return {};
}

}  // namespace postil::accounts
