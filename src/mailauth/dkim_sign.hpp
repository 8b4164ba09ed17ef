// Signs messages: which keys sign, and the field that each of them makes. Pure; keys never change, so one DkimKeys
// serves all threads until a reload makes another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "crypto/signature.hpp"

namespace postil::mailauth {

// What of a message must belong to the key's domain.
enum class DkimSignBy : std::uint8_t { from, envelope, both };

struct DkimKey {
  std::string domain;  // d=, A-labels in lower case
  std::string selector;
  crypto::PrivateKey key;
  DkimSignBy by = DkimSignBy::from;
  bool subdomains = true;               // also signs for host.DOMAIN, where that has no key of its own
  std::optional<WallTime> from, until;  // signs from, and before, these times: rotation
};

// What of a message decides who signs.
struct DkimMessage {
  std::string_view header;           // the block as it leaves
  std::string_view envelope_domain;  // of the reverse path, lower case; "" = <>
};

class DkimKeys {
 public:
  DkimKeys() = default;
  explicit DkimKeys(std::vector<DkimKey> keys) : keys_(std::move(keys)) {}
  bool empty() const { return keys_.empty(); }
  const std::vector<DkimKey>& all() const { return keys_; }

  // The keys that sign this message at this time: of the nearest domain that has one, every one that is valid.
  // A message with no author, or with more than one From field, is nobody's.
  std::vector<const DkimKey*> for_message(const DkimMessage& message, WallTime now) const;

 private:
  std::vector<DkimKey> keys_;
};

// "DKIM-Signature: ...<CRLF>", to be put before the header. relaxed/relaxed, all of the body (no l=), oversigned:
// fields that are signed cannot be added once more behind our back, nor those added that are not there [rfc6376 8.15].
// body_hash: DkimMessageHash::finish() of the same octets that leave.
std::string sign_dkim(const DkimKey& key, std::string_view header, std::string_view body_hash, WallTime now);

}  // namespace postil::mailauth
