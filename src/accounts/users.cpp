#include "accounts/users.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "accounts/users_text.hpp"
#include "base/bytes.hpp"
#include "crypto/digest.hpp"
#include "sasl/scram_keys.hpp"

namespace postil::accounts {
namespace {

std::uint64_t ring_place(std::string_view server_key, std::string_view key) {
  const std::string mac = crypto::hmac(crypto::Hash::sha256, server_key, fmt::format("place {}", key));
  std::uint64_t place = 0;
  std::memcpy(&place, mac.data(), sizeof place);
  return place;
}

sasl::ScramKeys made_up_keys(std::string_view server_key, std::string_view key, crypto::Hash hash,
                             const sasl::ScramKeys* like) {
  const auto octets = [&](std::string_view what) {
    return crypto::hmac(hash, server_key, fmt::format("{} {} {}", what, crypto::digest_octets(hash), key));
  };
  std::size_t salt_octets = like ? like->salt.size() : sasl::scram_salt_octets;
  std::string salt;
  for (int part = 0; salt.size() < salt_octets; ++part) salt += octets(fmt::format("salt {}", part));
  salt.resize(salt_octets);
  return {.salt = std::move(salt),
          .iterations = like ? like->iterations : sasl::scram_iterations,
          .stored_key = octets("stored"),
          .server_key = octets("server")};
}

}  // namespace

std::expected<Users, std::vector<Problem>> Users::parse(std::string_view text) {
  Users users;
  std::vector<Problem> problems;
  const auto head = read_head(text);
  if (head.problem) problems.push_back(*head.problem);
  users.server_key_ = head.server_key;

  std::size_t number = 0;
  for (const auto line : lines_of(text)) {
    ++number;
    if (problems.size() >= problems_max) break;
    if (!holds_user(line)) continue;
    auto record = parse_user(line, number);
    if (!record) {
      problems.insert(problems.end(), record.error().begin(), record.error().end());
      continue;
    }
    std::string key = *name_key(record->name);
    if (!users.by_key_.emplace(std::move(key), users.records_.size()).second) {
      problems.push_back({number, 1, ProblemKind::name_taken, printable(record->name, 100)});
      continue;
    }
    users.records_.push_back(std::move(*record));
  }
  if (!users.records_.empty() && users.server_key_.empty() && !head.problem)
    problems.push_back({2, 1, ProblemKind::server_key, {}});
  if (problems.size() > problems_max) problems.resize(problems_max);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  users.build_ring();
  return users;
}

void Users::build_ring() {
  ring_.reserve(by_key_.size());
  for (const auto& [key, index] : by_key_)
    if (!records_[index].password_hash.empty()) ring_.emplace_back(ring_place(server_key_, key), index);
  std::ranges::sort(ring_);
}

const UserRecord* Users::record(std::string_view user) const {
  const auto key = name_key(user);
  if (!key) return nullptr;
  const auto found = by_key_.find(*key);
  return found == by_key_.end() ? nullptr : &records_[found->second];
}

sasl::Credentials Users::made_up(std::string_view key) const {
  sasl::Credentials found;
  found.user = key;
  const UserRecord* like = nullptr;
  if (!ring_.empty()) {
    auto next = std::ranges::lower_bound(ring_, std::pair(ring_place(server_key_, key), std::size_t{0}));
    if (next == ring_.end()) next = ring_.begin();
    like = &records_[next->second];
  }
  found.password_hash = like ? crypto::unmatchable_hash(like->password_hash) : crypto::dummy_hash();
  if (!like || like->scram_sha1)
    found.scram_sha1 = made_up_keys(server_key_, key, crypto::Hash::sha1, like ? &*like->scram_sha1 : nullptr);
  if (!like || like->scram_sha256)
    found.scram_sha256 = made_up_keys(server_key_, key, crypto::Hash::sha256, like ? &*like->scram_sha256 : nullptr);
  return found;
}

sasl::Credentials Users::find(std::string_view user) const {
  const UserRecord* known = record(user);
  if (known == nullptr) return made_up(name_key(user).value_or(""));
  sasl::Credentials found;
  // Without a password nothing made up can match, but it takes as long and says as little.
  if (known->password_hash.empty()) found = made_up(*name_key(user));
  found.exists = true;
  found.user = known->name;
  found.disabled = known->disabled;
  found.mechanisms_off = known->mechanisms_off;
  if (!known->password_hash.empty()) found.password_hash = known->password_hash;
  if (known->scram_sha1 || !known->password_hash.empty()) found.scram_sha1 = known->scram_sha1;
  if (known->scram_sha256 || !known->password_hash.empty()) found.scram_sha256 = known->scram_sha256;
  return found;
}

bool Users::may_send_as(std::string_view user, std::string_view address) const {
  const UserRecord* known = record(user);
  if (known == nullptr || known->disabled) return false;
  if (address.empty()) return true;
  const auto wanted = normalise_address(address, false);
  if (!wanted) return false;
  if (known->addresses.empty()) return normalise_address(known->name, false) == wanted;
  const std::string any_local = "*" + wanted->substr(wanted->rfind('@'));
  return std::ranges::any_of(known->addresses, [&](const std::string& pattern) {
    return pattern == "*" || pattern == *wanted || pattern == any_local;
  });
}

std::string_view Users::language(std::string_view user) const {
  const UserRecord* known = record(user);
  return known ? std::string_view(known->language) : std::string_view();
}

}  // namespace postil::accounts
