// What a server knows in dialogues and session tests: accounts, addresses, a store with a ledger. The names are
// listed in test/dialogue/README.md; other drivers of the dialogues set up the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/server_session.hpp"

namespace postil::test {

struct StoredMessage {
  smtp::AcceptedMessage envelope;
  std::string octets;
};

class FakePolicy {
 public:
  // account_lookups etc. as the driver would answer them; checks on the way that the session keeps to its contract.
  smtp::Answer answer(smtp::Question question);

  const std::vector<StoredMessage>& stored() const { return stored_; }
  const std::vector<std::string>& faults() const { return faults_; }  // what broke the contract
  bool message_open() const { return open_; }
  std::size_t aborts() const { return aborts_; }
  std::size_t logins_reported() const { return logins_reported_; }
  std::size_t failures_reported() const { return failures_reported_; }
  bool begin_refused = false;  // BeginMessage is answered 451

 private:
  smtp::Answer account(const smtp::LookupAccount& question);
  smtp::Answer sender(const smtp::CheckSender& question);
  smtp::Answer recipient(const smtp::CheckRecipient& question);
  smtp::Answer begin();
  smtp::Answer append(smtp::AppendBody question);
  smtp::Answer commit(smtp::CommitMessage question);
  void fault(std::string_view what) { faults_.emplace_back(what); }

  bool open_ = false;
  std::string octets_;
  std::string mail_from_;
  std::uint64_t begun_ = 0;
  std::size_t aborts_ = 0;
  std::size_t logins_reported_ = 0;
  std::size_t failures_reported_ = 0;
  std::vector<StoredMessage> stored_;
  std::vector<std::string> faults_;
};

}  // namespace postil::test
