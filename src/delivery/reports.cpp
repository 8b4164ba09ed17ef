#include "delivery/reports.hpp"

#include "address/domain.hpp"
#include "base/assert.hpp"
#include "diagnose/told.hpp"
#include "i18n/translator.hpp"
#include "mailauth/dkim_body.hpp"

namespace postil::delivery {
namespace {

dsn::Kind dsn_kind(ReportKind kind) {
  switch (kind) {
    case ReportKind::failed:
      return dsn::Kind::failed;
    case ReportKind::delayed:
      return dsn::Kind::delayed;
    case ReportKind::relayed:
      return dsn::Kind::relayed;
  }
  return dsn::Kind::failed;
}

queue::Kind queue_kind(ReportKind kind) {
  switch (kind) {
    case ReportKind::failed:
      return queue::Kind::bounce;
    case ReportKind::delayed:
      return queue::Kind::delay_notice;
    default:
      return queue::Kind::success_report;
  }
}

// The original is gone for good: the report goes out without it, for nobody is told anything otherwise.
bool lost(env::StoreError error) {
  return error == env::StoreError::corrupt || error == env::StoreError::not_found;
}

constexpr std::size_t piece_octets = 64 * 1024;

}  // namespace

const std::string& Settings::report_language_of(const queue::Envelope& original) const {
  if (!i18n::match_accept_language(original.language).empty()) return original.language;
  const std::string_view of_sender = std::string_view(original.sender).substr(original.sender.rfind('@') + 1);
  const auto domain = domain_languages.find(address::to_ascii(of_sender).value_or(std::string()));
  return domain == domain_languages.end() ? report_language : domain->second;
}

env::Awaitable<env::StoreResult<env::AddMessage>> ReportWriter::write(std::shared_ptr<const Settings> settings,
                                                                      queue::Envelope original, ReportRequest request) {
  POSTIL_ASSERT(!original.sender.empty());
  dsn::Report report;
  report.kind = dsn_kind(request.kind);
  report.host = settings->host_name;
  report.time = services_.clock.wall();
  report.zone_minutes = settings->zone_minutes;
  report.language = settings->report_language_of(original);
  const MessageId id = services_.make_id(report.time);
  report.id = to_string(id);
  report.recipients = std::move(request.recipients);
  for (const auto& state : report.recipients) {
    // That the sender's own time was over says more than what the remote said last.
    const bool late = state.reason == queue::Reason::deliver_by_over;
    report.told.push_back(late ? std::nullopt : diagnose::told(state));
  }
  report.refused_us_lifetime = request.refused_us_lifetime;
  auto header = co_await services_.store.read_body(original.id, 0, std::max<std::size_t>(original.header_octets, 1));
  if (header) {
    report.original_header = std::move(*header);
  } else if (!lost(header.error())) {
    co_return std::unexpected(header.error());
  }

  queue::Envelope envelope;
  envelope.id = id;
  envelope.kind = queue_kind(request.kind);
  envelope.arrived = report.time;
  envelope.expires = report.time + settings->report_lifetime;
  // No report about a report: <>, and NOTIFY=NEVER. [rfc3461 6.1]
  for (auto& address : settings->aliases.report_targets(original.sender)) {
    envelope.recipients.push_back({std::move(address), "", queue::notify_never});
  }
  envelope.client = "local";
  envelope.report_of = original.id;
  // What protected the message protects what is told of it. [rfc8689 5]
  envelope.requiretls = original.requiretls;
  envelope.priority = original.priority;  // [rfc6710 4.6]
  if (original.requiretls) original.ret = queue::Return::headers;
  report.original = std::move(original);

  Written written;
  const bool sign = settings->dkim && !settings->dkim->empty();
  do {
    report.random = services_.entropy.word();
    auto tried = co_await write_body(report, sign);
    if (!tried) co_return std::unexpected(tried.error());
    written = std::move(*tried);
    report.encode_original = report.encode_original || written.long_line;
    // Its random word was in the original, and it takes another; or it must encode what it gives back.
  } while (written.boundary_clash || written.long_line);
  envelope.size_octets = written.facts.size_octets;
  envelope.header_octets = written.facts.header_octets;
  envelope.smtputf8 = written.facts.smtputf8;
  envelope.header_utf8 = written.facts.smtputf8;
  envelope.body_8bit = written.facts.body_8bit;
  if (written.facts.body_8bit) envelope.body = queue::Body::eight_bit;
  envelope.body_hash = std::move(written.body_hash);
  env::AddMessage made{std::move(envelope), std::move(written.body), {id, false, {}}};
  co_return made;
}

env::Awaitable<env::StoreResult<ReportWriter::Written>> ReportWriter::write_body(dsn::Report report, bool sign) {
  const std::uint64_t original_octets = report.original.size_octets;
  const MessageId original_id = report.original.id;
  auto body = co_await services_.store.begin_body();
  if (!body) co_return std::unexpected(body.error());
  dsn::Writer writer(std::move(report));
  std::string out = writer.begin();
  mailauth::DkimMessageHash hash;
  for (std::uint64_t at = 0; writer.wants_original() && at < original_octets;) {
    auto piece = co_await services_.store.read_body(original_id, at, piece_octets);
    if (!piece && !lost(piece.error())) co_return std::unexpected(piece.error());
    if (!piece || piece->empty()) break;
    at += piece->size();
    writer.original(*piece, out);
    if (sign) hash.feed(out);
    const auto written = co_await (*body)->append(out);
    if (!written) co_return std::unexpected(written.error());
    out.clear();
  }
  out += writer.end();
  if (sign) hash.feed(out);
  const auto written = co_await (*body)->append(out);
  if (!written) co_return std::unexpected(written.error());
  Written made;
  made.body = std::move(*body);
  made.facts = writer.facts();
  made.boundary_clash = writer.boundary_clash();
  made.long_line = writer.has_long_line();
  if (sign) made.body_hash = hash.finish();
  co_return made;
}

}  // namespace postil::delivery
