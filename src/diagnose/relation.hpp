// How two codes that nobody has written about are related: it chooses one of a fixed set of sentences for the verdict.
#pragma once

#include <string>

#include "diagnose/explain.hpp"

namespace postil::diagnose {

// The text is compare.verdict.KEY. first and second: the codes for {a} and {b} in it, not always in the order given.
struct Relation {
  std::string key;
  const Answer* first = nullptr;
  const Answer* second = nullptr;
};

// a and b: a basic code, an enhanced code or a pair each, and not the same. The result points into them.
Relation relation_of(const Answer& a, const Answer& b);

// The codes within an answer: "550" and "5.1.1"; empty for what is not there.
std::string basic_of(const Answer& side);
std::string enhanced_of(const Answer& side);

// Whether one command of a session, named in the facts of both, can be answered with either.
bool share_a_command(const Answer& a, const Answer& b);
// Whether it tells that a connection could not be made, which is no greeting of anybody.
bool is_noted_of_connecting(const Answer& side);
// Whether all that it answers are commands beside the mail: HELP, VRFY, EXPN, ETRN, ATRN.
bool carries_no_message(const Answer& side);
// Whether all that a answers comes before all that b answers.
bool always_before(const Answer& a, const Answer& b);

}  // namespace postil::diagnose
