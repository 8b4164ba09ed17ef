// Makes the reports (bounces, delay notices, success reports) that a Persist asks for.
#pragma once

#include <memory>
#include <vector>

#include "delivery/services.hpp"
#include "queue/engine.hpp"

namespace postil::delivery {

enum class ReportKind : std::uint8_t { failed, delayed, succeeded, relayed };

struct ReportRequest {
  ReportKind kind = ReportKind::failed;
  std::vector<queue::RecipientState> recipients;  // what is reported, one or more
};

// A report as a message of the queue: sender <>, to the original's sender, its body already in the store's hands.
class ReportWriter {
 public:
  explicit ReportWriter(Services& services) : services_(services) {}
  // original: of the message reported about; its header (or all of it, RET=FULL) is read from the store.
  env::Awaitable<env::StoreResult<env::AddMessage>> write(std::shared_ptr<const Settings> settings,
                                                          queue::Envelope original, ReportRequest request);

 private:
  Services& services_;
};

}  // namespace postil::delivery
