#include "check/dialogue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::check {

using diagnose::Break;
using reply::RemoteReply;

void Dialogue::note(char who, std::string text) {
  if (to_.transcript.size() < transcript_lines_max) to_.transcript.push_back({who, printable(text, 400)});
}

void Dialogue::fail(std::string stage, const env::NetFailure& failure) {
  to_.broken = Break{std::move(stage), std::string(env::to_string(failure.error)), printable(failure.detail, 300)};
  if (stream_) stream_->close();
}

env::Awaitable<bool> Dialogue::connect(Duration patience) {
  const MonoTime deadline = std::min(deadline_, clock_.now() + patience);
  const env::Endpoint at{to_.address, to_.port};
  auto stream = co_await network_.connect(at, "", deadline);
  if (!stream) {
    fail("connect", stream.error());
    co_return false;
  }
  stream_ = std::move(*stream);
  co_return true;
}

env::Awaitable<std::optional<RemoteReply>> Dialogue::read_reply(std::string stage) {
  if (broken()) co_return std::nullopt;
  const MonoTime deadline = until();
  parser_ = {};
  parser_.keep({.lines = 60, .line_octets = 600});
  for (;;) {
    if (!pending_.empty()) {
      const auto fed = parser_.feed(pending_);
      pending_.erase(0, fed.consumed);
      if (fed.status == smtp::ReplyParser::Status::done) break;
      if (fed.status != smtp::ReplyParser::Status::more) {
        const bool malformed = fed.status == smtp::ReplyParser::Status::malformed;
        to_.broken = Break{std::move(stage), malformed ? "malformed" : "too_long", parser_.detail()};
        note('S', parser_.detail());
        stream_->close();
        co_return std::nullopt;
      }
    }
    const auto octets = co_await stream_->read(deadline);
    if (!octets) {
      fail(std::move(stage), octets.error());
      co_return std::nullopt;
    }
    pending_.append(*octets);
  }
  RemoteReply reply = parser_.take();
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    const bool challenge = reply.code == 334;
    note('S',
         fmt::format("{}{}{}", reply.code, i + 1 < reply.lines.size() ? '-' : ' ', challenge ? "***" : reply.lines[i]));
  }
  if (reply.lines.empty()) note('S', fmt::to_string(reply.code));
  co_return reply;
}

env::Awaitable<std::optional<RemoteReply>> Dialogue::command(std::string line, std::string stage, std::string shown) {
  if (broken()) co_return std::nullopt;
  note('C', shown.empty() ? line : shown);
  line += "\r\n";
  const auto written = co_await stream_->write(line, until());
  // What the server said before it closed may still be there, and says more than the broken write.
  if (!written && written.error().error == env::NetError::timed_out) {
    fail(std::move(stage), written.error());
    co_return std::nullopt;
  }
  co_return co_await read_reply(std::move(stage));
}

env::Awaitable<bool> Dialogue::start_tls(env::TlsClientRequest request) {
  if (broken()) co_return false;
  pending_.clear();  // [rfc3207 4.2]
  auto facts = co_await stream_->tls_connect(std::move(request), until());
  if (!facts) {
    note('*', facts.error().detail);
    fail("tls", facts.error());
    co_return false;
  }
  note('*', fmt::format("{} {}", facts->version, facts->cipher));
  to_.tls = diagnose::SeenTls{facts->version, facts->cipher, facts->chain, facts->verify_error};
  tls_ = std::move(*facts);
  co_return true;
}

env::Awaitable<void> Dialogue::quit() {
  if (broken()) co_return;
  const std::string line = "QUIT\r\n";
  note('C', "QUIT");
  const MonoTime soon = std::min(deadline_, clock_.now() + seconds(2));
  const auto written = co_await stream_->write(line, soon);
  if (written) {
    // Its 221 is waited for, so that a host that logs broken conversations has nothing to tell.
    const auto octets = co_await stream_->read(soon);
    if (octets) note('S', std::string(octets->substr(0, octets->find('\r'))));
  }
  stream_->close();
}

}  // namespace postil::check
