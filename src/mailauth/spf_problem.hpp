// What can be wrong, or unwise, in an SPF record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postil::mailauth {

// A piece of a record: the octet where it begins, from 0, and its length in octets.
struct Span {
  std::size_t position = 0;
  std::size_t length = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// Syntax errors; one is enough for "permerror" [rfc7208 4.6].
enum class SpfProblem : std::uint8_t {
  not_ascii,                  // An octet that is no ASCII; records are 7-bit text [rfc7208 3.1].
  control_character,          // A tab, line end or other control character; only spaces part terms.
  mechanism_missing,          // A term with no name, such as "-" or ":example.com".
  unknown_mechanism,          // No mechanism of that name; the piece is the name [rfc7208 4.6.1].
  modifier_needs_equals,      // "redirect:" or "exp:" where "redirect=" or "exp=" is meant.
  qualifier_before_modifier,  // "+redirect=" or the like: modifiers have no qualifier.
  argument_not_allowed,       // "all" and "ptr" with something behind that they do not take.
  domain_missing,             // "include", "exists", "redirect", "exp" without a name, or a colon with none behind.
  domain_end,                 // A name that ends neither in a dot and a top-level label nor in a macro [rfc7208 7.1].
  network_missing,            // "ip4" or "ip6" without an address.
  ip4_invalid,                // No IPv4 address with its four numbers [rfc7208 5.6].
  ip6_invalid,                // No IPv6 address.
  ip4_holds_ip6,              // An IPv6 address behind "ip4:".
  ip6_holds_ip4,              // An IPv4 address behind "ip6:".
  prefix_missing,             // A slash with no number behind.
  prefix_not_a_number,        // A slash with something else behind.
  prefix_leading_zero,        // "/08".
  prefix_out_of_range,        // Over 32, or over 128 for IPv6.
  repeated_redirect,          // "redirect" stands there twice [rfc7208 6].
  repeated_exp,               // "exp" stands there twice.
  macro_percent,              // A "%" that no "{", "%", "_" or "-" follows [rfc7208 7.3].
  macro_unclosed,             // "%{" without "}".
  macro_letter,               // No macro of that letter.
  macro_only_in_exp,          // %{c}, %{r} and %{t} are for explanations only [rfc7208 7.2].
  macro_zero,                 // "%{d0}": the number of parts must not be zero.
  macro_content,              // Something else between the letter and "}".
};

struct SpfError {
  SpfProblem problem = SpfProblem::not_ascii;
  Span where;
  friend bool operator==(const SpfError&, const SpfError&) = default;
};

// Lawful, but hardly meant.
enum class SpfRemark : std::uint8_t {
  all_passes,             // "all" or "+all": every host may send.
  all_neutral,            // "?all" says nothing about other hosts.
  after_all,              // Mechanisms after "all" are never looked at [rfc7208 5.1].
  redirect_ignored,       // "redirect" beside "all" has no effect [rfc7208 6.1].
  no_end,                 // Neither "all" nor "redirect": what does not match is neutral.
  ptr_used,               // "ptr" is slow and unreliable, and should not be used [rfc7208 5.5].
  p_macro_used,           // So is %{p}.
  mechanism_as_modifier,  // "include=", "a=" ...: an unknown modifier by the grammar, and ignored.
  unknown_modifier,       // A modifier that no document known here defines; ignored.
  repeated_term,          // The same mechanism once more.
  modifier_before_end,    // "redirect" or "exp" stands before a mechanism [rfc7208 6].
};

struct SpfRemarkAt {
  SpfRemark remark = SpfRemark::no_end;
  Span where;
  friend bool operator==(const SpfRemarkAt&, const SpfRemarkAt&) = default;
};

// The identifiers above as they stand in JSON and keys of texts: "not_ascii" ...
std::string_view to_string(SpfProblem problem);
std::string_view to_string(SpfRemark remark);

}  // namespace postil::mailauth
