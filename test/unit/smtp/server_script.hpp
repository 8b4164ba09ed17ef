// Step scripts for the server's session: what a client sends and what must come, then a look at what the session asked
// and left behind. Each script runs in all the ways of test/support/bare_runs.hpp.
//
//   ServerScript({{"job", "relay"}})
//       .line("EHLO c.example").reply("250")
//       .run([](BareServer& server) { EXPECT_EQ(server.policy().stored().size(), 1u); });
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "support/bare_runs.hpp"

namespace postil::test {

class ServerScript {
 public:
  explicit ServerScript(std::map<std::string, std::string> settings = {}) {
    dialogue_.name = "script";
    dialogue_.settings = std::move(settings);
    reply("220|521");
  }

  ServerScript& line(std::string_view text) { return octets(std::string(text) + "\r\n"); }
  ServerScript& octets(std::string_view text) {
    auto& step = add(StepKind::send);
    step.text = text;
    return *this;
  }
  ServerScript& reply(std::string_view code, std::string_view enhanced = "", std::string_view pattern = "") {
    auto& step = add(StepKind::expect);
    step.code = code;
    step.enhanced = enhanced;
    if (!pattern.empty()) step.patterns.emplace_back(pattern);
    return *this;
  }
  ServerScript& tls() {
    add(StepKind::tls);
    return *this;
  }
  ServerScript& wait(std::size_t seconds) {
    add(StepKind::wait).count = seconds;
    return *this;
  }
  // EHLO, MAIL and RCPT.
  ServerScript& transaction(std::string_view from = "a@example.org", std::string_view to = "b@example.net") {
    line("EHLO c.example").reply("250");
    line("MAIL FROM:<" + std::string(from) + ">").reply("250");
    return line("RCPT TO:<" + std::string(to) + ">").reply("250");
  }
  ServerScript& message(std::string_view octets_with_dot) {
    line("DATA").reply("354");
    return octets(octets_with_dot);
  }

  template <class Check>
  void run(Check check) {
    EXPECT_EQ(run_all_ways(dialogue_,
                           [&](BareServer& server) {
                             check(server);
                             return std::string();
                           }),
              "");
  }
  void run() { EXPECT_EQ(run_all_ways(dialogue_), ""); }

 private:
  DialogueStep& add(StepKind kind) {
    auto& step = dialogue_.steps.emplace_back();
    step.kind = kind;
    step.line = static_cast<int>(dialogue_.steps.size());
    return step;
  }

  Dialogue dialogue_;
};

}  // namespace postil::test
