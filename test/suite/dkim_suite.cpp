// Other people's DKIM vectors, by request: dkim_suite FOLDER. FOLDER: *.txt in the format of stalwartlabs/mail-auth
// (resources/dkim): lines "NAME RECORD", an empty line, a message whose signatures hold. Prints the score; exit 1 = one
// does not hold, 77 = no vectors.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include "mailauth/dkim_verify.hpp"

namespace {

using namespace postil;

std::string with_crlf(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out += '\r';
    out += c;
  }
  return out;
}

bool holds(const std::string& text, std::string& said) {
  const auto split = text.find("\n\n");
  if (split == std::string::npos) return false;
  std::map<std::string, std::string> records;
  std::istringstream lines(text.substr(0, split));
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    if (space != std::string::npos) records[line.substr(0, space)] = line.substr(space + 1);
  }
  const std::string message = with_crlf(text.substr(split + 2));
  const auto end = message.find("\r\n\r\n");
  mailauth::DkimVerifier verifier(message.substr(0, end), wall_from_microseconds(1'667'843'664'000'000));
  if (end != std::string::npos) verifier.body(message.substr(end + 4));
  verifier.end_of_body();
  while (const auto name = verifier.next_question()) {
    dns::Answer answer;
    answer.status = dns::Status::no_domain;
    for (const auto& [at, record] : records) {
      if (at != *name && at != *name + ".") continue;
      answer.status = dns::Status::ok;
      answer.records.emplace_back(dns::Text{record});
    }
    verifier.answer(answer);
  }
  const auto results = verifier.results();
  for (const auto& one : results) {
    said += std::string(" ") + std::string(to_string(one.result)) + "(" + std::string(to_string(one.fault)) + ")";
  }
  return !results.empty() && results.back().result == mailauth::DkimResult::pass;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(count > 1 ? arguments[1] : "", none)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  if (files.empty()) {
    std::cerr << "no vectors: dkim_suite FOLDER\n";
    return 77;
  }
  std::ranges::sort(files);
  std::size_t good = 0;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::string said;
    const bool passed = holds({std::istreambuf_iterator<char>(file), {}}, said);
    good += passed ? 1 : 0;
    std::cout << path.filename().string() << ":" << said << '\n';
  }
  std::cout << good << " of " << files.size() << " hold\n";
  return good == files.size() ? 0 : 1;
}
