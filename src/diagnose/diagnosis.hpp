// From what was read to what it means: for each recipient the reason, whose move it is, what to do, and what would
// confirm it. Terminal, pages and JSON show this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/explain.hpp"
#include "diagnose/reading.hpp"
#include "diagnose/reply.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {

struct LiveCheckCall {
  std::string key;      // of knowledge::live_checks(); empty: nothing would
  std::string command;  // a literal; empty when a name that it needs is not known
};

struct Diagnosis {
  Observed observed;
  // Empty where the message was delivered, or handed on: there is nothing to explain.
  std::optional<Explanation> explanation;
  LiveCheckCall confirm;
};

struct Report {
  Input input = Input::reply;
  std::string mta;
  std::vector<Diagnosis> recipients;
  bool truncated = false;
};

// The judgement of rules and catalogue (classify.hpp) for each recipient. Pure; may be called from any thread.
Report judge(Reading reading);
// A reply by itself, already explained: answer.reply is set.
Diagnosis diagnosis_of(const Answer& answer, knowledge::Stage stage);

// What somebody else can be told: whole sentences about the recipient, what the other side said, what it means, and
// what to do, one on a line.
std::string text_to_paste(const Diagnosis& diagnosis, const i18n::Translator& tr);

}  // namespace postil::diagnose
