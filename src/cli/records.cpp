// `postil records`: the DNS records that a domain should publish for its mail, as lines of a zone file.
#include "cli/records.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <ostream>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/config_files.hpp"
#include "cli/dkim_keys.hpp"
#include "cli/records_dns.hpp"
#include "cli/running_server.hpp"
#include "crypto/base64.hpp"
#include "env_asio/clock.hpp"
#include "i18n/columns.hpp"
#include "mailauth/dkim_key.hpp"
#include "message/date.hpp"
#include "transport/sts_policy.hpp"

namespace postil::cli {
namespace {

namespace json = boost::json;
using diagnose::RecordPurpose;

constexpr std::string_view schema = "postil.records/1";

struct Options {
  std::string domain, reports, resolver;
  std::string config{default_config_file};
  std::vector<std::string> mx, ips;
  bool parked = false, config_given = false, no_dns = false, json = false;
};

// The first certificate of a PEM file, as DER; "" where there is none.
std::string first_certificate(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----", end = "-----END CERTIFICATE-----";
  const auto from = pem.find(begin);
  const auto to = from == std::string_view::npos ? from : pem.find(end, from);
  if (to == std::string_view::npos) return {};
  std::string base64;
  for (const char c : pem.substr(from + begin.size(), to - from - begin.size())) {
    if (c > ' ') base64 += c;
  }
  return crypto::base64_decode(base64).value_or("");
}

class Run {
 public:
  Run(const Context& context, const Options& options) : context_(context), options_(options) {}
  int run();

 private:
  struct Note {
    std::string id;
    i18n::Args args;
  };
  int stop(std::string_view word, int code, i18n::Args args = {}) const;
  std::optional<int> read_options();
  std::optional<int> read_config();
  void take_config(const config::Config& config);
  void take_sources(const config::Config& config);
  void take_keys(const config::Config& config);
  std::optional<int> ask();
  void take_notes();
  std::string text(std::string_view key, i18n::Args args = {}) const;
  void comment(const std::string& said) const;
  void write() const;
  void write_record(std::size_t at) const;
  void write_policy() const;
  json::object to_json() const;
  bool has(RecordPurpose purpose) const;

  const Context& context_;
  const Options& options_;
  diagnose::DomainMail mail_;
  config::Dns dns_;
  std::string smarthost_;  // where the configuration sends all mail
  RecordsDns result_;
  std::vector<Note> notes_;
};

std::string Run::text(std::string_view key, i18n::Args args) const {
  args.emplace_back("program", context_.program_name);
  args.emplace_back("domain", mail_.domain);
  return context_.tr.text(fmt::format("records.{}", key), args);
}

int Run::stop(std::string_view word, int code, i18n::Args args) const {
  const std::string said = text(fmt::format("error.{}", word), std::move(args));
  return tell_failure(context_, {std::string(word), said, code}, options_.json, "records");
}

bool Run::has(RecordPurpose purpose) const {
  return std::ranges::find(result_.wanted, purpose, &diagnose::WantedRecord::purpose) != result_.wanted.end();
}

std::optional<int> Run::read_options() {
  const auto name = [](const std::string& given) -> std::optional<std::string> {
    const std::string_view bare = given.ends_with('.') ? std::string_view(given).substr(0, given.size() - 1) : given;
    const auto ascii = address::to_ascii(bare);
    if (!ascii || !address::valid_domain(*ascii) || !address::qualified(*ascii)) return {};
    return *ascii;
  };
  const auto domain = name(options_.domain);
  if (!domain) return stop("domain", exit_usage, {{"value", printable(options_.domain, 80)}});
  mail_.domain = *domain;
  mail_.parked = options_.parked;
  for (const auto& given : options_.mx) {
    const auto host = name(given);
    if (!host) return stop("host", exit_usage, {{"value", printable(given, 80)}});
    mail_.mx.push_back(*host);
  }
  if (mail_.parked && !(mail_.mx.empty() && options_.ips.empty())) return stop("null_and_mx", exit_usage);
  for (const auto& given : options_.ips) {
    const auto ip = address::Ip::parse(given);
    if (!ip) return stop("ip", exit_usage, {{"value", printable(given, 80)}});
    mail_.sources.push_back(*ip);
  }
  mail_.reports = options_.reports.empty() ? "postmaster@" + mail_.domain : options_.reports;
  const auto path = address::parse_address(mail_.reports, false);
  const bool plain = path && std::ranges::all_of(mail_.reports, [](char c) {
                       return is_alnum(c) || c == '@' || c == '.' || c == '-' || c == '_' || c == '+';
                     });
  if (!plain) return stop("reports", exit_usage, {{"value", printable(mail_.reports, 80)}});
  if (options_.reports.empty() && mail_.parked) mail_.reports.clear();  // nobody reads mail there
  const std::string now = message::rfc3339_date(env_asio::SystemClock().wall());
  for (const char c : now) {
    if (is_digit(c)) mail_.sts_id += c;
  }
  return {};
}

void Run::take_sources(const config::Config& config) {
  const auto add = [&](const std::string& given) {
    const auto ip = address::Ip::parse(given);
    if (ip && std::ranges::find(mail_.sources, *ip) == mail_.sources.end()) mail_.sources.push_back(*ip);
  };
  if (!mail_.sources.empty()) return;  // told by --ip
  add(config.deliver.source_ipv4);
  add(config.deliver.source_ipv6);
  for (const auto& source : config.sources) {
    const bool ours = source.from.empty() || std::ranges::any_of(source.from, [&](const std::string& from) {
                        return from == mail_.domain || from == "*" || from.ends_with("@" + mail_.domain);
                      });
    if (!ours) continue;
    add(source.ipv4);
    add(source.ipv6);
  }
  if (mail_.sources.empty()) mail_.source_hosts = {config.host_name};
}

void Run::take_keys(const config::Config& config) {
  const WallTime now = env_asio::SystemClock().wall();
  const auto loaded = load_dkim_keys(config);
  for (std::size_t i = 0; loaded.keys && i < loaded.keys->all().size(); ++i) {
    const auto& key = loaded.keys->all()[i];
    if (key.domain != mail_.domain || (key.until && *key.until <= now)) continue;
    mail_.dkim.push_back({mailauth::dkim_key_name(key.selector, key.domain), mailauth::dkim_key_record(key.key)});
  }
  // Others than the server's user may not read them.
  if (!loaded.ok()) notes_.push_back({"dkim_unread", {}});
}

void Run::take_config(const config::Config& config) {
  dns_ = config.dns;
  if (!mail_.parked && config.jobs == std::vector<std::string>{"null"}) {
    // Only of its own name a null host knows that there is no mail at all.
    mail_.parked = mail_.domain == config.host_name && options_.mx.empty() && options_.ips.empty();
    if (!mail_.parked) return notes_.push_back({"null_host", {{"host", config.host_name}}});
    if (options_.reports.empty()) mail_.reports.clear();
  }
  if (mail_.parked) return;
  if (config.deliver.via == "smarthost") {
    smarthost_ = config.deliver.smarthost;
  } else {
    take_sources(config);
  }
  take_keys(config);
  if (const auto pem = read_file(config.tls.certificate); pem && !config.tls.certificate.empty()) {
    mail_.certificates.push_back({config.host_name, first_certificate(*pem)});
  }
}

// The usual file may be missing: then the options are all that is known.
std::optional<int> Run::read_config() {
  std::error_code ignored;
  dns_.validate = true;
  if (!options_.config_given && !std::filesystem::exists(options_.config, ignored)) return {};
  const auto loaded = load_config(options_.config);
  if (loaded.ok()) {
    take_config(loaded.config);
    return {};
  }
  if (!options_.json) {
    for (const auto& problem : loaded.problems) context_.err << config::to_string(problem, context_.tr) << '\n';
  }
  return stop("config", exit_config, {{"path", options_.config}});
}

std::optional<int> Run::ask() {
  if (options_.no_dns) {
    result_.wanted = diagnose::wanted_records(mail_);
    return {};
  }
  auto asked = ask_records(mail_, dns_, options_.resolver);
  if (!asked) return stop("resolver", exit_config, {{"detail", asked.error()}});
  result_ = std::move(*asked);
  return {};
}

// What could not be made, and what else is to be done.
void Run::take_notes() {
  if (mail_.parked) return;
  if (mail_.mx.empty()) notes_.push_back({"no_mx", {}});
  if (!smarthost_.empty() && mail_.sources.empty()) {
    notes_.push_back({"smarthost", {{"smarthost", smarthost_}}});
  } else if (!has(RecordPurpose::spf)) {
    notes_.push_back({"no_source", {}});
  }
  const bool unread = std::ranges::find(notes_, "dkim_unread", &Note::id) != notes_.end();
  if (mail_.dkim.empty() && !unread) notes_.push_back({"no_dkim", {}});
  if (!mail_.mx.empty() && !has(RecordPurpose::tlsa)) notes_.push_back({"no_tlsa", {}});
  if (has(RecordPurpose::tlsa) && !options_.no_dns && !result_.secure) notes_.push_back({"no_dnssec", {}});
}

void Run::comment(const std::string& said) const {
  for (const auto& line : i18n::wrap(said, line_cells - 2)) context_.out << "; " << line << '\n';
}

void Run::write_record(std::size_t at) const {
  const auto& record = result_.wanted[at];
  const std::string_view purpose = to_string(record.purpose);
  const bool first = at == 0 || result_.wanted[at - 1].purpose != record.purpose;
  if (first) {
    context_.out << '\n';
    const bool parked = mail_.parked && record.purpose != RecordPurpose::dmarc_reports;
    comment(text(fmt::format("purpose.{}{}", parked ? "parked_" : "", purpose)));
  }
  if (at < result_.compared.size()) {
    const auto& compared = result_.compared[at];
    const bool spf = record.purpose == RecordPurpose::spf && compared.state == diagnose::Published::other;
    comment(text(spf && !mail_.parked ? "state.other_spf" : fmt::format("state.{}", to_string(compared.state))));
    if (compared.state != diagnose::Published::same) {
      for (const auto& found : compared.found) context_.out << ";   " << printable(found, 1000) << '\n';
    }
    // What does its work already is not to be added a second time.
    if (compared.state == diagnose::Published::good) {
      const std::string zone = zone_line(record);
      for (const auto line : split(zone, '\n')) context_.out << "; " << line << '\n';
      return;
    }
  }
  context_.out << zone_line(record) << '\n';
}

void Run::write_policy() const {
  context_.out << '\n';
  comment(text("policy_file", {{"url", fmt::format("https://{}{}", transport::sts_policy_host(mail_.domain),
                                                   transport::sts_policy_path)}}));
  const std::string policy = diagnose::wanted_sts_policy(mail_);
  for (const auto line : split(policy, '\n')) {
    const auto bare = line.substr(0, line.find('\r'));
    if (!bare.empty()) context_.out << ";   " << bare << '\n';
  }
}

void Run::write() const {
  comment(text(mail_.parked ? "heading_parked" : "heading"));
  comment(text(options_.no_dns ? "not_asked" : "asked"));
  for (std::size_t i = 0; i < result_.wanted.size(); ++i) write_record(i);
  if (has(RecordPurpose::mta_sts)) write_policy();
  if (!notes_.empty()) context_.out << '\n';
  for (const auto& note : notes_) comment(text(fmt::format("note.{}", note.id), note.args));
}

json::object Run::to_json() const {
  json::array records;
  for (std::size_t i = 0; i < result_.wanted.size(); ++i) {
    const auto& record = result_.wanted[i];
    json::object one{{"purpose", to_string(record.purpose)},
                     {"name", record.name},
                     {"type", dns::to_string(record.type)},
                     {"value", record.value},
                     {"zone", zone_line(record)}};
    one["state"] = "not_asked";
    if (i < result_.compared.size()) {
      const auto& compared = result_.compared[i];
      json::array found;
      for (const auto& each : compared.found) found.emplace_back(printable(each, 4000));
      one["state"] = to_string(compared.state);
      one["found"] = std::move(found);
    }
    records.push_back(std::move(one));
  }
  json::array notes;
  for (const auto& note : notes_) {
    notes.push_back(json::object{{"id", note.id}, {"text", text(fmt::format("note.{}", note.id), note.args)}});
  }
  json::object out{{"schema", schema},
                   {"ok", true},
                   {"domain", mail_.domain},
                   {"parked", mail_.parked},
                   {"records", std::move(records)},
                   {"notes", std::move(notes)}};
  if (has(RecordPurpose::mta_sts)) {
    out["policy_file"] = {
        {"url", fmt::format("https://{}{}", transport::sts_policy_host(mail_.domain), transport::sts_policy_path)},
        {"text", diagnose::wanted_sts_policy(mail_)}};
  }
  out["exit"] = int(exit_ok);
  return out;
}

int Run::run() {
  if (const auto failed = read_options()) return *failed;
  if (const auto failed = read_config()) return *failed;
  if (const auto failed = ask()) return *failed;
  take_notes();
  if (options_.json) {
    context_.out << to_json() << '\n';
  } else {
    write();
  }
  return exit_ok;
}

}  // namespace

void add_records(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("records", tr.text("records.about"));
  const auto add = [&](const char* name, auto& value, const char* said) {
    return command->add_option(name, value, tr.text(fmt::format("records.option.{}", said)));
  };
  add("DOMAIN", options->domain, "domain")->required();
  add("--mx", options->mx, "mx");
  command->add_flag("--null", options->parked, tr.text("records.option.null"));
  add("--ip", options->ips, "ip");
  add("--reports", options->reports, "reports");
  command->add_flag("--no-dns", options->no_dns, tr.text("records.option.no_dns"));
  add("--resolver", options->resolver, "resolver");
  auto* config = add("-c,--config", options->config, "config");
  command->add_flag("--json", options->json, tr.text("cli.option.json"));
  for (auto* option : command->get_options()) option->type_name("");
  command->callback([options, config, &chosen] {
    options->config_given = config->count() > 0;
    chosen.run = [options](const Context& context) { return Run(context, *options).run(); };
  });
}

}  // namespace postil::cli
