// Each script again with its input cut at every octet, with the connection lost and with a time-out behind every octet:
// the cuts change nothing, and a fault leaves every recipient with a defined outcome.
#include <gtest/gtest.h>

#include "client_script.hpp"

namespace postil::smtp {
namespace {

using client_test::Fault;
using client_test::Options;
using client_test::Record;
using client_test::Script;
using client_test::transaction;

struct Named {
  const char* name;
  Script script;
};

std::string show(const Outcome& o) {
  std::string out = std::string(to_string(o.stage)) + "/" + std::string(to_string(o.trouble));
  if (o.reply) out += "/" + o.reply->one_line();
  return out;
}
std::string show(const Record& r) {
  std::string out = r.sent + "\n";
  for (const auto& result : r.results) {
    out += result.sent_to_end ? "to the end:" : "not to the end:";
    for (const auto& o : result.recipients) out += " " + show(o);
    out += "\n";
  }
  return out + (r.closed ? show(*r.closed) : "open") + r.last_words;
}

std::vector<Named> scripts() {
  std::vector<Named> out;
  const auto add = [&](const char* name, std::vector<std::string> replies,
                       std::vector<std::string> to = {"a@x.example", "b@x.example"},
                       std::size_t body_cut = 1 << 20) -> Script& {
    Script s;
    s.replies = std::move(replies);
    s.replies.insert(s.replies.begin(), "220-mx.example ESMTP\r\n220 ready\r\n");
    s.transactions = {transaction("c@us.example", to), transaction("", {"d@x.example"})};
    s.bodies = {"Subject: one\r\n\r\n.dot\r\nlast line\r\n", "two\r\n"};
    s.body_cut = body_cut;
    out.push_back({name, std::move(s)});
    return out.back().script;
  };
  add("plain",
      {"250 mx\r\n", "250 a\r\n", "250 a\r\n", "250 b\r\n", "354 go\r\n", "250 taken\r\n", "250 a\r\n", "250 a\r\n",
       "354 go\r\n", "250 2.0.0 taken\r\n", "221 bye\r\n"},
      {"a@x.example", "b@x.example"}, 7);
  add("HELO", {"502 what\r\n", "250 mx\r\n", "250 a\r\n", "550 a\r\n", "250-b\r\n250 b\r\n", "354 go\r\n", "451 no\r\n",
               "250 reset\r\n", "250 a\r\n", "250 a\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"});
  add("pipelined", {"250-mx\r\n250 PIPELINING\r\n", "250 a\r\n250 b\r\n250 c\r\n354 go\r\n", "250 taken\r\n",
                    "250 a\r\n550-x\r\n550 b\r\n554 none\r\n", "221 bye\r\n"});
  add("pipelined, refused", {"250-mx\r\n250 PIPELINING\r\n", "250 a\r\n550 b\r\n450 c\r\n354 go\r\n", "554 none\r\n",
                             "250 reset\r\n", "552 a\r\n503 b\r\n503 b\r\n", "221 bye\r\n"});
  add("chunks",
      {"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "250 a\r\n250 b\r\n250 c\r\n",
       "250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 5\r\n", "250 a\r\n250 b\r\n", "552 no\r\n", "221 bye\r\n"},
      {"a@x.example", "b@x.example"}, 8);
  add("chunks one by one", {"250 CHUNKING\r\n"}).replies = {"220 mx\r\n",    "250-mx\r\n250 CHUNKING\r\n",
                                                            "250 a\r\n",     "250 b\r\n",
                                                            "550 c\r\n",     "250 1\r\n",
                                                            "250 2\r\n",     "452 3\r\n",
                                                            "250 reset\r\n", "250 a\r\n",
                                                            "250 a\r\n",     "250 a\r\n",
                                                            "221 bye\r\n"};
  out.back().script.body_cut = 11;
  add("one flight", {"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "250 a\r\n250 b\r\n550 c\r\n250 taken\r\n",
                     "250 a\r\n250 b\r\n250 taken\r\n", "221 bye\r\n"})
      .settings.one_flight_octets_max = 1000;
  add("one flight, refused", {"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "250 a\r\n550 b\r\n450 c\r\n503 none\r\n",
                              "250 reset\r\n", "552 a\r\n503 b\r\n503 c\r\n", "221 bye\r\n"})
      .settings.one_flight_octets_max = 1000;
  add("TLS", {"250-mx\r\n250 STARTTLS\r\n", "220 go\r\n", "250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
              "250 a\r\n421 b\r\n"});
  Script& login = add("login", {"250-mx\r\n250 AUTH PLAIN LOGIN\r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n",
                                "235 in\r\n", "450 no\r\n", "250 reset\r\n", "550 no\r\n", "221 bye\r\n"});
  login.settings.login = ClientLogin{"user", "secret", "LOGIN"};
  login.settings.login_without_tls = true;
  return out;
}

TEST(ClientSweep, CutsChangeNothing) {
  for (const auto& [name, script] : scripts()) {
    SCOPED_TRACE(name);
    const std::string whole = show(client_test::run(script));
    EXPECT_EQ(whole.find("end of the script"), std::string::npos);
    for (std::size_t cut = 1; cut < 12; ++cut) EXPECT_EQ(show(client_test::run(script, {.cut = cut})), whole) << cut;
  }
}

TEST(ClientSweep, AFaultBehindEveryOctet) {
  for (const auto& [name, script] : scripts()) {
    SCOPED_TRACE(name);
    const Record whole = client_test::run(script);
    std::size_t octets = 0;
    for (const auto& reply : script.replies) octets += reply.size();
    for (const Fault fault : {Fault::lost, Fault::timeout}) {
      for (std::size_t at = 0; at < octets; ++at) {
        const Record r = client_test::run(script, {.fault = fault, .octets_max = at});
        ASSERT_TRUE(r.closed) << at;
        // What was sent is a part of what is sent when all goes well.
        EXPECT_EQ(whole.sent.compare(0, r.sent.size(), r.sent), 0) << at;
        ASSERT_LE(r.results.size(), whole.results.size());
        const Trouble expected = fault == Fault::lost ? Trouble::connection_lost : Trouble::timed_out;
        const bool by_reply = r.closed->trouble == Trouble::none;  // a reply closed the session before
        if (!by_reply) {
          EXPECT_EQ(r.closed->trouble, expected) << at;
          EXPECT_EQ(r.last_words, "");
        }
        for (std::size_t t = 0; t < r.results.size(); ++t) {
          const auto& result = r.results[t];
          ASSERT_EQ(result.recipients.size(), script.transactions[t].recipients.size());
          for (std::size_t i = 0; i < result.recipients.size(); ++i) {
            const auto& o = result.recipients[i];
            EXPECT_TRUE(o.reply || o.trouble == expected) << at;
            // Either as without the fault, or the fault's: never a delivery or a refusal that was not heard.
            if (o.trouble == Trouble::none) {
              EXPECT_EQ(show(o), show(whole.results[t].recipients[i])) << at;
            }
            if (o.trouble != Trouble::none && o.stage == Stage::end_of_data) {
              EXPECT_TRUE(result.sent_to_end) << at;
            }
          }
          if (result.sent_to_end) {
            EXPECT_TRUE(whole.results[t].sent_to_end);
          }
        }
      }
    }
  }
}

TEST(ClientSweep, ALostEndLeavesDoubt) {
  auto script = scripts()[0].script;
  std::size_t before_end = 0;
  for (int i = 0; i < 6; ++i) before_end += script.replies[i].size();
  const Record r = client_test::run(script, {.fault = Fault::lost, .octets_max = before_end});
  ASSERT_EQ(r.results.size(), 1u);
  EXPECT_TRUE(r.results[0].sent_to_end);
  EXPECT_EQ(show(r.results[0].recipients[0]), "end_of_data/connection_lost");
}

}  // namespace
}  // namespace postil::smtp
