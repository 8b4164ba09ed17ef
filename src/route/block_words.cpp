#include "route/block_words.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace postil::route {
namespace {

// Whole words.
constexpr std::string_view words[] = {
    "abuse",        "abusive",      "ban",         "banned",     "blacklist",   "blacklisted",
    "block",        "blocked",      "blocking",    "blocklist",  "blocklisted", "blocklists",
    "blockiert",    "bloqueado",    "bot",         "botnet",     "bulk",        "complaint",
    "complaints",   "country",      "denied",      "deny",       "denylist",    "dnsbl",
    "dul",          "dynamic",      "exceeded",    "firewall",   "geoip",       "gesperrt",
    "greylist",     "greylisted",   "helo",        "infected",   "later",       "limit",
    "listed",       "listing",      "malicious",   "many",       "policies",    "policy",
    "pregreet",     "prohibited",   "ptr",         "quarantine", "quarantined", "rate",
    "rbl",          "rblsmtpd",     "rdns",        "reputation", "residential", "restricted",
    "reverse",      "score",        "spam",        "spambot",    "spammer",     "spammers",
    "spamming",     "suspicious",   "temporarily", "temporary",  "throttled",   "unauthenticated",
    "unauthorised", "unauthorized", "unsolicited", "untrusted",  "virus",       "whitelist",
    "whitelisted",  "your",
};

// Anywhere, also inside of names. "con:b1" and its like are AOL's and Yahoo's codes of address blocks.
constexpr std::string_view lists[] = {
    "abuseat",
    "backscatterer",
    "barracuda",
    "cloudmark",
    "dnsbl",
    "mailspike",
    "nixspam",
    "njabl",
    "proofpoint",
    "psbl.",
    "senderbase",
    "senderscore",
    "sorbs",
    "spamcop",
    "spameatingmonkey",
    "spamhaus",
    "spamrats",
    "surbl",
    "talosintelligence",
    "truncate.gbudb",
    "trustedsource",
    "uceprotect",
    "zonemta-rbl",
    "(con:",
    "(dyn:",
    "(hvu:",
    "(rly:",
    "(rtr:",
    "(ts0",
};

constexpr std::string_view phrases[] = {
    "access refused",       "connection refused", "client host",  "not accepted from", "not allowed", "not authorised",
    "not authorized",       "not permitted",      "not trusted",  "try again",         "you are",     "you have",
    "closing transmission", "rejected by",        "rejected for", "rejected due",
};

bool word_letter(char c) {
  return is_alnum(c) || c == '-';
}

// The text in lower case without host names and addresses, its words parted by single spaces.
std::vector<std::string> read_words(std::string_view text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && !word_letter(text[at])) ++at;
    std::size_t end = at;
    bool name = false;
    while (end < text.size()) {
      const bool inner_dot =
          (text[end] == '.' || text[end] == '@') && end + 1 < text.size() && end > at && is_alnum(text[end + 1]);
      if (!word_letter(text[end]) && !inner_dot) break;
      name = name || inner_dot;
      ++end;
    }
    if (end > at && !name) {
      for (const auto part : split(text.substr(at, end - at), '-')) {
        if (!part.empty()) out.push_back(to_lower(part));
      }
    }
    at = end;
  }
  return out;
}

}  // namespace

bool names_a_block(std::string_view text) {
  const std::string lower = to_lower(text);
  const auto inside = [&](std::string_view part) { return lower.find(part) != std::string::npos; };
  if (std::ranges::any_of(lists, inside)) return true;
  const auto found = read_words(lower);
  std::string spaced = " ";
  for (const auto& word : found) {
    if (std::ranges::find(words, word) != std::end(words)) return true;
    spaced += word + " ";
  }
  return std::ranges::any_of(phrases, [&](std::string_view phrase) {
    return spaced.find(" " + std::string(phrase) + " ") != std::string::npos;
  });
}

}  // namespace postil::route
