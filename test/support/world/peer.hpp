// A client of the world whose caller is no coroutine: each call runs the world until it is done. For tests that speak
// to a server line by line, and for the dialogues.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/dialogue.hpp"
#include "support/world/world.hpp"

namespace postil::test {

class WorldPeer : public DialoguePeer {
 public:
  WorldPeer(World& world, std::shared_ptr<Node> from, env::Endpoint to, Duration patience = seconds(20))
      : world_(world), node_(std::move(from)), patience_(patience) {
    auto connect = [](std::shared_ptr<Node> node, env::Endpoint at) -> env::Awaitable<env::NetResult<env::StreamPtr>> {
      auto stream = co_await node->network().connect(std::move(at), "", node->clock().now() + seconds(30));
      co_return stream;
    };
    auto stream = world_.run(*node_, connect(node_, std::move(to)));
    if (stream) stream_ = std::move(*stream);
    closed_ = !stream_;
  }

  void send(std::string_view octets) override {
    if (closed_) return;
    bool done = false;
    auto write = [](WorldPeer* self, std::string text, bool* end) -> env::Awaitable<void> {
      co_await self->stream_->write(text, self->node_->clock().now() + minutes(10));
      *end = true;
    };
    node_->spawn(write(this, std::string(octets), &done));
    // A server that waits for its replies to be read takes no more commands.
    while (!world_.run_until([&] { return done; }, milliseconds(200))) read_some(milliseconds(200));
  }
  std::optional<std::string> read_line() override {
    for (const MonoTime end = world_.now() + patience_;;) {
      const auto found = buffer_.find("\r\n");
      if (found != std::string::npos) {
        std::string line = buffer_.substr(0, found + 2);
        buffer_.erase(0, found + 2);
        return line;
      }
      if (closed_ || world_.now() >= end) return std::nullopt;
      read_some(end - world_.now());
    }
  }
  bool closed() override { return closed_ && buffer_.empty(); }
  // What came and makes no line, taken out.
  std::string rest() {
    while (read_line()) continue;
    return std::exchange(buffer_, {});
  }
  bool start_tls() override {
    auto handshake = [](WorldPeer* self) -> env::Awaitable<bool> {
      env::TlsClientRequest request;
      request.server_name = "mx.example.org";
      auto facts = co_await self->stream_->tls_connect(std::move(request), self->node_->clock().now() + minutes(1));
      co_return facts.has_value();
    };
    return !closed_ && world_.run(*node_, handshake(this));
  }
  void hang_up() override {
    if (stream_) stream_->close();
    closed_ = true;
    world_.run_for(seconds(1));
  }
  bool wait_seconds(std::size_t count) override {
    world_.run_for(seconds(count));
    return true;
  }
  // The connection breaks.
  void reset() {
    Internet::reset(*stream_);
    closed_ = true;
    world_.run_for(seconds(1));
  }

  // All lines of the next reply with their CRLF; "" when none comes.
  std::string reply() {
    std::string all;
    for (;;) {
      const auto line = read_line();
      if (!line) return all;
      all += *line;
      if (line->size() < 4 || (*line)[3] != '-') return all;
    }
  }
  std::string say(const std::string& line) {
    send(line + "\r\n");
    return reply();
  }

 private:
  void read_some(Duration patience) {
    auto read = [](WorldPeer* self, Duration how_long) -> env::Awaitable<bool> {
      auto octets = co_await self->stream_->read(self->node_->clock().now() + how_long);
      if (octets) {
        self->buffer_ += *octets;
      } else if (octets.error().error != env::NetError::timed_out) {
        self->closed_ = true;
      }
      co_return true;
    };
    world_.run(*node_, read(this, patience));
  }

  World& world_;
  std::shared_ptr<Node> node_;
  Duration patience_;
  env::StreamPtr stream_;
  std::string buffer_;
  bool closed_ = false;
};

}  // namespace postil::test
