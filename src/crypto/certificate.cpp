#include "crypto/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <ctime>
#include <memory>

#include "base/bytes.hpp"
#include "crypto/freed.hpp"

namespace postil::crypto {
namespace {

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

struct StackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackFree>;

WallTime wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(seconds(::timegm(&parts)));
}

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return printable({data, static_cast<std::size_t>(length)});
}

// The text of a mailbox or DNS name; empty when it holds what no such name may (a NUL above all).
std::string ia5_text(const ASN1_IA5STRING* string) {
  std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                   static_cast<std::size_t>(ASN1_STRING_length(string)));
  for (const char c : text) {
    if (is_control(c) || is_8bit(c) || c == ' ') return {};
  }
  return text;
}

std::string ip_text(const ASN1_OCTET_STRING* string) {
  char text[INET6_ADDRSTRLEN] = {};
  const int length = ASN1_STRING_length(string);
  const int family = length == 4 ? AF_INET : AF_INET6;
  if (length != 4 && length != 16) return {};
  return ::inet_ntop(family, ASN1_STRING_get0_data(string), text, sizeof text) != nullptr ? text : "";
}

constexpr int names_max = 200;

void read_names(const X509* certificate, CertificateFacts& facts) {
  std::string first_dns;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? std::min(sk_GENERAL_NAME_num(names.get()), names_max) : 0;
  for (int i = 0; i < count; ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    std::string text;
    if (name->type == GEN_EMAIL && facts.identity.empty()) facts.identity = ia5_text(name->d.rfc822Name);
    if (name->type == GEN_DNS) text = ia5_text(name->d.dNSName);
    if (name->type == GEN_DNS && first_dns.empty()) first_dns = text;
    if (name->type == GEN_IPADD) text = ip_text(name->d.iPAddress);
    if (!text.empty()) facts.names.push_back(std::move(text));
  }
  if (facts.identity.empty()) facts.identity = first_dns;
}

X509Ptr parse(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  X509Ptr out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (at != end) out.reset();
  ERR_clear_error();
  return out;
}

}  // namespace

std::optional<CertificateFacts> read_certificate(std::string_view der) {
  const auto certificate = parse(der);
  if (!certificate) return std::nullopt;
  CertificateFacts facts;
  facts.subject = name_text(X509_get_subject_name(certificate.get()));
  facts.issuer = name_text(X509_get_issuer_name(certificate.get()));
  read_names(certificate.get(), facts);
  facts.not_before = wall_time(X509_get0_notBefore(certificate.get()));
  facts.not_after = wall_time(X509_get0_notAfter(certificate.get()));
  facts.self_signed = X509_self_signed(certificate.get(), 0) == 1;
  if (auto* key = X509_get0_pubkey(certificate.get()); key != nullptr) {
    if (const char* name = EVP_PKEY_get0_type_name(key); name != nullptr) facts.key = name;
    facts.key_bits = EVP_PKEY_get_bits(key);
  }
  int digest = NID_undef;
  if (X509_get_signature_info(certificate.get(), &digest, nullptr, nullptr, nullptr) == 1 && digest != NID_undef) {
    facts.digest = OBJ_nid2sn(digest);
  }
  ERR_clear_error();
  return facts;
}

bool certificate_is_for(std::string_view der, std::string_view name) {
  const auto certificate = parse(der);
  if (!certificate) return false;
  const std::string text(name);
  unsigned char octets[16];
  const bool numeric =
      ::inet_pton(AF_INET, text.c_str(), octets) == 1 || ::inet_pton(AF_INET6, text.c_str(), octets) == 1;
  const int result = numeric ? X509_check_ip_asc(certificate.get(), text.c_str(), 0)
                             : X509_check_host(certificate.get(), text.data(), text.size(),
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr);
  ERR_clear_error();
  return result == 1;
}

bool certificate_leads_to(const std::vector<std::string>& chain, std::string_view anchor, WallTime time) {
  const auto own = chain.empty() ? nullptr : parse(chain.front());
  const auto trusted = parse(anchor);
  const StorePtr store(X509_STORE_new());
  const StackPtr others(sk_X509_new_null());
  std::vector<X509Ptr> kept;  // the stack does not own them
  for (std::size_t i = 1; i < chain.size(); ++i) {
    auto one = parse(chain[i]);
    if (one && others && sk_X509_push(others.get(), one.get()) > 0) kept.push_back(std::move(one));
  }
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (!own || !trusted || !store || !others || !context) return false;
  bool good = X509_STORE_add_cert(store.get(), trusted.get()) == 1 &&
              X509_STORE_CTX_init(context.get(), store.get(), own.get(), others.get()) == 1 &&
              X509_STORE_CTX_set_default(context.get(), "ssl_server") == 1;
  if (good) {
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
    const auto since_1970 = std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
    X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(since_1970));
    good = X509_verify_cert(context.get()) == 1;
  }
  ERR_clear_error();
  return good;
}

std::string tlsa_octets(std::string_view der, int selector, int matching) {
  const auto certificate = parse(der);
  if (!certificate || selector < 0 || selector > 1 || matching < 0 || matching > 2) return {};
  std::string whole(der);
  if (selector == 1) {
    unsigned char* key = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &key);
    whole = size > 0 ? std::string(reinterpret_cast<const char*>(key), static_cast<std::size_t>(size)) : std::string();
    OPENSSL_free(key);
    if (whole.empty()) return {};
  }
  if (matching == 0) return whole;
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const auto* md = matching == 1 ? EVP_sha256() : EVP_sha512();
  if (EVP_Digest(whole.data(), whole.size(), hash, &length, md, nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(hash), length};
}

}  // namespace postil::crypto
