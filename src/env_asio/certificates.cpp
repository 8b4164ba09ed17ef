#include "env_asio/certificates.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "env_asio/tls.hpp"

namespace postil::env_asio {
namespace {

using BioPtr = std::unique_ptr<BIO, crypto::Freed<BIO_free>>;
void openssl_octets_free(unsigned char* octets) {
  OPENSSL_free(octets);
}

constexpr std::size_t pem_octets_max = 16 * 1024 * 1024;

BioPtr memory_bio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace

std::expected<std::string, std::string> read_pem_file(std::string_view what, const std::string& path) {
  if (path.empty()) return std::unexpected(fmt::format("No {} file is given: name a PEM file.", what));
  struct stat info{};
  const auto failed = [&](int error_number) {
    switch (error_number) {
      case ENOENT:
      case ENOTDIR:
        return fmt::format("The {} file {} does not exist: correct the path, or put a PEM file there.", what, path);
      case EACCES:
      case EPERM:
        return fmt::format(
            "The {} file {} may not be read by the user that Postil runs as: give this user the right to read the "
            "file and to pass through its folders.",
            what, path);
      default:
        return fmt::format("The {} file {} cannot be read: {}.", what, path,
                           std::generic_category().message(error_number));
    }
  };
  if (::stat(path.c_str(), &info) != 0) return std::unexpected(failed(errno));
  if (S_ISDIR(info.st_mode)) return std::unexpected(fmt::format("{} is a folder: name the {} file in it.", path, what));
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::unexpected(failed(errno != 0 ? errno : EIO));
  std::string text;
  char buffer[16384];
  while (in.read(buffer, sizeof buffer), in.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
    if (text.size() > pem_octets_max) {
      return std::unexpected(fmt::format("The {} file {} is too large to be a PEM file.", what, path));
    }
  }
  return text;
}

std::expected<std::vector<X509Ptr>, std::string> read_chain(const std::string& path) {
  auto text = read_pem_file("certificate", path);
  if (!text) return std::unexpected(std::move(text.error()));
  const auto bio = memory_bio(*text);
  std::vector<X509Ptr> chain;
  for (;;) {
    X509Ptr next(chain.empty() ? PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)
                               : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    chain.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const auto error = take_ssl_errors();
  if (at_end && !chain.empty()) return chain;
  if (at_end) {
    return std::unexpected(
        fmt::format("The certificate file {} holds no PEM certificate: it needs a part that begins with "
                    "-----BEGIN CERTIFICATE-----, the server's own certificate first, then its chain.",
                    path));
  }
  return std::unexpected(
      fmt::format("The certificate file {} is damaged: its certificate number {} cannot be read ({}).", path,
                  chain.size() + 1, error));
}

std::expected<KeyPtr, std::string> read_key(const std::string& path) {
  auto text = read_pem_file("key", path);
  if (!text) return std::unexpected(std::move(text.error()));
  const auto bio = memory_bio(*text);
  bool asked = false;
  const auto no_passphrase = [](char*, int, int, void* flag) {
    *static_cast<bool*>(flag) = true;
    return -1;
  };
  const bool none = text->find("PRIVATE KEY-----") == std::string::npos;
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked));
  OPENSSL_cleanse(text->data(), text->size());
  const auto error = take_ssl_errors();
  if (key) return key;
  if (asked) {
    return std::unexpected(
        fmt::format("The key in {} is encrypted with a passphrase, which a server cannot type: store it without one "
                    "(openssl pkey -in {} -out NEW.pem) in a file that only Postil's user may read.",
                    path, path));
  }
  if (none) {
    return std::unexpected(fmt::format(
        "The key file {} holds no PEM key: it needs a part that begins with -----BEGIN PRIVATE KEY-----.", path));
  }
  return std::unexpected(fmt::format("The key file {} is damaged: {}.", path, error));
}

std::string der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  const std::unique_ptr<unsigned char, crypto::Freed<openssl_octets_free>> owner(der);
  return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

crypto::CertificateFacts facts_of(X509* certificate) {
  auto facts = crypto::read_certificate(der_of(certificate));
  return facts ? std::move(*facts) : crypto::CertificateFacts{};
}

// [rfc5929 4.1]: the hash of the signature algorithm; SHA-256 for MD5 and SHA-1; undefined when it has none.
std::string end_point_hash(X509* certificate) {
  int digest = NID_undef;
  if (X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr) != 1 || digest == NID_undef) {
    ERR_clear_error();
    return {};
  }
  if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
  const EVP_MD* md = EVP_get_digestbynid(digest);
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (md == nullptr || X509_digest(certificate, md, hash, &length) != 1) {
    ERR_clear_error();
    return {};
  }
  return {reinterpret_cast<const char*>(hash), length};
}

}  // namespace postil::env_asio
