// TOML to Config: every problem at once, each with file, line and column.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"
#include "i18n/translator.hpp"

// The packaged library has the throwing parser only; this file wants errors as values.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace postil::config {
namespace {

class Reader {
 public:
  Loaded read(std::span<const SourceFile> files);

 private:
  void defaults();
  void file(const SourceFile& source);
  void table(const toml::table& table, const std::string& prefix);
  void value(const std::string& path, const toml::key& key, const toml::node& node);
  void aliases(const toml::table& table);
  void domain_languages(const toml::table& table);
  void dkim(const toml::table& table, toml::source_position at);
  void tls_policy(const toml::table& table, toml::source_position at);
  void whole_dkim();
  // An array of tables: one entry each.
  template <class Rows, class Entry>
  void entries(const std::string& name, const toml::key& key, const toml::node& node, const Rows& rows,
               std::vector<Entry>& out);
  void whole_entries();
  void unknown(const std::string& path, const toml::key& key);
  void add(toml::source_position at, std::string text_key, i18n::Args args = {}, bool warning = false);
  // About a key that may not be set: points at it, or at the file.
  void about(const std::string& path, std::string text_key, i18n::Args args = {}, bool warning = false);
  void whole();
  void whole_listeners();
  void whole_delivery();
  bool set(std::string_view path) const { return at_.contains(std::string(path)); }

  struct Place {
    std::string file;
    toml::source_position position;
  };
  Loaded loaded_;
  std::string file_;
  std::map<std::string, Place> at_;
};

template <class T>
std::string written(const T& date_or_time) {
  std::ostringstream out;
  out << date_or_time;
  return out.str();
}

std::optional<Value> value_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return Value(*text);
  if (const auto number = node.value_exact<std::int64_t>()) return Value(*number);
  if (const auto yes = node.value_exact<bool>()) return Value(*yes);
  if (const auto* array = node.as_array()) {
    std::vector<std::string> list;
    for (const auto& item : *array) {
      const auto text = item.value_exact<std::string>();
      if (!text) return {};
      list.push_back(*text);
    }
    return Value(std::move(list));
  }
  return {};
}

// Also dates, as text.
std::optional<Value> dated_value_of(const toml::node& node) {
  if (const auto* date = node.as_date()) return Value(written(date->get()));
  if (const auto* time = node.as_date_time()) return Value(written(time->get()));
  return value_of(node);
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void Reader::add(toml::source_position at, std::string text_key, i18n::Args args, bool warning) {
  loaded_.problems.push_back({file_, at.line, at.column, warning, std::move(text_key), std::move(args)});
}

void Reader::about(const std::string& path, std::string text_key, i18n::Args args, bool warning) {
  const auto found = at_.find(path);
  if (found == at_.end()) {
    loaded_.problems.push_back({loaded_.config.file, 0, 0, warning, std::move(text_key), std::move(args)});
  } else {
    const auto& [file, position] = found->second;
    loaded_.problems.push_back({file, position.line, position.column, warning, std::move(text_key), std::move(args)});
  }
}

void Reader::defaults() {
  for (const auto& row : rows()) {
    if (row.key.default_text.empty()) continue;
    const auto parsed = toml::parse(fmt::format("v = {}", row.key.default_text));
    const auto given = value_of(*parsed.table().get("v"));
    const auto wrong = row.set(loaded_.config, *given);
    if (wrong)
      loaded_.problems.push_back(
          {"default of " + std::string(row.key.path), 0, 0, false, wrong->text_key, wrong->args});
  }
}

void Reader::unknown(const std::string& path, const toml::key& key) {
  const auto nearest = nearest_key(path);
  const auto at = key.source().begin;
  if (!nearest.empty()) return add(at, "config.unknown_key_near", {{"key", path}, {"nearest", nearest}});
  // The right name in the wrong table is the other usual slip.
  const bool entry = path.starts_with("dkim.") || path.starts_with("tls_policy.") || path.starts_with("expect.");
  for (const auto& candidate : entry ? entry_keys() : keys()) {
    const auto dot = candidate.path.rfind('.');
    if (dot != std::string_view::npos && candidate.path.substr(dot + 1) == key.str()) {
      return add(at, "config.unknown_key_near", {{"key", path}, {"nearest", std::string(candidate.path)}});
    }
  }
  add(at, "config.unknown_key", {{"key", path}});
}

void Reader::value(const std::string& path, const toml::key& key, const toml::node& node) {
  const auto& all = rows();
  const auto row = std::ranges::find_if(all, [&](const Row& r) { return r.key.path == path; });
  if (row == all.end()) return unknown(path, key);
  if (const auto before = at_.find(path); before != at_.end()) {
    return add(key.source().begin, "config.twice",
               {{"key", path}, {"place", fmt::format("{}:{}", before->second.file, before->second.position.line)}});
  }
  at_[path] = {file_, key.source().begin};
  loaded_.config.places[path] = fmt::format("{}:{}", base_name(file_), key.source().begin.line);
  const auto given = value_of(node);
  std::optional<Wrong> wrong;
  if (given) {
    wrong = row->set(loaded_.config, *given);
  } else {
    wrong = Wrong{"config.wants.other", {}};
  }
  if (wrong) {
    wrong->args.emplace_back("key", path);
    wrong->args.emplace_back("kind", std::string(row->key.kind));
    add(node.source().begin, wrong->text_key, wrong->args);
  }
}

void Reader::domain_languages(const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const auto domain = address::to_ascii(name);
    if (!domain || !address::valid_domain(*domain)) {
      add(key.source().begin, "config.language_domain", {{"name", name}});
      continue;
    }
    const auto tag = node.value_exact<std::string>();
    const auto language = tag ? i18n::match_language(*tag) : std::string_view();
    if (language.empty()) {
      add(node.source().begin, "config.language_unknown",
          {{"name", name}, {"languages", fmt::format("{}", fmt::join(i18n::known_languages(), ", "))}});
      continue;
    }
    const auto path = "languages." + *domain;
    at_[path] = {file_, key.source().begin};
    loaded_.config.places[path] = fmt::format("{}:{}", base_name(file_), key.source().begin.line);
    loaded_.config.domain_languages[to_lower(*domain)] = language;
  }
}

void Reader::aliases(const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string name = to_lower(key.str());
    const auto at = key.source().begin;
    if (loaded_.config.aliases.contains(name)) {
      add(at, "config.twice", {{"key", "aliases." + name}, {"place", loaded_.config.place("aliases." + name)}});
      continue;
    }
    const bool plain =
        std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
    if (!plain && !address::parse_address(name, true)) {
      add(at, "config.alias_name", {{"name", name}});
      continue;
    }
    const auto given = value_of(node);
    std::vector<std::string> targets;
    if (given && std::holds_alternative<std::string>(*given)) targets = {std::get<std::string>(*given)};
    if (given && std::holds_alternative<std::vector<std::string>>(*given))
      targets = std::get<std::vector<std::string>>(*given);
    bool good = !targets.empty();
    for (auto& target : targets) {
      const auto path = address::parse_address(target, true);
      good = good && path.has_value();
      if (path) target = path->address;
    }
    if (!good) {
      add(node.source().begin, "config.alias_target", {{"name", name}});
      continue;
    }
    at_["aliases." + name] = {file_, at};
    loaded_.config.places["aliases." + name] = fmt::format("{}:{}", base_name(file_), at.line);
    loaded_.config.aliases[name] = std::move(targets);
  }
}

// One entry of [[dkim]].
void Reader::dkim(const toml::table& table, toml::source_position at) {
  const std::string name = fmt::format("dkim.{}", loaded_.config.dkim.size());
  Dkim entry;
  const auto place = [&](const std::string& path, toml::source_position where) {
    at_[path] = {file_, where};
    loaded_.config.places[path] = fmt::format("{}:{}", base_name(file_), where.line);
  };
  place(name, at);
  for (const auto& [key, node] : table) {
    const std::string path = "dkim." + std::string(key.str());
    const auto& all = dkim_rows();
    const auto row = std::ranges::find_if(all, [&](const DkimRow& r) { return r.key.path == path; });
    if (row == all.end()) {
      unknown(path, key);
      continue;
    }
    place(fmt::format("{}.{}", name, key.str()), key.source().begin);
    const auto given = dated_value_of(node);
    auto wrong = given ? row->set(entry, *given) : std::optional(Wrong{"config.wants.other", {}});
    if (!wrong) continue;
    wrong->args.emplace_back("key", path);
    wrong->args.emplace_back("kind", std::string(row->key.kind));
    add(node.source().begin, wrong->text_key, wrong->args);
  }
  for (const auto& row : dkim_rows()) {
    const auto last = row.key.path.substr(row.key.path.find('.') + 1);
    if (row.required && !table.contains(last)) add(at, "config.dkim_missing", {{"key", std::string(row.key.path)}});
  }
  loaded_.config.dkim.push_back(std::move(entry));
}

void Reader::whole_dkim() {
  std::map<std::pair<std::string, std::string>, std::string> used;
  for (std::size_t i = 0; i < loaded_.config.dkim.size(); ++i) {
    const auto& entry = loaded_.config.dkim[i];
    const std::string name = fmt::format("dkim.{}", i);
    if (entry.from && entry.until && *entry.from >= *entry.until) about(name + ".until", "config.dkim_order");
    if (entry.domain.empty() || entry.selector.empty()) continue;
    const auto [before, fresh] = used.emplace(std::pair{entry.domain, entry.selector}, name);
    if (!fresh) {
      about(name + ".selector", "config.dkim_twice",
            {{"domain", entry.domain}, {"selector", entry.selector}, {"place", loaded_.config.place(before->second)}});
    }
  }
}

// One entry of [[tls_policy]].
void Reader::tls_policy(const toml::table& table, toml::source_position at) {
  const std::string name = fmt::format("tls_policy.{}", loaded_.config.tls_policies.size());
  TlsPolicy entry;
  const auto place = [&](const std::string& path, toml::source_position where) {
    at_[path] = {file_, where};
    loaded_.config.places[path] = fmt::format("{}:{}", base_name(file_), where.line);
  };
  place(name, at);
  for (const auto& [key, node] : table) {
    const std::string path = "tls_policy." + std::string(key.str());
    const auto& all = tls_policy_rows();
    const auto row = std::ranges::find_if(all, [&](const TlsPolicyRow& r) { return r.key.path == path; });
    if (row == all.end()) {
      unknown(path, key);
      continue;
    }
    place(fmt::format("{}.{}", name, key.str()), key.source().begin);
    const auto given = value_of(node);
    auto wrong = given ? row->set(entry, *given) : std::optional(Wrong{"config.wants.other", {}});
    if (!wrong) continue;
    wrong->args.emplace_back("key", path);
    wrong->args.emplace_back("kind", std::string(row->key.kind));
    add(node.source().begin, wrong->text_key, wrong->args);
  }
  for (const auto& row : tls_policy_rows()) {
    const auto last = row.key.path.substr(row.key.path.find('.') + 1);
    if (row.required && !table.contains(last)) add(at, "config.entry_missing", {{"key", std::string(row.key.path)}});
  }
  const auto& before = loaded_.config.tls_policies;
  const auto same = std::ranges::find(before, entry.domain, &TlsPolicy::domain);
  if (!entry.domain.empty() && same != before.end()) {
    const auto other = fmt::format("tls_policy.{}", same - before.begin());
    add(at, "config.twice", {{"key", "tls_policy " + entry.domain}, {"place", loaded_.config.place(other)}});
  }
  loaded_.config.tls_policies.push_back(std::move(entry));
}

template <class Rows, class Entry>
void Reader::entries(const std::string& name, const toml::key& key, const toml::node& node, const Rows& rows,
                     std::vector<Entry>& out) {
  const auto* all = node.as_array();
  if (all == nullptr || !all->is_array_of_tables()) {
    return add(key.source().begin, "config.entry_form", {{"table", name}});
  }
  const auto place = [&](const std::string& path, toml::source_position where) {
    at_[path] = {file_, where};
    loaded_.config.places[path] = fmt::format("{}:{}", base_name(file_), where.line);
  };
  for (const auto& item : *all) {
    const auto& table = *item.as_table();
    const std::string at = fmt::format("{}.{}", name, out.size());
    place(at, item.source().begin);
    Entry entry;
    for (const auto& [inner, value] : table) {
      const std::string path = fmt::format("{}.{}", name, inner.str());
      const auto row = std::ranges::find_if(rows, [&](const auto& r) { return r.key.path == path; });
      if (row == rows.end()) {
        unknown(path, inner);
        continue;
      }
      place(fmt::format("{}.{}", at, inner.str()), inner.source().begin);
      const auto given = value_of(value);
      auto wrong = given ? row->set(entry, *given) : std::optional(Wrong{"config.wants.other", {}});
      if (!wrong) continue;
      wrong->args.emplace_back("key", path);
      wrong->args.emplace_back("kind", std::string(row->key.kind));
      add(value.source().begin, wrong->text_key, wrong->args);
    }
    out.push_back(std::move(entry));
  }
}

void Reader::whole_entries() {
  const Config& c = loaded_.config;
  const auto has = [&](const std::string& at, std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return set(fmt::format("{}.{}", at, name)); });
  };
  for (std::size_t i = 0; i < c.sites.size(); ++i) {
    const std::string at = fmt::format("site.{}", i);
    if (!has(at, {"domains", "mx"})) about(at, "config.site_for_whom");
    if (!has(at, {"connections", "messages_per_connection", "rate"})) about(at, "config.site_without_limit");
  }
  for (std::size_t i = 0; i < c.sources.size(); ++i) {
    const std::string at = fmt::format("source.{}", i);
    if (!has(at, {"ipv4", "ipv6", "hostname"})) about(at, "config.source_without_address");
  }
  for (std::size_t i = 0; i < c.expectations.size(); ++i) {
    const auto& entry = c.expectations[i];
    const std::string at = fmt::format("expect.{}", i);
    if (!set(at + ".reply")) about(at, "config.entry_missing", {{"key", "expect.reply"}});
    if (!entry.job.empty() && !c.jobs.empty() && !c.has_job(entry.job)) {
      about(at + ".job", "config.expect_job", {{"job", entry.job}});
    }
  }
}

void Reader::table(const toml::table& table, const std::string& prefix) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string(key.str());
    if (path == "site") {
      entries(path, key, node, site_rows(), loaded_.config.sites);
      continue;
    }
    if (path == "source") {
      entries(path, key, node, source_rows(), loaded_.config.sources);
      continue;
    }
    if (path == "expect") {
      entries(path, key, node, expect_rows(), loaded_.config.expectations);
      continue;
    }
    if (path == "tls_policy") {
      const auto* entries = node.as_array();
      if (entries == nullptr || !entries->is_array_of_tables()) {
        add(key.source().begin, "config.tls_policy_form");
        continue;
      }
      for (const auto& entry : *entries) tls_policy(*entry.as_table(), entry.source().begin);
      continue;
    }
    if (path == "dkim") {
      const auto* entries = node.as_array();
      if (entries == nullptr || !entries->is_array_of_tables()) {
        add(key.source().begin, "config.dkim_form");
        continue;
      }
      for (const auto& entry : *entries) dkim(*entry.as_table(), entry.source().begin);
      continue;
    }
    if (const auto* inner = node.as_table()) {
      if (path == "aliases") {
        aliases(*inner);
        continue;
      }
      if (path == "languages") {
        domain_languages(*inner);
        continue;
      }
      const bool known = std::ranges::any_of(keys(), [&](const Key& k) { return k.path.starts_with(path + "."); });
      if (!known) {
        std::string best;
        const auto like = [&](std::string_view name) { return edit_distance(name, path) <= 2 && path.size() > 3; };
        for (const auto& k : keys()) {
          const auto name = std::string(k.path.substr(0, k.path.find('.')));
          if (name != k.path && like(name)) best = name;
        }
        for (const auto* name : {"aliases", "languages", "dkim", "tls_policy", "expect"}) {
          if (like(name)) best = name;
        }
        if (best.empty()) {
          add(key.source().begin, "config.unknown_table", {{"table", path}});
        } else {
          add(key.source().begin, "config.unknown_table_near", {{"table", path}, {"nearest", best}});
        }
        continue;
      }
      this->table(*inner, path + ".");
    } else {
      value(path, key, node);
    }
  }
}

void Reader::file(const SourceFile& source) {
  file_ = source.name;
  const auto parsed = toml::parse(source.text, source.name);
  if (!parsed) {
    const auto& error = parsed.error();
    add(error.source().begin, "config.syntax", {{"detail", std::string(error.description())}});
    return;
  }
  table(parsed.table(), "");
}

void Reader::whole_listeners() {
  Config& c = loaded_.config;
  const auto all = {std::pair{"submission.listen", c.has_job("submission") ? &c.submission.listen : nullptr},
                    std::pair{"submission.listen_tls", c.has_job("submission") ? &c.submission.listen_tls : nullptr},
                    std::pair{"relay.listen", c.has_job("relay") ? &c.relay.listen : nullptr},
                    std::pair{"null.listen", c.has_job("null") ? &c.null_host.listen : nullptr}};
  std::map<std::pair<std::string, std::uint16_t>, std::string> used;
  for (const auto& [key, list] : all) {
    if (!list) continue;
    for (const auto& at : *list) {
      if (at.port == 0) continue;  // the system chooses; used by tests
      const auto [before, fresh] = used.emplace(std::pair{at.address, at.port}, key);
      if (!fresh) {
        about(key, "config.listen_twice",
              {{"address", fmt::format("{}:{}", at.address, at.port)}, {"key", key}, {"other", before->second}});
      }
    }
  }
  for (const auto& at : c.null_host.listen) {
    // [rfc6409 7]: 521 has no place on a submission port.
    if (c.has_job("null") && (at.port == 587 || at.port == 465)) about("null.listen", "config.null_on_submission");
  }
}

void Reader::whole_delivery() {
  Config& c = loaded_.config;
  if (c.deliver.via == "smarthost" && c.deliver.smarthost.empty()) about("deliver.via", "config.smarthost_missing");
  if (!c.deliver.smarthost.empty()) {
    const auto& host = c.deliver.smarthost;
    const bool scheme =
        host.starts_with("smtp://") || host.starts_with("smtps://") || host.starts_with("submission://");
    if (!scheme) about("deliver.smarthost", "config.smarthost_form", {{"value", host}});
    if (c.deliver.via == "direct") about("deliver.smarthost", "config.smarthost_unused", {}, true);
  }
  if (c.deliver.username.empty() != c.deliver.password_file.empty()) {
    about(c.deliver.username.empty() ? "deliver.password_file" : "deliver.username", "config.login_half");
  }
  if (c.deliver.retry_first > c.deliver.retry_max) about("deliver.retry_first", "config.retry_order");
  for (const auto* key : {"deliver.source_ipv4", "deliver.source_ipv6"}) {
    const bool v6 = std::string_view(key).ends_with('6');
    const auto& text = v6 ? c.deliver.source_ipv6 : c.deliver.source_ipv4;
    const auto ip = address::Ip::parse(text);
    if (!text.empty() && (!ip || ip->is_v6() != v6)) about(key, "config.wants.address_only", {{"value", text}});
  }
}

// What only shows when all is read.
void Reader::whole() {
  Config& c = loaded_.config;
  if (c.jobs.empty() && !set("job") && !set("jobs")) about("job", "config.job_missing");
  if (set("job") && set("jobs")) about("jobs", "config.job_and_jobs");
  if (c.host_name.empty() && !set("hostname")) about("hostname", "config.host_name_missing");
  if (c.has_job("null") && c.contact.empty()) about("contact", "config.contact_missing");
  if (c.has_job("submission")) {
    if (c.tls.certificate.empty() && !c.submission.auth_without_tls)
      about("tls.certificate", "config.certificate_missing");
    if (c.submission.listen.empty() && c.submission.listen_tls.empty() && !c.submission.local) {
      about("submission.listen", "config.nothing_listens");
    }
  }
  if (c.tls.certificate.empty() != c.tls.key.empty()) {
    about(c.tls.key.empty() ? "tls.certificate" : "tls.key", "config.tls_half");
  }
  if (c.has_job("relay") && c.relay.networks.empty()) about("relay.networks", "config.networks_missing");
  if (c.takes_mail() && !c.aliases.contains("postmaster")) {
    about("aliases.postmaster", "config.postmaster_missing");
  } else if (c.takes_mail() && !c.aliases.contains("root")) {
    c.aliases["root"] = c.aliases["postmaster"];
  }
  for (const auto& [name, targets] : c.aliases) {
    for (const auto& target : targets) {
      const auto path = address::parse_address(target, true);
      if (path && (iequals(path->domain, c.host_name) || iequals(path->domain, "localhost"))) {
        about("aliases." + name, "config.alias_to_self", {{"name", name}, {"target", target}});
      }
    }
  }
  whole_listeners();
  whole_delivery();
  whole_entries();
  whole_dkim();
}

Loaded Reader::read(std::span<const SourceFile> files) {
  defaults();
  if (!files.empty()) loaded_.config.file = files.front().name;
  for (const auto& source : files) file(source);
  // After a syntax error half of the file is missing: what is said of the whole would mislead.
  const bool readable =
      std::ranges::none_of(loaded_.problems, [](const Problem& p) { return p.text_key == "config.syntax"; });
  if (readable) whole();
  std::ranges::stable_sort(loaded_.problems, [](const Problem& a, const Problem& b) {
    return a.file == b.file && std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return std::move(loaded_);
}

}  // namespace

Loaded parse(std::span<const SourceFile> files) {
  return Reader().read(files);
}

bool Loaded::ok() const {
  return std::ranges::all_of(problems, [](const Problem& p) { return p.warning; });
}

std::string to_string(const Problem& problem, const i18n::Translator& tr) {
  const std::string text = tr.text(problem.text_key, problem.args);
  const std::string said = problem.warning ? tr.text("config.warning", {{"text", text}}) : text;
  if (problem.line == 0) return fmt::format("{}  {}", problem.file, said);
  return fmt::format("{}:{}:{}  {}", problem.file, problem.line, problem.column, said);
}

}  // namespace postil::config
