#include "tlsrpt/received.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "mime/gzip.hpp"
#include "mime/message.hpp"

namespace postil::tlsrpt {
namespace {

constexpr std::size_t header_octets_max = 64 * 1024;

bool is_json(std::string_view octets) {
  const auto begin = octets.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  return begin != std::string_view::npos && octets[begin] == '{';
}

std::expected<Report, NotReceived> read_json(std::string_view octets) {
  auto report = parse_report(octets);
  if (report) return std::move(*report);
  return std::unexpected(report.error() == Unreadable::not_json ? NotReceived::not_json : NotReceived::not_a_report);
}

std::expected<Report, NotReceived> read_file(std::string_view octets) {
  if (!mime::is_gzip(octets)) return read_json(octets);
  const auto unpacked = mime::gunzip(octets, json_octets_max);
  if (unpacked) return read_json(*unpacked);
  const bool large = unpacked.error() == mime::GunzipError::too_large;
  return std::unexpected(large ? NotReceived::too_large : NotReceived::damaged);
}

std::expected<Received, NotReceived> read_mail(std::string_view octets) {
  mime::Limits limits;
  limits.octets_max = limits.report_octets_max = received_octets_max;
  const auto mail = mime::parse(octets, limits);
  auto why = NotReceived::none;
  for (const auto& part : mail.parts) {
    if (part.octets.empty()) continue;
    auto report = read_file(part.octets);
    if (!report) {
      why = report.error();
      continue;
    }
    Received out{std::move(*report), printable(mail.field("From")), printable(mail.field("TLS-Report-Submitter")), true,
                 !mail.field("DKIM-Signature").empty()};
    out.report.truncated = out.report.truncated || mail.truncated;
    return out;
  }
  return std::unexpected(why);
}

}  // namespace

std::string_view to_string(NotReceived why) {
  switch (why) {
    case NotReceived::none:
      return "none";
    case NotReceived::damaged:
      return "damaged";
    case NotReceived::too_large:
      return "too_large";
    case NotReceived::not_json:
      return "not_json";
    case NotReceived::not_a_report:
      return "not_a_report";
  }
  return "none";
}

bool looks_like_report(std::string_view beginning) {
  if (mime::is_gzip(beginning)) return true;
  const auto text = to_lower(beginning.substr(0, header_octets_max));
  if (is_json(beginning)) {
    return text.find("\"date-range\"") != std::string::npos || text.find("\"organization-name\"") != std::string::npos;
  }
  // Some send no multipart/report; the fields and the type of the part are theirs alone.
  const bool named = text.find("tlsrpt") != std::string::npos || text.find("\ntls-report-domain:") != std::string::npos;
  return named && mime::looks_like_mail(beginning);
}

std::expected<Received, NotReceived> read(std::string_view octets) {
  if (octets.size() > received_octets_max) return std::unexpected(NotReceived::too_large);
  if (!mime::is_gzip(octets) && !is_json(octets)) return read_mail(octets);
  auto report = read_file(octets);
  if (!report) return std::unexpected(report.error());
  Received out;
  out.report = std::move(*report);
  return out;
}

}  // namespace postil::tlsrpt
