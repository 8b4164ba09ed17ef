// What the checks of this module ask of DNS. They do no I/O: each names the question that it needs next and is given
// the answer.
#pragma once

#include <string>
#include <string_view>

#include "dns/answer.hpp"

namespace postil::mailauth {

struct DnsQuestion {
  std::string name;  // as in master files: no dot at the end, odd octets of labels as "\DDD" [rfc1035 5.1]
  dns::Type type = dns::Type::txt;
  friend bool operator==(const DnsQuestion&, const DnsQuestion&) = default;
};

// Whether text is a name that can be asked: labels of 1 to 63 octets, at most 253 in all, one dot at the end allowed.
// Any octets but control characters may stand in it; "" is none.
bool askable_name(std::string_view text);

// The name of a question from plain text, in which every dot parts labels: letters small, no dot at the end.
std::string question_name(std::string_view text);

// A domain of a person or peer as DNS has it: U-labels become A-labels, one dot at the end is dropped, the case of
// ASCII stays. "" when it has no A-label form.
std::string dns_domain(std::string_view text);

// Same name, or below it ("mail.example.com" below "example.com"). Case does not count.
bool same_or_below(std::string_view name, std::string_view domain);

}  // namespace postil::mailauth
