// A login that was tried: whose fault it is that it fails [rfc4954 6] [rfc8314 3].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/findings_certificate.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;

std::string place(const Connection& c) {
  return fmt::format("{} ({})", where(c), c.implicit_tls ? "TLS" : "STARTTLS");
}

Finding about(Id id, const Connection& c) {
  return {.id = id, .about = {place(c)}, .args = {}, .evidence = {}, .advice = {}};
}

Finding with_reply(Id id, const Connection& c, const reply::RemoteReply& reply) {
  auto out = about(id, c);
  out.args = {{"reply", printable(reply.one_line(), 200)}};
  out.evidence = {said(reply)};
  return out;
}

std::string detail_of(const Break& broken) {
  return broken.detail.empty() ? broken.how : printable(broken.detail, 200);
}

// [rfc4954 6] [rfc5248 2.4]; the words of enhanced codes say more than the basic ones.
Id judge(const reply::RemoteReply& reply) {
  if (reply.code == 235) return Id::login_ok;
  if (reply.code / 100 == 4) return reply.code == 432 ? Id::login_permission : Id::login_later;
  const auto enhanced = reply::to_string(reply.enhanced);
  if (reply.code == 504 || enhanced == "5.7.9" || enhanced == "5.5.4" || reply.code == 534) {
    return Id::login_mechanism;
  }
  if (reply.code == 538 || enhanced == "5.7.11") return Id::login_no_tls;
  if (reply.code == 525 || enhanced == "5.7.13" || enhanced == "5.7.1" || reply.code == 550 || reply.code == 530 ||
      enhanced == "5.7.14") {
    return Id::login_permission;
  }
  return Id::login_refused;
}

// What ended the conversation before AUTH; true when something did.
bool find_before(Findings& out, const Connection& c) {
  if (c.greeting && c.greeting->code / 100 != 2) {
    out.add(with_reply(Id::login_server_refused, c, *c.greeting));
    return true;
  }
  if (c.ehlo && c.ehlo->code / 100 != 2) {
    out.add(with_reply(Id::login_server_refused, c, *c.ehlo));
    return true;
  }
  if (!c.tls) {
    auto no_tls = about(Id::login_no_tls, c);
    std::string detail = "STARTTLS -";
    if (c.starttls && c.starttls->code != 220) detail = printable(c.starttls->one_line(), 200);
    if (c.broken) detail = detail_of(*c.broken);
    const bool broke_early = c.broken && c.broken->stage != "tls";
    no_tls.id = broke_early ? Id::login_broken : Id::login_no_tls;
    no_tls.args = {{"detail", detail}};
    out.add(std::move(no_tls));
    return true;
  }
  return false;
}

void find_attempt(Findings& out, const Connection& c) {
  if (c.auth) {
    const Id id = judge(*c.auth);
    auto finding = with_reply(id, c, *c.auth);
    if (id == Id::login_ok || id == Id::login_mechanism) finding.args.emplace_back("mechanism", c.mechanism);
    if (id == Id::login_no_tls) finding.args.emplace_back("detail", finding.args.front().second);
    if (id != Id::login_ok) {
      finding.advice = {
          {Advice::Kind::run, fmt::format("postil explain {}{}{}", c.auth->code, c.auth->enhanced ? " " : "",
                                          reply::to_string(c.auth->enhanced))}};
    }
    // Mechanisms differ: each has a line of its own.
    if (!c.mechanism.empty() && id != Id::login_ok)
      finding.evidence.front() = c.mechanism + "  " + finding.evidence.front();
    out.add(std::move(finding));
    return;
  }
  if (c.broken) {
    auto broken = about(Id::login_broken, c);
    broken.args = {
        {"detail", fmt::format("{}{}{}", c.mechanism, c.mechanism.empty() ? "" : ": ", detail_of(*c.broken))}};
    out.add(std::move(broken));
    return;
  }
  const auto* ehlo = c.ehlo_tls ? &*c.ehlo_tls : c.ehlo ? &*c.ehlo : nullptr;
  const auto offered = ehlo != nullptr ? smtp::parse_extensions(*ehlo).auth : std::vector<std::string>{};
  if (offered.empty()) {
    out.add(about(Id::login_not_offered, c));
  } else if (c.mechanism.empty()) {
    auto none = about(Id::login_no_mechanism, c);
    none.args = {{"mechanisms", fmt::format("{}", fmt::join(offered, " "))}};
    out.add(std::move(none));
  } else {
    auto kept = about(Id::login_kept_back, c);
    kept.args = {{"mechanism", c.mechanism}};
    out.add(std::move(kept));
  }
}

void find_connection(Findings& out, const Connection& c) {
  if (c.tls) {
    constexpr CertificateIds ids{Id::login_cert_ok,   Id::login_cert_name, Id::login_cert_chain, Id::login_cert_chain,
                                 Id::login_cert_date, Id::login_cert_date, Id::login_cert_soon,  Id::login_cert_weak};
    find_certificate(out, c, ids);
  }
  if (!c.implicit_tls && c.ehlo && !smtp::parse_extensions(*c.ehlo).auth.empty()) {
    out.add(about(Id::login_in_clear, c));
  }
  if (!find_before(out, c)) find_attempt(out, c);
}

}  // namespace

void find_login(Findings& out) {
  if (!out.wants(Part::login)) return;
  std::vector<const Connection*> tried, closed;
  for (const auto& c : out.seen().connections) {
    if (c.purpose != Purpose::login) continue;
    (c.broken && c.broken->stage == "connect" ? closed : tried).push_back(&c);
  }
  for (const auto* c : tried) find_connection(out, *c);
  for (const auto* c : closed) {
    auto finding = about(tried.empty() ? Id::login_unreachable : Id::login_port, *c);
    finding.args = {{"detail", detail_of(*c->broken)}};
    out.add(std::move(finding));
  }
}

}  // namespace postil::diagnose
