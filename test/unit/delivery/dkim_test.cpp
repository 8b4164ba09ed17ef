// Signatures of what leaves: over the octets that the host gets, by the keys that are valid then.
#include "mailauth/dkim_verify.hpp"
#include "rig.hpp"

namespace postil::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

mailauth::DkimKey key_of(std::string domain, std::string selector) {
  return {
      std::move(domain), std::move(selector), crypto::PrivateKey::generate(crypto::KeyType::ed25519), {}, true, {}, {}};
}

std::shared_ptr<const mailauth::DkimKeys> keys_of(std::vector<mailauth::DkimKey> keys) {
  return std::make_shared<const mailauth::DkimKeys>(std::move(keys));
}

// What a receiver finds: "s1 pass", one for each signature.
std::vector<std::string> checked(const std::string& message, const mailauth::DkimKeys& keys, WallTime now) {
  const auto end = message.find("\r\n\r\n");
  mailauth::DkimVerifier verifier(message.substr(0, end + 2), now);
  verifier.body(message.substr(end + 4));
  verifier.end_of_body();
  while (const auto name = verifier.next_question()) {
    dns::Answer answer;
    answer.status = dns::Status::no_domain;
    for (const auto& key : keys.all()) {
      if (*name != mailauth::dkim_key_name(key.selector, key.domain)) continue;
      answer.status = dns::Status::ok;
      answer.records = {dns::Text{mailauth::dkim_key_record(key.key)}};
    }
    verifier.answer(answer);
  }
  std::vector<std::string> out;
  for (const auto& one : verifier.results()) out.push_back(one.selector + " " + std::string(to_string(one.result)));
  return out;
}

const std::string letter = "From: Alice <alice@home.example>\r\nSubject: x\r\n\r\nfirst  line\r\n.second\r\n\r\n";

TEST(DeliveryDkim, what_arrives_verifies) {
  for (const bool chunking : {true, false}) {
    DeliveryRig rig;
    RemoteOptions options;
    options.chunking = chunking;
    auto& host = rig.domain("d.example", 1, options);
    const auto keys =
        keys_of({key_of("home.example", "s1"), key_of("home.example", "s2"), key_of("other.example", "o")});
    rig.settings.dkim = keys;
    EXPECT_EQ(shown(rig.attempt(rig.put({"a@d.example"}, letter)).at(0)), "delivered");
    ASSERT_EQ(host.taken().size(), 1u);
    const auto& octets = host.taken()[0].octets;
    EXPECT_THAT(octets, StartsWith("DKIM-Signature: "));
    EXPECT_THAT(octets, testing::EndsWith(letter));
    EXPECT_THAT(checked(octets, *keys, rig.us->wall()), testing::ElementsAre("s1 pass", "s2 pass"));
    EXPECT_THAT(host.complaints(), testing::IsEmpty()) << "SIZE says what is sent";
    EXPECT_THAT(rig.events.last[event::Name::message_signed],
                HasSubstr("\"keys\":\"s1._domainkey.home.example s2._domainkey.home.example\""));
  }
}

TEST(DeliveryDkim, the_stored_hash_is_used_and_an_absent_one_computed) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  const auto keys = keys_of({key_of("home.example", "s1")});
  rig.settings.dkim = keys;
  auto& envelope = rig.put({"a@d.example"}, letter);
  envelope.body_hash = std::string(32, 'x');  // of another body: nobody has read the stored one
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "delivered");
  EXPECT_THAT(checked(host.taken().at(0).octets, *keys, rig.us->wall()), testing::ElementsAre("s1 fail"));
  mailauth::DkimMessageHash hash;
  hash.feed(letter);
  envelope.body_hash = hash.finish();
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "delivered");
  EXPECT_THAT(checked(host.taken().at(1).octets, *keys, rig.us->wall()), testing::ElementsAre("s1 pass"));
}

TEST(DeliveryDkim, large_bodies_and_each_cut) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  const auto keys = keys_of({key_of("home.example", "s1")});
  rig.settings.dkim = keys;
  std::string body = letter;
  for (int i = 0; i < 20'000; ++i) body += "line " + std::to_string(i) + " of many\r\n";
  EXPECT_EQ(shown(rig.attempt(rig.put({"a@d.example"}, body)).at(0)), "delivered");
  EXPECT_THAT(host.taken().at(0).octets, testing::EndsWith(body));
  EXPECT_THAT(checked(host.taken().at(0).octets, *keys, rig.us->wall()), testing::ElementsAre("s1 pass"));
}

TEST(DeliveryDkim, others_mail_is_left_as_it_is) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  rig.settings.dkim = keys_of({key_of("other.example", "o")});
  EXPECT_EQ(shown(rig.attempt(rig.put({"a@d.example"}, letter)).at(0)), "delivered");
  EXPECT_EQ(host.taken().at(0).octets, letter);
}

// A retry is signed anew, once, by the key that is valid when it leaves.
TEST(DeliveryDkim, a_retired_key_signs_nothing) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, {}, always(RemoteStage::end, "451 4.3.0 later"));
  auto before = key_of("home.example", "old");
  auto after = key_of("home.example", "new");
  before.until = after.from = rig.us->wall() + hours(1);
  const auto keys = keys_of({before, after});
  rig.settings.dkim = keys;
  const auto& envelope = rig.put({"a@d.example"}, letter);
  EXPECT_THAT(shown(rig.attempt(envelope).at(0)), StartsWith("deferred"));
  rig.world.run_for(hours(2));
  host.behave({});
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "delivered");
  EXPECT_THAT(checked(host.taken().back().octets, *keys, rig.us->wall()), testing::ElementsAre("new pass"));
}

// Bounces have no sender; their author is this host.
TEST(DeliveryDkim, own_reports_are_signed) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  auto key = key_of("postil.example", "s1");
  key.by = mailauth::DkimSignBy::both;
  const auto keys = keys_of({key});
  rig.settings.dkim = keys;
  auto& envelope = rig.put({"a@d.example"}, "From: MAILER-DAEMON@us.postil.example\r\n\r\nlost\r\n", "");
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "delivered");
  EXPECT_THAT(host.taken().at(0).octets, Not(HasSubstr("DKIM-Signature"))) << "any client may send with <>";
  envelope.kind = queue::Kind::bounce;
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "delivered");
  EXPECT_THAT(checked(host.taken().at(1).octets, *keys, rig.us->wall()), testing::ElementsAre("s1 pass"));
}

}  // namespace
}  // namespace postil::test
