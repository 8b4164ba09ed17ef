// One connection to a next hop: the place where ClientSession meets the network.
#pragma once

#include <memory>
#include <string>

#include "delivery/outgoing_message.hpp"

namespace postil::delivery {

struct HostPolicy;

// A host of a destination with one of its addresses.
struct HostAddress {
  std::string host;     // the MX host's name, or the literal
  std::string address;  // numeric
  std::uint16_t port = 25;
  std::shared_ptr<const HostPolicy> policy;  // what a connection must prove
};
std::string to_string(const HostAddress& host);  // "mx1.example.net [192.0.2.7]"

class Connection {
 public:
  // requirement: for the handshake; tls: whether there is one.
  Connection(Services& services, std::shared_ptr<const Settings> settings, HostAddress host, env::StreamPtr stream,
             transport::Requirement requirement, smtp::TlsUse tls, env::Executor executor);
  ~Connection();

  // Greeting, EHLO, TLS, login. ok() = ready for a transaction.
  env::Awaitable<smtp::Outcome> open();
  // One transaction. After it ready() says whether another may follow.
  env::Awaitable<smtp::TransactionResult> send(smtp::Transaction transaction, std::shared_ptr<OutgoingMessage> message);
  bool ready() const { return ready_; }
  // Nothing came in while it was idle (a 421, an end of stream): it may be used again.
  bool fresh();
  env::Awaitable<void> quit();
  // Ends what is pending; on its executor.
  void cancel();

  const HostAddress& host() const { return host_; }
  // The same host and address, on behalf of another domain.
  void serve(HostAddress host) { host_ = std::move(host); }
  const std::string& local_address() const { return stream_->local().address; }
  // What it has proven, and of a handshake that failed, what was wrong.
  transport::Verified verified() const;
  crypto::TlsFault tls_fault() const { return tls_fault_; }
  const env::Executor& executor() const { return executor_; }
  const smtp::ClientSession& session() const { return session_; }
  // Why the connection ended, when it did.
  const smtp::Outcome& end() const { return end_; }
  MonoTime idle_since() const { return idle_since_; }
  std::uint64_t sent() const { return sent_; }

 private:
  env::Awaitable<void> drive(smtp::ClientAction action);
  env::Awaitable<smtp::ClientAction> body(smtp::NeedBody wanted);

  Services& services_;
  std::shared_ptr<const Settings> settings_;
  HostAddress host_;
  env::StreamPtr stream_;
  transport::Requirement requirement_;
  crypto::TlsFault tls_fault_ = crypto::TlsFault::none;
  smtp::ClientSession session_;
  env::Executor executor_;
  std::shared_ptr<OutgoingMessage> message_;  // while it is sent
  bool ready_ = false;
  bool finished_ = false;
  smtp::Outcome end_;
  MonoTime idle_since_{};
  std::uint64_t sent_ = 0;
};

}  // namespace postil::delivery
