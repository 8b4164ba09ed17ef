// Every way in which a next hop can fail, at every stage: one row a case. The first column is what comes of it when the
// domain has that host alone, the second what comes of it with another one behind it.
#include <fmt/format.h>

#include "rig.hpp"

namespace postil::test {
namespace {

using Then = RemoteStep::Then;
using enum RemoteStage;

struct Case {
  RemoteStage stage;
  std::string reply;
  Then then;
  std::string alone;   // outcome, reason, status
  std::string second;  // the same, with a good second host; "" = as alone
};

std::string many_lines(std::size_t octets) {
  std::string out;
  while (out.size() < octets) out += "250-" + std::string(500, 'x') + "\r\n";
  return out + "250 end";
}

const std::string delivered = "delivered";
const std::string lost = "deferred connection_lost 4.4.2";
const std::string late = "deferred timed_out 4.4.2";
const std::string rubbish = "deferred protocol_error 4.5.0";

std::vector<Case> cases() {
  const std::string down = "deferred host_deferred 4.3.2";
  const std::string refused = "deferred refused_us 4.3.2";
  std::vector<Case> all = {
      {greeting, "421 4.3.2 closing", Then::close, down, delivered},
      {greeting, "450 try later", Then::go_on, down, delivered},
      {greeting, "554 no", Then::close, refused, delivered},
      {greeting, "554 5.7.1 you are blocked", Then::close, "deferred refused_us 4.7.1", delivered},
      {greeting, "521 takes no mail", Then::close, "failed host_accepts_no_mail 5.3.2", delivered},
      {greeting, "521 5.3.2 takes no mail", Then::go_on, "failed host_accepts_no_mail 5.3.2", delivered},
      {greeting, "521 5.7.1 takes no mail", Then::close, "deferred refused_us 4.7.1", delivered},
      {greeting, "521 your address is blacklisted", Then::close, "deferred refused_us 4.7.1", delivered},
      {ehlo, "421 4.3.2 closing", Then::close, down, delivered},
      {ehlo, "451 4.3.0 try later", Then::go_on, "deferred host_deferred 4.3.0", delivered},
      {ehlo, "550 5.7.1 bad name", Then::go_on, "deferred refused_us 4.7.1", delivered},
      {mail, "421 4.3.2 closing", Then::close, down, delivered},
      {mail, "451 4.3.0 try later", Then::go_on, "deferred host_deferred 4.3.0", delivered},
      {mail, "450 4.2.1 try later", Then::go_on, "deferred message_deferred 4.2.1", delivered},
      {mail, "550 5.7.1 no", Then::go_on, "failed message_refused 5.7.1", ""},
      {mail, "552 5.3.4 too big", Then::go_on, "failed too_big 5.3.4", ""},
      {rcpt, "421 4.3.2 closing", Then::close, down, delivered},
      {rcpt, "450 4.2.1 busy", Then::go_on, "deferred recipient_deferred 4.2.1", delivered},
      {rcpt, "451 4.7.1 Try again later", Then::go_on, "deferred recipient_deferred 4.7.1", ""},
      {rcpt, "451 4.7.1 Greylisted", Then::go_on, "deferred greylisted 4.7.1", ""},
      {rcpt, "550 5.1.1 nobody", Then::go_on, "failed recipient_refused 5.1.1", ""},
      {rcpt, "550 no", Then::go_on, "failed recipient_refused 5.0.0", ""},
      {data, "421 4.3.2 closing", Then::close, down, delivered},
      {data, "451 4.3.0 try later", Then::go_on, "deferred host_deferred 4.3.0", delivered},
      {data, "450 4.2.0 try later", Then::go_on, "deferred message_deferred 4.2.0", delivered},
      {data, "450 4.7.1 try later", Then::go_on, "deferred message_deferred 4.7.1", ""},
      {data, "554 5.6.0 no", Then::go_on, "failed message_refused 5.6.0", ""},
      {data, "250 2.0.0 what?", Then::go_on, rubbish, delivered},
      {end, "421 4.3.2 closing", Then::close, down, delivered},
      {end, "451 4.3.0 try later", Then::go_on, "deferred host_deferred 4.3.0", delivered},
      {end, "450 4.2.0 try later", Then::go_on, "deferred message_deferred 4.2.0", delivered},
      {end, "451 4.7.1 try later", Then::go_on, "deferred message_deferred 4.7.1", ""},
      {end, "554 5.7.1 spam", Then::go_on, "failed message_refused 5.7.1", ""},
      {end, "552 5.2.2 full", Then::go_on, "failed message_refused 5.2.2", ""},
  };
  for (const RemoteStage stage : {greeting, ehlo, mail, rcpt, data, end}) {
    // After the end of the message the host may have it unless it refused in so many words: another one in the same
    // attempt would make two of it.
    const std::string second = stage == end ? "" : delivered;
    all.push_back({stage, "", Then::close, lost, second});
    all.push_back({stage, "", Then::reset, lost, second});
    all.push_back({stage, "", Then::silence, late, second});
    all.push_back({stage, "", Then::garbage, rubbish, second});
    all.push_back({stage, "", Then::endless, rubbish, second});
    all.push_back({stage, many_lines(10'000'000), Then::go_on, rubbish, second});
  }
  // Lines whose codes contradict each other are no reply. [rfc5321 4.2.1]
  const std::string two = "250-fine\r\n550 5.1.1 not at all";
  all.push_back({greeting, "220-hello\r\n554 5.3.2 go away", Then::close, rubbish, delivered});
  all.push_back({mail, two, Then::go_on, rubbish, delivered});
  all.push_back({rcpt, two, Then::go_on, rubbish, delivered});
  all.push_back({end, two, Then::go_on, rubbish, ""});
  return all;
}

std::string_view name_of(RemoteStage stage) {
  constexpr std::string_view names[] = {"greeting", "ehlo", "starttls", "mail", "rcpt", "data", "end", "rset", "quit"};
  return names[static_cast<std::size_t>(stage)];
}

std::string_view name_of(Then then) {
  constexpr std::string_view names[] = {"", "closes", "resets", "is silent", "garbage", "endless"};
  return names[static_cast<std::size_t>(then)];
}

void run_table(const RemoteOptions& options) {
  for (const auto& row : cases()) {
    if (options.chunking && row.stage == data) continue;  // there is no DATA then
    std::string results[2];
    for (const bool second : {false, true}) {
      DeliveryRig rig;
      // The commands are taken once, so that the host answers each as the row says, not only the first one.
      auto& bad = rig.domain("d.example", 1, options, always(row.stage, row.reply, row.then));
      if (second) {
        rig.world.zone().mx("d.example", 20, "mx2.d.example");
        rig.host("mx2.d.example", 2, options);
      }
      const auto result = rig.one("bob@d.example");
      results[second] = shown(result);
      EXPECT_THAT(bad.complaints(), testing::IsEmpty()) << name_of(row.stage) << " " << row.reply.substr(0, 60);
      EXPECT_EQ(bad.counts().bad_commands, 0u);
      if (!second) {
        EXPECT_FALSE(result.diagnostic.empty()) << name_of(row.stage);
        EXPECT_EQ(result.remote, "mx1.d.example [203.0.113.1]");
        EXPECT_LE(result.diagnostic.size(), 1000u);
      }
    }
    const std::string wanted = row.second.empty() ? row.alone : row.second;
    fmt::print("{:8} {:9} {:32} {:40} {}\n", name_of(row.stage), name_of(row.then), row.reply.substr(0, 31), results[0],
               results[1]);
    EXPECT_EQ(results[0], row.alone) << name_of(row.stage) << " " << name_of(row.then) << " "
                                     << row.reply.substr(0, 60);
    EXPECT_EQ(results[1], wanted) << name_of(row.stage) << " " << name_of(row.then) << " " << row.reply.substr(0, 60);
  }
}

TEST(AttemptFaults, EachStageWithData) {
  RemoteOptions options;
  options.chunking = false;
  run_table(options);
}

TEST(AttemptFaults, EachStageOneCommandAtATime) {
  RemoteOptions options;
  options.chunking = options.pipelining = false;
  run_table(options);
}

TEST(AttemptFaults, EachStageWithChunks) {
  run_table({});
}

TEST(AttemptFaults, NoConnection) {
  for (const auto how : {Line::Connect::refuse, Line::Connect::unreachable, Line::Connect::black_hole}) {
    DeliveryRig rig;
    rig.domain("d.example", 1);
    rig.world.internet().line_of = [how](const Node&, const env::Endpoint& to, Prng&) {
      Line line;
      if (to.address == "203.0.113.1") line.connect = how;
      return line;
    };
    const auto result = rig.one("bob@d.example");
    EXPECT_EQ(shown(result), "deferred connect_failed 4.4.1");
    EXPECT_EQ(rig.last.site, queue::SiteHealth::down);
    rig.world.zone().mx("d.example", 20, "mx2.d.example");
    auto& second = rig.host("mx2.d.example", 2);
    EXPECT_EQ(shown(rig.one("bob@d.example")), delivered);
    EXPECT_EQ(second.taken().size(), 1u);
  }
}

// The line breaks after each number of octets, in each direction: there is always an end, and a host that said 250 to
// the message has it.
TEST(AttemptFaults, TheLineBreaksAnywhere) {
  int delivered_count = 0;
  for (const bool to_server : {true, false}) {
    for (const auto how : {Line::Break::reset, Line::Break::silence}) {
      for (std::uint64_t octets = 0; octets < 700; octets += 13) {
        DeliveryRig rig;
        auto& host = rig.domain("d.example", 1);
        rig.world.internet().line_of = [&](const Node&, const env::Endpoint&, Prng&) {
          Line line;
          (to_server ? line.break_to_server : line.break_to_client) = octets;
          line.how = how;
          return line;
        };
        const auto result = rig.one("bob@d.example");
        if (shown(result) == delivered) {
          ++delivered_count;
          ASSERT_EQ(host.taken().size(), 1u);
          EXPECT_EQ(host.taken()[0].octets, "Subject: x\r\n\r\ntext\r\n");
        } else {
          EXPECT_EQ(result.outcome, queue::RecipientResult::Outcome::deferred);
          EXPECT_TRUE(shown(result) == lost || shown(result) == late) << shown(result);
        }
      }
    }
  }
  EXPECT_GT(delivered_count, 20);
}

// A body that the disk cannot give any more must not reach anybody as a shorter one.
TEST(AttemptFaults, ABodyThatCannotBeRead) {
  for (const bool chunking : {true, false}) {
    DeliveryRig rig;
    RemoteOptions options;
    options.chunking = chunking;
    auto& host = rig.domain("d.example", 1, options);
    auto& envelope =
        rig.put({"bob@d.example"}, "Subject: x\r\n\r\n" + std::string(100'000, 'x').insert(50'000, "\r\n") + "\r\n");
    rig.store.messages[envelope.id].body.resize(70'000);
    const auto result = rig.attempt(envelope).at(0);
    EXPECT_EQ(shown(result), "deferred local_trouble 4.3.0");
    EXPECT_THAT(host.taken(), testing::IsEmpty());
  }
}

TEST(AttemptFaults, AMessageThatIsNotThere) {
  DeliveryRig rig;
  rig.domain("d.example", 1);
  const queue::Envelope envelope = rig.put({"bob@d.example"});
  rig.store.messages.clear();
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "deferred local_trouble 4.3.0");
}

}  // namespace
}  // namespace postil::test
