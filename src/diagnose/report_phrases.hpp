// What programs that write bounces say beside the cause: usual sentences, fields, marks. All functions are pure and
// linear; a line is one without its line end.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "mime/message.hpp"

namespace postil::diagnose {

// lower: lower case.
bool has_any(std::string_view lower, std::initializer_list<std::string_view> words);

// "------ This is a copy of the message, including all the headers. ------", "Original message follows."
bool begins_returned_message(std::string_view line);

// Sentences that say nothing about the cause.
bool is_usual_phrase(std::string_view line);

// What stands behind "relates to a message you sent with the following header fields:" and its indented fields, which
// are not yet the returned message; the whole text where there is no such heading. Lines with LF; a view into the text.
std::string_view behind_told_header(std::string_view text);

// What offices and scanners put under every mail; its words ("viruses", "confidential") are no cause.
bool is_footer(std::string_view line);

// The text without what list managers put under what they pass on: a rule of underscores, "NAME mailing list", and the
// lines up to an empty one. Lines with LF.
std::string without_list_footers(std::string_view text);

// Whether the address or name that the mail comes from is one of those that programs use: "Mailer-Daemon".
bool is_from_program(const mime::Message& mail);

// Whether a mail without a report for programs may tell of a message that came back: somebody who writes "my mailbox is
// full" has not returned one. text: its human part. True for a text without a header.
bool may_be_bounce(const mime::Message& mail, std::string_view text);

// "Automatic reply: away until Monday": somebody's program answers, and returns nothing. text: as above.
bool is_automatic_reply(const mime::Message& mail, std::string_view text);

// The program that wrote the text: "postfix", "exim"; empty: none is named.
std::string program_named_in(std::string_view text);

// A field of a report that stands in the text: it is read as such (dsn/reader.hpp).
bool is_report_field(std::string_view line);

// The addresses of people to turn to are no recipients.
bool is_contact(std::string_view address);

// Header lines of the message that are told for orientation: "To: a@b", "Subject: x".
bool is_header_key(std::string_view key);

// A field of the message that came back, which a report shows among its words: it names no cause.
bool is_header_field(std::string_view line);

// Without what sendmail makes of a program's or a host's failure [sysexits(3)]: the lines above it tell what that was.
std::string without_exit_phrases(std::string_view text);

// Exchange up to 2003 names a recipient as its address book does, with the time: "Miller, Ann on 8/2/99 10:11 AM".
// Views into the line; nullopt: it is no such line.
struct DatedName {
  std::string_view name;
  std::string_view said;  // what stands behind the time; mostly empty
};
std::optional<DatedName> dated_name(std::string_view line);

// Whether the line begins an address of X.400 or X.500: "c=US;a= ;p=Org;o=Site", "/o=Org/ou=Site/cn=Ann". [rfc2156 4.1]
bool is_directory_address(std::string_view line);

// The recipient that a line of a gateway names: "SALES(MS:NET/PO1)", "Delivery failed to X400:C=us;O=org;S=ann;.".
// Empty: none. A view into the line.
std::string_view gateway_name(std::string_view line);

// "undeliverable to", "could not be delivered to": an address behind it is the one.
bool names_recipient(std::string_view words);

// Whether what stands before an address and a colon only says whose address follows, and nothing about the cause.
bool announces_recipient(std::string_view words);

}  // namespace postil::diagnose
