// AUTH of ClientSession: the mechanism, the exchange, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client_script.hpp"
#include "crypto/base64.hpp"
#include "sasl/scram_keys.hpp"

namespace postil::smtp {
namespace {

using client_test::Record;
using client_test::Script;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string b64(std::string_view text) {
  return crypto::base64_encode(text);
}

Script with(std::string auth, std::vector<std::string> replies, std::string mechanism = "") {
  Script s;
  s.settings.tls = TlsUse::required;
  s.settings.login = ClientLogin{"user", "pencil", std::move(mechanism)};
  s.tls->peer_verified = true;
  const std::string offer = "250-mx\r\n250 " + std::move(auth) + "\r\n";
  s.replies = {"220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n", offer};
  s.replies.insert(s.replies.end(), replies.begin(), replies.end());
  return s;
}

std::string ending(const Record& r) {
  std::string out = std::string(to_string(r.closed->stage)) + " " + std::string(to_string(r.closed->trouble));
  if (r.closed->reply) out += " " + std::to_string(r.closed->reply->code);
  return out;
}

TEST(ClientLogin, Ends) {
  struct Case {
    const char* name;
    const char* offer;
    std::vector<std::string> replies;
    const char* closing;
    std::string sent;
    const char* mechanism = "";
  };
  const std::string plain = "AUTH PLAIN " + b64(std::string_view("\0user\0pencil", 12)) + "\r\n";
  const std::string bye = "221 bye\r\n";
  const Case cases[] = {
      {"PLAIN", "AUTH PLAIN LOGIN", {"235 in\r\n", bye}, "quit none 221", plain + "QUIT"},
      {"LOGIN",
       "AUTH LOGIN",
       {"334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 in\r\n", bye},
       "quit none 221",
       "AUTH LOGIN\r\n" + b64("user") + "\r\n" + b64("pencil") + "\r\nQUIT"},
      {"LOGIN chosen by name",
       "AUTH PLAIN LOGIN",
       {"334 \r\n", "334\r\n", "235 in\r\n", bye},
       "quit none 221",
       "AUTH LOGIN\r\n",
       "login"},
      {"wrong password", "AUTH PLAIN", {"535 5.7.8 no\r\n"}, "auth auth_rejected 535", plain},
      {"too weak, nothing else", "AUTH PLAIN", {"534 5.7.9 weak\r\n"}, "auth auth_rejected 534", plain},
      {"unavailable", "AUTH PLAIN", {"454 4.7.0 later\r\n"}, "auth auth_rejected 454", plain},
      {"transition", "AUTH PLAIN", {"432 4.7.12 later\r\n"}, "auth auth_rejected 432", plain},
      {"PLAIN unknown after all, LOGIN works",
       "AUTH PLAIN LOGIN",
       {"504 5.5.4 no\r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 in\r\n", bye},
       "quit none 221",
       plain + "AUTH LOGIN\r\n"},
      {"named mechanism: no other", "AUTH PLAIN LOGIN", {"504 5.5.4 no\r\n"}, "auth auth_rejected 504", plain, "PLAIN"},
      {"closing", "AUTH PLAIN", {"421 bye\r\n"}, "auth none 421", plain},
      {"not offered", "SIZE", {}, "auth auth_not_offered", "EHLO us.example\r\n"},
      {"none that we know", "AUTH CRAM-MD5 NTLM", {}, "auth auth_no_mechanism", "EHLO us.example\r\n"},
      {"not the named one", "AUTH PLAIN", {}, "auth auth_no_mechanism", "EHLO us.example\r\n", "SCRAM-SHA-256"},
      {"challenge is not base64",
       "AUTH LOGIN",
       {"334 !!!\r\n", "501 cancelled\r\n"},
       "auth auth_rejected 501",
       "AUTH LOGIN\r\n*\r\n"},
      {"challenges without end",
       "AUTH LOGIN",
       {"334 \r\n", "334 \r\n", "334 \r\n", "334 \r\n"},
       "auth reply_malformed 334",
       "\r\n*\r\n"},
      {"PLAIN asked for more",
       "AUTH PLAIN",
       {"334 YQ==\r\n", "501 cancelled\r\n"},
       "auth auth_rejected 501",
       plain + "*\r\n"},
      {"in after we gave up", "AUTH PLAIN", {"334 YQ==\r\n", "235 in\r\n"}, "auth auth_rejected 235", plain + "*\r\n"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Record r = client_test::run(with(c.offer, c.replies, c.mechanism));
    EXPECT_EQ(ending(r), c.closing);
    EXPECT_THAT(r.sent, HasSubstr("[TLS]EHLO us.example\r\n"));
    EXPECT_THAT(r.sent, HasSubstr(c.sent));
    EXPECT_FALSE(r.closed->trouble != Trouble::none && r.closed->ok());
  }
}

TEST(ClientLogin, OnlyOverTlsUnlessAllowed) {
  Script s = with("AUTH PLAIN", {"235 in\r\n", "221 bye\r\n"});
  s.settings.tls = TlsUse::opportunistic;
  s.replies[1] = "250-mx\r\n250 AUTH PLAIN\r\n";
  s.replies.erase(s.replies.begin() + 2, s.replies.begin() + 4);
  Record r = client_test::run(s);
  EXPECT_EQ(ending(r), "auth tls_not_offered");
  EXPECT_THAT(r.sent, Not(HasSubstr("AUTH")));
  s.settings.login_without_tls = true;
  EXPECT_EQ(ending(client_test::run(s)), "quit none 221");
}

TEST(ClientLogin, NoPasswordForAServerThatIsNotVerified) {  // [rfc4954 14]
  Script s = with("AUTH PLAIN LOGIN", {"235 in\r\n"});
  s.tls->peer_verified = false;
  const Record r = client_test::run(s);
  EXPECT_EQ(ending(r), "auth auth_no_mechanism");
  EXPECT_THAT(r.closed->detail, HasSubstr("not verified"));
  EXPECT_THAT(r.sent, Not(HasSubstr("AUTH")));
}

TEST(ClientLogin, ALongResponseGoesByItself) {
  Script s = with("AUTH PLAIN", {"334 \r\n", "235 in\r\n", "221 bye\r\n"});
  s.settings.login->password = std::string(600, 'p');
  const Record r = client_test::run(s);
  EXPECT_THAT(r.sent, HasSubstr("AUTH PLAIN\r\n" + b64(std::string("\0user\0", 6) + std::string(600, 'p')) + "\r\n"));
  EXPECT_EQ(ending(r), "quit none 221");
}

TEST(ClientLogin, LoginsAreMarkedSecret) {
  ClientSettings settings{
      .host_name = "us.example", .login = ClientLogin{"user", "pencil", "LOGIN"}, .login_without_tls = true};
  ClientSession session(settings, 1);
  const MonoTime now{};
  session.start(now);
  EXPECT_FALSE(std::get<ClientRead>(session.bytes("220 a\r\n", now)).secret);
  EXPECT_TRUE(std::get<ClientRead>(session.bytes("250-a\r\n250 AUTH LOGIN\r\n", now)).secret);
  EXPECT_TRUE(std::get<ClientRead>(session.bytes("334 \r\n", now)).secret);
  EXPECT_TRUE(std::get<ClientRead>(session.bytes("334 \r\n", now)).secret);
  ASSERT_TRUE(std::holds_alternative<Idle>(session.bytes("235 in\r\n", now)));
  EXPECT_FALSE(std::get<ClientRead>(session.quit(now)).secret);
}

// A server that does SCRAM with the real mechanism. spoil: changes its last challenge, or leaves it out.
Record scram(std::string mechanism, std::function<std::string(std::string)> spoil, bool tls = true) {
  crypto::TlsFacts facts;
  facts.exporter = std::string(32, 'e');
  sasl::ServerContext context;
  context.tls = context.plus_offered = tls;
  context.tls_facts = facts;
  context.nonce = "servernonceservernonce";
  std::shared_ptr<sasl::ServerMechanism> server = sasl::make_server(*sasl::find_mechanism(mechanism), context);
  sasl::Credentials found;
  found.exists = true;
  found.user = "user";
  found.scram_sha1 = sasl::make_scram_keys(crypto::Hash::sha1, "pencil", "salt-salt-salt-1", 4096);
  found.scram_sha256 = sasl::make_scram_keys(crypto::Hash::sha256, "pencil", "salt-salt-salt-2", 4096);
  Script s;
  s.settings.tls = tls ? TlsUse::implicit : TlsUse::never;
  s.settings.login_without_tls = !tls;
  s.settings.login = ClientLogin{"user", "pencil", ""};
  s.tls = facts;
  const auto step = [=](sasl::Step at) -> std::string {
    if (std::holds_alternative<sasl::Lookup>(at)) at = server->account(sasl::LookupOutcome::answered, found);
    if (const auto* c = std::get_if<sasl::Challenge>(&at)) {
      return c->text.starts_with("v=") ? spoil("334 " + b64(c->text) + "\r\n") : "334 " + b64(c->text) + "\r\n";
    }
    return std::holds_alternative<sasl::Done>(at) ? "235 in\r\n" : "535 no\r\n";
  };
  s.answer = [=](const std::string& output) -> std::string {
    if (output.empty()) return "220 mx\r\n";
    if (output.starts_with("EHLO")) return "250-mx\r\n250 AUTH " + mechanism + " PLAIN\r\n";
    if (output.starts_with("QUIT")) return "221 bye\r\n";
    if (output.starts_with("*")) return "501 cancelled\r\n";
    const std::string auth = "AUTH " + mechanism + " ";
    std::string text = output.substr(0, output.size() - 2);
    if (text.starts_with(auth)) return step(server->start(*crypto::base64_decode(text.substr(auth.size()))));
    return step(server->respond(*crypto::base64_decode(text)));
  };
  return client_test::run(s);
}

TEST(ClientLogin, Scram) {
  const auto honest = [](std::string reply) { return reply; };
  for (const char* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256"})
    EXPECT_EQ(ending(scram(mechanism, honest, false)), "quit none 221");
  for (const char* mechanism : {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"})
    EXPECT_EQ(ending(scram(mechanism, honest)), "quit none 221");
}

// PBKDF2 takes milliseconds: the session asks for a thread of its own for it, once, and for nothing else.
TEST(ClientLogin, APasswordIsHashedWhereNobodyWaits) {
  EXPECT_EQ(scram("SCRAM-SHA-256", [](std::string reply) { return reply; }, false).hashes, 1u);
  EXPECT_EQ(client_test::run(with("AUTH PLAIN", {"235 in\r\n", "221 bye\r\n"})).hashes, 0u);
  // The work stands alone: the connection may be gone before it is done.
  const ClientSettings settings{
      .host_name = "us.example", .login = ClientLogin{"user", "pencil", "SCRAM-SHA-256"}, .login_without_tls = true};
  const auto begin = [&](ClientSession& session) {
    session.start(MonoTime{});
    session.bytes("220 a\r\n", MonoTime{});
    const auto auth = std::get<ClientRead>(session.bytes("250-a\r\n250 AUTH SCRAM-SHA-256\r\n", MonoTime{})).output;
    const auto first = *crypto::base64_decode(auth.substr(19, auth.size() - 21));
    const auto nonce = first.substr(first.find("r="));
    auto asked = session.bytes("334 " + b64(nonce + "x,s=" + b64("salt") + ",i=4096") + "\r\n", MonoTime{});
    return std::get<ClientHash>(std::move(asked));
  };
  auto gone = std::make_unique<ClientSession>(settings, 1);
  const ClientHash late = begin(*gone);
  gone.reset();
  late.work();
  ClientSession stopped(settings, 1);
  const ClientHash given_up = begin(stopped);
  EXPECT_EQ(std::get<ClientClose>(stopped.abort(MonoTime{})).why.stage, Stage::auth);
  given_up.work();
}

TEST(ClientLogin, AScramServerMustProveItself) {
  Record r = scram("SCRAM-SHA-256", [](std::string) { return std::string("235 come in\r\n"); }, false);
  EXPECT_EQ(ending(r), "auth auth_rejected 235");
  EXPECT_THAT(r.closed->detail, HasSubstr("proof"));
  r = scram(
      "SCRAM-SHA-256", [](std::string) { return "334 " + b64("v=" + b64(std::string(32, 'x'))) + "\r\n"; }, false);
  EXPECT_EQ(ending(r), "auth auth_rejected 501");
  EXPECT_THAT(r.closed->detail, HasSubstr("could not prove"));
  EXPECT_THAT(r.sent, EndsWith("*\r\n"));
}

}  // namespace
}  // namespace postil::smtp
