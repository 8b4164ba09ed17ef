#include "tlsrpt/mail.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "dsn/encoding.hpp"
#include "i18n/translator.hpp"
#include "message/date.hpp"

namespace postil::tlsrpt {
namespace {

std::int64_t unix_seconds(WallTime time) {
  return unix_microseconds(time) / 1'000'000;
}

std::string header(const Letter& letter, const std::string& boundary) {
  const std::string submitter = submitter_of(letter.from);
  std::string to;
  for (const auto& address : letter.to) to += (to.empty() ? "<" : ", <") + dsn::safe_ascii(address) + ">";
  std::string out = dsn::field("Date", message::rfc5322_date(letter.time));
  out += dsn::field("From", "<" + dsn::safe_ascii(letter.from) + ">");
  out += dsn::field("To", to);
  out += dsn::field("Subject", fmt::format("Report Domain: {} Submitter: {} Report-ID: <{}>", letter.domain, submitter,
                                           letter.report_id));
  out += dsn::field("Message-ID", "<" + letter.report_id + ">");
  out += dsn::field("TLS-Report-Domain", letter.domain);
  out += dsn::field("TLS-Report-Submitter", submitter);
  // On all its way it goes whether TLS works or not. [rfc8460 3] [rfc8689 3]
  out += "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  return out + "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" + boundary +
         "\"\r\nContent-Language: en\r\n\r\n";
}

// What a person reads who opens it.
std::string words(const Letter& letter) {
  static const i18n::Translator english;
  return english.text("tls_report.mail.text", {{"organization", letter.organization},
                                               {"domain", letter.domain},
                                               {"day", begin_text(letter.day).substr(0, 10)},
                                               {"contact", letter.from}});
}

}  // namespace

std::string submitter_of(const std::string& contact) {
  return to_lower(std::string_view(contact).substr(contact.rfind('@') + 1));
}

std::string file_name(const Letter& letter) {
  std::string unique;  // letters and digits alone
  for (const char c : letter.report_id.substr(0, letter.report_id.find('@'))) {
    if (is_alnum(c)) unique += c;
  }
  return fmt::format("{}!{}!{}!{}!{}.json.gz", submitter_of(letter.from), letter.domain,
                     unix_seconds(begin_of(letter.day)), unix_seconds(begin_of(letter.day + 1)) - 1, unique);
}

Written write_mail(const Letter& letter) {
  POSTIL_ASSERT(!letter.to.empty());
  // '=' and '_' side by side are in neither quoted-printable nor base64 text [rfc2045 6.7].
  const std::string boundary = fmt::format("=_postil_{:016x}", letter.random);
  Written out;
  out.octets = header(letter, boundary);
  out.header_octets = static_cast<std::uint32_t>(out.octets.size());
  out.octets += "--" + boundary +
                "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
                dsn::quoted_printable(words(letter) + "\n") + "\r\n--" + boundary +
                "\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n" +
                "Content-Disposition: attachment;\r\n filename=\"" + file_name(letter) + "\"\r\n\r\n" +
                dsn::base64_lines(letter.attachment) + "--" + boundary + "--\r\n";
  return out;
}

}  // namespace postil::tlsrpt
