#include "diagnose/redact.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "diagnose/base64_login.hpp"

namespace postil::diagnose {
namespace {

bool is_base64(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, is_base64_char);
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// Every octet of every line of a log is looked at: what belongs to a word of base64, without the signs at its end.
constexpr auto in_word = [] {
  std::array<bool, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = is_base64_char(static_cast<char>(i)) && i != '=';
  return out;
}();

bool has_inside(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && is_space(text[at])) ++at;
  const auto begin = at;
  while (at < text.size() && !is_space(text[at])) ++at;
  return text.substr(begin, at - begin);
}

// "failed", "LOGIN": a word, no base64.
bool is_plain_word(std::string_view word) {
  const bool one_case =
      std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; }) ||
      std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || is_digit(c); });
  return one_case && word.size() <= 16;
}

// A word that nobody writes in a sentence: letters with digits among them, or capitals inside.
bool looks_chosen(std::string_view word) {
  const bool letter = std::ranges::any_of(word, is_alpha);
  const bool digit = std::ranges::any_of(word, is_digit);
  const bool small = std::ranges::any_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
  const bool capital =
      word.size() > 1 && std::ranges::any_of(word.substr(1), [](char c) { return c >= 'A' && c <= 'Z'; });
  return word.size() >= 4 && letter && (digit || (small && capital)) && !has_inside(word, "://") &&
         word.find_first_of("@<>") == std::string_view::npos;
}

// What all the tails below end with; few other words do.
bool ends_as_secret(std::string_view name) {
  const char before = ascii_lower(name[name.size() - 2]);
  switch (ascii_lower(name.back())) {
    case 'd':
      return before == 'r' || before == 'w' || before == 'n';
    case 'e':
    case 's':
      return before == 's';
    case 'l':
      return before == 'a';
    case 'n':
    case 't':
    case 'y':
      return before == 'e';
    default:
      return false;
  }
}

// Whether a setting of this name holds a secret: password, smtp_pass, AuthPass, X-API-Key, client_secret.
bool names_secret(std::string_view name) {
  struct Tail {
    std::string_view text;
    bool whole;  // also the end of other words: bypass
  };
  static constexpr std::array tails{Tail{"password", false},     Tail{"passwd", false},  Tail{"passphrase", false},
                                    Tail{"passwordeval", false}, Tail{"pass", true},     Tail{"pwd", true},
                                    Tail{"secret", true},        Tail{"token", true},    Tail{"apikey", false},
                                    Tail{"api_key", false},      Tail{"api-key", false}, Tail{"client_send", false}};
  if (name.size() < 3 || !ends_as_secret(name)) return false;
  return std::ranges::any_of(tails, [&](const Tail& tail) {
    if (name.size() < tail.text.size()) return false;
    const auto before = name.size() - tail.text.size();
    if (!iequals(name.substr(before), tail.text)) return false;
    const bool begins = before == 0 || !is_alpha(name[before - 1]) || (name[before] >= 'A' && name[before] <= 'Z');
    return !tail.whole || begins;
  });
}

// The words of one line, from left to right; what is a secret is left out.
class Words {
 public:
  Words(std::string_view text, std::string& out) : text_(text), out_(out) {}

  void run() {
    while (at_ < text_.size()) {
      const auto begin = at_;
      while (at_ < text_.size() && in_word[static_cast<unsigned char>(text_[at_])]) ++at_;
      const auto word = text_.substr(begin, at_ - begin);
      if (word.size() >= 8 && decodes_to_login(word)) {
        auto end = at_;
        while (end < text_.size() && text_[end] == '=') ++end;
        leave_out(begin, end);
        continue;
      }
      if (word == "SG" && key_of_a_service(begin)) continue;
      if (at_ >= text_.size()) break;
      if (!word.empty() && (setting(word) || option(word) || bearer(word))) continue;
      if (!url() && !stored_password()) ++at_;
    }
    out_.append(text_.substr(kept_));
  }

 private:
  // What stands before it is kept.
  void leave_out(std::size_t begin, std::size_t end) {
    out_.append(text_.substr(kept_, begin - kept_)).append(redaction);
    at_ = kept_ = end;
  }
  // Leaves out a value: to the closing quote, or to the end of the word.
  void drop_value() {
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'' || text_[at_] == '`')) {
      const auto end = text_.find(text_[at_], at_ + 1);
      ++at_;
      if (end != std::string_view::npos) {
        if (end > at_) leave_out(at_, end);
        return;
      }
    }
    const auto begin = at_;
    auto end = begin;
    while (end < text_.size() && std::string_view(" \t\r\"',;&<>)").find(text_[end]) == std::string_view::npos) ++end;
    if (end == begin) return;
    // "abcd efgh ijkl mnop": an app password as providers show it.
    const bool four = end - begin == 4;
    while (four && end + 5 <= text_.size() && text_[end] == ' ' &&
           std::ranges::all_of(text_.substr(end + 1, 4), [](char c) { return c >= 'a' && c <= 'z'; }) &&
           (end + 5 == text_.size() || !is_alnum(text_[end + 5]))) {
      end += 5;
    }
    leave_out(begin, end);
  }

  // password=x, password: x, "password": "x", 'password' => 'x', <password>x</password>, password x
  bool setting(std::string_view name) {
    const bool proof = name == "p" && text_.starts_with("c=") && text_[at_] == '=';  // [rfc5802 5.1]
    if (!proof && !names_secret(name)) return false;
    if (at_ > name.size() && text_[at_ - name.size() - 1] == '=') return false;  // "spf=pass: ..."
    auto sign = at_;
    if (text_[sign] == '"' || text_[sign] == '\'') ++sign;
    while (sign < text_.size() && is_space(text_[sign])) ++sign;
    if (sign >= text_.size()) return false;
    const bool sets = text_[sign] == '=' || (text_[sign] == ':' && !text_.substr(sign + 1).starts_with('/'));
    if (!sets && (text_[sign] != '>' || sign != at_)) return bare_setting(name, sign);
    ++sign;
    if (sign < text_.size() && text_[sign - 1] == '=' && text_[sign] == '>') ++sign;
    while (sign < text_.size() && is_space(text_[sign])) ++sign;
    at_ = sign;
    if (to_lower(name).ends_with("client_send") || to_lower(name).ends_with("eval")) {
      if (at_ < text_.size()) leave_out(at_, text_.size());  // a list or a command
    } else {
      drop_value();
    }
    return true;
  }

  // "password x" of msmtp, netrc and fetchmail: no sentence, if x is none of its words.
  bool bare_setting(std::string_view name, std::size_t value) {
    if (value == at_ || !to_lower(name).starts_with("pass")) return false;
    auto end = value;
    auto word = next_word(text_, end);
    if (word == "is" || word == "was") {
      value = end;
      word = next_word(text_, end);
      if (word.empty()) return false;
      value = end - word.size();
    }
    const bool quoted = word.starts_with('"') || word.starts_with('\'');
    const auto before = trim(text_.substr(0, at_ - name.size()));
    const bool alone = before.empty() && trim(text_.substr(end)).empty();
    // "login ann password x"
    const auto last = before.find_last_of(" \t");
    const auto login = trim(before.substr(0, last == std::string_view::npos ? 0 : last));
    const bool file = name[0] == 'p' && (alone || login.ends_with("login") || login.ends_with("user"));
    if (!quoted && !file && !looks_chosen(word)) return false;
    at_ = value;
    if (to_lower(name).ends_with("eval")) {
      leave_out(value, text_.size());
    } else {
      drop_value();
    }
    return true;
  }

  // -ap x and --auth-password x of swaks, -xp x of sendEmail, -u ann:x of curl
  bool option(std::string_view name) {
    if (!name.starts_with('-') || !is_space(text_[at_])) return false;
    const auto bare =
        name.substr(name.find_first_not_of('-') == std::string_view::npos ? name.size() : name.find_first_not_of('-'));
    auto value = at_;
    while (value < text_.size() && is_space(text_[value])) ++value;
    if (value >= text_.size() || text_[value] == '-') return false;
    if (bare == "ap" || bare == "xp" || bare == "auth-pass" || bare == "oauth2-bearer" || names_secret(bare)) {
      at_ = value;
      drop_value();
      return true;
    }
    if (bare != "u" && bare != "user") return false;
    auto end = value;
    const auto colon = next_word(text_, end).find(':');
    if (colon == std::string_view::npos) return false;
    const auto begin = value + colon + 1;
    const bool quoted = text_[value] == '"' || text_[value] == '\'';
    const auto close = quoted ? text_.find(text_[value], begin) : std::string_view::npos;
    leave_out(begin, close == std::string_view::npos ? end : close);
    return true;
  }

  // Authorization: Basic x, Authorization: Bearer x, auth=Bearer x
  bool bearer(std::string_view name) {
    if (name.size() != 5 && name.size() != 6) return false;
    const bool basic = iequals(name, "basic");
    if ((!basic && !iequals(name, "bearer")) || text_[at_] != ' ') return false;
    const auto before = text_.substr(0, at_ - name.size());
    auto end = at_;
    const auto word = next_word(text_, end);
    const bool header = before.ends_with(": ") || before.ends_with(":") || before.ends_with("=");
    if (!header && (basic || word.size() < 16 || !looks_chosen(word))) return false;
    const auto begin = at_ + 1;
    leave_out(begin, std::min({end, text_.find_first_of(std::string_view("\"'^\\\1"), begin), text_.size()}));
    return true;
  }

  // "://user:password@host": the password goes; a password may hold '/', '#' and '?', though it should not.
  bool url() {
    if (text_[at_] != ':' || text_.substr(at_, 3) != "://") return false;
    const auto begin = at_ + 3;
    const auto whole_end = std::min(text_.find_first_of(" \t\r\"'<>", begin), text_.size());
    const auto whole = text_.substr(begin, whole_end - begin);
    auto authority = whole.substr(0, whole.find_first_of("/?#"));
    // What stands behind the host is a port; anything else is the beginning of a password.
    const auto host = authority.substr(authority.rfind('@') + 1);
    const auto port = host.substr(std::min(host.find(':'), host.size()));
    const bool port_only = port.empty() || std::ranges::all_of(port.substr(1), is_digit);
    if (!host.starts_with('[') && !port_only) authority = whole;
    const auto sign = authority.rfind('@');
    at_ = begin;
    if (sign == std::string_view::npos) return true;
    // The user's name may be an address.
    const auto colon = authority.substr(0, sign).find(':');
    if (colon != std::string_view::npos) leave_out(begin + colon + 1, begin + sign);
    return true;
  }

  // "{PLAIN}x", as files of users have it
  bool stored_password() {
    if (text_[at_] != '{') return false;
    auto end = at_ + 1;
    while (end < text_.size() && ((text_[end] >= 'A' && text_[end] <= 'Z') || is_digit(text_[end]) ||
                                  text_[end] == '-' || text_[end] == '.')) {
      ++end;
    }
    if (end - at_ < 3 || end + 1 >= text_.size() || text_[end] != '}' || is_space(text_[end + 1])) return false;
    leave_out(end + 1, std::min(text_.find_first_of(": \t\r\"'", end + 1), text_.size()));
    return true;
  }

  // SG.xxxx.yyyy
  bool key_of_a_service(std::size_t begin) {
    auto end = at_;
    while (end < text_.size() && (is_base64_char(text_[end]) || text_[end] == '.')) ++end;
    if (end - at_ < 32) return false;
    leave_out(begin, end);
    return true;
  }

  std::string_view text_;
  std::string& out_;
  std::size_t at_ = 0;
  std::size_t kept_ = 0;  // what stands before it is in out_
};

class LineRedactor {
 public:
  void line(std::string_view text, std::string& out) {
    const auto answer = awaits_ == Awaits::nothing ? std::nullopt : answer_in(text);
    if (answer) {
      // The client's answer to a challenge, whatever it is.
      out.append(text.substr(0, answer->first)).append(redaction);
      out.append(text.substr(answer->first + answer->second));
      awaits_ = Awaits::rest;
      return;
    }
    if (is_challenge(text)) {
      awaits_ = Awaits::answer;
    } else if (!trim(text).empty()) {
      awaits_ = Awaits::nothing;
    }
    std::string changed;
    for (const auto find : {&LineRedactor::auth_command, &LineRedactor::login_call, &LineRedactor::password_map}) {
      const auto secret = (this->*find)(text);
      if (!secret) continue;
      std::string without(text.substr(0, secret->first));
      without.append(redaction).append(text.substr(secret->first + secret->second));
      changed = std::move(without);
      text = changed;
    }
    Words(text, out).run();
  }

 private:
  enum class Awaits { nothing, answer, rest };
  using Secret = std::optional<std::pair<std::size_t, std::size_t>>;  // where it begins, and its size

  // The last word of the line, without what programs put around it: "b'...\r\n'".
  static std::pair<std::size_t, std::size_t> last_word(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    while (!text.empty() && std::string_view("'\",").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    for (const std::string_view tail : {"\\n", "\\r"})
      if (text.ends_with(tail)) text.remove_suffix(2);
    const auto space = text.find_last_of(" \t'\"");
    const auto begin = space == std::string_view::npos ? 0 : space + 1;
    return {begin, text.size() - begin};
  }

  // "535 5.7.8 ...", behind whatever mark
  static bool has_reply(std::string_view text) {
    for (std::size_t at = 0; at + 3 <= text.size(); ++at) {
      if (text[at] < '2' || text[at] > '5' || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) continue;
      const bool begins = at == 0 || std::string_view(" \t'\"<>").find(text[at - 1]) != std::string_view::npos;
      if (begins && (at + 3 == text.size() || text[at + 3] == ' ' || text[at + 3] == '-')) return true;
    }
    return false;
  }

  // "334 VXNlcm5hbWU6", behind whatever mark
  static bool is_challenge(std::string_view text) {
    const auto at = text.find("334");
    if (at == std::string_view::npos) return false;
    if (at != 0 && std::string_view(" \t'\"<>").find(text[at - 1]) == std::string_view::npos) return false;
    auto rest = text.substr(at + 3);
    if (!rest.empty() && !is_space(rest.front()) && rest.front() != '\\') return false;
    const auto [begin, size] = last_word(rest);
    if (size == 0) return true;
    const auto word = rest.substr(begin, size);
    return trim(rest.substr(0, begin)).empty() && is_base64(word) && word.size() % 4 == 0;
  }

  std::optional<std::pair<std::size_t, std::size_t>> answer_in(std::string_view text) const {
    if (has_reply(text)) return std::nullopt;
    const auto found = last_word(text);
    const auto word = text.substr(found.first, found.second);
    if (word.empty() || (!is_base64(word) && word != "*")) return std::nullopt;
    // The rest of an answer that was broken into lines
    const bool mark = found.first <= 12 || has_inside(text, ": ") || has_inside(text, "->");
    if (awaits_ == Awaits::rest && (word.size() < 8 || is_plain_word(word))) return std::nullopt;
    return mark ? std::optional(found) : std::nullopt;
  }

  // "auth ", in any case
  static std::size_t find_auth(std::string_view text, std::size_t from) {
    for (auto space = text.find(' ', from + 4); space != std::string_view::npos; space = text.find(' ', space + 1)) {
      if (ascii_lower(text[space - 1]) == 'h' && istarts_with(text.substr(space - 4), "auth")) return space - 4;
    }
    return std::string_view::npos;
  }

  // "AUTH PLAIN xxxx", "AUTH LOGIN xxxx": the response goes; the mechanism stays.
  Secret auth_command(std::string_view text) {
    for (auto at = find_auth(text, 0); at != std::string_view::npos; at = find_auth(text, at + 5)) {
      if (at != 0 && is_alnum(text[at - 1])) continue;
      std::size_t position = at + 5;
      const auto mechanism = to_lower(next_word(text, position));
      static constexpr std::array known{"plain", "login",  "xoauth2",    "oauthbearer", "cram-md5",
                                        "ntlm",  "gssapi", "digest-md5", "external"};
      const auto named = std::string_view(mechanism).substr(0, mechanism.find_first_of("\\'\""));
      if (!named.starts_with("scram-") && std::ranges::find(known, named) == known.end()) continue;
      auto begin = position;
      while (begin < text.size() && is_space(text[begin])) ++begin;
      auto end = begin;
      while (end < text.size() && is_base64_char(text[end])) ++end;
      const auto response = text.substr(begin, end - begin);
      if (response.empty()) {
        if (begin == text.size() && !has_reply(text)) awaits_ = Awaits::answer;
        continue;
      }
      // "auth login failed", "AUTH LOGIN PLAIN" of EHLO: words, no response.
      if (response.size() < 8 || is_plain_word(response)) continue;
      awaits_ = Awaits::rest;
      return std::pair{begin, response.size()};
    }
    return std::nullopt;
  }

  // server.login('ann', 'x'), as scripts have it
  Secret login_call(std::string_view text) {
    const auto call = text.find("login(");
    if (call == std::string_view::npos) return std::nullopt;
    const auto comma = text.find(',', call);
    if (comma == std::string_view::npos) return std::nullopt;
    auto begin = comma + 1;
    while (begin < text.size() && is_space(text[begin])) ++begin;
    if (begin >= text.size() || (text[begin] != '\'' && text[begin] != '"')) return std::nullopt;
    const auto end = text.find(text[begin], begin + 1);
    if (end == std::string_view::npos) return std::nullopt;
    return std::pair{begin + 1, end - begin - 1};
  }

  // "[mail.example.org]:587 ann:x", a line of Postfix's sasl_passwd
  Secret password_map(std::string_view text) {
    std::size_t at = 0;
    const auto host = next_word(text, at);
    const auto login = next_word(text, at);
    if (login.empty() || !trim(text.substr(at)).empty()) return std::nullopt;
    const auto colon = login.find(':');
    if (host.find('.') == std::string_view::npos || host.find_first_of("@<>=/") != std::string_view::npos) {
      return std::nullopt;
    }
    if (colon == 0 || colon == std::string_view::npos || colon + 1 >= login.size() || has_inside(login, "://")) {
      return std::nullopt;
    }
    if (login.find_first_of("<>=[") != std::string_view::npos || is_digit(host.front())) return std::nullopt;
    return std::pair{static_cast<std::size_t>(login.data() - text.data()) + colon + 1, login.size() - colon - 1};
  }

  Awaits awaits_ = Awaits::nothing;
};

}  // namespace

std::string redacted(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  LineRedactor redactor;
  std::size_t at = 0;
  while (at <= text.size()) {
    const auto end = text.find('\n', at);
    redactor.line(text.substr(at, end == std::string_view::npos ? end : end - at), out);
    if (end == std::string_view::npos) break;
    out += '\n';
    at = end + 1;
  }
  return out;
}

}  // namespace postil::diagnose
