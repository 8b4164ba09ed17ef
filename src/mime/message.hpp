// A mail taken apart, for reading what its text says: header fields, text parts in UTF-8, delivery reports. Made for
// bounces, which come damaged: what cannot be parsed is left out, and nothing fails but an input that is no mail.
// What it does not do: keep attachments (but TLS reports, when asked), verify signatures, write mails (dsn, message).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postil::mime {

struct Limits {
  std::size_t octets_max = 1024 * 1024;  // of the mail: what is behind them is not looked at
  std::size_t parts_max = 64;
  std::size_t text_octets_max = 256 * 1024;  // of one part
  std::size_t fields_max = 256;
  // Of a part that may hold a TLS report [rfc8460 5.3], alone or gzipped: kept as Part::octets. 0: not kept.
  std::size_t report_octets_max = 0;
};

struct Field {
  std::string name;   // as it stands
  std::string value;  // unfolded, encoded words decoded [rfc2047 2], UTF-8
};

struct Part {
  std::string type;  // "text/plain", "message/delivery-status": lower case
  std::string text;  // of text parts and reports, in UTF-8 with LF; empty for others
  // The part belongs to a mail within this one: the returned message.
  bool returned = false;
  // With Limits::report_octets_max, of application/tlsrpt+*, gzip and json: what was encoded.
  std::string octets = {};
};

struct Message {
  std::vector<Field> header;
  std::vector<Part> parts;             // leaves, in order
  std::vector<Field> returned_header;  // of the first mail within this one, or of a part text/rfc822-headers
  bool truncated = false;              // a limit was reached

  // The first field of that name, whatever its case; empty when there is none.
  std::string_view field(std::string_view name) const;
};

std::string_view find_field(const std::vector<Field>& fields, std::string_view name);

// Whether the text begins like a mail: a "From " line of an mbox or at least two fields with names that mails have.
bool looks_like_mail(std::string_view octets);

// octets: a mail with any line ends, with or without the "From " line of an mbox before it. Linear in their number.
// May be called from any thread.
Message parse(std::string_view octets, const Limits& limits = {});

// Lines "Name: value" with continuations, as far as they go; the text of text/rfc822-headers.
std::vector<Field> parse_fields(std::string_view text, std::size_t fields_max);

}  // namespace postil::mime
