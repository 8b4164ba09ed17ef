// Makes the reports (bounces, delay notices, success reports) that a Persist asks for.
#pragma once

#include <memory>
#include <vector>

#include "delivery/services.hpp"
#include "dsn/writer.hpp"
#include "queue/engine.hpp"

namespace postil::delivery {

enum class ReportKind : std::uint8_t { failed, delayed, relayed };

struct ReportRequest {
  ReportKind kind = ReportKind::failed;
  std::vector<queue::RecipientState> recipients;  // what is reported, one or more
  Duration refused_us_lifetime{};                 // as the engine has it
};

// A report as a message of the queue: sender <>, to the original's sender (for one of our own host: where the aliases
// say), its body already in the store's hands.
class ReportWriter {
 public:
  explicit ReportWriter(Services& services) : services_(services) {}
  // original: of the message reported about; its header (or all of it, RET=FULL) is read from the store.
  env::Awaitable<env::StoreResult<env::AddMessage>> write(std::shared_ptr<const Settings> settings,
                                                          queue::Envelope original, ReportRequest request);

 private:
  struct Written {
    std::unique_ptr<env::BodyWriter> body;
    dsn::Facts facts;
    std::string body_hash;  // for DKIM; "" = no key is configured
    bool boundary_clash = false, long_line = false;
  };
  env::Awaitable<env::StoreResult<Written>> write_body(dsn::Report report, bool sign);
  Services& services_;
};

}  // namespace postil::delivery
