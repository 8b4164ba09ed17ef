// What somebody pasted, in whatever form: finds out by itself what it is, and explains it.
#pragma once

#include <expected>
#include <string_view>
#include <variant>
#include <vector>

#include "diagnose/diagnosis.hpp"
#include "diagnose/explain.hpp"
#include "diagnose/findings.hpp"
#include "diagnose/spelling.hpp"

namespace postil::diagnose {

// An answer: codes, classes, replies, ids. A report: bounces, log lines and several replies, one diagnosis for each
// recipient. A finding of `postil check` (never null), asked for by its id. A list: two codes or more, each of which
// explain() knows.
using Understood = std::variant<Answer, Report, const FindingEntry*, CodeList>;

// input: at most mail_octets_max are looked at; any charset, any line ends. stage: what a reply answered, when the
// caller knows. The kinds are tried in this order: findings, codes and ids; lists of codes; a mail with its header; a
// reply, also of several lines and with the client's side of the session; log lines; the text of a bounce without its
// header; words alone, when a rule knows them. A JSON array of strings is taken for the lines that they are. Pure;
// linear; may be called from any thread. Secrets come up in no part of the result.
std::expected<Understood, NotUnderstood> understand(std::string_view input,
                                                    knowledge::Stage stage = knowledge::Stage::any);

// The codes and classes of "550 554" or "235 vs 521"; empty unless explain() knows each of them.
CodeList code_list(std::string_view text);

// Whether the text, the beginning of a longer one, is a log of which each line is to be explained by itself.
bool looks_like_log(std::string_view beginning);

// The mails of an mbox: parts of text, without the lines that begin with "From " between them; at most mbox_mails_max.
// A text that is no mbox is one part.
inline constexpr std::size_t mbox_mails_max = 1000;
inline constexpr std::size_t mbox_octets_max = 16 * 1024 * 1024;
std::vector<std::string_view> mails_of(std::string_view text);

}  // namespace postil::diagnose
