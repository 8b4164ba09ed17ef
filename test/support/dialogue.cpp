#include "support/dialogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "reply/code.hpp"

namespace postil::test {
namespace {

using Error = std::unexpected<std::string>;

std::string_view first_word(std::string_view& text) {
  text = trim(text);
  const auto space = text.find(' ');
  const auto word = text.substr(0, space);
  text.remove_prefix(word.size());
  text = trim(text);
  return word;
}

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_enhanced(std::string_view word) {
  return word == "-" || reply::parse_enhanced_code(word).has_value();
}

// "250 2.1.0 /text/ !/other/"
std::expected<void, std::string> read_expectation(std::string_view text, DialogueStep& step) {
  step.code = first_word(text);
  if (step.code.size() < 3) return Error("a code is wanted");
  std::string_view rest = text;
  const auto word = first_word(rest);
  if (is_enhanced(word)) {
    step.enhanced = word;
    text = rest;
  }
  while (!text.empty()) {
    const bool negated = text.front() == '!';
    if (negated) text.remove_prefix(1);
    if (!text.starts_with('/')) return Error("patterns stand between slashes");
    const auto end = text.find('/', 1);
    if (end == std::string_view::npos) return Error("a pattern has no end");
    (negated ? step.absent : step.patterns).emplace_back(text.substr(1, end - 1));
    text = trim(text.substr(end + 1));
  }
  return {};
}

std::expected<DialogueStep, std::string> read_step(std::string_view keyword, std::string_view text) {
  DialogueStep step;
  if (keyword == "C:") {
    step.kind = StepKind::send;
    step.text = std::string(text) + "\r\n";
  } else if (keyword == "C~" || keyword == "C*") {
    step.kind = StepKind::send;
    if (keyword == "C*") {
      const auto count = number(first_word(text));
      if (!count) return Error("a number is wanted");
      step.count = *count;
    }
    auto octets = unescape(text);
    if (!octets) return Error(octets.error());
    step.text = std::move(*octets);
  } else if (keyword == "S:" || keyword == "S*") {
    step.kind = StepKind::expect;
    if (keyword == "S*") {
      const auto count = number(first_word(text));
      if (!count) return Error("a number is wanted");
      step.count = *count;
    }
    if (auto read = read_expectation(text, step); !read) return Error(read.error());
  } else if (keyword == "M:" || keyword == "M!") {
    step.kind = StepKind::message;
    step.negated = keyword == "M!";
    auto octets = unescape(text);
    if (!octets) return Error(octets.error());
    step.text = std::move(*octets);
  } else if (keyword == "WAIT" || keyword == "ACCEPTED") {
    step.kind = keyword == "WAIT" ? StepKind::wait : StepKind::accepted;
    const auto count = number(text);
    if (!count) return Error("a number is wanted");
    step.count = *count;
  } else if (keyword == "TLS") {
    step.kind = StepKind::tls;
  } else if (keyword == "CLOSED") {
    step.kind = StepKind::closed;
  } else if (keyword == "SILENT") {
    step.kind = StepKind::silent;
  } else if (keyword == "HANGUP") {
    step.kind = StepKind::hang_up;
  } else {
    return Error(fmt::format("\"{}\" is no step", keyword));
  }
  return step;
}

bool code_fits(std::string_view wanted, std::string_view code) {
  for (const auto each : split(wanted, '|')) {
    bool fits = each.size() == code.size();
    for (std::size_t i = 0; fits && i < each.size(); ++i) fits = each[i] == '.' || each[i] == code[i];
    if (fits) return true;
  }
  return false;
}

bool holds(const std::vector<std::string>& lines, std::string_view text) {
  const auto wanted = to_lower(text);
  return std::ranges::any_of(lines, [&](const auto& line) { return to_lower(line).find(wanted) != line.npos; });
}

// What stands where the enhanced code would: none where there is none.
std::string enhanced_of(std::string_view line) {
  if (line.size() < 5) return {};
  const auto code = reply::leading_enhanced_code(trim(line.substr(4, line.size() - 6)));
  return code ? reply::to_string(*code) : std::string();
}

// "... text (7Q3K-9F2M-4T8XB)\r\n"
bool has_receipt(std::string_view line) {
  const auto open = line.rfind(" (");
  if (open == std::string_view::npos || !line.ends_with(")\r\n")) return false;
  return parse_receipt_id(line.substr(open + 2, line.size() - open - 5)).has_value();
}

std::string check_reply(const DialogueStep& step, const std::vector<std::string>& lines) {
  std::string shown;
  for (const auto& line : lines) shown += line;
  if (auto fault = reply_fault(lines); !fault.empty()) return fmt::format("{}: {}", fault, shown);
  if (!code_fits(step.code, lines.front().substr(0, 3))) return fmt::format("{} wanted, came {}", step.code, shown);
  const auto enhanced = enhanced_of(lines.back());
  if (step.enhanced == "-" ? !enhanced.empty() : !step.enhanced.empty() && enhanced != step.enhanced) {
    return fmt::format("enhanced code {} wanted, came {}", step.enhanced, shown);
  }
  for (const auto& pattern : step.patterns) {
    if (!holds(lines, pattern)) return fmt::format("/{}/ is not in {}", pattern, shown);
  }
  for (const auto& pattern : step.absent) {
    if (holds(lines, pattern)) return fmt::format("/{}/ must not be in {}", pattern, shown);
  }
  return {};
}

std::string expect(const DialogueStep& step, DialoguePeer& peer) {
  for (std::size_t i = 0; i < step.count; ++i) {
    std::vector<std::string> lines;
    do {
      auto line = peer.read_line();
      if (!line) return fmt::format("{} wanted, no reply came{}", step.code, peer.closed() ? ", closed" : "");
      lines.push_back(std::move(*line));
    } while (lines.back().size() > 3 && lines.back()[3] == '-' && lines.size() < 1000);
    if (auto fault = check_reply(step, lines); !fault.empty()) return fault;
  }
  return {};
}

std::string check_accepted(const DialogueStep& step, DialoguePeer& peer) {
  const auto accepted = peer.accepted();
  if (!accepted) return {};
  if (step.kind == StepKind::accepted) {
    return accepted->size() == step.count ? "" : fmt::format("{} messages were accepted", accepted->size());
  }
  if (accepted->empty()) return "no message was accepted";
  const bool found = accepted->back().find(step.text) != std::string::npos;
  if (found != step.negated) return {};
  return fmt::format("the message {} it: {}", found ? "has" : "lacks", printable(accepted->back(), 2000));
}

std::string run_step(const DialogueStep& step, DialoguePeer& peer) {
  switch (step.kind) {
    case StepKind::send: {
      std::string octets;
      for (std::size_t i = 0; i < step.count; ++i) octets += step.text;
      peer.send(octets);
      return {};
    }
    case StepKind::expect:
      return expect(step, peer);
    case StepKind::tls:
      return peer.start_tls() ? "" : "no TLS handshake is possible here";
    case StepKind::closed: {
      if (auto line = peer.read_line()) return "the end was wanted, came " + *line;
      return peer.closed() ? "" : "the connection is open still";
    }
    case StepKind::silent: {
      if (auto line = peer.read_line()) return "silence was wanted, came " + *line;
      return peer.closed() ? "the connection is closed" : "";
    }
    case StepKind::hang_up:
      peer.hang_up();
      return {};
    case StepKind::wait:
      peer.wait_seconds(step.count);
      return {};
    case StepKind::accepted:
    case StepKind::message:
      return check_accepted(step, peer);
  }
  return {};
}

}  // namespace

std::expected<std::string, std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return Error("a backslash at the end");
    switch (text[i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case '\\':
        out += '\\';
        break;
      case 's':
        out += ' ';
        break;
      case 'x': {
        unsigned value = 0;
        if (i + 2 >= text.size()) return Error("two hexadecimal digits belong behind \\x");
        const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
        if (error != std::errc() || end != text.data() + i + 3) return Error("no hexadecimal digits behind \\x");
        out += static_cast<char>(value);
        i += 2;
        break;
      }
      default:
        return Error(fmt::format("\\{} is no escape", text[i]));
    }
  }
  return out;
}

std::expected<Dialogue, std::string> parse_dialogue(std::string_view name, std::string_view text) {
  Dialogue dialogue;
  dialogue.name = name;
  int line_number = 0;
  for (auto line : split(text, '\n')) {
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto space = line.find(' ');
    const auto keyword = line.substr(0, space);
    const auto rest = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (keyword == "SETTINGS") {
      for (const auto pair : split(rest, ' ')) {
        const auto equals = pair.find('=');
        if (pair.empty()) continue;
        if (equals == std::string_view::npos) return Error(fmt::format("line {}: key=value is wanted", line_number));
        dialogue.settings[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
      }
      continue;
    }
    auto step = read_step(keyword, rest);
    if (!step) return Error(fmt::format("line {}: {}", line_number, step.error()));
    step->line = line_number;
    dialogue.steps.push_back(std::move(*step));
  }
  return dialogue;
}

std::string run_dialogue(const Dialogue& dialogue, DialoguePeer& peer, Sending sending, std::size_t steps_max) {
  const auto& steps = dialogue.steps;
  std::size_t sent_to = 0;  // sends before this one are done
  for (std::size_t i = 0; i < std::min(steps.size(), steps_max); ++i) {
    if (sending == Sending::pipelined && steps[i].kind == StepKind::send) {
      if (i < sent_to) continue;
      std::string octets;
      for (sent_to = i; sent_to < steps.size(); ++sent_to) {
        const auto& step = steps[sent_to];
        if (step.kind != StepKind::send && step.kind != StepKind::expect) break;
        if (step.kind != StepKind::send) continue;
        for (std::size_t n = 0; n < step.count; ++n) octets += step.text;
      }
      peer.send(octets);
      continue;
    }
    if (auto fault = run_step(steps[i], peer); !fault.empty()) {
      return fmt::format("{}:{}: {}", dialogue.name, steps[i].line, fault);
    }
  }
  return {};
}

std::string reply_fault(const std::vector<std::string>& lines) {
  const bool login = lines.front().starts_with("334");
  std::string_view code;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (!line.ends_with("\r\n")) return "no CRLF";
    if (line.size() > 512 && !login) return "a line over 512 octets";
    line.remove_suffix(2);
    if (has_8bit(line) || std::ranges::any_of(line, is_control)) return "octets that no reply may hold";
    if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2])) return "no code";
    if (i > 0 && line.substr(0, 3) != code) return "two codes";
    code = line.substr(0, 3);
    const char mark = line.size() > 3 ? line[3] : ' ';
    if (mark != (i + 1 < lines.size() ? '-' : ' ')) return "the wrong mark behind the code";
    const auto enhanced = enhanced_of(lines[i]);
    if (!enhanced.empty() && enhanced[0] != code[0]) return "the enhanced code is of another class";
  }
  // What a host that takes no mail says must cost nothing.
  const bool refused = (code[0] == '4' || code[0] == '5') && code != "521";
  if (refused && std::ranges::none_of(lines, has_receipt)) return "a refusal without a receipt";
  return {};
}

}  // namespace postil::test
