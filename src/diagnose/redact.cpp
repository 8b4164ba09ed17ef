#include "diagnose/redact.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

bool is_base64_char(char c) {
  return is_alnum(c) || c == '+' || c == '/' || c == '=' || c == '-' || c == '_';
}
bool is_base64(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, is_base64_char);
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : 63;
}

std::string decoded(std::string_view word) {
  std::string out;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : word) {
    if (c == '=') break;
    bits = (bits << 6 | static_cast<unsigned>(sextet(c))) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

bool has_inside(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What clients answer in base64: an identity, a NUL, a login, a NUL and a password [rfc4616 2]; a bearer token
// [rfc7628 3.1]; the proof of SCRAM [rfc5802 5.1]; the digest of CRAM-MD5 or DIGEST-MD5 [rfc2195 2]; NTLM's last word.
bool decodes_to_login(std::string_view word) {
  if (word.size() < 8 || word.size() > 8192) return false;
  if (word.starts_with("TlRMTVNTUAAD")) return true;
  const auto text = decoded(word);
  std::size_t nuls = 0;
  bool controls = false;
  for (const char c : text) {
    nuls += c == 0 ? 1 : 0;
    controls = controls || (c != 0 && is_control(c));
  }
  constexpr std::string_view bearer = "auth=bearer ";
  if (controls) return text.size() > bearer.size() && has_inside(to_lower(text), bearer);
  if (nuls == 2 && text.size() >= 4) return true;
  if (nuls != 0) return false;
  if (text.starts_with("c=") && has_inside(text, ",p=")) return true;
  if (has_inside(text, "username=") && has_inside(text, "response=")) return true;
  const auto space = text.rfind(' ');
  return space != std::string::npos && text.size() - space == 33 &&
         std::ranges::all_of(text.substr(space + 1), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
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
      while (at_ < text_.size() && is_base64_char(text_[at_]) && text_[at_] != '=') ++at_;
      const auto word = text_.substr(begin, at_ - begin);
      if (word.size() >= 8 && decodes_to_login(word)) {
        while (at_ < text_.size() && text_[at_] == '=') ++at_;
        out_.append(redaction);
        continue;
      }
      if (word == "SG" && key_of_a_service()) continue;
      out_.append(word);
      if (at_ >= text_.size()) break;
      if (!word.empty() && (setting(word) || option(word) || bearer(word))) continue;
      if (url() || stored_password()) continue;
      out_ += text_[at_++];
    }
  }

 private:
  void keep_to(std::size_t end) {
    out_.append(text_.substr(at_, end - at_));
    at_ = end;
  }
  // Leaves out a value: to the closing quote, or to the end of the word.
  void drop_value() {
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'' || text_[at_] == '`')) {
      const auto end = text_.find(text_[at_], at_ + 1);
      keep_to(at_ + 1);
      if (end != std::string_view::npos) {
        if (end > at_) out_.append(redaction);
        at_ = end;
        return;
      }
    }
    const auto begin = at_;
    while (at_ < text_.size() && std::string_view(" \t\r\"',;&<>)").find(text_[at_]) == std::string_view::npos) ++at_;
    if (at_ == begin) return;
    out_.append(redaction);
    // "abcd efgh ijkl mnop": an app password as providers show it.
    if (at_ - begin != 4) return;
    while (at_ + 5 <= text_.size() && text_[at_] == ' ' &&
           std::ranges::all_of(text_.substr(at_ + 1, 4), [](char c) { return c >= 'a' && c <= 'z'; }) &&
           (at_ + 5 == text_.size() || !is_alnum(text_[at_ + 5]))) {
      at_ += 5;
    }
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
    keep_to(sign);
    if (to_lower(name).ends_with("client_send") || to_lower(name).ends_with("eval")) {
      if (at_ < text_.size()) out_.append(redaction);  // a list or a command
      at_ = text_.size();
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
    keep_to(value);
    if (to_lower(name).ends_with("eval")) {
      out_.append(redaction);
      at_ = text_.size();
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
      keep_to(value);
      drop_value();
      return true;
    }
    if (bare != "u" && bare != "user") return false;
    auto end = value;
    const auto colon = next_word(text_, end).find(':');
    if (colon == std::string_view::npos) return false;
    keep_to(value + colon + 1);
    out_.append(redaction);
    const bool quoted = text_[value] == '"' || text_[value] == '\'';
    const auto close = quoted ? text_.find(text_[value], at_) : std::string_view::npos;
    at_ = close == std::string_view::npos ? end : close;
    return true;
  }

  // Authorization: Basic x, Authorization: Bearer x, auth=Bearer x
  bool bearer(std::string_view name) {
    const bool basic = iequals(name, "basic");
    if ((!basic && !iequals(name, "bearer")) || text_[at_] != ' ') return false;
    const auto before = text_.substr(0, at_ - name.size());
    auto end = at_;
    const auto word = next_word(text_, end);
    const bool header = before.ends_with(": ") || before.ends_with(":") || before.ends_with("=");
    if (!header && (basic || word.size() < 16 || !looks_chosen(word))) return false;
    keep_to(at_ + 1);
    out_.append(redaction);
    at_ = std::min({end, text_.find_first_of(std::string_view("\"'^\\\1"), at_), text_.size()});
    return true;
  }

  // "://user:password@host": the password goes; a password may hold '/', '#' and '?', though it should not.
  bool url() {
    if (!text_.substr(at_).starts_with("://")) return false;
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
    if (sign == std::string_view::npos) return keep_to(begin), true;
    // The user's name may be an address.
    const auto colon = authority.substr(0, sign).find(':');
    if (colon == std::string_view::npos) return keep_to(begin), true;
    keep_to(begin + colon + 1);
    out_.append(redaction);
    at_ = begin + sign;
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
    keep_to(end + 1);
    out_.append(redaction);
    at_ = std::min(text_.find_first_of(": \t\r\"'", at_), text_.size());
    return true;
  }

  // SG.xxxx.yyyy
  bool key_of_a_service() {
    auto end = at_;
    while (end < text_.size() && (is_base64_char(text_[end]) || text_[end] == '.')) ++end;
    if (end - at_ < 32) return false;
    out_.append(redaction);
    at_ = end;
    return true;
  }

  std::string_view text_;
  std::string& out_;
  std::size_t at_ = 0;
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
    std::string work(text);
    auth_command(work);
    login_call(work);
    password_map(work);
    Words(work, out).run();
  }

 private:
  enum class Awaits { nothing, answer, rest };

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

  // "AUTH PLAIN xxxx", "AUTH LOGIN xxxx": the response goes; the mechanism stays.
  void auth_command(std::string& text) {
    const auto lower = to_lower(text);
    for (std::size_t at = lower.find("auth "); at != std::string::npos; at = lower.find("auth ", at + 5)) {
      if (at != 0 && is_alnum(lower[at - 1])) continue;
      std::size_t position = at + 5;
      const auto mechanism = next_word(lower, position);
      static constexpr std::array known{"plain", "login",  "xoauth2",    "oauthbearer", "cram-md5",
                                        "ntlm",  "gssapi", "digest-md5", "external"};
      const auto named = mechanism.substr(0, mechanism.find_first_of("\\'\""));
      if (!named.starts_with("scram-") && std::ranges::find(known, named) == known.end()) continue;
      auto begin = position;
      while (begin < text.size() && is_space(text[begin])) ++begin;
      auto end = begin;
      while (end < text.size() && is_base64_char(text[end])) ++end;
      const auto response = std::string_view(text).substr(begin, end - begin);
      if (response.empty()) {
        if (begin == text.size() && !has_reply(text)) awaits_ = Awaits::answer;
        continue;
      }
      // "auth login failed", "AUTH LOGIN PLAIN" of EHLO: words, no response.
      if (response.size() < 8 || is_plain_word(response)) continue;
      text.replace(begin, response.size(), redaction);
      awaits_ = Awaits::rest;
      return;
    }
  }

  // server.login('ann', 'x'), as scripts have it
  static void login_call(std::string& text) {
    const auto call = text.find("login(");
    if (call == std::string::npos) return;
    const auto comma = text.find(',', call);
    if (comma == std::string::npos) return;
    auto begin = comma + 1;
    while (begin < text.size() && is_space(text[begin])) ++begin;
    if (begin >= text.size() || (text[begin] != '\'' && text[begin] != '"')) return;
    const auto end = text.find(text[begin], begin + 1);
    if (end != std::string::npos) text.replace(begin + 1, end - begin - 1, redaction);
  }

  // "[mail.example.org]:587 ann:x", a line of Postfix's sasl_passwd
  static void password_map(std::string& text) {
    std::size_t at = 0;
    const auto host = next_word(text, at);
    const auto login = next_word(text, at);
    if (login.empty() || !trim(std::string_view(text).substr(at)).empty()) return;
    const auto colon = login.find(':');
    if (host.find('.') == std::string_view::npos || host.find_first_of("@<>=/") != std::string_view::npos) return;
    if (colon == 0 || colon == std::string_view::npos || colon + 1 >= login.size() || has_inside(login, "://")) return;
    if (login.find_first_of("<>=[") != std::string_view::npos || is_digit(host.front())) return;
    const auto begin = static_cast<std::size_t>(login.data() - text.data()) + colon + 1;
    text.replace(begin, login.size() - colon - 1, redaction);
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
