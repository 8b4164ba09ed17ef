// GNU SASL's client against our server: it was written by others from the same RFCs.
#include <gsasl.h>
#include <gtest/gtest.h>

#include "account_store.hpp"

namespace postil::sasl {
namespace {

using test::Exchange;
using test::make_account;
using test::outcome;

class GsaslClient {
 public:
  explicit GsaslClient(const char* mechanism) {
    EXPECT_EQ(gsasl_init(&library_), GSASL_OK);
    EXPECT_EQ(gsasl_client_start(library_, mechanism, &session_), GSASL_OK) << mechanism;
  }
  ~GsaslClient() {
    if (session_) gsasl_finish(session_);
    gsasl_done(library_);
  }
  GsaslClient(const GsaslClient&) = delete;
  GsaslClient& operator=(const GsaslClient&) = delete;
  void set(Gsasl_property name, const std::string& value) { gsasl_property_set(session_, name, value.c_str()); }
  // The answer to a challenge; `finished` when the client is content with the server.
  std::string step(const std::string& challenge) {
    char* output = nullptr;
    std::size_t size = 0;
    code = gsasl_step(session_, challenge.data(), challenge.size(), &output, &size);
    std::string answer(output ? output : "", output ? size : 0);
    gsasl_free(output);
    return answer;
  }
  int code = GSASL_NEEDS_MORE;

 private:
  Gsasl* library_ = nullptr;
  Gsasl_session* session_ = nullptr;
};

class Gsasl2 : public testing::TestWithParam<const char*> {
 protected:
  std::string log_in(const std::string& user, const std::string& password) {
    const std::string exporter(32, '\x07');
    GsaslClient client(GetParam());
    client.set(GSASL_AUTHID, user);
    client.set(GSASL_PASSWORD, password);
    const bool plus = std::string_view(GetParam()).ends_with("-PLUS");
    if (plus) client.set(GSASL_CB_TLS_EXPORTER, crypto::base64_encode(exporter));
    Exchange server(GetParam(), accounts_,
                    {.tls = true, .tls_facts = {.exporter = exporter, .peer_identity = "tim"}, .plus_offered = plus});
    Step step = server.start();
    while (const auto* challenge = std::get_if<Challenge>(&step)) {
      const std::string answer = client.step(challenge->text);
      if (client.code != GSASL_OK && client.code != GSASL_NEEDS_MORE) return gsasl_strerror_name(client.code);
      step = server.respond(answer);
    }
    EXPECT_TRUE(!std::holds_alternative<Done>(step) || client.code == GSASL_OK);  // it believes the server too
    return outcome(step);
  }
  std::map<std::string, Credentials> accounts_ = {{"tim", make_account("tim", "pencil case")},
                                                  {"a,=b", make_account("odd", "stra\u00dfe")}};
};

TEST_P(Gsasl2, LogsIn) {
  EXPECT_EQ(log_in("tim", "pencil case"), "done tim");
}

TEST_P(Gsasl2, OddNames) {
  if (std::string_view(GetParam()) == "EXTERNAL") return;
  EXPECT_EQ(log_in("a,=b", "stra\u00dfe"), "done odd");
}

TEST_P(Gsasl2, WrongPassword) {
  if (std::string_view(GetParam()) == "EXTERNAL") return;
  EXPECT_EQ(log_in("tim", "pencil"), "auth_credentials");
  EXPECT_EQ(log_in("nobody", "pencil"), "auth_credentials");
}

INSTANTIATE_TEST_SUITE_P(Mechanisms, Gsasl2,
                         testing::Values("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1",
                                         "PLAIN", "LOGIN", "EXTERNAL"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace postil::sasl
