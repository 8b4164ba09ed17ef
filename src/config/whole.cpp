// What only shows when all of the configuration is read, and what follows from other keys.
#include <fmt/format.h>

#include <algorithm>

#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/draft.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

class Whole {
 public:
  explicit Whole(Draft& draft) : draft_(draft), c_(draft.loaded.config) {}
  void check();

 private:
  void about(const std::string& path, std::string text_key, i18n::Args args = {}, bool warning = false) {
    draft_.about(path, std::move(text_key), std::move(args), warning);
  }
  void jobs();
  void tls();
  void something_listens();
  void listeners();
  void intermediaries();
  void aliases();
  void delivery();
  void entries();
  void dkim();
  void tls_policies();
  void tls_reports();

  Draft& draft_;
  Config& c_;
};

void Whole::jobs() {
  if (c_.jobs.empty() && !draft_.set("job") && !draft_.set("jobs")) about("job", "config.job_missing");
  if (draft_.set("job") && draft_.set("jobs")) about("jobs", "config.job_and_jobs");
  if (c_.host_name.empty() && !draft_.set("hostname")) about("hostname", "config.host_name_missing");
  if (c_.has_job("null") && c_.contact.empty()) about("contact", "config.contact_missing");
  if (c_.has_job("relay") && c_.relay.networks.empty() && !draft_.set("relay.networks"))
    about("relay.networks", "config.networks_missing");
}

void Whole::tls() {
  const bool none = c_.tls.certificate.empty();
  if (none != c_.tls.key.empty()) about(none ? "tls.key" : "tls.certificate", "config.tls_half");
  if (!c_.has_job("submission") || !none) return;
  if (!c_.submission.auth_without_tls) return about("tls.certificate", "config.certificate_missing");
  for (const auto& at : c_.submission.listen_tls) {
    about("submission.listen_tls", "serve.tls_listener_without_certificate", {{"address", written(at)}});
  }
}

void Whole::something_listens() {
  const auto& submission = c_.submission;
  if (c_.has_job("submission") && submission.listen.empty() && submission.listen_tls.empty() && !submission.local) {
    about("submission.listen", "config.nothing_listens");
  }
  const bool relay = c_.has_job("relay") && c_.relay.listen.empty() && !submission.local;
  if (relay) about("relay.listen", "config.nothing_listens_at", {{"key", "relay.listen"}});
  const bool null = c_.has_job("null") && c_.null_host.listen.empty();
  if (null) about("null.listen", "config.nothing_listens_at", {{"key", "null.listen"}});
}

void Whole::listeners() {
  const auto all = {std::pair{"submission.listen", c_.has_job("submission") ? &c_.submission.listen : nullptr},
                    std::pair{"submission.listen_tls", c_.has_job("submission") ? &c_.submission.listen_tls : nullptr},
                    std::pair{"relay.listen", c_.has_job("relay") ? &c_.relay.listen : nullptr},
                    std::pair{"null.listen", c_.has_job("null") ? &c_.null_host.listen : nullptr},
                    std::pair{"metrics.listen", &c_.metrics_listen},
                    std::pair{"web.listen", &c_.web_listen}};
  std::map<std::pair<std::string, std::uint16_t>, std::string> used;
  for (const auto& [key, list] : all) {
    if (!list) continue;
    for (const auto& at : *list) {
      if (at.port == 0) continue;  // the system chooses; used by tests
      const auto [before, fresh] = used.emplace(std::pair{at.address, at.port}, key);
      if (fresh) continue;
      about(key, "config.listen_twice", {{"address", written(at)}, {"key", key}, {"other", before->second}});
    }
  }
  if (!c_.control_socket.empty() && c_.control_socket == c_.submit_socket && c_.takes_mail()) {
    about("control.submit_socket", "config.listen_twice",
          {{"address", c_.control_socket}, {"key", "control.submit_socket"}, {"other", "control.socket"}});
  }
  for (const auto& at : c_.null_host.listen) {
    // [rfc6409 7]: 521 has no place on a submission port.
    if (c_.has_job("null") && (at.port == 587 || at.port == 465)) about("null.listen", "config.null_on_submission");
  }
}

// [proxy] and [xclient] change listeners that the jobs have.
void Whole::intermediaries() {
  std::vector<ListenAddress> all;
  const auto join = [&](const char* job, const std::vector<ListenAddress>& list) {
    if (c_.has_job(job)) all.insert(all.end(), list.begin(), list.end());
  };
  join("submission", c_.submission.listen);
  join("submission", c_.submission.listen_tls);
  join("relay", c_.relay.listen);
  join("null", c_.null_host.listen);
  for (const auto& [table, entry] :
       {std::pair{std::string("proxy"), &c_.proxy}, {std::string("xclient"), &c_.xclient}}) {
    const std::string key = table + ".listen";
    if (!entry->listen.empty() && entry->networks.empty()) {
      about(key, "config.intermediaries_missing", {{"key", table + ".networks"}});
    }
    for (const auto& at : entry->listen) {
      if (std::ranges::find(all, at) != all.end()) continue;
      about(key, "config.intermediaries_listen", {{"key", key}, {"address", written(at)}});
    }
  }
}

void Whole::tls_reports() {
  const std::string& contact = c_.tls_reports.contact;
  if (contact.empty()) return;
  const std::string domain = to_lower(std::string_view(contact).substr(contact.rfind('@') + 1));
  const bool signs = std::ranges::any_of(c_.dkim, [&](const Dkim& key) {
    return key.domain == domain || (key.subdomains && domain.ends_with("." + key.domain));
  });
  if (!signs) about("tls_reports.contact", "config.tls_reports_unsigned", {{"domain", domain}}, true);
}

void Whole::aliases() {
  if (c_.takes_mail() && !c_.aliases.contains("postmaster")) {
    about("aliases.postmaster", "config.postmaster_missing");
  } else if (c_.takes_mail() && !c_.aliases.contains("root")) {
    c_.aliases["root"] = c_.aliases["postmaster"];
  }
  for (const auto& [name, targets] : c_.aliases) {
    for (const auto& target : targets) {
      const auto path = address::parse_address(target, true);
      if (path && (iequals(path->domain, c_.host_name) || iequals(path->domain, "localhost"))) {
        about("aliases." + name, "config.alias_to_self", {{"name", name}, {"target", target}});
      }
    }
  }
}

void Whole::delivery() {
  auto& deliver = c_.deliver;
  if (deliver.via == "smarthost" && deliver.smarthost.empty() && !draft_.set("deliver.smarthost"))
    about("deliver.via", "config.smarthost_missing");
  if (!deliver.smarthost.empty() && deliver.via == "direct")
    about("deliver.smarthost", "config.smarthost_unused", {}, true);
  if (deliver.username.empty() != deliver.password_file.empty()) {
    about(deliver.username.empty() ? "deliver.password_file" : "deliver.username", "config.login_half");
  }
  if (deliver.retry_first > deliver.retry_max) about("deliver.retry_first", "config.retry_order");
  // Behind a smarthost DNS may know only inner names: what is outside is looked up here only for who asks for it.
  const bool direct = deliver.via == "direct";
  if (!draft_.set("deliver.check_recipient_domains")) deliver.check_recipient_domains = direct;
  if (!draft_.set("deliver.check_sender_domain")) deliver.check_sender_domain = direct;
}

void Whole::entries() {
  const auto has = [&](const std::string& at, std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return draft_.set(fmt::format("{}.{}", at, name)); });
  };
  for (std::size_t i = 0; i < c_.sites.size(); ++i) {
    const std::string at = fmt::format("site.{}", i);
    if (!has(at, {"domains", "mx"})) about(at, "config.site_for_whom");
    if (!has(at, {"connections", "messages_per_connection", "rate"})) about(at, "config.site_without_limit");
  }
  for (std::size_t i = 0; i < c_.sources.size(); ++i) {
    const std::string at = fmt::format("source.{}", i);
    if (!has(at, {"ipv4", "ipv6", "hostname"})) about(at, "config.source_without_address");
  }
  for (std::size_t i = 0; i < c_.expectations.size(); ++i) {
    const auto& job = c_.expectations[i].job;
    if (job.empty() || c_.jobs.empty() || c_.has_job(job)) continue;
    about(fmt::format("expect.{}.job", i), "config.expect_job", {{"job", job}});
  }
}

void Whole::dkim() {
  std::map<std::pair<std::string, std::string>, std::string> used;
  for (std::size_t i = 0; i < c_.dkim.size(); ++i) {
    const auto& entry = c_.dkim[i];
    const std::string name = fmt::format("dkim.{}", i);
    if (entry.from && entry.until && *entry.from >= *entry.until) about(name + ".until", "config.dkim_order");
    if (entry.domain.empty() || entry.selector.empty()) continue;
    const auto [before, fresh] = used.emplace(std::pair{entry.domain, entry.selector}, name);
    if (fresh) continue;
    about(name + ".selector", "config.dkim_twice",
          {{"domain", entry.domain}, {"selector", entry.selector}, {"place", c_.place(before->second)}});
  }
}

void Whole::tls_policies() {
  std::map<std::string, std::string> used;
  for (std::size_t i = 0; i < c_.tls_policies.size(); ++i) {
    const auto& domain = c_.tls_policies[i].domain;
    const std::string name = fmt::format("tls_policy.{}", i);
    if (domain.empty()) continue;
    const auto [before, fresh] = used.emplace(domain, name);
    if (!fresh) about(name, "config.twice", {{"key", "tls_policy " + domain}, {"place", c_.place(before->second)}});
  }
}

void Whole::check() {
  jobs();
  tls();
  something_listens();
  listeners();
  intermediaries();
  aliases();
  delivery();
  entries();
  dkim();
  tls_reports();
  tls_policies();
}

}  // namespace

void Draft::place(const std::string& path, Place where) {
  loaded.config.places[path] = fmt::format("{}:{}", where.file.substr(where.file.rfind('/') + 1), where.line);
  at[path] = std::move(where);
}

void Draft::add(const Place& where, std::string text_key, i18n::Args args, bool warning) {
  loaded.problems.push_back({where.file, where.line, where.column, warning, std::move(text_key), std::move(args)});
}

void Draft::about(const std::string& path, std::string text_key, i18n::Args args, bool warning) {
  const auto found = at.find(path);
  add(found == at.end() ? Place{loaded.config.file, 0, 0} : found->second, std::move(text_key), std::move(args),
      warning);
}

void check_whole(Draft& draft) {
  Whole(draft).check();
}

}  // namespace postil::config
