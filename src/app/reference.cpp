#include "app/reference.hpp"

namespace postil::app {

ReferenceServer::ReferenceServer(Machine& machine, std::string url)
    : web_(std::make_shared<console::Web>(std::move(url))),
      server_(machine.network, machine.clock, machine.timers, machine.main().get_executor()) {}

std::expected<std::vector<env::Endpoint>, StartFailure> ReferenceServer::start(
    const std::vector<config::ListenAddress>& addresses) {
  std::vector<env::Endpoint> out;
  const auto answer =
      [web = web_, pages = pool_.executor()](console::HttpRequest request) -> env::Awaitable<console::HttpResponse> {
    auto work = [web, asked = std::move(request)] { return web->answer(asked); };
    return env::on(pages, std::move(work));
  };
  for (const auto& at : addresses) {
    const auto listening = server_.listen({at.address, at.port}, answer);
    if (!listening) return std::unexpected(listen_failure({at.address, at.port}, listening.error(), "web.listen"));
    out.push_back(*listening);
  }
  return out;
}

}  // namespace postil::app
