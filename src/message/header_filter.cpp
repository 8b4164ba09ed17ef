#include "message/header_filter.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::message {
namespace {

// A longer name is no field's: lines have at most 998 octets [rfc5322 2.1.1]. This bounds what is held back.
constexpr std::size_t name_octets_max = 998;
constexpr std::size_t language_octets_max = 100;
constexpr std::size_t message_id_octets_max = 255;

bool is_name_octet(char c) {
  return c > ' ' && c < 127 && c != ':';
}

}  // namespace

HeaderFilter::HeaderFilter(Options options) : options_(std::move(options)) {}

void HeaderFilter::feed(std::string_view in, std::string& out) {
  if (in.empty()) return;
  start(out);
  while (!in.empty() && state_ != State::body) {
    const auto taken = step(in, out);
    in.remove_prefix(taken);
  }
  if (in.empty()) return;
  out.append(in);
}

void HeaderFilter::start(std::string& out) {
  if (started_) return;
  started_ = true;
  out.append(options_.prepend);
}

std::size_t HeaderFilter::step(std::string_view in, std::string& out) {
  switch (state_) {
    case State::line_start:
      return read_line_start(in, out);
    case State::name:
      return read_name(in, out);
    case State::value:
      return read_value(in, out);
    case State::body:
      break;
  }
  return 0;
}

// At the start of a line; held_ is empty, or the CR of what may be the empty line.
std::size_t HeaderFilter::read_line_start(std::string_view in, std::string& out) {
  const char c = in.front();
  if (c == '\n') {
    count(in.substr(0, 1));
    end_header(held_ + "\n", out);
    return 1;
  }
  if (!held_.empty()) {  // a CR without its LF begins no field
    begin_body(out);
    return 0;
  }
  if (c == '\r') {
    count(in.substr(0, 1));
    held_ = "\r";
    return 1;
  }
  if ((c == ' ' || c == '\t') && have_field_) {
    state_ = State::value;
    return 0;
  }
  state_ = State::name;
  return 0;
}

// held_ has the line so far: a name, perhaps with spaces behind it [rfc5322 4.5.8].
std::size_t HeaderFilter::read_name(std::string_view in, std::string& out) {
  std::size_t taken = 0;
  while (taken < in.size()) {
    const char c = in[taken];
    const bool spaced = !held_.empty() && (held_.back() == ' ' || held_.back() == '\t');
    if (c == ':' && !held_.empty()) {
      count(in.substr(0, taken + 1));
      begin_field(trim(held_));
      held_ += ':';
      pass(held_, out);
      held_.clear();
      state_ = State::value;
      return taken + 1;
    }
    const bool space = (c == ' ' || c == '\t') && !held_.empty();
    if (!space && (spaced || !is_name_octet(c))) break;
    if (held_.size() == name_octets_max) break;
    held_ += c;
    ++taken;
  }
  count(in.substr(0, taken));
  if (taken < in.size()) begin_body(out);
  return taken;
}

std::size_t HeaderFilter::read_value(std::string_view in, std::string& out) {
  const auto lf = in.find('\n');
  const auto part = in.substr(0, lf == std::string_view::npos ? lf : lf + 1);
  count(part);
  utf8_header_ = utf8_header_ || has_8bit(part);
  note(part);
  pass(part, out);
  if (lf != std::string_view::npos) state_ = State::line_start;
  return part.size();
}

void HeaderFilter::begin_field(std::string_view name) {
  have_field_ = true;
  end_note();
  dropping_ = (options_.remove_bcc && (iequals(name, "Bcc") || iequals(name, "Resent-Bcc"))) ||
              (options_.remove_return_path && iequals(name, "Return-Path"));
  const auto keep = [&](std::string& value, std::size_t max) {
    if (!value.empty()) return;
    noted_ = &value;
    noted_max_ = max;
  };
  if (iequals(name, "Received")) ++hops_;
  if (iequals(name, "Delivered-To")) ++delivered_to_;
  if (iequals(name, "From")) ++from_fields_;
  if (iequals(name, "Date")) has_date_ = true;
  if (iequals(name, "Content-Language")) keep(content_language_, language_octets_max);
  if (iequals(name, "Accept-Language")) keep(accept_language_, language_octets_max);
  if (iequals(name, "TLS-Required")) keep(tls_required_, language_octets_max);
  if (iequals(name, "Message-ID")) {
    has_message_id_ = true;
    keep(message_id_, message_id_octets_max);
  }
}

void HeaderFilter::note(std::string_view octets) {
  if (noted_ == nullptr) return;
  for (const char c : octets) {
    if (noted_->size() == noted_max_) return;
    if (c == '\t' || c == ' ') {
      if (!noted_->empty()) *noted_ += ' ';
    } else if (!is_control(c)) {
      *noted_ += c;
    }
  }
}

void HeaderFilter::end_note() {
  if (noted_ != nullptr) *noted_ = std::string(trim(*noted_));
  noted_ = nullptr;
}

void HeaderFilter::count(std::string_view octets) {
  header_octets_ += octets.size();
}

void HeaderFilter::pass(std::string_view octets, std::string& out) {
  if (dropping_ || octets.empty()) return;
  out.append(octets);
  ends_with_lf_ = octets.back() == '\n';
}

// The empty line has been read.
void HeaderFilter::end_header(std::string_view separator, std::string& out) {
  held_.clear();
  add_missing(out);
  out.append(separator);
  state_ = State::body;
}

// A line that is no field ends the header without an empty line; one is put in, as Postfix does, or else
// our fields and the line would be one block.
void HeaderFilter::begin_body(std::string& out) {
  no_header_ = !have_field_;
  header_octets_ -= held_.size();
  add_missing(out);
  out.append("\r\n");
  out.append(held_);
  held_.clear();
  state_ = State::body;
}

void HeaderFilter::add_missing(std::string& out) {
  end_note();
  std::string fields;
  if (from_fields_ == 0) fields += options_.from_if_missing;
  if (!has_date_) fields += options_.date_if_missing;
  if (!has_message_id_ && !options_.message_id_if_missing.empty()) {
    const auto& added = options_.message_id_if_missing;
    fields += added;
    noted_ = &message_id_;
    noted_max_ = message_id_octets_max;
    note(std::string_view(added).substr(added.find(':') + 1));
    end_note();
  }
  if (!ends_with_lf_ && !fields.empty()) out.append("\r\n");
  out.append(fields);
}

void HeaderFilter::finish(std::string& out) {
  start(out);
  if (state_ == State::body) return;
  if (!held_.empty()) {
    begin_body(out);
    return;
  }
  add_missing(out);
  state_ = State::body;
}

}  // namespace postil::message
