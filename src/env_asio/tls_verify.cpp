#include "env_asio/tls_verify.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/bytes.hpp"

namespace postil::env_asio {
namespace {

struct StoreContextFree {
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

bool is_numeric(const std::string& name) {
  unsigned char octets[16];
  return ::inet_pton(AF_INET, name.c_str(), octets) == 1 || ::inet_pton(AF_INET6, name.c_str(), octets) == 1;
}

// Where a session keeps that it was given TLSA records.
int tlsa_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// The certificate must be for one of `names`, or be an address's.
bool set_names(X509_VERIFY_PARAM* parameters, const std::vector<std::string>& names) {
  X509_VERIFY_PARAM_set_hostflags(parameters,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  bool first = true;
  for (const auto& name : names) {
    if (is_numeric(name)) {
      if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) != 1) return false;
      continue;
    }
    const int set = first ? X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size())
                          : X509_VERIFY_PARAM_add1_host(parameters, name.data(), name.size());
    if (set != 1) return false;
    first = false;
  }
  return true;
}

std::expected<void, std::string> set_tlsa(SSL* ssl, const env::TlsClientRequest& request) {
  static char given;
  if (SSL_dane_enable(ssl, request.server_name.c_str()) != 1 || SSL_set_ex_data(ssl, tlsa_index(), &given) != 1) {
    ERR_clear_error();
    return std::unexpected("TLS cannot be set up for TLSA records.");
  }
  // The owner of the name vouches for a key with usage 3: neither names nor dates count. [rfc7672 3.1.1]
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  int usable = 0;
  for (const auto& record : request.tlsa) {
    const auto* data = reinterpret_cast<const unsigned char*>(record.data.data());
    const int added =
        record.usage == 2 || record.usage == 3
            ? SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching, data, record.data.size())
            : 0;
    if (added > 0) ++usable;
  }
  ERR_clear_error();
  if (usable == 0) return std::unexpected("OpenSSL can use none of the TLSA records.");
  if (!set_names(SSL_get0_param(ssl),
                 request.dane_names.empty() ? std::vector{request.server_name} : request.dane_names)) {
    return std::unexpected("A name that the certificate may be for cannot be used.");
  }
  return {};
}

}  // namespace

std::expected<void, std::string> set_expected_peer(SSL* ssl, const env::TlsClientRequest& request) {
  if (!request.tlsa.empty()) return set_tlsa(ssl, request);
  if (request.names.empty() || set_names(SSL_get0_param(ssl), request.names)) return {};
  ERR_clear_error();
  return std::unexpected(
      fmt::format("\"{}\" is not a name that a certificate can be for.", printable(request.names.front(), 80)));
}

bool has_tlsa(SSL* ssl) {
  return SSL_get_ex_data(ssl, tlsa_index()) != nullptr;
}

std::string matched_tlsa(SSL* ssl) {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_get_verify_result(ssl) != X509_V_OK || SSL_get0_dane_authority(ssl, nullptr, nullptr) < 0) return {};
  if (SSL_get0_dane_tlsa(ssl, &usage, &selector, &matching, &data, &size) < 0) return {};
  std::string match{static_cast<char>(usage), static_cast<char>(selector), static_cast<char>(matching)};
  return match.append(reinterpret_cast<const char*>(data), size);
}

std::optional<env::NetFailure> authority_failure(SSL* ssl, const env::TlsClientRequest& request) {
  const auto failed = [](std::string detail, crypto::TlsFault fault) {
    return env::NetFailure{env::NetError::tls, "the server's certificate is not accepted: " + std::move(detail), fault};
  };
  auto* chain = SSL_get_peer_cert_chain(ssl);
  if (chain == nullptr || sk_X509_num(chain) == 0) return failed("there is none", crypto::TlsFault::other);
  const std::unique_ptr<X509_STORE_CTX, StoreContextFree> context(X509_STORE_CTX_new());
  auto* store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  if (!context || X509_STORE_CTX_init(context.get(), store, sk_X509_value(chain, 0), chain) != 1 ||
      X509_STORE_CTX_set_default(context.get(), "ssl_server") != 1) {
    ERR_clear_error();
    return failed("memory is short", crypto::TlsFault::other);
  }
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_auth_level(parameters, SSL_get_security_level(ssl));
  const auto names = request.names.empty() ? std::vector{request.server_name} : request.names;
  const bool good = set_names(parameters, names) && X509_verify_cert(context.get()) == 1;
  const int result = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good) return {};
  return failed(X509_verify_cert_error_string(result), fault_of(result, false));
}

crypto::TlsFault fault_of(long result, bool dane) {
  switch (result) {
    case X509_V_OK:
      return crypto::TlsFault::none;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return crypto::TlsFault::host_mismatch;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return crypto::TlsFault::expired;
    default:
      return dane ? crypto::TlsFault::dane_mismatch : crypto::TlsFault::not_trusted;
  }
}

}  // namespace postil::env_asio
