// Events: typed, one declaration each (event/table.def); log lines, traces and metrics derive from them.
//
// An event is a name and named literals. It never holds a secret: AUTH payloads do not get here.
// Sinks are called on the thread that emits and must not block; app gives one that writes JSON lines
// from a thread of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.hpp"

namespace postil::event {

enum class Level : std::uint8_t { debug, info, notice, warning, error };

// Declared in event/table.def as EVENT(identifier, "wire.name", level, "what it tells")
enum class Name : std::uint16_t {
#define EVENT(identifier, wire, level, text) identifier,
#include "event/table.def"
#undef EVENT
};

struct Declaration {
  Name name;
  std::string_view wire;  // "message.accepted"
  Level level;
  std::string_view text;  // one sentence, for docs/events.md
};
const Declaration& declaration(Name name);
std::size_t declaration_count();

using Value = std::variant<std::string, std::int64_t, bool>;
struct Field {
  std::string_view key;  // a literal: "id", "session", "peer", "reply", "reason", ...
  Value value;
};

struct Event {
  Name name;
  std::vector<Field> fields;
};

// One JSON object in one line, no newline: {"time":"2026-11-22T10:02:11.204Z","event":"...","id":...}
std::string to_json(const Event& event, WallTime at);

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void emit(const Event& event) = 0;
};

}  // namespace postil::event
