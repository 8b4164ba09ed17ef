// Keys and signatures: RSA (PKCS#1 v1.5 with SHA-256) and Ed25519, by OpenSSL. Octets are std::string.
// Keys never change once made and may be used by several threads at a time. What they do not do: store keys in
// files, know of DKIM's records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace postil::crypto {

enum class KeyType : std::uint8_t { rsa, ed25519 };
std::string_view to_string(KeyType type);  // "rsa", "ed25519"

enum class KeyError : std::uint8_t {
  unreadable,  // no PEM or DER of a key
  encrypted,   // a PEM with a passphrase: a server has nobody to ask
  other_type,  // a key, but neither RSA nor Ed25519, or not the one that was expected
};

class PrivateKey {
 public:
  // PEM, PKCS#8 or the older form of RSA; text before and after it is passed over.
  static std::expected<PrivateKey, KeyError> from_pem(std::string_view pem);
  // The 32 octets of an Ed25519 key [rfc8032 5.1.5].
  static std::expected<PrivateKey, KeyError> from_ed25519_seed(std::string_view seed);
  // A fresh one; bits: of RSA, 1024 to 8192. A 2048-bit key takes about 0.1 s.
  static PrivateKey generate(KeyType type, int bits = 2048);

  KeyType type() const { return type_; }
  int bits() const { return bits_; }  // of the modulus; 256 for Ed25519
  // PKCS#8. Secret: the caller wipes it.
  std::string to_pem() const;
  // What a DKIM record publishes: SubjectPublicKeyInfo in DER for RSA [rfc6376 3.6.1], the 32 octets of the public
  // key for Ed25519 [rfc8463 4.2].
  std::string public_octets() const;
  // RSA hashes data by SHA-256; Ed25519 signs it as it is. About 0.7 ms with 2048-bit RSA, 0.05 ms with Ed25519.
  std::string sign(std::string_view data) const;

 private:
  PrivateKey(std::shared_ptr<void> key, KeyType type, int bits) : key_(std::move(key)), type_(type), bits_(bits) {}
  static std::expected<PrivateKey, KeyError> take(void* key);
  std::shared_ptr<void> key_;
  KeyType type_ = KeyType::rsa;
  int bits_ = 0;
};

class PublicKey {
 public:
  // octets as PrivateKey::public_octets; for RSA the bare RSAPublicKey of PKCS#1 as well, which some publish
  // [rfc6376 3.6.1]. At most 16384 bits: larger ones would only cost time.
  static std::expected<PublicKey, KeyError> from_octets(KeyType type, std::string_view octets);

  KeyType type() const { return type_; }
  int bits() const { return bits_; }
  bool verify(std::string_view data, std::string_view signature) const;

 private:
  PublicKey(std::shared_ptr<void> key, KeyType type, int bits) : key_(std::move(key)), type_(type), bits_(bits) {}
  std::shared_ptr<void> key_;
  KeyType type_ = KeyType::rsa;
  int bits_ = 0;
};

}  // namespace postil::crypto
