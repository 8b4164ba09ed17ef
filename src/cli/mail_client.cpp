#include "cli/mail_client.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/bytes.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/network.hpp"
#include "smtp/reply_parser.hpp"

namespace postil::cli {
namespace {

using knowledge::Stage;

Stage stage_of(std::string_view line) {
  struct Verb {
    std::string_view name;
    Stage stage;
  };
  constexpr Verb verbs[] = {{"EHLO", Stage::ehlo}, {"HELO", Stage::ehlo}, {"STARTTLS", Stage::starttls},
                            {"AUTH", Stage::auth}, {"MAIL", Stage::mail}, {"RCPT", Stage::rcpt},
                            {"DATA", Stage::data}, {"QUIT", Stage::quit}};
  for (const auto& verb : verbs) {
    if (istarts_with(line, verb.name)) return verb.stage;
  }
  return Stage::any;
}

// Numeric addresses of a host, in the system's order; the error is the resolver's word for it.
std::expected<std::vector<env::Endpoint>, std::string> addresses_of(const std::string& host, std::uint16_t port) {
  if (host.starts_with('/')) return std::vector<env::Endpoint>{{host, 0}};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return std::unexpected(std::string(::gai_strerror(error)));
  std::vector<env::Endpoint> out;
  for (const auto* item = list; item != nullptr; item = item->ai_next) {
    char text[64] = {};
    if (::getnameinfo(item->ai_addr, item->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    if (std::ranges::find(out, std::string(text), &env::Endpoint::address) == out.end()) out.push_back({text, port});
  }
  ::freeaddrinfo(list);
  return out;
}

class Client {
 public:
  explicit Client(MailTask task) : task_(std::move(task)), session_(task_.settings, entropy_.word()) {}
  env::Awaitable<void> run();
  MailResult take() { return std::move(result_); }

 private:
  env::Awaitable<bool> connect();
  env::Awaitable<void> drive();
  env::Awaitable<void> read(smtp::ClientRead reading);
  env::Awaitable<bool> shake_hands(MonoTime deadline);
  env::Awaitable<void> leave();
  void idle();
  void give_body(const smtp::NeedBody& wanted);
  void note(char who, std::string text);
  void note_output(std::string_view output, bool secret);
  void note_input(std::string_view octets);
  bool stops_before(std::string_view output) const;
  MonoTime now() const { return clock_.now(); }

  MailTask task_;
  env_asio::SystemClock clock_;
  env_asio::SystemEntropy entropy_;
  env_asio::AsioNetwork network_;
  smtp::ClientSession session_;
  env::StreamPtr stream_;
  smtp::ClientAction action_;
  smtp::ReplyParser parser_;
  Stage stage_ = Stage::connect;  // what the next reply answers
  std::string command_;
  bool in_message_ = false;
  bool after_tls_ = false;
  bool over_ = false;
  std::string host_name_;
  MailResult result_;
};

void Client::note(char who, std::string text) {
  result_.dialogue.push_back({who, std::move(text)});
  if (task_.listen) task_.listen(result_.dialogue.back());
}

void Client::note_output(std::string_view output, bool secret) {
  if (in_message_) {
    stage_ = Stage::message;
    command_ = ".";
    return;
  }
  while (!output.empty()) {
    const auto end = std::min(output.find("\r\n"), output.size());
    const std::string_view line = output.substr(0, end);
    output.remove_prefix(std::min(end + 2, output.size()));
    std::string shown = printable(line, 1000);
    if (secret) {
      const auto mechanism = line.find(' ') + 1;
      const bool first = istarts_with(line, "AUTH ");
      shown = first ? printable(line.substr(0, line.find(' ', mechanism)), 60) : std::string();
      if (!first || line.find(' ', mechanism) != std::string_view::npos) shown += first ? " ***" : "***";
    }
    const Stage stage = stage_of(line);
    if (stage != Stage::any) {
      stage_ = stage;
      command_ = shown;
    } else if (!secret) {
      stage_ = Stage::any;
      command_ = shown;
    }
    note('C', std::move(shown));
  }
}

void Client::note_input(std::string_view octets) {
  while (!octets.empty()) {
    const auto fed = parser_.feed(octets);
    octets.remove_prefix(fed.consumed);
    if (fed.status == smtp::ReplyParser::Status::malformed || fed.status == smtp::ReplyParser::Status::too_long) {
      note('S', parser_.detail());
      return;
    }
    if (fed.status != smtp::ReplyParser::Status::done) return;
    reply::RemoteReply reply = parser_.take();
    for (std::size_t i = 0; i < reply.lines.size(); ++i) {
      const bool challenge = reply.code == 334;
      note('S', fmt::format("{}{}{}", reply.code, i + 1 < reply.lines.size() ? '-' : ' ',
                            challenge ? "***" : reply.lines[i]));
    }
    if (reply.lines.empty()) note('S', fmt::to_string(reply.code));
    if (reply.code == 334) continue;
    if (stage_ == Stage::connect && !reply.lines.empty()) {
      host_name_ = reply.lines.front().substr(0, reply.lines.front().find(' '));
    }
    result_.replies.push_back({stage_, command_, std::move(reply)});
  }
}

// The order of a session, for --stop-after; EHLO after TLS belongs to STARTTLS.
bool Client::stops_before(std::string_view output) const {
  if (task_.stop_after == StopAfter::nothing || in_message_) return false;
  switch (stage_of(output)) {
    case Stage::ehlo:
      return task_.stop_after < (after_tls_ ? StopAfter::starttls : StopAfter::ehlo);
    case Stage::starttls:
      return task_.stop_after < StopAfter::starttls;
    case Stage::auth:
      return task_.stop_after < StopAfter::auth;
    case Stage::mail:
      return task_.stop_after < StopAfter::mail;
    case Stage::rcpt:
      return task_.stop_after < StopAfter::rcpt;
    case Stage::data:
      return task_.stop_after < StopAfter::data;
    default:
      return false;
  }
}

env::Awaitable<bool> Client::connect() {
  std::expected<std::vector<env::Endpoint>, std::string> found;
  for (const auto& address : task_.addresses) found->push_back({address, task_.port});
  if (task_.addresses.empty()) found = addresses_of(task_.host, task_.port);
  if (!found) {
    result_.detail = found.error();
    co_return false;
  }
  result_.reached = MailResult::Reached::no_server;
  for (const auto& at : *found) {
    result_.address = env::to_string(at);
    auto stream = co_await network_.connect(at, "", now() + task_.connect_timeout);
    if (stream) {
      stream_ = std::move(*stream);
      result_.reached = MailResult::Reached::server;
      co_return true;
    }
    const auto& failure = stream.error();
    result_.detail = failure.detail.empty() ? std::string(env::to_string(failure.error)) : failure.detail;
    if (failure.error == env::NetError::permission) result_.reached = MailResult::Reached::no_right;
  }
  co_return false;
}

env::Awaitable<bool> Client::shake_hands(MonoTime deadline) {
  env::TlsClientRequest request{task_.verify_name.empty() ? task_.host : task_.verify_name, task_.verify,
                                task_.ca_file};
  auto facts = co_await stream_->tls_connect(std::move(request), deadline);
  after_tls_ = stage_ == Stage::starttls;
  parser_ = {};
  if (!facts) {
    note('*', printable(facts.error().detail, 400));
    action_ = session_.tls_failed(facts.error().detail, now());
    co_return false;
  }
  result_.tls = *facts;
  note('*', fmt::format("{} {}", facts->version, facts->cipher));
  action_ = session_.tls_done(*facts, now());
  co_return true;
}

env::Awaitable<void> Client::read(smtp::ClientRead reading) {
  if (!reading.output.empty()) {
    if (stops_before(reading.output)) {
      co_await leave();
      co_return;
    }
    note_output(reading.output, reading.secret);
    const auto written = co_await stream_->write(reading.output, reading.deadline);
    // What the server said before it closed may still be there, and says more than the broken write.
    if (!written) reading.deadline = std::min(reading.deadline, now() + seconds(2));
  }
  const auto octets = co_await stream_->read(reading.deadline);
  if (octets) {
    note_input(*octets);
    // After the 354 the next octets would be the message.
    if (task_.stop_after == StopAfter::data && stage_ == Stage::data && !result_.replies.empty() &&
        result_.replies.back().reply.code == 354) {
      result_.stopped = true;
      over_ = true;
      stream_->close();
      co_return;
    }
    action_ = session_.bytes(*octets, now());
  } else if (octets.error().error == env::NetError::timed_out) {
    action_ = session_.timed_out(now());
  } else {
    const auto& failure = octets.error();
    action_ =
        session_.failed(failure.detail.empty() ? std::string(env::to_string(failure.error)) : failure.detail, now());
  }
}

// QUIT where the session itself would go on.
env::Awaitable<void> Client::leave() {
  result_.stopped = true;
  over_ = true;
  note_output("QUIT\r\n", false);
  const auto written = co_await stream_->write("QUIT\r\n", now() + seconds(5));
  if (written) {
    const auto octets = co_await stream_->read(now() + seconds(5));
    if (octets) note_input(*octets);
  }
  stream_->close();
}

void Client::give_body(const smtp::NeedBody& wanted) {
  if (!in_message_) {
    in_message_ = true;
    note('*', fmt::format("({} octets)", task_.message.size()));
  }
  const std::string_view all = task_.message;
  const auto from = std::min<std::size_t>(wanted.offset, all.size());
  const auto part = all.substr(from, wanted.octets_max);
  action_ = session_.body(part, from + part.size() == all.size(), now());
}

void Client::idle() {
  if (result_.result || task_.stop_after < StopAfter::mail) {
    result_.stopped = !result_.result;
    action_ = session_.quit(now());
    return;
  }
  if (task_.ready) task_.ready(task_, host_name_);
  task_.transaction.size_octets = task_.message.size();
  action_ = session_.send(task_.transaction, now());
}

env::Awaitable<void> Client::drive() {
  while (!over_) {
    if (auto* reading = std::get_if<smtp::ClientRead>(&action_)) {
      co_await read(std::move(*reading));
    } else if (const auto* writing = std::get_if<smtp::ClientWrite>(&action_)) {
      const std::string output = writing->output;
      note_output(output, false);
      const auto written = co_await stream_->write(output, writing->deadline);
      if (written) {
        action_ = session_.written(now());
      } else if (written.error().error == env::NetError::timed_out) {
        action_ = session_.timed_out(now());
      } else {
        action_ = session_.failed(env::to_string(written.error().error), now());
      }
    } else if (const auto* start = std::get_if<smtp::ClientStartTls>(&action_)) {
      co_await shake_hands(start->deadline);
    } else if (const auto* hash = std::get_if<smtp::ClientHash>(&action_)) {
      hash->work();
      action_ = session_.hashed(now());
    } else if (const auto* wanted = std::get_if<smtp::NeedBody>(&action_)) {
      give_body(*wanted);
    } else if (std::holds_alternative<smtp::Idle>(action_)) {
      idle();
    } else if (std::holds_alternative<smtp::Finished>(action_)) {
      in_message_ = false;
      result_.result = session_.take_result();
      action_ = session_.resume(now());
    } else {
      auto& close = std::get<smtp::ClientClose>(action_);
      if (session_.transaction_open()) result_.result = session_.take_result();
      if (!close.output.empty()) {
        note_output(close.output, false);
        co_await stream_->write(close.output, now() + seconds(2));
      }
      if (!result_.result && !result_.stopped) result_.end = std::move(close.why);
      stream_->close();
      over_ = true;
    }
  }
}

env::Awaitable<void> Client::run() {
  const bool connected = co_await connect();
  if (!connected) co_return;
  action_ = session_.start(now());
  co_await drive();
}

}  // namespace

const GivenReply* MailResult::last(knowledge::Stage stage) const {
  const auto found = std::ranges::find(replies.rbegin(), replies.rend(), stage, &GivenReply::stage);
  return found == replies.rend() ? nullptr : &*found;
}

MailResult send_mail(MailTask task) {
  boost::asio::io_context io(1);
  Client client(std::move(task));
  boost::asio::co_spawn(io, client.run(), boost::asio::detached);
  io.run();
  return client.take();
}

}  // namespace postil::cli
