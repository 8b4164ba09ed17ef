#include "address/path.hpp"

#include <gtest/gtest.h>

namespace postil::address {
namespace {

std::string reverse(std::string_view text, bool smtputf8 = false) {
  const auto path = parse_path(text, PathKind::reverse, smtputf8);
  if (path) return path->null() ? "<>" : path->address;
  switch (path.error()) {
    case PathError::syntax:
      return "syntax";
    case PathError::too_long:
      return "too long";
    case PathError::needs_smtputf8:
      return "needs smtputf8";
    case PathError::bad_utf8:
      return "bad utf8";
  }
  return "?";
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (; times > 0; --times) out += text;
  return out;
}

TEST(Path, plain) {
  const auto path = parse_path("<Ann.Lee+tag@Mail.Example> SIZE=9", PathKind::reverse, false);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->address, "Ann.Lee+tag@mail.example");
  EXPECT_EQ(path->local, "Ann.Lee+tag");
  EXPECT_EQ(path->domain, "mail.example");
  EXPECT_EQ(path->length, 26u);
  EXPECT_FALSE(path->literal);
  EXPECT_FALSE(path->utf8);
  EXPECT_FALSE(path->null());
  EXPECT_EQ(to_path(*path), "<Ann.Lee+tag@mail.example>");
}

TEST(Path, length_tells_where_parameters_begin) {
  EXPECT_EQ(parse_path("<> X", PathKind::reverse, false)->length, 2u);
  EXPECT_EQ(parse_path("<a@b>SIZE=1", PathKind::reverse, false)->length, 5u);
  const std::string_view nasty = R"(<"x> SIZE=9 <y"@d> SIZE=5)";
  const auto path = parse_path(nasty, PathKind::reverse, false);
  ASSERT_TRUE(path);
  EXPECT_EQ(nasty.substr(path->length), " SIZE=5");
  EXPECT_EQ(path->local, "x> SIZE=9 <y");
}

TEST(Path, null_is_for_reverse_paths_only) {
  EXPECT_EQ(reverse("<>"), "<>");
  EXPECT_FALSE(parse_path("<>", PathKind::forward, false));
  EXPECT_EQ(to_path(*parse_path("<>", PathKind::reverse, false)), "<>");
}

TEST(Path, postmaster_needs_no_domain) {
  for (const char* text : {"<Postmaster>", "<postmaster>", "<POSTMASTER>"}) {
    const auto path = parse_path(text, PathKind::forward, false);
    ASSERT_TRUE(path) << text;
    EXPECT_EQ("<" + path->address + ">", text);
    EXPECT_EQ(path->domain, "");
  }
  EXPECT_EQ(reverse("<Postmaster>"), "syntax");
  EXPECT_FALSE(parse_path("<hostmaster>", PathKind::forward, false));
  EXPECT_FALSE(parse_path("<@a.example:postmaster>", PathKind::forward, false));
  EXPECT_EQ(parse_path("<\"Postmaster\">", PathKind::forward, false)->address, "Postmaster");
}

TEST(Path, quotes_are_kept_where_they_are_needed) {
  EXPECT_EQ(reverse(R"(<"a"@d>)"), "a@d");
  EXPECT_EQ(reverse(R"(<"a.b"@d>)"), "a.b@d");
  EXPECT_EQ(reverse(R"(<"\a\b"@d>)"), "ab@d");
  EXPECT_EQ(reverse(R"(<"a b"@d>)"), R"("a b"@d)");
  EXPECT_EQ(reverse(R"(<"a..b"@d>)"), R"("a..b"@d)");
  EXPECT_EQ(reverse(R"(<".a"@d>)"), R"(".a"@d)");
  EXPECT_EQ(reverse(R"(<"a\"b\\c"@d>)"), R"("a\"b\\c"@d)");
  EXPECT_EQ(reverse(R"(<"a@b"@d>)"), R"("a@b"@d)");
  EXPECT_EQ(reverse(R"(<""@d>)"), R"(""@d)");
  EXPECT_EQ(parse_path(R"(<"a\"b\\c"@d>)", PathKind::reverse, false)->local, R"(a"b\c)");
}

TEST(Path, source_routes_are_dropped) {
  EXPECT_EQ(reverse("<@local:victim@far>"), "victim@far");
  EXPECT_EQ(reverse("<@a.example,@b.example:joe@c.example>"), "joe@c.example");
  for (const char* bad : {"<@a.example joe@c>", "<@a.example,joe@c>", "<@:joe@c>", "<@a,:joe@c>", "<@a:>", "<@>",
                          "<@a>", "<@[1.2.3.4]:joe@c>"})
    EXPECT_EQ(reverse(bad), "syntax") << bad;
}

TEST(Path, syntax_errors) {
  using std::string_view_literals::operator""sv;
  for (const auto bad : {""sv,
                         "<"sv,
                         ">"sv,
                         "a@x"sv,
                         "<a@x"sv,
                         "<@>"sv,
                         "<a@>"sv,
                         "<@x>"sv,
                         "<a>"sv,
                         "< a@x>"sv,
                         "<a@x >"sv,
                         "<a b@x>"sv,
                         "<a@x y>"sv,
                         "<.a@x>"sv,
                         "<a.@x>"sv,
                         "<a..b@x>"sv,
                         "<a@.x>"sv,
                         "<a@x.>"sv,
                         "<a@x..y>"sv,
                         "<a@-x>"sv,
                         "<a@x->"sv,
                         "<a@x-.y>"sv,
                         "<victim@far@local>"sv,
                         "<;sleep 66;>"sv,
                         "<a\"b@x>"sv,
                         "<\"a@x>"sv,
                         "<\"a\"b@x>"sv,
                         "<\"a\\"sv,
                         "<a(c)@x>"sv,
                         "<a,b@x>"sv,
                         "<a@x,y>"sv,
                         "<a\\b@x>"sv,
                         "<a@x/y>"sv,
                         "<a@@x>"sv,
                         "<<a@x>>"sv,
                         " <a@x>"sv,
                         "<a:b@x>"sv,
                         "<a[b@x>"sv})
    EXPECT_EQ(reverse(bad), "syntax") << bad;
}

TEST(Path, no_control_characters) {
  for (int c = 0; c < 256; ++c) {
    if (c >= 32 && c != 127) continue;
    const char octet = static_cast<char>(c);
    for (const char* form : {"<a%b@x>", "<\"a%b\"@x>", "<\"a\\%b\"@x>", "<ab@x%y>", "<ab@[1.2.3.%4]>", "<@a%b:c@d>"}) {
      std::string text(form);
      text[text.find('%')] = octet;
      EXPECT_EQ(reverse(text), "syntax") << form << " with " << c;
    }
  }
  EXPECT_EQ(reverse("<a\rRCPT TO:<b>@x>"), "syntax");
  EXPECT_EQ(reverse("<a\xC2\x9B\x62@x>", true), "syntax");  // CSI, a terminal's escape
}

TEST(Path, what_is_odd_but_right) {
  EXPECT_EQ(reverse("<$(id)@x>"), "syntax");
  EXPECT_EQ(reverse("<${run{ls}}@localhost>"), "${run{ls}}@localhost");
  EXPECT_EQ(reverse("<victim%far@local>"), "victim%far@local");
  EXPECT_EQ(reverse("<far!victim@local>"), "far!victim@local");
  EXPECT_EQ(reverse("<!#$%&'*+-/=?^_`{|}~@x>"), "!#$%&'*+-/=?^_`{|}~@x");
  EXPECT_EQ(reverse("<a@host_name.example>"), "a@host_name.example");
  EXPECT_EQ(reverse("<a@1.2.3.4>"), "a@1.2.3.4");
}

TEST(Path, literals) {
  const auto path = parse_path("<a@[192.0.2.1]>", PathKind::reverse, false);
  ASSERT_TRUE(path);
  EXPECT_TRUE(path->literal);
  EXPECT_EQ(path->domain, "[192.0.2.1]");
  EXPECT_EQ(reverse("<a@[ipv6:2001:DB8::1]>"), "a@[IPv6:2001:db8::1]");
  EXPECT_EQ(reverse("<a@[x400:c=us]>"), "a@[x400:c=us]");
  for (const char* bad : {"<a@[>", "<a@[]>", "<a@[999.1.1.1]>", "<a@[1.2.3]>", "<a@[01.2.3.4]>", "<a@[IPv6::::::]>",
                          "<a@[IPv6:]>", "<a@[2001:db8::1]x>", "<a@[IPv6:1.2.3.4]>", "<a@[1.2.3.4>", "<a@[tag:]>",
                          "<a@[:x]>", "<a@[t-:x]>", "<a@[t:a b]>", "<a@[t:a[b]>", "<a@[t:a\\b]>", "<a@[1.2.3.4].x>"})
    EXPECT_EQ(reverse(bad), "syntax") << bad;
  EXPECT_EQ(reverse("<a@[" + repeat("1.", 3000) + "]>"), "too long");
}

TEST(Path, lengths) {
  EXPECT_EQ(reverse("<" + repeat("a", 64) + "@x>"), repeat("a", 64) + "@x");
  EXPECT_EQ(reverse("<" + repeat("a", 65) + "@x>"), "too long");
  EXPECT_EQ(reverse("<\"" + repeat("a", 64) + "\"@x>"), repeat("a", 64) + "@x");
  EXPECT_EQ(reverse("<a@" + repeat("b", 63) + ".x>"), "a@" + repeat("b", 63) + ".x");
  EXPECT_EQ(reverse("<a@" + repeat("b", 64) + ".x>"), "too long");
  EXPECT_EQ(reverse("<a@" + repeat("b", 500) + ">"), "too long");
  const auto domain = repeat(repeat("b", 49) + ".", 5);              // 250
  EXPECT_EQ(reverse("<a@" + domain + "cc>"), "a@" + domain + "cc");  // a path of 256
  EXPECT_EQ(reverse("<a@" + domain + "ccc>"), "too long");           // of 257
  EXPECT_EQ(reverse("<" + repeat("a", 300) + "@" + repeat("b", 500) + ">"), "too long");
}

TEST(Path, utf8) {
  EXPECT_EQ(reverse("<büro@x>"), "needs smtputf8");
  EXPECT_EQ(reverse("<büro@x>", true), "büro@x");
  EXPECT_EQ(reverse("<a@MÜNCHEN.example>", true), "a@mÜnchen.example");  // only ASCII is folded here
  EXPECT_EQ(reverse("<a@münchen.example>"), "needs smtputf8");
  EXPECT_EQ(reverse("<\"ü b\"@x>", true), "\"ü b\"@x");
  for (const char* bad : {"\xc3\x28", "\xc0\xaf", "\xed\xa0\x80", "\xff", "\xfe", "\x80", "\xf5\x80\x80\x80"}) {
    const auto syntax_or_bad = [](const std::string& s) { return s == "bad utf8" || s == "syntax"; };
    EXPECT_TRUE(syntax_or_bad(reverse(std::string("<a") + bad + "@x>", true))) << bad;
    EXPECT_TRUE(syntax_or_bad(reverse(std::string("<a") + bad + "@x>", false))) << bad;
    EXPECT_TRUE(syntax_or_bad(reverse(std::string("<a@x") + bad + ">", true))) << bad;
  }
  EXPECT_EQ(reverse("<a\xff@x>", true), "bad utf8");
  EXPECT_TRUE(parse_path("<büro@x>", PathKind::forward)->utf8);
  EXPECT_FALSE(parse_path("<b@x>", PathKind::forward)->utf8);
  EXPECT_EQ(reverse("<a@a。b>", true), "syntax");  // an ideographic full stop is no dot here
}

TEST(Path, address_without_brackets) {
  EXPECT_EQ(parse_address("Ann@EXAMPLE.org", false)->address, "Ann@example.org");
  EXPECT_EQ(parse_address("\"a b\"@x", false)->length, 7u);
  EXPECT_EQ(parse_address("a@[127.0.0.1]", false)->domain, "[127.0.0.1]");
  for (const char* bad : {"", "Postmaster", "a", "a@", "@x", "a@x ", " a@x", "a@x>", "<a@x>", "@r:a@x", "a@x\n"})
    EXPECT_FALSE(parse_address(bad, true)) << bad;
  EXPECT_EQ(parse_address("ü@x", false).error(), PathError::needs_smtputf8);
}

TEST(Path, canonical_form_reads_back_as_itself) {
  for (const char* text : {R"(<"a\"b\\c"@d>)", R"(<"a b"@d>)", "<a@[IPv6:::1]>", "<A.b@C>", R"(<"x> y"@d>)"}) {
    const auto first = parse_path(text, PathKind::forward, false);
    ASSERT_TRUE(first) << text;
    const auto second = parse_path(to_path(*first), PathKind::forward, false);
    ASSERT_TRUE(second) << to_path(*first);
    EXPECT_EQ(second->address, first->address);
    EXPECT_EQ(second->local, first->local);
  }
}

TEST(Domain, valid) {
  for (const char* good : {"a", "a.b", "xn--mnchen-3ya.example", "a-b.c", "A.B", "1.2", "_dmarc.x", "münchen.example"})
    EXPECT_TRUE(valid_domain(good)) << good;
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "a@b", "[1.2.3.4]", "a\xff", "a/b", "a\n"})
    EXPECT_FALSE(valid_domain(bad)) << bad;
}

TEST(Literal, ip) {
  EXPECT_EQ(literal_ip("[192.0.2.1]"), "192.0.2.1");
  EXPECT_EQ(literal_ip("[IPv6:2001:DB8:0:0::1]"), "2001:db8::1");
  EXPECT_EQ(literal_ip("[ipv6:::1]"), "::1");
  for (const char* bad : {"192.0.2.1", "[2001:db8::1]", "[IPv6:192.0.2.1]", "[]", "[x:y]", "[1.2.3.4", ""})
    EXPECT_FALSE(literal_ip(bad)) << bad;
}

TEST(QuoteLocal, forms) {
  EXPECT_EQ(quote_local("a.b"), "a.b");
  EXPECT_EQ(quote_local("a b"), "\"a b\"");
  EXPECT_EQ(quote_local("a\"\\"), R"("a\"\\")");
  EXPECT_EQ(quote_local(""), "\"\"");
  EXPECT_EQ(quote_local("a\r\nb"), "\"a??b\"");
}

}  // namespace
}  // namespace postil::address
