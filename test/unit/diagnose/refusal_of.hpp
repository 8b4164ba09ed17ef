// A refusal from a line "550 5.1.1 words", as the tests and the rules' samples write it.
#pragma once

#include <string_view>

#include "base/bytes.hpp"
#include "diagnose/rules.hpp"

namespace postil::diagnose {

inline Refusal refusal_of(std::string_view line) {
  Refusal out;
  const bool code = line.size() >= 3 && (line[0] == '4' || line[0] == '5') && is_digit(line[1]) && is_digit(line[2]);
  if (code && (line.size() == 3 || line[3] == ' ' || line[3] == '-')) {
    out.code = static_cast<reply::Code>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
    line.remove_prefix(line.size() == 3 ? 3 : 4);
  }
  std::size_t rest = 0;
  if (const auto enhanced = reply::leading_enhanced_code(line, &rest)) {
    out.enhanced = *enhanced;
    line = trim(line.substr(rest));
  }
  out.text = line;
  return out;
}

inline Refusal refusal_of(const Sample& sample) {
  Refusal out = refusal_of(sample.text);
  out.host = sample.host;
  out.mta = sample.mta;
  out.stage = sample.stage;
  out.side = sample.side;
  return out;
}

}  // namespace postil::diagnose
