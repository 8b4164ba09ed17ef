// How one TLS report leaves: where the domain wants it, and what becomes of it there.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "address/path.hpp"
#include "base/bytes.hpp"
#include "delivery/tell.hpp"
#include "delivery/tls_reporter.hpp"
#include "delivery/web_address.hpp"
#include "mime/gzip.hpp"

namespace postil::delivery {
namespace {

constexpr Duration post_time = seconds(30);

// Port and path of "https://host:port/path?query"; the record's reader has looked at its octets.
void set_target(const mailauth::ReportUri& uri, env::HttpsRequest& request) {
  request.host = uri.host;
  std::string_view rest = uri.raw;
  rest.remove_prefix(std::min(rest.size(), uri.scheme.size() + 3));  // "://"
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  const auto authority = rest.substr(0, end);
  if (const auto colon = authority.rfind(':'); colon != std::string_view::npos) {
    const auto port = authority.substr(colon + 1);
    std::from_chars(port.data(), port.data() + port.size(), request.port);
  }
  rest = rest.substr(end, rest.find('#') == std::string_view::npos ? rest.npos : rest.find('#') - end);
  request.path = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
}

std::string trouble_of(const env::HttpsResult& response) {
  if (!response) return fmt::format("{} ({})", response.error().detail, env::to_string(response.error().error));
  if (response->status >= 200 && response->status < 300) return {};
  return fmt::format("the server answers {}", response->status);
}

bool in_ascii(const mailauth::ReportUri& uri) {
  return !has_8bit(uri.address) && address::parse_address(uri.address, false).has_value();
}

}  // namespace

env::Awaitable<void> TlsReporter::send(std::string id) {
  Parcel parcel;
  {
    const std::lock_guard lock(mutex_);
    const auto* due = ledger_.find(id);
    if (due == nullptr) co_return;
    parcel.due = *due;
    parcel.settings = settings_;
  }
  const auto& reports = parcel.settings->tls_reports;
  if (reports.contact.empty()) co_return;  // turned off meanwhile
  const MonoTime deadline = services_.clock.now() + parcel.settings->dns_timeout;
  const dns::Answer answer =
      co_await services_.resolver.query("_smtp._tls." + parcel.due.domain, dns::Type::txt, deadline);
  if (!answer.definite()) {
    parcel.trouble = fmt::format("DNS: {}", dns::to_string(answer.status));
    conclude(std::move(parcel));
    co_return;
  }
  // More than one record is none. [rfc8460 3]
  const auto records = mailauth::tls_rpt_records(answer);
  mailauth::TlsRptRecord record;
  if (records.size() == 1) record = mailauth::parse_tls_rpt_record(records.front());
  if (!record.usable()) {
    const std::lock_guard lock(mutex_);
    ledger_.settle(parcel.due.id, tlsrpt::Ledger::End::unwanted, services_.clock.wall());
    changed_ = true;
    co_return;
  }
  parcel.report_id = fmt::format("{}@{}", parcel.due.id, tlsrpt::submitter_of(reports.contact));
  tlsrpt::Report report{reports.organization,
                        reports.contact,
                        parcel.report_id,
                        tlsrpt::begin_text(parcel.due.day),
                        tlsrpt::end_text(parcel.due.day),
                        tlsrpt::policies_of(parcel.due.domain, parcel.due.policies),
                        false};
  parcel.octets = mime::gzip(tlsrpt::to_json(report));
  co_await hand_over(parcel, record);
  conclude(std::move(parcel));
}

env::Awaitable<void> TlsReporter::hand_over(Parcel& parcel, const mailauth::TlsRptRecord& record) {
  std::vector<mailauth::ReportUri> letters;
  std::size_t seen = 0;
  for (const auto& uri : record.rua) {
    if (++seen > uris_max) break;
    if (std::ranges::find(parcel.due.done, uri.raw) != parcel.due.done.end()) continue;
    if (uri.scheme == "https") {
      co_await post(parcel, uri);
    } else if (in_ascii(uri)) {
      letters.push_back(uri);
    } else if (parcel.trouble.empty()) {
      parcel.trouble = fmt::format("{} is no address that mail can be sent to", printable(uri.raw, 100));
    }
  }
  if (!letters.empty()) co_await mail(parcel, std::move(letters));
}

env::Awaitable<void> TlsReporter::post(Parcel& parcel, mailauth::ReportUri uri) {
  if (services_.https == nullptr) {
    parcel.trouble = "there is no HTTPS on this machine";
    co_return;
  }
  env::HttpsRequest request;
  set_target(uri, request);
  request.ca_file = parcel.settings->tls_ca_file;
  request.post = env::HttpsRequest::Post{"application/tlsrpt+gzip", parcel.octets};
  const MonoTime deadline = services_.clock.now() + post_time;
  request.addresses = co_await addresses_of(services_.resolver, request.host, deadline);
  const env::HttpsResult response = co_await services_.https->exchange(std::move(request), deadline);
  const std::string trouble = trouble_of(response);
  if (!trouble.empty()) {
    parcel.trouble = fmt::format("{}: {}", uri.host, trouble);
    co_return;
  }
  parcel.due.done.push_back(uri.raw);
  services_.events.emit({event::Name::tls_report_sent,
                         {{"domain", parcel.due.domain}, {"report", parcel.report_id}, {"to", printable(uri.raw)}}});
}

env::Awaitable<void> TlsReporter::mail(Parcel& parcel, std::vector<mailauth::ReportUri> uris) {
  const auto& reports = parcel.settings->tls_reports;
  tlsrpt::Letter letter{reports.contact,      {},
                        parcel.due.domain,    parcel.due.day,
                        parcel.report_id,     services_.clock.wall(),
                        reports.organization, services_.entropy.word(),
                        parcel.octets};
  for (const auto& uri : uris) letter.to.push_back(uri.address);
  tlsrpt::Written written = tlsrpt::write_mail(letter);
  // Without a signature of the contact's domain its receiver must ignore it. [rfc8460 3]
  const std::string_view header = std::string_view(written.octets).substr(0, written.header_octets);
  const auto& dkim = parcel.settings->dkim;
  if (!dkim || dkim->for_message({header, tlsrpt::submitter_of(reports.contact)}, letter.time).empty()) {
    parcel.trouble = fmt::format("no key signs for {}", tlsrpt::submitter_of(reports.contact));
    co_return;
  }
  const bool queued = co_await submit(parcel, letter, std::move(written));
  if (!queued) {
    parcel.trouble = "the spool did not take the mail";
    co_return;
  }
  for (const auto& uri : uris) parcel.due.done.push_back(uri.raw);
}

env::Awaitable<bool> TlsReporter::submit(const Parcel& parcel, const tlsrpt::Letter& letter, tlsrpt::Written written) {
  queue::Envelope envelope;
  envelope.id = services_.make_id(letter.time);
  envelope.kind = queue::Kind::tls_report;
  envelope.arrived = letter.time;
  envelope.expires = letter.time + tlsrpt::Ledger::retry_for;
  envelope.sender = letter.from;
  for (const auto& address : letter.to) envelope.recipients.push_back({address, "", queue::notify_never});
  envelope.client = "local";
  envelope.size_octets = written.octets.size();
  envelope.header_octets = written.header_octets;
  envelope.tls_optional = true;  // it is to arrive most of all where TLS fails [rfc8460 3]
  auto body = co_await services_.store.begin_body();
  if (!body) co_return false;
  const auto appended = co_await (*body)->append(written.octets);
  if (!appended) co_return false;
  env::Batch batch;
  batch.push_back(env::AddMessage{envelope, std::move(*body), {envelope.id, false, {}}});
  const auto durable = co_await services_.store.commit(std::move(batch));
  if (!durable) co_return false;
  tell(services_, envelope.id,
       {event::Name::tls_report_sent,
        {{"domain", parcel.due.domain}, {"report", parcel.report_id}, {"to", fmt::format("mailto:{}", letter.to[0])}}});
  arrived_(std::move(envelope));
  co_return true;
}

// Enters into the ledger how it went.
void TlsReporter::conclude(Parcel parcel) {
  using End = tlsrpt::Ledger::End;
  const WallTime now = services_.clock.wall();
  const bool some = !parcel.due.done.empty();
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    again = !parcel.trouble.empty() && ledger_.put_off(parcel.due.id, parcel.due.done, now);
    if (!again) ledger_.settle(parcel.due.id, some ? End::sent : End::given_up, now);
    changed_ = sent_ = true;
  }
  if (parcel.trouble.empty()) return;
  services_.events.emit(
      {again ? event::Name::tls_report_put_off : event::Name::tls_report_given_up,
       {{"domain", parcel.due.domain}, {"report", parcel.due.id}, {"reason", printable(parcel.trouble)}}});
}

}  // namespace postil::delivery
