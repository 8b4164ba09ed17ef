// Which hosts are asked: the domain's, in the order of their preference, until one has the session.
#include "cli/send_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "diagnose/explain.hpp"
#include "i18n/list.hpp"

namespace postil::cli {

// The hosts of the recipients' domain, as a mail server would find them.
std::optional<Send::Stop> Send::prepare_route() {
  if (task_.transaction.recipients.empty()) return Stop{"usage", text("error.no_recipient"), exit_usage};
  const std::string domain = task_.transaction.recipients.front().recipient.domain;
  for (const auto& one : task_.transaction.recipients) {
    if (one.recipient.domain != domain || domain.empty())
      return Stop{"usage", text("error.several_domains"), exit_usage};
  }
  auto found =
      find_mail_route(domain, options_.resolver, std::min<Duration>(seconds(options_.timeout_seconds), seconds(20)));
  if (!found) return Stop{"resolver", text("error.resolver", {{"detail", found.error()}}), exit_usage};
  route_ = std::move(*found);
  json::array hosts;
  for (const auto& host : route_.hosts) {
    hosts.push_back(json::object{
        {"host", host.name}, {"preference", host.preference}, {"addresses", json::value_from(host.addresses)}});
  }
  said_["route"] = json::object{{"domain", domain}, {"kind", dns::to_string(route_.kind)}, {"hosts", std::move(hosts)}};
  if (route_.hosts.empty()) return no_route(domain, route_);
  if (!options_.json && !task_.transaction.recipients.front().recipient.literal) show_route(domain);
  return {};
}

// DNS alone decides: no host is asked.
std::optional<Send::Stop> Send::no_route(const std::string& domain, const MailRoute& route) {
  using Kind = dns::MxSet::Kind;
  const std::string word(dns::to_string(route.kind));
  const std::string said = text("route." + word, {{"domain", domain}, {"detail", route.detail}});
  if (route.kind == Kind::temporary) return Stop{"dns_temporary", said, exit_temporary};
  const std::string_view meaning = route.kind == Kind::null_mx     ? "556 5.1.10"
                                   : route.kind == Kind::no_domain ? "550 5.1.2"
                                                                   : "550 5.4.4";
  if (!options_.json) context_.out << said << "\n\n";
  if (const auto reply = diagnose::read_reply(meaning)) explain(*reply, Stage::rcpt);
  return options_.json ? Stop{word, said, exit_refused} : Stop{word, {}, exit_refused};
}

void Send::show_route(const std::string& domain) {
  std::vector<std::string> hosts;
  for (const auto& host : route_.hosts) {
    hosts.push_back(route_.kind == dns::MxSet::Kind::hosts ? fmt::format("{} (MX {})", host.name, host.preference)
                                                           : host.name);
  }
  context_.out << text(route_.kind == dns::MxSet::Kind::hosts ? "route.hosts" : "route.implicit",
                       {{"domain", domain}, {"hosts", i18n::list(hosts, context_.tr)}})
               << '\n';
  if (route_.stray_null) context_.out << text("route.stray_null") << '\n';
}

// No session came about, or the host let nobody in: what an MX record of the domain may mend.
bool Send::next_host_is_due() const {
  if (result_.stopped) return false;
  return result_.reached != MailResult::Reached::server || (result_.end && !result_.result);
}

void Send::hand_over() {
  if (!by_mx_) {
    result_ = send_mail(task_);
    return;
  }
  json::array tried;
  for (std::size_t i = 0; i < route_.hosts.size(); ++i) {
    const auto& host = route_.hosts[i];
    task_.host = host.name;
    task_.addresses = host.addresses;
    result_ = {};
    if (host.addresses.empty()) {
      result_.detail = host.trouble;
    } else {
      result_ = send_mail(task_);
    }
    if (!next_host_is_due() || i + 1 == route_.hosts.size()) break;
    const auto* greeting = result_.last(Stage::connect);
    const std::string why = greeting ? greeting->reply.one_line() : result_.end ? result_.end->detail : result_.detail;
    tried.push_back(json::object{{"host", host.name}, {"address", result_.address}, {"detail", why}});
    if (!options_.json) context_.out << text("next_host", {{"server", server_shown()}, {"detail", why}}) << '\n';
  }
  if (!tried.empty()) said_["tried"] = std::move(tried);
}

std::string Send::server_shown() const {
  if (!by_mx_ || result_.address.find(task_.host) != std::string::npos) return result_.address;
  return result_.address.empty() ? task_.host : fmt::format("{} ({})", task_.host, result_.address);
}

}  // namespace postil::cli
