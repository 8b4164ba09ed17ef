#include "dns/texts.hpp"

namespace postil::dns {

std::vector<std::string> texts(const Answer& answer) {
  return texts(answer, [](std::string_view) { return true; });
}

std::vector<std::string> texts(const Answer& answer, bool (*meant)(std::string_view)) {
  std::vector<std::string> out;
  for (const auto& data : answer.records) {
    const auto* text = std::get_if<Text>(&data);
    if (text && meant(text->value)) out.push_back(text->value);
  }
  return out;
}

}  // namespace postil::dns
