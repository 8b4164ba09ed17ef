// The store's contract, on the model and on the log: what holds for one holds for the other.
#include "rig.hpp"

namespace postil::spool {
namespace {

class StoreContract : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      ASSERT_EQ(rig_.open(), "");
    }
  }
  env::Store& store() { return GetParam() ? static_cast<env::Store&>(*rig_.log) : model_; }
  env::StoreResult<void> add(std::uint64_t id, std::string octets, std::size_t recipients = 1) {
    return *rig_.run(Rig::add(store(), Rig::envelope({id}, recipients), std::move(octets)));
  }
  env::StoreResult<void> commit(env::Change change) { return *rig_.run(Rig::commit_one(store(), std::move(change))); }
  static env::UpdateState attempted(std::uint64_t id, std::uint32_t index, queue::RecipientStatus status) {
    queue::MessageState state;
    state.id = {id};
    auto& part = state.recipients.emplace_back();
    part.index = index;
    part.status = status;
    part.attempts = 3;
    part.remote = "mx1.example.net [192.0.2.7]";
    part.diagnostic = "450 4.2.1 later";
    return {std::move(state)};
  }

  Rig rig_;
  test::ModelStore model_;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, testing::Values(false, true),
                         [](const auto& its) { return its.param ? "log" : "model"; });

TEST_P(StoreContract, gives_back_what_was_added) {
  const std::string octets = std::string(5000, 'x') + "end\r\n";
  ASSERT_TRUE(add(5, octets, 3));
  EXPECT_EQ(store().message_count(), 1u);
  EXPECT_EQ(rig_.run(store().read_body({5}, 0, 100000))->value(), octets);
  EXPECT_EQ(rig_.run(store().read_body({5}, 4998, 4))->value(), "xxen");
  EXPECT_EQ(rig_.run(store().read_body({5}, 2000, 100))->value(), std::string(100, 'x'));
  EXPECT_EQ(rig_.run(store().read_body({5}, 5005, 10))->value(), "");
  const auto envelope = rig_.run(store().read_envelope({5}))->value();
  EXPECT_EQ(queue::encode(envelope), queue::encode(Rig::envelope({5}, 3)));
  const auto state = rig_.run(store().read_state({5}))->value();
  ASSERT_EQ(state.recipients.size(), 3u);
  EXPECT_EQ(state.recipients[2].index, 2u);
  EXPECT_EQ(state.recipients[2].status, queue::RecipientStatus::waiting);
}

TEST_P(StoreContract, empty_body) {
  ASSERT_TRUE(add(5, ""));
  EXPECT_EQ(rig_.run(store().read_body({5}, 0, 10))->value(), "");
}

TEST_P(StoreContract, update_replaces_only_the_states_given) {
  ASSERT_TRUE(add(5, "body", 3));
  ASSERT_TRUE(commit(attempted(5, 1, queue::RecipientStatus::delivered)));
  ASSERT_TRUE(commit(attempted(5, 0, queue::RecipientStatus::failed)));
  const auto state = rig_.run(store().read_state({5}))->value();
  ASSERT_EQ(state.recipients.size(), 3u);
  EXPECT_EQ(state.recipients[0].status, queue::RecipientStatus::failed);
  EXPECT_EQ(state.recipients[1].status, queue::RecipientStatus::delivered);
  EXPECT_EQ(state.recipients[1].diagnostic, "450 4.2.1 later");
  EXPECT_EQ(state.recipients[2].attempts, 0);
}

TEST_P(StoreContract, many_updates_of_one_message) {
  ASSERT_TRUE(add(5, "body", 40));
  for (std::uint32_t i = 0; i < 40; ++i) ASSERT_TRUE(commit(attempted(5, i, queue::RecipientStatus::delivered)));
  const auto state = rig_.run(store().read_state({5}))->value();
  for (const auto& part : state.recipients) EXPECT_EQ(part.status, queue::RecipientStatus::delivered);
}

TEST_P(StoreContract, unknown_ids_and_ids_used_twice_fail_without_effect) {
  EXPECT_EQ(rig_.run(store().read_state({9}))->error(), env::StoreError::not_found);
  EXPECT_EQ(rig_.run(store().read_envelope({9}))->error(), env::StoreError::not_found);
  EXPECT_EQ(rig_.run(store().read_body({9}, 0, 1))->error(), env::StoreError::not_found);
  EXPECT_EQ(commit(env::DeleteMessage{{9}}).error(), env::StoreError::not_found);
  EXPECT_EQ(commit(attempted(9, 0, queue::RecipientStatus::failed)).error(), env::StoreError::not_found);
  ASSERT_TRUE(add(9, "first"));
  EXPECT_EQ(add(9, "second").error(), env::StoreError::failed);
  EXPECT_EQ(rig_.run(store().read_body({9}, 0, 10))->value(), "first");
}

TEST_P(StoreContract, batch_is_whole_or_nothing) {
  ASSERT_TRUE(add(1, "original"));
  env::Batch batch;
  batch.push_back(attempted(1, 0, queue::RecipientStatus::failed));
  batch.push_back(env::DeleteMessage{{77}});
  EXPECT_EQ(rig_.run(store().commit(std::move(batch)))->error(), env::StoreError::not_found);
  EXPECT_EQ(rig_.run(store().read_state({1}))->value().recipients[0].status, queue::RecipientStatus::waiting);

  env::Batch good;
  good.push_back(env::AddMessage{
      Rig::envelope({2}, 1, queue::Kind::bounce), std::move(*rig_.run(Rig::body(store(), "report"))).value(), {}});
  good.push_back(attempted(1, 0, queue::RecipientStatus::failed));
  good.push_back(env::DeleteMessage{{1}});
  ASSERT_TRUE(*rig_.run(store().commit(std::move(good))));
  EXPECT_EQ(store().message_count(), 1u);
  EXPECT_EQ(rig_.run(store().read_body({2}, 0, 10))->value(), "report");
}

TEST_P(StoreContract, changes_of_a_batch_follow_each_other) {
  env::Batch batch;
  batch.push_back(env::AddMessage{Rig::envelope({2}), {}, {}});
  batch.push_back(attempted(2, 0, queue::RecipientStatus::failed));
  ASSERT_TRUE(*rig_.run(store().commit(std::move(batch))));
  EXPECT_EQ(rig_.run(store().read_state({2}))->value().recipients[0].status, queue::RecipientStatus::failed);
  env::Batch gone;
  gone.push_back(env::DeleteMessage{{2}});
  gone.push_back(attempted(2, 0, queue::RecipientStatus::failed));
  EXPECT_EQ(rig_.run(store().commit(std::move(gone)))->error(), env::StoreError::not_found);
  EXPECT_EQ(store().message_count(), 1u);
}

TEST_P(StoreContract, lists_in_pages) {
  for (std::uint64_t id = 10; id < 35; ++id) ASSERT_TRUE(add(id, "x"));
  const auto first = rig_.run(store().list({}, 10))->value();
  ASSERT_EQ(first.size(), 10u);
  EXPECT_EQ(first.front(), MessageId{10});
  const auto last = rig_.run(store().list({29}, 10))->value();
  ASSERT_EQ(last.size(), 5u);
  EXPECT_EQ(last.back(), MessageId{34});
}

TEST_P(StoreContract, leases_what_waits) {
  for (std::uint64_t id = 1; id <= 20; ++id) ASSERT_TRUE(add(id, std::string(700, 'b'), 2));
  ASSERT_TRUE(commit(attempted(3, 0, queue::RecipientStatus::delivered)));
  ASSERT_TRUE(commit(attempted(4, 0, queue::RecipientStatus::delivered)));
  ASSERT_TRUE(commit(attempted(4, 1, queue::RecipientStatus::failed)));
  std::map<MessageId, env::Waiting> leased;
  const auto count =
      rig_.run(store().lease_all([&](env::Waiting&& one) { leased.emplace(one.id, std::move(one)); }))->value();
  EXPECT_EQ(count, 19u);
  ASSERT_EQ(leased.size(), 19u);
  EXPECT_FALSE(leased.contains(MessageId{4}));
  ASSERT_EQ(leased.at({3}).state.recipients.size(), 2u);
  EXPECT_EQ(leased.at({3}).state.recipients[0].status, queue::RecipientStatus::delivered);
  EXPECT_EQ(leased.at({3}).envelope.recipients[1].address, "bob1@example.net");
}

TEST_P(StoreContract, body_without_commit_leaves_nothing) {
  {
    auto writer = rig_.run(Rig::body(store(), std::string(50000, 'x')));
    ASSERT_TRUE(*writer);
    EXPECT_EQ((**writer)->size_octets(), 50000u);
  }
  EXPECT_EQ(store().message_count(), 0u);
}

}  // namespace
}  // namespace postil::spool
