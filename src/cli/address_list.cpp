#include "cli/address_list.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::cli {
namespace {

class Reader {
 public:
  std::vector<std::string> read(std::string_view value);

 private:
  void take();

  std::vector<std::string> found_;
  std::string plain_;  // what stands outside of <>, without spaces and comments
  std::string in_angle_;
  bool angle_ = false;  // inside of <>
  bool had_angle_ = false;
};

// The end of one item of the list.
void Reader::take() {
  std::string one = had_angle_ ? in_angle_ : plain_;
  // A source route, obsolete: only its end counts. [rfc5321 C]
  if (one.starts_with('@') && one.find(':') != std::string::npos) one.erase(0, one.find(':') + 1);
  if (!one.empty()) found_.push_back(std::move(one));
  plain_.clear();
  in_angle_.clear();
  angle_ = had_angle_ = false;
}

std::vector<std::string> Reader::read(std::string_view value) {
  int comment = 0;
  bool quoted = false;
  bool literal = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    std::string& into = angle_ ? in_angle_ : plain_;
    if (comment > 0) {
      if (c == '\\') {
        ++i;
      } else {
        comment += c == '(' ? 1 : c == ')' ? -1 : 0;
      }
    } else if (quoted || literal) {
      into += c;
      if (c == '\\' && i + 1 < value.size()) {
        into += value[++i];
      } else if (quoted && c == '"') {
        quoted = false;
      } else if (literal && c == ']') {
        literal = false;
      }
    } else if (c == '"') {
      quoted = true;
      into += c;
    } else if (c == '[') {
      literal = true;
      into += c;
    } else if (c == '(') {
      ++comment;
    } else if (c == '<') {
      angle_ = had_angle_ = true;
      in_angle_.clear();
    } else if (c == '>') {
      angle_ = false;
    } else if (c == ':' && !angle_) {
      plain_.clear();  // that was the name of a group
    } else if ((c == ',' && !angle_) || c == ';') {
      take();
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      into += c;
    }
  }
  take();
  return std::move(found_);
}

}  // namespace

std::vector<std::string> addresses_in(std::string_view value) {
  return Reader().read(value);
}

std::vector<std::string> field_values(std::string_view header, std::string_view name) {
  std::vector<std::string> out;
  bool taking = false;
  while (!header.empty()) {
    const auto end = std::min(header.find("\r\n"), header.size());
    const auto line = header.substr(0, end);
    header.remove_prefix(std::min(end + 2, header.size()));
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (taking) out.back() += line;
      continue;
    }
    const auto colon = line.find(':');
    taking = colon != std::string_view::npos && iequals(trim(line.substr(0, colon)), name);
    if (taking) out.emplace_back(line.substr(colon + 1));
  }
  return out;
}

}  // namespace postil::cli
