#include "server/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "crypto/password.hpp"
#include "message/date.hpp"
#include "server/refusal_rule.hpp"

namespace postil::server {

using reply::TextId;
using smtp::Answer;
using smtp::Refusal;

namespace {

Refusal refuse(TextId text, std::vector<reply::Arg> args = {}) {
  return {reply::make(text, std::move(args))};
}

// otherwise: where it is neither space nor descriptors.
Refusal refuse(env::StoreError error, TextId otherwise) {
  if (error == env::StoreError::no_space) return refuse(TextId::mail_no_space);
  if (error == env::StoreError::limit) return refuse(TextId::mail_no_resources);
  return refuse(otherwise);
}

// Counts a task in the pool for as long as it lives; the pool's queue is bounded by refusing above a number.
class PoolPlace {
 public:
  PoolPlace(std::atomic<int>* waiting, int max) : waiting_(waiting) {
    if (waiting_ && waiting_->fetch_add(1) >= max) full_ = true;
  }
  PoolPlace(const PoolPlace&) = delete;
  PoolPlace& operator=(const PoolPlace&) = delete;
  ~PoolPlace() {
    if (waiting_) waiting_->fetch_sub(1);
  }
  bool full() const { return full_; }

 private:
  std::atomic<int>* waiting_;
  bool full_ = false;
};

queue::Envelope envelope_of(smtp::AcceptedMessage message, const Policy& policy, std::string client, WallTime now) {
  queue::Envelope envelope;
  envelope.id = message.id;
  envelope.arrived = now;
  envelope.release = message.mail.hold.until;
  envelope.hold_request = std::move(message.mail.hold.request);
  envelope.expires = std::max(now, envelope.release) + policy.lifetime;
  envelope.by = static_cast<queue::By>(message.mail.by.mode);
  envelope.deliver_by = message.mail.by.until;
  envelope.by_trace = message.mail.by.trace;
  envelope.priority = message.mail.priority.value_or(0);
  envelope.sender = std::move(message.mail.sender.address);
  for (auto& recipient : message.recipients) {
    envelope.recipients.push_back({std::move(recipient.address), std::move(recipient.orcpt), recipient.notify});
  }
  envelope.body = static_cast<queue::Body>(message.mail.body);
  envelope.smtputf8 = message.mail.smtputf8;
  envelope.ret = static_cast<queue::Return>(message.mail.ret);
  envelope.envid = std::move(message.mail.envid);
  envelope.body_8bit = message.body_8bit;
  envelope.header_utf8 = message.header_utf8;
  envelope.requiretls = message.mail.requiretls;
  envelope.tls_optional = message.tls_optional && !message.mail.requiretls;  // [rfc8689 4.1]
  envelope.size_octets = message.size_octets;
  envelope.header_octets = message.header_octets;
  envelope.login = std::move(message.login);
  envelope.client = std::move(client);
  envelope.language = std::move(message.language);
  return envelope;
}

// Of the recipients' addresses in the event of an accepted message; a trace is no place for ten thousand.
constexpr std::size_t accepted_list_octets_max = 2000;

}  // namespace

Answers::Answers(Services& services, std::shared_ptr<const Policy> policy,
                 std::shared_ptr<const smtp::ServerSettings> settings, std::string peer_address)
    : services_(services),
      policy_(std::move(policy)),
      settings_(std::move(settings)),
      peer_address_(std::move(peer_address)) {}

Answers::~Answers() = default;

env::Awaitable<Answer> Answers::answer(smtp::Question question) {
  if (auto* append_body = std::get_if<smtp::AppendBody>(&question)) {
    Answer answer = co_await append(std::move(*append_body));
    co_return answer;
  }
  if (auto* check = std::get_if<smtp::CheckSender>(&question)) {
    Answer answer = co_await sender(std::move(*check));
    co_return answer;
  }
  if (auto* check = std::get_if<smtp::CheckRecipient>(&question)) {
    Answer answer = co_await recipient(std::move(*check));
    co_return answer;
  }
  if (std::holds_alternative<smtp::BeginMessage>(question)) {
    Answer answer = co_await begin();
    co_return answer;
  }
  if (auto* message = std::get_if<smtp::CommitMessage>(&question)) {
    Answer answer = co_await commit(std::move(*message));
    co_return answer;
  }
  if (auto* account = std::get_if<smtp::LookupAccount>(&question)) {
    Answer answer = co_await lookup(std::move(*account));
    co_return answer;
  }
  if (auto* password = std::get_if<smtp::VerifyPassword>(&question)) {
    Answer answer = co_await verify(std::move(*password));
    co_return answer;
  }
  if (const auto* ended = std::get_if<smtp::ReportAuth>(&question)) co_return auth_ended(*ended);
  POSTIL_ASSERT(std::holds_alternative<smtp::AbortMessage>(question));
  body_.reset();
  hash_.reset();
  co_return smtp::Continue{};
}

env::Awaitable<Answer> Answers::lookup(smtp::LookupAccount question) {
  if (const auto wait = services_.limits.login_blocked(peer_address_, question.user, services_.clock.now())) {
    const auto minutes_left = std::chrono::ceil<minutes>(*wait).count();
    co_return refuse(TextId::auth_too_many_failures, {{"minutes", fmt::to_string(minutes_left)}});
  }
  smtp::AccountAnswer answer;
  PoolPlace place(services_.pool_waiting, services_.pool_waiting_max);
  if (!services_.accounts || place.full()) co_return answer;
  auto* accounts = services_.accounts;
  auto work = [accounts, user = question.user] { return accounts->lookup(user); };
  AccountSource::Found found = co_await env::on(services_.pool, std::move(work));
  if (found.available) {
    answer.outcome = sasl::LookupOutcome::answered;
    answer.credentials = std::move(found.credentials);
  }
  co_return answer;
}

env::Awaitable<Answer> Answers::verify(smtp::VerifyPassword question) {
  smtp::PasswordAnswer answer;
  PoolPlace place(services_.pool_waiting, services_.pool_waiting_max);
  if (place.full()) {
    answer.available = false;
    co_return answer;
  }
  auto work = [question = std::move(question)] {
    return crypto::verify_password(question.password_hash, question.password);
  };
  answer.matches = co_await env::on(services_.pool, std::move(work));
  co_return answer;
}

Answer Answers::auth_ended(const smtp::ReportAuth& question) {
  services_.limits.login_ended(peer_address_, question.user, question.ok, services_.clock.now());
  return smtp::Continue{};
}

// Where DNS is down, a thousand recipients are not to wait for it one after the other: after two look-ups in vain those
// of the transaction that are left are taken without, and the queue finds out.
env::Awaitable<policy::DomainFinding> Answers::look_at_domain(std::string domain, Look look) {
  const Duration patience =
      std::min(policy_->domain_check_deadline, 2 * policy_->domain_check_deadline - slow_lookups_);
  if (patience <= Duration(0)) co_return policy::DomainFinding::good;
  const MonoTime begun = services_.clock.now();
  const auto finding =
      co_await check_domain(services_.resolver, services_.clock, services_.events, std::move(domain), look, patience);
  const Duration took = services_.clock.now() - begun;
  if (took > patience / 2) slow_lookups_ += took;
  co_return finding;
}

env::Awaitable<Answer> Answers::sender(smtp::CheckSender question) {
  slow_lookups_ = {};
  if (const auto why = services_.store.refuses_mail()) co_return refuse(*why, TextId::mail_local_trouble);
  const address::Path path = question.mail->sender;
  if (const auto most = policy_->hold_messages_max; most > 0 && !question.mail->hold.request.empty()) {
    const std::uint64_t waiting = co_await services_.intake.leave_later(question.login);
    if (waiting >= most)
      co_return refuse(TextId::mail_hold_quota, {{"user", question.login}, {"limit", fmt::to_string(most)}});
  }
  policy::Login login{.name = question.login, .local = settings_->job == smtp::Job::local};
  login.may_send_as = services_.accounts && services_.accounts->may_send_as(question.login, path.address);
  if (auto refused = policy::refuse_sender(policy_->rules, path, login)) co_return Refusal{std::move(*refused)};
  if (const auto domain = policy::domain_of_sender(policy_->rules, path)) {
    const auto finding = co_await look_at_domain(*domain, Look::mx_only);
    if (auto refused = policy::refuse_sender_domain(path, finding)) co_return Refusal{std::move(*refused)};
  }
  co_return smtp::Continue{};
}

env::Awaitable<Answer> Answers::recipient(smtp::CheckRecipient question) {
  const address::Path path = question.rcpt->recipient;
  const std::string login = std::move(question.login);
  auto targets = policy::targets_of(policy_->rules, path);
  if (!targets) co_return Refusal{std::move(targets.error())};
  smtp::RecipientTaken taken;
  for (auto& target : *targets) {
    if (services_.suppressions) {
      if (const auto entry = services_.suppressions->find(target.address, services_.clock.wall())) {
        Refusal refusal =
            refuse(TextId::rcpt_suppressed,
                   {{"recipient", path.address}, {"since", message::rfc3339_date(entry->since).substr(0, 10)}});
        refusal.reply.rule = entry->by_hand ? rule_by_hand : "suppress.automatic";
        co_return refusal;
      }
    }
    taken.addresses.push_back(std::move(target.address));
    if (target.domain.empty() || policy_->rules.aliases.is_postmaster(path)) continue;
    const auto finding = co_await look_at_domain(target.domain, Look::all_the_hosts);
    auto refused = policy::refuse_recipient_domain(path, target.domain, finding);
    if (refused) co_return Refusal{std::move(*refused)};
  }
  if (!login.empty()) {
    if (const auto over = services_.limits.count_recipient(login, services_.clock.now())) {
      co_return refuse(
          TextId::rcpt_rate,
          {{"user", login}, {"limit", fmt::to_string(over->limit)}, {"period", std::string(over->period)}});
    }
  }
  co_return taken;
}

env::Awaitable<Answer> Answers::begin() {
  auto body = co_await services_.store.begin_body();
  if (!body) co_return refuse(body.error(), TextId::mail_local_trouble);
  body_ = std::move(*body);
  if (policy_->hash_bodies) hash_ = std::make_unique<mailauth::DkimMessageHash>();
  smtp::MessageBegun begun;
  begun.now = services_.clock.wall();
  begun.id = services_.make_id(begun.now);
  begun.zone_minutes = policy_->zone_minutes;
  begun.nonce = fmt::format("{:016x}", services_.entropy.word());
  co_return begun;
}

env::Awaitable<Answer> Answers::append(smtp::AppendBody question) {
  POSTIL_ASSERT(body_);
  if (hash_) hash_->feed(question.octets);
  const auto written = co_await body_->append(question.octets);
  if (written) co_return smtp::Continue{};
  body_.reset();
  co_return refuse(written.error(), TextId::message_not_durable);
}

// Begins the message's trace, which outlives its envelope.
void Answers::tell_accepted(const queue::Envelope& envelope) {
  std::string to;
  for (const auto& recipient : envelope.recipients) {
    if (to.size() + recipient.address.size() > accepted_list_octets_max) break;
    to += (to.empty() ? "" : " ") + recipient.address;
  }
  event::Event told{event::Name::message_accepted,
                    {{"id", to_string(envelope.id)},
                     {"sender", envelope.sender},
                     {"recipients", static_cast<std::int64_t>(envelope.recipients.size())},
                     {"to", std::move(to)},
                     {"size", static_cast<std::int64_t>(envelope.size_octets)},
                     {"login", envelope.login},
                     {"peer", peer_address_}}};
  const auto add = [&](std::string_view name, event::Value value) { told.fields.push_back({name, std::move(value)}); };
  if (envelope.priority != 0) add("priority", std::int64_t{envelope.priority});
  if (!envelope.hold_request.empty()) add("held_until", message::rfc3339_date(envelope.release));
  if (envelope.by != queue::By::none) add("deliver_by", message::rfc3339_date(envelope.deliver_by));
  services_.history.add(envelope.id, event::to_json(told, services_.clock.wall()));
  services_.events.emit(told);
}

env::Awaitable<Answer> Answers::commit(smtp::CommitMessage question) {
  POSTIL_ASSERT(body_);
  if (services_.accounts && !question.message.login.empty()) {
    // What programs write into a header is often their own language.
    std::string own = services_.accounts->language(question.message.login);
    if (!own.empty()) question.message.language = std::move(own);
  }
  queue::Envelope envelope = envelope_of(std::move(question.message), *policy_, peer_address_, services_.clock.wall());
  if (hash_) envelope.body_hash = hash_->finish();
  hash_.reset();
  env::Batch batch;
  batch.push_back(env::AddMessage{envelope, std::move(body_), {envelope.id, false, {}}});
  const auto durable = co_await services_.store.commit(std::move(batch));
  if (!durable) {
    services_.events.emit({event::Name::message_refused,
                           {{"id", to_string(envelope.id)}, {"why", std::string(env::to_string(durable.error()))}}});
    co_return refuse(durable.error(), TextId::message_not_durable);
  }
  ++accepted_;
  tell_accepted(envelope);
  services_.intake.arrived(std::move(envelope));
  co_return smtp::Committed{};
}

}  // namespace postil::server
