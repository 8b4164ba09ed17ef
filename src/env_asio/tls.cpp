#include "env_asio/tls.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <csignal>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/freed.hpp"
#include "env_asio/certificates.hpp"
#include "env_asio/tls_verify.hpp"

namespace postil::env_asio {
namespace {

using crypto::Freed;
void openssl_free(char* text) {
  OPENSSL_free(text);
}

// [rfc9266 2] and [rfc9266 4.2]: with TLS 1.2 only under the extended master secret.
std::string exporter_of(SSL* ssl) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) return {};
  std::string out(32, '\0');
  static const unsigned char empty = 0;
  if (SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(out.data()), out.size(), label.data(),
                                 label.size(), &empty, 0, 1) != 1) {
    ERR_clear_error();
    return {};
  }
  return out;
}

// ---- contexts ----

void harden(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_cipher_list(context,
                          "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:AESGCM:AES:"
                          "!aNULL:!eNULL:!PSK:!SRP:!aDSS");
}

// Where a session keeps that its peer's certificate failed, while the handshake goes on.
int failed_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// A client without a certificate of our CA is still a client: the handshake goes on, without an identity.
int note_failure(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  static char failed;
  SSL_set_ex_data(ssl, failed_index(), &failed);
  return 1;
}

std::expected<void, std::string> ask_client_certificates(SSL_CTX* context, const std::string& path) {
  auto text = read_pem_file("client CA", path);
  if (!text) return std::unexpected(std::move(text.error()));
  auto* names = SSL_load_client_CA_file(path.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, path.c_str()) != 1) {
    if (names != nullptr) sk_X509_NAME_pop_free(names, X509_NAME_free);
    take_ssl_errors();
    return std::unexpected(fmt::format(
        "The client CA file {} holds no PEM certificate: it needs the certificates of the authorities that sign your "
        "clients' certificates.",
        path));
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_failure);
  failed_index();
  return {};
}

bool is_numeric_address(const std::string& name) {
  unsigned char octets[16];
  return ::inet_pton(AF_INET, name.c_str(), octets) == 1 || ::inet_pton(AF_INET6, name.c_str(), octets) == 1;
}

void fill_common(SSL* ssl, crypto::TlsFacts& facts) {
  facts.version = SSL_get_version(ssl);
  facts.cipher = SSL_get_cipher_name(ssl);
  facts.exporter = exporter_of(ssl);
}

// Where a client session keeps what a certificate with the wrong name is for: after a failed handshake OpenSSL has
// thrown the certificate away.
int names_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* names, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(names); });
  return index;
}

int note_names(int good, X509_STORE_CTX* store) {
  const int error = X509_STORE_CTX_get_error(store);
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (good == 1 || (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH)) return good;
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate == nullptr || SSL_get_ex_data(ssl, names_index()) != nullptr) return good;
  const auto facts = facts_of(certificate);
  const auto text = facts.names.empty() ? facts.subject : fmt::format("{}", fmt::join(facts.names, ", "));
  SSL_set_ex_data(ssl, names_index(), new std::string(printable(text, 200)));
  return good;
}

// A handshake that only looks goes on whatever it meets, and notes it.
constexpr std::size_t noted_octets_max = 500;

int note_and_go_on(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* noted = static_cast<std::string*>(SSL_get_ex_data(ssl, names_index()));
  if (noted == nullptr) {
    noted = new std::string;
    SSL_set_ex_data(ssl, names_index(), noted);
  }
  const std::string_view error = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  if (noted->find(error) == std::string::npos && noted->size() + error.size() < noted_octets_max) {
    if (!noted->empty()) *noted += "; ";
    *noted += error;
  }
  return 1;
}

bool only_looks(const SSL* ssl) {
  return SSL_get_verify_callback(ssl) == note_and_go_on;
}

std::vector<std::string> sent_chain(const SSL* ssl) {
  std::vector<std::string> out;
  const auto* chain = SSL_get_peer_cert_chain(ssl);
  const int count = chain != nullptr ? sk_X509_num(chain) : 0;
  for (int i = 0; i < count && out.size() < crypto::inspected_chain_max; ++i) {
    if (auto der = der_of(sk_X509_value(chain, i)); !der.empty()) out.push_back(std::move(der));
  }
  return out;
}

// One version alone, as old and weak as the library still speaks it.
bool set_version(SSL* ssl, const std::string& name) {
  constexpr std::pair<std::string_view, int> versions[] = {
      {"TLSv1", TLS1_VERSION}, {"TLSv1.1", TLS1_1_VERSION}, {"TLSv1.2", TLS1_2_VERSION}, {"TLSv1.3", TLS1_3_VERSION}};
  for (const auto& [known, number] : versions) {
    if (known != name) continue;
    SSL_set_security_level(ssl, 0);
    return SSL_set_cipher_list(ssl, "ALL:!aNULL:!eNULL") == 1 && SSL_set_min_proto_version(ssl, number) == 1 &&
           SSL_set_max_proto_version(ssl, number) == 1;
  }
  return false;
}

std::string verify_text(SSL* ssl) {
  const long result = SSL_get_verify_result(ssl);
  if (result == X509_V_OK) return {};
  std::string text = X509_verify_cert_error_string(result);
  if (const auto* names = static_cast<const std::string*>(SSL_get_ex_data(ssl, names_index())); names != nullptr) {
    text += fmt::format(" (it is for {})", *names);
  }
  return text;
}

}  // namespace

void ignore_sigpipe() {
  std::signal(SIGPIPE, SIG_IGN);
}

std::string take_ssl_errors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    std::string part = reason != nullptr ? reason : fmt::format("error {:#x}", code);
    if (ERR_SYSTEM_ERROR(code)) part = std::generic_category().message(ERR_GET_REASON(code));
    if (text.size() > 300 || text.find(part) != std::string::npos) continue;
    if (!text.empty()) text += "; ";
    text += part;
  }
  return text.empty() ? "unknown TLS error" : text;
}

std::expected<std::shared_ptr<OpenSslServerContext>, std::string> load_server_context(
    const env::TlsServerFiles& files) {
  ERR_clear_error();
  auto chain = read_chain(files.certificate);
  if (!chain) return std::unexpected(std::move(chain.error()));
  auto key = read_key(files.key);
  if (!key) return std::unexpected(std::move(key.error()));
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    take_ssl_errors();
    return std::unexpected(
        fmt::format("The key in {} does not belong to the certificate in {} ({}): name the key that it was made with, "
                    "and put the server's own certificate first in the file.",
                    files.key, files.certificate, facts_of(chain->front().get()).subject));
  }
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return std::unexpected(fmt::format("TLS cannot be set up: {}.", take_ssl_errors()));
  harden(context.get());
  if (SSL_CTX_use_certificate(context.get(), chain->front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key->get()) != 1) {
    return std::unexpected(
        fmt::format("OpenSSL refuses the certificate in {}: {}.", files.certificate, take_ssl_errors()));
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), (*chain)[i].get()) != 1) {
      return std::unexpected(
          fmt::format("OpenSSL refuses certificate number {} in {}: {}.", i + 1, files.certificate, take_ssl_errors()));
    }
  }
  if (!files.client_ca.empty()) {
    auto asked = ask_client_certificates(context.get(), files.client_ca);
    if (!asked) return std::unexpected(std::move(asked.error()));
  }
  SSL_CTX_set_dh_auto(context.get(), 1);
  auto facts = facts_of(chain->front().get());
  ERR_clear_error();
  return std::make_shared<OpenSslServerContext>(std::move(context), std::move(facts));
}

std::expected<CertificateFacts, std::string> certificate_facts(const env::TlsServerFiles& files) {
  auto context = load_server_context(files);
  if (!context) return std::unexpected(std::move(context.error()));
  return (*context)->facts();
}

std::expected<std::shared_ptr<SSL_CTX>, std::string> ClientContexts::get(bool verify, const std::string& ca_file) {
  struct stat info{};
  std::int64_t changed_ns = 0;
  if (!ca_file.empty() && ::stat(ca_file.c_str(), &info) == 0) {
    changed_ns = std::int64_t{info.st_mtim.tv_sec} * 1000000000 + info.st_mtim.tv_nsec;
  }
  const std::lock_guard lock(mutex_);
  auto& kept = kept_[{verify, ca_file}];
  if (kept.context && kept.changed_ns == changed_ns) return kept.context;
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return std::unexpected(fmt::format("TLS cannot be set up: {}.", take_ssl_errors()));
  // Where the peer is not verified anyway, weak keys are still better than clear text. [rfc7435 3]
  if (!verify) SSL_CTX_set_security_level(context.get(), 0);
  harden(context.get());
  if (verify && SSL_CTX_dane_enable(context.get()) != 1) {
    return std::unexpected(fmt::format("TLS cannot be set up for TLSA records: {}.", take_ssl_errors()));
  }
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    auto text = read_pem_file("CA", ca_file);
    if (!text) return std::unexpected(std::move(text.error()));
    if (SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1) {
      take_ssl_errors();
      return std::unexpected(fmt::format("The CA file {} holds no PEM certificate.", ca_file));
    }
  }
  ERR_clear_error();
  kept = {std::shared_ptr<SSL_CTX>(std::move(context)), changed_ns};
  return kept.context;
}

SslPtr make_server_session(const OpenSslServerContext& context, int fd) {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context.native()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return ssl;
}

std::expected<SslPtr, std::string> make_client_session(SSL_CTX* context, const env::TlsClientRequest& request, int fd) {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return std::unexpected(take_ssl_errors());
  SSL_set_connect_state(ssl.get());
  SSL_set_verify(ssl.get(), request.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                 request.inspect ? note_and_go_on : note_names);
  auto* parameters = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  bool good = true;
  if (request.server_name.empty()) {
    if (request.verify) return std::unexpected("There is no server name to verify the certificate against.");
  } else if (is_numeric_address(request.server_name)) {
    good = request.inspect ||
           X509_VERIFY_PARAM_set1_ip_asc(parameters, request.server_name.c_str()) == 1;  // [rfc6066 3]: no SNI
  } else if (request.inspect) {
    good = SSL_set_tlsext_host_name(ssl.get(), request.server_name.c_str()) == 1;
  } else {
    good = X509_VERIFY_PARAM_set1_host(parameters, request.server_name.data(), request.server_name.size()) == 1 &&
           SSL_set_tlsext_host_name(ssl.get(), request.server_name.c_str()) == 1;
  }
  if (!request.version.empty() && !set_version(ssl.get(), request.version)) {
    take_ssl_errors();
    return std::unexpected(fmt::format("The TLS library here does not speak {}.", request.version));
  }
  if (good && !request.inspect) {
    if (auto set = set_expected_peer(ssl.get(), request); !set) return std::unexpected(std::move(set.error()));
    if (!request.tlsa.empty()) SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, note_names);
  }
  if (!good) {
    take_ssl_errors();
    return std::unexpected(
        fmt::format("\"{}\" is not a name that TLS can ask for.", printable(request.server_name, 80)));
  }
  return ssl;
}

crypto::TlsFacts server_facts(SSL* ssl) {
  crypto::TlsFacts facts;
  fill_common(ssl, facts);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name); name != nullptr) {
    facts.sni = to_lower(printable(name, 255));
  }
  if (X509* own = SSL_get_certificate(ssl); own != nullptr) facts.server_end_point = end_point_hash(own);
  const X509Ptr peer(SSL_get1_peer_certificate(ssl));
  if (peer && SSL_get_verify_result(ssl) == X509_V_OK && SSL_get_ex_data(ssl, failed_index()) == nullptr) {
    facts.peer_identity = facts_of(peer.get()).identity;
  }
  return facts;
}

crypto::TlsFacts client_facts(SSL* ssl) {
  crypto::TlsFacts facts;
  fill_common(ssl, facts);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name); name != nullptr) facts.sni = name;
  const X509Ptr peer(SSL_get1_peer_certificate(ssl));
  if (!peer) {
    facts.verify_error = "the server gave no certificate";
    facts.verify_fault = crypto::TlsFault::other;
    return facts;
  }
  facts.server_end_point = end_point_hash(peer.get());
  if (only_looks(ssl)) {
    facts.chain = sent_chain(ssl);
    if (const auto* noted = static_cast<const std::string*>(SSL_get_ex_data(ssl, names_index()))) {
      facts.verify_error = *noted;
    }
    return facts;
  }
  if (has_tlsa(ssl)) {  // the records have decided; what authorities say of it was not asked
    facts.dane_match = matched_tlsa(ssl);
    return facts;
  }
  facts.verify_error = verify_text(ssl);
  facts.verify_fault = fault_of(SSL_get_verify_result(ssl), false);
  // Without a name (an address is one here) nothing was compared.
  auto* parameters = SSL_get0_param(ssl);
  const std::unique_ptr<char, Freed<openssl_free>> address(X509_VERIFY_PARAM_get1_ip_asc(parameters));
  const bool named = address != nullptr || X509_VERIFY_PARAM_get0_host(parameters, 0) != nullptr;
  if (facts.verify_error.empty() && !named) facts.verify_error = "there is no name to compare the certificate with";
  facts.peer_verified = facts.verify_error.empty();
  return facts;
}

std::string verify_failure(SSL* ssl) {
  const auto text = verify_text(ssl);
  if (text.empty() || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return {};
  return "the server's certificate is not accepted: " + text;
}

}  // namespace postil::env_asio
