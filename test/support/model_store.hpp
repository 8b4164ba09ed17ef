// The store as it is meant: messages in a map, every commit at once and for good. The oracle for the log and for
// any other store; also a store for tests that do not want a disk. One executor.
#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "env/store.hpp"

namespace postil::test {

struct ModelMessage {
  queue::Envelope envelope;
  std::string body;
  queue::MessageState state;  // every recipient
};
using ModelMessages = std::map<MessageId, ModelMessage>;

class ModelStore : public env::Store {
 public:
  std::optional<env::StoreError> refusing;      // new mail, and why
  std::optional<env::StoreError> fail_commits;  // with this error, and without effect
  ModelMessages messages;

  class Body : public env::BodyWriter {
   public:
    env::Awaitable<env::StoreResult<void>> append(std::string_view more) override {
      octets += more;
      co_return env::StoreResult<void>();
    }
    std::uint64_t size_octets() const override { return octets.size(); }
    std::string octets;
  };

  std::optional<env::StoreError> refuses_mail() const override { return refusing; }
  env::Awaitable<env::StoreResult<std::unique_ptr<env::BodyWriter>>> begin_body() override {
    co_return std::make_unique<Body>();
  }
  env::Awaitable<env::StoreResult<void>> commit(env::Batch batch) override {
    if (fail_commits) co_return std::unexpected(*fail_commits);
    co_return apply(messages, batch);
  }
  env::Awaitable<env::StoreResult<std::string>> read_body(MessageId id, std::uint64_t offset,
                                                          std::size_t length) override {
    const auto found = messages.find(id);
    if (found == messages.end()) co_return std::unexpected(env::StoreError::not_found);
    const auto& body = found->second.body;
    if (offset >= body.size()) co_return std::string();
    co_return body.substr(static_cast<std::size_t>(offset), length);
  }
  env::Awaitable<env::StoreResult<queue::Envelope>> read_envelope(MessageId id) override {
    const auto found = messages.find(id);
    if (found == messages.end()) co_return std::unexpected(env::StoreError::not_found);
    co_return found->second.envelope;
  }
  env::Awaitable<env::StoreResult<queue::MessageState>> read_state(MessageId id) override {
    const auto found = messages.find(id);
    if (found == messages.end()) co_return std::unexpected(env::StoreError::not_found);
    co_return found->second.state;
  }
  env::Awaitable<env::StoreResult<std::uint64_t>> lease_all(std::function<void(env::Waiting&&)> each) override {
    std::uint64_t count = 0;
    for (const auto& [id, message] : messages) {
      const bool waits = std::ranges::any_of(
          message.state.recipients, [](const auto& one) { return one.status == queue::RecipientStatus::waiting; });
      if (!waits) continue;
      each({id, message.envelope, message.state});
      ++count;
    }
    co_return count;
  }
  env::Awaitable<env::StoreResult<std::vector<MessageId>>> list(MessageId after, std::size_t count) override {
    std::vector<MessageId> out;
    for (auto at = messages.upper_bound(after); at != messages.end() && out.size() < count; ++at)
      out.push_back(at->first);
    co_return out;
  }
  std::uint64_t message_count() const override { return messages.size(); }

  // The whole batch, or an error and nothing of it.
  static env::StoreResult<void> apply(ModelMessages& all, env::Batch& batch) {
    auto after = all;
    for (auto& change : batch) {
      if (auto* add = std::get_if<env::AddMessage>(&change)) {
        ModelMessage message;
        message.envelope = add->envelope;
        if (add->body) message.body = static_cast<Body&>(*add->body).octets;
        message.state = start_state(*add);
        if (!after.emplace(add->envelope.id, std::move(message)).second)
          return std::unexpected(env::StoreError::failed);
      } else if (auto* update = std::get_if<env::UpdateState>(&change)) {
        const auto found = after.find(update->state.id);
        if (found == after.end()) return std::unexpected(env::StoreError::not_found);
        replace(found->second.state, update->state);
      } else if (after.erase(std::get<env::DeleteMessage>(change).id) == 0) {
        return std::unexpected(env::StoreError::not_found);
      }
    }
    all = std::move(after);
    return {};
  }

 private:
  static queue::MessageState start_state(const env::AddMessage& add) {
    queue::MessageState whole;
    whole.id = add.envelope.id;
    for (std::uint32_t i = 0; i < add.envelope.recipients.size(); ++i) whole.recipients.emplace_back().index = i;
    replace(whole, add.state);
    return whole;
  }
  static void replace(queue::MessageState& whole, const queue::MessageState& newer) {
    whole.held = newer.held;
    for (const auto& part : newer.recipients) whole.recipients.at(part.index) = part;
  }
};

}  // namespace postil::test
