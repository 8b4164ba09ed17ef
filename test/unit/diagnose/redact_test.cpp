#include "diagnose/redact.hpp"

#include <gmock/gmock.h>

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

TEST(Redact, an_answer_goes_whatever_a_log_puts_before_it) {
  // "SHVudDNy" is "Hunt3r".
  for (const char* text :
       {"CLIENT -> SERVER: AUTH LOGIN\nSERVER -> CLIENT: 334 UGFzc3dvcmQ6\nCLIENT -> SERVER: SHVudDNy",
        " In:  AUTH LOGIN\n Out: 334 UGFzc3dvcmQ6\n In:  SHVudDNy\n Out: 535 5.7.8 no",
        "[10:00:00] DEBUG [abc] S: 334 UGFzc3dvcmQ6\n[10:00:00] DEBUG [abc] C: SHVudDNy",
        "send: 'AUTH LOGIN YW5u\\r\\n'\nreply: b'334 UGFzc3dvcmQ6\\r\\n'\nsend: 'SHVudDNy\\r\\n'",
        "<-  334 UGFzc3dvcmQ6\n -> SHVudDNy\n<** 535 no", "AUTH LOGIN\r\n334 UGFzc3dvcmQ6\r\nSHVudDNy\r\n",
        "AUTH LOGIN\nYW5u\nSHVudDNy\n535 no", "AUTH PLAIN AGFubgBzZWNy\nSHVudDNySHVudDNy\n535 no"}) {
    EXPECT_THAT(redacted(text), testing::Not(testing::HasSubstr("SHVudDNy"))) << text;
  }
}

TEST(Redact, what_decodes_to_a_login_goes_wherever_it_stands) {
  for (const char* word :
       {"dXNlcj1hbm4BYXV0aD1CZWFyZXIgeHl6AQE=", "bixhPWFubiwBYXV0aD1CZWFyZXIgeHl6AQE=", "Yz1iaXdzLHI9YWJjLHA9WFla",
        "YW5uIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm", "dXNlcm5hbWU9ImFubiIscmVzcG9uc2U9MDEyMw=="}) {
    EXPECT_EQ(redacted(std::string("535 5.7.3 refused ") + word), "535 5.7.3 refused [redacted]");
  }
}

TEST(Redact, passwords_in_commands_scripts_and_files_go) {
  for (const char* text : {"swaks --to bob@example.net -au ann -ap Hunt3r -s mail",
                           "swaks --auth-password Hunt3r --server mail",
                           "swaks -ap 'Hunt3r and more'",
                           "sendEmail -xu ann -xp Hunt3r -t b@example.net",
                           "curl -u ann:Hunt3r smtp://mail",
                           "curl --user \"ann@example.net:Hunt3r\" smtp://mail",
                           "user ann\npassword Hunt3r\nhost mail",
                           "machine mail login ann password Hunt3r",
                           "passwordeval \"echo Hunt3r\"",
                           "set smtp_pass=\"Hunt3r\"",
                           "set imap_pass = Hunt3r",
                           "[mail.example.net]:587 ann@example.net:Hunt3r",
                           "mail.example.net ann:Hunt3r",
                           "$mail->Password   = 'Hunt3r';",
                           "'password' => 'Hunt3r',",
                           "auth: { user: 'ann', pass: 'Hunt3r' }",
                           "server.login('ann', 'Hunt3r')",
                           "EMAIL_HOST_PASSWORD = 'Hunt3r'",
                           "SMTP_PASSWORD=\"Hunt3r and more\"",
                           "{\"smtpPassword\": \"Hunt3r\"}",
                           "<password>Hunt3r</password>",
                           "AuthPass=Hunt3r",
                           "my password is Hunt3r",
                           "client_send = : ann : Hunt3r",
                           "ann:{PLAIN}Hunt3r:1000",
                           "client_secret=Hunt3r",
                           "X-API-Key: Hunt3r",
                           "smtps://ann:Hunt3r/x@mail.example.net:465",
                           "smtp://ann@example.net:Hunt3r#1@mail.example.net",
                           "user=ann^Aauth=Bearer Hunt3r.abc^A^A",
                           "c=biws,r=abc,p=Hunt3r=",
                           "SG.abcdefghijklmnopHunt3r.abcdefghijklmnop"}) {
    EXPECT_THAT(redacted(text), testing::Not(testing::HasSubstr("Hunt3r"))) << text;
    EXPECT_THAT(redacted(text), testing::HasSubstr("[redacted]")) << text;
  }
  EXPECT_EQ(redacted("machine mail login ann password hunter"), "machine mail login ann password [redacted]");
  EXPECT_EQ(redacted("app password: abcd efgh ijkl mnop"), "app password: [redacted]");
}

TEST(Redact, all_else_stays) {
  for (const char* text :
       {"550 5.1.1 <ann@example.net>: Recipient address rejected: User unknown in virtual mailbox table",
        "250-AUTH PLAIN LOGIN CRAM-MD5",
        "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
        "AUTH LOGIN failed",
        "https://support.example.net/mail/?p=NoSuchUser",
        "Message-ID: <20261102100001.GA1234@example.net>",
        "535-5.7.8 Username and Password not accepted. See https://support.example.net/?p=BadCredentials x - gsmtp",
        "534-5.7.9 Application-specific password required",
        "535 Incorrect username or password (wrong password)",
        "spf=pass (ok); dmarc=pass: fine",
        "bypass: yes",
        "421 4.7.0 Password expired",
        "Connection 334 was closed\nagain",
        "http://x.example:8080/y@z",
        "mx.example.net said: 550 no",
        "C: AUTH LOGIN\nS: 504 5.5.4 not here",
        "http://[2001:db8::1]:25/",
        "queued as 9A8B7C6D5E1234567890ABCDEF",
        "a\n\nb\n",
        ""}) {
    EXPECT_EQ(redacted(text), text);
  }
}

}  // namespace
}  // namespace postil::diagnose
