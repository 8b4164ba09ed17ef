#include "mime/message.hpp"

#include <gmime/gmime.h>

#include <algorithm>
#include <memory>

#include "base/bytes.hpp"
#include "mime/text.hpp"

namespace postil::mime {
namespace {

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

void start_gmime() {
  static const bool started = [] {
    g_mime_init();
    return true;
  }();
  static_cast<void>(started);
}

std::string_view view(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

std::string one_line(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\n' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (c != ' ' || out.empty() || out.back() != ' ') {
      out += c;
    }
  }
  return std::string(trim(out));
}

std::string decoded_value(const char* raw) {
  if (raw == nullptr) return {};
  char* decoded = g_mime_utils_header_decode_text(nullptr, raw);
  std::string out = one_line(to_utf8(view(decoded)));
  g_free(decoded);
  return out;
}

std::vector<Field> fields_of(GMimeObject* object, std::size_t fields_max) {
  std::vector<Field> out;
  auto* list = g_mime_object_get_header_list(object);
  const int count = g_mime_header_list_get_count(list);
  for (int i = 0; i < count && out.size() < fields_max; ++i) {
    auto* header = g_mime_header_list_get_header_at(list, i);
    out.push_back(
        {std::string(view(g_mime_header_get_name(header))), decoded_value(g_mime_header_get_raw_value(header))});
  }
  return out;
}

// The content without its transfer encoding, at most max octets of it.
std::string content_of(GMimePart* part, std::size_t max, bool& truncated) {
  auto* wrapper = g_mime_part_get_content(part);
  if (wrapper == nullptr) return {};
  const Owned<GMimeStream> memory(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(wrapper, memory.get());
  auto* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory.get()));
  if (bytes == nullptr) return {};
  const std::size_t size = std::min<std::size_t>(bytes->len, max);
  truncated = truncated || size < bytes->len;
  return {reinterpret_cast<const char*>(bytes->data), size};
}

// The types of RFC 8460 6.4 and 6.5, and those that some senders give such a file.
bool may_be_tls_report(std::string_view type) {
  return type.starts_with("application/tlsrpt") || type == "application/gzip" || type == "application/x-gzip" ||
         type == "application/json";
}

struct Walk {
  const Limits& limits;
  Message& out;

  void object(GMimeObject* at, bool returned) {
    if (at == nullptr) return;
    if (out.parts.size() >= limits.parts_max) {
      out.truncated = true;
      return;
    }
    if (GMIME_IS_MULTIPART(at)) {
      auto* multipart = GMIME_MULTIPART(at);
      const int count = g_mime_multipart_get_count(multipart);
      for (int i = 0; i < count; ++i) object(g_mime_multipart_get_part(multipart, i), returned);
    } else if (GMIME_IS_MESSAGE_PART(at)) {
      auto* message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(at));
      out.parts.push_back({"message/rfc822", {}, returned});
      if (message == nullptr) return;
      if (out.returned_header.empty()) out.returned_header = fields_of(GMIME_OBJECT(message), limits.fields_max);
      object(g_mime_message_get_mime_part(message), true);
    } else if (GMIME_IS_PART(at)) {
      leaf(GMIME_PART(at), returned);
    }
  }

  void leaf(GMimePart* part, bool returned) {
    auto* type = g_mime_object_get_content_type(GMIME_OBJECT(part));
    Part made;
    made.returned = returned;
    char* name = type == nullptr ? nullptr : g_mime_content_type_get_mime_type(type);
    made.type = name == nullptr ? "text/plain" : to_lower(name);
    g_free(name);
    const bool report = made.type.ends_with("/delivery-status") || made.type.ends_with("/global-delivery-status");
    const bool header = made.type == "text/rfc822-headers" || made.type == "message/global-headers";
    if (report || header || made.type.starts_with("text/")) {
      const auto octets = content_of(part, limits.text_octets_max, out.truncated);
      made.text = unify_lines(
          to_utf8(octets, view(type == nullptr ? nullptr : g_mime_content_type_get_parameter(type, "charset"))));
      if (header && out.returned_header.empty()) out.returned_header = parse_fields(made.text, limits.fields_max);
    }
    if (limits.report_octets_max > 0 && !returned && may_be_tls_report(made.type)) {
      made.octets = content_of(part, limits.report_octets_max, out.truncated);
    }
    out.parts.push_back(std::move(made));
  }
};

std::string_view without_mbox_line(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  if (text.starts_with("From ") || text.starts_with(">From ")) {
    const auto end = text.find('\n');
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return text;
}

void parse_into(Message& out, std::string_view mail, const Limits& limits) {
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(mail.data(), mail.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  const Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
  if (!message) return;
  out.header = fields_of(GMIME_OBJECT(message.get()), limits.fields_max);
  Walk{limits, out}.object(g_mime_message_get_mime_part(message.get()), false);
}

bool has_text(const Message& message) {
  return std::ranges::any_of(message.parts, [](const Part& part) {
    return (!trim(part.text).empty() || !part.octets.empty()) && !part.returned;
  });
}

std::string_view body_of(std::string_view mail) {
  const auto end = mail.find("\n\n");
  return end == std::string_view::npos ? std::string_view() : mail.substr(end + 2);
}

// "--x" before a line "Content-...:".
std::string_view boundary_in(std::string_view body) {
  std::string_view before;
  std::size_t looked_at = 0;
  for (const auto line : split(body.substr(0, 16 * 1024), '\n')) {
    if (before.starts_with("--") && before.size() > 4 && before.size() < 74 && istarts_with(line, "content-")) {
      const auto name = trim(before.substr(2));
      if (name.find_first_of("\"\\ ") == std::string_view::npos) return name;
    }
    before = line;
    if (++looked_at > 200) break;
  }
  return {};
}

bool is_field(std::string_view line) {
  const auto colon = line.find(':');
  return colon != std::string_view::npos && colon > 0 && colon <= 80 &&
         line.substr(0, colon).find(' ') == std::string_view::npos;
}

bool is_usual_field(std::string_view line) {
  static constexpr std::string_view known[] = {
      "received",   "return-path",  "from",           "to",           "subject",        "date",
      "message-id", "mime-version", "content-type",   "delivered-to", "auto-submitted", "x-failed-recipients",
      "reply-to",   "sender",       "dkim-signature", "in-reply-to",  "references",     "authentication-results"};
  return is_field(line) &&
         std::ranges::find(known, to_lower(trim(line.substr(0, line.find(':'))))) != std::ranges::end(known);
}

// Copied mails lose the blanks that mark a folded line: between two usual fields there are only lines of the header.
std::string refolded(std::string_view mail) {
  std::vector<std::size_t> bare;
  std::vector<std::size_t> waiting;  // until a field follows
  std::size_t at = 0;
  while (at < mail.size()) {
    const auto end = std::min(mail.find('\n', at), mail.size());
    const auto line = mail.substr(at, end - at);
    if (line.empty()) break;
    if (is_usual_field(line)) {
      bare.insert(bare.end(), waiting.begin(), waiting.end());
      waiting.clear();
    } else if (at > 0 && line[0] != ' ' && line[0] != '\t' && !is_field(line)) {
      waiting.push_back(at);
    }
    at = end + 1;
  }
  std::string out;
  out.reserve(mail.size() + bare.size());
  std::size_t done = 0;
  for (const auto position : bare) {
    out.append(mail.substr(done, position - done)).append(" ");
    done = position;
  }
  return out.append(mail.substr(done));
}

}  // namespace

std::string_view find_field(const std::vector<Field>& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (iequals(field.name, name)) return field.value;
  }
  return {};
}

std::string_view Message::field(std::string_view name) const {
  return find_field(header, name);
}

std::vector<Field> parse_fields(std::string_view text, std::size_t fields_max) {
  start_gmime();
  std::vector<Field> out;
  for (const auto line : split(text, '\n')) {
    if (!line.empty() && (line[0] == ' ' || line[0] == '\t')) {
      if (!out.empty() && out.back().value.size() < 64 * 1024) out.back().value.append(" ").append(trim(line));
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || out.size() >= fields_max) {
      if (out.empty() && trim(line).empty()) continue;
      break;
    }
    out.push_back({std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
  }
  for (auto& field : out) field.value = decoded_value(field.value.c_str());
  return out;
}

bool looks_like_mail(std::string_view octets) {
  const auto text = unify_lines(octets.substr(0, 16 * 1024));
  auto rest = without_mbox_line(text);
  const bool mbox = rest.data() != text.data() && text.starts_with("From ");
  std::size_t found = 0;
  for (const auto line : split(rest, '\n')) {
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') continue;
    if (is_usual_field(line)) ++found;
    if (found == 0 && !is_field(line)) break;
  }
  return found >= 2 || (mbox && found >= 1);
}

Message parse(std::string_view octets, const Limits& limits) {
  start_gmime();
  Message out;
  out.truncated = octets.size() > limits.octets_max;
  const auto text = unify_lines(octets.substr(0, limits.octets_max));
  const auto whole = refolded(without_mbox_line(text));
  const std::string_view mail = whole;
  if (mail.empty()) return out;
  parse_into(out, mail, limits);
  if (has_text(out)) return out;
  // The structure is broken: no boundary in the header, or one that never comes. Its parts may still be told apart.
  const auto body = body_of(mail);
  const auto boundary = boundary_in(body);
  if (!boundary.empty()) {
    Message again;
    parse_into(again,
               "Content-Type: multipart/mixed; boundary=\"" + std::string(boundary) + "\"\n\n" + std::string(body),
               limits);
    if (has_text(again)) {
      out.parts = std::move(again.parts);
      out.returned_header = std::move(again.returned_header);
      return out;
    }
  }
  out.parts.assign(1, {"text/plain", to_utf8(body.substr(0, limits.text_octets_max)), false});
  return out;
}

}  // namespace postil::mime
