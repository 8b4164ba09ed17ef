#include "mailauth/spf_record.hpp"

#include <gmock/gmock.h>

namespace postil::mailauth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum SpfProblem;

// "problem@position+length"
std::vector<std::string> errors(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& error : parse_spf_record(text).errors) {
    out.push_back(std::string(to_string(error.problem)) + "@" + std::to_string(error.where.position) + "+" +
                  std::to_string(error.where.length));
  }
  return out;
}

std::vector<std::string> remarks(std::string_view text) {
  std::vector<std::string> out;
  const auto record = parse_spf_record(text);
  for (const auto& [remark, where] : record.remarks)
    out.push_back(std::string(to_string(remark)) + ":" + std::string(record.text(where)));
  return out;
}

TEST(SpfRecord, VersionEndsInASpaceOrTheEnd) {
  EXPECT_TRUE(is_spf_record("v=spf1"));
  EXPECT_TRUE(is_spf_record("V=sPf1 -all"));
  EXPECT_FALSE(is_spf_record("v=spf10 -all"));
  EXPECT_FALSE(is_spf_record(" v=spf1 -all"));
  EXPECT_FALSE(is_spf_record("v=spf1\t-all"));
  EXPECT_TRUE(resembles_spf_record(" v=spf1 -all"));
  EXPECT_TRUE(resembles_spf_record("\"v=spf1 -all\""));
  EXPECT_TRUE(resembles_spf_record("v=spf10 -all"));
  EXPECT_TRUE(resembles_spf_record("spf2.0/pra ?all"));
  EXPECT_FALSE(resembles_spf_record("v=spf1 -all"));
  EXPECT_FALSE(resembles_spf_record("v=DMARC1; p=none"));
  EXPECT_FALSE(resembles_spf_record(""));
}

TEST(SpfRecord, ReadsEveryMechanism) {
  const auto record = parse_spf_record(
      "v=spf1  A a:x.example/24//64 MX/16 -mx:%{d} ?ptr ~ptr:y.example. ip4:192.0.2.0/24 ip6:2001:db8::/32 "
      "include:_spf.%{d2} exists:%{ir}.list.example -all");
  ASSERT_THAT(record.errors, IsEmpty());
  ASSERT_EQ(record.mechanisms.size(), 11u);
  const auto& m = record.mechanisms;
  EXPECT_EQ(m[0].kind, SpfMechanismKind::a);
  EXPECT_FALSE(m[0].target);
  EXPECT_EQ(m[1].target->raw, "x.example");
  EXPECT_EQ(m[1].prefix4, 24);
  EXPECT_EQ(m[1].prefix6, 64);
  EXPECT_EQ(m[2].prefix4, 16);
  EXPECT_EQ(m[2].prefix6, 128);
  EXPECT_EQ(m[3].qualifier, '-');
  EXPECT_EQ(m[4].qualifier, '?');
  EXPECT_EQ(m[5].qualifier, '~');
  EXPECT_EQ(m[6].network.text(), "192.0.2.0");
  EXPECT_EQ(m[6].prefix4, 24);
  EXPECT_EQ(m[7].network.text(), "2001:db8::");
  EXPECT_EQ(m[7].prefix6, 32);
  EXPECT_EQ(m[8].target->raw, "_spf.%{d2}");
  EXPECT_EQ(record.text(m[9].where), "exists:%{ir}.list.example");
  EXPECT_TRUE(record.has_all());
}

TEST(SpfRecord, ASlashMayBePartOfAName) {
  const auto record = parse_spf_record("v=spf1 a:foo:bar/baz.example.com/30 ?all");
  ASSERT_THAT(record.errors, IsEmpty());
  EXPECT_EQ(record.mechanisms[0].target->raw, "foo:bar/baz.example.com");
  EXPECT_EQ(record.mechanisms[0].prefix4, 30);
}

TEST(SpfRecord, Modifiers) {
  const auto record = parse_spf_record("v=spf1 redirect=_spf.example.com exp=why.example.com moo.cow/x=1 foo=%{s}:/x");
  // A name with a slash is no modifier's, so that one term is a mechanism that nobody knows.
  EXPECT_THAT(errors("v=spf1 moo.cow/x=1"), ElementsAre("unknown_mechanism@7+7"));
  ASSERT_TRUE(record.redirect);
  EXPECT_EQ(record.redirect->value.raw, "_spf.example.com");
  ASSERT_TRUE(record.exp);
  ASSERT_EQ(record.others.size(), 1u);
  EXPECT_EQ(record.others[0].name, "foo");
}

TEST(SpfRecord, TellsEveryErrorAndWhereItIs) {
  EXPECT_THAT(errors("v=spf1 a mx -all "), IsEmpty());
  EXPECT_THAT(errors("v=spf1 ipv4:192.0.2.1 -al"), ElementsAre("unknown_mechanism@7+4", "unknown_mechanism@23+2"));
  EXPECT_THAT(errors("v=spf1 redirect:x.example"), ElementsAre("modifier_needs_equals@7+8"));
  EXPECT_THAT(errors("v=spf1 +redirect=x.example"), ElementsAre("qualifier_before_modifier@7+19"));
  EXPECT_THAT(errors("v=spf1 - :x"), ElementsAre("mechanism_missing@7+1", "mechanism_missing@9+2"));
  EXPECT_THAT(errors("v=spf1 all:x -all/8"), ElementsAre("argument_not_allowed@10+2", "argument_not_allowed@17+2"));
  EXPECT_THAT(errors("v=spf1 ptr/24 include/24"),
              ElementsAre("argument_not_allowed@10+3", "argument_not_allowed@21+3"));
  EXPECT_THAT(errors("v=spf1 include include: exists a:"),
              ElementsAre("domain_missing@7+7", "domain_missing@22+1", "domain_missing@24+6", "domain_missing@32+1"));
  EXPECT_THAT(errors("v=spf1 a:museum a:x.123 mx:x.example-"),
              ElementsAre("domain_end@9+6", "domain_end@18+5", "domain_end@27+10"));
  EXPECT_THAT(errors("v=spf1 ip4 ip4:192.0.2 ip4:192.0.2.01 ip4:192.0.2.1:25"),
              ElementsAre("network_missing@7+3", "ip4_invalid@15+7", "ip4_invalid@27+10", "ip4_invalid@42+12"));
  EXPECT_THAT(errors("v=spf1 ip4:2001:db8::1 ip6:192.0.2.1 ip6:2001:db8"),
              ElementsAre("ip4_holds_ip6@11+11", "ip6_holds_ip4@27+9", "ip6_invalid@41+8"));
  EXPECT_THAT(errors("v=spf1 ip4:192.0.2.0/33 ip4:192.0.2.0/08 ip4:192.0.2.0/ ip6:2001:db8::/129 ip6:2001:db8::/x"),
              ElementsAre("prefix_out_of_range@21+2", "prefix_leading_zero@38+2", "prefix_missing@55+0",
                          "prefix_out_of_range@71+3", "prefix_not_a_number@90+1"));
  EXPECT_THAT(errors("v=spf1 a/33 a//129 mx/ mx:x.example/24/64"),
              ElementsAre("prefix_out_of_range@9+2", "prefix_out_of_range@15+3", "prefix_missing@22+0",
                          "prefix_out_of_range@39+2"));
  EXPECT_THAT(errors("v=spf1 redirect=a.example redirect=b.example exp=a.example exp=b.example"),
              ElementsAre("repeated_redirect@26+18", "repeated_exp@59+13"));
  EXPECT_THAT(errors("v=spf1 exists:%(ir).x.example a:%{d"), ElementsAre("macro_percent@14+1", "macro_unclosed@32+3"));
  EXPECT_THAT(errors("v=spf1 a:%{x} a:%{c} a:%{d0} a:%{dz} a:%{}"),
              ElementsAre("macro_letter@9+4", "macro_only_in_exp@16+4", "macro_zero@23+5", "macro_content@31+5",
                          "macro_letter@39+3"));
  EXPECT_THAT(errors("v=spf1 a:b\xc3\xbc"
                     "cher.example -all"),
              ElementsAre("not_ascii@10+2"));
  EXPECT_THAT(errors("v=spf1 a\t-all\r\n"), ElementsAre("control_character@8+1", "control_character@13+2"));
}

TEST(SpfRecord, TheOtherTermsStandBesideABadOne) {
  const auto record = parse_spf_record("v=spf1 a ipv4:1.2.3.4 mx -all");
  EXPECT_FALSE(record.valid());
  EXPECT_EQ(record.mechanisms.size(), 3u);
  EXPECT_EQ(record.raw, "v=spf1 a ipv4:1.2.3.4 mx -all");
}

TEST(SpfRecord, Remarks) {
  EXPECT_THAT(remarks("v=spf1 mx -all"), IsEmpty());
  EXPECT_THAT(remarks("v=spf1 mx redirect=x.example"), IsEmpty());
  EXPECT_THAT(remarks("v=spf1 mx"), ElementsAre("no_end:"));
  EXPECT_THAT(remarks("v=spf1 mx all"), ElementsAre("all_passes:all"));
  EXPECT_THAT(remarks("v=spf1 ?all"), ElementsAre("all_neutral:?all"));
  EXPECT_THAT(remarks("v=spf1 -all mx a:%{p}.x.example"),
              ElementsAre("after_all:mx", "after_all:a:%{p}.x.example", "p_macro_used:a:%{p}.x.example"));
  EXPECT_THAT(remarks("v=spf1 ptr -all redirect=x.example"),
              ElementsAre("ptr_used:ptr", "redirect_ignored:redirect=x.example"));
  EXPECT_THAT(remarks("v=spf1 include=x.example rr=a moo=b -all"),
              ElementsAre("mechanism_as_modifier:include=x.example", "unknown_modifier:moo=b"));
  EXPECT_THAT(remarks("v=spf1 mx MX -all"), ElementsAre("repeated_term:MX"));
  EXPECT_THAT(remarks("v=spf1 exp=x.example mx -all"), ElementsAre("modifier_before_end:exp=x.example"));
}

TEST(SpfRecord, FindingsAreBounded) {
  std::string text = "v=spf1";
  for (int i = 0; i < 20000; ++i) text += " %";
  EXPECT_EQ(parse_spf_record(text).errors.size(), spf_findings_max);
  text = "v=spf1 all";
  for (int i = 0; i < 20000; ++i) text += " a";
  EXPECT_EQ(parse_spf_record(text).remarks.size(), spf_findings_max);
}

// The table of [rfc7208 7.4].
TEST(SpfMacros, ExamplesOfTheRfc) {
  SpfMacroValues values;
  values.sender_local = "strong-bad";
  values.sender_domain = values.domain = "email.example.com";
  values.client = *address::Ip::parse("192.0.2.3");
  values.validated_name = "mx.example.org";
  const auto expanded = [&](std::string_view text) {
    std::vector<SpfError> found;
    const auto macros = parse_spf_macros(text, SpfMacroPlace::explain_string, 0, found);
    EXPECT_THAT(found, IsEmpty()) << text;
    return expand(macros, values).value();
  };
  const std::pair<const char*, const char*> table[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
      {"a%%b%_c%-d", "a%b c%20d"},
      {"%{S}", "strong-bad%40email.example.com"},
      {"%{p} %{c}", "mx.example.org 192.0.2.3"},
  };
  for (const auto& [text, result] : table) EXPECT_EQ(expanded(text), result) << text;
  values.client = *address::Ip::parse("2001:db8::cb01");
  EXPECT_EQ(expanded("%{ir}.%{v}._spf.%{d2}"),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com");
  EXPECT_EQ(expanded("%{c}"), "2001:db8::cb01");
}

TEST(SpfMacros, EmptyPartsStayAndHugeNumbersMeanAll) {
  SpfMacroValues values;
  values.sender_local = "a--b";
  values.domain = "x.example";
  std::vector<SpfError> found;
  const auto expanded = [&](std::string_view text) {
    return expand(parse_spf_macros(text, SpfMacroPlace::domain_spec, 0, found), values).value();
  };
  EXPECT_EQ(expanded("%{l-}"), "a..b");
  EXPECT_EQ(expanded("%{d99999999999999999999}"), "x.example");
  EXPECT_THAT(found, IsEmpty());
}

TEST(SpfMacros, LongNamesLoseLabelsOnTheLeft) {
  std::string name;
  for (int i = 0; i < 60; ++i) name += "abcd.";
  name += "example";  // 307 octets
  const auto fitted = fitted_name(name);
  EXPECT_LE(fitted.size(), 253u);
  EXPECT_TRUE(fitted.starts_with("abcd."));
  EXPECT_GT(fitted.size() + 5, 253u);
}

TEST(SpfMacros, ExpansionIsBounded) {
  SpfMacroValues values;
  values.sender_local = std::string(200, 'x');
  std::string text;
  for (int i = 0; i < 10000; ++i) text += "%{l}";
  std::vector<SpfError> found;
  EXPECT_FALSE(expand(parse_spf_macros(text, SpfMacroPlace::domain_spec, 0, found), values));
}

}  // namespace
}  // namespace postil::mailauth
