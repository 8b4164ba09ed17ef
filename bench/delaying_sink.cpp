// links: env
// A next hop that is far away: takes every message at once, and answers so late that one exchange takes the round trip
// time that is given. It says how many messages a second came between the first tenth and the last.
//   delaying_sink PORT ROUND_TRIP_MS MESSAGES [CONNECTIONS_MAX]
// Offers PIPELINING, CHUNKING and 8BITMIME. Ends after MESSAGES messages; with CONNECTIONS_MAX it answers 421 to more.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

struct Sink {
  asio::io_context io{1};
  std::chrono::milliseconds round_trip{50};
  std::uint64_t wanted = 0, taken = 0;
  std::size_t connections_max = 0, open = 0, most = 0, refused = 0;
  std::uint64_t from = 0, to = 0;  // what is timed
  Clock::time_point began, ended;

  void took() {
    ++taken;
    if (taken == from) began = Clock::now();
    if (taken == to) ended = Clock::now();
    if (taken == wanted) io.stop();
  }
};

// What the client says, as it comes; gives what is to be answered.
class Dialogue {
 public:
  explicit Dialogue(Sink& sink) : sink_(sink) {}
  bool over() const { return over_; }

  std::string take(std::string_view octets) {
    in_ += octets;
    std::string out;
    while (!over_ && step(out)) {
    }
    return out;
  }

 private:
  bool step(std::string& out) {
    if (chunk_ > 0 || chunk_last_) {
      const std::size_t part = std::min<std::uint64_t>(chunk_, in_.size());
      in_.erase(0, part);
      chunk_ -= part;
      if (chunk_ > 0) return false;
      if (!std::exchange(chunk_last_, false)) return true;
      out += "250 2.0.0 taken\r\n";
      sink_.took();
      return true;
    }
    if (in_data_) {
      const auto end = in_.find("\r\n.\r\n");
      if (end == std::string::npos) {
        if (in_.size() > 4) in_.erase(0, in_.size() - 4);
        return false;
      }
      in_.erase(0, end + 5);
      in_data_ = false;
      out += "250 2.0.0 taken\r\n";
      sink_.took();
      return true;
    }
    const auto end = in_.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = in_.substr(0, end);
    in_.erase(0, end + 2);
    command(line, out);
    return true;
  }

  void command(const std::string& line, std::string& out) {
    if (line.starts_with("EHLO")) {
      out +=
          "250-sink.invalid\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 "
          "SIZE\r\n";
    } else if (line.starts_with("BDAT ")) {
      chunk_ = std::strtoull(line.c_str() + 5, nullptr, 10);
      chunk_last_ = line.ends_with("LAST");
      if (!chunk_last_) out += "250 2.0.0 more\r\n";
    } else if (line == "DATA") {
      in_data_ = true;
      in_.insert(0, "\r\n");  // so that an empty message ends too
      out += "354 go\r\n";
    } else if (line == "QUIT") {
      out += "221 2.0.0 bye\r\n";
      over_ = true;
    } else {
      out += "250 2.0.0 ok\r\n";
    }
  }

  Sink& sink_;
  std::string in_;
  std::uint64_t chunk_ = 0;
  bool chunk_last_ = false, in_data_ = false, over_ = false;
};

struct Session {
  Session(Sink& s, tcp::socket peer) : sink(s), socket(std::move(peer)), timer(s.io), dialogue(s) { ++sink.open; }
  ~Session() { --sink.open; }

  struct Answer {
    Clock::time_point when;
    std::string text;
  };
  Sink& sink;
  tcp::socket socket;
  asio::steady_timer timer;
  Dialogue dialogue;
  std::deque<Answer> answers;
  bool writing = false, closing = false;

  void say(std::string text) { answers.push_back({Clock::now() + sink.round_trip, std::move(text)}); }
};

// Each answer at its own time.
asio::awaitable<void> answer(std::shared_ptr<Session> session) {
  session->writing = true;
  boost::system::error_code error;
  while (!session->answers.empty() && !error) {
    session->timer.expires_at(session->answers.front().when);
    co_await session->timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    const std::string text = std::move(session->answers.front().text);
    session->answers.pop_front();
    co_await asio::async_write(session->socket, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
  }
  session->writing = false;
  if (session->closing || error) session->socket.close(error);
}

asio::awaitable<void> serve(std::shared_ptr<Session> session) {
  Sink& sink = session->sink;
  sink.most = std::max(sink.most, sink.open);
  const bool refuse = sink.connections_max > 0 && sink.open > sink.connections_max;
  sink.refused += refuse;
  session->say(refuse ? "421 4.3.2 too many connections\r\n" : "220 sink.invalid ESMTP\r\n");
  session->closing = refuse;
  asio::co_spawn(sink.io, answer(session), asio::detached);
  std::string buffer(65536, '\0');
  boost::system::error_code error;
  while (!session->closing) {
    const std::size_t got = co_await session->socket.async_read_some(asio::buffer(buffer),
                                                                     asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    std::string said = session->dialogue.take(std::string_view(buffer).substr(0, got));
    session->closing = session->dialogue.over();
    if (said.empty()) continue;
    session->say(std::move(said));
    if (!session->writing) asio::co_spawn(sink.io, answer(session), asio::detached);
  }
}

asio::awaitable<void> listen(Sink& sink, tcp::acceptor& acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(sink.io, serve(std::make_shared<Session>(sink, std::move(socket))), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("delaying_sink PORT ROUND_TRIP_MS MESSAGES [CONNECTIONS_MAX]\n", stderr);
    return 64;
  }
  Sink sink;
  sink.round_trip = std::chrono::milliseconds(std::strtoul(argv[2], nullptr, 10));
  sink.wanted = std::max<std::uint64_t>(std::strtoull(argv[3], nullptr, 10), 20);
  if (argc > 4) sink.connections_max = std::strtoul(argv[4], nullptr, 10);
  sink.from = sink.wanted / 5;
  sink.to = sink.wanted - sink.wanted / 10;
  tcp::acceptor acceptor(
      sink.io, {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10))});
  asio::co_spawn(sink.io, listen(sink, acceptor), asio::detached);
  sink.io.run();
  const double took = std::chrono::duration<double>(sink.ended - sink.began).count();
  std::printf("{\"messages\": %llu, \"per_second\": %.1f, \"connections_most\": %zu, \"refused\": %zu}\n",
              static_cast<unsigned long long>(sink.taken), static_cast<double>(sink.to - sink.from) / took, sink.most,
              sink.refused);
  std::fflush(stdout);
  std::_Exit(0);  // sessions hold on to what is on this stack
}
