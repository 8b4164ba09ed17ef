// The live checks that confirm or refute what a code says (data/checks): which command of `postil check` runs each.
// Prose: live_check.KEY.text (data/text/en/live_check.toml).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace postil::knowledge {

struct LiveCheck {
  std::string key;           // "recipient_mx"
  std::string command;       // a literal, with example.org for the recipient's domain, example.net for the sender's,
                             // mx.example.org for the host, 192.0.2.9 for the sending address, ann for the user
  std::string text() const;  // key of its sentence
};

std::span<const LiveCheck> live_checks();  // by key
const LiveCheck* find_live_check(std::string_view key);

}  // namespace postil::knowledge
