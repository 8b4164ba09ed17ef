// A server session without a network: carries out its actions at once, with FakePolicy behind it and a clock that
// stands still until it is moved.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "smtp/server_session.hpp"
#include "support/dialogue.hpp"
#include "support/fake_policy.hpp"

namespace postil::test {

// What a dialogue's SETTINGS line says; unknown keys end the test program.
smtp::ServerSettings bare_settings(const std::map<std::string, std::string>& settings);
smtp::PeerFacts bare_peer(const std::map<std::string, std::string>& settings);
crypto::TlsFacts bare_tls(const std::map<std::string, std::string>& settings);

class BareServer : public DialoguePeer {
 public:
  // cut: how many octets one bytes() gets at most; 0 = all that one send has.
  explicit BareServer(std::map<std::string, std::string> settings, std::size_t cut = 0);

  void send(std::string_view octets) override;
  std::optional<std::string> read_line() override;
  bool closed() override { return closed_ && output_.empty(); }
  bool start_tls() override;
  void hang_up() override;
  bool wait_seconds(std::size_t count) override;
  std::optional<std::vector<std::string>> accepted() override;

  void fail_tls(std::string_view why);
  void shut_down(reply::Reply why);
  const FakePolicy& policy() const { return policy_; }
  FakePolicy& policy() { return policy_; }
  smtp::ServerSession& session() { return *session_; }
  const std::string& transcript() const { return transcript_; }  // all that the server wrote
  const std::vector<smtp::RefusalRecord>& refusals() const { return refusals_; }
  const std::vector<event::Event>& events() const { return events_; }
  std::size_t largest_write() const { return largest_write_; }
  // What is wrong at the end of a session that is over: contract, ledger. "" = nothing.
  std::string fault() const;

 private:
  class Random : public smtp::SessionRandom {
   public:
    ReceiptId receipt() override { return make_receipt_id(++last_); }
    std::string nonce() override { return "fixed-nonce-of-the-server-0123456789"; }

   private:
    std::uint64_t last_ = 0;
  };

  void run(smtp::Action action);
  void write(std::string_view output);

  Random random_;
  FakePolicy policy_;
  crypto::TlsFacts tls_facts_;
  std::unique_ptr<smtp::ServerSession> session_;
  std::size_t cut_;
  MonoTime now_{};
  MonoTime deadline_{};
  bool reading_ = false;    // a Read is open
  bool handshake_ = false;  // a StartTls is
  bool closed_ = false;
  std::string output_;
  std::string transcript_;
  std::size_t largest_write_ = 0;
  std::vector<smtp::RefusalRecord> refusals_;
  std::vector<event::Event> events_;
};

}  // namespace postil::test
