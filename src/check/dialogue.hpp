// A conversation with a mail host, command by command, for looking at it: every reply is kept, and what ends it.
// smtp::ClientSession carries mail and would hide what a check is about (it goes on without TLS, joins commands).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "diagnose/observations.hpp"
#include "env/clock.hpp"
#include "env/network.hpp"
#include "smtp/reply_parser.hpp"

namespace postil::check {

inline constexpr std::size_t transcript_lines_max = 200;

// Fills in a diagnose::Connection. After a break every call does nothing and gives nothing.
class Dialogue {
 public:
  // deadline: of the whole conversation. patience: of one reply.
  Dialogue(diagnose::Connection& to, env::Network& network, const env::Clock& clock, MonoTime deadline,
           Duration patience)
      : to_(to), network_(network), clock_(clock), deadline_(deadline), patience_(patience) {}

  env::Awaitable<bool> connect(Duration patience);
  // stage: for diagnose::Break. The next reply, or nothing when the conversation broke.
  env::Awaitable<std::optional<reply::RemoteReply>> read_reply(std::string stage);
  // line: without CRLF. shown: what the transcript says in its place; "" = the line itself.
  env::Awaitable<std::optional<reply::RemoteReply>> command(std::string line, std::string stage,
                                                            std::string shown = {});
  env::Awaitable<bool> start_tls(env::TlsClientRequest request);
  env::Awaitable<void> quit();

  bool broken() const { return to_.broken.has_value() || !stream_; }
  const std::optional<crypto::TlsFacts>& tls() const { return tls_; }

 private:
  void note(char who, std::string text);
  void fail(std::string stage, const env::NetFailure& failure);
  MonoTime until() const { return std::min(deadline_, clock_.now() + patience_); }

  diagnose::Connection& to_;
  env::Network& network_;
  const env::Clock& clock_;
  MonoTime deadline_;
  Duration patience_;
  env::StreamPtr stream_;
  smtp::ReplyParser parser_;
  std::string pending_;  // octets behind the last reply
  std::optional<crypto::TlsFacts> tls_;
};

}  // namespace postil::check
