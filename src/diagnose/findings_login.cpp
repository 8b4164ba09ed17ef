// A login that was tried: whose fault it is that it fails [rfc4954 6] [rfc8314 3].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/findings_certificate.hpp"
#include "diagnose/login_answer.hpp"
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

Id id_of(LoginAnswer answer) {
  switch (answer) {
    case LoginAnswer::let_in:
      return Id::login_ok;
    case LoginAnswer::wrong:
      return Id::login_refused;
    case LoginAnswer::mechanism:
      return Id::login_mechanism;
    case LoginAnswer::no_tls:
      return Id::login_no_tls;
    case LoginAnswer::permission:
      return Id::login_permission;
    case LoginAnswer::app_password:
      return Id::login_app_password;
    case LoginAnswer::later:
      return Id::login_later;
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
    if (c.broken) no_tls.phrases = {break_phrase("detail", *c.broken)};
    out.add(std::move(no_tls));
    return true;
  }
  return false;
}

// let_in: a login of this user worked elsewhere. A mechanism that fails then does not fail by the password.
void find_attempt(Findings& out, const Connection& c, bool let_in) {
  if (c.auth) {
    auto answer = login_answer(*c.auth);
    if (answer == LoginAnswer::wrong && let_in) answer = LoginAnswer::mechanism;
    const Id id = id_of(answer);
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
    broken.phrases = {break_phrase("detail", *c.broken)};
    if (!c.mechanism.empty()) broken.phrases.front().literal = c.mechanism;
    out.add(std::move(broken));
    return;
  }
  const auto offered = offered_mechanisms(c);
  if (offered.empty()) {
    out.add(about(Id::login_not_offered, c));
  } else if (c.mechanism.empty() && !usable_mechanisms(c).empty()) {
    return;  // find_untried() tells
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

void find_connection(Findings& out, const Connection& c, bool let_in) {
  if (c.tls) {
    constexpr CertificateIds ids{Id::login_cert_ok,   Id::login_cert_name, Id::login_cert_chain, Id::login_cert_chain,
                                 Id::login_cert_date, Id::login_cert_date, Id::login_cert_soon,  Id::login_cert_weak};
    find_certificate(out, c, ids);
  }
  if (!c.implicit_tls && c.ehlo && !smtp::parse_extensions(*c.ehlo).auth.empty()) {
    out.add(about(Id::login_in_clear, c));
  }
  if (!find_before(out, c)) find_attempt(out, c, let_in);
}

// As one word of a command line.
std::string in_shell(std::string_view word) {
  const bool plain = std::ranges::all_of(
      word, [](char c) { return is_alnum(c) || std::string_view("@.-_+").find(c) != std::string_view::npos; });
  if (plain && !word.starts_with('-')) return std::string(word);
  const bool quotable = word.find('\'') == std::string_view::npos && printable(word) == word;
  return quotable ? fmt::format("'{}'", word) : "USER";
}

Advice every_mechanism(const Observations& seen) {
  const auto& subject = seen.request.subject;
  return {Advice::Kind::run, fmt::format("postil check {} --login {} --all-mechanisms",
                                         subject.kind == SubjectKind::ip ? subject.ip : subject.domain,
                                         in_shell(seen.request.login_user))};
}

// What a port offers and no connection to it tried.
void find_untried(Findings& out, const std::vector<const Connection*>& tried) {
  std::set<std::string> ports;
  for (const auto* c : tried) {
    auto left = usable_mechanisms(*c);
    if (left.empty() || !ports.insert(place(*c)).second) continue;
    for (const auto* other : tried) {
      if (place(*other) == place(*c)) std::erase(left, other->mechanism);
    }
    if (left.empty()) continue;
    auto finding = about(Id::login_not_tried, *c);
    finding.add_list("mechanisms", left);
    finding.advice = {every_mechanism(out.seen())};
    out.add(std::move(finding));
  }
}

// Each of these refusals is only about its mechanism; that there is no other makes the login fail.
void find_none(Findings& out, const std::vector<const Connection*>& tried) {
  std::vector<std::string> refused;
  for (const auto* c : tried) {
    if (!c->auth) continue;
    if (login_answer(*c->auth) != LoginAnswer::mechanism) return;
    if (std::ranges::find(refused, c->mechanism) == refused.end()) refused.push_back(c->mechanism);
  }
  if (refused.empty()) return;
  Finding finding{.id = Id::login_none, .about = {}, .args = {}, .evidence = {}, .advice = {}};
  finding.add_list("mechanisms", refused);
  finding.advice = {every_mechanism(out.seen())};
  out.add(std::move(finding));
}

// What more a port offers: these want more than a user name and a password.
void find_others(Findings& out, const std::vector<const Connection*>& tried) {
  for (const auto* c : tried) {
    auto others = offered_mechanisms(*c);
    const auto usable = usable_mechanisms(*c);
    if (usable.empty()) continue;  // LOGIN-NO-MECHANISM tells
    std::erase_if(others, [&](const auto& one) { return std::ranges::find(usable, one) != usable.end(); });
    if (others.empty()) continue;
    auto finding = about(Id::login_others, *c);
    finding.add_list("mechanisms", others);
    out.add(std::move(finding));
  }
}

// No address, no connection: the name is wrong, or DNS does not answer.
void find_no_address(Findings& out) {
  const auto& subject = out.seen().request.subject;
  Finding finding{.id = Id::login_unreachable, .about = {}, .args = {}, .evidence = {}, .advice = {}};
  if (const auto doubt = doubt_about_hosts(out.seen())) {
    finding.id = Id::hosts_unknown;
    finding.args = {{"question", doubt->question}, {"detail", doubt->detail}};
    finding.phrases = {doubt->phrase};
  } else if (const auto* answer = out.seen().dns.find(subject.domain, dns::Type::a)) {
    finding.args = {{"detail", dns_trouble(*answer)}};
    finding.phrases = {dns_phrase("detail", *answer)};
    finding.advice = {{Advice::Kind::run, fmt::format("dig {} A {} AAAA", subject.domain, subject.domain)}};
  } else {
    return;
  }
  out.add(std::move(finding));
}

}  // namespace

void find_login(Findings& out) {
  if (!out.wants(Part::login)) return;
  std::vector<const Connection*> tried, closed;
  for (const auto& c : out.seen().connections) {
    if (c.purpose != Purpose::login) continue;
    const bool no_port = c.broken && c.broken->stage == "connect" && c.mechanism.empty();
    (no_port ? closed : tried).push_back(&c);
  }
  if (tried.empty() && closed.empty()) return find_no_address(out);
  const bool let_in = std::ranges::any_of(
      tried, [](const auto* c) { return c->auth && login_answer(*c->auth) == LoginAnswer::let_in; });
  for (const auto* c : tried) find_connection(out, *c, let_in);
  find_untried(out, tried);
  find_others(out, tried);
  find_none(out, tried);
  for (const auto* c : closed) {
    auto finding = about(tried.empty() ? Id::login_unreachable : Id::login_port, *c);
    finding.args = {{"detail", detail_of(*c->broken)}};
    finding.phrases = {break_phrase("detail", *c->broken)};
    out.add(std::move(finding));
  }
}

}  // namespace postil::diagnose
