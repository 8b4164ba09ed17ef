// The queue's office: what is written to the store, in which order, and what happens when it cannot be.
#include "delivery/post_office.hpp"

#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "message/date.hpp"
#include "rig.hpp"

namespace postil::test {
namespace {

using enum RemoteStage;
using Then = RemoteStep::Then;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Keeps what was asked of it in words; takes its time, and fails as often as it is told.
struct WatchedStore : ModelStore {
  explicit WatchedStore(Node& n) : node(n), timer(n.timers().make(n.executor())) {}
  env::Awaitable<env::StoreResult<void>> commit(env::Batch batch) override {
    std::string words;
    for (const auto& change : batch) {
      words += words.empty() ? "" : ", ";
      if (const auto* add = std::get_if<env::AddMessage>(&change)) {
        static constexpr const char* kinds[] = {"mail", "bounce", "delay notice", "success report"};
        words += std::string("add ") + kinds[static_cast<std::size_t>(add->envelope.kind)];
      } else if (const auto* update = std::get_if<env::UpdateState>(&change)) {
        words += "update";
        for (const auto& one : update->state.recipients)
          words += " " + std::to_string(one.index) + ":" + std::string(queue::to_string(one.reason));
      } else {
        words += "delete";
      }
    }
    ++under_way;
    most_under_way = std::max(most_under_way, under_way);
    auto pause = node.timers().make(node.executor());
    co_await pause->wait_until(node.clock().now() + takes);
    --under_way;
    if (failures > 0) {
      --failures;
      asked.push_back("(" + words + ")");
      co_return std::unexpected(env::StoreError::failed);
    }
    asked.push_back(words);
    auto done = apply(messages, batch);
    co_return done;
  }
  env::Awaitable<env::StoreResult<std::string>> read_body(MessageId id, std::uint64_t offset,
                                                          std::size_t length) override {
    if (corrupt) co_return std::unexpected(env::StoreError::corrupt);
    auto octets = co_await ModelStore::read_body(id, offset, length);
    co_return octets;
  }
  Node& node;
  std::unique_ptr<env::Timer> timer;
  Duration takes = milliseconds(5);
  int failures = 0;
  bool corrupt = false;
  int under_way = 0, most_under_way = 0;
  std::vector<std::string> asked;
};

class OfficeRig : public DeliveryRig {
 public:
  OfficeRig() : watched(*us) {
    home = &domain("home.example", 200);
    restart();
  }
  ~OfficeRig() {
    hosts.clear();
    world.cut(*us);
    world.bury(*us, [&] { office.reset(), pool.reset(); });
  }
  void restart() {
    if (office) {  // a new process on the same store
      hosts_keep();
    }
    queue::EngineSettings engine;
    office = std::make_unique<delivery::PostOffice>(
        office_services, std::make_shared<const delivery::Settings>(settings), engine, reports, us->executor());
    EXPECT_TRUE(world.run(*us, office->open()).has_value());
  }
  void hosts_keep() {
    stop(seconds(1));
    world.run_for(minutes(2));
    office.reset();
  }
  // As when a session has taken it.
  MessageId take(std::vector<std::string> recipients, std::string sender = "alice@home.example") {
    const auto& envelope = put(std::move(recipients), "Subject: x\r\n\r\ntext\r\n", std::move(sender));
    const MessageId id = envelope.id;
    watched.messages.insert(store.messages.extract(id));
    office->arrived(watched.messages[id].envelope);
    return id;
  }
  void stop(Duration grace) {
    auto whole = [](delivery::PostOffice* of, Duration how_long) -> env::Awaitable<bool> {
      co_await of->stop(how_long);
      co_return true;
    };
    world.run(*us, whole(office.get(), grace));
  }
  std::vector<MessageId> act(queue::Admin::Action action) {
    queue::Filter filter;
    filter.all = true;
    return world.run(*us, office->act(action, filter));
  }

  WatchedStore watched;
  delivery::Services office_services{us->clock(),
                                     us->timers(),
                                     us->entropy(),
                                     us->network(),
                                     us->resolver(),
                                     watched,
                                     events,
                                     history,
                                     [this](WallTime now) { return ids.make(now); },
                                     [this] { return us->executor(); },
                                     us->executor()};
  delivery::ReportWriter reports{office_services};
  std::unique_ptr<delivery::PostOffice> office;
  RemoteMta* home = nullptr;
};

TEST(PostOffice, ADeliveredMessageIsDeleted) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1);
  rig.take({"bob@d.example"});
  rig.world.run_for(minutes(1));
  EXPECT_EQ(host.taken().size(), 1u);
  EXPECT_THAT(rig.watched.asked, ElementsAre("delete"));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
}

TEST(PostOffice, ABounceAndItsStateAreOneBatch) {
  OfficeRig rig;
  rig.domain("d.example", 1, {}, always(rcpt, "550 5.1.1 no such user"));
  rig.domain("e.example", 2, {}, always(rcpt, "450 4.2.1 busy"));
  const MessageId id = rig.take({"bob@d.example", "eve@e.example"});
  rig.world.run_for(minutes(1));
  EXPECT_THAT(rig.watched.asked, testing::Contains("add bounce, update 0:recipient_refused"));
  ASSERT_THAT(rig.home->taken(), SizeIs(1));
  const auto& bounce = rig.home->taken()[0];
  EXPECT_EQ(bounce.sender, "");
  EXPECT_THAT(bounce.recipients, ElementsAre("alice@home.example"));
  EXPECT_THAT(bounce.rcpt_lines[0], HasSubstr("NOTIFY=NEVER"));
  EXPECT_THAT(bounce.octets, HasSubstr("550 5.1.1 no such user"));
  EXPECT_THAT(bounce.octets, testing::Not(HasSubstr("eve@e.example")));
  EXPECT_TRUE(rig.watched.messages.contains(id)) << "the other one waits";
  EXPECT_EQ(rig.watched.messages.size(), 1u);
}

// [rfc2033]: the mail for a domain goes to an LMTP server, which answers for each recipient; each is decided alone.
TEST(PostOffice, ARouteToAnLmtpServer) {
  OfficeRig rig;
  rig.domain("d.example", 1);
  auto& store = rig.host("store.example", 7, {.lmtp = true},
                         [](RemoteStage stage, std::string_view recipient, Prng&) -> std::optional<RemoteStep> {
                           if (stage != end || recipient == "bob@own.example") return {};
                           if (recipient == "eve@own.example") return RemoteStep{.reply = "452 4.2.2 mailbox full"};
                           return RemoteStep{.reply = "550 5.1.1 no such mailbox"};
                         });
  rig.settings.routes = {{{"own.example", "*.own.example"}, {"store.example", 25, false, true}}};
  rig.restart();
  const MessageId id = rig.take({"bob@own.example", "eve@own.example", "mallory@own.example", "dan@d.example"});
  rig.world.run_for(minutes(1));
  ASSERT_THAT(store.taken(), SizeIs(1)) << "one copy for all of them";
  EXPECT_THAT(store.taken()[0].recipients, ElementsAre("bob@own.example"));
  EXPECT_THAT(store.taken()[0].rcpt_lines, SizeIs(3));
  EXPECT_THAT(store.complaints(), IsEmpty());
  EXPECT_THAT(rig.hosts[1]->taken(), SizeIs(1)) << "other domains go their own way";
  ASSERT_THAT(rig.home->taken(), SizeIs(1));
  EXPECT_THAT(rig.home->taken()[0].octets, HasSubstr("550 5.1.1 no such mailbox"));
  EXPECT_THAT(rig.home->taken()[0].octets, testing::Not(HasSubstr("eve@own.example")));
  EXPECT_TRUE(rig.watched.messages.contains(id));
  // The one that was put off is tried again, alone.
  store.behave({});
  rig.world.run_for(hours(1));
  ASSERT_THAT(store.taken(), SizeIs(2));
  EXPECT_THAT(store.taken()[1].recipients, ElementsAre("eve@own.example"));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
}

// Domains with the same MX hosts are one destination: a connection that one has left carries the other's mail.
TEST(PostOffice, DomainsOfTheSameHostsShareConnections) {
  OfficeRig rig;
  RemoteOptions options;
  options.certificate = "world:mx1.a.example;untrusted";
  auto& host = rig.domain("a.example", 1, options);
  for (const auto* other : {"b.example", "c.example"}) rig.world.zone().mx(other, 10, "mx1.a.example");
  rig.settings.tls_policies = {{"c.example", transport::Level::verified, {}, ""}};
  rig.restart();
  rig.take({"x@a.example"});
  rig.world.run_for(seconds(1));
  rig.take({"y@b.example"});
  rig.world.run_for(seconds(1));
  EXPECT_THAT(host.taken(), SizeIs(2));
  EXPECT_EQ(host.counts().sessions, 1u);
  EXPECT_THAT(host.complaints(), IsEmpty());
  // What was verified there, nothing, is not enough for a domain that wants more.
  rig.take({"z@c.example"});
  rig.world.run_for(seconds(1));
  EXPECT_THAT(host.taken(), SizeIs(2));
  EXPECT_EQ(host.counts().sessions, 2u);
  EXPECT_THAT(rig.watched.messages, SizeIs(1));
}

TEST(PostOffice, ReportsHaveTheirEnvelope) {
  OfficeRig rig;
  rig.domain("d.example", 1, {}, always(rcpt, "550 5.1.1 no such user"));
  rig.home->behave(always(greeting, "421 later", Then::close));
  const MessageId id = rig.take({"bob@d.example"});
  rig.world.run_for(minutes(1));
  ASSERT_THAT(rig.watched.messages, SizeIs(1));
  const auto& [bounce_id, bounce] = *rig.watched.messages.begin();
  EXPECT_GT(bounce_id, id);
  EXPECT_EQ(bounce.envelope.kind, queue::Kind::bounce);
  EXPECT_EQ(bounce.envelope.report_of, id);
  EXPECT_EQ(bounce.envelope.sender, "");
  EXPECT_EQ(bounce.envelope.recipients.at(0).address, "alice@home.example");
  EXPECT_EQ(bounce.envelope.recipients[0].notify, queue::notify_never);
  EXPECT_EQ(bounce.envelope.size_octets, bounce.body.size());
  EXPECT_EQ(bounce.body.find("\r\n\r\n") + 4, bounce.envelope.header_octets);
  EXPECT_EQ(bounce.envelope.expires - bounce.envelope.arrived, rig.settings.report_lifetime);
}

TEST(PostOffice, ReportsToTheOwnHostGoByTheAliases) {
  struct Case {
    const char* sender;
    std::vector<std::string> to;
  };
  for (const auto& [sender, to] :
       {Case{"root@us.postil.example", {"ops@home.example", "night@home.example"}},
        Case{"cron@us.postil.example", {"admin@home.example"}}, Case{"cron@localhost", {"admin@home.example"}},
        Case{"team@home.example", {"lead@home.example"}},
        Case{"root@[192.0.2.1]", {"ops@home.example", "night@home.example"}},
        Case{"cron@[192.0.2.1]", {"admin@home.example"}}}) {
    OfficeRig rig;
    rig.domain("d.example", 1, {}, always(rcpt, "550 5.1.1 no such user"));
    rig.settings.aliases = {"us.postil.example",
                            {{"postmaster", {"admin@home.example"}},
                             {"root", {"ops@home.example", "night@home.example"}},
                             {"team@home.example", {"lead@home.example"}}},
                            {"192.0.2.1"}};
    rig.restart();
    rig.take({"bob@d.example"}, sender);
    rig.world.run_for(minutes(1));
    EXPECT_THAT(rig.watched.messages, IsEmpty());
    ASSERT_THAT(rig.home->taken(), SizeIs(1)) << sender;
    EXPECT_EQ(rig.home->taken()[0].recipients, to);
    EXPECT_THAT(rig.home->taken()[0].octets, HasSubstr("To: <" + std::string(sender) + ">"));
  }
}

// Gives what it is told, and then what comes.
struct ScriptedEntropy : env::Entropy {
  void fill(std::span<std::uint8_t> out) override {
    if (!words.empty()) {
      const std::uint64_t word = words.front();
      words.erase(words.begin());
      std::memcpy(out.data(), &word, std::min(out.size(), sizeof word));
      return;
    }
    for (auto& octet : out) octet = ++next;
  }
  std::vector<std::uint64_t> words;
  std::uint8_t next = 0;
};

TEST(PostOffice, AnOriginalWithTheReportsBoundaryInItGetsAnother) {
  DeliveryRig rig;
  ScriptedEntropy entropy;
  delivery::Services services{
      rig.services.clock, rig.services.timers, entropy,     rig.services.network, rig.services.resolver,
      rig.store,          rig.events,          rig.history, rig.services.make_id, rig.services.pick_executor,
      rig.services.pool};
  delivery::ReportWriter writer(services);
  const auto report = [&](const std::string& original) {
    auto envelope = rig.put({"bob@d.example"}, original);
    envelope.ret = queue::Return::full;
    queue::RecipientState failed;
    failed.status = queue::RecipientStatus::failed;
    failed.reason = queue::Reason::recipient_refused;
    auto made = rig.world.run(*rig.us, writer.write(std::make_shared<const delivery::Settings>(rig.settings), envelope,
                                                    {delivery::ReportKind::failed, {failed}}));
    EXPECT_TRUE(made);
    EXPECT_EQ(made->envelope.size_octets, made->body->size_octets());
    return static_cast<ModelStore::Body&>(*made->body).octets;
  };
  const auto boundary_of = [](const std::string& text) {
    const auto at = text.find("boundary=\"") + 10;
    return text.substr(at, text.find('"', at) - at);
  };
  entropy.words = {7};
  const std::string guessed = boundary_of(report("Subject: x\r\n\r\ntext\r\n"));
  entropy.words = {7, 8};
  const std::string text = report("Subject: x\r\n\r\n--" + guessed + "--\r\nafter the end\r\n");
  EXPECT_NE(boundary_of(text), guessed);
  EXPECT_THAT(text, HasSubstr("--" + guessed + "--\r\nafter the end\r\n\r\n--" + boundary_of(text) + "--\r\n"));
  EXPECT_THAT(entropy.words, IsEmpty());
}

// RET=FULL of a message that has a line longer than a line may be: all of it comes back, encoded.
TEST(PostOffice, AnOriginalWithALongLineComesBackEncoded) {
  DeliveryRig rig;
  delivery::ReportWriter writer(rig.services);
  const std::string original = "Subject: x\r\n\r\n" + std::string(70'000, 'x') + "\r\n";
  auto envelope = rig.put({"bob@d.example"}, original);
  envelope.ret = queue::Return::full;
  queue::RecipientState failed;
  failed.status = queue::RecipientStatus::failed;
  failed.reason = queue::Reason::recipient_refused;
  auto made = rig.world.run(*rig.us, writer.write(std::make_shared<const delivery::Settings>(rig.settings), envelope,
                                                  {delivery::ReportKind::failed, {failed}}));
  ASSERT_TRUE(made);
  const std::string text = static_cast<ModelStore::Body&>(*made->body).octets;
  EXPECT_EQ(made->envelope.size_octets, text.size());
  for (const auto line : split(text, '\n')) EXPECT_LE(line.size(), 999u);
  const std::string part = "Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  const auto from = text.find(part);
  ASSERT_NE(from, text.npos);
  std::string encoded = text.substr(from + part.size());
  encoded.resize(encoded.find("\r\n\r\n"));
  std::erase_if(encoded, [](char c) { return c == '\r' || c == '\n'; });
  EXPECT_EQ(crypto::base64_decode(encoded).value_or(""), original);
}

TEST(PostOffice, NobodyIsToldOfMailFromNobody) {
  OfficeRig rig;
  rig.domain("d.example", 1, {}, always(rcpt, "550 5.1.1 no such user"));
  rig.take({"bob@d.example"}, "");
  rig.world.run_for(minutes(1));
  EXPECT_THAT(rig.watched.asked, ElementsAre("delete"));
  EXPECT_EQ(rig.events.counts[event::Name::bounce_dropped], 1);
}

TEST(PostOffice, ABounceThatIsRefusedEnds) {
  OfficeRig rig;
  rig.domain("d.example", 1, {}, always(rcpt, "550 5.1.1 no such user"));
  rig.home->behave(always(rcpt, "550 5.1.1 nobody here either"));
  rig.take({"bob@d.example"});
  rig.world.run_for(minutes(5));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
  EXPECT_THAT(rig.watched.asked, ElementsAre("add bounce, delete", "delete"));
}

TEST(PostOffice, WhatTheStoreRefusesIsWrittenLater) {
  OfficeRig rig;
  auto& host =
      rig.domain("d.example", 1, {}, [](RemoteStage at, std::string_view argument, Prng&) -> std::optional<RemoteStep> {
        if (at != rcpt || argument.find("nobody") == argument.npos) return std::nullopt;
        return RemoteStep{.reply = "550 5.1.1 no such user"};
      });
  rig.watched.failures = 4;
  rig.take({"bob@d.example", "nobody@d.example"});
  rig.world.run_for(minutes(2));
  EXPECT_THAT(rig.watched.asked, ElementsAre("(add bounce, delete)", "(add bounce, delete)", "(add bounce, delete)",
                                             "(add bounce, delete)", "add bounce, delete", "delete"));
  EXPECT_EQ(host.taken().size(), 1u) << "it was delivered once";
  EXPECT_THAT(rig.home->taken(), SizeIs(1)) << "and told of once";
}

TEST(PostOffice, BatchesOfAMessageAreInOrder) {
  OfficeRig rig;
  rig.domain("d.example", 1);
  rig.domain("e.example", 2, {}, always(rcpt, "450 4.2.1 busy"));
  rig.domain("f.example", 3, {}, always(rcpt, "550 5.1.1 no"));
  rig.watched.takes = seconds(30);  // all results come before the first batch is down
  const MessageId id = rig.take({"b@d.example", "b@e.example", "b@f.example"});
  rig.world.run_for(seconds(100));
  EXPECT_EQ(rig.watched.most_under_way, 1);
  ASSERT_TRUE(rig.watched.messages.contains(id));
  const auto& states = rig.watched.messages[id].state.recipients;
  EXPECT_EQ(states[0].status, queue::RecipientStatus::delivered);
  EXPECT_EQ(states[1].status, queue::RecipientStatus::waiting);
  EXPECT_EQ(states[1].attempts, 1u);
  EXPECT_EQ(states[2].status, queue::RecipientStatus::failed);
}

TEST(PostOffice, AMessageWhoseBodyIsLostIsReportedWithoutIt) {
  OfficeRig rig;
  rig.domain("d.example", 1, {}, always(rcpt, "550 5.1.1 no"));
  rig.watched.corrupt = true;
  rig.take({"b@d.example"});
  ASSERT_TRUE(rig.world.run_until([&] { return !rig.watched.asked.empty(); }, hours(1)));
  rig.watched.corrupt = false;
  rig.world.run_for(minutes(1));
  EXPECT_THAT(rig.watched.asked, ElementsAre("add bounce, delete", "delete"));
  ASSERT_THAT(rig.home->taken(), SizeIs(1));
  EXPECT_THAT(rig.home->taken()[0].octets, HasSubstr("b@d.example"));
}

TEST(PostOffice, DelayNoticesAndSuccessReports) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1, {}, always(greeting, "554 5.7.1 you are blocked", Then::close));
  rig.take({"b@d.example"});
  const WallTime began = rig.us->wall();
  rig.world.run_for(minutes(1));
  ASSERT_THAT(rig.home->taken(), SizeIs(1)) << "a refusal of us is told at once";
  EXPECT_THAT(rig.home->taken()[0].octets, HasSubstr("Action: delayed"));
  // Hosts that refuse us are tried for a day, whatever other mail's lifetime is.
  const std::string until = message::rfc5322_date(began + days(1), 0).substr(0, 16);  // "Mon, 23 Nov 2026"
  EXPECT_THAT(rig.home->taken()[0].octets, HasSubstr("Will-Retry-Until: " + until));
  rig.world.run_for(hours(20));
  EXPECT_THAT(rig.home->taken(), SizeIs(1)) << "and once";
  // Returned after a day, with the remote's own status.
  rig.world.run_for(hours(12));
  ASSERT_THAT(rig.home->taken(), SizeIs(2));
  EXPECT_THAT(rig.home->taken()[1].octets, HasSubstr("Action: failed"));
  EXPECT_THAT(rig.home->taken()[1].octets, HasSubstr("Status: 5.7.1"));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
  EXPECT_GT(host.counts().sessions, 5u);
}

TEST(PostOffice, A521ReturnsTheMessageAtOnce) {
  OfficeRig rig;
  rig.domain("d.example", 1, {}, always(greeting, "521 5.3.2 takes no mail", Then::close));
  rig.take({"b@d.example"});
  rig.world.run_for(minutes(1));
  ASSERT_THAT(rig.home->taken(), SizeIs(1));
  EXPECT_THAT(rig.home->taken()[0].octets, HasSubstr("Status: 5.3.2"));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
}

TEST(PostOffice, AnActionIsDurableWhenItReturns) {
  struct Case {
    queue::Admin::Action action;
    const char* batch;
  };
  for (const auto& [action, batch] :
       {Case{queue::Admin::Action::hold, "update"}, Case{queue::Admin::Action::return_to_sender, "add bounce, delete"},
        Case{queue::Admin::Action::drop, "delete"}}) {
    OfficeRig rig;
    rig.domain("d.example", 1, {}, always(rcpt, "450 4.2.1 busy"));
    rig.take({"b@d.example"});
    rig.world.run_for(minutes(1));
    rig.watched.asked.clear();
    rig.watched.takes = seconds(20);
    rig.watched.failures = 2;
    EXPECT_EQ(rig.act(action).size(), 1u);
    ASSERT_THAT(rig.watched.asked, SizeIs(3));
    EXPECT_THAT(rig.watched.asked.back(), testing::StartsWith(batch));
    EXPECT_EQ(rig.events.counts[event::Name::bounce_dropped], 0) << "none was wanted";
  }
}

TEST(PostOffice, RetryAndReleaseMakeAnAttempt) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1, {}, always(rcpt, "450 4.2.1 busy"));
  rig.take({"b@d.example"});
  rig.world.run_for(minutes(1));
  host.behave({});
  EXPECT_EQ(rig.act(queue::Admin::Action::hold).size(), 1u);
  rig.world.run_for(days(1));
  EXPECT_THAT(host.taken(), IsEmpty());
  EXPECT_EQ(rig.act(queue::Admin::Action::release).size(), 1u);
  rig.act(queue::Admin::Action::retry);
  rig.world.run_for(minutes(1));
  EXPECT_THAT(host.taken(), SizeIs(1));
  EXPECT_THAT(rig.act(queue::Admin::Action::drop), IsEmpty()) << "nothing is there any more";
}

TEST(PostOffice, StopWaitsForWhatIsUnderWay) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1, {}, [](RemoteStage at, std::string_view, Prng&) -> std::optional<RemoteStep> {
    if (at != end) return std::nullopt;
    return RemoteStep{.reply = "250 2.0.0 taken", .delay = seconds(20)};
  });
  rig.take({"b@d.example"});
  rig.world.run_for(seconds(5));
  rig.stop(seconds(30));
  EXPECT_THAT(host.taken(), SizeIs(1));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
}

TEST(PostOffice, StopCutsWhatTakesTooLong) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1, {}, always(mail, "", Then::silence));
  const MessageId id = rig.take({"b@d.example"});
  rig.world.run_for(seconds(5));
  const MonoTime before = rig.world.now();
  rig.stop(seconds(3));
  EXPECT_LT(rig.world.now() - before, seconds(5));
  ASSERT_TRUE(rig.watched.messages.contains(id));
  EXPECT_EQ(rig.watched.messages[id].state.recipients[0].status, queue::RecipientStatus::waiting);
  EXPECT_EQ(rig.watched.messages[id].state.recipients[0].attempts, 0u) << "no fault of the remote's";
  // The next start delivers it.
  host.behave({});
  rig.restart();
  rig.world.run_for(minutes(1));
  EXPECT_THAT(host.taken(), SizeIs(1));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
}

TEST(PostOffice, NothingNewIsBegunWhileItStops) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1);
  rig.stop(seconds(1));
  rig.take({"b@d.example"});
  rig.world.run_for(minutes(10));
  EXPECT_EQ(host.counts().sessions, 0u);
  rig.restart();
  rig.world.run_for(minutes(1));
  EXPECT_THAT(host.taken(), SizeIs(1));
}

TEST(PostOffice, StopsThoughTheStoreIsDead) {
  OfficeRig rig;
  rig.domain("d.example", 1);
  rig.watched.failures = 1'000'000;
  rig.take({"b@d.example"});
  rig.world.run_for(minutes(5));
  const MonoTime before = rig.world.now();
  rig.stop(seconds(3));
  EXPECT_LE(rig.world.now() - before, seconds(14)) << "the grace, and ten seconds for what is to be written";
  EXPECT_THAT(rig.watched.messages, SizeIs(1)) << "it is not lost; the next start repeats the attempt";
  const auto asked = rig.watched.asked.size();
  rig.world.run_for(minutes(5));
  EXPECT_EQ(rig.watched.asked.size(), asked) << "a store that is closed is not asked again";
}

TEST(PostOffice, StopTriesAtOnceWhatTheStoreHasRefused) {
  OfficeRig rig;
  rig.domain("d.example", 1);
  rig.watched.failures = 1'000'000;
  rig.take({"b@d.example"});
  rig.world.run_for(minutes(5));  // by now it waits a minute between two tries
  rig.watched.failures = 0;
  const MonoTime before = rig.world.now();
  rig.stop(seconds(3));
  EXPECT_LE(rig.world.now() - before, seconds(5));
  EXPECT_THAT(rig.watched.messages, IsEmpty());
}

TEST(PostOffice, ManyMessagesGoOverFewConnections) {
  OfficeRig rig;
  auto& host = rig.domain("d.example", 1);
  for (int i = 0; i < 300; ++i) rig.take({"b" + std::to_string(i) + "@d.example"});
  rig.world.run_for(minutes(2));
  EXPECT_THAT(host.taken(), SizeIs(300));
  EXPECT_LE(host.counts().sessions, 20u);
  EXPECT_LE(host.counts().sessions_most, 20u);
  rig.world.run_for(minutes(1));
  EXPECT_EQ(host.counts().sessions_open, 0u) << "idle connections end";
}

}  // namespace
}  // namespace postil::test
