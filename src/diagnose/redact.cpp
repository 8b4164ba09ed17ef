#include "diagnose/redact.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

bool is_base64_char(char c) {
  return is_alnum(c) || c == '+' || c == '/' || c == '=' || c == '-' || c == '_';
}

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : 63;
}

// What SASL PLAIN sends: an identity, a NUL, a login, a NUL, a password. [rfc4616 2]
bool decodes_to_login(std::string_view word) {
  if (word.size() < 8 || word.size() > 4096) return false;
  unsigned bits = 0;
  unsigned count = 0;
  std::size_t nuls = 0;
  std::size_t octets = 0;
  for (const char c : word) {
    if (c == '=') break;
    bits = (bits << 6 | static_cast<unsigned>(sextet(c))) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    const unsigned octet = bits >> count & 0xff;
    ++octets;
    if (octet == 0) {
      ++nuls;
    } else if (octet < 32 || octet == 127) {
      return false;
    }
  }
  return nuls == 2 && octets >= 4;
}

std::string_view next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  const auto begin = at;
  while (at < text.size() && text[at] != ' ' && text[at] != '\t') ++at;
  return text.substr(begin, at - begin);
}

class LineRedactor {
 public:
  void line(std::string_view text, std::string& out) {
    const auto [lead, rest] = without_mark(text);
    if (challenged_ && !rest.empty() && is_answer(rest)) {
      // The client's answer to a challenge, whatever it is.
      out.append(lead).append(redaction);
      challenged_ = false;
      return;
    }
    challenged_ = rest.starts_with("334") || (challenged_ && rest.empty());
    std::string work(text);
    auth_command(work);
    words(work, out);
  }

 private:
  // "C: ", "<-- ", "~> ": who says it.
  static std::pair<std::string_view, std::string_view> without_mark(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() && at < 12 && !is_alnum(text[at]) && text[at] != '=' && text[at] != '+' && text[at] != '*')
      ++at;
    const auto word = text.substr(at, 3);
    if (istarts_with(word, "c: ") || istarts_with(word, "s: ")) at += 3;
    return {text.substr(0, at), text.substr(at)};
  }

  static bool is_answer(std::string_view text) {
    text = trim(text);
    if (text.size() > 3 && is_digit(text[0]) && is_digit(text[1]) && is_digit(text[2]) &&
        (text[3] == ' ' || text[3] == '-')) {
      return false;  // the server's next reply
    }
    return text.find(' ') == std::string_view::npos;
  }

  // "AUTH PLAIN xxxx", "AUTH LOGIN xxxx": the response goes; the mechanism stays.
  static void auth_command(std::string& text) {
    const auto lower = to_lower(text);
    for (std::size_t at = lower.find("auth "); at != std::string::npos; at = lower.find("auth ", at + 5)) {
      if (at != 0 && is_alnum(lower[at - 1])) continue;
      std::size_t position = at + 5;
      const auto mechanism = to_lower(next_word(text, position));
      static constexpr std::array known{"plain", "login",  "xoauth2",    "oauthbearer", "cram-md5",
                                        "ntlm",  "gssapi", "digest-md5", "external"};
      const bool scram = mechanism.starts_with("scram-");
      if (!scram && std::ranges::find(known, mechanism) == known.end()) continue;
      const auto begin = position;
      const auto response = next_word(text, position);
      if (response.size() < 2 || !std::ranges::all_of(response, is_base64_char)) continue;
      // "auth login failed", "AUTH LOGIN PLAIN" of EHLO: words, no response.
      if (response.size() < 8 || is_plain_word(response)) continue;
      text.replace(begin + (text[begin] == ' ' ? 1 : 0), response.size(), redaction);
      return;
    }
  }

  static bool is_plain_word(std::string_view word) {
    const bool one_case =
        std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; }) ||
        std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || is_digit(c); });
    return one_case && word.size() <= 16;
  }

  static bool names_secret(std::string_view name) {
    static constexpr std::array names{"password", "passwd", "pass",    "pwd",         "secret",
                                      "token",    "apikey", "api_key", "access_token"};
    return std::ranges::find(names, to_lower(name)) != names.end();
  }

  // Copies the line and leaves out what stands behind "password=" and "://user:", and words that decode to a login.
  static void words(std::string_view text, std::string& out) {
    std::size_t at = 0;
    while (at < text.size()) {
      const auto begin = at;
      while (at < text.size() && is_base64_char(text[at]) && text[at] != '=') ++at;
      auto word = text.substr(begin, at - begin);
      std::size_t padding = at;
      while (padding < text.size() && text[padding] == '=' && padding - at < 2) ++padding;
      if (word.size() >= 8 && decodes_to_login(word)) {
        out.append(redaction);
        at = padding;
        continue;
      }
      out.append(word);
      if (at >= text.size()) break;
      if (names_secret(word)) {
        // password=x, password: x, "password": "x"
        auto sign = at;
        if (text[sign] == '"' || text[sign] == '\'') ++sign;
        if (sign + 1 < text.size() && (text[sign] == '=' || text[sign] == ':') && text[sign + 1] != '/') {
          ++sign;
          while (sign < text.size() && (text[sign] == ' ' || text[sign] == '"' || text[sign] == '\'')) ++sign;
          out.append(text.substr(at, sign - at));
          at = sign;
          while (at < text.size() && std::string_view(" \t\"',;&<>)").find(text[at]) == std::string_view::npos) ++at;
          if (at > sign) out.append(redaction);
          continue;
        }
      }
      if (text.substr(at).starts_with("://")) {
        at = url(text, at, out);
        continue;
      }
      if (istarts_with(text.substr(at), ": basic ") || istarts_with(text.substr(at), ": bearer ")) {
        const auto end = text.find(' ', at + 2) + 1;
        out.append(text.substr(at, end - at)).append(redaction);
        at = std::min(text.find_first_of(" \t\"'", end), text.size());
        continue;
      }
      out += text[at++];
    }
  }

  // "://user:password@host": the password goes.
  static std::size_t url(std::string_view text, std::size_t at, std::string& out) {
    const auto begin = at + 3;
    const auto end = std::min(text.find_first_of("/ \t\"'<>?#", begin), text.size());
    const auto authority = text.substr(begin, end - begin);
    const auto sign = authority.rfind('@');
    const auto colon = authority.find(':');
    out.append("://");
    if (sign == std::string_view::npos || colon == std::string_view::npos || colon > sign) return begin;
    out.append(authority.substr(0, colon + 1)).append(redaction);
    return begin + sign;
  }

  bool challenged_ = false;
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
