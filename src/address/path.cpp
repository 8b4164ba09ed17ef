#include "address/path.hpp"

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"

namespace postil::address {
namespace {

constexpr std::size_t label_octets_max = 63;

bool is_atext(char c) {
  return is_alnum(c) || is_8bit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_string(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' ? text[i - 1] == '.' : !is_atext(text[i])) return false;
  }
  return true;
}

bool is_domain_octet(char c) {
  return is_alnum(c) || is_8bit(c) || c == '-' || c == '_' || c == '.';
}

// U+0080 to U+009F: controls for terminals, though RFC 6531 does not name them. text is UTF-8.
bool has_c1_control(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xC2' && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

enum class DomainFault : std::uint8_t { none, syntax, too_long };

DomainFault check_ascii_labels(std::string_view domain) {
  if (domain.empty()) return DomainFault::syntax;
  bool long_label = false;
  for (const auto label : split(domain, '.')) {
    if (label.empty() || label.front() == '-' || label.back() == '-') return DomainFault::syntax;
    for (const char c : label)
      if (!is_domain_octet(c)) return DomainFault::syntax;
    long_label = long_label || label.size() > label_octets_max;
  }
  return long_label || domain.size() > limits::domain_octets_max ? DomainFault::too_long : DomainFault::none;
}

DomainFault check_domain(std::string_view domain) {
  if (!has_8bit(domain)) return check_ascii_labels(domain);
  const auto ascii = to_ascii(domain);
  if (!ascii) return ascii.error() == DomainError::too_long ? DomainFault::too_long : DomainFault::syntax;
  if (domain.back() == '.') return DomainFault::syntax;
  // A full stop of another script would be a dot to IDNA, but no dot for those who look for one.
  if (split(*ascii, '.').size() != split(domain, '.').size()) return DomainFault::syntax;
  if (domain.size() > limits::domain_octets_max) return DomainFault::too_long;
  return check_ascii_labels(*ascii);
}

std::string canonical_literal(std::string_view bracketed) {
  if (!istarts_with(bracketed, "[IPv6:")) return std::string(bracketed);
  return "[IPv6:" + to_lower(bracketed.substr(6));
}

// Reads forward over one text; every function leaves pos_ behind what it has read, or fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::size_t pos() const { return pos_; }
  bool at_end() const { return pos_ == text_.size(); }
  bool take(char c) {
    if (at_end() || text_[pos_] != c) return false;
    ++pos_;
    return true;
  }
  bool see(char c) const { return !at_end() && text_[pos_] == c; }

  // "@a,@b:"; nothing where there is none.
  bool source_route() {
    if (!see('@')) return true;
    do {
      if (!take('@')) return false;
      const auto hop = span(is_domain_octet);
      if (hop.empty() || check_domain(hop) == DomainFault::syntax) return false;
    } while (take(','));
    return take(':');
  }

  bool local_part(std::string& local) {
    if (see('"')) return quoted(local);
    local = span([](char c) { return is_atext(c) || c == '.'; });
    return is_dot_string(local);
  }

  std::string_view domain() { return span(is_domain_octet); }

  // From '[' to ']'. Content that ends elsewhere is left for the caller's check.
  std::string_view literal() {
    const auto begin = pos_;
    ++pos_;
    while (!at_end() && text_[pos_] > 32 && text_[pos_] < 127 && text_[pos_] != ']' && text_[pos_] != '[' &&
           text_[pos_] != '\\')
      ++pos_;
    take(']');
    return text_.substr(begin, pos_ - begin);
  }

 private:
  template <class Accept>
  std::string_view span(Accept accept) {
    const auto begin = pos_;
    while (!at_end() && accept(text_[pos_])) ++pos_;
    return text_.substr(begin, pos_ - begin);
  }

  bool quoted(std::string& local) {  // [rfc5321 4.1.2 Quoted-string]
    ++pos_;
    while (!at_end()) {
      char c = text_[pos_++];
      if (c == '"') return true;
      if (c == '\\') {
        if (at_end() || is_8bit(text_[pos_])) return false;
        c = text_[pos_++];
      }
      if (is_control(c)) return false;
      local += c;
    }
    return false;
  }

  std::string_view text_;
  std::size_t pos_ = 0;
};

using Result = std::expected<Path, PathError>;

// local and domain of path are there, its length too; text is what was read.
Result finish(Path path, DomainFault fault, std::string_view text, bool smtputf8) {
  path.utf8 = has_8bit(text);
  if (path.utf8 && !is_utf8(text)) return std::unexpected(PathError::bad_utf8);
  if (fault == DomainFault::syntax || (path.utf8 && has_c1_control(text))) return std::unexpected(PathError::syntax);
  const auto local = quote_local(path.local);
  path.address = path.domain.empty() ? local : local + "@" + path.domain;
  if (local.size() > limits::local_part_octets_max || fault == DomainFault::too_long ||
      path.address.size() + 2 > limits::path_octets_max)
    return std::unexpected(PathError::too_long);
  // Of the address itself; UTF-8 in a source route goes away with it.
  path.utf8 = has_8bit(path.address);
  if (has_8bit(text) && !smtputf8) return std::unexpected(PathError::needs_smtputf8);
  return path;
}

// '@' has been read. Fills domain and literal.
DomainFault read_domain(Reader& reader, Path& path) {
  if (!reader.see('[')) {
    const auto domain = reader.domain();
    path.domain = to_lower(domain);
    return check_domain(domain);
  }
  const auto literal = reader.literal();
  path.literal = true;
  path.domain = canonical_literal(literal);
  if (literal.size() > limits::domain_octets_max) return DomainFault::too_long;
  return valid_address_literal(literal) ? DomainFault::none : DomainFault::syntax;
}

}  // namespace

Result parse_path(std::string_view text, PathKind kind, bool smtputf8) {
  Reader reader(text);
  Path path;
  if (!reader.take('<')) return std::unexpected(PathError::syntax);
  if (reader.take('>')) {
    if (kind != PathKind::reverse) return std::unexpected(PathError::syntax);
    path.length = reader.pos();
    return path;
  }
  if (!reader.source_route() || !reader.local_part(path.local)) return std::unexpected(PathError::syntax);
  auto fault = DomainFault::none;
  if (reader.take('@')) {
    fault = read_domain(reader, path);
  } else if (kind != PathKind::forward || !iequals(path.local, "Postmaster") || text[1] == '@') {
    return std::unexpected(PathError::syntax);  // only the postmaster has no domain [rfc5321 4.5.1]
  }
  if (!reader.take('>')) return std::unexpected(PathError::syntax);
  path.length = reader.pos();
  return finish(std::move(path), fault, text.substr(0, reader.pos()), smtputf8);
}

Result parse_address(std::string_view bare, bool smtputf8) {
  Reader reader(bare);
  Path path;
  if (!reader.local_part(path.local) || !reader.take('@')) return std::unexpected(PathError::syntax);
  const auto fault = read_domain(reader, path);
  if (!reader.at_end()) return std::unexpected(PathError::syntax);
  path.length = bare.size();
  return finish(std::move(path), fault, bare, smtputf8);
}

bool valid_domain(std::string_view domain) {
  return is_utf8(domain) && check_domain(domain) == DomainFault::none;
}

bool valid_address_literal(std::string_view bracketed) {
  if (bracketed.size() < 3 || bracketed.size() > limits::domain_octets_max) return false;
  if (bracketed.front() != '[' || bracketed.back() != ']') return false;
  const auto inside = bracketed.substr(1, bracketed.size() - 2);
  const auto colon = inside.find(':');
  if (colon == std::string_view::npos || istarts_with(inside, "IPv6:")) return literal_ip(bracketed).has_value();
  const auto tag = inside.substr(0, colon);
  const auto content = inside.substr(colon + 1);
  if (tag.empty() || tag.back() == '-' || content.empty()) return false;
  for (const char c : tag)
    if (!is_alnum(c) && c != '-') return false;
  for (const char c : content)
    if (c < 33 || c > 126 || (c >= '[' && c <= ']')) return false;
  return true;
}

std::optional<std::string> literal_ip(std::string_view bracketed) {
  if (bracketed.size() < 3 || bracketed.front() != '[' || bracketed.back() != ']') return {};
  auto inside = bracketed.substr(1, bracketed.size() - 2);
  const bool v6 = istarts_with(inside, "IPv6:");
  if (v6) inside.remove_prefix(5);
  // A colon tells the forms apart: an IPv4-mapped IPv6 address is written as IPv6.
  if (v6 != (inside.find(':') != std::string_view::npos)) return {};
  return canonical_ip(inside);
}

std::string quote_local(std::string_view local) {
  if (is_dot_string(local)) return std::string(local);
  std::string out = "\"";
  for (const char c : local) {
    if (c == '"' || c == '\\') out += '\\';
    out += is_control(c) ? '?' : c;
  }
  out += '"';
  return out;
}

std::string to_path(const Path& path) {
  return "<" + path.address + ">";
}

}  // namespace postil::address
