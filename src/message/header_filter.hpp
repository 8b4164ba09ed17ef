// Edits the header block of an incoming message while it streams by, in bounded memory: our trace fields go on top,
// a submission loses Bcc and Return-Path and gets the Date and Message-ID that it lacks. All else passes octet for
// octet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postil::message {

class HeaderFilter {
 public:
  struct Options {
    std::string prepend;                // whole fields with CRLF: Received and the like; may be empty
    std::string date_if_missing;        // a whole field "Date: ...<CRLF>", or empty: add none
    std::string message_id_if_missing;  // as above
    std::string from_if_missing;        // as above
    bool remove_bcc = false;            // Bcc and Resent-Bcc
    bool remove_return_path = false;
    std::size_t header_octets_max = 256 * 1024;  // of the incoming header; above it too_big() is set
  };
  explicit HeaderFilter(Options options);

  // Any cuts; what goes on is appended to out. Holds back at most the first 998 octets of a line.
  void feed(std::string_view in, std::string& out);
  // The message has ended; a header without body gets its missing fields now.
  void finish(std::string& out);

  bool in_header() const { return state_ != State::body; }
  // Facts, true for what has been fed. A message over header_octets_max or hops is for the caller to refuse.
  std::size_t hops() const { return hops_; }  // Received fields of the incoming message [rfc5321 6.3]
  std::size_t delivered_to() const { return delivered_to_; }
  bool utf8_header() const { return utf8_header_; }             // an octet over 127 in the header
  std::size_t header_octets() const { return header_octets_; }  // incoming, with the empty line
  // That, without the start of a line that may yet turn out to be the body.
  std::size_t settled_header_octets() const { return header_octets_ - held_.size(); }
  bool too_big() const { return header_octets_ > options_.header_octets_max; }
  bool no_header() const { return no_header_; }  // the first line was no field: all of it is body
  std::size_t from_fields() const { return from_fields_; }
  // Values, unfolded, at most 100 octets, "" when absent; for the language of a bounce.
  const std::string& content_language() const { return content_language_; }
  const std::string& accept_language() const { return accept_language_; }
  const std::string& tls_required() const { return tls_required_; }  // likewise [rfc8689 3]
  // As it came or as it was added: the value with <>, at most 255 octets.
  const std::string& message_id() const { return message_id_; }

 private:
  enum class State : std::uint8_t { line_start, name, value, body };
  void start(std::string& out);
  std::size_t step(std::string_view in, std::string& out);  // gives how much of in it has read
  std::size_t read_line_start(std::string_view in, std::string& out);
  std::size_t read_name(std::string_view in, std::string& out);
  std::size_t read_value(std::string_view in, std::string& out);
  void begin_field(std::string_view name);
  void begin_body(std::string& out);
  void end_header(std::string_view separator, std::string& out);
  void add_missing(std::string& out);
  void count(std::string_view octets);
  void note(std::string_view octets);
  void end_note();
  void pass(std::string_view octets, std::string& out);

  Options options_;
  State state_ = State::line_start;
  std::string held_;         // octets of a line not yet decided upon
  bool started_ = false;     // prepend was written
  bool dropping_ = false;    // the field is one that is taken out
  bool have_field_ = false;  // at least one field was read: a folded line may follow
  bool no_header_ = false;
  bool utf8_header_ = false;
  bool ends_with_lf_ = true;  // what was passed on, so that a field can be added behind it
  bool has_date_ = false;
  bool has_message_id_ = false;
  std::size_t from_fields_ = 0;
  std::size_t hops_ = 0;
  std::size_t delivered_to_ = 0;
  std::size_t header_octets_ = 0;
  std::string* noted_ = nullptr;  // where the value of this field is kept
  std::size_t noted_max_ = 0;
  std::string content_language_;
  std::string accept_language_;
  std::string tls_required_;
  std::string message_id_;
};

}  // namespace postil::message
