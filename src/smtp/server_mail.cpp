// MAIL, RCPT and what belongs to a transaction.
#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "message/date.hpp"
#include "smtp/envelope_commands.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

// The local part as it is, the domain in lower case: two such addresses are one mailbox for sure [rfc5321 2.4].
std::string key_of(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return std::string(address);
  return std::string(address.substr(0, at)) + to_lower(address.substr(at));
}

}  // namespace

// Ends the open transaction; a message that the store has begun is aborted by the loop's next question.
void ServerSession::State::drop_transaction() {
  if (begun_) abort_due_ = true;
  begun_ = false;
  transaction_.reset();
}

// When the message is to leave and to arrive: what cannot be promised is refused.
std::optional<reply::Reply> ServerSession::State::timing_fault(MailCommand& mail) const {
  auto& hold = mail.hold;
  if (!hold.request.empty()) {
    const auto* parameter = hold.interval > Duration(0) ? "HOLDFOR" : "HOLDUNTIL";
    if (settings_->hold_max == Duration(0)) return reply::make(TextId::mail_param_unknown, {{"parameter", parameter}});
    if (hold.interval > Duration(0)) hold.until = wall() + hold.interval;
    const auto latest = wall() + settings_->hold_max;
    if (hold.until <= wall() || hold.until > latest) {  // [rfc4865 4.2]
      return reply::make(TextId::mail_hold_range,
                         {{"parameter", parameter}, {"latest", message::rfc3339_date(latest)}});
    }
  }
  if (mail.by.mode == DeliverBy::Mode::none) return std::nullopt;
  if (mail.by.mode == DeliverBy::Mode::give_back && mail.by.seconds < settings_->by_seconds_min) {  // [rfc2852 4]
    return reply::make(TextId::mail_by_too_short, {{"seconds", fmt::to_string(settings_->by_seconds_min)}});
  }
  mail.by.until = wall() + seconds(mail.by.seconds);
  if (!hold.request.empty() && hold.until > mail.by.until)
    return reply::make(TextId::mail_hold_after_by);  // [rfc4865 5.2.2]
  return std::nullopt;
}

// Whom we do not know gets no better place than others [rfc6710 4.1]. Gives whether it was lowered.
bool ServerSession::State::lower_priority(MailCommand& mail) const {
  const bool trusted = !login_.empty() || settings_->job == Job::relay;
  const std::int8_t most = trusted ? settings_->priority_max : std::int8_t{0};
  if (!mail.priority || *mail.priority <= most) return false;
  mail.priority = most;
  return true;
}

void ServerSession::State::run_mail(std::string_view argument) {
  auto mail = parse_mail(argument, esmtp_);
  if (!mail) return say(std::move(mail.error()));
  if (mail->requiretls && !tls_) return say(TextId::tls_required);  // [rfc8689 2]
  if (auto fault = timing_fault(*mail)) return say(std::move(*fault));
  // Who did not log in cannot vouch for anybody [rfc4954 5].
  if (!mail->auth.empty() && login_.empty()) mail->auth = "<>";
  after_last_chunk_ = false;
  transaction_ = std::make_unique<OpenTransaction>();
  transaction_->commands_before = commands_ - 1;
  transaction_->mail = std::move(*mail);
  const auto size = transaction_->mail.size_octets;
  if (size > settings_->message_octets_max) {  // [rfc1870 6.1]
    say(TextId::mail_too_big,
        {{"limit", fmt::to_string(settings_->message_octets_max)}, {"size", fmt::to_string(size)}});
    return drop_transaction();
  }
  awaiting_ = Awaiting::sender;
}

void ServerSession::State::sender_checked(Answer answer) {
  if (auto* refusal = std::get_if<Refusal>(&answer)) {
    say(std::move(refusal->reply));
    return drop_transaction();
  }
  POSTIL_ASSERT(std::holds_alternative<Continue>(answer));
  transaction_->taken = true;
  if (lower_priority(transaction_->mail)) {
    return say(TextId::mail_priority_lowered, {{"priority", fmt::to_string(*transaction_->mail.priority)}});
  }
  say(TextId::mail_ok);
}

void ServerSession::State::run_rcpt(std::string_view argument) {
  auto& transaction = *transaction_;
  auto rcpt = parse_rcpt(argument, esmtp_, transaction.mail.smtputf8);
  if (!rcpt) {
    transaction.rcpt_refused = true;
    transaction.rcpt = {};  // its record is not to name the one before
    return say(std::move(rcpt.error()));
  }
  transaction.rcpt = std::move(*rcpt);
  // One more of what is there already costs nothing.
  const bool full = transaction.recipients.size() >= settings_->recipients_max;
  if (full && !transaction.known.contains(key_of(transaction.rcpt.recipient.address))) {
    return say(TextId::rcpt_too_many, {{"limit", fmt::to_string(settings_->recipients_max)}});
  }
  awaiting_ = Awaiting::recipient;
}

void ServerSession::State::recipient_checked(Answer answer) {
  auto& transaction = *transaction_;
  if (auto* refusal = std::get_if<Refusal>(&answer)) {
    transaction.rcpt_refused = true;
    return say(std::move(refusal->reply));
  }
  POSTIL_ASSERT(std::holds_alternative<RecipientTaken>(answer));
  auto& taken = std::get<RecipientTaken>(answer);
  POSTIL_ASSERT(!taken.addresses.empty());
  if (transaction.rcpt_taken++ == 0) transaction.only_recipient = transaction.rcpt.recipient.address;
  for (auto& address : taken.addresses) {
    if (!transaction.known.insert(key_of(address)).second) continue;
    transaction.recipients.push_back({std::move(address), transaction.rcpt.notify, transaction.rcpt.orcpt});
  }
  say(TextId::rcpt_ok);
}

}  // namespace postil::smtp
