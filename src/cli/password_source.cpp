#include "cli/password_source.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <istream>
#include <optional>

#include "crypto/digest.hpp"
#include "env_asio/entropy.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t line_octets_max = 4096;
constexpr char control_c = 3;

std::optional<std::string> first_line(std::istream& in) {
  std::string line;
  char c = 0;
  bool any = false;
  while (in.get(c)) {
    any = true;
    if (c == '\n' || line.size() == line_octets_max) break;
    line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  return any ? std::optional(line) : std::nullopt;
}

// A terminal that does not show what is typed, until it goes out of scope.
class QuietTerminal {
 public:
  QuietTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) return;
    termios quiet = before_;
    // Without signals: Ctrl-C ends the line instead of the program, which would leave the terminal without echo.
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL | ISIG);
    quiet.c_cc[VEOL] = control_c;
    good_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  ~QuietTerminal() {
    if (good_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  bool good() const { return good_; }

  // Nothing at the end of the input or after Ctrl-C.
  std::optional<std::string> ask(const std::string& prompt) {
    say(prompt);
    std::string line;
    char c = 0;
    ssize_t n = 0;
    while ((n = ::read(fd_, &c, 1)) == 1 && c != '\n' && c != control_c && line.size() < line_octets_max) line += c;
    say("\n");
    if (n != 1 || c == control_c) return std::nullopt;
    return line;
  }

 private:
  void say(const std::string& text) { (void)!::write(fd_, text.data(), text.size()); }
  int fd_;
  termios before_{};
  bool good_ = false;
};

std::expected<GivenPassword, PasswordFailure> ask_terminal(const std::string& prompt, const std::string& again) {
  QuietTerminal terminal;
  if (!terminal.good()) return std::unexpected(PasswordFailure::none_given);
  auto first = terminal.ask(prompt);
  if (!first) return std::unexpected(PasswordFailure::cancelled);
  if (again.empty()) return GivenPassword{std::move(*first), false};
  auto second = terminal.ask(again);
  if (!second) return std::unexpected(PasswordFailure::cancelled);
  const bool same = *first == *second;
  crypto::wipe(*second);
  if (!same) return std::unexpected(PasswordFailure::not_the_same);
  return GivenPassword{std::move(*first), false};
}

}  // namespace

std::string make_password() {
  constexpr std::string_view letters = "23456789abcdefghjkmnpqrstuvwxyzA";  // 32
  std::array<std::uint8_t, 20> random{};
  env_asio::SystemEntropy().fill(random);
  std::string password;
  for (std::size_t i = 0; i < random.size(); ++i) {
    if (i > 0 && i % 5 == 0) password += '-';
    password += letters[random[i] % letters.size()];
  }
  return password;
}

std::expected<GivenPassword, PasswordFailure> get_password(const PasswordOptions& options, std::istream& in,
                                                           const std::string& prompt, const std::string& again) {
  const int sources = (options.file.empty() ? 0 : 1) + (options.input ? 1 : 0) + (options.made ? 1 : 0);
  if (sources > 1) return std::unexpected(PasswordFailure::several_sources);
  if (options.made) return GivenPassword{make_password(), true};
  if (!options.file.empty()) {
    std::ifstream file(options.file, std::ios::binary);
    auto line = first_line(file);
    if (!line) return std::unexpected(PasswordFailure::file_unreadable);
    return GivenPassword{std::move(*line), false};
  }
  if (options.input) {
    auto line = first_line(in);
    if (!line) return std::unexpected(PasswordFailure::none_given);
    return GivenPassword{std::move(*line), false};
  }
  // Empty is what a script has that found none.
  const char* given = std::getenv("POSTIL_PASSWORD");
  if (given != nullptr && *given != '\0') return GivenPassword{given, false};
  if (::isatty(STDIN_FILENO) != 1) return std::unexpected(PasswordFailure::none_given);
  return ask_terminal(prompt, again);
}

}  // namespace postil::cli
