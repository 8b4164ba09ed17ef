// Observations written by hand, and what is found in them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnose/findings_areas.hpp"

namespace postil::diagnose {

class FindingsTest : public testing::Test {
 protected:
  FindingsTest() { domain("example.org", {Part::mx, Part::connect, Part::greeting, Part::ehlo, Part::tls}); }

  void domain(const std::string& name, std::initializer_list<Part> parts) {
    seen_.request.subject = {SubjectKind::domain, name, name, "", ""};
    seen_.request.parts = {};
    for (const Part part : parts) seen_.request.parts.add(part);
    seen_.time = WallTime(seconds(1'790'000'000));
  }
  void only(std::initializer_list<Part> parts) { domain(seen_.request.subject.domain, parts); }

  void answer(const std::string& name, dns::Type type, std::vector<dns::Data> records,
              dns::Status status = dns::Status::ok) {
    dns::Answer out;
    out.status = records.empty() && status == dns::Status::ok ? dns::Status::no_data : status;
    out.records = std::move(records);
    out.canonical_name = name;
    out.chain = {name};
    seen_.dns.add({name, type, std::move(out)});
  }
  void mx(std::vector<dns::Data> records, dns::Status status = dns::Status::ok) {
    answer("example.org", dns::Type::mx, std::move(records), status);
  }
  void txt(const std::string& name, std::vector<std::string> values) {
    std::vector<dns::Data> records;
    for (auto& value : values) records.emplace_back(dns::Text{std::move(value)});
    answer(name, dns::Type::txt, std::move(records));
  }
  void host(const std::string& name, std::vector<std::string> v4, std::vector<std::string> v6 = {}) {
    std::vector<dns::Data> a, aaaa;
    for (auto& text : v4) a.emplace_back(dns::Address{std::move(text)});
    for (auto& text : v6) aaaa.emplace_back(dns::Address{std::move(text)});
    answer(name, dns::Type::a, std::move(a));
    answer(name, dns::Type::aaaa, std::move(aaaa));
  }
  void login(std::uint16_t port, const std::string& mechanism, std::optional<reply::RemoteReply> auth,
             const std::string& offer = "AUTH PLAIN") {
    auto& c = connection("mail.example.org", "192.0.2.1");
    c.purpose = Purpose::login;
    c.port = port;
    c.implicit_tls = port == 465;
    c.mechanism = mechanism;
    c.greeting = reply(220, {"ready"});
    c.ehlo = reply(250, {"mail"});
    (c.implicit_tls ? c.ehlo : c.ehlo_tls) = reply(250, {"mail", offer});
    c.tls = SeenTls{"TLSv1.3", "X", {}, ""};
    c.auth = std::move(auth);
  }
  static reply::RemoteReply reply(reply::Code code, std::vector<std::string> lines) {
    reply::RemoteReply out;
    out.code = code;
    out.lines = std::move(lines);
    for (const auto& line : out.lines) {
      if (const auto enhanced = reply::leading_enhanced_code(line)) out.enhanced = *enhanced;
    }
    return out;
  }
  Connection& connection(const std::string& name, const std::string& address) {
    auto& out = seen_.connections.emplace_back();
    out.host = name;
    out.address = address;
    return out;
  }

  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& finding : find_all(seen_)) {
      const auto& of = entry(finding.id);
      out.emplace_back(of.name);
      const bool trouble = of.word == Word::fail || of.word == Word::warn;
      EXPECT_TRUE(!trouble || !finding.advice.empty()) << of.name << " has nothing to paste";
      for (const auto& phrase : finding.phrases) {
        EXPECT_TRUE(i18n::Translator("de").has("check_detail." + phrase.key)) << of.name << ' ' << phrase.key;
      }
    }
    return out;
  }
  Finding finding(std::string_view name) {
    for (auto& one : find_all(seen_)) {
      if (entry(one.id).name == name) return one;
    }
    ADD_FAILURE() << "not found: " << name;
    return {};
  }

  Observations seen_;
};

}  // namespace postil::diagnose
