// The human part of a bounce, and bounces that have nothing else: who is concerned, and what was said about each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "knowledge/codes.hpp"

namespace postil::diagnose {

struct Note {
  std::string address;  // as the text has it; may be a local part alone
  std::string text;     // what belongs to this address, lines with LF; may be empty
  std::string command;  // the SMTP command that a transcript shows before the reply: "RCPT TO:<a@b>"; may be empty
  bool delayed = false;
};

struct ReportText {
  std::vector<Note> notes;  // in the order of the text, one for each address
  std::string common;       // what is said about all of them, without the programs' usual phrases
  std::string mta;          // the program that the text names; empty: none
  bool delayed = false;     // it says that the message is tried again
};

// text: UTF-8, lines with LF. sender: whom the report goes to; an address that is no recipient.
ReportText read_report_text(std::string_view text, std::string_view sender);

// The part of the text before the returned message.
std::string_view before_returned_message(std::string_view text);

}  // namespace postil::diagnose
