// links: env_asio
// Opens many SMTP sessions to this machine, takes each through EHLO (and STARTTLS, and EHLO again), says how many are
// ready, and holds them until its standard input ends.
//   idle_sessions PORT COUNT [tls]
// OpenSSL's objects are freed at once: only the server's memory is of interest.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

class Connection {
 public:
  explicit Connection(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    good_ = fd_ >= 0 && ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  // The socket stays open until the program ends.
  ~Connection() {
    if (ssl_) {
      SSL_set_quiet_shutdown(ssl_, 1);
      SSL_free(ssl_);
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool greet() { return good_ && expect("220"); }
  bool say(std::string_view line, std::string_view reply) {
    const auto length = static_cast<int>(line.size());
    const auto sent =
        ssl_ ? SSL_write(ssl_, line.data(), length) : static_cast<int>(::write(fd_, line.data(), line.size()));
    return sent == length && expect(reply);
  }
  bool start_tls(SSL_CTX* context) {
    ssl_ = SSL_new(context);
    return ssl_ && SSL_set_fd(ssl_, fd_) == 1 && SSL_connect(ssl_) == 1;
  }

 private:
  // Reads to the end of the last line of a reply.
  bool expect(std::string_view code) {
    std::string got;
    for (;;) {
      char octets[4096];
      const auto n =
          ssl_ ? SSL_read(ssl_, octets, sizeof octets) : static_cast<int>(::read(fd_, octets, sizeof octets));
      if (n <= 0) return false;
      got.append(octets, static_cast<std::size_t>(n));
      if (!got.ends_with('\n')) continue;
      const auto before = got.rfind('\n', got.size() - 2);
      const auto last = std::string_view(got).substr(before == std::string::npos ? 0 : before + 1);
      if (last.size() > 3 && last[3] == ' ') return last.starts_with(code);
    }
  }

  int fd_;
  bool good_ = false;
  SSL* ssl_ = nullptr;
};

bool open_one(int port, SSL_CTX* context) {
  Connection connection(port);
  if (!connection.greet() || !connection.say("EHLO client.invalid\r\n", "250")) return false;
  if (!context) return true;
  return connection.say("STARTTLS\r\n", "220") && connection.start_tls(context) &&
         connection.say("EHLO client.invalid\r\n", "250");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "idle_sessions PORT COUNT [tls]\n");
    return 64;
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const int port = std::atoi(argv[1]);
  const int count = std::atoi(argv[2]);
  SSL_CTX* context = argc > 3 && std::strcmp(argv[3], "tls") == 0 ? SSL_CTX_new(TLS_client_method()) : nullptr;
  int ready = 0;
  for (int i = 0; i < count; ++i) ready += open_one(port, context);
  std::printf("ready %d\n", ready);
  std::fflush(stdout);
  for (char octet; ::read(STDIN_FILENO, &octet, 1) > 0;) {
  }
  return ready == count ? 0 : 1;
}
