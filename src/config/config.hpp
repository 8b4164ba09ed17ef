// The configuration: one TOML file (and conf.d/*.toml beside it, in name order) is the only truth. Every key is
// declared once, in config/schema.cpp: name, kind, default, where it goes; parser, `config show`, `config explain`
// and docs/configuration.md come from that table.
//
// Read, never changed: a reload reads a new one, and a bad one leaves the old in use.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "address/ip.hpp"
#include "base/time.hpp"
#include "i18n/translator.hpp"

namespace postil::config {

struct ListenAddress {
  std::string address;  // numeric, "0.0.0.0", "::"
  std::uint16_t port = 0;
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

struct Tls {
  std::string certificate, key, client_ca;
};

struct Submission {
  std::vector<ListenAddress> listen;      // STARTTLS
  std::vector<ListenAddress> listen_tls;  // implicit TLS
  std::string users;
  std::vector<std::string> mechanisms;  // empty = all
  bool auth_without_tls = false;
  bool local = true;                  // the socket for the sendmail command
  std::string local_senders = "any";  // any | own
  bool hide_client_address = false;
  Duration hold_max{};            // HOLDFOR, HOLDUNTIL; 0 = not offered
  std::uint64_t hold_messages{};  // of one account that wait so at once; 0 = any number
};

struct Relay {
  std::vector<ListenAddress> listen;
  std::vector<address::Network> networks;
};

struct NullHost {
  std::vector<ListenAddress> listen;
};

// Clients that speak for others, by the PROXY protocol or by XCLIENT.
struct Intermediaries {
  std::vector<ListenAddress> listen;  // of the jobs' listeners; empty: all of them
  std::vector<address::Network> networks;
};

struct Limits {
  std::uint64_t message_octets = 0, header_octets = 0, line_octets = 0;
  std::uint64_t recipients = 0, hops = 0, errors = 0, commands = 0, auth_failures = 0, priority = 0;
  std::uint64_t sessions = 0, sessions_per_address = 0;
  std::vector<address::Network> unlimited_from;
  Duration command_timeout{}, data_timeout{}, message_duration{};
  std::uint64_t login_failures_per_address = 0, login_failures_per_account = 0;
  Duration login_window{}, login_block{}, login_block_max{};
  std::uint64_t recipients_per_hour = 0, recipients_per_day = 0;  // of an account; 0 = no limit
};

struct Deliver {
  std::string via = "direct";  // direct | smarthost
  std::string smarthost;       // smtp://host[:port], smtps://, submission://
  std::string username, password_file;
  std::string tls = "opportunistic";  // never | opportunistic | required | verified
  std::string tls_ca;
  bool dane = true, mta_sts = true;
  std::uint64_t mta_sts_port = 443;
  std::string source_ipv4, source_ipv6;
  std::uint64_t port = 25;
  bool check_recipient_domains = true, check_sender_domain = true;
  Duration lifetime{}, retry_first{}, retry_max{}, delay_notice{}, null_host_skip{}, refused_lifetime{};
  std::uint64_t connections_per_destination = 0, connections = 0, recipients_per_transaction = 0,
                messages_per_connection = 0;
  Duration connect_timeout{}, greeting_timeout{}, command_timeout{}, data_timeout{}, block_timeout{}, end_timeout{},
      idle_connection{};
};

struct Dns {
  std::vector<std::string> resolver;  // empty = recurse from the root
  bool validate = true;
  std::string trust_anchor;  // file; "" = the system's dns-root-data
  Duration timeout{};
};

struct Spool {
  std::string folder;
  std::uint64_t segment_octets = 0, watermark_octets = 0;
};

// An entry of [[dkim]]: a key that signs what leaves for one domain.
struct Dkim {
  std::string domain, selector;
  std::string key;               // the file
  std::string sign_by = "from";  // from | envelope | both
  bool subdomains = true;
  std::optional<WallTime> from, until;  // when it signs; rotation
};

// An entry of [[tls_policy]]: what TLS the hosts of a destination must show.
struct TlsPolicy {
  std::string domain;  // A-labels, lower case; ".example.net": all below it
  std::string tls;     // never | opportunistic | required | verified | dane
  std::vector<std::string> names;
  std::string ca;
};

// An entry of [[site]]: limits of some destinations. What is not set is the next rule's affair.
struct Site {
  std::vector<std::string> domains;  // of recipients, lower case; "*.example.net": all below it, "*": every one
  std::vector<std::string> mx;       // names of MX hosts, likewise
  std::optional<std::uint64_t> connections, messages_per_connection;
  std::string rate;                     // "100/s"; "" = not set
  std::optional<double> rate_a_second;  // 0 = no limit
};

// An entry of [[source]]: where some mail leaves from. All conditions that are set must hold.
struct Source {
  std::vector<std::string> from;      // domains or whole addresses of senders; "<>" is the null sender
  std::vector<std::string> to;        // domains of recipients
  std::vector<std::string> accounts;  // logins
  std::string ipv4, ipv6;             // addresses of this host
  std::string hostname;               // said in EHLO
};

struct TlsReports {
  std::string contact, organization;
  Duration window{};
};

// An entry of [[route]]: mail for some domains goes to a host that DNS does not name.
struct Route {
  std::vector<std::string> domains;  // of recipients, as those of a Site
  std::string to;                    // as parse_next_hop() takes it
};

struct Suppress {
  bool automatic = false;
  Duration lifetime{};
};

// An entry of [[expect]]: what we are to answer to a dialogue. `postil config check` tries it.
struct Expect {
  std::string job;         // "" = as for `postil simulate`
  std::uint16_t port = 0;  // 0 = the job's first listener
  std::optional<bool> tls;
  std::string from_ip, helo, auth;       // auth: a login, whose password is taken for right
  std::optional<std::string> mail_from;  // "" = the null sender
  std::vector<std::string> rcpt;
  std::string reply;  // of the last command: "250", "550 5.7.1"
};

struct Config {
  std::string file;               // "" = defaults of the demo or of a test
  std::vector<std::string> jobs;  // submission, relay, null
  std::string host_name, contact, language;
  Tls tls;
  Submission submission;
  Relay relay;
  NullHost null_host;
  Intermediaries proxy, xclient;
  std::map<std::string, std::vector<std::string>> aliases;
  std::map<std::string, std::string> domain_languages;  // of reports to senders there: A-labels, lower case
  Limits limits;
  Deliver deliver;
  Dns dns;
  std::vector<TlsPolicy> tls_policies;  // their places: "tls_policy.0"
  std::vector<Dkim> dkim;               // their places: "dkim.0", "dkim.0.key"
  std::vector<Site> sites;              // their places: "site.0"
  std::vector<Source> sources;          // "source.0"
  std::vector<Route> routes;            // "route.0"
  std::vector<Expect> expectations;     // "expect.0"
  TlsReports tls_reports;
  Suppress suppress;
  Spool spool;
  std::string control_socket, submit_socket;
  std::vector<ListenAddress> metrics_listen;
  std::vector<ListenAddress> web_listen;
  std::string web_url;            // where its readers find it; "" = addresses are relative
  std::string events = "stderr";  // stderr | off | a file
  std::string event_level = "info";
  std::string receipt_url;
  std::string history_folder;
  std::uint64_t history_octets = 0;
  Duration history_age{};
  std::uint64_t threads = 0;                  // I/O threads; 0 = one per core
  std::map<std::string, std::string> places;  // key -> "postil.toml:12", only keys that are set

  bool has_job(std::string_view job) const;
  bool takes_mail() const { return has_job("submission") || has_job("relay"); }
  // "postil.toml:12" for a key that is set, else "default".
  std::string place(std::string_view key) const;
};

struct Problem {
  std::string file;
  std::uint32_t line = 0, column = 0;  // from 1; 0 = the whole file
  bool warning = false;
  std::string text_key;  // in data/text/en/config.toml
  i18n::Args args;
  bool no_right = false;               // it is there, but this user may not use it
  std::optional<std::uint64_t> count;  // of a text whose words follow a number
};
// What is wrong, without its place.
std::string text_of(const Problem& problem, const i18n::Translator& tr);
// "/etc/postil/postil.toml:9:1  unknown key ..."
std::string to_string(const Problem& problem, const i18n::Translator& tr);

struct Loaded {
  Config config;                  // meaningful only without errors
  std::vector<Problem> problems;  // all of them, in file order
  bool ok() const;
};

struct SourceFile {
  std::string name;  // as it is shown
  std::string text;
};
// Parses and checks everything that can be checked without looking at the system. First the main file, then conf.d.
Loaded parse(std::span<const SourceFile> files);

// The declaration of a key.
struct Key {
  std::string_view path;  // "submission.listen"
  std::string_view kind;  // "text", "date", "list of addresses", "duration", "size", "number", "yes or no", "choice"
  std::string_view default_text;  // as it would be written in TOML; "" = none, must be set or has no effect
  std::string_view choices;       // "any own"; for choices
  std::function<std::string(const Config&)> shown;  // the value as TOML
};
std::span<const Key> keys();
// Those of the entries of an array of tables: "dkim.selector". `shown` gives the values of all entries, as a list.
std::span<const Key> entry_keys();
const Key* find_key(std::string_view path);
// The nearest known key within a typing error or two, or of the same name in another table; "" = none.
std::string nearest_key(std::string_view path);
// A whole example file for a job.
std::string example(std::string_view job);

// "250" or "550 5.7.1". Nothing for what is none.
struct ExpectedReply {
  int code = 0;
  std::string status;  // "" = any
};
std::optional<ExpectedReply> parse_expected_reply(std::string_view text);

// "smtps://HOST[:PORT]", "submission://", "smtp://"; HOST a name, an IPv4 address or [an IPv6 address]. Nothing for
// what is none.
struct SmarthostAddress {
  std::string host;  // lower case, without brackets
  std::uint16_t port = 25;
  bool implicit_tls = false;
  bool lmtp = false;  // then the host may be a path, of a Unix socket
};
std::optional<SmarthostAddress> parse_smarthost(std::string_view url);
// These, and "lmtp:unix:/PATH" and "lmtp:inet:HOST[:PORT]".
std::optional<SmarthostAddress> parse_next_hop(std::string_view url);
// "192.0.2.53", "2001:db8::53"; with another port "192.0.2.53@5353"; "fe80::1%eth0".
bool resolver_address(std::string_view text);
// "0.0.0.0:25", "[::]:25".
std::string written(const ListenAddress& at);

// "5m", "90s", "4h", "5d", "1h30m". Nothing for what is none.
std::optional<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);
// "100/s", "600/m", "20/h" as messages a second; "0" = no limit. Nothing for what is none.
std::optional<double> parse_rate(std::string_view text);
// "50M", "1G", "4096", "64K".
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t octets);

}  // namespace postil::config
