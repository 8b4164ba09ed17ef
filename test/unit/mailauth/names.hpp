// DNS for tests: what a name holds, and which questions were asked.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dns/answer.hpp"
#include "mailauth/question.hpp"

namespace postil::mailauth {

class Names {
 public:
  Names& txt(const std::string& name, const std::string& text) { return add(name, dns::Type::txt, dns::Text{text}); }
  Names& a(const std::string& name, const std::string& ip) { return add(name, dns::Type::a, dns::Address{ip}); }
  Names& aaaa(const std::string& name, const std::string& ip) { return add(name, dns::Type::aaaa, dns::Address{ip}); }
  Names& mx(const std::string& name, const std::string& host) { return add(name, dns::Type::mx, dns::Mx{10, host}); }
  Names& ptr(const std::string& name, const std::string& host) {
    return add(name, dns::Type::ptr, dns::NameTarget{host});
  }
  Names& exists(const std::string& name) { return names_[name], *this; }
  Names& fails(const std::string& name) { return failing_.push_back(name), *this; }

  dns::Answer ask(const DnsQuestion& question) {
    asked.push_back(question.name + " " + std::string(dns::to_string(question.type)));
    dns::Answer answer;
    answer.canonical_name = question.name;
    for (const auto& name : failing_)
      if (name == question.name) return answer.status = dns::Status::server_failure, answer;
    const auto found = names_.find(question.name);
    if (found == names_.end()) return answer.status = dns::Status::no_domain, answer;
    const auto records = found->second.find(question.type);
    if (records == found->second.end()) return answer.status = dns::Status::no_data, answer;
    answer.status = dns::Status::ok;
    answer.records = records->second;
    return answer;
  }

  // Until the check has no more questions.
  template <class Check>
  void run(Check& check) {
    while (const auto* question = check.question()) check.answer(ask(*question));
  }

  std::vector<std::string> asked;  // "example.com TXT"

 private:
  Names& add(const std::string& name, dns::Type type, dns::Data data) {
    names_[name][type].push_back(std::move(data));
    return *this;
  }
  std::map<std::string, std::map<dns::Type, std::vector<dns::Data>>> names_;
  std::vector<std::string> failing_;
};

}  // namespace postil::mailauth
