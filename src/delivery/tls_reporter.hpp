// Collects TLS reports and sends them [rfc8460]. One for the server; thread-safe where it says so.
//
//   Services::tls_session ─► count() ─► tlsrpt::Ledger ─► after midnight UTC ─► "_smtp._tls" of each domain
//                                            │                                   ├─ https: a POST, tried for 24 hours
//                                         a file                                 └─ mailto: a signed mail in our queue
//
// The file is written every five minutes when something has changed, every minute while reports leave, and at the end:
// a crash loses the counts of five minutes at most, and may send a minute's reports once more, under the same
// Report-ID. Reports by mail go without regard to recipients' TLS policies, and are not counted themselves.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "delivery/services.hpp"
#include "mailauth/tls_rpt_record.hpp"
#include "tlsrpt/ledger.hpp"
#include "tlsrpt/mail.hpp"

namespace postil::delivery {

class TlsReporter {
 public:
  static constexpr std::string_view file_name = "tls-reports";  // in the spool's folder
  static constexpr std::size_t uris_max = 5;                    // of one record
  static constexpr std::size_t workers_max = 8;                 // domains at once

  // executor: of all but count(), set_settings() and summary(). arrived: takes a message that is in the store.
  TlsReporter(Services& services, std::shared_ptr<const Settings> settings, env::Executor executor,
              std::function<void(queue::Envelope)> arrived);

  // Reads what was kept, and goes to work.
  env::Awaitable<void> open();
  // Reports that are being sent may end within `grace`; then all is on disk.
  env::Awaitable<void> stop(Duration grace);
  void count(const transport::TlsSession& session);             // any thread
  void set_settings(std::shared_ptr<const Settings> settings);  // any thread
  tlsrpt::Ledger::Summary summary() const;                      // any thread

 private:
  struct Parcel {
    tlsrpt::Due due;
    std::shared_ptr<const Settings> settings;
    std::string report_id;
    std::string octets;   // gzipped
    std::string trouble;  // why somebody has not got it; "" = none
  };
  env::Awaitable<void> run();
  void tick();
  env::Awaitable<void> work();
  env::Awaitable<void> send(std::string id);
  env::Awaitable<void> hand_over(Parcel& parcel, const mailauth::TlsRptRecord& record);
  env::Awaitable<void> post(Parcel& parcel, mailauth::ReportUri uri);
  env::Awaitable<void> mail(Parcel& parcel, std::vector<mailauth::ReportUri> uris);
  env::Awaitable<bool> submit(const Parcel& parcel, const tlsrpt::Letter& letter, tlsrpt::Written written);
  void conclude(Parcel parcel);
  void save();
  std::shared_ptr<const Settings> settings() const;

  Services& services_;
  env::Executor executor_;
  std::function<void(queue::Envelope)> arrived_;
  mutable std::mutex mutex_;  // of ledger_, settings_, changed_, sent_
  tlsrpt::Ledger ledger_;
  std::shared_ptr<const Settings> settings_;
  bool changed_ = false;
  std::mutex writing_;  // the file
  std::unique_ptr<env::Timer> alarm_;
  std::vector<std::string> queue_;  // ids, of this round
  std::size_t workers_ = 0;
  bool running_ = false, stopping_ = false;
  std::atomic<int> saves_ = 0;  // under way on the pool
  bool sent_ = false;           // since the file was written
  MonoTime save_at_{};
};

}  // namespace postil::delivery
