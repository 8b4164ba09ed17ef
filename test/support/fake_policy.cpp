#include "support/fake_policy.hpp"

#include <set>

#include "base/assert.hpp"
#include "crypto/digest.hpp"
#include "reply/catalogue.hpp"
#include "sasl/scram_keys.hpp"

namespace postil::test {
namespace {

using reply::TextId;
using smtp::Answer;
using smtp::Continue;
using smtp::Refusal;

constexpr std::size_t append_octets_max = 64 * 1024;
constexpr std::string_view hash_of_secret = "fake$secret";

Refusal refuse(TextId text, std::vector<reply::Arg> args = {}) {
  return {reply::make(text, std::move(args))};
}

const sasl::Credentials& alice() {
  static const sasl::Credentials credentials = [] {
    sasl::Credentials made;
    made.exists = true;
    made.user = "alice@example.org";
    made.password_hash = hash_of_secret;
    made.scram_sha1 = sasl::make_scram_keys(crypto::Hash::sha1, "secret", "0123456789abcdef", 4096);
    made.scram_sha256 = sasl::make_scram_keys(crypto::Hash::sha256, "secret", "0123456789abcdef", 4096);
    return made;
  }();
  return credentials;
}

}  // namespace

Answer FakePolicy::answer(smtp::Question question) {
  if (const auto* q = std::get_if<smtp::LookupAccount>(&question)) return account(*q);
  if (const auto* q = std::get_if<smtp::VerifyPassword>(&question)) {
    return smtp::PasswordAnswer{q->password != "pool-full", q->password_hash == "fake$" + q->password};
  }
  if (const auto* q = std::get_if<smtp::ReportAuth>(&question)) {
    ++(q->ok ? logins_reported_ : failures_reported_);
    if (!q->ok && q->user == "blocked@example.org") {
      return refuse(TextId::auth_too_many_failures, {{"minutes", "15"}});
    }
    return Continue{};
  }
  if (const auto* q = std::get_if<smtp::CheckSender>(&question)) return sender(*q);
  if (const auto* q = std::get_if<smtp::CheckRecipient>(&question)) return recipient(*q);
  if (const auto* q = std::get_if<smtp::CheckClient>(&question)) {
    if (q->address != "198.51.100.66") return Continue{};
    return refuse(TextId::relay_not_for_you, {{"host", "mx.example.org"}, {"address", q->address}});
  }
  if (std::holds_alternative<smtp::BeginMessage>(question)) return begin();
  if (auto* q = std::get_if<smtp::AppendBody>(&question)) return append(std::move(*q));
  if (auto* q = std::get_if<smtp::CommitMessage>(&question)) return commit(std::move(*q));
  if (!open_) fault("AbortMessage without a message");
  open_ = false;
  ++aborts_;
  return Continue{};
}

Answer FakePolicy::account(const smtp::LookupAccount& question) {
  smtp::AccountAnswer answer;
  if (question.user == "store-down@example.org") return answer;
  answer.outcome = sasl::LookupOutcome::answered;
  auto& credentials = answer.credentials;
  credentials = alice();
  credentials.user = question.user;
  if (question.user == "alice@example.org" || question.user == "blocked@example.org") {
    return answer;
  }
  if (question.user == "bob@example.org") {  // a hash and nothing for SCRAM
    credentials.scram_sha1.reset();
    credentials.scram_sha256.reset();
  } else if (question.user == "carol@example.org") {
    credentials.disabled = true;
  } else if (question.user == "dave@example.org") {
    credentials.mechanisms_off = {"PLAIN", "LOGIN"};
  } else {
    credentials.exists = false;
  }
  return answer;
}

Answer FakePolicy::sender(const smtp::CheckSender& question) {
  const auto& path = question.mail->sender;
  mail_from_ = path.address;
  if (path.domain == "nullmx.example") return refuse(TextId::mail_sender_null_mx, {{"sender", path.address}});
  if (path.local == "diskfull") return refuse(TextId::mail_no_space);
  if (!question.login.empty() && path.local == "mallory") {
    return refuse(TextId::mail_sender_not_yours, {{"sender", path.address}, {"user", question.login}});
  }
  return Continue{};
}

Answer FakePolicy::recipient(const smtp::CheckRecipient& question) {
  const auto& path = question.rcpt->recipient;
  if (path.domain == "nullmx.example") {
    return refuse(TextId::rcpt_null_mx, {{"recipient", path.address}, {"domain", path.domain}});
  }
  if (path.local == "nobody") return refuse(TextId::rcpt_not_here, {{"recipient", path.address}});
  if (path.local == "later") return refuse(TextId::rcpt_local_trouble, {{"recipient", path.address}});
  if (path.local == "closing") return refuse(TextId::stopping, {{"host", "mx.example.org"}});
  if (path.domain.empty()) return smtp::RecipientTaken{{"postmaster@example.org"}};
  if (path.local == "team") return smtp::RecipientTaken{{"alice@example.org", "bob@example.org"}};
  return smtp::RecipientTaken{{path.address}};
}

Answer FakePolicy::begin() {
  if (open_) fault("BeginMessage inside a message");
  if (begin_refused || mail_from_.starts_with("disk-begin@")) return refuse(TextId::mail_local_trouble);
  open_ = true;
  octets_.clear();
  smtp::MessageBegun begun;
  begun.id = MessageId{++begun_};
  begun.now = wall_from_microseconds(1'795'328'432'000'000);  // 2026-11-22T06:20:32Z
  begun.nonce = "fake-nonce-1234";
  return begun;
}

Answer FakePolicy::append(smtp::AppendBody question) {
  if (!open_) fault("AppendBody without a message");
  if (question.octets.empty()) fault("AppendBody of nothing");
  if (question.octets.size() > append_octets_max) fault("AppendBody of more than 64 KiB");
  if (mail_from_.starts_with("disk-append@")) return refuse(TextId::message_not_durable);
  octets_ += question.octets;
  return Continue{};
}

Answer FakePolicy::commit(smtp::CommitMessage question) {
  if (!open_) fault("CommitMessage without a message");
  auto& message = question.message;
  if (message.recipients.empty()) fault("a message without recipients");
  std::set<std::string> seen;
  for (const auto& recipient : message.recipients) {
    if (!seen.insert(recipient.address).second) fault("a recipient twice");
  }
  if (message.size_octets != octets_.size()) fault("size_octets is not what was appended");
  const auto header = octets_.find("\r\n\r\n");
  const auto header_octets = header == std::string::npos ? octets_.size() : header + 4;
  if (message.header_octets != header_octets) fault("header_octets is not the header's size");
  if (mail_from_.starts_with("disk-commit@")) return refuse(TextId::message_not_durable);
  open_ = false;
  stored_.push_back({std::move(message), std::move(octets_)});
  octets_ = {};
  return smtp::Committed{};
}

}  // namespace postil::test
