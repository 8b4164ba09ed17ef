#include <gmock/gmock.h>

#include "cli/story.hpp"
#include "run_command.hpp"
#include "servers.hpp"

namespace postil::cli {
namespace {

using boost::json::object;
using test::ControlServer;

const object recipient{{"address", "bob@example.net"},
                       {"status", "waiting"},
                       {"reason", "greylisted"},
                       {"attempts", 2},
                       {"next_in", 65},
                       {"remote", "mx.example.net [192.0.2.7]"},
                       {"diagnostic", "451 4.7.1 greylisted"}};
const object message{{"id", "0SA7-KM1Q-40000"},
                     {"sender", "a@example.org"},
                     {"login", "alice"},
                     {"size", 4100},
                     {"arrived", "2026-01-01T00:00:00Z"},
                     {"held", false},
                     {"recipients", boost::json::array{recipient}}};

object answer_to(const object& request) {
  const std::string call(request.at("call").as_string());
  if (call == "queue.summary" && request.at("by") == "age") {
    using boost::json::array;
    return {{"ok", true},
            {"totals", object{{"messages", 5}, {"recipients", 5}, {"held", 0}, {"oldest", "2026-01-01T00:00:00Z"}}},
            {"bounds", array{600, 86400}},
            {"rows", array{object{{"site", "example.net"}, {"messages", 4}, {"by_age", array{1, 0, 3}}},
                           object{{"site", "example.org"}, {"messages", 1}, {"by_age", array{0, 1, 0}}}}}};
  }
  if (call == "queue.summary") {
    return {{"ok", true},
            {"totals", object{{"messages", 3},
                              {"recipients", 3},
                              {"held", 1},
                              {"oldest", "2026-01-01T00:00:00Z"},
                              {"delivered_last_minute", 58}}},
            {"rows", boost::json::array{object{{"reason", "rate_limited"},
                                               {"site", ""},
                                               {"sites", 2},
                                               {"messages", 3},
                                               {"recipients", 3},
                                               {"oldest", "2026-01-01T00:00:00Z"},
                                               {"next_in", 240},
                                               {"last_reply", "421 4.7.28 slow down"}}}}};
  }
  if (call == "queue.list") return {{"ok", true}, {"messages", boost::json::array{message}}, {"more", false}};
  if (call == "queue.show") {
    object with = message;
    with["header"] = "Subject: hello\r\nFrom: a@example.org\r\n";
    return {{"ok", true}, {"message", with}};
  }
  if (call == "queue.act") return {{"ok", true}, {"changed", boost::json::array{"0SA7-KM1Q-40000"}}};
  if (call == "status") {
    return {
        {"ok", true},
        {"version", "9.9"},
        {"host", "mail.example.org"},
        {"uptime", 7200},
        {"messages", 3},
        {"accepting", false},
        {"tls_reports", object{{"on", true},
                               {"domains", 12},
                               {"sessions", 345},
                               {"failed", 6},
                               {"waiting", 2},
                               {"last_sent", "2026-11-22T02:03:04Z"}}},
        {"listeners", boost::json::array{object{{"address", "0.0.0.0:465"}, {"job", "submission"}, {"tls", true}}}}};
  }
  return {{"ok", false}, {"error", "not_found"}, {"text", "no"}};
}

class ServerCommands : public test::CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    socket_ = folder_ + "/control";
  }
  int ask(std::vector<std::string> arguments) {
    arguments.push_back("--socket");
    arguments.push_back(socket_);
    return run(std::move(arguments));
  }
  std::string socket_;
};

TEST_F(ServerCommands, SummaryByReason) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"queue"}), exit_ok) << err_;
  EXPECT_TRUE(said("3 messages wait, the oldest for")) << out_;
  EXPECT_TRUE(said(". Deliveries go on: 58/min.\n")) << out_;
  EXPECT_TRUE(said("1 message is held."));
  EXPECT_TRUE(said("other side limits our rate")) << out_;
  EXPECT_TRUE(said("4m  2 domains  421 4.7.28 slow down")) << out_;
  EXPECT_EQ(server.requests().at(0).at("by").as_string(), "reason");
  EXPECT_EQ(ask({"queue", "--by", "site", "--json"}), exit_ok);
  EXPECT_EQ(json().at("rows").as_array().size(), 1u);
  EXPECT_EQ(server.requests().at(1).at("by").as_string(), "site");
}

TEST_F(ServerCommands, SummaryByAge) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"queue", "--by", "age"}), exit_ok) << err_;
  EXPECT_TRUE(said(". Nothing was delivered within the last minute.\n")) << out_;
  EXPECT_TRUE(said("WHERE        MESSAGES  <10m  <1d  OLDER\n")) << out_;
  EXPECT_TRUE(said("all domains         5     1    1      3\n")) << out_;
  EXPECT_TRUE(said("example.net         4     1    -      3\n")) << out_;
}

TEST_F(ServerCommands, FiltersReachTheServer) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"queue", "list", "--to-domain", "Example.NET", "--from", "<>", "--reason", "greylisted", "--older",
                 "2h", "--held", "--id", "0sa7-km1q-40000", "--count", "7"}),
            exit_ok)
      << err_;
  const auto request = server.requests().at(0);
  const auto filter = request.at("filter").as_object();
  EXPECT_EQ(filter.at("site").as_string(), "example.net");
  EXPECT_EQ(filter.at("sender").as_string(), "<>");
  EXPECT_EQ(filter.at("reason").as_string(), "greylisted");
  EXPECT_EQ(filter.at("older_than").as_int64(), 7200);
  EXPECT_TRUE(filter.at("held").as_bool());
  EXPECT_EQ(filter.at("ids").as_array().size(), 1u);
  EXPECT_FALSE(filter.contains("all"));
  EXPECT_EQ(request.at("count").to_number<int>(), 7);
  EXPECT_TRUE(said("bob@example.net")) << out_;
  EXPECT_EQ(ask({"queue", "list"}), exit_ok);
  EXPECT_TRUE(server.requests().at(1).at("filter").at("all").as_bool());
}

TEST_F(ServerCommands, WrongFiltersAreToldBeforeTheServerIsAsked) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"queue", "list", "--reason", "nonsense"}), exit_usage);
  EXPECT_EQ(ask({"queue", "list", "--older", "soon"}), exit_usage);
  EXPECT_EQ(ask({"queue", "list", "--id", "123"}), exit_usage);
  EXPECT_EQ(ask({"queue", "drop"}), exit_usage);
  EXPECT_TRUE(complained("Say which messages")) << err_;
  EXPECT_EQ(ask({"queue", "drop", "--json"}), exit_usage);
  EXPECT_EQ(json().at("error").at("id").as_string(), "usage");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(ServerCommands, NothingIsChangedWithoutYes) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"queue", "drop", "--all"}), exit_ok);
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_TRUE(server.requests().at(0).at("preview").as_bool());
  EXPECT_TRUE(said("1 message would be deleted")) << out_;
  EXPECT_TRUE(said("0SA7-KM1Q-40000"));
  EXPECT_TRUE(said("Add --yes"));
  EXPECT_EQ(ask({"queue", "drop", "--all", "--yes"}), exit_ok);
  ASSERT_EQ(server.requests().size(), 3u);
  EXPECT_FALSE(server.requests().at(2).contains("preview"));
  EXPECT_TRUE(said("1 message was deleted.")) << out_;
  EXPECT_EQ(ask({"queue", "hold", "--all", "--json"}), exit_ok);
  EXPECT_FALSE(json().at("done").as_bool());
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST_F(ServerCommands, HeldMessagesAreNotTried) {
  boost::json::array changed;
  ControlServer server(socket_, [&](const object&) { return object{{"ok", true}, {"changed", changed}, {"held", 2}}; });
  EXPECT_EQ(ask({"queue", "retry", "--all", "--yes"}), exit_ok) << err_;
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_TRUE(said("2 messages are held and stay so. To have them tried: postil queue release.")) << out_;
  changed.push_back("0SA7-KM1Q-40000");
  EXPECT_EQ(ask({"queue", "retry", "--all", "--yes"}), exit_ok) << err_;
  EXPECT_TRUE(said("1 message is tried now.\n2 messages are held and stay so.")) << out_;
}

TEST_F(ServerCommands, WhatLeavesLaterIsNotHeld) {
  boost::json::array recipients{
      object{{"address", "b@example.net"}, {"status", "waiting"}, {"reason", "held_by_sender"}, {"next_in", 7200}}};
  ControlServer server(socket_, [&](const object& request) {
    if (request.at("call") == "queue.act")
      return object{{"ok", true}, {"changed", boost::json::array{}}, {"held", 0}, {"later", 3}};
    return object{{"ok", true},
                  {"message",
                   object{{"id", "0SA7-KM1Q-40000"}, {"release", "2026-11-23T12:00:00Z"}, {"recipients", recipients}}}};
  });
  EXPECT_EQ(ask({"queue", "retry", "--all", "--yes"}), exit_ok) << err_;
  EXPECT_TRUE(said("3 messages wait for the times that their senders named.")) << out_;
  EXPECT_FALSE(said("held")) << out_;
  EXPECT_EQ(ask({"queue", "show", "0SA7-KM1Q-40000"}), exit_ok) << err_;
  EXPECT_TRUE(said("Leaves at")) << out_;
  EXPECT_TRUE(said("2026-11-23T12:00:00Z")) << out_;
  recipients[0].as_object()["reason"] = "greylisted";  // an admin has let it go
  EXPECT_EQ(ask({"queue", "show", "0SA7-KM1Q-40000"}), exit_ok) << err_;
  EXPECT_FALSE(said("Leaves at")) << out_;
}

TEST_F(ServerCommands, AMessageIsGivenUpWhenItsDelayNoticeSays) {
  boost::json::array recipients{
      object{{"address", "b@example.net"},
             {"status", "waiting"},
             {"reason", "refused_us"},
             {"given_up_at", "2026-11-23T10:00:00Z"}},
      object{{"address", "c@example.net"}, {"status", "delivered"}, {"given_up_at", nullptr}}};
  ControlServer server(socket_, [&](const object&) {
    return object{{"ok", true},
                  {"message",
                   object{{"id", "0SA7-KM1Q-40000"}, {"expires", "2026-11-27T10:00:00Z"}, {"recipients", recipients}}}};
  });
  EXPECT_EQ(ask({"queue", "show", "0SA7-KM1Q-40000"}), exit_ok) << err_;
  EXPECT_TRUE(said("Returned after   2026-11-23T10:00:00Z\n")) << out_;
  recipients.push_back(object{{"address", "d@example.org"},
                              {"status", "waiting"},
                              {"reason", "timed_out"},
                              {"given_up_at", "2026-11-27T10:00:00Z"}});
  EXPECT_EQ(ask({"queue", "show", "0SA7-KM1Q-40000"}), exit_ok) << err_;
  EXPECT_TRUE(said("2026-11-23T10:00:00Z")) << out_;
  EXPECT_TRUE(said("2026-11-27T10:00:00Z")) << out_;
}

TEST_F(ServerCommands, ShowsAMessage) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"queue", "show", "0SA7-KM1Q-40000"}), exit_ok) << err_;
  EXPECT_TRUE(said("Subject: hello\n")) << out_;
  EXPECT_TRUE(said("451 4.7.1 greylisted"));
  EXPECT_TRUE(said("next try: 1m")) << out_;
}

TEST_F(ServerCommands, Status) {
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"status"}), exit_ok) << err_;
  EXPECT_TRUE(said("domains today: 12; sessions: 345, failed: 6; reports\n")) << out_;
  EXPECT_TRUE(said("The last one was sent at 2026-11-22T02:03:04Z.")) << out_;
  EXPECT_TRUE(said("mail.example.org runs Postil 9.9, for 2h now.")) << out_;
  EXPECT_TRUE(said("It takes no mail just now: there is too little space"))
      << "what a server that gives no reason means";
  EXPECT_TRUE(said("0.0.0.0:465 (submission, TLS)"));
}

TEST_F(ServerCommands, FailuresHaveTheirCodes) {
  EXPECT_EQ(ask({"queue"}), exit_unavailable);
  EXPECT_TRUE(complained(socket_)) << err_;
  EXPECT_EQ(ask({"status", "--json"}), exit_unavailable);
  EXPECT_EQ(json().at("error").at("id").as_string(), "not_running");
  ControlServer server(socket_, answer_to);
  EXPECT_EQ(ask({"trace", "0SA7-KM1Q-40000"}), exit_finding);
  EXPECT_TRUE(complained("knows no message")) << err_;
}

TEST_F(ServerCommands, AnAnswerThatIsNoneIsBroken) {
  test::Server server(socket_, [](int fd) { test::say(fd, "hello\n"); });
  EXPECT_EQ(ask({"queue"}), exit_unavailable);
  EXPECT_TRUE(complained("is not a Postil server")) << err_;
}

boost::json::array records(const std::string& lines) {
  return boost::json::parse("[" + lines + "]").as_array();
}

const std::string accepted =
    R"({"time":"2026-11-22T10:02:11.204Z","event":"message.accepted","id":"x","sender":"you@example.org","recipients":1,"to":"bob@example.net","size":4100,"login":"alice","peer":"192.0.2.1"},)";

TEST(Story, OfAMessageThatCameBack) {
  const i18n::Translator tr;
  const auto story = tell_story(records(accepted + R"(
    {"time":"2026-11-22T10:02:11.390Z","event":"recipient.deferred","recipient":0,"reason":"greylisted","status":"4.7.1","attempts":1,"remote":"mx [192.0.2.7]","reply":"451 4.7.1 greylisted","next_in_seconds":900},
    {"time":"2026-11-22T10:17:12.009Z","event":"connection.failed","remote":"mx [192.0.2.7]","reason":"recipient_refused","reply":"550 5.1.1 unknown user"},
    {"time":"2026-11-22T10:17:12.010Z","event":"recipient.failed","recipient":0,"reason":"recipient_refused","status":"5.1.1","attempts":2,"remote":"mx [192.0.2.7]","reply":"550 5.1.1 unknown user"},
    {"time":"2026-11-22T10:17:12.011Z","event":"message.finished"},
    {"time":"2026-11-22T10:17:12.015Z","event":"bounce.queued","report":"y","to":"you@example.org"})"),
                                tr, false);
  EXPECT_EQ(story.end, MessageEnd::returned);
  EXPECT_EQ(story.envelope.sender, "you@example.org");
  ASSERT_EQ(story.lines.size(), 4u);  // the connection's failure is the recipient's, told once
  EXPECT_EQ(story.lines[0].time, "10:02:11.204");
  EXPECT_EQ(story.lines[1].text,
            "Not yet for bob@example.net: greylisted. The next try is in 15m. Asked: mx [192.0.2.7].");
  EXPECT_EQ(story.lines[2].remote, "550 5.1.1 unknown user");
  EXPECT_TRUE(story.last_by_reply);
  EXPECT_EQ(story.last_reply, "550 5.1.1 unknown user");
}

TEST(Story, UntilWhenItIsKeptBack) {
  const i18n::Translator tr;
  const auto story = tell_story(
      records(R"({"time":"2026-11-22T10:02:11.204Z","event":"message.accepted","id":"x","sender":"a@example.org",
                  "to":"b@example.net","size":1,"login":"a","peer":"::1","held_until":"2026-11-23T12:00:00Z"})"),
      tr, false);
  ASSERT_EQ(story.lines.size(), 1u);
  EXPECT_THAT(story.lines[0].text, testing::EndsWith("It leaves at 2026-11-23T12:00:00Z, as its sender wishes."));
}

TEST(Story, KeysThatSigned) {
  const i18n::Translator tr;
  const std::string signed_by = accepted + R"(
    {"time":"2026-11-22T10:02:11.300Z","event":"message.signed","keys":"s1._domainkey.example.org"})";
  EXPECT_EQ(tell_story(records(signed_by), tr, false).lines.size(), 1u);
  const auto story = tell_story(records(signed_by), tr, true);
  ASSERT_EQ(story.lines.size(), 2u);
  EXPECT_EQ(story.lines[1].text, "Signed with DKIM: s1._domainkey.example.org.");
}

TEST(Story, HostsThatWereNotAskedOrDidNotTakeIt) {
  const i18n::Translator tr;
  const auto story = tell_story(records(accepted + R"(
    {"time":"2026-11-22T10:02:11.300Z","event":"host.skipped","remote":"mx0 [192.0.2.5]","reply":"521 no mail here","said":"2026-11-22T09:58:03Z"},
    {"time":"2026-11-22T10:02:11.301Z","event":"connection.failed","remote":"","reason":"no_address","reply":"mx1: no address"},
    {"time":"2026-11-22T10:02:11.390Z","event":"host.put_off","remote":"mx2 [192.0.2.7]","recipients":1,"reply":"450 4.2.1 later"},
    {"time":"2026-11-22T10:02:11.500Z","event":"connection.opened","remote":"mx3 [192.0.2.8]","tls":"TLS 1.3"},
    {"time":"2026-11-22T10:02:11.600Z","event":"recipient.delivered","recipient":0,"remote":"mx3 [192.0.2.8]","reply":"250 OK"})"),
                                tr, false);
  ASSERT_EQ(story.lines.size(), 5u);
  EXPECT_EQ(story.lines[1].text, "mx0 [192.0.2.5] was not asked: at 09:58:03 it said that it takes no mail.");
  EXPECT_EQ(story.lines[1].remote, "521 no mail here");
  EXPECT_EQ(story.lines[2].text, "A host of the domain could not be asked.");
  EXPECT_EQ(story.lines[3].text, "mx2 [192.0.2.7] did not take it for 1 recipient.");
  EXPECT_EQ(story.lines[4].text, "Delivered to bob@example.net: mx3 [192.0.2.8] has taken it over TLS 1.3.");
}

// What was said to an earlier message is told with its time.
TEST(Story, AReplyFromBefore) {
  const i18n::Translator tr;
  const auto story = tell_story(records(accepted + R"(
    {"time":"2026-11-22T00:02:11.390Z","event":"recipient.failed","recipient":0,"reason":"host_accepts_no_mail","status":"5.3.2","attempts":1,"remote":"mx [192.0.2.7]","reply":"521 no mail here","said":"2026-11-21T23:58:03Z"})"),
                                tr, false);
  ASSERT_EQ(story.lines.size(), 2u);
  EXPECT_THAT(story.lines[1].text,
              testing::EndsWith("mx [192.0.2.7] was not asked: at 2026-11-21 23:58:03 it said that it takes no mail."));
}

TEST(Story, Ends) {
  const i18n::Translator tr;
  EXPECT_EQ(tell_story(records(accepted + R"({"event":"recipient.delivered","recipient":0})"), tr, false).end,
            MessageEnd::open);
  EXPECT_EQ(
      tell_story(records(accepted + R"({"event":"recipient.delivered","recipient":0},{"event":"message.finished"})"),
                 tr, false)
          .end,
      MessageEnd::delivered);
  EXPECT_EQ(
      tell_story(
          records(
              R"({"event":"recipient.failed","reason":"null_mx"},{"event":"bounce.dropped"},{"event":"message.finished"})"),
          tr, false)
          .end,
      MessageEnd::failed);
  EXPECT_EQ(tell_story(records(R"({"event":"recipient.removed"},{"event":"message.finished"})"), tr, false).end,
            MessageEnd::removed);
  EXPECT_EQ(
      tell_story(
          records(
              R"({"event":"recipient.removed","reason":"returned_by_admin"},{"event":"bounce.queued"},{"event":"message.finished"})"),
          tr, false)
          .end,
      MessageEnd::returned);
  const auto other_host = tell_story(records(R"(
    {"event":"connection.failed","remote":"mx1","reply":"421 busy"},{"event":"recipient.delivered","recipient":0,"remote":"mx2","reply":"250 OK"})"),
                                     tr, false);
  EXPECT_EQ(other_host.lines.size(), 2u);
  EXPECT_TRUE(tell_story(records(R"(1,"x",{"event":7},{})"), tr, true).lines.empty());
}

TEST(Story, EveryReasonHasALabel) {
  const i18n::Translator tr;
#define REASON(identifier, text) EXPECT_TRUE(tr.has("queue.reason." #identifier)) << #identifier;
#include "queue/reason.def"
#undef REASON
  EXPECT_EQ(reason_label("from_the_future", tr), "from_the_future");
}

TEST(Story, Units) {
  const i18n::Translator tr;
  EXPECT_EQ(short_duration(0, tr), "0s");
  EXPECT_EQ(short_duration(59, tr), "59s");
  EXPECT_EQ(short_duration(60 * 48, tr), "48m");
  EXPECT_EQ(short_duration(2 * 3600 + 600, tr), "2h10m");
  EXPECT_EQ(short_duration(3 * 86400 + 4 * 3600, tr), "3d4h");
  EXPECT_EQ(short_duration(86400, tr), "1d");
  EXPECT_EQ(short_size(999), "999 B");
  EXPECT_EQ(short_size(4100), "4.1 kB");
  EXPECT_EQ(short_size(52000000), "52.0 MB");
}

std::string meaning_of(const std::string& record) {
  const i18n::Translator tr;
  std::ostringstream out;
  write_meaning(out, tell_story(records(accepted + record), tr, false), tr);
  return out.str();
}

// What a reply asks of a sender is not to be done where it was said to this server or its smarthost.
TEST(Story, MeaningIsThatOfTheReason) {
  using testing::HasSubstr;
  using testing::Not;
  const auto smarthost = meaning_of(
      R"({"event":"recipient.deferred","recipient":0,"reason":"smarthost_refused","status":"4.3.2","reply":"521 no mail"})");
  EXPECT_THAT(smarthost, HasSubstr("Our own mail system"));
  EXPECT_THAT(smarthost, HasSubstr("your mail administrator's"));
  EXPECT_THAT(smarthost, Not(HasSubstr("MX records")));
  EXPECT_THAT(smarthost, Not(HasSubstr("MX hosts")));
  EXPECT_THAT(smarthost, Not(HasSubstr("Send the message again")));
  const auto login = meaning_of(
      R"({"event":"recipient.deferred","recipient":0,"reason":"auth_failed","status":"4.7.0","reply":"530 5.7.0 Authentication required"})");
  EXPECT_THAT(login, Not(HasSubstr("mail program")));
  const auto nonsense = meaning_of(
      R"({"event":"recipient.deferred","recipient":0,"reason":"protocol_error","status":"4.5.0","reply":"250 what"})");
  EXPECT_THAT(nonsense, Not(HasSubstr("success")));
  EXPECT_THAT(nonsense, HasSubstr("did not take the message for now"));
  const auto blocked = meaning_of(
      R"({"event":"recipient.deferred","recipient":0,"reason":"refused_us","status":"4.3.2","reply":"554 mx no SMTP service for you here"})");
  EXPECT_THAT(blocked, HasSubstr("Blocked by the receiver"));
  const auto none = meaning_of(
      R"({"event":"recipient.deferred","recipient":0,"reason":"refused_us","status":"4.3.2","reply":"554 no SMTP service here"})");
  const std::string greylisted =
      R"({"event":"recipient.deferred","recipient":0,"reason":"greylisted","status":"4.7.1","reply":"451 4.7.1 greylisted"},)";
  EXPECT_EQ(
      meaning_of(
          greylisted +
          R"({"event":"recipient.removed","recipient":0,"reason":"dropped_by_admin"},{"event":"message.finished"})"),
      "");
  EXPECT_THAT(
      meaning_of(
          greylisted +
          R"({"event":"recipient.removed","recipient":0,"reason":"returned_by_admin"},{"event":"message.finished"})"),
      HasSubstr("Ask your administrator"));
  EXPECT_THAT(none, HasSubstr("lift the block"));
  EXPECT_THAT(none, Not(HasSubstr("MX records")));
}

TEST_F(ServerCommands, TraceExplainsTheLastReply) {
  ControlServer server(socket_, [](const object&) {
    return object{
        {"ok", true},
        {"kind", "message"},
        {"message", nullptr},
        {"records",
         records(
             accepted +
             R"({"time":"2026-11-22T10:17:12.010Z","event":"recipient.failed","recipient":0,"reason":"recipient_refused","status":"5.1.1","remote":"mx","reply":"550 5.1.1 unknown user"},{"event":"message.finished"})")}};
  });
  EXPECT_EQ(ask({"trace", "0SA7-KM1Q-40000"}), exit_ok) << err_;
  EXPECT_TRUE(said("you@example.org -> bob@example.net")) << out_;
  EXPECT_TRUE(said("returned to the sender"));
  EXPECT_TRUE(said("550 5.1.1  Mailbox does not exist")) << out_;
}

TEST_F(ServerCommands, TraceOfAReceiptSaysWhatWasRefused) {
  ControlServer server(socket_, [](const object&) {
    return object{
        {"ok", true},
        {"kind", "receipt"},
        {"receipt", object{{"time", "2026-11-22T10:17:12.010Z"},
                           {"receipt", "A1KZ-8D1J-12R53"},
                           {"stage", "rcpt"},
                           {"peer", "192.0.2.1"},
                           {"rule", "deliver.check_recipient_domains"},
                           {"recipient", "x@nomail.example"},
                           {"reply", "556 5.1.10 <x@nomail.example>: nomail.example takes no mail, it has a null MX"}}},
        {"setting",
         object{{"key", "deliver.check_recipient_domains"}, {"value", "true"}, {"place", "postil.toml:12"}}}};
  });
  EXPECT_EQ(ask({"trace", "A1KZ-8D1J-12R53"}), exit_ok) << err_;
  EXPECT_TRUE(said("Decided by   deliver.check_recipient_domains = true\n")) << out_;
  EXPECT_TRUE(said("Set at       postil.toml:12\n")) << out_;
  EXPECT_TRUE(said("556 5.1.10  Domain does not accept mail")) << out_;
}

}  // namespace
}  // namespace postil::cli
