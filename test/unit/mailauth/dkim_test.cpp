#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "crypto/base64.hpp"
#include "mailauth/dkim_sign.hpp"
#include "mailauth/dkim_verify.hpp"

namespace postil::mailauth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// ---------------------------------------------------------------- the example of RFC 8463, appendix A

constexpr std::string_view rfc8463_message =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";
constexpr std::string_view rfc8463_ed25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
constexpr std::string_view rfc8463_rsa =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    "Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

using Zone = std::multimap<std::string, std::string>;

WallTime at(std::int64_t seconds) {
  return wall_from_microseconds(seconds * 1'000'000);
}

std::vector<DkimSignature> verify(std::string_view message, const Zone& zone, std::int64_t now = 1'600'000'000,
                                  std::size_t cut = 7) {
  const auto end = message.find("\r\n\r\n");
  DkimVerifier verifier(message.substr(0, end + 2), at(now));
  std::string_view body = message.substr(end + 4);
  for (; !body.empty(); body.remove_prefix(std::min(cut, body.size()))) verifier.body(body.substr(0, cut));
  verifier.end_of_body();
  while (const auto name = verifier.next_question()) {
    dns::Answer answer;
    const auto [from, to] = zone.equal_range(*name);
    for (auto record = from; record != to; ++record) answer.records.push_back(dns::Text{record->second});
    answer.status = answer.records.empty() ? dns::Status::no_domain : dns::Status::ok;
    if (zone.contains("down")) answer = {};
    verifier.answer(answer);
  }
  return verifier.results();
}

const Zone rfc8463_zone = {{"brisbane._domainkey.football.example.com", std::string(rfc8463_ed25519)},
                           {"test._domainkey.football.example.com", std::string(rfc8463_rsa)}};

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out(text);
  const auto found = out.find(what);
  EXPECT_NE(found, std::string::npos) << what;
  out.replace(found, what.size(), by);
  return out;
}

TEST(DkimVerify, the_example_of_rfc8463) {
  for (const std::size_t cut : {1u, 2u, 3u, 1000u}) {
    const auto found = verify(rfc8463_message, rfc8463_zone, 1'600'000'000, cut);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].result, DkimResult::pass) << to_string(found[0].fault);
    EXPECT_EQ(found[0].algorithm, "ed25519-sha256");
    EXPECT_TRUE(found[0].warnings.empty());
    EXPECT_EQ(found[1].result, DkimResult::pass) << to_string(found[1].fault);
    EXPECT_EQ(found[1].selector, "test");
    EXPECT_EQ(found[1].key_bits, 1024);
    EXPECT_THAT(found[1].warnings, ElementsAre(DkimWarning::short_key));
    EXPECT_EQ(found[1].signature_start, "F45dVWDf");
  }
}

TEST(DkimVerify, relaxed_form_forgives_white_space_and_nothing_else) {
  const auto both = [](std::string_view message) {
    const auto found = verify(message, rfc8463_zone);
    EXPECT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].fault, found[1].fault);
    return found[0].fault;
  };
  EXPECT_EQ(both(replaced(rfc8463_message, "We lost the game.  Are", "We lost\t the game. Are")), DkimFault::none);
  EXPECT_EQ(both(replaced(rfc8463_message, "Joe.\r\n", "Joe. \t\r\n\r\n  \r\n")), DkimFault::none);
  EXPECT_EQ(both(replaced(rfc8463_message, "Subject: Is dinner", "subject:Is\r\n\tdinner")), DkimFault::none);
  EXPECT_EQ(both(replaced(rfc8463_message, "lost the", "won the")), DkimFault::body_hash);
  EXPECT_EQ(both(replaced(rfc8463_message, "We lost the", "We\r\nlost the")), DkimFault::body_hash);
  EXPECT_EQ(both(replaced(rfc8463_message, "Is dinner", "Is supper")), DkimFault::signature);
  // Oversigned: one more of what is signed breaks it; what is not signed may be added.
  EXPECT_EQ(both(replaced(rfc8463_message, "To: Suzie", "From: x@y.example\r\nTo: Suzie")), DkimFault::signature);
  EXPECT_EQ(both(replaced(rfc8463_message, "To: Suzie", "X-Seen: yes\r\nTo: Suzie")), DkimFault::none);
}

// Signed in simple form by an independent signer (dkimpy).
constexpr std::string_view simple_message =
    "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.org;\r\n"
    " i=@example.org; q=dns/txt; s=s1; t=1795356694; h=from : subject;\r\n"
    " bh=ck4eQHkZHwhsOivMFRM7QwnOUSXbsxxUQyYlmcqZJgE=;\r\n"
    " b=YX47HwJZ/AO5WPpz4CRZKWd7SVq4WeHGQ74hEQCB/OsJ+GwYZTfSFXvUqy8qEIbA+SFRy\r\n"
    " ni0zVxaSmq/QYL7hzbyzp7ULL++8VG9dZq7gqmcLLbAVIp9eYdGG1BtNkuHVPorXYUP0l2b\r\n"
    " fc1sbFvl6MCey8M/pticgEpmo0YjIhc=\r\n"
    "Received: from a by b;\r\n"
    "\tSun, 22 Nov 2026 12:00:00 +0000\r\n"
    "From: Ann <ann@example.org>\r\n"
    "Subject:  two  spaces\r\n"
    "\r\n"
    "Hello \r\n"
    "\r\n"
    "\r\n";

TEST(DkimVerify, simple_form) {
  const Zone zone = {{"s1._domainkey.example.org",
                      "v=DKIM1; "
                      "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDRdb2nt0P0OaEgYJKm2Jf4PWPj6nkT2ZPapZiNdef3/c6i/"
                      "kkTA0v0SZ7IgbwGJKu+GEPZ3JS8/lx94orKyVUjhf0R947HNyPFGmVWdCF7tGGd224zxGqJ/wZ7z/S/"
                      "qqEGBQw8nHIuhdetFYX/NhnCNQYGJ62P12OVqhI3a/9PwQIDAQAB"}};
  const auto fault = [&](std::string_view message) { return to_string(verify(message, zone, 1'800'000'000)[0].fault); };
  EXPECT_EQ(fault(simple_message), "none");
  EXPECT_EQ(fault(std::string(simple_message) + "\r\n"), "none") << "empty lines at the end";
  EXPECT_EQ(fault(replaced(simple_message, "Hello \r\n", "Hello\r\n")), "body_hash");
  EXPECT_EQ(fault(replaced(simple_message, "  two", " two")), "signature");
  EXPECT_EQ(fault(replaced(simple_message, "Subject:", "subject:")), "signature");
  // A header block without its last line end is the same block.
  const auto end = simple_message.find("\r\n\r\n");
  DkimVerifier verifier(simple_message.substr(0, end), at(1'800'000'000));
  verifier.body(simple_message.substr(end + 4));
  verifier.end_of_body();
  dns::Answer answer;
  answer.status = dns::Status::ok;
  answer.records = {dns::Text{zone.begin()->second}};
  verifier.answer(answer);
  EXPECT_EQ(verifier.results()[0].result, DkimResult::pass);
}

TEST(DkimVerify, faults_of_the_signature) {
  struct Fault {
    std::string_view what, by;
    DkimResult result;
    DkimFault fault;
    std::string_view detail;
  };
  const Fault faults[] = {
      {"v=1;", "v=2;", DkimResult::permerror, DkimFault::version, "v"},
      {"v=1; ", "", DkimResult::permerror, DkimFault::missing_tag, "v"},
      {"a=ed25519-sha256", "a=rsa-sha1", DkimResult::permerror, DkimFault::algorithm, "a"},
      {"a=ed25519-sha256", "a=rsa-sha256", DkimResult::permerror, DkimFault::key_type, ""},
      {"c=relaxed/relaxed", "c=loose/relaxed", DkimResult::permerror, DkimFault::bad_tag, "c"},
      {"i=@football.example.com", "i=@example.com", DkimResult::permerror, DkimFault::identity, "i"},
      {"i=@football.example.com", "i=@xfootball.example.com", DkimResult::permerror, DkimFault::identity, "i"},
      {"q=dns/txt", "q=http", DkimResult::permerror, DkimFault::query_method, "q"},
      {"h=from : to", "h=to", DkimResult::fail, DkimFault::signature, "b"},
      {"t=1528637909", "t=then", DkimResult::permerror, DkimFault::bad_tag, "t"},
      {"t=1528637909", "x=1528637909", DkimResult::fail, DkimFault::expired, "x"},
      {"t=1528637909", "t=1528637909; x=1528637909", DkimResult::permerror, DkimFault::bad_tag, "x"},
      {"t=1528637909", "l=1000", DkimResult::permerror, DkimFault::body_length, "l"},
      {"t=1528637909", "l=10", DkimResult::fail, DkimFault::body_hash, "bh"},
      {"b=/gCr", "b=?/gCr", DkimResult::permerror, DkimFault::bad_tag, "b"},
      {"bh=2jUS", "bh=2jUS2jUS", DkimResult::permerror, DkimFault::bad_tag, "bh"},
      {"bh=2jUS", "bh=2jUT", DkimResult::fail, DkimFault::body_hash, "bh"},
      {"b=/gCr", "b=/gCs", DkimResult::fail, DkimFault::signature, "b"},
      {"s=brisbane", "s=sydney", DkimResult::permerror, DkimFault::no_key, ""},
      {"s=brisbane", "s=brisbane; s=test", DkimResult::permerror, DkimFault::tags, "twice"},
      {"d=football.example.com; ", "d=foot ball; ", DkimResult::permerror, DkimFault::identity, "i"},
  };
  for (const auto& [what, by, result, fault, detail] : faults) {
    const auto found = verify(replaced(rfc8463_message, what, by), rfc8463_zone);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].result, result) << by;
    EXPECT_EQ(to_string(found[0].fault), to_string(fault)) << by;
    EXPECT_EQ(found[0].detail, detail) << by;
    EXPECT_EQ(found[1].fault, DkimFault::none) << "the other signature stands by itself: " << by;
  }
  std::string no_from = replaced(rfc8463_message, "h=from : to", "h=to");
  no_from = replaced(no_from, "message-id : from : subject", "message-id : subject");
  EXPECT_EQ(verify(no_from, rfc8463_zone)[0].fault, DkimFault::from_not_signed);
}

TEST(DkimVerify, faults_of_the_key_and_of_dns) {
  const auto with = [](std::string record) {
    return verify(rfc8463_message, {{"brisbane._domainkey.football.example.com", std::move(record)}})[0];
  };
  EXPECT_EQ(with("v=DKIM1; k=ed25519; p=").detail, "revoked");
  EXPECT_EQ(with("v=DKIM1; k=ed25519; p=").result, DkimResult::permerror);
  EXPECT_EQ(with("v=DKIM1; k=ed448; p=AAAA").detail, "key_type");
  EXPECT_EQ(with(std::string(rfc8463_rsa)).fault, DkimFault::key_type);
  const std::string good(rfc8463_ed25519);
  EXPECT_EQ(with(good + "; s=tlsrpt").detail, "service");
  EXPECT_EQ(with(good + "; h=sha1").detail, "hash");
  EXPECT_EQ(with(good + "; h=sha1:sha256; s=email; n=notes").result, DkimResult::pass);
  EXPECT_THAT(with(good + "; t=y:s").warnings, ElementsAre(DkimWarning::testing));
  const auto subdomain = replaced(rfc8463_message, "i=@football.example.com", "i=@a.football.example.com");
  EXPECT_EQ(verify(subdomain, {{"brisbane._domainkey.football.example.com", good + "; t=s"}})[0].fault,
            DkimFault::identity);

  auto zone = rfc8463_zone;
  zone.emplace("down", "");
  for (const auto& one : verify(rfc8463_message, zone)) {
    EXPECT_EQ(one.result, DkimResult::temperror);
    EXPECT_EQ(one.fault, DkimFault::dns);
  }
  // A stray record beside the key does no harm, and a second key is tried.
  EXPECT_EQ(verify(rfc8463_message, {{"brisbane._domainkey.football.example.com", "v=spf1 -all"},
                                     {"brisbane._domainkey.football.example.com", good}})[0]
                .result,
            DkimResult::pass);
  EXPECT_EQ(verify(rfc8463_message, {{"brisbane._domainkey.football.example.com", "v=DKIM1; k=ed25519; p="},
                                     {"brisbane._domainkey.football.example.com", good}})[0]
                .result,
            DkimResult::pass);
}

TEST(DkimVerify, signatures_are_bounded) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "DKIM-Signature: v=1; a=rsa-sha256\r\n";
  const auto found = verify(many + std::string(rfc8463_message), rfc8463_zone);
  EXPECT_EQ(found.size(), DkimVerifier::signatures_max);
  EXPECT_EQ(verify("From: a@b.example\r\n\r\n", {}).size(), 0u);
}

// ---------------------------------------------------------------- tags and keys

TEST(DkimTags, problems_have_a_place) {
  const auto problem = [](std::string_view text) {
    const auto tags = parse_dkim_tags(text);
    return tags ? std::pair<std::string_view, std::size_t>{"good", tags->size()}
                : std::pair<std::string_view, std::size_t>{to_string(tags.error().error), tags.error().position};
  };
  using Pair = std::pair<std::string_view, std::size_t>;
  EXPECT_EQ(problem(""), Pair("good", 0));
  EXPECT_EQ(problem(" a = b ; c=\r\n d\t; "), Pair("good", 2));
  EXPECT_EQ(problem("a=b; c"), Pair("no_equals", 4));
  EXPECT_EQ(problem("a=b;; c=d"), Pair("no_equals", 4));
  EXPECT_EQ(problem("a=b; 1c=d"), Pair("bad_name", 5));
  EXPECT_EQ(problem("a=b; =d"), Pair("bad_name", 4));
  EXPECT_EQ(problem("a=b; c=d\x01"), Pair("bad_value", 8));
  EXPECT_EQ(problem("a=b; A=d; a=c"), Pair("twice", 10));
  std::string many;
  for (int i = 0; i < 65; ++i) many += "t" + std::to_string(i) + "=x;";
  EXPECT_EQ(problem(many).first, "too_many");
}

TEST(DkimKey, records_and_their_faults) {
  const auto fault = [](std::string_view record) {
    const auto key = parse_dkim_key(record);
    return key ? std::string("good") : std::string(to_string(key.error().error));
  };
  EXPECT_EQ(fault(rfc8463_rsa), "good");
  EXPECT_EQ(fault(rfc8463_ed25519), "good");
  EXPECT_EQ(fault(rfc8463_rsa.substr(9)), "good") << "v= may be left out";
  EXPECT_EQ(fault(std::string(rfc8463_ed25519.substr(9)) + "; v=DKIM1"), "version");
  EXPECT_EQ(fault("v=DKIM2; p=AAAA"), "version");
  EXPECT_EQ(fault("v=DKIM1"), "no_key");
  EXPECT_EQ(fault("v=DKIM1; p=;"), "revoked");
  EXPECT_EQ(fault("v=DKIM1; p=A"), "bad_base64");
  EXPECT_EQ(fault("v=DKIM1; p=AAAA"), "bad_key");
  EXPECT_EQ(fault("v=DKIM1; k=ed25519; p=AAAA"), "bad_key");
  EXPECT_EQ(fault("v=DKIM1; p"), "tags");
  EXPECT_EQ(fault("k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu"
                  "KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ=="),
            "key_too_small");
}

TEST(DkimKey, a_record_for_a_zone) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa);
  const std::string record = dkim_key_record(key);
  EXPECT_TRUE(parse_dkim_key(record));
  const std::string line = dkim_zone_line(dkim_key_name("s1", "example.org"), record);
  EXPECT_TRUE(line.starts_with("s1._domainkey.example.org. IN TXT (\n  \"v=DKIM1; k=rsa; p="));
  std::string joined;
  for (std::size_t from = line.find('"'); from != std::string::npos;) {
    const auto to = line.find('"', from + 1);
    EXPECT_LE(to - from - 1, 255u);
    joined += line.substr(from + 1, to - from - 1);
    from = line.find('"', to + 1);
  }
  EXPECT_EQ(joined, record);
}

// ---------------------------------------------------------------- canonical forms

std::string body_hash(DkimForm form, std::string_view body, std::size_t cut) {
  DkimBodyHash hash(form);
  for (; !body.empty(); body.remove_prefix(std::min(cut, body.size()))) hash.feed(body.substr(0, cut));
  return crypto::base64_encode(hash.finish());
}

TEST(DkimBody, canonical_forms) {
  // What the body must hash like. The first is the example of [rfc6376 3.4.5], the empty ones [rfc6376 3.4.3, 3.4.4].
  struct Form {
    std::string_view body, relaxed, simple;
  };
  const Form forms[] = {
      {" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n", " C \r\nD \t E\r\n"},
      {"", "", "\r\n"},
      {"\r\n\r\n", "", "\r\n"},
      {" \t\r\n \r\n", "", " \t\r\n \r\n"},
      {"a", "a\r\n", "a\r\n"},
      {"a\r\n \t", "a\r\n", "a\r\n \t\r\n"},
      {"\r\n\r\na\r\n", "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
      {"a\r\n  \r\nb \t\r\n", "a\r\n\r\nb\r\n", "a\r\n  \r\nb \t\r\n"},
      {"a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
      {"a\nb\r\r\n", "a\nb\r\r\n", "a\nb\r\r\n"},
      {"a\r", "a\r\r\n", "a\r\r\n"},
  };
  for (const auto& [body, relaxed, simple] : forms) {
    for (const std::size_t cut : {1u, 2u, 3u, 100u}) {
      EXPECT_EQ(body_hash(DkimForm::relaxed, body, cut), crypto::base64_encode(crypto::sha256(relaxed))) << body;
      EXPECT_EQ(body_hash(DkimForm::simple, body, cut), crypto::base64_encode(crypto::sha256(simple))) << body;
    }
  }
}

TEST(DkimBody, large_ones_and_lengths) {
  std::string body;
  for (int i = 0; i < 5000; ++i) body += "line " + std::to_string(i) + "\r\n";
  const auto whole = crypto::base64_encode(crypto::sha256(body));
  for (const std::size_t cut : {1000u, 8192u, 70000u}) EXPECT_EQ(body_hash(DkimForm::relaxed, body, cut), whole);
  DkimBodyHash part(DkimForm::simple, 12345);
  part.feed(body);
  EXPECT_EQ(part.finish(), crypto::sha256(body.substr(0, 12345)));
  EXPECT_EQ(part.canonical_octets(), body.size());
}

TEST(DkimBody, of_a_whole_message) {
  const auto of = [](std::string_view message, std::size_t cut) {
    DkimMessageHash hash;
    for (; !message.empty(); message.remove_prefix(std::min(cut, message.size()))) hash.feed(message.substr(0, cut));
    return hash.finish();
  };
  for (const std::size_t cut : {1u, 2u, 5u, 100u}) {
    EXPECT_EQ(of("A: b\r\nC: d\r\n\r\nbody\r\n", cut), crypto::sha256("body\r\n"));
    EXPECT_EQ(of("\r\nbody\r\n", cut), crypto::sha256("body\r\n"));
    EXPECT_EQ(of("A: b\r\n", cut), crypto::sha256(""));
    EXPECT_EQ(of("A: b\r\r\n\r\nx\r\n", cut), crypto::sha256("x\r\n"));
  }
}

TEST(HeaderFields, relaxed_form) {
  EXPECT_EQ(relaxed_field("A: X\r\n"), "a:X");  // [rfc6376 3.4.5]
  EXPECT_EQ(relaxed_field("B : Y\t\r\n\tZ  \r\n"), "b:Y Z");
  EXPECT_EQ(relaxed_field("Subject:\r\n"), "subject:");
  EXPECT_EQ(relaxed_field("c"), "c:");
}

TEST(HeaderFields, domains_of_authors) {
  EXPECT_THAT(author_domains("a@Example.ORG"), ElementsAre("example.org"));
  EXPECT_THAT(author_domains(" \"x@evil.example\" (c@d.example) <a@example.org>\r\n"), ElementsAre("example.org"));
  EXPECT_THAT(author_domains("\"a\\\"@b\"@example.org"), ElementsAre("example.org"));
  EXPECT_THAT(author_domains("A <a@one.example>, b@two.example"), ElementsAre("one.example", "two.example"));
  EXPECT_THAT(author_domains("a@m\xc3\xbcnchen.example"), ElementsAre("xn--mnchen-3ya.example"));
  EXPECT_THAT(author_domains("=?utf-8?q?a?= <a@example.org>"), ElementsAre("example.org"));
  for (const auto* none : {"", "no address", "<a@example.org", "group: a@b.example;", "a@", "@b.example", "<a@b><c@d>",
                           "a@b@c.example <x>", "a@b_c!.example"}) {
    EXPECT_TRUE(author_domains(none).empty()) << none;
  }
}

// ---------------------------------------------------------------- signing

constexpr std::string_view letter_header =
    "Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    "From: Ann <ann@example.org>\r\n"
    "To: bob@example.net\r\n"
    "Subject: a long subject that goes on\r\n over two lines\r\n"
    "List-Unsubscribe: <https://example.org/u>\r\n"
    "\r\n";

DkimKey key_of(std::string domain, std::string selector, crypto::KeyType type = crypto::KeyType::ed25519) {
  return {std::move(domain), std::move(selector), crypto::PrivateKey::generate(type), DkimSignBy::from, true, {}, {}};
}

std::vector<std::string> signers(const DkimKeys& keys, std::string_view from, std::string_view envelope,
                                 std::int64_t now = 1000) {
  const std::string header = "From: " + std::string(from) + "\r\n";
  std::vector<std::string> out;
  for (const auto* key : keys.for_message({header, envelope}, at(now))) out.push_back(key->selector);
  return out;
}

TEST(DkimSign, what_is_signed_verifies) {
  const std::string body = "Hello  Bob.\r\n\r\n";
  for (const auto type : {crypto::KeyType::rsa, crypto::KeyType::ed25519}) {
    const auto key = key_of("example.org", "s2026", type);
    DkimMessageHash hash;
    hash.feed(letter_header);
    hash.feed(body);
    const std::string field = sign_dkim(key, letter_header, hash.finish(), at(1'790'000'000));
    for (std::size_t line = 0; line < field.size();) {
      const auto end = field.find("\r\n", line);
      EXPECT_LE(end - line, 78u);
      line = end + 2;
    }
    const std::string message = field + std::string(letter_header) + body;
    const Zone zone = {{"s2026._domainkey.example.org", dkim_key_record(key.key)}};
    const auto good = verify(message, zone, 1'790'000'100);
    ASSERT_EQ(good.size(), 1u);
    EXPECT_EQ(good[0].result, DkimResult::pass) << to_string(good[0].fault) << '\n' << message;
    EXPECT_EQ(good[0].signed_at, 1'790'000'000);
    EXPECT_FALSE(good[0].body_octets);
    EXPECT_TRUE(good[0].warnings.empty());
    // No field that people see can be added, whether there was one or not.
    for (const std::string_view more :
         {"From: x@y.example", "Subject: other", "Cc: c@d.example", "Reply-To: e@f.example", "Content-Type: text/html",
          "List-Unsubscribe: <https://evil.example/>"}) {
      const auto bad = verify(std::string(more) + "\r\n" + message, zone, 1'790'000'100);
      EXPECT_EQ(bad[0].fault, DkimFault::signature) << more;
    }
    EXPECT_EQ(verify("List-Id: <l.example>\r\nReceived: x\r\n" + message, zone, 1'790'000'100)[0].result,
              DkimResult::pass);
  }
}

TEST(DkimSign, the_nearest_domain_signs_with_all_its_keys) {
  std::vector<DkimKey> all;
  all.push_back(key_of("example.org", "a"));
  all.push_back(key_of("example.org", "b"));
  all.push_back(key_of("mail.example.org", "m"));
  all.push_back(key_of("example.net", "n"));
  all.back().subdomains = false;
  const DkimKeys keys(std::move(all));
  EXPECT_THAT(signers(keys, "x@example.org", ""), ElementsAre("a", "b"));
  EXPECT_THAT(signers(keys, "x@news.example.org", "example.net"), ElementsAre("a", "b"));
  EXPECT_THAT(signers(keys, "x@mail.example.org", ""), ElementsAre("m"));
  EXPECT_THAT(signers(keys, "x@example.net", ""), ElementsAre("n"));
  EXPECT_THAT(signers(keys, "x@a.example.net", ""), ElementsAre());
  EXPECT_THAT(signers(keys, "x@badexample.org", "example.org"), ElementsAre());
  EXPECT_THAT(signers(keys, "x@example.org, y@example.net", ""), ElementsAre());
  EXPECT_THAT(signers(keys, "x@example.org\r\nFrom: y@example.net", ""), ElementsAre()) << "two From fields";
}

TEST(DkimSign, by_envelope_or_both) {
  std::vector<DkimKey> all;
  all.push_back(key_of("example.org", "e"));
  all.back().by = DkimSignBy::envelope;
  all.push_back(key_of("example.net", "b"));
  all.back().by = DkimSignBy::both;
  const DkimKeys keys(std::move(all));
  EXPECT_THAT(signers(keys, "x@other.example", "bounces.example.org"), ElementsAre("e"));
  EXPECT_THAT(signers(keys, "x@example.org", "other.example"), ElementsAre());
  EXPECT_THAT(signers(keys, "x@example.net", "example.net"), ElementsAre("b"));
  EXPECT_THAT(signers(keys, "x@example.net", "other.example"), ElementsAre());
  EXPECT_THAT(signers(keys, "x@other.example", "example.net"), ElementsAre());
}

TEST(DkimSign, a_retired_key_signs_nothing) {
  std::vector<DkimKey> all;
  all.push_back(key_of("example.org", "old"));
  all.back().until = at(2000);
  all.push_back(key_of("example.org", "new"));
  all.back().from = at(1500);
  const DkimKeys keys(std::move(all));
  EXPECT_THAT(signers(keys, "x@example.org", "", 1000), ElementsAre("old"));
  EXPECT_THAT(signers(keys, "x@example.org", "", 1500), ElementsAre("old", "new"));
  EXPECT_THAT(signers(keys, "x@example.org", "", 1999), ElementsAre("old", "new"));
  EXPECT_THAT(signers(keys, "x@example.org", "", 2000), ElementsAre("new"));
}

}  // namespace
}  // namespace postil::mailauth
