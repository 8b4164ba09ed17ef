#include "diagnose/redact.hpp"

#include <gtest/gtest.h>

namespace postil::diagnose {
namespace {

TEST(Redact, secrets_of_logins_go) {
  EXPECT_EQ(redacted("C: AUTH PLAIN AGFubgBzZWNyZXQxMjM="), "C: AUTH PLAIN [redacted]");
  EXPECT_EQ(redacted("auth login YW5uQGV4YW1wbGU="), "auth login [redacted]");
  EXPECT_EQ(redacted("AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgeAEB"), "AUTH XOAUTH2 [redacted]");
  EXPECT_EQ(redacted("S: 334 VXNlcm5hbWU6\nC: YW5u\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 535 no"),
            "S: 334 VXNlcm5hbWU6\nC: [redacted]\nS: 334 UGFzc3dvcmQ6\nC: [redacted]\nS: 535 no");
  EXPECT_EQ(redacted("334 \nAGFubgBzZWNyZXQxMjM=\n535 5.7.8 bad"), "334 \n[redacted]\n535 5.7.8 bad");
  EXPECT_EQ(redacted("it sent AGFubgBzZWNyZXQxMjM= and gave up"), "it sent [redacted] and gave up");
}

TEST(Redact, passwords_in_addresses_and_settings_go) {
  EXPECT_EQ(redacted("see https://ann:secret@example.net/x?y=1"), "see https://ann:[redacted]@example.net/x?y=1");
  EXPECT_EQ(redacted("smtp://ann%40example.org:p4ss@mail.example.net:587"),
            "smtp://ann%40example.org:[redacted]@mail.example.net:587");
  EXPECT_EQ(redacted("user=ann password=hunter2, host=x"), "user=ann password=[redacted], host=x");
  EXPECT_EQ(redacted("{\"password\": \"hunter2\"}"), "{\"password\": \"[redacted]\"}");
  EXPECT_EQ(redacted("Authorization: Bearer abc.def.ghi end"), "Authorization: Bearer [redacted] end");
}

TEST(Redact, all_else_stays) {
  for (const char* text :
       {"550 5.1.1 <ann@example.net>: Recipient address rejected: User unknown in virtual mailbox table",
        "250-AUTH PLAIN LOGIN CRAM-MD5", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "AUTH LOGIN failed",
        "https://support.example.net/mail/?p=NoSuchUser", "Message-ID: <20261102100001.GA1234@example.net>",
        "http://[2001:db8::1]:25/", "queued as 9A8B7C6D5E1234567890ABCDEF", "a\n\nb\n", ""}) {
    EXPECT_EQ(redacted(text), text);
  }
}

}  // namespace
}  // namespace postil::diagnose
