#include "crypto/hmac_md5.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>

#include "crypto/freed.hpp"

namespace postil::crypto {

std::optional<std::string> hmac_md5(std::string_view key, std::string_view data) {
  const std::unique_ptr<EVP_MD, Freed<EVP_MD_free>> md5(EVP_MD_fetch(nullptr, "MD5", nullptr));
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const bool made = md5 && HMAC(md5.get(), key.data(), static_cast<int>(key.size()),
                                reinterpret_cast<const unsigned char*>(data.data()), data.size(), out, &length);
  ERR_clear_error();
  if (!made) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(out), length);
}

}  // namespace postil::crypto
