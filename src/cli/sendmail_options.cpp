// The options of sendmail, as programs use them.
#include <string_view>

#include "base/bytes.hpp"
#include "cli/sendmail.hpp"

namespace postil::cli {
namespace {

// Options with a value, attached or as the next word; those of other mail servers too, so that their callers work.
constexpr std::string_view with_value = "ABCFLNOpRrfVXbeho";
constexpr std::string_view without_value = "GIUcimnstvx";

bool set_mode(SendmailOptions& options, std::string_view value) {
  using Mode = SendmailOptions::Mode;
  if (value == "m") {
    options.mode = Mode::deliver;
  } else if (value == "s") {
    options.mode = Mode::smtp;
  } else if (value == "p") {
    options.mode = Mode::queue;
  } else if (value == "i") {
    options.mode = Mode::aliases;
  } else {
    return false;
  }
  return true;
}

bool set_notify(SendmailOptions& options, std::string_view value) {
  constexpr std::uint8_t never = 1, success = 2, failure = 4, delay = 8;
  std::uint8_t bits = 0;
  for (const auto word : split(value, ',')) {
    const auto bit = iequals(word, "never")     ? never
                     : iequals(word, "success") ? success
                     : iequals(word, "failure") ? failure
                     : iequals(word, "delay")   ? delay
                                                : std::uint8_t{0};
    if (bit == 0) return false;
    bits |= bit;
  }
  options.notify = bits;
  return bits == never || (bits & never) == 0;
}

bool set(SendmailOptions& options, char letter, std::string_view value) {
  switch (letter) {
    case 'f':
    case 'r':
      options.sender = value == "<>" ? std::string() : std::string(value);
      return true;
    case 'F':
      options.full_name = value;
      return true;
    case 'C':
      options.config = value;
      return true;
    case 'V':
      options.envelope_id = value;
      return value.size() <= 100;
    case 'R':
      options.ret = value;
      return iequals(value, "hdrs") || iequals(value, "full");
    case 'N':
      return set_notify(options, value);
    case 'b':
      return set_mode(options, value);
    case 'o':
      if (value.starts_with('i')) options.ignore_dots = true;
      return true;
    default:
      return true;  // -A, -B, -L, -O, -X, -e, -h, -p: nothing that changes what is sent
  }
}

}  // namespace

std::expected<SendmailOptions, std::string> parse_sendmail(const std::vector<std::string>& arguments) {
  SendmailOptions options;
  bool queue_run = false;
  std::size_t i = 0;
  for (; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    // The first word that is no option ends them: a recipient that looks like an option is none.
    if (word.size() < 2 || word[0] != '-') break;
    if (word == "--") {
      ++i;
      break;
    }
    if (word == "--json") {
      options.json = true;
      continue;
    }
    word.remove_prefix(1);
    if (word[0] == 'q') {  // the server needs none; what asks for nothing else has nothing to send
      queue_run = true;
      continue;
    }
    while (!word.empty()) {
      const char letter = word[0];
      word.remove_prefix(1);
      if (with_value.find(letter) != std::string_view::npos) {
        if (word.empty()) {
          if (i + 1 >= arguments.size()) return std::unexpected(arguments[i]);
          word = arguments[++i];
        }
        if (!set(options, letter, word)) return std::unexpected("-" + std::string(1, letter) + std::string(word));
        word = {};
      } else if (without_value.find(letter) != std::string_view::npos) {
        options.from_header |= letter == 't';
        options.ignore_dots |= letter == 'i';
        options.verbose |= letter == 'v';
      } else {
        return std::unexpected(arguments[i]);
      }
    }
  }
  options.recipients.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
  const bool sends = options.from_header || !options.recipients.empty();
  if (queue_run && !sends && options.mode == SendmailOptions::Mode::deliver) {
    options.mode = SendmailOptions::Mode::queue_run;
  }
  return options;
}

}  // namespace postil::cli
