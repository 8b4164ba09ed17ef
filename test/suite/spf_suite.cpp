// Answers questions about SPF from a file of lines, for scripts/spf-suite, which reads other people's test suites.
// Fields are parted by tabs; names, texts and senders stand there as hexadecimal digits.
//
//   zone                                   forget all records
//   drop NAME                              forget its texts
//   rr NAME A|AAAA ADDRESS                 rr NAME TXT TEXT      rr NAME MX PREFERENCE NAME
//   rr NAME PTR|CNAME NAME                 rr NAME TIMEOUT TYPE  TYPE "*": whatever there is no record of
//   test ID mailfrom|helo ADDRESS HELO SENDER   prints ID, the result, the reason and the explanation
#include <fmt/format.h>

#include <charconv>
#include <iostream>
#include <map>

#include "base/bytes.hpp"
#include "dns/parse.hpp"
#include "mailauth/spf.hpp"

namespace {

using namespace postil;
using dns::Status;
using dns::Type;

std::string from_hex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    int value = 0;
    std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16);
    out += static_cast<char>(value);
  }
  return out;
}

std::string to_hex(std::string_view text) {
  std::string out;
  for (const char c : text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

class Zone {
 public:
  void clear() { names_.clear(); }
  void add(std::string_view name, Type type, dns::Data data) { at(name).records[type].push_back(std::move(data)); }
  void drop_texts(std::string_view name) { at(name).records.erase(Type::txt); }
  void time_out(std::string_view name, std::string type) { at(name).silent.push_back(std::move(type)); }

  dns::Answer ask(const mailauth::DnsQuestion& question) const {
    dns::Answer answer;
    answer.canonical_name = question.name;
    for (int hops = 0; hops < 10; ++hops) {
      const auto found = names_.find(answer.canonical_name);
      if (found == names_.end()) return answer.status = Status::no_domain, answer;
      const auto& [records, silent] = found->second;
      if (const auto own = records.find(question.type); own != records.end()) {
        answer.records = own->second;
        return answer.status = Status::ok, answer;
      }
      for (const auto& type : silent)
        if (type == "*" || type == dns::to_string(question.type)) return answer.status = Status::timed_out, answer;
      const auto alias = records.find(Type::cname);
      if (alias == records.end()) return answer.status = Status::no_data, answer;
      answer.canonical_name = dns::normal_name(std::get<dns::NameTarget>(alias->second.front()).name);
    }
    return answer.status = Status::malformed, answer;
  }

 private:
  struct Name {
    std::map<Type, std::vector<dns::Data>> records;
    std::vector<std::string> silent;
  };
  Name& at(std::string_view name) { return names_[mailauth::question_name(name)]; }
  std::map<std::string, Name> names_;
};

void add_record(Zone& zone, const std::vector<std::string_view>& fields) {
  const auto name = from_hex(fields.at(1));
  const auto type = fields.at(2);
  if (type == "A" || type == "AAAA") {
    zone.add(name, type == "A" ? Type::a : Type::aaaa, dns::Address{std::string(fields.at(3))});
  } else if (type == "TXT") {
    zone.add(name, Type::txt, dns::Text{from_hex(fields.at(3))});
  } else if (type == "MX") {
    std::uint16_t preference = 0;
    std::from_chars(fields.at(3).data(), fields.at(3).data() + fields.at(3).size(), preference);
    zone.add(name, Type::mx, dns::Mx{preference, mailauth::question_name(from_hex(fields.at(4)))});
  } else if (type == "PTR" || type == "CNAME") {
    const auto target = mailauth::question_name(from_hex(fields.at(3)));
    zone.add(name, type == "PTR" ? Type::ptr : Type::cname, dns::NameTarget{target});
  } else {
    zone.time_out(name, std::string(fields.at(3)));
  }
}

void run_test(const Zone& zone, const std::vector<std::string_view>& fields) {
  const auto client = address::Ip::parse(fields.at(3));
  if (!client) throw std::runtime_error("no address: " + std::string(fields.at(3)));
  const auto helo = from_hex(fields.at(4));
  const auto input = fields.at(2) == "helo" ? mailauth::spf_helo(*client, helo)
                                            : mailauth::spf_mail_from(*client, helo, from_hex(fields.at(5)));
  mailauth::SpfCheck check(input);
  while (const auto* question = check.question()) check.answer(zone.ask(*question));
  const auto& outcome = check.outcome();
  fmt::print("{}\t{}\t{}\t{}\n", fields.at(1), to_string(outcome.result), to_string(outcome.reason),
             to_hex(outcome.explanation));
}

}  // namespace

int main() {
  Zone zone;
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto fields = split(line, '\t');
    if (fields.front() == "zone") {
      zone.clear();
    } else if (fields.front() == "drop") {
      zone.drop_texts(from_hex(fields.at(1)));
    } else if (fields.front() == "rr") {
      add_record(zone, fields);
    } else if (fields.front() == "test") {
      run_test(zone, fields);
    }
  }
}
