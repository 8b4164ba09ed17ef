// A reply is one value, never three variables: code, enhanced code, text and what it is about.
//
// Reply        what Postil answers; its text comes from the catalogue (reply/catalogue.hpp)
// RemoteReply  what another server answered to us, as it came
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "reply/code.hpp"

namespace postil::reply {

// Whose failure it is; decides what else is tried.
enum class Scope : std::uint8_t {
  session,    // this connection: another one may work
  host,       // this host: another MX host may take the message
  message,    // this message with this host: others are not concerned
  recipient,  // this recipient
};
std::string_view to_string(Scope scope);

enum class TextId : std::uint16_t;  // the catalogue's entries

using Arg = std::pair<std::string_view, std::string>;  // name, literal (an address, a host, a number)

struct Reply {
  TextId text{};
  Code code = 0;
  EnhancedCode enhanced;  // none in the greeting, in replies to EHLO and HELO and in 3yz [rfc2034 4]
  Scope scope = Scope::session;
  std::vector<Arg> args;
  std::optional<ReceiptId> receipt;
  // Replies that are more than a sentence (EHLO, HELP): further lines, without code.
  std::vector<std::string> more;
  // The key of the configuration that decided, "limits.data_timeout", for the receipt, where the text alone does not
  // tell it (server/refusal_rule.hpp).
  std::string rule;

  Permanence permanence() const { return permanence_of(code); }
  bool positive() const { return code < 400; }
};

// A reply from the catalogue. The arguments must be the ones that its text names (checked by a test and asserted).
Reply make(TextId text, std::vector<Arg> args = {});

// The octets on the wire: ASCII, each line at most 512 octets with CRLF, the code in each line,
// the receipt's id in parentheses at the end of the text. Non-ASCII or control characters in
// arguments become '?'. [rfc5321 4.2.1] [rfc6531 3.7.4.2]
// receipt_url: "" or "https://mx.example.org/r/": then a second line has the receipt's address.
std::string to_wire(const Reply& reply, std::string_view receipt_url = {});
// The text alone, one sentence, as on the wire.
std::string text_of(const Reply& reply);

struct RemoteReply {
  Code code = 0;
  EnhancedCode enhanced;           // of the last line that has one
  std::vector<std::string> lines;  // without code and CRLF, printable, enhanced code kept; bounded
  bool mixed_codes = false;        // the lines had different codes; `code` is the last one's [rfc5321 4.2.1]

  Permanence permanence() const { return permanence_of(code); }
  bool positive() const { return code >= 200 && code < 400; }
  // One line: "550 5.1.1 no such user here"; lines joined by a space. At most 1,000 octets.
  std::string one_line() const;
};

}  // namespace postil::reply
