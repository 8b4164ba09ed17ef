// TLS by OpenSSL: the contexts, what is read from certificates, and the facts of a handshake.
//
// TLS 1.2 and newer, no renegotiation, no compression, no session tickets and no session cache: every handshake is
// a full one, so that a verified certificate is always at hand. The session itself is in env_asio/socket.cpp.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/time.hpp"
#include "crypto/certificate.hpp"
#include "env/network.hpp"

namespace postil::env_asio {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, SslContextFree>;
using SslPtr = std::unique_ptr<SSL, SslFree>;

using crypto::CertificateFacts;

// How long before its end a certificate is warned of.
inline constexpr Duration certificate_warning = days(21);

class OpenSslServerContext : public env::TlsServerContext {
 public:
  OpenSslServerContext(SslContextPtr context, CertificateFacts facts)
      : context_(std::move(context)), facts_(std::move(facts)) {}
  SSL_CTX* native() const { return context_.get(); }
  const CertificateFacts& facts() const { return facts_; }
  WallTime not_after() const { return facts_.not_after; }

 private:
  SslContextPtr context_;
  CertificateFacts facts_;
};

// Reads and checks all files; the error is one or two English sentences for the admin that name the file and say
// what to do. A certificate that has expired loads (facts() tells): refusing it would stop mail altogether.
std::expected<std::shared_ptr<OpenSslServerContext>, std::string> load_server_context(const env::TlsServerFiles& files);
// The same checks, and what the certificate says.
std::expected<CertificateFacts, std::string> certificate_facts(const env::TlsServerFiles& files);

// Client contexts, made when first needed, and again when their CA file has changed. Any thread.
class ClientContexts {
 public:
  // The error is a sentence. The context stays good while the caller holds it. ca_file counts without verify too: what
  // verify_error says is by it.
  std::expected<std::shared_ptr<SSL_CTX>, std::string> get(bool verify, const std::string& ca_file);

 private:
  struct Kept {
    std::shared_ptr<SSL_CTX> context;
    std::int64_t changed_ns = 0;  // mtime of ca_file
  };
  std::mutex mutex_;
  std::map<std::pair<bool, std::string>, Kept> kept_;
};

// A session on `fd`, ready for SSL_do_handshake; `fd` stays the caller's. Null when memory is short.
SslPtr make_server_session(const OpenSslServerContext& context, int fd);
std::expected<SslPtr, std::string> make_client_session(SSL_CTX* context, const env::TlsClientRequest& request, int fd);

// After the handshake. A server's `peer_identity` is set only when the client's certificate was verified.
crypto::TlsFacts server_facts(SSL* ssl);
crypto::TlsFacts client_facts(SSL* ssl);

// The thread's OpenSSL errors as English text, "wrong version number"; empties the queue.
std::string take_ssl_errors();
// Why a handshake of a verifying client failed; empty when it was not the certificate.
std::string verify_failure(SSL* ssl);

// SSL_set_fd writes without MSG_NOSIGNAL, so the process must ignore SIGPIPE. AsioNetwork's constructor calls it.
void ignore_sigpipe();

}  // namespace postil::env_asio
