#include "cli/complete.hpp"

#include <CLI/CLI.hpp>

#include "base/bytes.hpp"

namespace postil::cli {
namespace {

// "--by" of this command or of one above it.
const CLI::Option* find_option(const CLI::App* at, const std::string& word) {
  for (; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      if (option->check_name(word)) return option;
    }
  }
  return nullptr;
}

// The words that an option or argument takes, where they are a fixed set: CLI11 lists them as "{a,b}".
std::vector<std::string> choices(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{');
  const auto end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  std::vector<std::string> out;
  for (const auto word : split(std::string_view(type).substr(begin + 1, end - begin - 1), ',')) out.emplace_back(word);
  return out;
}

void offer_options(const CLI::App* at, std::vector<Completion>& out) {
  for (; at != nullptr; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      if (option->get_group().empty()) continue;
      for (const auto& name : option->get_lnames()) out.push_back({"--" + name, option->get_description()});
    }
  }
}

}  // namespace

std::vector<Completion> completions(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  const CLI::App* at = &app;
  const CLI::Option* waiting = nullptr;  // the option whose value is being written
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (waiting != nullptr) {
      waiting = nullptr;
      continue;
    }
    if (words[i].starts_with("-")) {
      const auto* option = find_option(at, words[i]);
      if (option != nullptr && option->get_expected_max() > 0) waiting = option;
      continue;
    }
    for (const auto* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (sub->get_name() == words[i]) {
        at = sub;
        break;
      }
    }
  }
  std::vector<Completion> all;
  const std::string& last = words.back();
  if (waiting != nullptr) {
    for (auto& word : choices(*waiting)) all.push_back({std::move(word), {}});
  } else if (last.starts_with("-")) {
    offer_options(at, all);
  } else {
    for (const auto* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      all.push_back({sub->get_name(), sub->get_description()});
    }
    for (const auto* option : at->get_options()) {
      if (!option->get_positional()) continue;
      for (auto& word : choices(*option)) all.push_back({std::move(word), {}});
    }
  }
  std::erase_if(all, [&](const Completion& one) { return !one.word.starts_with(last); });
  return all;
}

}  // namespace postil::cli
