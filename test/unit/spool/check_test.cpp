#include "spool/check.hpp"

#include "rig.hpp"
#include "spool/format.hpp"

namespace postil::spool {
namespace {

struct SpoolCheck : testing::Test {
  void SetUp() override { ASSERT_EQ(rig_.open(), ""); }
  std::string last_segment() const {
    std::string last;
    for (const auto& name : rig_.disk.names()) {
      if (parse_segment_name(name)) last = name;
    }
    return last;
  }
  CheckReport report() { return check(rig_.disk, "/var/spool/postil").value(); }
  Rig rig_;
};

TEST_F(SpoolCheck, sound_spool_while_it_runs) {
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(rig_.take(std::string(3000, 'x')));
  ASSERT_TRUE(rig_.remove({3}));
  ASSERT_TRUE(rig_.update({4}, 0, 2));
  const auto found = report();
  EXPECT_TRUE(found.problems.empty());
  EXPECT_TRUE(found.torn.empty());
  EXPECT_EQ(found.messages, 29u);
  EXPECT_EQ(found.live_octets, rig_.log->usage().live_octets);
  EXPECT_EQ(found.segments, rig_.log->usage().segments);
  EXPECT_EQ(found.reserve, 2u);
}

TEST_F(SpoolCheck, changes_nothing) {
  ASSERT_TRUE(rig_.take("x"));
  const auto before = rig_.disk.names();
  const auto writes = rig_.disk.calls(test::DiskCall::write) + rig_.disk.calls(test::DiskCall::create) +
                      rig_.disk.calls(test::DiskCall::remove) + rig_.disk.calls(test::DiskCall::lock);
  report();
  EXPECT_EQ(rig_.disk.names(), before);
  EXPECT_EQ(rig_.disk.calls(test::DiskCall::write) + rig_.disk.calls(test::DiskCall::create) +
                rig_.disk.calls(test::DiskCall::remove) + rig_.disk.calls(test::DiskCall::lock),
            writes);
}

TEST_F(SpoolCheck, damaged_body_names_its_message) {
  ASSERT_TRUE(rig_.take("first"));
  const auto hit = rig_.take("the one that is hit");
  ASSERT_TRUE(rig_.take("last"));
  const auto name = last_segment();
  rig_.disk.spoil(name, rig_.disk.content(name).find("the one that is hit"), 1);
  const auto found = report();
  ASSERT_EQ(found.problems.size(), 2u);
  EXPECT_EQ(found.problems[0].kind, ProblemKind::bad_record);
  EXPECT_EQ(found.problems[0].file, name);
  EXPECT_EQ(found.problems[1].kind, ProblemKind::missing_piece);
  EXPECT_EQ(found.problems[1].messages, std::vector{*hit});
  EXPECT_EQ(found.messages, 3u);
}

TEST_F(SpoolCheck, damaged_header) {
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(rig_.take(std::string(4000, 'x')));
  const auto name = segment_name(1);
  rig_.disk.spoil(name, 25, 1);
  const auto found = report();
  ASSERT_FALSE(found.problems.empty());
  EXPECT_EQ(found.problems[0].kind, ProblemKind::bad_header);
  EXPECT_EQ(found.problems[0].file, name);
}

// What was cut off, or a commit that cannot be read, is known from the checkpoint of an orderly end.
TEST_F(SpoolCheck, a_file_cut_short_names_what_is_lost) {
  std::vector<MessageId> taken;
  for (int i = 0; i < 6; ++i) taken.push_back(*rig_.take(std::string(1000, 'x')));
  ASSERT_TRUE(rig_.remove({taken[5]}));
  const auto name = last_segment();
  rig_.stop();
  EXPECT_TRUE(report().problems.empty());
  const auto whole = rig_.disk.content(name);
  for (const std::size_t keep : {whole.size() / 2, std::size_t{segment_header_alignment}}) {
    rig_.disk.put(name, whole.substr(0, keep));
    const auto found = report();
    SCOPED_TRACE(keep);
    EXPECT_TRUE(found.torn.empty());
    ASSERT_FALSE(found.problems.empty());
    EXPECT_EQ(found.problems[0].kind, ProblemKind::bad_record);
    EXPECT_EQ(found.problems[0].file, name);
    EXPECT_EQ(found.messages + found.problems[0].messages.size(), 5u);  // each is there, or it is named
  }
}

TEST_F(SpoolCheck, a_commit_that_cannot_be_read_is_named) {
  const auto first = rig_.take("first");
  const auto hit = rig_.take("the one that is hit");
  const auto gone = rig_.take("done with");
  ASSERT_TRUE(rig_.remove({*gone}));
  const auto name = last_segment();
  rig_.stop();
  const auto content = rig_.disk.content(name);
  // Behind the body stands the commit: its envelope names the sender.
  rig_.disk.spoil(name, content.find("anna@example.org", content.find("the one that is hit")), 1);
  auto found = report();
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].messages, std::vector{*hit});
  EXPECT_EQ(found.messages, 1u);
  rig_.disk.put(name, content);
  rig_.disk.spoil(name, 25, 1);  // the header: all of them
  found = report();
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].kind, ProblemKind::bad_header);
  EXPECT_EQ(found.problems[0].messages, (std::vector{*first, *hit}));
}

TEST_F(SpoolCheck, torn_tail_is_told_and_is_no_problem) {
  ASSERT_TRUE(rig_.take("kept"));
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 20 && !torn; ++seed) {
    rig_.disk.stop_after(1);
    EXPECT_FALSE(rig_.take(std::string(3000, 't')));
    rig_.log.reset();
    rig_.settle();
    Prng prng(seed);
    rig_.disk.crash(prng);
    const auto found = report();
    EXPECT_TRUE(found.problems.empty());
    torn = !found.torn.empty();
    ASSERT_EQ(rig_.open(), "");
  }
  EXPECT_TRUE(torn);
}

TEST_F(SpoolCheck, newer_format_is_refused) {
  rig_.disk.put("000000ff.log", std::string("postilsg\x02\0\0\0", 12) + std::string(100, 'x'));
  const auto found = check(rig_.disk, "/var/spool/postil");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().sentence.find("newer version"), std::string::npos);
}

}  // namespace
}  // namespace postil::spool
