// What is collected for TLS reports, by days of UTC, and what of days that are over is still to be sent. Pure; not
// thread-safe: its owner has the lock. Its text form is kept in a file (docs/transport.md).
//
//   add() ─► a day ─► close_days(), at midnight ─► Due, one for each domain ─► settle() or put_off()
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "tlsrpt/report.hpp"
#include "transport/tls_report.hpp"

namespace postil::tlsrpt {

// The report about one domain and day, on its way.
struct Due {
  std::string id;  // of the report: letters, digits and dots
  std::string domain;
  Day day = 0;
  std::vector<transport::TlsReport::Policy> policies;
  std::vector<std::string> done;  // URIs of the domain's record that have taken it
  WallTime next_try;
  WallTime first_try;  // WallTime{}: not tried yet
  std::uint32_t tries = 0;
};

class Ledger {
 public:
  struct Limits {  // of one day
    std::size_t domains_max = 20'000;
    std::size_t failures_max = 100;  // kinds, under one policy
    std::size_t octets_max = 16 * 1024 * 1024;
  };
  static constexpr std::size_t days_max = 3;             // that are open: more than one only when the clock jumps
  static constexpr std::size_t dues_max_per_domain = 3;  // times domains_max
  static constexpr Duration retry_for = hours(24);       // after the first try [rfc8460 5.5]
  static constexpr Duration retry_first = minutes(5), retry_most = hours(4);
  static constexpr std::int64_t age_days_max = 7;  // of a day that nobody sent: the server was not running

  Ledger() : Ledger(Limits{}) {}
  explicit Ledger(Limits limits) : limits_(limits) {}

  void add(const transport::TlsSession& session, WallTime now);
  // Days that are over become due, all of a day at one moment within `window` behind its end. [rfc8460 4.1]
  // random: 64 random bits a call. True: something has changed.
  bool close_days(WallTime now, Duration window, const std::function<std::uint64_t()>& random);
  // Ids of what is to be tried now.
  std::vector<std::string> due(WallTime now) const;
  const Due* find(const std::string& id) const;  // null: settled
  // Nothing more is to be done: sent somewhere, wanted by nobody, or given up.
  enum class End : std::uint8_t { sent, unwanted, given_up };
  void settle(const std::string& id, End end, WallTime now);
  // Tried in vain, but by those in `done`: again later, twice as late as before. False: 24 hours are over.
  bool put_off(const std::string& id, std::vector<std::string> done, WallTime now);

  struct Summary {
    std::uint64_t domains = 0, sessions = 0, failed = 0;  // of the days that are open
    std::uint64_t waiting = 0;                            // reports
    std::uint64_t sent = 0, given_up = 0;                 // reports, ever
    std::uint64_t dropped = 0;                            // what was over a limit, since the start
    WallTime last_sent;                                   // WallTime{}: never
  };
  Summary summary() const;

  // Lines of JSON. decode: adds to an empty ledger; lines that are damaged are left out and counted.
  std::string encode() const;
  std::expected<std::size_t, std::string> decode(std::string_view text);

 private:
  bool read_line(std::string_view line);
  transport::TlsReport& open_day(Day day);

  Limits limits_;
  std::map<Day, transport::TlsReport> days_;
  std::map<std::string, Due> due_;  // by id
  std::uint64_t sent_ = 0, given_up_ = 0, dropped_ = 0;
  WallTime last_sent_;
};

}  // namespace postil::tlsrpt
