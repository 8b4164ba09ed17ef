// The binary forms of envelope and state.
#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "queue/envelope.hpp"

namespace postil::queue {
namespace {

Envelope full_envelope() {
  Envelope envelope;
  envelope.id = {0x1122334455667788};
  envelope.kind = Kind::bounce;
  envelope.arrived = wall_from_microseconds(1763800000123456);
  envelope.expires = wall_from_microseconds(-5);
  envelope.sender = "anna@example.org";
  envelope.recipients.push_back({"bob@example.net", "rfc822;Bob+20Smith@example.org", notify_failure | notify_delay});
  envelope.recipients.push_back({"\xd0\xb8@example.net", "", notify_never});
  envelope.body = Body::binary;
  envelope.smtputf8 = true;
  envelope.ret = Return::headers;
  envelope.envid = "QQ314159";
  envelope.body_8bit = true;
  envelope.header_utf8 = true;
  envelope.size_octets = 5'000'000'000;
  envelope.header_octets = 1234;
  envelope.login = "anna";
  envelope.client = "2001:db8::1";
  envelope.language = "de, en";
  envelope.report_of = {99};
  envelope.body_hash = std::string(32, '\x07');
  envelope.requiretls = true;
  envelope.tls_optional = true;
  envelope.release = wall_from_microseconds(7);
  envelope.hold_request = "for;3600";
  envelope.deliver_by = wall_from_microseconds(-8);
  envelope.by = By::give_back;
  envelope.by_trace = true;
  envelope.priority = -9;
  return envelope;
}

MessageState full_state() {
  MessageState state;
  state.id = {42};
  state.held = true;
  auto& part = state.recipients.emplace_back();
  part.index = 7;
  part.status = RecipientStatus::expired;
  part.reason = Reason::greylisted;
  part.code = {4, 7, 1};
  part.attempts = 300;
  part.delay_notified = true;
  part.last_attempt = wall_from_microseconds(1);
  part.next_attempt = wall_from_microseconds(2);
  part.remote = "mx1.example.net [192.0.2.7]";
  part.diagnostic = "450 4.7.1 come again";
  part.diagnostic_remote = true;
  part.diagnostic_time = wall_from_microseconds(4);
  part.last_reason = Reason::timed_out;
  part.last_code = {4, 4, 2};
  part.refused_since = wall_from_microseconds(3);
  state.recipients.emplace_back().index = 8;
  return state;
}

TEST(QueueCodec, envelope_comes_back) {
  const auto octets = encode(full_envelope());
  const auto back = decode_envelope(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), octets);
  EXPECT_EQ(back->id.value, 0x1122334455667788u);
  EXPECT_EQ(back->kind, Kind::bounce);
  EXPECT_EQ(unix_microseconds(back->expires), -5);
  ASSERT_EQ(back->recipients.size(), 2u);
  EXPECT_EQ(back->recipients[0].original, "rfc822;Bob+20Smith@example.org");
  EXPECT_EQ(back->recipients[0].notify, notify_failure | notify_delay);
  EXPECT_EQ(back->recipients[1].address, "\xd0\xb8@example.net");
  EXPECT_EQ(back->body, Body::binary);
  EXPECT_TRUE(back->smtputf8 && back->body_8bit && back->header_utf8);
  EXPECT_TRUE(back->requiretls && back->tls_optional);
  EXPECT_EQ(unix_microseconds(back->release), 7);
  EXPECT_EQ(back->hold_request, "for;3600");
  EXPECT_EQ(unix_microseconds(back->deliver_by), -8);
  EXPECT_TRUE(back->by == By::give_back && back->by_trace);
  EXPECT_EQ(back->priority, -9);
  EXPECT_EQ(back->ret, Return::headers);
  EXPECT_EQ(back->envid, "QQ314159");
  EXPECT_EQ(back->size_octets, 5'000'000'000u);
  EXPECT_EQ(back->header_octets, 1234u);
  EXPECT_EQ(back->login, "anna");
  EXPECT_EQ(back->client, "2001:db8::1");
  EXPECT_EQ(back->language, "de, en");
  EXPECT_EQ(back->report_of.value, 99u);
  EXPECT_EQ(encode(*decode_envelope(encode(Envelope{}))), encode(Envelope{}));
}

TEST(QueueCodec, state_comes_back) {
  const auto octets = encode(full_state());
  const auto back = decode_state(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), octets);
  EXPECT_EQ(back->id.value, 42u);
  EXPECT_TRUE(back->held);
  ASSERT_EQ(back->recipients.size(), 2u);
  const auto& part = back->recipients[0];
  EXPECT_EQ(part.index, 7u);
  EXPECT_EQ(part.status, RecipientStatus::expired);
  EXPECT_EQ(part.reason, Reason::greylisted);
  EXPECT_EQ(part.code, (reply::EnhancedCode{4, 7, 1}));
  EXPECT_EQ(part.attempts, 300);
  EXPECT_TRUE(part.delay_notified && part.diagnostic_remote);
  EXPECT_EQ(unix_microseconds(part.last_attempt), 1);
  EXPECT_EQ(unix_microseconds(part.next_attempt), 2);
  EXPECT_EQ(unix_microseconds(part.refused_since), 3);
  EXPECT_EQ(part.remote, "mx1.example.net [192.0.2.7]");
  EXPECT_EQ(part.diagnostic, "450 4.7.1 come again");
  EXPECT_EQ(unix_microseconds(part.diagnostic_time), 4);
  EXPECT_EQ(part.last_reason, Reason::timed_out);
  EXPECT_EQ(part.last_code, (reply::EnhancedCode{4, 4, 2}));
}

// Version 1 ended each recipient with diagnostic_remote and refused_since.
TEST(QueueCodec, a_state_of_the_first_version_is_read) {
  MessageState state = full_state();
  state.recipients.resize(1);
  auto octets = encode(state);
  octets[0] = 1;
  constexpr std::size_t added = 8 + 1 + 5, refused_since = 8;
  octets.erase(octets.size() - refused_since - added, added);
  const auto back = decode_state(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(unix_microseconds(back->recipients.at(0).refused_since), 3);
  EXPECT_EQ(back->recipients[0].diagnostic, "450 4.7.1 come again");
  EXPECT_EQ(back->recipients[0].last_reason, Reason::new_message);
}

// Version 1 ended with report_of, 2 with body_hash.
TEST(QueueCodec, envelopes_of_older_versions_are_read) {
  auto octets = encode(full_envelope());
  octets[0] = 3;
  octets.resize(octets.size() - (8 + 4 + 8 + 8 + 3));
  auto back = decode_envelope(octets);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->requiretls && back->tls_optional);
  EXPECT_TRUE(back->release == WallTime{} && back->by == By::none && back->priority == 0);
  octets[0] = 2;
  octets.resize(octets.size() - 2);
  back = decode_envelope(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->body_hash, std::string(32, '\x07'));
  EXPECT_FALSE(back->requiretls || back->tls_optional);
  octets[0] = 1;
  octets.resize(octets.size() - 4 - 32);
  back = decode_envelope(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->report_of.value, 99u);
  EXPECT_EQ(back->body_hash, "");
}

TEST(QueueCodec, every_cut_is_refused) {
  const auto envelope = encode(full_envelope());
  for (std::size_t size = 0; size < envelope.size(); ++size) {
    EXPECT_FALSE(decode_envelope(std::string_view(envelope).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_envelope(envelope + "x"));
  const auto state = encode(full_state());
  for (std::size_t size = 0; size < state.size(); ++size) {
    EXPECT_FALSE(decode_state(std::string_view(state).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_state(state + "x"));
}

TEST(QueueCodec, newer_version_and_bad_values_are_told_apart) {
  auto octets = encode(full_envelope());
  octets[0] = 5;
  EXPECT_EQ(decode_envelope(octets).error(), CodecError::newer_version);
  octets[0] = 4;
  octets.back() = 10;  // the priority
  EXPECT_EQ(decode_envelope(octets).error(), CodecError::bad_value);
  octets.back() = 9;
  EXPECT_TRUE(decode_envelope(octets));
  octets[9] = 9;  // the kind
  EXPECT_EQ(decode_envelope(octets).error(), CodecError::bad_value);
  EXPECT_EQ(decode_envelope("").error(), CodecError::truncated);
  // A count that the input cannot hold takes no memory.
  auto state = encode(MessageState{});
  state[10] = state[11] = state[12] = state[13] = '\xff';
  EXPECT_EQ(decode_state(state).error(), CodecError::truncated);
}

TEST(QueueCodec, noise_does_no_harm) {
  Prng prng(5);
  const auto envelope = encode(full_envelope());
  const auto state = encode(full_state());
  for (int i = 0; i < 20000; ++i) {
    auto a = envelope;
    auto b = state;
    for (int k = 0; k < 3; ++k) {
      a[prng.below(a.size())] = static_cast<char>(prng());
      b[prng.below(b.size())] = static_cast<char>(prng());
    }
    if (const auto back = decode_envelope(a)) {
      EXPECT_EQ(encode(*back), a);
    }
    if (const auto back = decode_state(b); back && b[0] == state[0]) {
      EXPECT_EQ(encode(*back), b);
    }
  }
}

TEST(QueueReason, names_are_read_back) {
  EXPECT_EQ(to_string(Reason::host_deferred), "host_deferred");
  EXPECT_EQ(parse_reason("null_mx"), Reason::null_mx);
  EXPECT_EQ(parse_reason("no such"), std::nullopt);
}

}  // namespace
}  // namespace postil::queue
