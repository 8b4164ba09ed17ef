// The remote host of the world: a plain client talks to it.
#include "support/world/remote_mta.hpp"

#include <gmock/gmock.h>

#include "base/bytes.hpp"
#include "support/world/world.hpp"

namespace postil::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class RemoteTest : public testing::Test {
 protected:
  World world{1};
  std::shared_ptr<Node> client = world.start("client", {"192.0.2.1"});
  std::shared_ptr<Node> host = world.start("host", {"192.0.2.25"});

  // Sends each text and gives the last line of what comes back; "!error" ends it.
  static env::Awaitable<std::vector<std::string>> talk(Node& from, std::vector<std::string> texts) {
    std::vector<std::string> replies;
    env::Endpoint to{"192.0.2.25", 25};
    auto stream = co_await from.network().connect(std::move(to), "", from.clock().now() + seconds(30));
    if (!stream) {
      replies.push_back("!connect");
      co_return replies;
    }
    texts.insert(texts.begin(), "");
    for (const std::string& text : texts) {
      const MonoTime deadline = from.clock().now() + minutes(5);
      if (text == "TLS") {
        env::TlsClientRequest request;
        request.server_name = "mx.example.net";
        auto facts = co_await (*stream)->tls_connect(std::move(request), deadline);
        replies.push_back(facts ? "tls" : "!tls");
        continue;
      }
      if (!text.empty()) co_await (*stream)->write(text, deadline);
      auto octets = co_await (*stream)->read(deadline);
      if (!octets) {
        replies.push_back("!" + std::string(to_string(octets.error().error)));
        co_return replies;
      }
      const auto lines = split(*octets, '\n');
      replies.emplace_back(lines[lines.size() < 2 ? 0 : lines.size() - 2].substr(0, 3));
    }
    co_return replies;
  }
  std::vector<std::string> say(std::vector<std::string> texts) {
    return world.run(*client, talk(*client, std::move(texts)));
  }
};

const std::vector<std::string> message = {
    "EHLO c\r\n", "MAIL FROM:<a@example.com>\r\n",    "RCPT TO:<b@example.net>\r\n",
    "DATA\r\n",   "Subject: x\r\n\r\n..dot\r\n.\r\n", "QUIT\r\n"};

TEST_F(RemoteTest, takes_a_message_into_its_ledger) {
  RemoteMta mta(host, {});
  EXPECT_THAT(say(message), ElementsAre("220", "250", "250", "250", "354", "250", "221"));
  ASSERT_THAT(mta.taken(), SizeIs(1));
  EXPECT_EQ(mta.taken()[0].sender, "a@example.com");
  EXPECT_THAT(mta.taken()[0].recipients, ElementsAre("b@example.net"));
  EXPECT_EQ(mta.taken()[0].octets, "Subject: x\r\n\r\n.dot\r\n");
  EXPECT_TRUE(mta.taken()[0].answered);
  EXPECT_FALSE(mta.taken()[0].tls);
  EXPECT_THAT(mta.complaints(), IsEmpty());
  EXPECT_EQ(mta.counts().sessions_open, 0u);
}

TEST_F(RemoteTest, takes_chunks_and_tls) {
  RemoteOptions options;
  options.certificate = "world:mx.example.net";
  RemoteMta mta(host, options);
  EXPECT_THAT(say({"EHLO c\r\n", "STARTTLS\r\n", "TLS", "EHLO c\r\n"}), ElementsAre("220", "250", "220", "tls", "250"));
  EXPECT_THAT(say({"EHLO c\r\n", "MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.net>\r\n", "BDAT 3\r\nabc",
                   "BDAT 4 LAST\r\nd\r\n.", "QUIT\r\n"}),
              ElementsAre("220", "250", "250", "250", "250", "250", "221"));
  ASSERT_THAT(mta.taken(), SizeIs(1));
  EXPECT_EQ(mta.taken()[0].octets, "abcd\r\n.");
}

TEST_F(RemoteTest, misbehaves_as_it_is_told) {
  RemoteMta mta(host, {}, always(RemoteStage::greeting, "521 no mail here", RemoteStep::Then::close));
  EXPECT_THAT(say(message), ElementsAre("521", "!closed"));
  mta.behave(always(RemoteStage::rcpt, "550 5.1.1 nobody"));
  EXPECT_THAT(say(message), ElementsAre("220", "250", "250", "550", "554", testing::_, testing::_));
  mta.behave(always(RemoteStage::end, "451 4.3.0 later"));
  EXPECT_EQ(say(message)[5], "451");
  EXPECT_THAT(mta.taken()[0].recipients, IsEmpty()) << "it did not take it";
  mta.behave(always(RemoteStage::end, "250 taken", RemoteStep::Then::reset));
  say(message);
  EXPECT_THAT(mta.taken()[1].recipients, SizeIs(1));
  EXPECT_FALSE(mta.taken()[1].answered) << "the client may never have heard of it";
  mta.behave(always(RemoteStage::mail, "", RemoteStep::Then::silence));
  EXPECT_THAT(say(message), ElementsAre("220", "250", "!timed_out"));
}

TEST_F(RemoteTest, a_moody_host_fails_in_every_way_and_goes_on) {
  RemoteMta mta(host, {}, moody(0.3));
  for (int i = 0; i < 300; ++i) say(message);
  EXPECT_GT(mta.counts().refusals, 100u);
  std::size_t taken = 0;
  for (const RemoteMessage& m : mta.taken()) taken += !m.recipients.empty();
  EXPECT_GT(taken, 20u);
  mta.behave({});
  EXPECT_EQ(say(message).back(), "221");
}

}  // namespace
}  // namespace postil::test
