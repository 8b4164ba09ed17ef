#include "dsn/writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/prng.hpp"
#include "dsn/encoding.hpp"
#include "dsn/status.hpp"
#include "message/date.hpp"
#include "message/header_block.hpp"

namespace postil::dsn {
namespace {

constexpr std::size_t original_header_octets_max = 64 * 1024;  // of what a report gives back
constexpr std::size_t line_octets_max = 990;                   // of a header line that we cut
constexpr std::size_t text_line_octets_max = 998;              // without CRLF [rfc5322 2.1.1]
constexpr std::size_t message_id_octets_max = 255;

// '=' and '_' side by side are in neither quoted-printable nor base64 text [rfc2045 6.7].
std::string make_boundary(Prng& random) {
  return fmt::format("=_postil_{:016x}{:016x}", random(), random());
}

// "Message-ID: <a@b>" of the original, when it is one that can stand in a field.
std::string reference(std::string_view original_header) {
  const auto id = message::field(original_header, "Message-ID");
  if (!id || id->size() < 3 || id->size() > message_id_octets_max || !id->starts_with('<') || !id->ends_with('>'))
    return {};
  const auto inside = std::string_view(*id).substr(1, id->size() - 2);
  const bool good = std::ranges::all_of(inside, [](char c) { return c > ' ' && c < 127 && c != '<' && c != '>'; });
  return good ? *id : "";
}

// The original's header as it may stand in a part: lines end with CRLF and fit, no NUL, not too much in all.
std::string clean_header(std::string_view head, bool keep_8bit) {
  auto header = message::header_block(head);
  std::string out;
  while (!header.empty() && out.size() < original_header_octets_max) {
    const auto lf = header.find('\n');
    auto line = header.substr(0, lf);
    header.remove_prefix(lf == std::string_view::npos ? header.size() : lf + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (bool first = true; first || !line.empty(); first = false) {
      auto length = std::min(line.size(), line_octets_max);
      while (length < line.size() && length > 1 && (static_cast<unsigned char>(line[length]) & 0xC0) == 0x80) --length;
      if (!first) out += ' ';
      for (const char c : line.substr(0, length))
        out += (is_control(c) && c != '\t') || (is_8bit(c) && !keep_8bit) ? '?' : c;
      out += "\r\n";
      line.remove_prefix(length);
    }
  }
  return out;
}

std::string join(const std::vector<std::string_view>& items) {
  std::string out;
  for (const auto item : items) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

}  // namespace

Writer::Writer(Report report) : report_(std::move(report)) {
  POSTIL_ASSERT(!report_.recipients.empty() && !report_.original.sender.empty());
  for (const auto& state : report_.recipients) POSTIL_ASSERT(state.index < report_.original.recipients.size());
  const auto& original = report_.original;
  international_ = has_8bit(original.sender);
  whole_ = report_.kind == Kind::failed && original.ret == queue::Return::full &&
           original.size_octets <= full_original_octets_max;
  // message/rfc822 must not be encoded [rfc2046 5.2.1]; message/global may [rfc6532 3.7].
  base64_ = report_.encode_original || original.body == queue::Body::binary ||
            (!international_ && (original.body_8bit || original.header_utf8));
  facts_.smtputf8 = international_;
  human_ = human_part(report_);
}

std::string Writer::top_header() const {
  const auto to = international_ ? safe_text(report_.original.sender) : safe_ascii(report_.original.sender);
  const auto host = safe_ascii(report_.host);
  std::string out = field("Date", message::rfc5322_date(report_.time, report_.zone_minutes));
  out += field("From", "\"Mail Delivery System\" <postmaster@" + host + ">");
  out += field("To", "<" + to + ">");
  out += field("Subject", encoded_words(human_.subject));
  out += field("Message-ID", "<" + safe_ascii(report_.id) + "@" + host + ">");
  if (const auto id = reference(report_.original_header); !id.empty()) {
    out += field("In-Reply-To", id);
    out += field("References", id);
  }
  out += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" + boundary_ + "\"\r\n";
  if (international_) out += "Content-Transfer-Encoding: 8bit\r\n";
  return out + "Content-Language: " + join(human_.languages) + "\r\n\r\n";
}

// The fields of the part that the original's octets follow.
std::string Writer::original_part_header() const {
  const bool global = international_ || base64_;
  std::string out = global ? "Content-Type: message/global\r\n" : "Content-Type: message/rfc822\r\n";
  if (global) out += base64_ ? "Content-Transfer-Encoding: base64\r\n" : "Content-Transfer-Encoding: 8bit\r\n";
  return out + "\r\n";
}

// The third part where only the header is given back.
std::string Writer::original_header_part() const {
  const auto head = std::string_view(report_.original_header);
  const bool utf8 = is_utf8(message::header_block(head));
  auto header = clean_header(head, utf8);
  if (!has_8bit(header)) return "Content-Type: text/rfc822-headers\r\n\r\n" + header;
  if (international_) return "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + header;
  std::erase(header, '\r');
  return "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         quoted_printable(header);
}

std::string Writer::begin() {
  std::string parts[3];
  parts[0] =
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Language: " +
      join(human_.languages) + "\r\n\r\n" + quoted_printable(human_.text);
  parts[1] = international_ ? "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                            : "Content-Type: message/delivery-status\r\n\r\n";
  parts[1] += delivery_status(report_, international_);
  parts[2] = whole_ ? original_part_header() : original_header_part();
  Prng random(report_.random);
  const auto occurs = [&](const std::string& part) { return part.find(boundary_) != std::string::npos; };
  do boundary_ = make_boundary(random);
  while (std::ranges::any_of(parts, occurs));
  auto out = top_header();
  facts_.header_octets = static_cast<std::uint32_t>(out.size());
  for (std::size_t i = 0; i < 3; ++i) out += (i == 0 ? "--" : "\r\n--") + boundary_ + "\r\n" + parts[i];
  facts_.body_8bit = has_8bit(std::string_view(out).substr(facts_.header_octets));
  facts_.size_octets = out.size();
  return out;
}

void Writer::original(std::string_view octets, std::string& out) {
  POSTIL_ASSERT(whole_);
  const auto before = out.size();
  if (base64_) {
    pending_.append(octets);
    const auto ready = pending_.size() - pending_.size() % base64_line_octets;
    out += base64_lines(std::string_view(pending_).substr(0, ready));
    pending_.erase(0, ready);
  } else {
    watch_boundary(octets);
    watch_lines(octets);
    facts_.body_8bit = facts_.body_8bit || has_8bit(octets);
    out += octets;
  }
  facts_.size_octets += out.size() - before;
}

void Writer::watch_boundary(std::string_view octets) {
  clash_ = clash_ || octets.find(boundary_) != std::string_view::npos;
  tail_ += octets.substr(0, boundary_.size());
  clash_ = clash_ || tail_.find(boundary_) != std::string::npos;
  if (octets.size() >= boundary_.size()) tail_ = octets.substr(octets.size() - boundary_.size());
  if (tail_.size() > boundary_.size()) tail_.erase(0, tail_.size() - boundary_.size());
}

void Writer::watch_lines(std::string_view octets) {
  while (!octets.empty()) {
    const auto lf = octets.find('\n');
    line_octets_ += std::min(lf, octets.size());  // with the CR, which the limit has as well
    long_line_ = long_line_ || line_octets_ > text_line_octets_max + 1;
    if (lf == std::string_view::npos) return;
    line_octets_ = 0;
    octets.remove_prefix(lf + 1);
  }
}

std::string Writer::end() {
  std::string out = base64_lines(pending_);
  pending_.clear();
  out += "\r\n--" + boundary_ + "--\r\n";
  facts_.size_octets += out.size();
  return out;
}

std::string write(Report report) {
  Writer writer(std::move(report));
  POSTIL_ASSERT(!writer.wants_original());
  auto out = writer.begin();
  out += writer.end();
  return out;
}

}  // namespace postil::dsn
