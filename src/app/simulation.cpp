#include "app/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "address/ip.hpp"
#include "app/file_accounts.hpp"
#include "app/help.hpp"
#include "app/machine.hpp"
#include "app/no_store.hpp"
#include "app/rate_limits.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/timers.hpp"
#include "server/acceptor.hpp"
#include "server/answers.hpp"
#include "server/refusal_rule.hpp"

namespace postil::app {
namespace {

namespace asio = boost::asio;

constexpr std::string_view nobodys_address = "192.0.2.1";  // [rfc5737]

struct Silence : event::Sink {
  void emit(const event::Event&) override {}
};

struct NoIntake : server::Intake {
  void arrived(queue::Envelope) override {}
  env::Awaitable<std::uint64_t> leave_later(std::string) override { co_return 0; }
};

// Has room for mail that never comes: the dialogue ends before DATA.
struct RoomyStore : NoStore {
  std::optional<env::StoreError> refuses_mail() const override { return {}; }
};

// Gives no answer, which lets mail pass, and remembers what it was asked.
struct NoDns : env::Resolver {
  env::Awaitable<dns::Answer> query(std::string name, dns::Type, MonoTime) override {
    ++questions;
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    dns::Answer answer;
    answer.status = dns::Status::timed_out;
    co_return answer;
  }
  std::vector<std::string> names;
  std::size_t questions = 0;
};

// Passes questions on, and remembers those that had no answer.
struct WatchedDns : env::Resolver {
  explicit WatchedDns(env::Resolver* resolver) : asked(resolver) {}
  env::Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime deadline) override {
    dns::Answer answer = co_await asked->query(name, type, deadline);
    if (!answer.definite() && std::ranges::find(silent, name) == silent.end()) silent.push_back(std::move(name));
    co_return answer;
  }
  env::Resolver* asked;
  std::vector<std::string> silent;
};

class Random : public smtp::SessionRandom {
 public:
  explicit Random(env::Entropy& entropy) : entropy_(entropy) {}
  ReceiptId receipt() override { return make_receipt_id(entropy_.word()); }
  std::string nonce() override { return fmt::format("{:016x}{:016x}", entropy_.word(), entropy_.word()); }

 private:
  env::Entropy& entropy_;
};

// An account counts when it exists: how it proves its password is not what is asked here.
class TrustedAccounts : public server::AccountSource {
 public:
  explicit TrustedAccounts(server::AccountSource& accounts) : accounts_(accounts) {}
  Found lookup(const std::string& user) override {
    Found found = accounts_.lookup(user);
    known_ = found.available && found.credentials.exists;
    if (known_) {
      found.credentials.password_hash = "taken for right";
      found.credentials.mechanisms_off.clear();
    }
    return found;
  }
  bool may_send_as(std::string_view login, std::string_view address) override {
    return accounts_.may_send_as(login, address);
  }
  std::string language(std::string_view login) override { return accounts_.language(login); }
  bool known() const { return known_; }

 private:
  server::AccountSource& accounts_;
  bool known_ = false;
};

std::string_view job_name(smtp::Job job) {
  switch (job) {
    case smtp::Job::submission:
      return "submission";
    case smtp::Job::relay:
      return "relay";
    case smtp::Job::null_host:
      return "null";
    case smtp::Job::inbound:
    case smtp::Job::local:
      break;
  }
  return "";
}

StartFailure failure(std::string_view word, i18n::Args args, int exit_code) {
  return {fmt::format("simulate.error.{}", word), std::move(args), exit_code};
}

// Which listener such a client would come to.
std::expected<ListenerPlan, StartFailure> choose(const config::Config& config, const SimulatedDialogue& dialogue) {
  std::vector<ListenerPlan> plans;
  for (auto& plan : listeners(config)) {
    if (!job_name(plan.job).empty()) plans.push_back(std::move(plan));
  }
  std::string job = dialogue.job;
  if (job.empty() && dialogue.port == 0) {
    const bool submits = config.has_job("submission"), relays = config.has_job("relay");
    const bool submission = submits && (!dialogue.auth.empty() || !relays);
    job = submission ? "submission" : relays ? "relay" : "null";
  }
  if (!job.empty()) {
    std::erase_if(plans, [&](const ListenerPlan& plan) { return job_name(plan.job) != job; });
    if (plans.empty()) return std::unexpected(failure("no_job", {{"job", job}}, 78));
  }
  if (dialogue.port != 0) {
    std::erase_if(plans, [&](const ListenerPlan& plan) { return plan.at.port != dialogue.port; });
    if (plans.empty()) return std::unexpected(failure("no_port", {{"port", fmt::to_string(dialogue.port)}}, 78));
  }
  if (dialogue.tls == false) {
    std::erase_if(plans, [](const ListenerPlan& plan) { return plan.implicit_tls; });
    if (plans.empty()) return std::unexpected(failure("only_tls", {}, 78));
  }
  return plans.front();
}

// Of one simulation; everything runs on the one io_context.
class Run {
 public:
  Run(const config::Config& config, const SimulatedDialogue& dialogue, ListenerPlan plan, env::Resolver* resolver,
      server::AccountSource& accounts)
      : config_(config),
        dialogue_(dialogue),
        dns_(resolver),
        accounts_(accounts),
        random_(entropy_),
        history_({}, disk_, io_.get_executor(), clock_),
        limits_(config.limits, entropy_.word()),
        services_{clock_,
                  timers_,
                  entropy_,
                  resolver ? static_cast<env::Resolver&>(dns_) : no_dns_,
                  store_,
                  silence_,
                  history_,
                  limits_,
                  intake_,
                  &accounts_,
                  io_.get_executor(),
                  nullptr,
                  64,
                  [this](WallTime now) { return ids_.make(now); }} {
    out_.listener = std::move(plan);
  }

  Simulated run() {
    asio::co_spawn(io_, talk(), [](std::exception_ptr failed) {
      if (failed) std::rethrow_exception(failed);
    });
    io_.run();
    out_.unasked = no_dns_.names;
    out_.unanswered = dns_.silent;
    return std::move(out_);
  }

 private:
  std::shared_ptr<server::ListenerState> state() const;
  bool uses_tls(const smtp::ServerSettings& settings) const;
  env::Awaitable<void> talk();
  env::Awaitable<void> settle(std::string shown, smtp::Action action);
  env::Awaitable<bool> say(std::string line, std::string shown);
  env::Awaitable<bool> open(const smtp::ServerSettings& settings);
  env::Awaitable<void> envelope();
  void told(std::string shown, const std::string& wire, std::size_t questions_before);
  void refused_at_once(const reply::Reply& reply);
  void decided_by(SimulatedStep& step, std::string rule) const;

  const config::Config& config_;
  const SimulatedDialogue& dialogue_;
  asio::io_context io_{1};
  env_asio::SystemClock clock_;
  env_asio::AsioTimers timers_;
  env_asio::SystemEntropy entropy_;
  Silence silence_;
  NoDns no_dns_;
  WatchedDns dns_;
  RoomyStore store_;
  NoDisk disk_;
  NoIntake intake_;
  MessageIdMaker ids_{0};
  TrustedAccounts accounts_;
  Random random_;
  history::History history_;
  RateLimits limits_;
  server::Services services_;
  std::unique_ptr<server::Answers> answers_;
  std::unique_ptr<smtp::ServerSession> session_;
  bool handshake_ = false;  // the session waits for TLS
  bool over_ = false;
  Simulated out_;
};

std::shared_ptr<server::ListenerState> Run::state() const {
  auto settings = *session_settings(config_, out_.listener, !config_.tls.certificate.empty(), help_lines);
  // The password is not asked for: any mechanism that is on the list would do, and this one says it in one line.
  if (!settings.mechanisms.empty()) settings.mechanisms.emplace_back("PLAIN");
  bool looping = false;
  for (const auto& plan : listeners(config_)) {
    looping = looping || (!plan.at.local() && plan.at.port == config_.deliver.port);
  }
  auto out = std::make_shared<server::ListenerState>();
  out->settings = std::make_shared<const smtp::ServerSettings>(std::move(settings));
  out->policy = policy(config_, looping ? own_addresses() : std::vector<std::string>());
  if (out_.listener.job == smtp::Job::relay) out->networks = config_.relay.networks;
  return out;
}

// A client that submits uses TLS wherever it is offered; one that is asked to uses it in any case.
bool Run::uses_tls(const smtp::ServerSettings& settings) const {
  if (out_.listener.implicit_tls) return true;
  return dialogue_.tls.value_or(settings.starttls && settings.job == smtp::Job::submission);
}

void Run::decided_by(SimulatedStep& step, std::string rule) const {
  if (rule == "job" && config_.place(rule) == "default") rule = "jobs";
  step.rule = rule;
  if (rule.empty()) return;
  step.place = config_.place(rule);
  if (const auto* key = config::find_key(rule)) step.setting = key->shown(config_);
}

// The reply to one command.
void Run::told(std::string shown, const std::string& wire, std::size_t questions_before) {
  SimulatedStep step;
  step.command = std::move(shown);
  step.dns = no_dns_.questions > questions_before;
  session_->take_events();
  std::string text = wire;
  for (auto& refusal : session_->take_refusals()) {
    step.key = reply::entry(refusal.reply.text).key;
    decided_by(step, refusal.reply.rule.empty() ? std::string(server::rule_of(refusal.reply)) : refusal.reply.rule);
    refusal.reply.receipt.reset();  // it leads nowhere
    text = reply::to_wire(refusal.reply);
  }
  for (const auto line : split(text, '\n')) {
    const auto bare = line.substr(0, line.find('\r'));
    if (!bare.empty()) step.lines.emplace_back(bare);
  }
  POSTIL_ASSERT(!step.lines.empty());
  const std::string& last = step.lines.back();
  for (const char c : last.substr(0, 3)) step.code = static_cast<reply::Code>(step.code * 10 + (c - '0'));
  const auto words = split(last, ' ');
  if (words.size() > 1 && reply::parse_enhanced_code(words[1])) step.status = std::string(words[1]);
  if (step.code == 521 && step.key.empty()) decided_by(step, "job");
  out_.steps.push_back(std::move(step));
}

void Run::refused_at_once(const reply::Reply& reply) {
  SimulatedStep step;
  step.key = reply::entry(reply.text).key;
  step.code = reply.code;
  step.status = reply::to_string(reply.enhanced);
  const std::string wire = reply::to_wire(reply);
  step.lines = {wire.substr(0, wire.find('\r'))};
  decided_by(step, std::string(server::rule_of(reply)));
  out_.steps.push_back(std::move(step));
}

// Answers the session's questions until it has a reply.
env::Awaitable<void> Run::settle(std::string shown, smtp::Action action) {
  const std::size_t questions = no_dns_.questions;
  while (auto* question = std::get_if<smtp::Ask>(&action)) {
    smtp::Answer answer = smtp::Continue{};
    if (std::holds_alternative<smtp::VerifyPassword>(question->question)) {
      answer = smtp::PasswordAnswer{true, accounts_.known()};
    } else {
      smtp::Answer given = co_await answers_->answer(std::move(question->question));
      answer = std::move(given);
    }
    action = session_->answer(std::move(answer), clock_.now());
  }
  std::string wire;
  if (const auto* reading = std::get_if<smtp::Read>(&action)) wire = reading->output;
  if (const auto* tls = std::get_if<smtp::StartTls>(&action)) wire = tls->output;
  handshake_ = std::holds_alternative<smtp::StartTls>(action);
  if (const auto* last = std::get_if<smtp::Close>(&action)) {
    wire = last->output;
    over_ = true;
  }
  told(std::move(shown), wire, questions);
}

// False when the dialogue ends there.
env::Awaitable<bool> Run::say(std::string line, std::string shown) {
  smtp::Action action = session_->bytes(line + "\r\n", clock_.now());
  co_await settle(std::move(shown), std::move(action));
  co_return !over_ && !out_.steps.back().refused();
}

// Up to MAIL.
env::Awaitable<bool> Run::open(const smtp::ServerSettings& settings) {
  const std::string hello =
      "EHLO " + (dialogue_.helo.empty()
                     ? address::ip_literal(dialogue_.from_ip.empty() ? nobodys_address : dialogue_.from_ip)
                     : dialogue_.helo);
  bool good = co_await say(hello, hello);
  if (!good) co_return false;
  if (out_.tls && !settings.implicit_tls) {
    good = co_await say("STARTTLS", "STARTTLS");
    if (!good || !handshake_) co_return false;
    crypto::TlsFacts facts;
    facts.version = "TLSv1.3";
    facts.cipher = "TLS_AES_256_GCM_SHA384";
    session_->tls_done(facts, clock_.now());
    good = co_await say(hello, hello);
    if (!good) co_return false;
  }
  if (dialogue_.auth.empty()) co_return true;
  std::string plain(1, '\0');
  plain += dialogue_.auth;
  plain += '\0';
  plain += "any";
  good = co_await say("AUTH PLAIN " + crypto::base64_encode(plain), "AUTH PLAIN (" + dialogue_.auth + ")");
  co_return good;
}

env::Awaitable<void> Run::envelope() {
  if (!dialogue_.mail_from && dialogue_.rcpt.empty() && !dialogue_.size_octets) co_return;
  std::string mail = fmt::format("MAIL FROM:<{}>", dialogue_.mail_from.value_or(""));
  if (has_8bit(mail) || std::ranges::any_of(dialogue_.rcpt, has_8bit)) mail += " SMTPUTF8";
  if (dialogue_.size_octets) mail += fmt::format(" SIZE={}", *dialogue_.size_octets);
  const bool good = co_await say(mail, mail);
  if (!good) co_return;
  for (const auto& recipient : dialogue_.rcpt) {
    const std::string rcpt = fmt::format("RCPT TO:<{}>", recipient);
    co_await say(rcpt, rcpt);
    if (over_) co_return;
  }
}

env::Awaitable<void> Run::talk() {
  const auto listener = state();
  const auto& settings = *listener->settings;
  const std::string address = dialogue_.from_ip.empty() ? std::string(nobodys_address) : dialogue_.from_ip;
  out_.tls = uses_tls(settings);
  if (const auto refusal = server::refuse_peer(*listener, address)) {
    refused_at_once(*refusal);
    co_return;
  }
  answers_ = std::make_unique<server::Answers>(services_, listener->policy, listener->settings, address);
  smtp::PeerFacts peer;
  peer.address = address;
  peer.local_address = out_.listener.at.address;
  peer.started = clock_.wall();
  if (settings.implicit_tls) {
    peer.tls = std::make_unique<crypto::TlsFacts>();
    peer.tls->version = "TLSv1.3";
    peer.tls->cipher = "TLS_AES_256_GCM_SHA384";
  }
  session_ = std::make_unique<smtp::ServerSession>(listener->settings, std::move(peer), random_);
  smtp::Action action = session_->start(clock_.now());
  co_await settle("", std::move(action));
  if (over_ || out_.steps.back().refused()) co_return;
  const bool opened = co_await open(settings);
  if (opened) co_await envelope();
}

}  // namespace

std::string SimulatedStep::reply() const {
  std::string out;
  for (const auto& line : lines) {
    if (out.empty()) {
      out = line;
      if (out.size() > 3 && out[3] == '-') out[3] = ' ';
    } else {
      out += ' ' + line.substr(std::min<std::size_t>(line.size(), 4));
    }
  }
  return out;
}

const SimulatedStep& Simulated::verdict() const {
  POSTIL_ASSERT(!steps.empty());
  const auto refusal = std::ranges::find_if(steps, &SimulatedStep::refused);
  return refusal == steps.end() ? steps.back() : *refusal;
}

std::expected<Simulated, StartFailure> simulate(const config::Config& config, const SimulatedDialogue& dialogue,
                                                env::Resolver* resolver, server::AccountSource* accounts) {
  auto plan = choose(config, dialogue);
  if (!plan) return std::unexpected(plan.error());
  Silence silence;
  FileAccounts file(config.submission.users, silence);
  Run run(config, dialogue, std::move(*plan), resolver, accounts ? *accounts : file);
  return run.run();
}

}  // namespace postil::app
