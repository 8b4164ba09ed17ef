// What the hosts that take the mail answer: connection, greeting, EHLO, and a recipient where one was asked for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;

Finding about(Id id, const Connection& connection) {
  return {.id = id, .about = {where(connection)}, .args = {}, .evidence = {}, .advice = {}};
}

Finding with_reply(Id id, const Connection& connection, const reply::RemoteReply& reply) {
  auto out = about(id, connection);
  out.args = {{"reply", printable(reply.one_line(), 200)}};
  out.evidence = {said(reply)};
  const std::string code =
      reply.enhanced ? fmt::format("{} {}", reply.code, reply::to_string(reply.enhanced)) : fmt::to_string(reply.code);
  if (reply.code >= 400) out.advice = {{Advice::Kind::run, "postil explain " + code}};
  return out;
}

Finding with_break(Id id, const Connection& connection) {
  auto out = about(id, connection);
  const auto& broken = *connection.broken;
  out.args = {{"detail", broken.detail.empty() ? broken.how : printable(broken.detail, 200)}};
  out.phrases = {break_phrase("detail", broken)};
  return out;
}

bool broke_at(const Connection& c, std::string_view stage) {
  return c.broken && c.broken->stage == stage;
}

void find_connect(Findings& out, const Connection& c) {
  if (!broke_at(c, "connect")) {
    out.add(about(Id::connect_ok, c));
    return;
  }
  const auto& how = c.broken->how;
  const Id id = how == "refused"       ? Id::connect_refused
                : how == "timed_out"   ? Id::connect_timeout
                : how == "unreachable" ? Id::connect_no_route
                                       : Id::connect_failed;
  out.add(with_break(id, c));
}

void find_greeting(Findings& out, const Connection& c) {
  if (c.greeting) {
    const int code = c.greeting->code;
    const Id id = code == 521       ? Id::greeting_null_host
                  : code >= 500     ? Id::greeting_refused
                  : code >= 400     ? Id::greeting_later
                  : code / 100 == 2 ? Id::greeting_ok
                                    : Id::greeting_not_smtp;
    if (id == Id::greeting_not_smtp) {
      auto odd = with_reply(id, c, *c.greeting);
      odd.args = {{"detail", printable(c.greeting->one_line(), 200)}};
      out.add(std::move(odd));
    } else if (id == Id::greeting_ok) {
      auto good = about(id, c);
      good.evidence = {said(*c.greeting)};
      out.add(std::move(good));
    } else {
      out.add(with_reply(id, c, *c.greeting));
    }
  } else if (broke_at(c, "greeting")) {
    const auto& how = c.broken->how;
    out.add(with_break(how == "timed_out"                        ? Id::greeting_timeout
                       : how == "malformed" || how == "too_long" ? Id::greeting_not_smtp
                                                                 : Id::greeting_lost,
                       c));
  }
}

std::vector<std::string> keywords(const reply::RemoteReply& ehlo) {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {
    const auto line = trim(ehlo.lines[i]);
    const auto word = line.substr(0, line.find(' '));
    if (!word.empty()) out.push_back(to_upper(word));
  }
  return out;
}

void find_ehlo(Findings& out, const Connection& c) {
  if (broke_at(c, "ehlo")) {
    out.add(with_break(Id::ehlo_broken, c));
    return;
  }
  if (!c.ehlo) return;
  if (c.ehlo->code / 100 != 2) {
    out.add(with_reply(Id::ehlo_refused, c, *c.ehlo));
    return;
  }
  const auto& last = c.ehlo_tls && c.ehlo_tls->code / 100 == 2 ? *c.ehlo_tls : *c.ehlo;
  auto good = about(Id::ehlo_ok, c);
  const auto words = keywords(last);
  good.args = {{"extensions", words.empty() ? "-" : fmt::format("{}", fmt::join(words, " "))}};
  out.add(std::move(good));
  const auto before = smtp::parse_extensions(*c.ehlo);
  const auto extensions = smtp::parse_extensions(last);
  if (extensions.size && extensions.size_max > 0) {
    auto size = about(Id::ehlo_size, c);
    size.args = {{"octets", fmt::to_string(extensions.size_max)}};
    out.add(std::move(size));
  }
  if (!before.auth.empty() && !c.implicit_tls) {
    auto clear = about(Id::ehlo_auth_in_clear, c);
    clear.evidence = {fmt::format("S: 250-AUTH {}", fmt::join(before.auth, " "))};
    out.add(std::move(clear));
  }
  if (extensions.requiretls) out.add(about(Id::ehlo_requiretls, c));
}

// One host is asked; when none could be, that is told of them all.
void find_recipient(Findings& out, const std::vector<const Connection*>& mail) {
  const auto& recipient = out.seen().request.recipient;
  if (recipient.empty()) return;
  bool told = false;
  const auto add = [&](Finding finding) {
    finding.args.emplace_back("recipient", recipient);
    out.add(std::move(finding));
    told = true;
  };
  for (const auto* c : mail) {
    const int code = c->rcpt ? c->rcpt->code : 0;
    if (c->rcpt) {
      add(with_reply(code / 100 == 2   ? Id::rcpt_ok
                     : code / 100 == 5 ? Id::rcpt_refused
                                       : Id::rcpt_later,
                     *c, *c->rcpt));
    } else if (c->mail && c->mail->code / 100 != 2) {
      add(with_reply(Id::rcpt_sender_refused, *c, *c->mail));
    }
  }
  if (told) return;
  for (const auto* c : mail) add(about(Id::rcpt_untested, *c));
  if (!mail.empty()) return;
  // DNS is definite about it: there is nobody to ask.
  const bool none = !out.seen().out_of_time && !doubt_about_hosts(out.seen());
  Finding nobody{.id = Id::rcpt_untested, .about = {}, .args = {}, .evidence = {}, .advice = {}};
  if (none) {
    nobody.id = Id::rcpt_no_host;
    nobody.advice = {{Advice::Kind::run, takes_mail(out.seen()) ? "postil explain 5.1.2" : "postil explain 556"}};
  }
  add(std::move(nobody));
}

}  // namespace

std::optional<Doubt> doubt_about_hosts(const Observations& seen) {
  const auto& subject = seen.request.subject;
  const auto doubt = [&](const std::string& name, dns::Type type) -> std::optional<Doubt> {
    const auto* answer = seen.dns.find(name, type);
    if (answer == nullptr || answer->definite()) return {};
    return Doubt{fmt::format("{} {}", name, dns::to_string(type)), dns_trouble(*answer), dns_phrase("detail", *answer)};
  };
  if (auto one = doubt(subject.domain, dns::Type::mx)) return one;
  auto hosts = target_hosts(seen);
  if (hosts.empty()) hosts.push_back({subject.domain, 0});
  for (const auto& host : hosts) {
    for (const auto type : {dns::Type::a, dns::Type::aaaa}) {
      if (auto one = doubt(host.name, type)) return one;
    }
  }
  return {};
}

void find_hosts(Findings& out) {
  std::vector<const Connection*> mail;
  for (const auto& c : out.seen().connections) {
    if (c.purpose == Purpose::mail) mail.push_back(&c);
  }
  const auto& parts = out.seen().request.parts;
  const bool asked = parts.any_of(
      {Part::connect, Part::greeting, Part::ehlo, Part::tls, Part::dane, Part::reverse_dns, Part::recipient});
  find_recipient(out, mail);
  if (mail.empty()) {
    if (!asked || out.seen().request.subject.kind == SubjectKind::ip) return;
    Finding none{.id = Id::no_host, .about = {}, .args = {}, .evidence = {}, .advice = {}};
    if (const auto doubt = doubt_about_hosts(out.seen())) {
      none.id = Id::hosts_unknown;
      none.args = {{"question", doubt->question}, {"detail", doubt->detail}};
      none.phrases = {doubt->phrase};
    }
    out.add(std::move(none));
    return;
  }
  for (const auto* c : mail) {
    find_connect(out, *c);
    find_greeting(out, *c);
    find_ehlo(out, *c);
  }
  const auto silent = [](const Connection* c) { return broke_at(*c, "connect") && c->broken->how == "timed_out"; };
  if (mail.front()->port == 25 && std::ranges::all_of(mail, silent)) {
    out.add({.id = Id::connect_blocked_here, .about = {}, .args = {}, .evidence = {}, .advice = {}});
  }
}

}  // namespace postil::diagnose
