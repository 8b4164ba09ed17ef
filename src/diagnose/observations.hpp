// What `postil check` saw: DNS answers, conversations with hosts, certificates, as plain values. src/check gathers
// them; findings.hpp judges them without asking anything again, so that a report can be saved, sent to somebody, and
// judged once more (docs/schema/observations.json).
//
// No secret is in them: of a login neither the password nor what was sent for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "dns/answer.hpp"
#include "reply/reply.hpp"

namespace postil::diagnose {

enum class SubjectKind : std::uint8_t { domain, host, address, ip };
std::string_view to_string(SubjectKind kind);

struct Subject {
  SubjectKind kind = SubjectKind::domain;
  std::string text;     // as it was asked, printable
  std::string domain;   // A-labels; of an address its domain, of a host its name; "" for an IP address
  std::string mailbox;  // kind address
  std::string ip;       // kind ip, canonical
};

// The parts of a check: what --only names.
enum class Part : std::uint8_t {
  mx,
  connect,
  greeting,
  ehlo,
  tls,
  dane,
  mta_sts,
  tls_rpt,
  recipient,
  spf,
  dkim,
  dmarc,
  bimi,
  reverse_dns,
  block_lists,
  login,
  parked,
};
inline constexpr std::size_t parts_count = 17;
std::string_view to_string(Part part);  // "mta_sts"
std::optional<Part> find_part(std::string_view word);

class Parts {
 public:
  void add(Part part) { bits_ |= bit(part); }
  void remove(Part part) { bits_ &= ~bit(part); }
  bool has(Part part) const { return (bits_ & bit(part)) != 0; }
  bool any_of(std::initializer_list<Part> parts) const {
    for (const Part part : parts) {
      if (has(part)) return true;
    }
    return false;
  }
  bool empty() const { return bits_ == 0; }

 private:
  static std::uint32_t bit(Part part) { return 1u << static_cast<unsigned>(part); }
  std::uint32_t bits_ = 0;
};

inline constexpr std::size_t message_octets_max = 4 * 1024 * 1024;

// What was asked of the check.
struct CheckRequest {
  Subject subject;
  Parts parts;
  std::string recipient;               // for part recipient
  std::string login_user;              // for part login
  std::string from_ip;                 // "may this address send for the domain?"
  std::vector<std::string> selectors;  // DKIM; empty: the usual ones
  std::vector<std::string> lists;      // block lists, zones
  bool tls_versions = false;
  std::string message;  // whole, with CRLF; at most message_octets_max
};

// One question and its answer.
struct DnsNote {
  std::string name;  // A-labels, lower case, no dot at the end
  dns::Type type = dns::Type::a;
  dns::Answer answer;
};

class DnsNotes {
 public:
  // A second answer to the same question is left out.
  void add(DnsNote note);
  const dns::Answer* find(std::string_view name, dns::Type type) const;  // name in any case
  const std::vector<DnsNote>& all() const { return notes_; }

 private:
  std::vector<DnsNote> notes_;
};

enum class Purpose : std::uint8_t { mail, tls_version, login };
std::string_view to_string(Purpose purpose);

struct SpokenLine {
  char who = 'C';    // C, S; * = not on the wire
  std::string text;  // printable; what is secret stands as ***
};

struct SeenTls {
  std::string version;  // "TLSv1.3"
  std::string cipher;
  std::vector<std::string> chain;  // DER, the server's own first
  std::string chain_error;         // OpenSSL's English words; "" = it leads to a trusted root
};

// How something ended without a reply. The words are those of env::NetError and of the parser: timed_out, closed,
// reset, refused, unreachable, malformed, too_long, tls.
struct Break {
  std::string stage;  // connect, greeting, ehlo, starttls, tls, mail, rcpt, auth
  std::string how;
  std::string detail;  // English; may be empty
};

// One connection to one address.
struct Connection {
  Purpose purpose = Purpose::mail;
  std::string host;  // its name; "" when an IP address was asked for
  std::string address;
  std::uint16_t port = 25;
  bool implicit_tls = false;
  std::string version;    // purpose tls_version: the one that was asked for
  std::string mechanism;  // purpose login: the one that was tried; "" = none fitted
  std::optional<Break> broken;
  std::optional<reply::RemoteReply> greeting, ehlo, starttls, ehlo_tls, mail, rcpt, auth;
  std::optional<SeenTls> tls;
  std::vector<SpokenLine> transcript;
  std::uint32_t took_ms = 0;
};

// The name by which the host calls itself in its answer to EHLO [rfc5321 4.1.1.1], in lower case; "" = it did not come
// to that.
std::string spoken_name(const Connection& connection);

// One fetch by HTTPS.
struct Fetch {
  std::string url;
  std::uint16_t status = 0;  // 0 = no answer came
  std::string content_type;
  std::string body;   // bounded
  std::string error;  // English, "" when an answer came
};

struct Observations {
  CheckRequest request;
  WallTime time{};
  std::string program;   // "postil 0.1.0"
  std::string resolver;  // as it was given; "" = the system's
  bool validating = false;
  DnsNotes dns;
  std::vector<Connection> connections;
  std::vector<Fetch> fetches;
  std::uint32_t took_ms = 0;
  bool out_of_time = false;  // the whole had to end before every part had
  bool replayed = false;     // read from a file
};

// The hosts that take the domain's mail, by what DNS said: at most hosts_max are looked at.
inline constexpr std::size_t checked_hosts_max = 10;
struct TargetHost {
  std::string name;
  std::uint16_t preference = 0;
};
// In order of preference. For a host the host itself; for an IP address one without a name.
std::vector<TargetHost> target_hosts(const Observations& seen);

}  // namespace postil::diagnose
