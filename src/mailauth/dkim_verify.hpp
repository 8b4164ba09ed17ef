// Verifies the DKIM signatures of a message. [rfc6376 6] [rfc8301] [rfc8463]
//
// Steps: the header, then the body in any cuts, then next_question() for a TXT record as long as it gives one, each
// answered by answer(); then results(). No I/O here. One owner at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "dns/answer.hpp"
#include "mailauth/dkim_body.hpp"
#include "mailauth/dkim_key.hpp"
#include "mailauth/header_fields.hpp"

namespace postil::mailauth {

// Words of Authentication-Results. [rfc8601 2.7.1]
enum class DkimResult : std::uint8_t { none, pass, fail, temperror, permerror };
std::string_view to_string(DkimResult result);

enum class DkimFault : std::uint8_t {
  none,
  tags,             // permerror: the tag list cannot be read
  version,          // v= is not 1
  missing_tag,      // one of v a b bh d h s; `detail` names it
  bad_tag,          // a value that cannot be; `detail` names the tag
  algorithm,        // neither rsa-sha256 nor ed25519-sha256; rsa-sha1 counts no more [rfc8301 3.1]
  from_not_signed,  // h= has no From
  identity,         // i= does not belong to d=, or t=s of the key forbids its subdomain
  expired,          // x= is past
  query_method,     // q= has no dns/txt
  body_length,      // l= is more than there is
  body_hash,        // fail: the body was changed
  signature,        // fail: header, key or signature do not fit
  no_key,           // there is no key record
  key,              // the key record is no good: `key_problem`
  key_type,         // the key is of another type than a= says
  dns,              // temperror: DNS gave no answer
};
std::string_view to_string(DkimFault fault);  // "body_hash"

enum class DkimWarning : std::uint8_t {
  body_length,  // l=: more could be added behind what is signed
  testing,      // the key record says t=y
  short_key,    // RSA under 2048 bits
  from_future,  // t= is later than now
  simple_form,  // header in simple form: breaks at the first relay that folds
};
std::string_view to_string(DkimWarning warning);

struct DkimSignature {
  DkimResult result = DkimResult::none;
  DkimFault fault = DkimFault::none;
  std::string detail;        // the tag's name, or DNS's words
  std::size_t position = 0;  // of a fault in the tags: in the field's value
  std::optional<DkimKeyProblem> key_problem;
  std::vector<DkimWarning> warnings;
  // What it says, as far as it could be read; printable.
  std::string domain, selector, identity, algorithm;
  std::optional<std::int64_t> signed_at, expires;  // seconds since 1970
  std::optional<std::uint64_t> body_octets;        // l=
  std::string key_name;                            // where its key was looked up
  int key_bits = 0;
  std::vector<std::string> signed_fields;  // h=, lower case
  std::string signature_start;             // of b=, eight letters [rfc6008 4]
};

class DkimVerifier {
 public:
  // Of more signatures than this the rest, which stand lower, are passed over.
  static constexpr std::size_t signatures_max = 10;
  // header: the block, with or without its empty line.
  DkimVerifier(std::string_view header, WallTime now);
  ~DkimVerifier();
  DkimVerifier(DkimVerifier&&) noexcept;
  // Octets behind the header's empty line.
  void body(std::string_view octets);
  void end_of_body();
  // The name of a TXT record, lower case; the same until it is answered. Nothing: results are complete.
  std::optional<std::string> next_question() const;
  void answer(const dns::Answer& answer);
  // Top to bottom. Empty: the message is not signed.
  std::vector<DkimSignature> results() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postil::mailauth
