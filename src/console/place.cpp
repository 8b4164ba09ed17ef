#include "console/place.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/spelling.hpp"

namespace postil::console {
namespace {

struct Folder {
  View view;
  std::string_view before;  // what stands before the item
};
// Views that have an item; of two that fit, the one with the longer folder is meant.
constexpr std::array folders = {
    Folder{View::stage, "smtp/stage/"},   Folder{View::comparison, "smtp/compare/"},
    Folder{View::status, "smtp/status/"}, Folder{View::code, "smtp/"},
    Folder{View::guide, "guides/"},       Folder{View::provider, "providers/"},
    Folder{View::card, "card/"},
};

struct Fixed {
  View view;
  std::string_view path;
};
constexpr std::array fixed = {
    Fixed{View::home, ""},
    Fixed{View::codes, "smtp/"},
    Fixed{View::comparisons, "smtp/compare/"},
    Fixed{View::reasons, "reasons"},
    Fixed{View::guides, "guides/"},
    Fixed{View::glossary, "glossary"},
    Fixed{View::providers, "providers/"},
    Fixed{View::explain, "explain"},
};

bool good_item(std::string_view item) {
  if (item.empty() || item.size() > 100) return false;
  return std::ranges::all_of(item, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

bool is_class(std::string_view item) {
  return item.size() == 3 && is_digit(item[0]) && item.substr(1) == "xx";
}

// "521" from "521-host-does-not-accept-mail": digits, dots and x.
std::string code_at_start(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.' || ascii_lower(text[end]) == 'x')) ++end;
  if (end == 0 || (end < text.size() && text[end] != '-')) return {};
  return to_lower(text.substr(0, end));
}

bool smaller(const std::string& a, const std::string& b) {
  const auto numbers = [](const std::string& code) {
    std::vector<int> out;
    for (auto part : split(code, '.')) {
      int number = -1;  // x
      if (!part.empty() && part.size() <= 3 && std::ranges::all_of(part, is_digit))
        number = std::stoi(std::string(part));
      out.push_back(number);
    }
    return out;
  };
  const bool a_basic = a.find('.') == std::string::npos;
  const bool b_basic = b.find('.') == std::string::npos;
  if (a_basic != b_basic) return a_basic;
  const auto left = numbers(a);
  const auto right = numbers(b);
  return left != right ? left < right : a < b;
}

}  // namespace

std::string path_of(const Place& place) {
  if (place.view == View::entry) return {};
  std::string path = place.language + "/";
  for (const auto& [view, rest] : fixed) {
    if (view == place.view) return path + std::string(rest);
  }
  const View view = place.view == View::code_class ? View::code
                    : place.view == View::subject  ? View::status
                                                   : place.view;
  for (const auto& [folder, before] : folders) {
    if (folder == view) return path + std::string(before) + place.item;
  }
  return path;
}

std::string file_of(const Place& place) {
  auto path = path_of(place);
  return path.empty() || path.ends_with('/') ? path + "index.html" : path + ".html";
}

std::optional<Place> parse_path(std::string_view path) {
  if (path.ends_with("index.html")) {
    path.remove_suffix(10);
    if (!path.empty() && !path.ends_with('/')) return std::nullopt;
  } else if (path.ends_with(".html")) {
    path.remove_suffix(5);
  }
  if (path.empty()) return Place{};
  const auto slash = path.find('/');
  Place place;
  place.language = std::string(path.substr(0, slash));
  if (!good_item(place.language)) return std::nullopt;
  const auto rest = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  for (const auto& [view, name] : fixed) {
    if (rest == name || (name.ends_with('/') && rest == name.substr(0, name.size() - 1))) {
      place.view = view;
      return place;
    }
  }
  for (const auto& [view, before] : folders) {
    if (!rest.starts_with(before)) continue;
    place.view = view;
    place.item = std::string(rest.substr(before.size()));
    if (!good_item(place.item)) return std::nullopt;
    if (view == View::code && is_class(place.item)) place.view = View::code_class;
    if (view == View::status && place.item.ends_with(".x")) place.view = View::subject;
    return place;
  }
  return std::nullopt;
}

std::string comparison_item(std::vector<std::string> codes) {
  if (codes.size() < 2 || codes.size() > 3) return {};
  for (const auto& code : codes) {
    if (code_at_start(code) != code) return {};
  }
  std::ranges::stable_sort(codes, smaller);
  std::string item;
  for (const auto& code : codes) item += (item.empty() ? "" : "-vs-") + code;
  return item;
}

std::string comparison_item(std::string_view address) {
  return comparison_item(codes_of_comparison(address));
}

std::string comparison_asked(std::string_view words) {
  return comparison_item(diagnose::listed_codes(words).codes);
}

std::vector<std::string> codes_of_comparison(std::string_view item) {
  std::vector<std::string> codes;
  for (;;) {
    const auto at = item.find("-vs-");
    auto code = code_at_start(item.substr(0, at));
    if (code.empty() || codes.size() == 3) return {};
    codes.push_back(std::move(code));
    if (at == std::string_view::npos) return codes;
    item.remove_prefix(at + 4);
  }
}

Links::Links(std::string_view from, bool files) : files_(files) {
  for (char c : from) {
    if (c == '/') up_ += "../";
  }
}

std::string Links::to(const Place& place) const {
  const std::string link = up_ + (files_ ? file_of(place) : path_of(place));
  return link.empty() ? "./" : link;
}

std::string Links::asset(std::string_view name) const {
  return up_ + "assets/" + std::string(name);
}

std::string Links::root(std::string_view path) const {
  return up_ + std::string(path);
}

}  // namespace postil::console
