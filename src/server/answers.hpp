// Answers the questions of one server session: accounts, policy, DNS, the store. One per connection.
#pragma once

#include <memory>
#include <string>

#include "mailauth/dkim_body.hpp"
#include "server/domain_check.hpp"
#include "server/services.hpp"

namespace postil::server {

class Answers {
 public:
  Answers(Services& services, std::shared_ptr<const Policy> policy,
          std::shared_ptr<const smtp::ServerSettings> settings, std::string peer_address);
  ~Answers();
  // XCLIENT: the questions are about another client from now on.
  void set_peer(std::string address) { peer_address_ = std::move(address); }
  env::Awaitable<smtp::Answer> answer(smtp::Question question);
  // The message that an AcceptedMessage made durable; for the event.
  std::uint64_t messages_accepted() const { return accepted_; }

 private:
  env::Awaitable<smtp::Answer> lookup(smtp::LookupAccount question);
  env::Awaitable<smtp::Answer> verify(smtp::VerifyPassword question);
  smtp::Answer auth_ended(const smtp::ReportAuth& question);
  env::Awaitable<smtp::Answer> sender(smtp::CheckSender question);
  env::Awaitable<smtp::Answer> recipient(smtp::CheckRecipient question);
  env::Awaitable<policy::DomainFinding> look_at_domain(std::string domain, Look look);
  env::Awaitable<smtp::Answer> begin();
  env::Awaitable<smtp::Answer> append(smtp::AppendBody question);
  env::Awaitable<smtp::Answer> commit(smtp::CommitMessage question);
  void tell_accepted(const queue::Envelope& envelope);

  Services& services_;
  std::shared_ptr<const Policy> policy_;
  std::shared_ptr<const smtp::ServerSettings> settings_;
  std::string peer_address_;
  std::unique_ptr<env::BodyWriter> body_;
  std::unique_ptr<mailauth::DkimMessageHash> hash_;
  std::uint64_t accepted_ = 0;
  Duration slow_lookups_{};  // what DNS has cost this transaction
};

}  // namespace postil::server
