// What a client's handshake proves of the server: names, TLSA records, and both at once.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>

#include "env/network.hpp"

namespace postil::env_asio {

// Names and TLSA records of `request`, before the handshake; not for one that only inspects. The error is a sentence.
std::expected<void, std::string> set_expected_peer(SSL* ssl, const env::TlsClientRequest& request);

// After a handshake that TLSA records decided: usage, selector, matching and data of the one that matched; else "".
std::string matched_tlsa(SSL* ssl);

// OpenSSL verifies by TLSA records or by authorities, not by both. After a handshake that the records have decided,
// this does the other: chain to a trusted authority of the session's context, and name. Nothing: it is good.
std::optional<env::NetFailure> authority_failure(SSL* ssl, const env::TlsClientRequest& request);

// result: of X509_verify_cert, X509_V_OK gives none. dane: TLSA records were given.
crypto::TlsFault fault_of(long result, bool dane);
// Whether this session was given TLSA records.
bool has_tlsa(SSL* ssl);

}  // namespace postil::env_asio
