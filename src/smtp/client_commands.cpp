#include "smtp/client_commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "address/domain.hpp"
#include "address/xtext.hpp"
#include "base/bytes.hpp"

namespace postil::smtp {
namespace {

// An address that cannot be written in ASCII.
bool utf8_address(const address::Path& path) {
  if (!path.utf8) return false;
  return has_8bit(path.local) || !address::to_ascii(path.domain);
}

std::string path_text(const address::Path& path, bool smtputf8) {
  if (!path.utf8 || smtputf8) return address::to_path(path);
  address::Path ascii = path;
  if (auto domain = address::to_ascii(path.domain)) ascii.domain = *domain;
  ascii.address = address::quote_local(ascii.local) + "@" + ascii.domain;
  ascii.utf8 = false;
  return address::to_path(ascii);
}

std::string notify_text(std::uint8_t notify) {
  if (notify & 1) return "NEVER";
  std::string out;
  const auto add = [&](std::uint8_t bit, std::string_view name) {
    if (!(notify & bit)) return;
    if (!out.empty()) out += ',';
    out += name;
  };
  add(2, "SUCCESS");
  add(4, "FAILURE");
  add(8, "DELAY");
  return out;
}

}  // namespace

bool needs_smtputf8(const Transaction& t) {
  return t.header_utf8 || utf8_address(t.mail.sender) ||
         std::ranges::any_of(t.recipients, [](const RcptCommand& r) { return utf8_address(r.recipient); });
}

Missing missing_for(const Transaction& t, const Extensions& e, bool chunking) {
  if (t.mail.body == BodyType::binary && !(e.binarymime && chunking)) return Missing::binarymime;
  // [rfc2852 4.1.4.1]
  const bool give_back = t.mail.by.mode == DeliverBy::Mode::give_back;
  if (give_back && (!e.deliverby || t.mail.by.seconds < 1 || t.mail.by.seconds < e.by_seconds_min))
    return Missing::deliverby;
  if (!e.smtputf8) {
    if (utf8_address(t.mail.sender)) return Missing::smtputf8_address;
    for (const auto& r : t.recipients) {
      if (utf8_address(r.recipient)) return Missing::smtputf8_address;
    }
    if (t.header_utf8) return Missing::smtputf8_header;
  }
  if (t.body_8bit && !e.eight_bit_mime && t.mail.body != BodyType::binary) return Missing::eight_bit_mime;
  if (e.size && e.size_max > 0 && t.size_octets > e.size_max) return Missing::size;
  return Missing::none;
}

std::string mail_line(const Transaction& t, const Extensions& e) {
  const bool smtputf8 = e.smtputf8 && needs_smtputf8(t);
  std::string out = "MAIL FROM:" + path_text(t.mail.sender, smtputf8);
  if (e.size && t.size_octets > 0) out += fmt::format(" SIZE={}", t.size_octets);
  if (t.mail.body == BodyType::binary) {
    out += " BODY=BINARYMIME";
  } else if (e.eight_bit_mime && (t.body_8bit || t.header_utf8)) {
    out += " BODY=8BITMIME";
  }
  if (smtputf8) out += " SMTPUTF8";
  if (e.requiretls && t.mail.requiretls) out += " REQUIRETLS";
  if (e.deliverby && t.mail.by.mode != DeliverBy::Mode::none) {
    out += fmt::format(" BY={};{}{}", std::clamp<std::int64_t>(t.mail.by.seconds, -999'999'999, 999'999'999),
                       t.mail.by.mode == DeliverBy::Mode::give_back ? 'R' : 'N', t.mail.by.trace ? "T" : "");
  }
  if (e.mt_priority && t.mail.priority) out += fmt::format(" MT-PRIORITY={}", *t.mail.priority);
  if (e.dsn) {
    if (t.mail.ret != Ret::unset) out += t.mail.ret == Ret::full ? " RET=FULL" : " RET=HDRS";
    if (!t.mail.envid.empty()) out += " ENVID=" + t.mail.envid;
  }
  // [rfc4954 5.]
  if (!e.auth.empty() && !t.mail.auth.empty() && !has_8bit(t.mail.auth)) {
    out += " AUTH=" + (t.mail.auth == "<>" ? t.mail.auth : address::encode_xtext(t.mail.auth));
  }
  return out + "\r\n";
}

std::string rcpt_line(const RcptCommand& r, const Extensions& e, bool smtputf8) {
  std::string out = "RCPT TO:" + path_text(r.recipient, smtputf8);
  if (e.dsn) {
    if (r.notify != 0) out += " NOTIFY=" + notify_text(r.notify);
    if (!r.orcpt.empty()) {
      std::string orcpt = r.orcpt;
      // Raw UTF-8 may stand there under SMTPUTF8 only [rfc6533 3].
      if (!smtputf8 && has_8bit(orcpt)) {
        const auto parsed = address::parse_orcpt(orcpt, true);
        orcpt = parsed ? address::format_orcpt(*parsed, false) : std::string();
      }
      if (!orcpt.empty()) out += " ORCPT=" + orcpt;
    }
  }
  return out + "\r\n";
}

}  // namespace postil::smtp
