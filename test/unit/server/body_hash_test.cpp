// The hash of a body is made while it streams in, where there are keys that will want it.
#include "crypto/digest.hpp"
#include "mailauth/dkim_body.hpp"
#include "rig.hpp"

namespace postil::test {
namespace {

using testing::StartsWith;

// Sends one message; gives its envelope as the store has it.
queue::Envelope sent(ServerRig& rig, const std::string& message) {
  rig.world.zone().address("bare.example", "203.0.113.1");
  auto client = rig.ready();
  EXPECT_THAT(client->say("MAIL FROM:<a@mx.example.org>"), StartsWith("250"));
  EXPECT_THAT(client->say("RCPT TO:<b@bare.example>"), StartsWith("250"));
  EXPECT_THAT(client->say("DATA"), StartsWith("354"));
  EXPECT_THAT(client->say(message + "."), StartsWith("250"));
  EXPECT_EQ(rig.store.messages.size(), 1u);
  return rig.store.messages.begin()->second.envelope;
}

TEST(BodyHash, is_of_what_is_stored) {
  std::string body;
  for (int i = 0; i < 5'000; ++i) body += "line  " + std::to_string(i) + "\r\n";
  const std::string messages[] = {"From: a@b.example\r\n\r\n" + body, "From: a@b.example\r\n\r\n",
                                  "no header\r\n" + body};
  for (const auto& message : messages) {
    ServerRig rig;
    rig.policy.hash_bodies = true;
    rig.start();
    const auto envelope = sent(rig, message);
    mailauth::DkimBodyHash hash(mailauth::DkimForm::relaxed);
    hash.feed(rig.store.messages.begin()->second.body.substr(envelope.header_octets));
    EXPECT_EQ(envelope.body_hash, hash.finish());
  }
}

TEST(BodyHash, is_not_made_without_keys) {
  ServerRig rig;
  rig.start();
  EXPECT_EQ(sent(rig, "From: a@b.example\r\n\r\ntext\r\n").body_hash, "");
}

}  // namespace
}  // namespace postil::test
