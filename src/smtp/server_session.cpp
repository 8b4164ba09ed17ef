#include "smtp/server_session.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

// Replies to pipelined commands are collected [rfc2920 3.2], but not more than this.
constexpr std::size_t output_octets_max = 16 * 1024;
// A driver that reads when it was asked to flush makes the input grow; such a client is not waited for.
constexpr std::size_t pending_octets_max = 4 * limits::read_buffer_octets;
constexpr char tls_record_handshake = 0x16;

std::string take(std::string& text) {
  std::string out;
  out.swap(text);
  return out;
}

}  // namespace

ServerSession::State::State(std::shared_ptr<const ServerSettings> settings, PeerFacts peer, SessionRandom& random)
    : settings_(std::move(settings)), peer_(std::move(peer)), random_(random) {
  tls_ = std::move(peer_.tls);
  login_ = peer_.local_login;
  xclient_allowed_ = std::ranges::any_of(settings_->xclient_from,
                                         [&](const address::Network& from) { return from.contains(peer_.address); });
}

Action ServerSession::State::start() {
  started_ = now_;
  rest_since_ = now_;
  if (settings_->job == Job::null_host || peer_.refusal) {
    null_host_greeting();
  } else if (peer_.readable_before_greeting && !tls_) {
    // [rfc5321 4.3.1]; no enhanced code in a greeting [rfc2034 4]
    auto reply = reply::make(TextId::talks_early, {{"host", settings_->host_name}});
    reply.enhanced = {};
    say(std::move(reply));
    closing_ = true;
  } else {
    say(TextId::greeting, {{"host", settings_->host_name}});
  }
  return run();
}

Action ServerSession::State::feed(std::string_view octets) {
  if (pending_.empty()) {
    input_ = octets;
  } else {
    pending_.append(octets);
    input_ = std::string_view(pending_).substr(pending_from_);
    if (input_.size() > pending_octets_max) close_with(TextId::too_many_commands, {{"host", settings_->host_name}});
  }
  auto action = run();
  keep_rest();
  return action;
}

Action ServerSession::State::resume() {
  return feed({});
}

// What was not read into commands waits in pending_; an idle session holds no buffer.
void ServerSession::State::keep_rest() {
  if (input_.empty() || over_) {
    std::string().swap(pending_);
    pending_from_ = 0;
  } else if (!pending_.empty() && input_.data() >= pending_.data() &&
             input_.data() <= pending_.data() + pending_.size()) {
    pending_from_ = static_cast<std::size_t>(input_.data() - pending_.data());
    if (pending_from_ > pending_.size() / 2) {
      pending_.erase(0, pending_from_);
      pending_from_ = 0;
    }
  } else {
    pending_.assign(input_);
    pending_from_ = 0;
  }
  input_ = {};
}

Action ServerSession::State::run() {
  POSTIL_ASSERT(!over_);
  for (;;) {
    if (awaiting_ != Awaiting::nothing) return Ask{question()};
    if (closing_) drop_transaction();
    if (abort_due_) {
      abort_due_ = false;
      awaiting_ = Awaiting::abort;
      continue;
    }
    if (!closing_ && stop_ && may_reply()) {
      stage_ = "stop";
      give_receipt(*stop_);
      write(*stop_);
      closing_ = true;
      continue;
    }
    if (closing_) {
      over_ = true;
      return Close{take(output_)};
    }
    if (phase_ == Phase::handshake) return StartTls{take(output_), deadline()};
    flushing_ = output_.size() > output_octets_max;
    if (flushing_) return Read{take(output_), now_ + settings_->command_timeout, true};
    if (!advance()) return Read{take(output_), deadline(), false};
  }
}

// One line or one stretch of octets; false when more input is needed.
bool ServerSession::State::advance() {
  switch (phase_) {
    case Phase::command:
    case Phase::null_host:
    case Phase::unserved:
      return command_lines();
    case Phase::auth_line:
      return auth_line();
    case Phase::message:
      return message_octets();
    case Phase::chunk:
      return chunk_octets();
    case Phase::swallow:
      return swallow_octets();
    case Phase::handshake:
      break;
  }
  return false;
}

bool ServerSession::State::command_lines() {
  if (skip_line_) return skip_line();
  if (input_.empty()) return false;
  if (!tls_ && input_.front() == tls_record_handshake && phase_ == Phase::command) {
    close_with(TextId::not_smtp, {{"host", settings_->host_name}});
    return true;
  }
  const bool auth = istarts_with(input_, "AUTH ");
  const std::size_t octets_max = auth ? limits::auth_line_octets_max : limits::command_line_octets_max;
  bool too_long = false;
  const auto line = take_line(octets_max, too_long);
  if (too_long) {
    stage_ = auth ? "auth" : "command";
    ++commands_;
    if (phase_ == Phase::null_host) {
      null_host_command({});
    } else if (phase_ == Phase::unserved) {
      unserved_command({});
    } else if (auth) {
      say(TextId::auth_line_too_long);
    } else {
      say(TextId::line_too_long, {{"limit", std::to_string(octets_max)}});
    }
    return true;
  }
  if (!line) return false;
  command(*line);
  return true;
}

// Only CRLF ends a line [rfc5321 2.3.8]. A line that is too long is answered when that is seen, and what
// is still to come of it is skipped.
std::optional<std::string_view> ServerSession::State::take_line(std::size_t octets_max, bool& too_long) {
  const auto end = input_.find("\r\n", searched_ > 0 ? searched_ - 1 : 0);
  if (end != std::string_view::npos) {
    const auto line = input_.substr(0, end);
    input_.remove_prefix(end + 2);
    searched_ = 0;
    rest_since_ = now_;
    too_long = line.size() + 2 > octets_max;
    if (too_long) return std::nullopt;
    return line;
  }
  if (input_.size() < octets_max) {
    searched_ = input_.size();
    return std::nullopt;
  }
  too_long = true;
  skip_line_ = true;
  skip_after_cr_ = false;
  searched_ = 0;
  return std::nullopt;
}

bool ServerSession::State::skip_line() {
  if (input_.empty()) return false;
  if (skip_after_cr_ && input_.front() == '\n') {
    input_.remove_prefix(1);
    skip_line_ = false;
  } else if (const auto end = input_.find("\r\n"); end != std::string_view::npos) {
    input_.remove_prefix(end + 2);
    skip_line_ = false;
  } else {
    skip_after_cr_ = input_.back() == '\r';
    input_ = {};
  }
  if (!skip_line_) rest_since_ = now_;
  return true;
}

// A command must come whole within its time, so that single octets do not hold a session for ever.
MonoTime ServerSession::State::deadline() const {
  switch (phase_) {
    case Phase::message:
    case Phase::chunk:
    case Phase::swallow:
      return std::min(now_ + settings_->data_timeout, block_deadline_);
    case Phase::null_host:
      return rest_since_ + settings_->null_host_duration_max;
    default: {
      const auto next = rest_since_ + settings_->command_timeout;
      return begun_ ? std::min(next, block_deadline_) : next;
    }
  }
}

Question ServerSession::State::question() {
  switch (awaiting_) {
    case Awaiting::account:
      return LookupAccount{std::get<sasl::Lookup>(auth_->step).user, std::string(auth_->info->name)};
    case Awaiting::password: {
      auto& verify = std::get<sasl::Verify>(auth_->step);
      return VerifyPassword{std::move(verify.password_hash), std::move(verify.password)};
    }
    case Awaiting::auth_report:
      return ReportAuth{auth_->user, std::string(auth_->info->name), std::holds_alternative<sasl::Done>(auth_->step)};
    case Awaiting::sender:
      return CheckSender{&transaction_->mail, login_};
    case Awaiting::recipient:
      return CheckRecipient{&transaction_->mail, &transaction_->rcpt, login_, transaction_->recipients.size()};
    case Awaiting::begin:
      return BeginMessage{};
    case Awaiting::append:
      return AppendBody{take(transaction_->message->chunk)};
    case Awaiting::commit:
      return CommitMessage{accepted_message()};
    case Awaiting::client:
      return CheckClient{client_address()};
    case Awaiting::abort:
    case Awaiting::nothing:
      break;
  }
  POSTIL_ASSERT(awaiting_ == Awaiting::abort);
  return AbortMessage{};
}

void ServerSession::State::answered(Answer answer) {
  const auto awaited = std::exchange(awaiting_, Awaiting::nothing);
  rest_since_ = phase_ == Phase::null_host ? rest_since_ : now_;
  switch (awaited) {
    case Awaiting::account:
      return auth_account(std::move(answer));
    case Awaiting::password:
      return auth_password(std::move(answer));
    case Awaiting::auth_report:
      return auth_reported(std::move(answer));
    case Awaiting::sender:
      return sender_checked(std::move(answer));
    case Awaiting::recipient:
      return recipient_checked(std::move(answer));
    case Awaiting::begin:
      return message_begun(std::move(answer));
    case Awaiting::append:
      return appended(std::move(answer));
    case Awaiting::commit:
      return committed(std::move(answer));
    case Awaiting::client:
      return client_checked(std::move(answer));
    case Awaiting::abort:
      return;
    case Awaiting::nothing:
      break;
  }
  POSTIL_ASSERT(awaited != Awaiting::nothing);
}

bool ServerSession::State::may_reply() const {
  return phase_ == Phase::command || phase_ == Phase::auth_line || phase_ == Phase::null_host ||
         phase_ == Phase::unserved;
}

void ServerSession::State::write(const reply::Reply& reply) {
  output_ += reply::to_wire(reply, settings_->receipt_url);
}

// Every refusal gets an id and a record. The octets of a command are not in it: what a client says out of order may be
// a password.
void ServerSession::State::give_receipt(reply::Reply& reply) {
  const auto& entry = reply::entry(reply.text);
  if (!entry.receipt || reply.receipt) return;
  reply.receipt = random_.receipt();
  RefusalRecord record;
  record.id = *reply.receipt;
  record.reply = reply;
  record.stage = stage_;
  if (transaction_) record.sender = transaction_->mail.sender.address;
  if (transaction_ && reply.scope == reply::Scope::recipient) {
    record.recipient = transaction_->rcpt.recipient.address;
  }
  record.login = login_.empty() && auth_ ? auth_->user : login_;
  record.helo = hello_;
  refusals_.push_back(std::move(record));
}

void ServerSession::State::say(reply::Reply reply) {
  // How many recipients are taken is our limit, not the client's error: it goes on with those that were, and with the
  // rest later [rfc5321 4.5.3.1.10].
  const bool enough = reply.text == TextId::rcpt_too_many || reply.text == TextId::rcpt_rate;
  const bool error = reply.code >= 400 && !enough && phase_ != Phase::null_host;
  if (error && reply.code != 421 && ++errors_ > settings_->errors_max) {
    reply = reply::make(TextId::too_many_errors, {{"host", settings_->host_name}});
  }
  if (reply.code >= 400) give_receipt(reply);
  write(reply);
  if (reply.code == 421) closing_ = true;
}

void ServerSession::State::say(TextId text, std::vector<reply::Arg> args) {
  say(reply::make(text, std::move(args)));
}

void ServerSession::State::close_with(TextId text, std::vector<reply::Arg> args) {
  auto reply = reply::make(text, std::move(args));
  give_receipt(reply);
  write(reply);
  closing_ = true;
}

void ServerSession::State::idle_too_long() {
  const bool octets = phase_ == Phase::message || phase_ == Phase::chunk || phase_ == Phase::swallow;
  if ((octets || begun_) && now_ >= block_deadline_) {
    const auto minutes_given = std::chrono::ceil<minutes>(settings_->message_duration_max).count();
    stage_ = "time-out";
    return close_with(TextId::message_too_slow,
                      {{"host", settings_->host_name}, {"minutes", std::to_string(minutes_given)}});
  }
  auto reply = reply::make(TextId::idle_too_long, {{"host", settings_->host_name}});
  if (phase_ != Phase::null_host) {
    reply.rule = octets ? "limits.data_timeout" : "limits.command_timeout";
  }
  stage_ = "time-out";
  give_receipt(reply);
  write(reply);
  closing_ = true;
}

void ServerSession::State::tell(event::Name name, std::vector<event::Field> fields) {
  event::Event told{name, {{"session", static_cast<std::int64_t>(peer_.session.value)}, {"peer", peer_.address}}};
  for (auto& field : fields) told.fields.push_back(std::move(field));
  events_.push_back(std::move(told));
}

// ---- the public functions ----------------------------------------------------------------------------------

ServerSession::ServerSession(std::shared_ptr<const ServerSettings> settings, PeerFacts peer, SessionRandom& random)
    : state_(std::make_unique<State>(std::move(settings), std::move(peer), random)) {}

ServerSession::~ServerSession() = default;

Action ServerSession::start(MonoTime now) {
  state_->now_ = now;
  return state_->start();
}

Action ServerSession::bytes(std::string_view octets, MonoTime now) {
  state_->now_ = now;
  return state_->feed(octets);
}

Action ServerSession::written(MonoTime now) {
  state_->now_ = now;
  return state_->resume();
}

Action ServerSession::timed_out(MonoTime now) {
  state_->now_ = now;
  if (state_->flushing_) return state_->resume();
  state_->idle_too_long();
  return state_->resume();
}

Action ServerSession::closed(MonoTime now) {
  state_->now_ = now;
  state_->closing_ = true;
  return state_->resume();
}

Action ServerSession::tls_done(const crypto::TlsFacts& facts, MonoTime now) {
  state_->now_ = now;
  state_->tls_done(facts);
  return state_->run();
}

Action ServerSession::tls_failed(std::string_view why, MonoTime now) {
  state_->now_ = now;
  state_->tls_failed(why);
  return state_->run();
}

Action ServerSession::answer(Answer answer, MonoTime now) {
  state_->now_ = now;
  state_->answered(std::move(answer));
  return state_->resume();
}

Action ServerSession::shut_down(reply::Reply why, MonoTime now) {
  state_->now_ = now;
  state_->stop_ = std::make_unique<reply::Reply>(std::move(why));
  return state_->resume();
}

bool ServerSession::in_message() const {
  return state_->phase_ == Phase::message || state_->phase_ == Phase::chunk;
}

const std::string& ServerSession::login() const {
  return state_->login_;
}

const std::string& ServerSession::hello_name() const {
  return state_->hello_;
}

std::vector<event::Event> ServerSession::take_events() {
  return std::exchange(state_->events_, {});
}

std::vector<RefusalRecord> ServerSession::take_refusals() {
  return std::exchange(state_->refusals_, {});
}

}  // namespace postil::smtp
