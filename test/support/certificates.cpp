#include "support/certificates.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace postil::test {
namespace {

void must(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("certificates: ") + what);
}

void write_pem(const std::string& path, auto&& write) {
  std::FILE* out = std::fopen(path.c_str(), "w");
  must(out != nullptr, "fopen");
  ::chmod(path.c_str(), 0600);
  const bool good = write(out) == 1;
  std::fclose(out);
  must(good, "write PEM");
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  must(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* new_certificate(EVP_PKEY* key, const std::string& common_name, long from_seconds, long to_seconds) {
  static long serial = 1;
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), to_seconds);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

bool is_address(const std::string& name) {
  unsigned char octets[16];
  return ::inet_pton(AF_INET, name.c_str(), octets) == 1 || ::inet_pton(AF_INET6, name.c_str(), octets) == 1;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "postil-test-XXXXXX";
  must(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& content) const {
  const auto path = file(name);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  must(out.good(), "write file");
  ::chmod(path.c_str(), 0600);
  return path;
}

struct CertificateAuthority::State {
  const TemporaryFolder& folder;
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  CertificateFiles files;
};

CertificateAuthority::CertificateAuthority(const TemporaryFolder& folder, const std::string& name)
    : state_(new State{folder}) {
  auto& s = *state_;
  s.key = EVP_EC_gen("P-256");
  must(s.key != nullptr, "make key");
  s.certificate = new_certificate(s.key, name, -86400, 30 * 86400);
  X509_set_issuer_name(s.certificate, X509_get_subject_name(s.certificate));
  add_extension(s.certificate, s.certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(s.certificate, s.certificate, NID_subject_key_identifier, "hash");
  must(X509_sign(s.certificate, s.key, EVP_sha256()) > 0, "sign");
  s.files = {folder.file(name + ".pem"), folder.file(name + ".key")};
  write_pem(s.files.certificate, [&](std::FILE* out) { return PEM_write_X509(out, s.certificate); });
  write_pem(s.files.key,
            [&](std::FILE* out) { return PEM_write_PrivateKey(out, s.key, nullptr, nullptr, 0, nullptr, nullptr); });
}

CertificateAuthority::~CertificateAuthority() {
  X509_free(state_->certificate);
  EVP_PKEY_free(state_->key);
}

const CertificateFiles& CertificateAuthority::files() const {
  return state_->files;
}

CertificateFiles CertificateAuthority::make(const std::string& file, const CertificateRequest& request) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  must(key != nullptr, "make key");
  X509* certificate = new_certificate(key, request.names.empty() ? file : request.names.front(),
                                      request.valid_from_seconds, request.valid_to_seconds);
  X509_set_issuer_name(certificate, X509_get_subject_name(state_->certificate));
  std::string names;
  const auto add = [&](const std::string& kind, const std::string& value) {
    names += (names.empty() ? "" : ",") + kind + ":" + value;
  };
  for (const auto& name : request.names) add(is_address(name) ? "IP" : "DNS", name);
  for (const auto& mailbox : request.mailboxes) add("email", mailbox);
  if (!names.empty()) add_extension(certificate, state_->certificate, NID_subject_alt_name, names);
  add_extension(certificate, state_->certificate, NID_basic_constraints, "CA:FALSE");
  must(X509_sign(certificate, state_->key, EVP_sha256()) > 0, "sign");
  CertificateFiles files{state_->folder.file(file + ".pem"), state_->folder.file(file + ".key")};
  write_pem(files.certificate, [&](std::FILE* out) { return PEM_write_X509(out, certificate); });
  write_pem(files.key,
            [&](std::FILE* out) { return PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

std::string encrypt_key(const std::string& key_path, const std::string& out_path) {
  std::FILE* in = std::fopen(key_path.c_str(), "r");
  must(in != nullptr, "fopen");
  EVP_PKEY* key = PEM_read_PrivateKey(in, nullptr, nullptr, nullptr);
  std::fclose(in);
  must(key != nullptr, "read key");
  unsigned char passphrase[] = "sesame";
  write_pem(out_path, [&](std::FILE* out) {
    return PEM_write_PrivateKey(out, key, EVP_aes_256_cbc(), passphrase, 6, nullptr, nullptr);
  });
  EVP_PKEY_free(key);
  return out_path;
}

}  // namespace postil::test
