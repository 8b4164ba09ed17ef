// What an X.509 certificate says, by OpenSSL. Pure and thread-safe; the octets are a peer's and may be anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace postil::crypto {

struct CertificateFacts {
  std::string subject;  // "CN=mx.example.com", printable
  std::string issuer;
  std::vector<std::string> names;  // DNS and IP names that it is good for, in its order
  std::string identity;            // whom it stands for: its first mailbox, else its first DNS name; "" with neither
  WallTime not_before{};
  WallTime not_after{};
  bool self_signed = false;
  std::string key;     // "RSA", "EC", "ED25519"; "" when OpenSSL cannot read it
  int key_bits = 0;    // 2048 for RSA, 256 for P-256
  std::string digest;  // of its signature: "SHA256"; "" where the algorithm has none
};

// der: one certificate and nothing behind it. Empty when it is none.
std::optional<CertificateFacts> read_certificate(std::string_view der);

// Whether the certificate is good for this host name (A-labels) or numeric address: its alternative names, and the
// common name where it has none of DNS [rfc6125 6.4]. false too when `der` is no certificate.
bool certificate_is_for(std::string_view der, std::string_view name);

// Whether the server's certificate, the first of `chain` (DER), leads to `anchor` (DER) at this time: each link signed
// by the next, none of them out of its dates, the others of the chain in any order. The anchor need not be a root
// [rfc7671 5.2].
bool certificate_leads_to(const std::vector<std::string>& chain, std::string_view anchor, WallTime time);

// What a TLSA record with this selector (0: the certificate, 1: its key) and matching type (0: whole, 1: SHA-256,
// 2: SHA-512) is compared with (RFC 6698, section 2.1). "" for other numbers, and when `der` is no certificate.
std::string tlsa_octets(std::string_view der, int selector, int matching);

}  // namespace postil::crypto
