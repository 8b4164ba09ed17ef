#include "support/world/resolver.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "support/world/world.hpp"

namespace postil::test {

void Zone::add(std::string name, dns::Type type, dns::Data data) {
  records_[{std::move(name), type}].push_back(std::move(data));
}

void Zone::address(const std::string& host, std::string text) {
  const auto type = text.find(':') == std::string::npos ? dns::Type::a : dns::Type::aaaa;
  add(host, type, dns::Address{std::move(text)});
}

void Zone::remove(const std::string& name) {
  std::erase_if(records_, [&](const auto& one) { return one.first.first == name; });
  aliases_.erase(name);
}

void Zone::fail(const std::string& name, std::optional<dns::Status> how) {
  if (how) {
    failing_[name] = *how;
  } else {
    failing_.erase(name);
  }
}

dns::Answer Zone::answer(std::string name, dns::Type type) const {
  dns::Answer answer;
  name = to_lower(name);
  answer.chain = {name};
  for (int i = 0; i < 8 && aliases_.contains(name); ++i) answer.chain.push_back(name = aliases_.at(name));
  answer.canonical_name = name;
  answer.ttl_seconds = 300;
  answer.secure = secure_.contains(name);
  if (const auto failing = failing_.find(name); failing != failing_.end()) {
    answer.status = failing->second;
    answer.detail = "as the zone says";
    return answer;
  }
  const auto found = records_.find({name, type});
  if (found != records_.end()) {
    answer.status = dns::Status::ok;
    answer.records = found->second;
    return answer;
  }
  const std::string below = "." + name;
  answer.status = dns::Status::no_domain;
  for (const auto& [key, records] : records_) {
    if (key.first == name || key.first.ends_with(below)) answer.status = dns::Status::no_data;
  }
  return answer;
}

env::Awaitable<dns::Answer> NodeResolver::query(std::string name, dns::Type type, MonoTime deadline) {
  const auto self = node_.shared_from_this();
  World& world = self->world();
  Zone& zone = world.zone();
  ++zone.questions;
  std::optional<dns::Status> trouble;
  if (zone.trouble) trouble = zone.trouble(name, type, world.random());
  const auto spread = static_cast<std::uint64_t>((zone.delay_max - zone.delay_min).count()) + 1;
  MonoTime comes = self->now() + zone.delay_min + Duration(world.random().below(spread));
  if (!self->alive()) trouble = dns::Status::timed_out;
  if (trouble == dns::Status::timed_out) comes = self->alive() ? never : self->now();
  auto parking = std::make_shared<Parking>(self);
  co_await parking->park(std::min(comes, deadline));
  dns::Answer answer = zone.answer(name, type);
  if (comes > deadline || trouble) {
    answer.status = comes > deadline ? dns::Status::timed_out : *trouble;
    answer.records.clear();
  }
  world.note(fmt::format("{} asks for {} {}: {}", self->name(), name, static_cast<int>(type),
                         static_cast<int>(answer.status)));
  co_return answer;
}

}  // namespace postil::test
