#include "support/world/remote_mta.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "support/world/world.hpp"

namespace postil::test {

struct RemoteMta::State {
  std::shared_ptr<Node> node;
  RemoteOptions options;
  Behaviour behaviour;
  std::vector<RemoteMessage> taken;
  std::size_t forgotten = 0;  // that were in front of these
  Counts counts;
  std::vector<std::string> complaints;
  std::shared_ptr<env::TlsServerContext> tls;
  std::vector<std::unique_ptr<env::Listener>> listeners;
};

namespace {
constexpr Duration patience = minutes(10);
constexpr std::size_t endless_lines = 5000;
}  // namespace

// One session. Lines are taken strictly: CRLF only, as RFC 5321 says.
class RemoteSession {
 public:
  RemoteSession(std::shared_ptr<RemoteMta::State> state, env::StreamPtr stream)
      : state_(std::move(state)), stream_(std::move(stream)) {}

  env::Awaitable<void> run() {
    auto& counts = state_->counts;
    ++counts.sessions;
    counts.sessions_most = std::max(counts.sessions_most, ++counts.sessions_open);
    co_await converse();
    --counts.sessions_open;
  }

 private:
  using Then = RemoteStep::Then;

  MonoTime deadline() const { return state_->node->clock().now() + patience; }
  void complain(std::string what) {
    if (state_->complaints.size() < 100) state_->complaints.push_back(std::move(what));
  }

  env::Awaitable<void> converse() {
    bool go_on = co_await answer(RemoteStage::greeting, "", fmt::format("220 {} ESMTP", state_->options.host_name));
    while (go_on) {
      std::optional<std::string> line = co_await read_line();
      if (!line) break;
      go_on = co_await command(std::move(*line));
    }
    stream_->close();
  }

  env::Awaitable<std::optional<std::string>> read_line() {
    for (;;) {
      const std::size_t end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        if (line.find('\n') != std::string::npos || line.find('\r') != std::string::npos)
          complain("bare CR or LF in a command");
        co_return line;
      }
      if (buffer_.size() > 100'000) co_return std::nullopt;
      const bool more = co_await read_more();
      if (!more) co_return std::nullopt;
    }
  }

  env::Awaitable<bool> read_more() {
    auto octets = co_await stream_->read(deadline());
    if (!octets) co_return false;
    buffer_ += *octets;
    co_return true;
  }

  env::Awaitable<bool> say(std::string text) {
    text += "\r\n";
    auto written = co_await stream_->write(text, deadline());
    co_return written.has_value();
  }

  // Carries out what this stage gives; false: the session is over. ok_ says whether the reply was positive.
  env::Awaitable<bool> answer(RemoteStage stage, std::string_view argument, std::string usual) {
    std::optional<RemoteStep> step;
    if (state_->behaviour) step = state_->behaviour(stage, argument, state_->node->world().random());
    if (!step) step = RemoteStep{.reply = std::move(usual)};
    ok_ = !step->reply.empty() && step->reply[0] < '4';
    if (!ok_) ++state_->counts.refusals;
    if (step->delay > Duration(0)) {
      auto timer = state_->node->timers().make(state_->node->executor());
      co_await timer->wait_until(state_->node->clock().now() + step->delay);
    }
    if (step->then == Then::garbage) {
      ok_ = false;
      co_await say(std::string("\x00\xff\x13 not SMTP at all", 20));
      co_return false;
    }
    if (step->then == Then::endless) {
      ok_ = false;
      for (std::size_t i = 0; i < endless_lines; ++i) {
        const bool taken = co_await say("250-and so on and so on and so on and so on and so on");
        if (!taken) break;
      }
      co_return false;
    }
    if (!step->reply.empty()) {
      const bool said = co_await say(step->reply);
      lost_ = !said;  // what it had decided stands: a message is taken, and the client must send it again
      if (!said) co_return false;
    }
    if (step->then == Then::silence) {
      ok_ = false;
      auto timer = state_->node->timers().make(state_->node->executor());
      co_await timer->wait_until(state_->node->clock().now() + hours(1));
      co_return false;
    }
    lost_ = step->then == Then::reset;
    if (lost_) Internet::reset(*stream_);
    co_return step->then == Then::go_on;
  }

  env::Awaitable<bool> command(std::string line) {
    if (auto* last = last_taken_ ? entry(*last_taken_) : nullptr) last->confirmed = true;
    last_taken_.reset();
    const std::string verb = to_upper(std::string_view(line).substr(0, line.find(' ')));
    const bool lmtp = state_->options.lmtp;
    if (lmtp ? verb == "LHLO" : verb == "EHLO" || verb == "HELO") {
      transaction_.reset();
      const std::string usual = hello(verb != "HELO");
      const bool go_on = co_await answer(RemoteStage::ehlo, line, usual);
      dsn_ = ok_ && usual.find("-DSN\r\n") != std::string::npos;
      co_return go_on;
    }
    if (verb == "STARTTLS" && !state_->options.certificate.empty() && !tls_)
      co_return co_await start_tls(std::move(line));
    if (verb == "MAIL") co_return co_await mail(std::move(line));
    if (verb == "RCPT") co_return co_await recipient(std::move(line));
    if (verb == "DATA") co_return co_await data(std::move(line));
    if (verb == "BDAT" && state_->options.chunking && state_->options.esmtp) co_return co_await chunk(std::move(line));
    if (verb == "RSET" || verb == "NOOP") {
      if (verb == "RSET") transaction_.reset();
      co_return co_await answer(RemoteStage::rset, line, "250 2.0.0 OK");
    }
    if (verb == "QUIT") {
      co_await answer(RemoteStage::quit, line, "221 2.0.0 bye");
      co_return false;
    }
    ++state_->counts.bad_commands;
    complain("unknown command " + printable(line, 80));
    co_return co_await say("500 5.5.1 what?");
  }

  std::string hello(bool extended) const {
    const RemoteOptions& o = state_->options;
    if (!o.esmtp) return extended ? "502 command not implemented" : "250 " + o.host_name;
    if (!extended) return "250 " + o.host_name;
    std::string text = "250-" + o.host_name;
    const auto offer = [&](bool does, std::string_view what) {
      if (does) text += fmt::format("\r\n250-{}", what);
    };
    offer(o.pipelining, "PIPELINING");
    offer(o.size, fmt::format("SIZE {}", o.size_max));
    offer(o.eight_bit_mime, "8BITMIME");
    offer(o.chunking, "CHUNKING");
    offer(o.chunking && o.binarymime, "BINARYMIME");
    offer(o.smtputf8, "SMTPUTF8");
    offer(o.dsn, "DSN");
    offer(o.enhanced_status, "ENHANCEDSTATUSCODES");
    offer(!o.certificate.empty() && !tls_, "STARTTLS");
    offer(o.requiretls && tls_, "REQUIRETLS");
    for (const auto& line : o.also) offer(true, line);
    return text + "\r\n250 HELP";
  }

  env::Awaitable<bool> start_tls(std::string line) {
    const bool go_on = co_await answer(RemoteStage::starttls, line, "220 2.0.0 go ahead");
    if (!go_on || !ok_) co_return go_on;
    if (!buffer_.empty()) complain("octets in clear behind STARTTLS");
    buffer_.clear();
    auto facts = co_await stream_->tls_accept(state_->tls, deadline());
    tls_ = facts.has_value();
    transaction_.reset();
    co_return tls_;
  }

  static std::string address_in(std::string_view line) {
    const std::size_t from = line.find('<');
    const std::size_t to = line.find('>', from == std::string_view::npos ? 0 : from);
    if (from == std::string_view::npos || to == std::string_view::npos) return "?";
    return std::string(line.substr(from + 1, to - from - 1));
  }

  env::Awaitable<bool> mail(std::string line) {
    if (transaction_) complain("MAIL in a transaction");
    const bool go_on = co_await answer(RemoteStage::mail, line, "250 2.1.0 OK");
    if (ok_) {
      transaction_.emplace();
      transaction_->sender = address_in(line);
      transaction_->mail_line = line;
      transaction_->tls = tls_;
      transaction_->dsn = dsn_;
      ++state_->counts.transactions;
    }
    co_return go_on;
  }

  env::Awaitable<bool> recipient(std::string line) {
    if (!transaction_) {  // pipelined behind a MAIL that was refused
      co_return co_await say("503 5.5.1 MAIL first");
    }
    const bool go_on = co_await answer(RemoteStage::rcpt, line, "250 2.1.5 OK");
    if (ok_ && transaction_) {
      transaction_->recipients.push_back(address_in(line));
      transaction_->rcpt_lines.push_back(line);
    }
    co_return go_on;
  }

  env::Awaitable<bool> data(std::string line) {
    if (!transaction_ || transaction_->recipients.empty()) co_return co_await say("554 5.5.1 no valid recipients");
    const bool go_on = co_await answer(RemoteStage::data, line, "354 go on");
    if (!go_on || !ok_) co_return go_on;
    for (;;) {
      std::size_t at = 0;  // to the line of a dot alone; lines end with CRLF only
      std::string body;
      bool whole = false;
      while (!whole) {
        const std::size_t end = buffer_.find("\r\n", at);
        if (end == std::string::npos) break;
        std::string_view one = std::string_view(buffer_).substr(at, end - at);
        at = end + 2;
        if (one == ".") {
          whole = true;
        } else {
          if (one.starts_with('.')) one.remove_prefix(1);
          body.append(one).append("\r\n");
        }
      }
      if (whole) {
        buffer_.erase(0, at);
        transaction_->octets = std::move(body);
        co_return co_await end_of_message();
      }
      const bool more = co_await read_more();
      if (!more) co_return false;
    }
  }

  env::Awaitable<bool> chunk(std::string line) {
    const auto words = split(line, ' ');
    const std::size_t size = words.size() > 1 ? std::stoul("0" + std::string(words[1])) : 0;
    const bool last = words.size() > 2 && iequals(words[2], "LAST");
    while (buffer_.size() < size) {
      const bool more = co_await read_more();
      if (!more) co_return false;
    }
    const std::string octets = buffer_.substr(0, size);
    buffer_.erase(0, size);
    if (!transaction_ || transaction_->recipients.empty()) co_return co_await say("554 5.5.1 no valid recipients");
    transaction_->octets += octets;
    if (!last) co_return co_await say(fmt::format("250 2.0.0 {} octets", size));
    co_return co_await end_of_message();
  }

  RemoteMessage* entry(std::size_t place) {
    return place < state_->forgotten ? nullptr : &state_->taken[place - state_->forgotten];
  }

  // The ledger: it was taken when the host said so, or broke off when it had decided to.
  env::Awaitable<bool> end_of_message() {
    RemoteMessage message = std::move(*transaction_);
    transaction_.reset();
    message.when = state_->node->clock().now();
    if (state_->options.lmtp) co_return co_await end_for_each(std::move(message));
    message.answered = false;
    const std::size_t place = state_->forgotten + state_->taken.size();
    state_->taken.push_back(std::move(message));
    const bool go_on = co_await answer(RemoteStage::end, "", "250 2.0.0 taken");
    // Others may have entered theirs behind it meanwhile: it is marked, not taken out.
    if (RemoteMessage* entered = entry(place)) {
      entered->answered = ok_ && !lost_;
      if (!ok_) entered->recipients.clear();
      if (entered->answered) last_taken_ = place;
    }
    co_return go_on;
  }

  // LMTP: the behaviour is asked for each recipient [rfc2033 4.2].
  env::Awaitable<bool> end_for_each(RemoteMessage message) {
    const auto recipients = std::exchange(message.recipients, {});
    bool go_on = true;
    for (const auto& recipient : recipients) {
      go_on = co_await answer(RemoteStage::end, recipient, "250 2.0.0 taken");
      if (ok_ && !lost_) message.recipients.push_back(recipient);
      if (!go_on) break;
    }
    state_->taken.push_back(std::move(message));
    co_return go_on;
  }

  std::shared_ptr<RemoteMta::State> state_;
  env::StreamPtr stream_;
  std::string buffer_;
  std::optional<RemoteMessage> transaction_;
  bool tls_ = false;
  bool dsn_ = false;
  bool ok_ = false;
  std::optional<std::size_t> last_taken_;  // whose 250 was the last reply
  bool lost_ = false;                      // the last reply may not have come through
};

RemoteMta::RemoteMta(std::shared_ptr<Node> node, RemoteOptions options, Behaviour behaviour)
    : state_(std::make_shared<State>()) {
  state_->node = node;
  state_->options = std::move(options);
  state_->behaviour = std::move(behaviour);
  if (!state_->options.certificate.empty()) {
    env::TlsServerFiles files;
    files.certificate = state_->options.certificate;
    state_->tls = *node->network().load_tls(files);
  }
  auto serve = [](std::shared_ptr<State> state, env::Listener* listener) -> env::Awaitable<void> {
    for (;;) {
      auto stream = co_await listener->accept(state->node->executor());
      if (!stream) co_return;
      auto session = [](std::shared_ptr<State> of, env::StreamPtr with) -> env::Awaitable<void> {
        RemoteSession one(std::move(of), std::move(with));
        co_await one.run();
      };
      state->node->spawn(session(state, std::move(*stream)));
    }
  };
  for (const std::string& address : node->addresses()) {
    const env::Endpoint here{address, 25};
    auto listener = node->network().listen(here, {}, node->executor());
    state_->listeners.push_back(std::move(*listener));
    node->spawn(serve(state_, state_->listeners.back().get()));
  }
}

RemoteMta::~RemoteMta() = default;
void RemoteMta::behave(Behaviour behaviour) {
  state_->behaviour = std::move(behaviour);
}
const std::vector<RemoteMessage>& RemoteMta::taken() const {
  return state_->taken;
}
void RemoteMta::forget() {
  state_->forgotten += state_->taken.size();
  std::vector<RemoteMessage>().swap(state_->taken);
}
const RemoteMta::Counts& RemoteMta::counts() const {
  return state_->counts;
}
const std::vector<std::string>& RemoteMta::complaints() const {
  return state_->complaints;
}

RemoteMta::Behaviour always(RemoteStage stage, std::string reply, RemoteStep::Then then) {
  return [=](RemoteStage at, std::string_view, Prng&) -> std::optional<RemoteStep> {
    if (at != stage) return std::nullopt;
    return RemoteStep{.reply = reply, .delay = {}, .then = then};
  };
}

RemoteMta::Behaviour moody(double trouble) {
  return [trouble](RemoteStage stage, std::string_view, Prng& random) -> std::optional<RemoteStep> {
    if (!random.chance(trouble)) return std::nullopt;
    static const std::map<RemoteStage, std::vector<std::string>> replies = {
        {RemoteStage::greeting, {"421 4.3.2 too many connections", "554 5.7.1 no service for you", "421 try later"}},
        {RemoteStage::ehlo, {"421 4.3.2 closing", "451 4.3.0 try later", "550 5.7.1 bad name"}},
        {RemoteStage::starttls, {"454 4.7.0 TLS not available", "421 4.3.2 closing"}},
        {RemoteStage::mail, {"451 4.3.0 try later", "452 4.3.1 no space", "421 4.4.2 closing", "450 4.7.1 rate limit"}},
        {RemoteStage::rcpt,
         {"450 4.2.1 mailbox busy", "451 4.7.1 Greylisted, try again", "452 4.2.2 mailbox full", "421 4.3.2 closing"}},
        {RemoteStage::data, {"451 4.3.0 try later", "421 4.3.2 closing", "452 4.3.1 no space"}},
        {RemoteStage::end, {"451 4.3.0 try later", "452 4.3.1 no space", "421 4.3.2 closing"}},
        {RemoteStage::rset, {"421 4.3.2 closing", "451 no"}},
        {RemoteStage::quit, {"421 4.3.2 closing", ""}},
    };
    const auto& of_stage = replies.at(stage);
    RemoteStep step{.reply = of_stage[random.below(of_stage.size())]};
    if (step.reply.starts_with("421")) step.then = RemoteStep::Then::close;
    switch (random.below(12)) {
      case 0:
        step.then = RemoteStep::Then::close;
        break;
      case 1:
        step.then = RemoteStep::Then::reset;
        break;
      case 2:
        step.reply.clear(), step.then = RemoteStep::Then::close;
        break;
      case 3:
        step.reply.clear(), step.then = RemoteStep::Then::reset;
        break;
      case 4:
        step.reply.clear(), step.then = RemoteStep::Then::silence;
        break;
      case 5:
        step.then = RemoteStep::Then::garbage;
        break;
      case 6:
        step.then = RemoteStep::Then::endless;
        break;
      case 7:
        step.delay = seconds(random.below(400));
        break;
      case 8:
        step.reply = "450-4.2.0 two codes\r\n550 5.1.1 in one reply";
        break;
      case 9:
        // It was taken, and the client never hears of it.
        if (stage == RemoteStage::end)
          step = {.reply = "250 2.0.0 taken", .delay = {}, .then = RemoteStep::Then::reset};
        break;
      default:
        break;
    }
    return step;
  };
}

}  // namespace postil::test
