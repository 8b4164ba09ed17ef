// The story of a message from its events, as `postil trace` and `postil send --demo` tell it.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "i18n/translator.hpp"

namespace postil::cli {

namespace json = boost::json;

struct StoryLine {
  std::string time;    // "10:02:11.204", UTC
  std::string text;    // what happened, translated
  std::string remote;  // the host's words, or what went wrong in English; may be empty
};

// How it stands with the message after the last record.
enum class MessageEnd : std::uint8_t {
  open,       // some recipient waits
  delivered,  // to all
  returned,   // some recipient has failed and a bounce was made
  failed,     // some recipient has failed and no bounce is due
  removed,    // an admin took recipients out
};

struct Envelope {
  std::string sender;
  std::vector<std::string> recipients;  // empty: not known
  std::uint64_t size_octets = 0;
};

struct Story {
  Envelope envelope;
  std::vector<StoryLine> lines;
  MessageEnd end = MessageEnd::open;
  std::string last_reply;                 // of the last recipient that was refused or deferred
  std::string last_reason;                // a word of queue/reason.def
  std::string last_status;                // "5.1.1"
  std::string waited_for, waited_status;  // where the reason is that its time was over: why it had waited
  bool last_by_reply = false;             // last_reply begins with a reply code
};

// records: as the calls `trace` and `explain` give them. long_form: connections too.
// envelope: what is known of it besides the records.
Story tell_story(const json::array& records, const i18n::Translator& tr, bool long_form, Envelope envelope = {});
// A reason's label (queue/reason.def); the word itself when it is new.
std::string reason_label(std::string_view word, const i18n::Translator& tr);
// Two units at most: "2h10m", "48m", "6s".
std::string short_duration(std::uint64_t seconds, const i18n::Translator& tr);
// "4.1 kB".
std::string short_size(std::uint64_t octets);

// What the last refusal means and who does what now: the reply explained, or the reason that no reply gave. Of a
// message that is not tried any more nothing is said that holds only for one that waits. Nothing where there was no
// refusal.
void write_meaning(std::ostream& out, const Story& story, const i18n::Translator& tr);

void write_lines(std::ostream& out, const std::vector<StoryLine>& lines, std::size_t from);

std::string string_of(const json::object& object, std::string_view key);
std::optional<std::int64_t> number_of(const json::object& object, std::string_view key);

}  // namespace postil::cli
