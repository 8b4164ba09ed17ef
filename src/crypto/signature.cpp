#include "crypto/signature.hpp"

#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>

#include "base/assert.hpp"
#include "crypto/freed.hpp"

namespace postil::crypto {
namespace {

constexpr int rsa_bits_max = 16384;
constexpr std::size_t ed25519_octets = 32;

using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

EVP_PKEY* as_key(const std::shared_ptr<void>& key) {
  return static_cast<EVP_PKEY*>(key.get());
}
std::shared_ptr<void> owned(EVP_PKEY* key) {
  return {key, [](void* gone) { EVP_PKEY_free(static_cast<EVP_PKEY*>(gone)); }};
}
const unsigned char* readable(std::string_view octets) {
  return reinterpret_cast<const unsigned char*>(octets.data());
}
unsigned char* writable(std::string& octets) {
  return reinterpret_cast<unsigned char*>(octets.data());
}

std::optional<KeyType> type_of(EVP_PKEY* key) {
  const int id = EVP_PKEY_get_base_id(key);
  if (id == EVP_PKEY_RSA) return KeyType::rsa;
  if (id == EVP_PKEY_ED25519) return KeyType::ed25519;
  return {};
}

// Ed25519 hashes by itself; OpenSSL wants no digest named then.
const EVP_MD* digest_for(KeyType type) {
  return type == KeyType::rsa ? EVP_sha256() : nullptr;
}

// Asked for a passphrase: there is none to give, and the terminal is not to be asked.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Bio memory(std::string_view octets) {
  Bio bio(BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size())));
  POSTIL_ASSERT(bio != nullptr);
  return bio;
}

}  // namespace

std::string_view to_string(KeyType type) {
  return type == KeyType::rsa ? "rsa" : "ed25519";
}

std::expected<PrivateKey, KeyError> PrivateKey::take(void* key) {
  auto held = owned(static_cast<EVP_PKEY*>(key));
  const auto type = type_of(as_key(held));
  if (!type) return std::unexpected(KeyError::other_type);
  const int bits = *type == KeyType::rsa ? EVP_PKEY_get_bits(as_key(held)) : 256;
  return PrivateKey(std::move(held), *type, bits);
}

std::expected<PrivateKey, KeyError> PrivateKey::from_pem(std::string_view pem) {
  constexpr std::size_t pem_octets_max = 64 * 1024;
  if (pem.size() > pem_octets_max) return std::unexpected(KeyError::unreadable);
  const Bio bio = memory(pem);
  bool asked = false;
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked);
  ERR_clear_error();
  if (key == nullptr) return std::unexpected(asked ? KeyError::encrypted : KeyError::unreadable);
  return take(key);
}

std::expected<PrivateKey, KeyError> PrivateKey::from_ed25519_seed(std::string_view seed) {
  if (seed.size() != ed25519_octets) return std::unexpected(KeyError::unreadable);
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, readable(seed), seed.size());
  POSTIL_ASSERT(key != nullptr);
  return take(key);
}

PrivateKey PrivateKey::generate(KeyType type, int bits) {
  POSTIL_ASSERT(bits >= 1024 && bits <= 8192);
  EVP_PKEY* key = type == KeyType::rsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))
                                       : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  POSTIL_ASSERT(key != nullptr);
  return *take(key);
}

std::string PrivateKey::to_pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  POSTIL_ASSERT(bio != nullptr);
  const int ok = PEM_write_bio_PKCS8PrivateKey(bio.get(), as_key(key_), nullptr, nullptr, 0, nullptr, nullptr);
  POSTIL_ASSERT(ok == 1);
  char* octets = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &octets);
  return {octets, static_cast<std::size_t>(size)};
}

std::string PrivateKey::public_octets() const {
  if (type_ == KeyType::ed25519) {
    std::string out(ed25519_octets, '\0');
    std::size_t size = out.size();
    const int ok = EVP_PKEY_get_raw_public_key(as_key(key_), writable(out), &size);
    POSTIL_ASSERT(ok == 1 && size == out.size());
    return out;
  }
  const int size = i2d_PUBKEY(as_key(key_), nullptr);
  POSTIL_ASSERT(size > 0);
  std::string out(static_cast<std::size_t>(size), '\0');
  unsigned char* to = writable(out);
  i2d_PUBKEY(as_key(key_), &to);
  return out;
}

std::string PrivateKey::sign(std::string_view data) const {
  const Context context(EVP_MD_CTX_new());
  POSTIL_ASSERT(context != nullptr);
  int ok = EVP_DigestSignInit(context.get(), nullptr, digest_for(type_), nullptr, as_key(key_));
  POSTIL_ASSERT(ok == 1);
  std::size_t size = 0;
  ok = EVP_DigestSign(context.get(), nullptr, &size, readable(data), data.size());
  POSTIL_ASSERT(ok == 1);
  std::string out(size, '\0');
  ok = EVP_DigestSign(context.get(), writable(out), &size, readable(data), data.size());
  POSTIL_ASSERT(ok == 1);
  out.resize(size);
  return out;
}

std::expected<PublicKey, KeyError> PublicKey::from_octets(KeyType type, std::string_view octets) {
  if (type == KeyType::ed25519) {
    if (octets.size() != ed25519_octets) return std::unexpected(KeyError::unreadable);
    EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, readable(octets), octets.size());
    if (key == nullptr) return std::unexpected(KeyError::unreadable);
    return PublicKey(owned(key), type, 256);
  }
  const unsigned char* at = readable(octets);
  const auto size = static_cast<long>(octets.size());
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, size);
  if (key == nullptr) {
    at = readable(octets);
    key = d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, size);
  }
  ERR_clear_error();
  if (key == nullptr) return std::unexpected(KeyError::unreadable);
  auto held = owned(key);
  if (type_of(key) != KeyType::rsa) return std::unexpected(KeyError::other_type);
  const int bits = EVP_PKEY_get_bits(key);
  if (bits > rsa_bits_max) return std::unexpected(KeyError::unreadable);
  return PublicKey(std::move(held), type, bits);
}

bool PublicKey::verify(std::string_view data, std::string_view signature) const {
  const Context context(EVP_MD_CTX_new());
  POSTIL_ASSERT(context != nullptr);
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, digest_for(type_), nullptr, as_key(key_)) == 1 &&
      EVP_DigestVerify(context.get(), readable(signature), signature.size(), readable(data), data.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace postil::crypto
