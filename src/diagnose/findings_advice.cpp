// What to paste where the finding itself computed nothing: the command that shows the fault from outside, and the
// line of the mail server's configuration, or of the zone, that ends it.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "address/domain.hpp"
#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
constexpr std::size_t hosts_shown_max = 3;

// Which of its manuals the owner of the host reads.
enum class Server : std::uint8_t { postfix, exim, opensmtpd, postil };

struct Host {
  std::string name;     // "" = an IP address was asked for
  std::string address;  // with brackets where a port stands behind it
  std::uint16_t port = 25;
  bool implicit_tls = false;
  Server server = Server::postfix;  // most common, where the greeting does not tell
};

Server server_of(const Connection& c) {
  const auto greeting = c.greeting ? to_lower(c.greeting->one_line()) : std::string();
  if (greeting.find("exim") != std::string::npos) return Server::exim;
  if (greeting.find("opensmtpd") != std::string::npos) return Server::opensmtpd;
  if (greeting.find("postil") != std::string::npos) return Server::postil;
  return Server::postfix;
}

// The hosts that it is about, by the connections; without any the name that was checked.
std::vector<Host> hosts_of(const Finding& finding, const Observations& seen) {
  std::vector<Host> out;
  for (const auto& c : seen.connections) {
    const bool meant = std::ranges::any_of(finding.about, [&](const auto& one) { return one.starts_with(where(c)); });
    const bool known =
        std::ranges::any_of(out, [&](const Host& host) { return host.address == c.address && host.port == c.port; });
    if (!meant || known || out.size() == hosts_shown_max) continue;
    out.push_back({c.host == c.address ? "" : plain_name(c.host, ""), c.address, c.port, c.implicit_tls, server_of(c)});
  }
  if (!out.empty()) return out;
  const auto& subject = seen.request.subject;
  const auto targets = target_hosts(seen);
  const auto& name = !targets.empty() ? targets.front().name : subject.domain;
  const auto plain = plain_name(name, subject.domain);
  return {{plain, plain.empty() ? subject.ip : plain}};
}

std::string name_of(const Host& host) {
  return host.name.empty() ? host.address : host.name;
}

Advice run(std::string command) {
  return {Advice::Kind::run, std::move(command)};
}
Advice configure(std::string lines) {
  return {Advice::Kind::configure, std::move(lines)};
}
Advice publish(std::string record) {
  return {Advice::Kind::publish, std::move(record)};
}

// The handshake as any client sees it, for this address and name.
std::string s_client(const Host& host) {
  const auto at = host.address.find(':') == std::string::npos ? host.address : fmt::format("[{}]", host.address);
  return fmt::format("openssl s_client {}-connect {}:{} -servername {} </dev/null",
                     host.implicit_tls ? "" : "-starttls smtp ", at, host.port, name_of(host));
}

std::string show_certificate(const Host& host) {
  return s_client(host) + " 2>/dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName";
}

// Where OpenSMTPD is to listen: it knows the interface "all" on BSD only.
std::string any_address(const Host& host) {
  return host.address.find(':') == std::string::npos ? "0.0.0.0" : "::";
}

std::string certificate_lines(const Host& host) {
  const auto folder = "/etc/letsencrypt/live/" + name_of(host);
  switch (host.server) {
    case Server::exim:
      return fmt::format(
          "tls_advertise_hosts = *\ntls_certificate = {0}/fullchain.pem\ntls_privatekey = {0}/privkey.pem", folder);
    case Server::opensmtpd:
      return fmt::format(
          "pki {1} cert \"{0}/fullchain.pem\"\npki {1} key \"{0}/privkey.pem\"\nlisten on {2} tls pki {1}", folder,
          name_of(host), any_address(host));
    case Server::postil:
      return fmt::format("[tls]\ncertificate = \"{0}/fullchain.pem\"\nkey = \"{0}/privkey.pem\"", folder);
    case Server::postfix:
      break;
  }
  return fmt::format(
      "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {0}/fullchain.pem\nsmtpd_tls_key_file = {0}/privkey.pem",
      folder);
}

std::string version_lines(const Host& host) {
  switch (host.server) {
    case Server::exim:
      // By the library that it was built with; the other line stops it from starting.
      return "# GnuTLS (Debian, Ubuntu)\ntls_require_ciphers = NORMAL:-VERS-TLS1.0:-VERS-TLS1.1\n"
             "# OpenSSL\n# openssl_options = +no_sslv2 +no_sslv3 +no_tlsv1 +no_tlsv1_1";
    case Server::opensmtpd:
      return "smtp ciphers \"HIGH:!aNULL:!SSLv3:!TLSv1\"";
    case Server::postil:
    case Server::postfix:
      break;
  }
  return "smtpd_tls_protocols = >=TLSv1.2\nsmtpd_tls_mandatory_protocols = >=TLSv1.2";
}

std::string login_lines(const Host& host) {
  if (host.server == Server::exim) return "auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}";
  if (host.server == Server::opensmtpd) {
    return fmt::format("listen on {} port submission tls-require pki {} auth", any_address(host), name_of(host));
  }
  if (host.server == Server::postil) return "[submission]\nauth_without_tls = false";
  return "smtpd_tls_auth_only = yes";
}

// The name that it says in EHLO.
std::string name_line(const Host& host) {
  const auto name = address::qualified(host.name) ? host.name : std::string("mail.example.org");
  if (host.server == Server::exim) return "primary_hostname = " + name;
  if (host.server == Server::opensmtpd) return fmt::format("listen on {} hostname {}", any_address(host), name);
  if (host.server == Server::postil) return fmt::format("hostname = \"{}\"", name);
  return "myhostname = " + name;
}

std::optional<Advice> of_connection(Id id, const Host& host) {
  switch (id) {
    case Id::connect_refused:
      return run(fmt::format("ss -ltn 'sport = :{}'", host.port));  // on the host itself
    case Id::connect_timeout:
    case Id::greeting_timeout:
    case Id::greeting_lost:
    case Id::greeting_not_smtp:
    case Id::login_unreachable:
      return run(fmt::format("nc -v {} {}", host.address, host.port));
    case Id::ehlo_broken:
    case Id::login_broken:
    case Id::login_server_refused:
    case Id::login_not_offered:
    case Id::login_no_mechanism:
    case Id::login_no_tls:
    case Id::tls_refused:
    case Id::tls_failed:
      return run(s_client(host));
    case Id::ehlo_auth_in_clear:
    case Id::login_in_clear:
      return configure(login_lines(host));
    case Id::tls_old_version:
    case Id::tls_only_old:
      // Postil itself speaks none before 1.2: something stands in front of it.
      return host.server == Server::postil ? run(s_client(host)) : configure(version_lines(host));
    case Id::ehlo_name_bad:
      return configure(name_line(host));
    case Id::tls_not_offered:
      return configure(certificate_lines(host));
    default:
      return std::nullopt;
  }
}

bool of_certificate(Id id) {
  constexpr Id all[] = {Id::cert_name,        Id::cert_chain,      Id::cert_self_signed, Id::cert_expired,
                        Id::cert_not_yet,     Id::cert_soon,       Id::cert_weak,        Id::login_cert_name,
                        Id::login_cert_chain, Id::login_cert_date, Id::login_cert_soon,  Id::login_cert_weak,
                        Id::sts_certificate,  Id::sts_would_fail};
  return std::ranges::find(all, id) != std::end(all);
}

// What shows it, and what mends it.
void add_certificate(Finding& finding, const Host& host) {
  finding.advice.push_back(run(show_certificate(host)));
  if (host.name.empty()) return;
  switch (finding.id) {
    case Id::cert_chain:
    case Id::login_cert_chain:
      finding.advice.push_back(configure(certificate_lines(host)));
      break;
    case Id::cert_not_yet:
      finding.advice.push_back(run("timedatectl"));
      break;
    case Id::cert_weak:
    case Id::login_cert_weak:
      finding.advice.push_back(run(fmt::format("certbot certonly -d {} --key-type ecdsa --force-renewal", host.name)));
      break;
    case Id::cert_expired:
    case Id::cert_soon:
    case Id::login_cert_date:
    case Id::login_cert_soon:
      finding.advice.push_back(run(fmt::format("certbot renew --cert-name {} --force-renewal", host.name)));
      break;
    default:
      finding.advice.push_back(run(fmt::format("certbot certonly -d {}", host.name)));
      break;
  }
}

std::vector<Advice> of_dns(const Finding& finding, const Observations& seen) {
  const auto& domain = seen.request.subject.domain;
  const auto targets = target_hosts(seen);
  const std::string host = !finding.about.empty() ? finding.about.front().substr(0, finding.about.front().find(' '))
                           : targets.empty()      ? domain
                                                  : targets.front().name;
  switch (finding.id) {
    case Id::domain_none:
      return {run("whois " + domain)};
    case Id::dns_bogus:
      return {run(fmt::format("delv +vtrace {} MX", domain))};
    case Id::mx_no_address:
    case Id::mx_private:
      return {publish(record_line(host, "A", "<IPv4>")), publish(record_line(host, "AAAA", "<IPv6>"))};
    case Id::mx_no_ipv4:
      return {publish(record_line(host, "A", "<IPv4>"))};
    case Id::dane_insecure:
      return {run(fmt::format("delv _25._tcp.{} TLSA", plain_name(host, domain)))};
    case Id::message_unsigned:
      return {run("postil dkim new " + domain)};
    case Id::message_signature_bad:
      return {run(fmt::format("postil check {} --only dkim", domain))};
    default:
      return {};
  }
}

}  // namespace

void advise(Finding& finding, const Observations& seen) {
  const auto word = entry(finding.id).word;
  if (!finding.advice.empty() || (word != Word::fail && word != Word::warn)) return;
  finding.advice = of_dns(finding, seen);
  if (!finding.advice.empty()) return;
  for (const auto& host : hosts_of(finding, seen)) {
    if (of_certificate(finding.id)) {
      add_certificate(finding, host);
      continue;
    }
    auto one = of_connection(finding.id, host);
    const auto same = [&](const Advice& other) { return other.literal == one->literal; };
    if (one && std::ranges::none_of(finding.advice, same)) finding.advice.push_back(std::move(*one));
  }
}

}  // namespace postil::diagnose
