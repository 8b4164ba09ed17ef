// HTTPS servers of the world: pages as data, and what goes wrong on the way to them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "env/https.hpp"

namespace postil::test {

class Node;

struct WebPage {
  env::HttpsResult result;
  Duration delay = milliseconds(50);
};

// All HTTPS servers. A host that has no page refuses the connection; addresses of the request are not looked at, only
// that there are some.
class Web {
 public:
  void page(const std::string& host, std::string body, std::string content_type = "text/plain", int status = 200);
  void fails(const std::string& host, env::HttpsError error);  // timed_out: at the deadline
  void remove(const std::string& host) { pages_.erase(host); }
  std::uint64_t requests = 0;
  std::vector<env::HttpsRequest> posted;  // those that were answered with 2yz

 private:
  friend class NodeHttps;
  std::map<std::string, WebPage> pages_;
};

class NodeHttps : public env::Https {
 public:
  explicit NodeHttps(Node& node) : node_(node) {}
  env::Awaitable<env::HttpsResult> exchange(env::HttpsRequest request, MonoTime deadline) override;

 private:
  Node& node_;
};

}  // namespace postil::test
