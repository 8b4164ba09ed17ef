#include "diagnose/block_lists.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

// Domains of lists that many servers ask; a name below one of them is a list even without a word before it.
constexpr std::string_view known[] = {"spamhaus.org",
                                      "spamhaus.net",
                                      "spamcop.net",
                                      "barracudacentral.org",
                                      "sorbs.net",
                                      "uceprotect.net",
                                      "surbl.org",
                                      "uribl.com",
                                      "invaluement.com",
                                      "abuseat.org",
                                      "nixspam.net",
                                      "manitu.net",
                                      "mailspike.net",
                                      "dnswl.org",
                                      "backscatterer.org",
                                      "gbudb.net",
                                      "spamrats.com",
                                      "psbl.org",
                                      "surriel.com",
                                      "njabl.org",
                                      "dsbl.org",
                                      "ordb.org",
                                      "blocklist.de",
                                      "abusix.zone",
                                      "mail.abusix.zone",
                                      "senderscore.com",
                                      "trendmicro.com",
                                      "spameatingmonkey.net",
                                      "swinog.ch",
                                      "truncate.gbudb.net",
                                      "hostkarma.junkemailfilter.com",
                                      "junkemailfilter.com"};

bool is_name_letter(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_';
}

bool is_known(std::string_view name) {
  return std::ranges::any_of(known, [name](std::string_view domain) {
    return name.ends_with(domain) && (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.');
  });
}

// At least two labels, the last of letters: no address, no number.
bool is_host(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot < 3) return false;
  return std::ranges::all_of(name.substr(dot + 1), is_alpha);
}

}  // namespace

std::string named_list(std::string_view text) {
  const std::string lower = to_lower(text.substr(0, 4096));
  std::string after_word;
  std::string of_known;
  std::string_view before;  // the word before the name
  for (std::size_t at = 0; at < lower.size();) {
    if (!is_name_letter(lower[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < lower.size() && is_name_letter(lower[end])) ++end;
    auto name = std::string_view(lower).substr(at, end - at);
    while (name.ends_with('.')) name.remove_suffix(1);
    const bool in_address = (at > 0 && lower[at - 1] == '@') || (end < lower.size() && lower[end] == '@');
    const bool in_url = at > 0 && lower[at - 1] == '/';
    if (is_host(name) && !in_address) {
      const bool asked = before == "using" || before == "by" || before == "at" || before == "in" || before == "on";
      if (asked && !in_url && after_word.empty()) after_word = name;
      if (is_known(name) && of_known.empty() && !name.starts_with("www.")) of_known = name;
    }
    before = name;
    at = end;
  }
  return after_word.empty() ? of_known : after_word;
}

ListTests list_tests(std::string_view zone, bool v6) {
  ListTests out{{fmt::format("2.0.0.127.{}", zone)}, {fmt::format("1.0.0.127.{}", zone)}};
  if (!v6) return out;
  std::string behind = ".0.0.0.0.0.f.7.f.f.f.f";  // of ::ffff:7f00:2 and ::ffff:7f00:1
  for (int zeros = 0; zeros < 20; ++zeros) behind += ".0";
  out.listed.push_back(fmt::format("2{}.{}", behind, zone));
  out.unlisted.push_back(fmt::format("1{}.{}", behind, zone));
  return out;
}

}  // namespace postil::diagnose
