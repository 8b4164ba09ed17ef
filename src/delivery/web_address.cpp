#include "delivery/web_address.hpp"

namespace postil::delivery {

env::Awaitable<std::vector<std::string>> addresses_of(env::Resolver& resolver, std::string host, MonoTime deadline) {
  std::vector<std::string> out;
  for (const auto type : {dns::Type::aaaa, dns::Type::a}) {
    const dns::Answer answer = co_await resolver.query(host, type, deadline);
    for (const auto& record : answer.records) {
      if (const auto* address = std::get_if<dns::Address>(&record)) out.push_back(address->text);
    }
  }
  co_return out;
}

}  // namespace postil::delivery
