#include "env_asio/tls.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/freed.hpp"
#include "env_asio/tls_verify.hpp"

namespace postil::env_asio {
namespace {

using crypto::Freed;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
void openssl_free(char* text) {
  OPENSSL_free(text);
}
void openssl_octets_free(unsigned char* octets) {
  OPENSSL_free(octets);
}
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

// ---- files ----

constexpr std::size_t pem_octets_max = 16 * 1024 * 1024;

std::expected<std::string, std::string> read_file(std::string_view what, const std::string& path) {
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

BioPtr memory_bio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::expected<std::vector<X509Ptr>, std::string> read_chain(const std::string& path) {
  auto text = read_file("certificate", path);
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
  auto text = read_file("key", path);
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

// ---- certificates ----

NamesPtr alternative_names(const X509* certificate) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

// The text of a mailbox or DNS name; empty when it holds what no such name may (a NUL above all).
std::string ia5_text(const ASN1_IA5STRING* string) {
  const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                         static_cast<std::size_t>(ASN1_STRING_length(string)));
  for (const char c : text) {
    if (is_control(c) || is_8bit(c) || c == ' ') return {};
  }
  return text;
}

CertificateFacts facts_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  const std::unique_ptr<unsigned char, Freed<openssl_octets_free>> owner(der);
  auto facts = crypto::read_certificate({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  return facts ? std::move(*facts) : CertificateFacts{};
}

// First mailbox, else first DNS name.
std::string identity_of(const X509* certificate) {
  const auto names = alternative_names(certificate);
  for (const int type : {GEN_EMAIL, GEN_DNS}) {
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const auto* name = sk_GENERAL_NAME_value(names.get(), i);
      if (name->type != type) continue;
      auto text = ia5_text(type == GEN_EMAIL ? name->d.rfc822Name : name->d.dNSName);
      if (!text.empty()) return text;
    }
  }
  return {};
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
  auto text = read_file("client CA", path);
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
    unsigned char* der = nullptr;
    const int size = i2d_X509(sk_X509_value(chain, i), &der);
    if (size <= 0) continue;
    const std::unique_ptr<unsigned char, Freed<openssl_octets_free>> owner(der);
    out.emplace_back(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
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
    auto text = read_file("CA", ca_file);
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
    facts.peer_identity = identity_of(peer.get());
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
