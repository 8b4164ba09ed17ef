// The dialogues with a whole server on real sockets: TCP on 127.0.0.1, a Unix socket where the job is local, OpenSSL.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <cstring>
#include <future>
#include <thread>

#include "app/machine.hpp"
#include "support/certificates.hpp"
#include "support/faulty_disk.hpp"
#include "support/whole_server.hpp"

using namespace postil;
using namespace postil::test;
namespace asio = boost::asio;

namespace {

struct Events : event::Sink {
  void emit(const event::Event&) override {}
};

// A server with its threads.
class Server {
 public:
  Server(const Dialogue& dialogue, const CertificateFiles& files, const std::string& socket) : socket_(socket) {
    ::unlink(socket.c_str());
    app::Ports ports{machine_.clock, machine_.timers, machine_.entropy, machine_.network,
                     resolver_,      spool_,          history_,         events_};
    app_ =
        std::make_unique<app::App>(ports, machine_.executors(),
                                   configuration_for(dialogue, {"127.0.0.1", 0}, files.certificate, files.key, socket),
                                   extras_for_dialogues(accounts_));
    main_ = std::thread([this] { machine_.main().run(); });
    const auto started = wait(app_->start());
    if (!started) fault_ = dialogue.name + ": the server does not start: " + started.error().text_key;
  }
  void stop() {
    auto whole = [](app::App& app) -> env::Awaitable<bool> {
      co_await app.stop(seconds(10));
      co_return true;
    };
    wait(whole(*app_));
    guard_.reset();
    machine_.main().stop();
    main_.join();
    machine_.stop_threads();
  }

  template <class T>
  T wait(env::Awaitable<T> what) {
    return asio::co_spawn(machine_.main(), std::move(what), asio::use_future).get();
  }
  env::Endpoint address() const {
    for (const auto& [plan, at] : app_->listening()) {
      if (plan.at.local() == !socket_.empty()) return at;
    }
    return {};
  }
  app::App& app() { return *app_; }
  const std::string& fault() const { return fault_; }
  // Nothing of the main executor runs, and so nothing is accepted, until the call comes back.
  template <class Call>
  void while_not_accepting(Call call) {
    std::promise<void> held, release;
    asio::post(machine_.main(), [&] {
      held.set_value();
      release.get_future().wait();
    });
    held.get_future().wait();
    call();
    release.set_value();
  }

 private:
  app::Machine machine_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_{machine_.main().get_executor()};
  FaultyDisk spool_, history_;
  Events events_;
  DialogueAccounts accounts_;
  DialogueResolver resolver_;
  std::unique_ptr<app::App> app_;
  std::thread main_;
  std::string socket_;
  std::string fault_;
};

class Peer : public DialoguePeer {
 public:
  Peer(Server& server, const env::Endpoint& to) : server_(server) {
    fd_ = to.local() ? connect_unix(to.address) : connect_tcp(to);
    closed_ = fd_ < 0;
    if (fd_ >= 0) ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~Peer() override { hang_up(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void send(std::string_view octets) override {
    // A server that ends in the middle leaves its last replies to be read.
    while (!octets.empty() && fd_ >= 0 && !write_ended_) {
      const long n = ssl_
                         ? SSL_write(ssl_, octets.data(), static_cast<int>(std::min<std::size_t>(octets.size(), 16384)))
                         : ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (n > 0) {
        octets.remove_prefix(static_cast<std::size_t>(n));
      } else if (ssl_ ? SSL_get_error(ssl_, static_cast<int>(n)) != SSL_ERROR_WANT_WRITE : errno != EAGAIN) {
        write_ended_ = true;
      } else {
        read_some(10);  // it may be waiting for its replies to be read
      }
    }
  }
  std::optional<std::string> read_line() override {
    for (int waited = 0;;) {
      const auto end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end + 2);
        buffer_.erase(0, end + 2);
        return line;
      }
      if (closed_ || waited >= patience_ms_) return std::nullopt;
      if (!read_some(50)) waited += 50;
    }
  }
  bool closed() override { return closed_ && buffer_.empty(); }
  bool start_tls() override {
    static SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    for (int tries = 0; tries < 500; ++tries) {
      const int done = SSL_connect(ssl_);
      if (done == 1) return true;
      const int error = SSL_get_error(ssl_, done);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
      wait_for(static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 20);
    }
    return false;
  }
  void hang_up() override {
    if (ssl_) {
      SSL_shutdown(ssl_);
      SSL_free(ssl_);
      ssl_ = nullptr;
    }
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    closed_ = true;
  }
  std::optional<std::vector<std::string>> accepted() override {
    return server_.wait(stored_messages(server_.app().store()));
  }
  // For a step that wants silence: a short time must do.
  void set_patience(int milliseconds) { patience_ms_ = milliseconds; }

 private:
  static int connect_tcp(const env::Endpoint& to) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(to.port);
    ::inet_pton(AF_INET, to.address.c_str(), &at.sin_addr);
    return connected(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  static int connect_unix(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    return connected(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  static int connected(int fd, const sockaddr* at, socklen_t length) {
    if (::connect(fd, at, length) == 0) return fd;
    ::close(fd);
    return -1;
  }
  void wait_for(short what, int milliseconds) const {
    pollfd one{fd_, what, 0};
    ::poll(&one, 1, milliseconds);
  }
  bool read_some(int milliseconds) {
    char octets[16384];
    if (fd_ < 0) return false;
    if (!ssl_ || SSL_pending(ssl_) == 0) wait_for(POLLIN, milliseconds);
    const long n = ssl_ ? SSL_read(ssl_, octets, sizeof octets) : ::recv(fd_, octets, sizeof octets, 0);
    if (n > 0) {
      buffer_.append(octets, static_cast<std::size_t>(n));
      return true;
    }
    const bool again =
        ssl_ ? SSL_get_error(ssl_, static_cast<int>(n)) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN;
    if (!again) closed_ = true;
    return false;
  }

  Server& server_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::string buffer_;
  bool closed_ = false;
  bool write_ended_ = false;
  int patience_ms_ = 5000;
};

bool is(const Dialogue& dialogue, const char* key, const char* value) {
  const auto found = dialogue.settings.find(key);
  return found != dialogue.settings.end() && found->second == value;
}

bool has(const Dialogue& dialogue, StepKind kind) {
  return std::ranges::any_of(dialogue.steps, [&](const auto& step) { return step.kind == kind; });
}

std::string run(const Dialogue& dialogue, const TemporaryFolder& folder, const CertificateFiles& files,
                Sending sending) {
  // What still waits in a stopped server's executors points into it: servers are kept to the end of the program.
  static std::vector<std::unique_ptr<Server>> servers;
  const bool local = is(dialogue, "job", "local");
  servers.push_back(std::make_unique<Server>(dialogue, files, local ? folder.file("submit") : ""));
  Server& server = *servers.back();
  std::string fault = server.fault();
  std::unique_ptr<Peer> peer;
  if (fault.empty()) {
    const auto begin = [&] {
      peer = std::make_unique<Peer>(server, server.address());
      if (is(dialogue, "early", "yes")) peer->send("EHLO early.example\r\n");
    };
    if (is(dialogue, "early", "yes")) {
      server.while_not_accepting(begin);
    } else {
      begin();
    }
    if (has(dialogue, StepKind::silent)) peer->set_patience(500);
    if (is(dialogue, "implicit_tls", "yes") && !peer->start_tls()) fault = dialogue.name + ": no TLS";
  }
  if (fault.empty()) fault = run_dialogue(dialogue, *peer, sending);
  if (peer) peer->hang_up();
  server.stop();
  if (fault.empty() && server.app().registry().sessions() != 0) fault = dialogue.name + ": the session did not end";
  return fault;
}

}  // namespace

int main(int count, char** arguments) {
  const TemporaryFolder folder;
  const CertificateAuthority authority(folder);
  const CertificateFiles files = authority.make("mx", {{"mx.example.org"}, {}});
  return run_corpus(count, arguments, true, [&](const Dialogue& dialogue) {
    std::string fault = run(dialogue, folder, files, Sending::lockstep);
    if (!fault.empty() || is(dialogue, "early", "yes")) return fault;
    fault = run(dialogue, folder, files, Sending::pipelined);
    return fault.empty() ? fault : fault + " (pipelined)";
  });
}
