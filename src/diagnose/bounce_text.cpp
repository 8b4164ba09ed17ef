#include "diagnose/bounce_text.hpp"

#include <algorithm>
#include <optional>
#include <ranges>

#include "base/bytes.hpp"
#include "diagnose/quoted_reply.hpp"
#include "diagnose/reading.hpp"
#include "diagnose/report_phrases.hpp"

namespace postil::diagnose {
namespace {

constexpr std::size_t note_octets_max = 4 * 1024;
constexpr std::size_t lines_max = 4000;

struct AddressLine {
  std::string address;
  std::string_view rest;  // behind it
  std::string_view key;   // before it
};

std::string_view trim_marks(std::string_view text) {
  while (!text.empty() && std::string_view(" \t*-\"'<>:[(.|").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\"'<>*").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

// A line that begins with an address, or ends with one behind a colon.
std::optional<AddressLine> address_line(std::string_view line) {
  std::size_t begin = 0;
  std::size_t end = 0;
  AddressLine out;
  out.address = find_address(line, 0, &begin, &end);
  if (out.address.empty()) return std::nullopt;
  const auto before = trim_marks(line.substr(0, begin));
  auto rest = line.substr(end);
  const bool bracket = rest.starts_with('>') || rest.starts_with('"') || rest.starts_with('\'');
  if (bracket) rest.remove_prefix(1);
  if (rest.starts_with(">")) rest.remove_prefix(1);
  // "a@b <a@b>", "a@b <mailto:a@b>", "a@b (a@b)": said twice.
  for (int i = 0; i < 2; ++i) {
    std::size_t again_begin = 0;
    std::size_t again_end = 0;
    const auto again = find_address(rest, 0, &again_begin, &again_end);
    const auto between = trim_marks(rest.substr(0, again_begin));
    if (again.empty() || !iequals(again, out.address) || !(between.empty() || iequals(between, "mailto"))) break;
    rest = rest.substr(again_end);
    while (!rest.empty() && std::string_view(">)]").find(rest.front()) != std::string_view::npos) rest.remove_prefix(1);
  }
  if (before.empty()) {
    out.rest = trim(rest);
    while (!out.rest.empty() && (out.rest.front() == ':' || out.rest.front() == ',' || out.rest.front() == ';')) {
      out.rest = trim(out.rest.substr(1));
    }
    return out;
  }
  auto key = trim(line.substr(0, begin));
  while (!key.empty() && (key.back() == '<' || key.back() == '"' || key.back() == ' ')) key.remove_suffix(1);
  // "Alice Example<mailto:a@b>", "Alice Example (a@b)"
  if (key.ends_with("<mailto:") || key.ends_with("mailto:")) {
    out.rest = trim(rest);
    return out;
  }
  // "[Status: Error, Address: <a@b>, ResponseCode 421, , Host not reachable.]"
  if (to_lower(key).ends_with("address:") && rest.starts_with(',')) {
    out.rest = trim(rest.substr(1));
    return out;
  }
  if (key.size() > 80 || !trim_marks(rest).empty()) return std::nullopt;
  if (key.ends_with(':')) {
    out.key = trim(key.substr(0, key.size() - 1));
    while (!out.key.empty() && out.key.front() == '-') out.key.remove_prefix(1);
    return out;
  }
  if (!names_recipient(key)) return std::nullopt;
  out.key = key;
  return out;
}

bool is_local_part(std::string_view line) {
  return line.size() >= 2 && line.size() <= 64 && is_alnum(line.front()) && is_alnum(line.back()) &&
         std::ranges::all_of(line, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+'; });
}

// "550 5.1.1 <a@b>... User unknown", "<a@b>... Deferred: x", "550 host.example (smtp)... 550 Host unknown"
bool is_transcript_verdict(std::string_view line) {
  return line.find("... ") != std::string_view::npos;
}

class TextReader {
 public:
  explicit TextReader(std::string_view sender) : sender_(to_lower(sender)) {}

  ReportText read(std::string_view text) {
    out_.mta = program_named_in(text);
    const auto lines = split(text, '\n');
    for (std::size_t i = 0; i < lines.size() && i < lines_max; ++i) line(lines[i]);
    finish();
    return std::move(out_);
  }

 private:
  void line(std::string_view raw) {
    const auto line = trim(raw);
    if (line.empty()) {
      blank_ = true;
      return;
    }
    const bool indented = raw[0] == ' ' || raw[0] == '\t';
    if (goes_on_with_usual(line, indented)) return;
    margin_ = raw.find_first_not_of(" \t");
    if (says_delayed(line)) out_.delayed = true;
    if (line.ends_with(':')) named_list_ = heads_names(line);
    if (command_follows_ && stage_of_command(line) != knowledge::Stage::any) {
      shared_command_ = std::string(line.substr(0, 256));
      command_follows_ = false;
    } else if (is_rule(line)) {
      section(line);
    } else if (xmail_summary(line)) {
    } else if (transcript_ && session_line(line)) {
    } else if (line.starts_with(">>> ") || line.starts_with("<<< ")) {
      session_line(line);
    } else if (!named_recipient(line, indented) && !new_note(line, indented)) {
      other(line, indented);
    }
    before_ = line;
    blank_ = false;
  }

  // The rest of what is passed over: sendmail's "from host [address]" below when it got the message, a field's
  // parameters.
  bool goes_on_with_usual(std::string_view line, bool indented) const {
    if (blank_) return false;
    if (istarts_with(before_, "the original message was received")) return istarts_with(line, "from ");
    return indented && istarts_with(before_, "content-");
  }

  static bool says_delayed(std::string_view line) {
    const auto lower = to_lower(line);
    return has_any(lower, {"warning message only", "has been delayed", "is delayed for more", "will be retried",
                           "still being retried", "temporary failure report", "will continue to be attempted",
                           "has not yet been delivered", "keep trying", "delivery attempts will continue",
                           "will keep trying", "does not need to be resent"}) &&
           !has_any(lower, {"will not be retried", "not keep trying", "will not continue"});
  }

  // "The following recipient(s) could not be reached:"
  static bool heads_names(std::string_view line) {
    return has_any(to_lower(line), {"recipient", "empf\u00e4nger", "destinataire", "destinatario", "destinat\u00e1rio",
                                    "geadresseerde"});
  }

  // A recipient without a mail address; that of a directory may go over two lines.
  bool named_recipient(std::string_view line, bool indented) {
    if (const auto gateway = gateway_name(line); !gateway.empty()) {
      begin_note(std::string(gateway), indented);
      return true;
    }
    if (!named_list_) return false;
    // "they are not accepting mail from carol@example.org:", and below "    ann": the local part of the server's own
    // domain.
    if (indented && before_.ends_with(':') && heads_names(before_) && is_local_part(line)) {
      begin_note(std::string(line), indented);
      return true;
    }
    // "c=US;a= ;p=Org;dda:SMTP=ann(a)example.net; on" and below "2/8/99 10:11"
    const bool wrapped = !wrapped_name_.empty();
    const auto whole = wrapped ? wrapped_name_ + " " + std::string(line) : std::string(line);
    wrapped_name_.clear();
    const auto dated = dated_name(whole);
    if (!dated) {
      const bool address = is_directory_address(line) || (wrapped && line.find('=') != std::string_view::npos);
      if (address && whole.size() <= address_octets_max) wrapped_name_ = whole;
      return address;
    }
    const std::string name(dated->name);
    auto address = find_address(name);
    if (address.empty()) address = std::string(trim_marks(trim(name)));
    while (address.ends_with(';')) address.pop_back();
    if (address.empty()) return false;
    begin_note(address, indented);
    if (!dated->said.empty()) say(dated->said);
    return true;
  }

  // "   ----- Transcript of session follows -----"
  static bool is_rule(std::string_view line) { return line.size() >= 3 && line.starts_with("---"); }

  void section(std::string_view line) {
    const auto lower = to_lower(line);
    transcript_ = lower.find("transcript") != std::string::npos;
    command_follows_ = lower.find("smtp command") != std::string::npos;
    muted_ = false;
    // What follows belongs to nobody yet, or to the recipient in the rule (Exim: "------ a@b ------").
    current_ = npos;
    const auto address = find_address(line);
    for (std::size_t i = 0; !address.empty() && i < out_.notes.size(); ++i) {
      if (iequals(out_.notes[i].address, address)) current_ = i;
    }
    indented_ = false;
    command_.clear();
    replies_.clear();
  }

  // "[<00>] XMail bounce: Rcpt=[a@b];Error=[550 no such user]": all that is told below it is the same again.
  bool xmail_summary(std::string_view line) {
    static constexpr std::string_view key = "Error=[";
    const auto at = line.find(key);
    if (!line.starts_with("[<00>] XMail bounce: Rcpt=[") || at == std::string_view::npos) return false;
    auto said = trim(line.substr(at + key.size()));
    if (said.ends_with(']')) said.remove_suffix(1);
    const auto address = find_address(line.substr(0, at));
    if (address.empty() || said.empty()) return false;
    begin_note(address, false);
    say(said);
    current_ = npos;
    return true;
  }

  // Lines of an SMTP session. True when the line was one.
  bool session_line(std::string_view line) {
    if (line.starts_with(">>> ")) {
      const auto rest = trim(line.substr(4));
      // "Recipient: <a>" in brackets of the other kind is not a command: ">>> a@b <a@b>" names an address.
      if (stage_of_command(rest) == knowledge::Stage::any) {
        new_note(rest, false);
        return true;
      }
      command_ = std::string(rest.substr(0, 256));
      replies_.clear();
      if (stage_of_command(rest) == knowledge::Stage::rcpt) {
        const auto address = find_address(rest);
        if (!address.empty()) current_ = note_of(address);
      }
      return true;
    }
    if (line.starts_with("<<< ")) {
      if (stage_of_command(command_) == knowledge::Stage::quit) return true;
      if (current_ != npos && !command_.empty()) out_.notes[current_].command = command_;
      append(replies_, line.substr(4));
      const bool own = stage_of_command(command_) == knowledge::Stage::rcpt || out_.mta == "courier";
      if (own && current_ != npos) {
        // The answer to this recipient's own command says more than the program's summary. (Courier: to any command.)
        replace_when_reply(out_.notes[current_], replies_);
      } else {
        append(shared_replies_, line.substr(4));
        shared_command_ = command_;
      }
      return true;
    }
    if (istarts_with(line, "... while talking to") || istarts_with(line, "while talking to")) {
      replies_.clear();
      shared_replies_.clear();
      return true;
    }
    if (is_transcript_verdict(line)) {
      const auto address = find_address(line);
      if (!address.empty()) {
        verdict(address, line);
      } else {
        append(pending_, line);  // "550 host.example (smtp)... 550 Host unknown": the next line says for whom
      }
      return true;
    }
    return false;
  }

  // The program's own line about one address; replies of the session before it are what it is about.
  void verdict(const std::string& address, std::string_view line) {
    const auto at = note_of(address);
    auto& note = out_.notes[at];
    // The empty line parts what the other side said from what the program makes of it (find_reply stops there).
    std::string text = shared_replies_.empty() ? std::string() : shared_replies_ + "\n\n";
    if (note.text.find("... ") == std::string::npos && find_reply(note.text) && text.empty()) {
      // Its own reply came already.
    } else {
      text.append(line);
      replace_when_reply(note, text);
    }
    if (!shared_command_.empty() && note.command.empty()) note.command = shared_command_;
    shared_replies_.clear();
    shared_command_.clear();
    pending_.clear();
    current_ = at;
  }

  static void replace_when_reply(Note& note, std::string_view text) {
    const bool had = find_reply(note.text).has_value();
    if (had && !find_reply(text)) {
      append(note.text, text);
    } else {
      std::string joined(text);
      if (note.text.ends_with(':')) joined += '\n';  // a heading; find_reply stops at the empty line
      if (had || !note.text.empty()) append(joined, note.text);
      note.text = std::move(joined);
    }
  }

  // True when the line begins what is said about one address.
  bool new_note(std::string_view line, bool indented) {
    const auto found = address_line(line);
    if (!found) return false;
    if (found->key.empty()) {
      // A sentence that goes on from the line before may well begin with an address.
      const bool goes_on = !blank_ && current_ != npos && indented && !out_.notes[current_].text.empty() &&
                           iequals(out_.notes[current_].address, found->address);
      if (goes_on || goes_on_deeper()) return false;
      const bool headed =
          line.starts_with('<') || line.substr(std::min(line.size(), found->address.size())).starts_with(':');
      if (is_contact(found->address) && !found->rest.empty() && !headed) return false;
      if (goes_on_with_origin(found->rest)) return true;
      // "A message sent by <a@b>"
      if (to_lower(before_).ends_with(" sent by") || to_lower(before_).ends_with(" from")) return true;
      begin_note(found->address, indented);
      if (!found->rest.empty() && !is_report_field(found->rest)) say(found->rest);
      return true;
    }
    if (is_header_key(found->key) || has_any(to_lower(found->key), {"mail from", "envelope-from"})) return false;
    // "SMTP error from remote mail server after RCPT TO:<a@b>:" goes on about a@b.
    if (current_ != npos && !blank_ && iequals(out_.notes[current_].address, found->address)) return false;
    if (is_contact(found->address)) return false;
    // "Recipient address: a@internal", "Original address: a@b": the one that the sender knows.
    if (current_ != npos && !blank_ && out_.notes[current_].text.empty() && iequals(found->key, "original address")) {
      out_.notes[current_].address = found->address.substr(0, address_octets_max);
      return true;
    }
    begin_note(found->address, indented);
    if (find_reply(out_.common)) muted_ = true;  // what was said came first
    if (!announces_recipient(found->key)) say(found->key);
    return true;
  }

  // "host mx said: 550 5.1.1", and below, deeper than the recipient itself: "<writer@c.d>: unauthorized sender"
  bool goes_on_deeper() const {
    return !blank_ && current_ != npos && margin_ > note_margin_ && find_reply(out_.notes[current_].text).has_value();
  }

  // "<a@b> (expanded from <c@d>): said", where a line may end before <c@d>.
  bool goes_on_with_origin(std::string_view rest) {
    static constexpr std::string_view origin = "(expanded from";
    if (current_ == npos || !out_.notes[current_].text.ends_with(origin)) return false;
    auto& text = out_.notes[current_].text;
    text.erase(text.size() - origin.size());
    const auto close = rest.find(')');
    if (close != std::string_view::npos) rest.remove_prefix(close + 1);
    while (!rest.empty() && (rest.front() == ':' || rest.front() == ' ')) rest.remove_prefix(1);
    if (!rest.empty()) say(rest);
    return true;
  }

  void begin_note(const std::string& address, bool indented) {
    const auto at = note_of(address);
    // Some services say all twice, in two languages.
    muted_ = at != current_ && !out_.notes[at].text.empty();
    current_ = at;
    indented_ = indented;
    note_margin_ = margin_;
  }

  void say(std::string_view text) {
    if (!muted_) append(out_.notes[current_].text, text);
  }

  void other(std::string_view line, bool indented) {
    if (is_report_field(line)) transcript_ = false;
    if (transcript_) {
      // "Message could not be delivered for 8 hours", "maildrop: over quota"
      append(current_ == npos ? session_ : out_.notes[current_].text, line);
      return;
    }
    if ((is_usual_phrase(line) || is_header_field(line)) && !find_reply(line)) return;
    // Microsoft 365 says the code alone above its advice, and the whole reply below it.
    if (out_.mta == "exchange" && istarts_with(line, "status code:")) return;
    if (out_.mta == "exchange" && iequals(line, "error details")) {
      muted_ = false;
      if (current_ != npos) out_.notes[current_].text.clear();
      return;
    }
    footer_ = (footer_ && !blank_) || is_footer(line);
    if (footer_) return;
    if (is_report_field(line)) {
      current_ = npos;
      in_report_ = true;
      return;
    }
    in_report_ = in_report_ && (blank_ || indented);
    if (in_report_) return;
    if (current_ != npos) {
      auto& note = out_.notes[current_];
      // Behind an empty line comes something else, once there is a reply, or where the margin changes.
      if (blank_ && !note.text.empty() && !note.text.ends_with(':') &&
          (indented != indented_ || find_reply(note.text))) {
        current_ = npos;
      } else {
        if (note.text.empty() || !blank_) indented_ = indented;
        say(line);
        return;
      }
    }
    append(out_.common, line);
  }

  std::size_t note_of(const std::string& address) {
    for (std::size_t i = 0; i < out_.notes.size(); ++i) {
      if (iequals(out_.notes[i].address, address)) return i;
    }
    if (out_.notes.size() >= recipients_max) return out_.notes.size() - 1;
    out_.notes.push_back({address.substr(0, address_octets_max), {}, {}, false});
    return out_.notes.size() - 1;
  }

  static void append(std::string& to, std::string_view text) {
    if (to.size() + text.size() > note_octets_max) return;
    if (!to.empty()) to += '\n';
    to += text;
  }

  void finish() {
    append(session_, pending_);
    append(session_, shared_replies_);
    auto& notes = out_.notes;
    // The sender is named in many reports; only the one who writes to himself is a recipient.
    if (notes.size() > 1) {
      std::erase_if(notes, [&](const Note& note) {
        return note.text.empty() && !sender_.empty() && iequals(note.address, sender_);
      });
    }
    const auto cause = without_exit_phrases(session_);
    for (auto& note : notes) {
      if (!cause.empty() && !note.text.empty() && without_exit_phrases(note.text).empty()) note.text = cause;
    }
    // "a@b, c@d: mailbox full": what is said behind several addresses is about all of them.
    std::string_view following;
    for (auto& note : std::views::reverse(notes)) {
      if (!note.text.empty()) {
        following = note.text;
      } else if (!session_.empty()) {
        note.text = session_;
        if (!shared_command_.empty()) note.command = shared_command_;
      } else if (!following.empty()) {
        note.text = std::string(following);
      }
      if (note.command.empty() && !shared_command_.empty() && session_.empty()) note.command = shared_command_;
    }
    if (!session_.empty()) append(out_.common, session_);
  }

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  std::string sender_;
  ReportText out_;
  std::size_t current_ = npos;
  bool blank_ = false;
  bool indented_ = false;        // the margin of the lines about current_
  std::size_t margin_ = 0;       // of this line
  std::size_t note_margin_ = 0;  // of the line that named current_
  bool named_list_ = false;      // below a line that announces recipients
  std::string wrapped_name_;     // the first line of a recipient of a directory
  bool muted_ = false;           // current_ has had its words
  bool command_follows_ = false;
  bool in_report_ = false;
  bool footer_ = false;      // lines about the mail's secrecy, up to an empty one
  std::string_view before_;  // the line before
  bool transcript_ = false;
  std::string command_;
  std::string replies_;         // to command_
  std::string shared_replies_;  // to commands that are about all recipients
  std::string shared_command_;
  std::string pending_;
  std::string session_;  // of the transcript, about nobody by name
};

}  // namespace

std::string_view before_returned_message(std::string_view text) {
  std::size_t at = 0;
  std::size_t lines = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    const auto line = trim(text.substr(at, end == std::string_view::npos ? end : end - at));
    if (lines > 0 && begins_returned_message(line)) return text.substr(0, at);
    if (!line.empty()) ++lines;
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
  return text;
}

ReportText read_report_text(std::string_view text, std::string_view sender) {
  return TextReader(sender).read(before_returned_message(behind_told_header(text)));
}

}  // namespace postil::diagnose
