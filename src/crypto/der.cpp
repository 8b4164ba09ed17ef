#include "crypto/der.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

namespace postil::crypto {

bool is_certificate(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
  const bool good = certificate != nullptr && at == end && X509_get0_pubkey(certificate) != nullptr;
  X509_free(certificate);
  ERR_clear_error();
  return good;
}

bool is_public_key(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()));
  const bool good = key != nullptr && at == end;
  EVP_PKEY_free(key);
  ERR_clear_error();
  return good;
}

}  // namespace postil::crypto
