// DNS of the world: records as data, and what goes wrong on the way to them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "env/resolver.hpp"

namespace postil::test {

class Node;

// All names of the world.
class Zone {
 public:
  void add(std::string name, dns::Type type, dns::Data data);
  void mx(const std::string& domain, std::uint16_t preference, std::string host) {
    add(domain, dns::Type::mx, dns::Mx{preference, std::move(host)});
  }
  void address(const std::string& host, std::string text);  // A or AAAA
  void alias(const std::string& name, std::string target) { aliases_[name] = std::move(target); }
  void null_mx(const std::string& domain) { mx(domain, 0, ""); }
  void remove(const std::string& name);
  // Questions about this name end so until it is removed again (nothing).
  void fail(const std::string& name, std::optional<dns::Status> how);
  void secure(const std::string& name) { secure_.insert(name); }

  dns::Answer answer(std::string name, dns::Type type) const;

  // Asked first for every question; an answer of `timed_out` is given at the deadline.
  std::function<std::optional<dns::Status>(const std::string& name, dns::Type type, Prng& random)> trouble;
  Duration delay_min = milliseconds(2), delay_max = milliseconds(80);
  std::uint64_t questions = 0;

 private:
  std::map<std::pair<std::string, dns::Type>, std::vector<dns::Data>> records_;
  std::map<std::string, std::string> aliases_;
  std::map<std::string, dns::Status> failing_;
  std::set<std::string> secure_;
};

class NodeResolver : public env::Resolver {
 public:
  explicit NodeResolver(Node& node) : node_(node) {}
  env::Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime deadline) override;

 private:
  Node& node_;
};

}  // namespace postil::test
