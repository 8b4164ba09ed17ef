// Small servers for the commands' tests: blocking sockets on threads of their own.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace postil::cli::test {

// Accepts one connection after the other and gives each to `serve`, until it goes.
class Server {
 public:
  // path: of a Unix socket; "" = a port on 127.0.0.1.
  Server(const std::string& path, std::function<void(int)> serve) : serve_(std::move(serve)) {
    if (path.empty()) {
      listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      good_ = ::bind(listening_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
      socklen_t length = sizeof at;
      ::getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &length);
      port_ = ntohs(at.sin_port);
    } else {
      listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un at{};
      at.sun_family = AF_UNIX;
      std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
      good_ = ::bind(listening_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    }
    good_ = good_ && ::listen(listening_, 16) == 0;
    thread_ = std::thread([this] {
      for (;;) {
        const int fd = ::accept(listening_, nullptr, nullptr);
        if (fd < 0) return;
        serve_(fd);
        ::close(fd);
      }
    });
  }
  ~Server() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  bool good() const { return good_; }
  std::uint16_t port() const { return port_; }

 private:
  std::function<void(int)> serve_;
  int listening_ = -1;
  bool good_ = false;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

inline void say(int fd, std::string_view text) {
  (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

// Without the line's end; false at the end of the stream.
inline bool read_line(int fd, std::string& line) {
  line.clear();
  char c = 0;
  while (::read(fd, &c, 1) == 1) {
    if (c == '\n') {
      if (line.ends_with('\r')) line.pop_back();
      return true;
    }
    line += c;
  }
  return false;
}

// An SMTP server that answers by the beginnings of commands; "" answers the greeting, "." the message's end.
class SmtpServer {
 public:
  struct Rule {
    std::string start, reply;
  };
  using Replies = std::vector<Rule>;
  explicit SmtpServer(Replies replies, const std::string& path = {})
      : replies_(std::move(replies)), server_(path, [this](int fd) { serve(fd); }) {}
  std::string at() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::string message() {
    const std::lock_guard lock(mutex_);
    return message_;
  }
  bool saw(std::string_view start) {
    for (const auto& line : lines()) {
      if (line.starts_with(start)) return true;
    }
    return false;
  }

 private:
  std::string reply(std::string_view to) const {
    for (const auto& [start, text] : replies_) {
      if (start.empty() ? to.empty() : to.starts_with(start)) return text;
    }
    if (to.empty()) return "220 mx.test ESMTP";
    if (to.starts_with("EHLO")) return "250-mx.test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES";
    if (to.starts_with("DATA")) return "354 go on";
    if (to.starts_with("QUIT")) return "221 2.0.0 bye";
    return "250 2.0.0 OK";
  }
  void serve(int fd) {
    say(fd, reply("") + "\r\n");
    std::string line;
    while (read_line(fd, line)) {
      {
        const std::lock_guard lock(mutex_);
        lines_.push_back(line);
      }
      const std::string answer = reply(line);
      say(fd, answer + "\r\n");
      if (line.starts_with("QUIT")) return;
      if (!line.starts_with("DATA") || !answer.starts_with("354")) continue;
      std::string message;
      while (read_line(fd, line) && line != ".") message += (line.starts_with(".") ? line.substr(1) : line) + "\n";
      {
        const std::lock_guard lock(mutex_);
        message_ = message;
      }
      say(fd, reply(".") + "\r\n");
    }
  }

  Replies replies_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::string message_;
  Server server_;
};

// A control socket that answers calls by a function.
class ControlServer {
 public:
  using Answer = std::function<boost::json::object(const boost::json::object&)>;
  ControlServer(const std::string& path, Answer answer)
      : answer_(std::move(answer)), server_(path, [this](int fd) {
          std::string line;
          while (read_line(fd, line)) {
            const auto request = boost::json::parse(line).as_object();
            {
              const std::lock_guard lock(mutex_);
              requests_.push_back(request);
            }
            say(fd, boost::json::serialize(answer_(request)) + "\n");
          }
        }) {}
  std::vector<boost::json::object> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  Answer answer_;
  std::mutex mutex_;
  std::vector<boost::json::object> requests_;
  Server server_;
};

}  // namespace postil::cli::test
