// PEM files, and what is read from certificates.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.hpp"
#include "crypto/freed.hpp"

namespace postil::env_asio {

using X509Ptr = std::unique_ptr<X509, crypto::Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, crypto::Freed<EVP_PKEY_free>>;

// The files' errors are one or two English sentences for the admin that name the file and say what to do.

// what: what the file holds, for the error, "client CA". At most 16 MiB.
std::expected<std::string, std::string> read_pem_file(std::string_view what, const std::string& path);
// At least one certificate, the first is the server's own.
std::expected<std::vector<X509Ptr>, std::string> read_chain(const std::string& path);
std::expected<KeyPtr, std::string> read_key(const std::string& path);

// Its DER octets; empty when memory is short.
std::string der_of(X509* certificate);
// Nothing is known of a certificate that cannot be read.
crypto::CertificateFacts facts_of(X509* certificate);
// The channel binding tls-server-end-point; empty where it is not defined. [rfc5929 4.1]
std::string end_point_hash(X509* certificate);

}  // namespace postil::env_asio
