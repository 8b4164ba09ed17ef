// AUTH [rfc4954]: lines and base64 here, the mechanisms in module sasl. What a client sends is a secret: nothing of
// it gets into events or records but the user's name.
#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "crypto/base64.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

// LOGIN asks first, and takes what clients send before it asks all the same.
bool takes_initial(const sasl::MechanismInfo& info) {
  return info.client_first || info.name == "LOGIN";
}

// Whether the login failed for what the client said: such failures are counted, over sessions too.
bool counts(TextId text) {
  switch (text) {
    case TextId::auth_credentials:
    case TextId::auth_channel_binding:
    case TextId::auth_mechanism_off:
    case TextId::auth_account_disabled:
      return true;
    default:
      return false;
  }
}

}  // namespace

// On the list of the configuration, and the session has what it works with.
bool ServerSession::State::allowed(const sasl::MechanismInfo& info) const {
  const auto& list = settings_->mechanisms;
  const auto same = [&](const std::string& name) { return iequals(name, info.name); };
  if (!list.empty() && std::ranges::none_of(list, same)) return false;
  if (!tls_) return true;
  if (info.channel_binding && tls_->exporter.empty() && tls_->server_end_point.empty()) return false;
  return info.name != "EXTERNAL" || !tls_->peer_identity.empty();
}

// What EHLO offers now.
std::vector<std::string_view> ServerSession::State::usable_mechanisms() const {
  std::vector<std::string_view> names;
  if (!settings_->auth_offered || !login_.empty()) return names;
  for (const auto& info : sasl::mechanisms()) {
    if (!mechanism_fault(&info)) names.push_back(info.name);
  }
  return names;
}

std::optional<TextId> ServerSession::State::mechanism_fault(const sasl::MechanismInfo* info) const {
  if (info == nullptr || !allowed(*info)) return TextId::auth_mechanism_unknown;
  if (tls_) return std::nullopt;
  // Where TLS is required, no mechanism works without it, nor is it of use that one keeps the password secret.
  const bool secret_in_clear = info->password_in_clear && !settings_->auth_without_tls;
  const bool of_tls = info->channel_binding || info->name == "EXTERNAL";
  if (secret_in_clear || of_tls || settings_->require_tls) return TextId::auth_needs_tls;
  return std::nullopt;
}

void ServerSession::State::run_auth(std::string_view argument) {
  if (!login_.empty()) return say(TextId::auth_twice);
  if (!settings_->auth_offered) return say(TextId::auth_not_offered);
  if (auth_failures_ >= settings_->auth_failures_max) {
    return say(TextId::auth_too_many_failures, {{"minutes", "1"}});
  }
  const auto space = argument.find(' ');
  const auto* info = sasl::find_mechanism(argument.substr(0, space));
  if (const auto fault = mechanism_fault(info)) {
    auto reply = reply::make(*fault);
    const bool not_on_list = *fault == TextId::auth_mechanism_unknown && info && !settings_->mechanisms.empty();
    if (not_on_list) reply.rule = "submission.mechanisms";
    return say(std::move(reply));
  }
  if (space == std::string_view::npos) return begin_auth(*info, std::nullopt);
  if (!takes_initial(*info)) return say(TextId::auth_initial_unwanted);
  const auto initial = trim(argument.substr(space));
  if (initial == "=") return begin_auth(*info, "");
  const auto decoded = crypto::base64_decode(initial);
  if (!decoded) return say(TextId::auth_bad_base64);
  begin_auth(*info, *decoded);
}

void ServerSession::State::begin_auth(const sasl::MechanismInfo& info, std::optional<std::string_view> initial) {
  sasl::ServerContext context;
  context.tls = tls_ != nullptr;
  if (tls_) context.tls_facts = *tls_;
  const auto offered = usable_mechanisms();
  context.plus_offered = std::ranges::any_of(offered, [](std::string_view name) { return name.ends_with("-PLUS"); });
  context.nonce = random_.nonce();
  auth_ = std::make_unique<AuthExchange>();
  auth_->info = &info;
  auth_->mechanism = sasl::make_server(info, std::move(context));
  auth_step(auth_->mechanism->start(initial));
}

// A line that answers a 334.
bool ServerSession::State::auth_line() {
  if (input_.empty()) return false;
  bool too_long = false;
  const auto line = take_line(limits::auth_line_octets_max, too_long);
  if (too_long) {
    end_auth(TextId::auth_line_too_long);
    return true;
  }
  if (!line) return false;
  auth_answer(*line);
  return true;
}

void ServerSession::State::auth_answer(std::string_view line) {
  if (line == "*") return end_auth(TextId::auth_cancelled);
  const auto decoded = crypto::base64_decode(line);
  if (!decoded) return end_auth(TextId::auth_bad_base64);
  phase_ = Phase::command;
  auth_step(auth_->mechanism->respond(*decoded));
}

void ServerSession::State::auth_step(sasl::Step step) {
  auth_->step = std::move(step);
  if (const auto* challenge = std::get_if<sasl::Challenge>(&auth_->step)) {
    // The one reply that may be longer than 512 octets [rfc4954 4].
    output_ += "334 " + crypto::base64_encode(challenge->text) + "\r\n";
    phase_ = Phase::auth_line;
  } else if (const auto* lookup = std::get_if<sasl::Lookup>(&auth_->step)) {
    auth_->user = lookup->user;
    awaiting_ = Awaiting::account;
  } else if (std::holds_alternative<sasl::Verify>(auth_->step)) {
    awaiting_ = Awaiting::password;
  } else if (std::holds_alternative<sasl::Done>(auth_->step)) {
    awaiting_ = Awaiting::auth_report;
  } else if (counts(std::get<sasl::Failed>(auth_->step).text)) {
    ++auth_failures_;
    awaiting_ = Awaiting::auth_report;
  } else {
    end_auth(std::get<sasl::Failed>(auth_->step).text);
  }
}

void ServerSession::State::auth_account(Answer answer) {
  if (auto* refusal = std::get_if<Refusal>(&answer)) return auth_refused(std::move(refusal->reply));
  POSTIL_ASSERT(std::holds_alternative<AccountAnswer>(answer));
  const auto& account = std::get<AccountAnswer>(answer);
  auth_step(auth_->mechanism->account(account.outcome, account.credentials));
}

void ServerSession::State::auth_password(Answer answer) {
  if (auto* refusal = std::get_if<Refusal>(&answer)) return auth_refused(std::move(refusal->reply));
  POSTIL_ASSERT(std::holds_alternative<PasswordAnswer>(answer));
  const auto& password = std::get<PasswordAnswer>(answer);
  if (!password.available) return end_auth(TextId::auth_unavailable);
  auth_step(auth_->mechanism->verified(password.matches));
}

void ServerSession::State::auth_reported(Answer answer) {
  if (auto* refusal = std::get_if<Refusal>(&answer)) return auth_refused(std::move(refusal->reply));
  POSTIL_ASSERT(std::holds_alternative<Continue>(answer));
  if (auto* done = std::get_if<sasl::Done>(&auth_->step)) return auth_succeeded(std::move(done->user));
  end_auth(std::get<sasl::Failed>(auth_->step).text);
}

void ServerSession::State::auth_succeeded(std::string user) {
  login_ = std::move(user);
  phase_ = Phase::command;
  tell(event::Name::auth_succeeded,
       {{"login", login_}, {"mechanism", std::string(auth_->info->name)}, {"tls", tls_ != nullptr}});
  auth_.reset();
  say(TextId::auth_ok, {{"user", printable(login_, 100)}});
}

void ServerSession::State::auth_refused(reply::Reply reply) {
  phase_ = Phase::command;
  stage_ = "auth";
  tell(event::Name::auth_failed, {{"user", printable(auth_->user, 100)},
                                  {"mechanism", std::string(auth_->info->name)},
                                  {"key", std::string(reply::entry(reply.text).key)}});
  say(std::move(reply));
  auth_.reset();
}

void ServerSession::State::end_auth(TextId text) {
  auth_refused(reply::make(text));
}

}  // namespace postil::smtp
