#include "smtp/client_session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "smtp/client_state.hpp"

namespace postil::smtp {
namespace {

Stage stage_of(Awaited what) {
  switch (what) {
    case Awaited::greeting:
      return Stage::greeting;
    case Awaited::ehlo:
    case Awaited::helo:
      return Stage::ehlo;
    case Awaited::starttls:
      return Stage::starttls;
    case Awaited::auth:
      return Stage::auth;
    case Awaited::rset:
      return Stage::idle;
    case Awaited::mail:
      return Stage::mail;
    case Awaited::rcpt:
      return Stage::rcpt;
    case Awaited::data:
      return Stage::data;
    case Awaited::chunk:
      return Stage::body;
    case Awaited::last_chunk:
    case Awaited::end:
      return Stage::end_of_data;
    case Awaited::void_end:
      return Stage::data;
    case Awaited::quit:
      return Stage::quit;
  }
  return Stage::idle;
}

Duration timeout_of(Awaited what, const ClientSettings& settings) {
  switch (what) {
    case Awaited::greeting:
      return settings.greeting_timeout;
    case Awaited::data:
      return settings.data_timeout;
    case Awaited::last_chunk:
    case Awaited::end:
      return settings.end_timeout;
    case Awaited::quit:
      return settings.quit_timeout;
    default:
      return settings.command_timeout;
  }
}

// The text of EHLO is parsed, so all of it is kept; a challenge of AUTH must come whole.
ReplyParser::Keep kept_of(Awaited what) {
  if (what == Awaited::ehlo) return {.lines = 128, .line_octets = 1000};
  if (what == Awaited::auth) return {.lines = 4, .line_octets = limits::auth_line_octets_max};
  return {};
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::connect:
      return "connect";
    case Stage::greeting:
      return "greeting";
    case Stage::ehlo:
      return "ehlo";
    case Stage::starttls:
      return "starttls";
    case Stage::tls:
      return "tls";
    case Stage::auth:
      return "auth";
    case Stage::mail:
      return "mail";
    case Stage::rcpt:
      return "rcpt";
    case Stage::data:
      return "data";
    case Stage::body:
      return "body";
    case Stage::end_of_data:
      return "end_of_data";
    case Stage::quit:
      return "quit";
    case Stage::idle:
      return "idle";
  }
  return "idle";
}

std::string_view to_string(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::connection_lost:
      return "connection_lost";
    case Trouble::timed_out:
      return "timed_out";
    case Trouble::reply_malformed:
      return "reply_malformed";
    case Trouble::reply_too_long:
      return "reply_too_long";
    case Trouble::tls_refused:
      return "tls_refused";
    case Trouble::tls_failed:
      return "tls_failed";
    case Trouble::tls_not_offered:
      return "tls_not_offered";
    case Trouble::auth_not_offered:
      return "auth_not_offered";
    case Trouble::auth_no_mechanism:
      return "auth_no_mechanism";
    case Trouble::auth_rejected:
      return "auth_rejected";
    case Trouble::local_shutdown:
      return "local_shutdown";
    case Trouble::body_unreadable:
      return "body_unreadable";
    case Trouble::body_line_ends:
      return "body_line_ends";
  }
  return "none";
}

// ---- the loop ----------------------------------------------------------------------------------------------------

void ClientSession::State::command(std::string line, Awaited what, std::size_t index) {
  expected.push_back({what, index, line.size()});
  outstanding_octets += line.size();
  out += line;
  ++unsent;
}

void ClientSession::State::arm(MonoTime now) {
  if (expected.empty()) return;
  deadline = now + timeout_of(expected.front().what, settings);
  armed = true;
}

Stage ClientSession::State::stage() const {
  if (doing == Doing::handshake) return Stage::tls;
  if (doing == Doing::hashing) return Stage::auth;
  if (doing == Doing::writing || doing == Doing::giving_body) return Stage::body;
  if (!expected.empty()) return stage_of(expected.front().what);
  return Stage::idle;
}

ClientAction ClientSession::State::pause(MonoTime now) {
  if (wants_body()) {
    doing = Doing::giving_body;
    return NeedBody{run->body_offset, limits::read_buffer_octets};
  }
  POSTIL_ASSERT(!expected.empty());
  if (!armed) arm(now);
  doing = Doing::reading;
  unsent = 0;
  return ClientRead{std::exchange(out, {}), deadline, std::exchange(out_secret, false)};
}

ClientAction ClientSession::State::process(MonoTime now) {
  for (;;) {
    if (inbox.empty()) return pause(now);
    // No reply comes before its command: what is here is an answer too many, or somebody's injection.
    if (expected.size() == unsent) return surplus(now);
    parser.keep(kept_of(expected.front().what));
    const auto fed = parser.feed(inbox);
    inbox.erase(0, fed.consumed);
    if (fed.status == ReplyParser::Status::more) continue;
    const Stage at = stage_of(expected.front().what);
    if (fed.status == ReplyParser::Status::malformed) return end(at, Trouble::reply_malformed, parser.detail());
    if (fed.status == ReplyParser::Status::too_long) return end(at, Trouble::reply_too_long, parser.detail());
    const Expected answered = expected.front();
    expected.pop_front();
    outstanding_octets -= answered.octets;
    armed = false;
    if (auto action = handle(answered, parser.take(), now)) return std::move(*action);
    POSTIL_ASSERT(!expected.empty() || wants_body());
  }
}

ClientAction ClientSession::State::surplus(MonoTime) {
  parser.keep({});
  const Stage at = run ? stage() : Stage::idle;
  const auto fed = parser.feed(inbox);
  if (fed.status == ReplyParser::Status::done) {
    auto reply = parser.take();
    if (reply.code == 421) return end_by_reply(at, std::move(reply));
    Outcome why{at, Trouble::reply_malformed, std::move(reply), "The server answered more than it was asked."};
    return end(std::move(why), false);
  }
  return end(at, Trouble::reply_malformed, "The server answered more than it was asked.");
}

std::optional<ClientAction> ClientSession::State::handle(Expected answered, reply::RemoteReply reply, MonoTime now) {
  if (reply.code == 421 && answered.what != Awaited::quit) {
    return end_by_reply(stage_of(answered.what), std::move(reply));
  }
  std::optional<ClientAction> action;
  switch (answered.what) {
    case Awaited::greeting:
      return on_greeting(std::move(reply));
    case Awaited::ehlo:
    case Awaited::helo:
      return on_hello(answered.what, std::move(reply));
    case Awaited::starttls:
      return on_starttls(std::move(reply), now);
    case Awaited::auth:
      return on_auth(std::move(reply));
    case Awaited::rset:
      // Nothing was asked of the message yet: this connection is of no use, another one may be.
      if (reply.code / 100 == 3) return unexpected(Stage::idle, std::move(reply), "RSET");
      if (reply.code / 100 != 2) return end_by_reply(Stage::idle, std::move(reply));
      launch();
      break;
    case Awaited::mail:
      action = on_mail(std::move(reply));
      break;
    case Awaited::rcpt:
      action = on_rcpt(answered.index, std::move(reply));
      break;
    case Awaited::data:
      action = on_data(std::move(reply));
      break;
    case Awaited::chunk:
    case Awaited::last_chunk:
      action = on_chunk(answered.what, std::move(reply));
      break;
    case Awaited::end:
      action = on_end(answered.index, std::move(reply));
      break;
    case Awaited::void_end:
      break;  // nobody was to get it
    case Awaited::quit:
      return end(Outcome{Stage::quit, Trouble::none, std::move(reply), {}}, false);
  }
  if (action) return action;
  return advance(now);
}

ClientAction ClientSession::State::end(Outcome why, bool quit_first) {
  if (run) {
    decide_rest(why);
    result = std::move(run->result);
    run.reset();
  }
  closed_by = why;
  doing = Doing::closed;
  out.clear();
  inbox.clear();
  mechanism.reset();
  hash_result.reset();
  return ClientClose{quit_first ? "QUIT\r\n" : "", std::move(why)};
}

ClientAction ClientSession::State::end(Stage at, Trouble trouble, std::string detail, bool quit_first) {
  return end(Outcome{at, trouble, {}, std::move(detail)}, quit_first);
}

ClientAction ClientSession::State::end_by_reply(Stage at, reply::RemoteReply reply) {
  const bool gone = reply.code == 421;  // it closes without QUIT [rfc5321 3.8]
  return end(Outcome{at, Trouble::none, std::move(reply), {}}, !gone);
}

// A reply that is one, but not to this command: 354 to MAIL, 250 to DATA. Nobody knows what the server thinks now.
std::optional<ClientAction> ClientSession::State::unexpected(Stage at, reply::RemoteReply reply,
                                                             std::string_view name) {
  std::string detail = fmt::format("The server answered {} with {}.", name, reply.code);
  return end(Outcome{at, Trouble::reply_malformed, std::move(reply), std::move(detail)}, false);
}

std::optional<ClientAction> ClientSession::State::idle() {
  doing = Doing::idle;
  return Idle{};
}

// ---- the driver's inputs -----------------------------------------------------------------------------------------

ClientSession::ClientSession(ClientSettings settings, std::uint64_t random)
    : state_(std::make_unique<State>(std::move(settings), random)) {}
ClientSession::~ClientSession() = default;

ClientAction ClientSession::start(MonoTime now) {
  State& s = *state_;
  POSTIL_ASSERT(s.doing == State::Doing::nothing);
  if (s.settings.tls == TlsUse::implicit) {
    s.doing = State::Doing::handshake;
    return ClientStartTls{now + s.settings.command_timeout};
  }
  s.expected.push_back({Awaited::greeting});
  return s.pause(now);
}

ClientAction ClientSession::tls_done(const crypto::TlsFacts& facts, MonoTime now) {
  State& s = *state_;
  POSTIL_ASSERT(s.doing == State::Doing::handshake);
  s.tls = facts;
  // Nothing said before holds any longer [rfc3207 4.2].
  s.extensions = {};
  s.parser = {};
  if (s.settings.tls == TlsUse::implicit) {
    s.expected.push_back({Awaited::greeting});
  } else {
    s.hello();
  }
  return s.pause(now);
}

ClientAction ClientSession::tls_failed(std::string_view why, MonoTime) {
  State& s = *state_;
  POSTIL_ASSERT(s.doing == State::Doing::handshake);
  return s.end(Stage::tls, Trouble::tls_failed, printable(why));
}

ClientAction ClientSession::bytes(std::string_view octets, MonoTime now) {
  State& s = *state_;
  using Doing = State::Doing;
  switch (s.doing) {
    case Doing::closed:
      return ClientClose{"", s.closed_by};
    case Doing::reading:
      s.inbox += octets;
      return s.process(now);
    case Doing::idle:
      s.inbox += octets;
      return s.surplus(now);
    case Doing::writing: {
      // An answer before the message's end: it has given up on us, and says why.
      s.inbox += octets;
      if (s.run->chunking) return s.process(now);
      s.parser.keep({});
      const auto fed = s.parser.feed(s.inbox);
      if (fed.status == ReplyParser::Status::done) {
        auto reply = s.parser.take();
        if (reply.code >= 400) return s.end(Outcome{Stage::body, Trouble::none, std::move(reply), {}}, false);
        return std::move(*s.unexpected(Stage::body, std::move(reply), "a part of the message"));
      }
      if (fed.status == ReplyParser::Status::more) {
        return s.end(Stage::body, Trouble::connection_lost, "The connection was lost inside the message.");
      }
      return s.end(Stage::body, Trouble::reply_malformed, s.parser.detail());
    }
    case Doing::nothing:
    case Doing::handshake:
    case Doing::hashing:
    case Doing::giving_body:
    case Doing::finished:
      break;
  }
  POSTIL_ASSERT(!"bytes() was not asked for");
}

ClientAction ClientSession::written(MonoTime now) {
  POSTIL_ASSERT(state_->doing == State::Doing::writing);
  return state_->process(now);
}

ClientAction ClientSession::timed_out(MonoTime now) {
  State& s = *state_;
  switch (s.doing) {
    case State::Doing::closed:
      return ClientClose{"", s.closed_by};
    case State::Doing::idle:
      return quit(now);
    case State::Doing::handshake:
      return s.end(Stage::tls, Trouble::tls_failed, "The TLS handshake took too long.");
    default:
      break;
  }
  const Stage at = s.stage();
  const bool slow = s.parser.begun();
  return s.end(at, Trouble::timed_out,
               slow ? "The server began a reply and did not end it in time." : "The server did not answer in time.");
}

ClientAction ClientSession::failed(std::string_view why, MonoTime) {
  State& s = *state_;
  if (s.doing == State::Doing::closed) return ClientClose{"", s.closed_by};
  if (s.doing == State::Doing::handshake) return s.end(Stage::tls, Trouble::tls_failed, printable(why));
  return s.end(s.stage(), Trouble::connection_lost, printable(why));
}

ClientAction ClientSession::hashed(MonoTime now) {
  State& s = *state_;
  POSTIL_ASSERT(s.doing == State::Doing::hashing && s.hash_result);
  const auto result = std::exchange(s.hash_result, nullptr);
  if (auto action = s.answer_challenge(std::move(*result))) return std::move(*action);
  return s.process(now);
}

ClientAction ClientSession::body(std::string_view octets, bool last, MonoTime now) {
  POSTIL_ASSERT(state_->doing == State::Doing::giving_body);
  return state_->give_body(octets, last, now);
}

ClientAction ClientSession::body_failed(MonoTime) {
  POSTIL_ASSERT(state_->doing == State::Doing::giving_body);
  return state_->end(Stage::body, Trouble::body_unreadable, "The message could not be read from our disk.");
}

ClientAction ClientSession::abort(MonoTime) {
  State& s = *state_;
  if (s.doing == State::Doing::closed) return ClientClose{"", s.closed_by};
  const bool polite = s.doing == State::Doing::idle || s.doing == State::Doing::finished;
  return s.end(s.stage(), Trouble::local_shutdown, "We stopped in the middle.", polite);
}

ClientAction ClientSession::send(Transaction transaction, MonoTime now) {
  POSTIL_ASSERT(state_->doing == State::Doing::idle);
  return state_->begin(std::move(transaction), now);
}

ClientAction ClientSession::resume(MonoTime now) {
  State& s = *state_;
  POSTIL_ASSERT(s.doing == State::Doing::finished);
  if (!s.inbox.empty()) return s.surplus(now);
  return *s.idle();
}

ClientAction ClientSession::quit(MonoTime now) {
  State& s = *state_;
  if (s.doing == State::Doing::closed) return ClientClose{"", s.closed_by};
  POSTIL_ASSERT(s.doing == State::Doing::idle);
  s.command("QUIT\r\n", Awaited::quit);
  s.armed = false;
  return s.pause(now);
}

TransactionResult ClientSession::take_result() {
  POSTIL_ASSERT(state_->result);
  TransactionResult out = std::move(*state_->result);
  state_->result.reset();
  return out;
}

bool ClientSession::transaction_open() const {
  return state_->run || state_->result;
}
const Extensions& ClientSession::extensions() const {
  return state_->extensions;
}
const std::optional<crypto::TlsFacts>& ClientSession::tls() const {
  return state_->tls;
}
const std::string& ClientSession::greeting() const {
  return state_->greeting;
}
std::uint64_t ClientSession::transactions_done() const {
  return state_->transactions_done;
}

bool ClientSession::may_begin() const {
  const auto mail_max = state_->extensions.mail_max;
  return mail_max == 0 || state_->mails_sent < mail_max;
}

std::vector<std::size_t> ClientSession::fitting(std::size_t count,
                                                const std::function<std::string_view(std::size_t)>& domain_of) const {
  const Extensions& limits = state_->extensions;
  const std::size_t most = limits.rcpt_max > 0 ? limits.rcpt_max : count;
  std::vector<std::size_t> out;
  if (!may_begin()) return out;
  auto domains = state_->rcpt_domains;
  for (std::size_t i = 0; i < count && out.size() < most; ++i) {
    if (limits.rcpt_domain_max > 0) {
      auto domain = to_lower(domain_of(i));
      if (domains.size() >= limits.rcpt_domain_max && !domains.contains(domain)) continue;
      domains.insert(std::move(domain));
    }
    out.push_back(i);
  }
  return out;
}

}  // namespace postil::smtp
