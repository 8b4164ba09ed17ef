// The octets of one message as they leave: what the store holds, with our DKIM signatures before it. A signature is
// over these octets, and made when they leave: where a next hop gets a converted form, that form is what has to be
// signed, and it has to be made here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "delivery/services.hpp"

namespace postil::delivery {

class OutgoingMessage {
 public:
  // Signs with the keys that are valid now. Nothing is read where no key is configured. Fails when the store cannot
  // give the message.
  static env::Awaitable<env::StoreResult<std::shared_ptr<OutgoingMessage>>> make(
      Services& services, std::shared_ptr<const Settings> settings, std::shared_ptr<const queue::Envelope> envelope);

  std::uint64_t size_octets() const { return signatures_.size() + stored_octets_; }
  std::size_t signatures_octets() const { return signatures_.size(); }
  // Octets [offset, offset+length), less at the end.
  env::Awaitable<env::StoreResult<std::string>> read(std::uint64_t offset, std::size_t length);

 private:
  OutgoingMessage(Services& services, MessageId id, std::uint64_t stored_octets)
      : services_(services), id_(id), stored_octets_(stored_octets) {}
  env::Awaitable<env::StoreResult<void>> sign(std::shared_ptr<const Settings> settings,
                                              std::shared_ptr<const queue::Envelope> envelope);
  env::Awaitable<env::StoreResult<std::string>> body_hash();

  Services& services_;
  MessageId id_;
  std::uint64_t stored_octets_;
  std::string signatures_;  // whole fields
};

}  // namespace postil::delivery
