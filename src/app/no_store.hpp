// The store of a server that takes no mail (job = "null"): empty, and refuses everything. No folder is needed.
#pragma once

#include "env/store.hpp"

namespace postil::app {

class NoStore : public env::Store {
 public:
  std::optional<env::StoreError> refuses_mail() const override { return env::StoreError::stopped; }
  env::Awaitable<env::StoreResult<std::unique_ptr<env::BodyWriter>>> begin_body() override {
    co_return std::unexpected(env::StoreError::stopped);
  }
  env::Awaitable<env::StoreResult<void>> commit(env::Batch) override {
    co_return std::unexpected(env::StoreError::stopped);
  }
  env::Awaitable<env::StoreResult<std::string>> read_body(MessageId, std::uint64_t, std::size_t) override {
    co_return std::unexpected(env::StoreError::not_found);
  }
  env::Awaitable<env::StoreResult<queue::Envelope>> read_envelope(MessageId) override {
    co_return std::unexpected(env::StoreError::not_found);
  }
  env::Awaitable<env::StoreResult<queue::MessageState>> read_state(MessageId) override {
    co_return std::unexpected(env::StoreError::not_found);
  }
  env::Awaitable<env::StoreResult<std::uint64_t>> lease_all(std::function<void(env::Waiting&&)>) override {
    co_return 0;
  }
  env::Awaitable<env::StoreResult<std::vector<MessageId>>> list(MessageId, std::size_t) override {
    co_return std::vector<MessageId>{};
  }
  std::uint64_t message_count() const override { return 0; }
};

// The disk of one: there is nothing on it, and nothing can be written.
class NoDisk : public env::Disk {
 public:
  env::DiskResult<std::unique_ptr<env::File>> create(std::string_view) override { return nothing(); }
  env::DiskResult<std::unique_ptr<env::File>> open(std::string_view, bool) override { return nothing(); }
  env::DiskResult<void> rename(std::string_view, std::string_view) override { return nothing(); }
  env::DiskResult<void> remove(std::string_view) override { return nothing(); }
  env::DiskResult<std::vector<std::string>> list() override { return std::vector<std::string>{}; }
  env::DiskResult<void> sync_folder() override { return {}; }
  env::DiskResult<Space> space() override { return Space{}; }
  env::DiskResult<std::unique_ptr<env::DirectoryLock>> lock() override { return nothing(); }

 private:
  static std::unexpected<env::DiskFailure> nothing() {
    return std::unexpected(env::DiskFailure{env::DiskError::not_found, "a null host keeps nothing"});
  }
};

}  // namespace postil::app
