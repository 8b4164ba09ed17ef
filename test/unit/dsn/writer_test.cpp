#include "dsn/writer.hpp"

#include <gmock/gmock.h>

#include "base/bytes.hpp"
#include "base/prng.hpp"
#include "dsn/human.hpp"
#include "i18n/translator.hpp"
#include "mime_reader.hpp"

namespace postil::dsn {
namespace {

using queue::Reason;
using testing::HasSubstr;
using testing::Not;

WallTime at(std::int64_t unix_seconds) {
  return wall_from_microseconds(unix_seconds * 1'000'000);
}

queue::RecipientState refused() {
  queue::RecipientState state;
  state.status = queue::RecipientStatus::failed;
  state.reason = Reason::recipient_refused;
  state.code = {5, 1, 1};
  state.attempts = 1;
  state.last_attempt = at(1795328460);
  state.remote = "mx1.example.net [192.0.2.7]";
  state.diagnostic = "550 5.1.1 <bob@example.net>: no such user here";
  state.diagnostic_remote = true;
  return state;
}

Report common() {
  Report report;
  report.host = "mail.example.org";
  report.id = "1ABC-DEFG-HJKMN";
  report.time = at(1795328462);
  report.original.id = MessageId{42};
  report.original.arrived = at(1795328432);
  report.original.expires = at(1795328432 + 5 * 86400);
  report.original.sender = "ann@example.org";
  report.original.recipients = {{"bob@example.net", "", 0}, {"cy@example.com", "", 0}};
  report.original.size_octets = 500;
  report.recipients = {refused()};
  report.original_header =
      "Received: by us\r\nFrom: Ann <ann@example.org>\r\nMessage-ID: <orig@example.org>\r\nSubject: Hi\r\n";
  report.random = 7;
  return report;
}

// What every report must be, whatever went in.
ReadMessage check(std::string_view octets, bool international = false) {
  for (auto line : split(octets, '\n')) {
    EXPECT_LE(line.size(), 999u);
    if (line.data() + line.size() == octets.data() + octets.size()) continue;
    EXPECT_TRUE(line.ends_with('\r')) << line;
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (const char c : line) EXPECT_FALSE(is_control(c) && c != '\t') << line;
  }
  EXPECT_TRUE(octets.ends_with("--\r\n"));
  EXPECT_TRUE(international || !has_8bit(octets));
  EXPECT_TRUE(is_utf8(octets));
  auto read = read_message(octets);
  for (const char* once : {"Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version",
                           "Content-Type", "Content-Language"})
    EXPECT_EQ(count(read.header, once), 1u) << once;
  EXPECT_LE(read.header.size(), 12u);
  EXPECT_EQ(read.type, "multipart/report");
  EXPECT_EQ(read.report_type, "delivery-status");
  EXPECT_EQ(read.parts.size(), 3u);
  EXPECT_EQ(read.field("Auto-Submitted"), "auto-replied");
  read.parts.resize(3);
  return read;
}

// The text without its line breaks.
std::string words(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r' || (c == ' ' && out.ends_with(' '))) continue;
    if (c != '\n') {
      out += c;
    } else if (!out.ends_with(' ')) {
      out += ' ';
    }
  }
  return out;
}

TEST(Writer, failure) {
  const auto out = write(common());
  const auto read = check(out);
  EXPECT_EQ(read.field("From"), "\"Mail Delivery System\" <postmaster@mail.example.org>");
  EXPECT_THAT(read.field("To"), HasSubstr("ann@example.org"));
  EXPECT_EQ(read.field("Subject"), "Your message could not be delivered");
  EXPECT_EQ(read.field("Date"), "Sun, 22 Nov 2026 06:21:02 +0000");
  EXPECT_EQ(read.field("Message-ID"), "<1ABC-DEFG-HJKMN@mail.example.org>");
  EXPECT_EQ(read.field("References"), "<orig@example.org>");
  EXPECT_EQ(read.field("Content-Language"), "en");
  EXPECT_EQ(read.parts[0].type, "text/plain");
  EXPECT_EQ(read.parts[1].type, "message/delivery-status");
  EXPECT_EQ(read.parts[2].type, "text/rfc822-headers");
  EXPECT_THAT(read.parts[2].content, HasSubstr("Subject: Hi"));

  const auto groups = read_status(read.parts[1].content);
  ASSERT_EQ(groups.size(), 2u);
  const Fields message = {{"Reporting-MTA", "dns; mail.example.org"},
                          {"Arrival-Date", "Sun, 22 Nov 2026 06:20:32 +0000"}};
  EXPECT_EQ(groups[0], message);
  const Fields recipient = {{"Final-Recipient", "rfc822;bob@example.net"},
                            {"Action", "failed"},
                            {"Status", "5.1.1"},
                            {"Remote-MTA", "dns; mx1.example.net"},
                            {"Diagnostic-Code", "smtp; 550 5.1.1 <bob@example.net>: no such user here"},
                            {"X-Postil-Reason", "user_unknown"},
                            {"Last-Attempt-Date", "Sun, 22 Nov 2026 06:21:00 +0000"},
                            {"Final-Log-ID", to_string(MessageId{42})}};
  EXPECT_EQ(groups[1], recipient);

  const auto& text = read.parts[0].content;
  EXPECT_THAT(text, HasSubstr("2026-11-22 06:20 +0000"));
  EXPECT_THAT(text, HasSubstr("no mailbox with this address"));
  EXPECT_THAT(text, HasSubstr("Whose move it is: yours."));
  EXPECT_THAT(text, HasSubstr("is not tried again"));
  EXPECT_THAT(text, HasSubstr("The mail server mx1.example.net [192.0.2.7] answered:"));
  EXPECT_THAT(text, HasSubstr("\r\n    550 5.1.1 <bob@example.net>: no such user here\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\n  Subject: Hi\r\n  Sent: 2026-11-22 06:20 +0000\r\n"));
  EXPECT_THAT(text, HasSubstr(to_string(MessageId{42})));
}

TEST(Writer, what_came_with_dsn_parameters_goes_back) {
  auto report = common();
  report.original.envid = "QQ+3D314+2B159";
  report.original.recipients[0].original = "rfc822;Bob+2Btag@example.net";
  const auto groups = read_status(check(write(report)).parts[1].content);
  EXPECT_EQ(find(groups[0], "Original-Envelope-Id"), "QQ=314+159");
  EXPECT_EQ(find(groups[1], "Original-Recipient"), "rfc822;Bob+tag@example.net");
  report.original.envid = "bad+0D+0AX-Evil: y";
  report.original.recipients[0].original = "rfc822;x+0D+0AStatus: 2.0.0";
  const auto hostile = read_status(check(write(report)).parts[1].content);
  EXPECT_EQ(count(hostile[0], "Original-Envelope-Id"), 0u);
  EXPECT_EQ(count(hostile[1], "Original-Recipient"), 0u);
}

// [rfc2852 5] [rfc4865 5.1.2]
TEST(Writer, when_it_was_to_leave_and_to_arrive) {
  auto report = common();
  report.original.hold_request = "for;3600";
  report.original.by = queue::By::give_back;
  report.original.deliver_by = at(1795328432 + 7200);
  report.recipients[0].status = queue::RecipientStatus::expired;
  report.recipients[0].last_reason = std::exchange(report.recipients[0].reason, Reason::deliver_by_over);
  report.recipients[0].code = {5, 4, 7};
  const auto octets = write(report);
  check(octets);
  EXPECT_THAT(octets, HasSubstr("\r\nArrival-Date: "));
  EXPECT_THAT(octets, HasSubstr("\r\nDeliver-By-Date: Sun, 22 Nov 2026 08:20:32 +0000\r\n"));
  EXPECT_THAT(octets, HasSubstr("\r\nFuture-Release-Request: for;3600\r\n"));
  EXPECT_THAT(octets, HasSubstr("\r\nStatus: 5.4.7\r\n"));
  EXPECT_THAT(words(octets), HasSubstr("that time is over"));
  report.kind = Kind::relayed;
  EXPECT_THAT(words(write(report)), HasSubstr("before the time that you had named"));
  EXPECT_THAT(write(common()), Not(HasSubstr("Deliver-By-Date")));
}

TEST(Writer, several_recipients_have_a_group_each) {
  auto report = common();
  auto second = refused();
  second.index = 1;
  second.reason = Reason::null_mx;
  second.code = {5, 1, 10};
  second.remote = "";
  second.diagnostic = "";
  second.diagnostic_remote = false;
  report.recipients.push_back(second);
  const auto read = check(write(report));
  const auto groups = read_status(read.parts[1].content);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(find(groups[2], "Final-Recipient"), "rfc822;cy@example.com");
  EXPECT_EQ(find(groups[2], "Status"), "5.1.10");
  EXPECT_EQ(count(groups[2], "Remote-MTA"), 0u);
  EXPECT_EQ(count(groups[2], "Diagnostic-Code"), 0u);
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("2 recipients"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("takes no mail at all"));
}

TEST(Writer, our_own_words_are_no_diagnostic_code) {
  auto report = common();
  report.recipients[0].diagnostic = "the message went around in a circle";
  report.recipients[0].diagnostic_remote = false;
  report.recipients[0].remote = "";
  const auto read = check(write(report));
  const auto groups = read_status(read.parts[1].content);
  EXPECT_EQ(count(groups[1], "Diagnostic-Code"), 0u);
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("Our mail server noted:"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("circle"));
}

TEST(Writer, delay) {
  auto report = common();
  report.kind = Kind::delayed;
  auto& state = report.recipients[0];
  state.status = queue::RecipientStatus::waiting;
  state.reason = Reason::connect_failed;
  state.code = {4, 4, 1};
  state.attempts = 7;
  report.original.ret = queue::Return::full;  // is for failures only
  const auto read = check(write(report));
  EXPECT_EQ(read.field("Subject"), "Your message is delayed");
  const auto groups = read_status(read.parts[1].content);
  EXPECT_EQ(find(groups[1], "Action"), "delayed");
  EXPECT_EQ(find(groups[1], "Status"), "4.4.1");
  EXPECT_EQ(find(groups[1], "Will-Retry-Until"), "Fri, 27 Nov 2026 06:20:32 +0000");
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("tried 7 times so far"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("2026-11-27 06:20 +0000"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("could not be reached"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("You need not do anything."));
}

// Waiting does not mend it, and it does not wait as long as other mail.
TEST(Writer, delay_because_we_are_refused) {
  auto report = common();
  report.kind = Kind::delayed;
  report.refused_us_lifetime = days(1);
  auto& state = report.recipients[0];
  state.status = queue::RecipientStatus::waiting;
  state.reason = Reason::refused_us;
  state.code = {4, 7, 1};
  state.refused_since = at(1795328460);
  state.diagnostic = "554 5.7.1 blocked";
  const auto read = check(write(report));
  EXPECT_EQ(find(read_status(read.parts[1].content)[1], "Will-Retry-Until"), "Mon, 23 Nov 2026 06:21:00 +0000");
  const auto text = words(read.parts[0].content);
  EXPECT_THAT(text, HasSubstr("2026-11-23 06:21 +0000"));
  EXPECT_THAT(text, HasSubstr("your mail administrator's. Please pass this report on."));
  EXPECT_THAT(text, Not(HasSubstr("You need not do anything.")));
}

TEST(Writer, what_was_said_before_the_attempt) {
  auto report = common();
  auto& state = report.recipients[0];
  state.reason = Reason::host_accepts_no_mail;
  state.code = {5, 3, 2};
  state.diagnostic = "521 5.3.2 no mail here";
  state.diagnostic_time = at(1795328460 - 240);
  const auto read = check(write(report));
  const auto groups = read_status(read.parts[1].content);
  EXPECT_EQ(find(groups[1], "Diagnostic-Code"), "smtp; 521 5.3.2 no mail here");
  EXPECT_EQ(find(groups[1], "Remote-MTA"), "dns; mx1.example.net");
  EXPECT_THAT(
      words(read.parts[0].content),
      HasSubstr("mx1.example.net [192.0.2.7] gave this answer at 2026-11-22 06:17 +0000, to an earlier message."));
}

TEST(Writer, the_subject_as_people_know_it) {
  const std::pair<const char*, const char*> cases[] = {
      {"=?utf-8?B?R3LDvMOfZQ==?= aus =?utf-8?Q?K=C3=B6ln?=", "  Subject: Grüße aus Köln\r\n"},
      {"Lunch\r\n on Friday", "  Subject: Lunch on Friday\r\n"},
      {"=?utf-8?Q?a=0D=0AStatus:_2.0.0?=", "Status: 2.0.0\r\n  Sent: "},
  };
  for (const auto& [field, shown] : cases) {
    auto report = common();
    report.original_header = std::string("From: a@b\r\nSubject: ") + field + "\r\nX: y\r\n";
    const auto out = write(report);
    EXPECT_THAT(check(out).parts[0].content, HasSubstr(shown)) << out;
  }
  auto without = common();
  without.original_header = "From: a@b\r\n";
  EXPECT_THAT(check(write(without)).parts[0].content, Not(HasSubstr("Subject:")));
}

TEST(Writer, a_long_answer_is_wrapped) {
  auto report = common();
  std::string answer = "550 5.7.1";
  for (int i = 0; i < 60; ++i) answer += " some more words";
  report.recipients[0].diagnostic = answer;
  const auto read = check(write(report));
  for (const auto line : split(read.parts[0].content, '\n')) EXPECT_LE(line.size(), 74u) << line;
  EXPECT_EQ(find(read_status(read.parts[1].content)[1], "Diagnostic-Code"), "smtp; " + answer);
}

TEST(Writer, success_reports) {
  for (const auto& [kind, action] : {std::pair{Kind::delivered, "delivered"}, std::pair{Kind::relayed, "relayed"}}) {
    auto report = common();
    report.kind = kind;
    report.recipients[0].status = queue::RecipientStatus::delivered;
    report.recipients[0].reason = Reason::delivered;
    report.recipients[0].code = {2, 6, 0};
    report.recipients[0].diagnostic = "250 2.6.0 queued";
    const auto read = check(write(report));
    const auto groups = read_status(read.parts[1].content);
    EXPECT_EQ(find(groups[1], "Action"), action);
    EXPECT_EQ(find(groups[1], "Status"), "2.6.0");
    EXPECT_EQ(count(groups[1], "Will-Retry-Until"), 0u);
    EXPECT_THAT(words(read.parts[0].content), Not(HasSubstr("Whose move")));
  }
}

TEST(Writer, expired) {
  auto report = common();
  auto& state = report.recipients[0];
  state.reason = Reason::expired;
  state.code = {4, 2, 2};
  state.attempts = 31;
  state.diagnostic = "452 4.2.2 mailbox full";
  const auto read = check(write(report));
  EXPECT_EQ(find(read_status(read.parts[1].content)[1], "Status"), "4.2.2");
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("tried 31 times"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("no space left"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("the recipient's."));
}

// What it waited for says what is to be done, not that the time was over.
TEST(Advice, of_a_message_whose_time_was_over) {
  queue::RecipientState state;
  state.status = queue::RecipientStatus::expired;
  state.reason = Reason::expired;
  state.code = {5, 4, 7};
  const auto of = [&](Reason last, reply::EnhancedCode code) {
    state.last_reason = last;
    state.last_code = code;
    return std::string(advice_of(Kind::failed, state).id);
  };
  EXPECT_EQ(of(Reason::connect_failed, {4, 4, 1}), "unreachable");
  EXPECT_EQ(of(Reason::recipient_deferred, {4, 2, 2}), "mailbox_full");
  EXPECT_EQ(of(Reason::recipient_deferred, {4, 1, 1}), "not_now");
  EXPECT_EQ(of(Reason::recipient_deferred, {4, 2, 1}), "not_now");
  EXPECT_EQ(of(Reason::greylisted, {4, 7, 1}), "not_now");
  EXPECT_EQ(of(Reason::host_deferred, {4, 3, 2}), "not_now");
  EXPECT_EQ(of(Reason::smarthost_refused, {4, 3, 2}), "own_trouble");
}

// What waits for our own administrator is kept: nobody is asked to send it again.
TEST(Advice, of_a_message_that_our_own_trouble_delays) {
  auto report = common();
  auto& state = report.recipients[0];
  state.reason = Reason::smarthost_refused;
  state.code = {4, 3, 2};
  state.diagnostic = "521 no mail";
  report.kind = Kind::delayed;
  const auto late = words(human_part(report).text);
  EXPECT_THAT(late, HasSubstr("You need not send it again"));
  EXPECT_THAT(late, HasSubstr("your mail administrator's."));
  EXPECT_THAT(late, testing::Not(HasSubstr("Send the message again")));
  report.kind = Kind::failed;
  EXPECT_THAT(words(human_part(report).text), HasSubstr("Send the message again when your administrator"));
}

TEST(Status, is_true_to_what_is_known) {
  queue::RecipientState state;
  state.reason = Reason::host_accepts_no_mail;
  state.diagnostic = "521 mx.example.net does not accept mail";
  state.diagnostic_remote = true;
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "5.3.2");
  state.reason = Reason::recipient_refused;
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "5.3.2");
  state.diagnostic = "556 no";
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "5.1.10");
  state.diagnostic = "550 no";
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "5.0.0");
  EXPECT_EQ(reply::to_string(status_of(Kind::delayed, state)), "4.0.0");
  EXPECT_EQ(reply::to_string(status_of(Kind::delivered, state)), "2.0.0");
  state.reason = Reason::null_mx;
  state.diagnostic_remote = false;
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "5.1.10");
  state.code = {4, 3, 2};
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "4.3.2");
  EXPECT_EQ(reply::to_string(status_of(Kind::relayed, state)), "2.0.0");
  state.code = {};
  state.reason = Reason::expired;
  EXPECT_EQ(reply::to_string(status_of(Kind::failed, state)), "4.4.7");
}

std::string whole(Report report, std::string_view original, std::size_t piece, Facts* facts = nullptr) {
  Writer writer(std::move(report));
  EXPECT_TRUE(writer.wants_original());
  auto out = writer.begin();
  for (; !original.empty(); original.remove_prefix(std::min(piece, original.size())))
    writer.original(original.substr(0, piece), out);
  out += writer.end();
  EXPECT_EQ(writer.facts().size_octets, out.size());
  EXPECT_EQ(writer.facts().header_octets, out.find("\r\n\r\n") + 4);
  EXPECT_FALSE(writer.boundary_clash());
  if (facts != nullptr) *facts = writer.facts();
  return out;
}

TEST(Writer, full_return) {
  auto report = common();
  report.original.ret = queue::Return::full;
  const std::string original = report.original_header + "\r\nBody\r\n.\r\n--x\r\n";
  const auto out = whole(report, original, 1000);
  const auto read = check(out);
  EXPECT_EQ(read.parts[2].type, "message/rfc822");
  EXPECT_EQ(read.parts[2].encoding, "");
  EXPECT_THAT(out, HasSubstr("\r\n\r\n" + original + "\r\n--=_postil_"));
  for (const std::size_t piece : {1u, 3u, 57u}) EXPECT_EQ(whole(report, original, piece), out);
}

TEST(Writer, full_return_of_8bit_is_encoded) {
  auto report = common();
  report.original.ret = queue::Return::full;
  report.original.body_8bit = true;
  const std::string original = report.original_header + "\r\n" + std::string(2000, '\xe4') + "\r\n";
  Facts facts;
  const auto out = whole(report, original, 7, &facts);
  EXPECT_FALSE(facts.body_8bit || facts.smtputf8);
  EXPECT_EQ(whole(report, original, 100000), out);
  const auto read = check(out);
  EXPECT_EQ(read.parts[2].type, "message/global");
  EXPECT_EQ(read.parts[2].encoding, "base64");
}

std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  for (const auto line : split(text, '\n')) longest = std::max(longest, line.size());
  return longest;
}

TEST(Writer, full_return_with_a_long_line_is_encoded) {
  auto report = common();
  report.original.ret = queue::Return::full;
  for (const std::size_t octets : {998u, 999u, 60'000u}) {
    const std::string original =
        report.original_header + "\r\n" + std::string(998, 'a') + "\r\n" + std::string(octets, 'b') + "\r\n.\r\n";
    for (const std::size_t piece : {1u, 997u, 100'000u}) {
      Writer writer(report);
      std::string sink = writer.begin();
      for (std::string_view rest = original; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
        writer.original(rest.substr(0, piece), sink);
      sink += writer.end();
      EXPECT_EQ(writer.has_long_line(), octets > 998) << octets << " " << piece;
    }
    report.encode_original = octets > 998;
    const auto out = whole(report, original, 1000);
    EXPECT_LE(longest_line(out), 999u);  // with the CR
    const auto read = check(out);
    EXPECT_EQ(read.parts[2].type, octets > 998 ? "message/global" : "message/rfc822");
    EXPECT_EQ(read.parts[2].encoding, octets > 998 ? "base64" : "");
    report.encode_original = false;
  }
}

TEST(Writer, too_long_an_original_comes_back_as_header) {
  auto report = common();
  report.original.ret = queue::Return::full;
  report.original.size_octets = full_original_octets_max + 1;
  EXPECT_FALSE(Writer(report).wants_original());
  EXPECT_EQ(check(write(report)).parts[2].type, "text/rfc822-headers");
}

TEST(Writer, boundary_in_the_original_is_seen) {
  auto report = common();
  report.original.ret = queue::Return::full;
  const auto out = whole(report, "A: b\r\n\r\n", 10);
  const auto from = out.find("boundary=\"") + 10;
  const auto boundary = out.substr(from, out.find('"', from) - from);
  for (const std::size_t piece : {1u, 5u, 1000u}) {
    Writer writer(report);
    std::string sink = writer.begin();
    const std::string evil = "A: b\r\n\r\n--" + boundary + "\r\n";
    for (std::string_view rest = evil; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
      writer.original(rest.substr(0, piece), sink);
    EXPECT_TRUE(writer.boundary_clash()) << piece;
  }
  // In a header we choose another one ourselves.
  auto headers = common();
  const auto first = write(headers);
  const auto at_first = first.find("boundary=\"") + 10;
  headers.original_header += "X: --" + first.substr(at_first, first.find('"', at_first) - at_first) + "\r\n";
  EXPECT_THAT(check(write(headers)).parts[2].content, HasSubstr("X: --=_postil"));
}

TEST(Writer, utf8_recipient_and_header_stay_7bit) {
  auto report = common();
  report.original.recipients[0].address = "büro@example.net";
  report.original.recipients[0].original = "utf-8;b\\x{FC}ro@example.net";
  report.original.header_utf8 = true;
  report.original_header += "X-Name: Jürgen\r\n";
  const auto read = check(write(report));
  const auto groups = read_status(read.parts[1].content);
  EXPECT_EQ(read.parts[1].type, "message/delivery-status");
  EXPECT_EQ(find(groups[1], "Final-Recipient"), "utf-8;b\\x{FC}ro@example.net");
  EXPECT_EQ(find(groups[1], "Original-Recipient"), "utf-8;b\\x{FC}ro@example.net");
  EXPECT_EQ(read.parts[2].type, "message/global-headers");
  EXPECT_EQ(read.parts[2].encoding, "quoted-printable");
  EXPECT_THAT(read.parts[2].content, HasSubstr("X-Name: Jürgen\r\n"));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("<büro@example.net>"));
}

TEST(Writer, utf8_sender_gets_an_international_report) {
  auto report = common();
  report.original.sender = "jürgen@example.org";
  report.original.recipients[0].address = "büro@example.net";
  report.original.smtputf8 = true;
  Writer writer(report);
  auto out = writer.begin();
  out += writer.end();
  EXPECT_TRUE(writer.facts().smtputf8);
  EXPECT_TRUE(writer.facts().body_8bit);
  const auto read = check(out, true);
  EXPECT_THAT(out, HasSubstr("To: <jürgen@example.org>\r\n"));
  EXPECT_EQ(read.parts[1].type, "message/global-delivery-status");
  EXPECT_THAT(out, HasSubstr("Final-Recipient: utf-8;büro@example.net\r\n"));
}

TEST(Writer, header_that_is_no_utf8) {
  auto report = common();
  report.original_header += "Subject: caf\xe9\r\n";
  const auto read = check(write(report));
  EXPECT_EQ(read.parts[2].type, "text/rfc822-headers");
  EXPECT_THAT(read.parts[2].content, HasSubstr("caf?"));
}

TEST(Writer, host_without_full_name) {
  auto report = common();
  report.host = "localbox";
  EXPECT_EQ(find(read_status(check(write(report)).parts[1].content)[0], "Reporting-MTA"), "x-local-hostname; localbox");
}

TEST(Writer, languages) {
  auto report = common();
  report.language = "de-AT, en;q=0.5";
  auto read = check(write(report));
  EXPECT_EQ(read.field("Content-Language"), "de, en");
  EXPECT_EQ(read.parts[0].language, "de, en");
  EXPECT_EQ(read.field("Subject"), "Ihre Nachricht konnte nicht zugestellt werden");
  const auto german = words(read.parts[0].content);
  EXPECT_LT(german.find("Jetzt sind Sie am Zug."), german.find("Whose move it is: yours."));
  report.language = "ru";
  read = check(write(report));
  EXPECT_EQ(read.field("Content-Language"), "ru, en");
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("Следующий шаг за вами."));
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("Whose move it is: yours."));
  report.language = "xx";
  EXPECT_EQ(check(write(report)).field("Content-Language"), "en");
}

TEST(Writer, many_recipients) {
  auto report = common();
  report.recipients.clear();
  for (std::uint32_t i = 0; i < 200; ++i) {
    report.original.recipients.push_back({"r" + std::to_string(i) + "@example.net", "", 0});
    report.recipients.push_back(refused());
    report.recipients.back().index = i + 2;
  }
  const auto read = check(write(report));
  EXPECT_EQ(read_status(read.parts[1].content).size(), 201u);
  EXPECT_THAT(words(read.parts[0].content), HasSubstr("150 more recipients"));
}

// Whatever others wrote, the report has the fields that we gave it, and no other.
std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

TEST(Writer, hostile_texts) {
  Prng random(11);
  const std::string_view evil[] = {"\r\nX-Evil: y",
                                   "\n\nStatus: 2.0.0\n",
                                   "\r\n.\r\n",
                                   "\x1b[2J",
                                   "From: x@y",
                                   "\r",
                                   "--=_postil_",
                                   "\xff\xfe",
                                   "\xc2\x9b",
                                   "\xe2\x80\xae",
                                   "=?utf-8?Q?=0D=0A?=",
                                   "a",
                                   " ",
                                   "      ",
                                   "\t",
                                   "<",
                                   ">",
                                   "\"",
                                   ";"};
  for (int round = 0; round < 300; ++round) {
    const auto text = [&] {
      std::string out;
      for (auto n = random.below(8); n > 0; --n) out += evil[random.below(std::size(evil))];
      if (random.chance(0.2)) out += '\0';
      if (random.chance(0.1)) out += std::string(random.below(3000), random.chance(0.5) ? 'x' : '\xe4');
      return out;
    };
    auto report = common();
    report.recipients[0].diagnostic = text();
    report.recipients[0].remote = text();
    report.original.recipients[0].address = text() + "@x";
    report.original.recipients[0].original = "rfc822;" + text();
    report.original.envid = text();
    report.original_header = (round % 2 == 0 ? "A: " : "Message-ID: <") + text() + ">\r\nB: c\r\n" + text();
    report.language = text();
    report.host = "mail.example.org" + text();
    report.original.sender = "ann" + without_nul(text()) + "@example.org";
    report.random = random();
    const auto out = write(report);
    const auto read = check(out, has_8bit(report.original.sender));
    EXPECT_EQ(count(read.header, "X-Evil"), 0u) << out;
    const auto groups = read_status(read.parts[1].content);
    ASSERT_EQ(groups.size(), 2u) << read.parts[1].content;
    EXPECT_EQ(count(groups[1], "Status"), 1u);
    EXPECT_EQ(find(groups[1], "Status"), "5.1.1");
    for (const auto& fields : groups) EXPECT_EQ(count(fields, "X-Evil"), 0u);
    if (testing::Test::HasFailure()) FAIL() << testing::PrintToString(out);
  }
}

TEST(Advice, has_its_texts_in_every_language) {
  for (const char* language : {"en", "de", "ru"}) {
    const i18n::Translator tr(language);
    EXPECT_EQ(tr.language_of("bounce"), language);
    for (const auto& advice : all_advice()) {
      for (const char* part : {".what", ".do"})
        EXPECT_TRUE(tr.has("bounce.advice." + std::string(advice.id) + part)) << advice.id;
      EXPECT_TRUE(tr.has("bounce.who." + std::string(advice.who))) << advice.who;
    }
  }
}

TEST(Advice, every_reason_and_code_has_one) {
  for (const auto kind : {Kind::failed, Kind::delayed}) {
    for (int reason = 0; reason <= static_cast<int>(Reason::retry_asked); ++reason) {
      for (std::uint16_t subject = 0; subject < 9; ++subject) {
        for (std::uint16_t detail = 0; detail < 40; ++detail) {
          queue::RecipientState state;
          state.reason = static_cast<Reason>(reason);
          state.code = {static_cast<std::uint8_t>(kind == Kind::failed ? 5 : 4), subject, detail};
          const auto advice = advice_of(kind, state);
          EXPECT_TRUE(std::ranges::any_of(all_advice(), [&](const Advice& a) { return a.id == advice.id; }))
              << advice.id;
        }
      }
    }
  }
}

}  // namespace
}  // namespace postil::dsn
