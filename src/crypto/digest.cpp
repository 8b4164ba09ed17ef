#include "crypto/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <utility>

#include "base/assert.hpp"

namespace postil::crypto {
namespace {

// Fetched once: an implicit fetch at each use takes a lock and more time than a short hash.
const EVP_MD* algorithm(Hash hash) {
  static EVP_MD* const sha1_md = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static EVP_MD* const sha256_md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const EVP_MD* found = hash == Hash::sha1 ? sha1_md : sha256_md;
  POSTIL_ASSERT(found != nullptr);
  return found;
}

unsigned char* writable(std::string& octets) {
  return reinterpret_cast<unsigned char*>(octets.data());
}
const unsigned char* readable(std::string_view octets) {
  return reinterpret_cast<const unsigned char*>(octets.data());
}

EVP_MD_CTX* as_context(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

std::string digest(Hash hash, std::string_view data) {
  std::string out(digest_octets(hash), '\0');
  const int ok = EVP_Digest(data.data(), data.size(), writable(out), nullptr, algorithm(hash), nullptr);
  POSTIL_ASSERT(ok == 1);
  return out;
}

Hasher::Hasher(Hash hash) : context_(EVP_MD_CTX_new()) {
  POSTIL_ASSERT(context_ != nullptr);
  const int ok = EVP_DigestInit_ex(as_context(context_), algorithm(hash), nullptr);
  POSTIL_ASSERT(ok == 1);
}
Hasher::~Hasher() {
  EVP_MD_CTX_free(as_context(context_));
}
Hasher::Hasher(Hasher&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Hasher& Hasher::operator=(Hasher&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}
void Hasher::update(std::string_view data) {
  const int ok = EVP_DigestUpdate(as_context(context_), data.data(), data.size());
  POSTIL_ASSERT(ok == 1);
}
std::string Hasher::finish() {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  const int ok = EVP_DigestFinal_ex(as_context(context_), writable(out), &size);
  POSTIL_ASSERT(ok == 1);
  out.resize(size);
  return out;
}

std::string hmac(Hash hash, std::string_view key, std::string_view data) {
  std::string out(digest_octets(hash), '\0');
  // A null key would mean "the key of last time".
  const char* key_octets = key.empty() ? "" : key.data();
  const unsigned char* done = HMAC(algorithm(hash), key_octets, static_cast<int>(key.size()), readable(data),
                                   data.size(), writable(out), nullptr);
  POSTIL_ASSERT(done != nullptr);
  return out;
}

std::string pbkdf2(Hash hash, std::string_view password, std::string_view salt, int iterations) {
  POSTIL_ASSERT(iterations >= 1);
  std::string out(digest_octets(hash), '\0');
  const int ok = PKCS5_PBKDF2_HMAC(password.empty() ? "" : password.data(), static_cast<int>(password.size()),
                                   readable(salt), static_cast<int>(salt.size()), iterations, algorithm(hash),
                                   static_cast<int>(out.size()), writable(out));
  POSTIL_ASSERT(ok == 1);
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void wipe(std::string& secret) {
  secret.resize(secret.capacity());  // also what a longer value left behind
  if (!secret.empty()) OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace postil::crypto
