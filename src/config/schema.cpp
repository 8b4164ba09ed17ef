#include "config/schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "i18n/translator.hpp"

namespace postil::config {
namespace {

// A socket's path must fit into the system's address of it.
constexpr std::size_t socket_path_octets_max = 107;
constexpr std::uint64_t tebibyte = std::uint64_t{1} << 40;
// As the server's login knows them (module sasl); a test compares.
constexpr std::string_view mechanism_choices =
    "PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL";

std::optional<ListenAddress> listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  ListenAddress out;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) return {};
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  const auto ip = address::Ip::parse(host.empty() ? "0.0.0.0" : host);
  if (!ip || ip->is_v6() != brackets) return {};
  out.address = ip->text();
  return out;
}

// A text in which `good` finds nothing wrong; else "config.wants.WHAT".
template <class Get, class Good>
Row checked_text(std::string_view path, std::string_view default_text, std::string_view what, Get get, Good good) {
  return {{path, "text", default_text, "", [get](const Config& c) { return quoted(get(const_cast<Config&>(c))); }},
          [get, good, what](Config& c, const Value& value) -> Wrongs {
            const auto* given = std::get_if<std::string>(&value);
            if (!given) return wants("text");
            if (has_control(*given)) return wants("one_line");
            if (!good(*given)) return wants(what, {{"value", *given}});
            get(c) = *given;
            return {};
          }};
}

template <class Get>
Row text(std::string_view path, std::string_view default_text, Get get) {
  return checked_text(path, default_text, "text", get, [](std::string_view) { return true; });
}

template <class Get>
Row path_of(std::string_view path, std::string_view default_text, Get get) {
  return checked_text(path, default_text, "path", get, [](std::string_view given) { return !given.empty(); });
}

// "" = none.
template <class Get>
Row socket(std::string_view path, std::string_view default_text, Get get) {
  return checked_text(path, default_text, "socket", get,
                      [](std::string_view given) { return given.size() <= socket_path_octets_max; });
}

// An address of the web, "" = none. It stands in replies and pages: ASCII without spaces.
bool web_address(std::string_view given) {
  if (given.empty()) return true;
  const bool scheme = given.starts_with("https://") || given.starts_with("http://");
  const auto host = given.substr(std::min(given.size(), given.find("://") + 3));
  return scheme && !host.empty() && host.front() != '/' && given.size() <= 400 &&
         std::ranges::all_of(given, [](unsigned char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

bool event_target(std::string_view given) {
  return given == "stderr" || given == "off" || given.find('/') != std::string_view::npos;
}

template <class Get>
Row choice(std::string_view path, std::string_view default_text, std::string_view choices, Get get) {
  return {
      {path, "choice", default_text, choices, [get](const Config& c) { return quoted(get(const_cast<Config&>(c))); }},
      [get, choices](Config& c, const Value& value) { return set_choice(get(c), value, choices); }};
}

template <class Get>
Row yes_no(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "yes or no", default_text, "",
           [get](const Config& c) -> std::string { return get(const_cast<Config&>(c)) ? "true" : "false"; }},
          [get](Config& c, const Value& value) { return set_yes_no(get(c), value); }};
}

template <class Get>
Row number(std::string_view path, std::string_view default_text, std::int64_t low, std::int64_t high, Get get) {
  return {{path, "number", default_text, "",
           [get](const Config& c) { return fmt::to_string(get(const_cast<Config&>(c))); }},
          [get, low, high](Config& c, const Value& value) -> Wrongs {
            const auto given = whole_number(value, low, high);
            if (!given) return wants_number(low, high);
            get(c) = static_cast<std::uint64_t>(*given);
            return {};
          }};
}

template <class Get>
Row duration(std::string_view path, std::string_view default_text, Duration low, Duration high, Get get) {
  return {{path, "duration", default_text, "",
           [get](const Config& c) { return quoted(format_duration(get(const_cast<Config&>(c)))); }},
          [get, low, high](Config& c, const Value& value) -> Wrongs {
            const auto* given = std::get_if<std::string>(&value);
            const auto parsed = given ? parse_duration(*given) : std::nullopt;
            if (!parsed) return wants("duration");
            if (*parsed < low || *parsed > high) {
              return wants("duration_between", {{"low", format_duration(low)}, {"high", format_duration(high)}});
            }
            get(c) = *parsed;
            return {};
          }};
}

template <class Get>
Row size(std::string_view path, std::string_view default_text, std::uint64_t low, std::uint64_t high, Get get) {
  return {{path, "size", default_text, "",
           [get](const Config& c) { return quoted(format_size(get(const_cast<Config&>(c)))); }},
          [get, low, high](Config& c, const Value& value) -> Wrongs {
            std::optional<std::uint64_t> parsed;
            if (const auto* given = std::get_if<std::string>(&value)) parsed = parse_size(*given);
            if (const auto* given = std::get_if<std::int64_t>(&value); given && *given >= 0)
              parsed = static_cast<std::uint64_t>(*given);
            if (!parsed) return wants("size");
            if (*parsed < low) return wants("size_from", {{"low", format_size(low)}});
            // Its words fit a size as well.
            if (*parsed > high)
              return wants("duration_between", {{"low", format_size(low)}, {"high", format_size(high)}});
            get(c) = *parsed;
            return {};
          }};
}

// A list, each item read by `parse`.
template <class Get, class Parse, class Show>
Row list_of(Key key, std::string_view whole, std::string_view item, Get get, Parse parse, Show shown) {
  key.shown = [get, shown](const Config& c) {
    std::vector<std::string> all;
    for (const auto& one : get(const_cast<Config&>(c))) all.push_back(shown(one));
    return quoted_list(all);
  };
  return {std::move(key), [get, parse, whole, item](Config& c, const Value& value) -> Wrongs {
            const auto given = strings(value);
            if (!given) return wants(whole);
            return set_items(get(c), *given, item, parse);
          }};
}

template <class Get>
Row listen(std::string_view path, std::string_view default_text, Get get) {
  return list_of({path, "list of addresses", default_text, "", {}}, "addresses", "address", get, listen_address,
                 written);
}

template <class Get>
Row networks(std::string_view path, std::string_view default_text, Get get) {
  return list_of({path, "list of networks", default_text, "", {}}, "networks", "network", get, address::Network::parse,
                 [](const address::Network& network) { return network.text(); });
}

// "" = the system chooses.
template <class Get>
Row source_address(std::string_view path, Family family, Get get) {
  return {{path, "text", "", "", [get](const Config& c) { return quoted(get(const_cast<Config&>(c))); }},
          [get, family](Config& c, const Value& value) -> Wrongs {
            if (const auto* given = std::get_if<std::string>(&value); given && given->empty()) return {};
            return set_ip(get(c), value, family);
          }};
}

std::optional<std::string> resolver_of(std::string_view given) {
  return resolver_address(given) ? std::optional<std::string>(given) : std::nullopt;
}

// Every item is one of the choices, in capitals or not.
Wrongs set_choices(std::vector<std::string>& to, const Value& value, std::string_view choices) {
  const auto given = strings(value);
  if (!given) return wants("texts");
  Wrongs wrong;
  const auto all = split(choices, ' ');
  for (std::size_t i = 0; i < given->size(); ++i) {
    const auto same = [&](std::string_view choice) { return iequals(choice, (*given)[i]); };
    if (std::ranges::none_of(all, same)) wrong.push_back(no_choice((*given)[i], choices, i));
  }
  if (wrong.empty()) to = *given;
  return wrong;
}

template <class Get>
Row mechanisms(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "list of choices", default_text, mechanism_choices,
           [get](const Config& c) { return quoted_list(get(const_cast<Config&>(c))); }},
          [get](Config& c, const Value& value) { return set_choices(get(c), value, mechanism_choices); }};
}

template <class Get>
Row resolvers(std::string_view path, std::string_view default_text, Get get) {
  return list_of({path, "list of texts", default_text, "", {}}, "texts", "resolver", get, resolver_of,
                 [](const std::string& one) { return one; });
}

Wrongs set_jobs(Config& c, const Value& value) {
  const auto given = strings(value);
  if (!given || given->empty()) return wants("job");
  auto wrong = set_choices(c.jobs, value, "submission relay null");
  for (auto& job : c.jobs) job = to_lower(job);
  return wrong;
}

template <class Get>
Row smarthost(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "text", default_text, "", [get](const Config& c) { return quoted(get(const_cast<Config&>(c))); }},
          [get](Config& c, const Value& value) -> Wrongs {
            const auto* given = std::get_if<std::string>(&value);
            if (!given) return wants("text");
            if (!given->empty() && !parse_smarthost(*given)) return {{"config.smarthost_form", {{"value", *given}}}};
            get(c) = *given;
            return {};
          }};
}

// The null host's greeting names the contact.
bool fits_a_reply(std::string_view text) {
  return text.size() <= 200 && !has_8bit(text);
}

// In ASCII; "" = none.
bool is_mailbox(std::string_view text) {
  const auto path = address::parse_address(text, false);
  return text.empty() || (path && !has_8bit(text) && address::qualified(path->domain));
}

#define MEMBER(name) [](Config& c) -> auto& { return c.name; }

// Also those that are not whole: their reports may be.
const std::string& offered_languages() {
  static const std::string all = fmt::format("{}", fmt::join(i18n::known_languages(), " "));
  return all;
}

std::vector<Row> make_rows() {
  constexpr std::int64_t million = 1'000'000;
  std::vector<Row> all;
  const auto shown_jobs = [](const Config& c) { return c.jobs.size() == 1 ? quoted(c.jobs[0]) : quoted_list(c.jobs); };
  all.push_back({{"job", "choice", "", "submission relay null", shown_jobs}, set_jobs});
  all.push_back({{"jobs", "list of choices", "", "submission relay null", shown_jobs}, set_jobs});
  all.push_back({{"hostname", "host name", "", "", [](const Config& c) { return quoted(c.host_name); }},
                 [](Config& c, const Value& value) { return set_host_name(c.host_name, value); }});
  all.push_back(checked_text("contact", "", "contact", MEMBER(contact), fits_a_reply));
  all.push_back(choice("language", "\"en\"", offered_languages(), MEMBER(language)));
  all.push_back(number("threads", "0", 0, 256, MEMBER(threads)));

  all.push_back(text("tls.certificate", "", MEMBER(tls.certificate)));
  all.push_back(text("tls.key", "", MEMBER(tls.key)));
  all.push_back(text("tls.client_ca", "", MEMBER(tls.client_ca)));

  all.push_back(listen("submission.listen", "[\"0.0.0.0:587\", \"[::]:587\"]", MEMBER(submission.listen)));
  all.push_back(listen("submission.listen_tls", "[\"0.0.0.0:465\", \"[::]:465\"]", MEMBER(submission.listen_tls)));
  all.push_back(path_of("submission.users", "\"/etc/postil/users\"", MEMBER(submission.users)));
  all.push_back(mechanisms("submission.mechanisms", "[]", MEMBER(submission.mechanisms)));
  all.push_back(yes_no("submission.auth_without_tls", "false", MEMBER(submission.auth_without_tls)));
  all.push_back(yes_no("submission.local", "true", MEMBER(submission.local)));
  all.push_back(choice("submission.local_senders", "\"any\"", "any own", MEMBER(submission.local_senders)));
  all.push_back(yes_no("submission.hide_client_address", "false", MEMBER(submission.hide_client_address)));
  all.push_back(duration("submission.hold_max", "\"30d\"", Duration(0), days(365), MEMBER(submission.hold_max)));
  all.push_back(number("submission.hold_messages", "1000", 0, million, MEMBER(submission.hold_messages)));

  all.push_back(listen("relay.listen", "[\"0.0.0.0:25\", \"[::]:25\"]", MEMBER(relay.listen)));
  all.push_back(networks("relay.networks", "[]", MEMBER(relay.networks)));
  all.push_back(listen("null.listen", "[\"0.0.0.0:25\", \"[::]:25\"]", MEMBER(null_host.listen)));

  all.push_back(networks("proxy.networks", "[]", MEMBER(proxy.networks)));
  all.push_back(listen("proxy.listen", "[]", MEMBER(proxy.listen)));
  all.push_back(networks("xclient.networks", "[]", MEMBER(xclient.networks)));
  all.push_back(listen("xclient.listen", "[]", MEMBER(xclient.listen)));

  all.push_back(size("limits.message_size", "\"50M\"", 64 << 10, tebibyte, MEMBER(limits.message_octets)));
  all.push_back(size("limits.header_size", "\"1M\"", 16 << 10, 1 << 30, MEMBER(limits.header_octets)));
  all.push_back(size("limits.line_length", "\"64K\"", 1000, 1 << 30, MEMBER(limits.line_octets)));
  all.push_back(number("limits.recipients", "1000", 100, 100000, MEMBER(limits.recipients)));
  all.push_back(number("limits.hops", "100", 10, 1000, MEMBER(limits.hops)));
  all.push_back(number("limits.errors", "20", 3, 10000, MEMBER(limits.errors)));
  all.push_back(number("limits.commands", "20000", 100, million, MEMBER(limits.commands)));
  all.push_back(number("limits.auth_failures", "3", 3, 100, MEMBER(limits.auth_failures)));
  all.push_back(number("limits.priority", "9", 0, 9, MEMBER(limits.priority)));
  all.push_back(number("limits.sessions", "10000", 1, million, MEMBER(limits.sessions)));
  all.push_back(number("limits.sessions_per_address", "100", 1, million, MEMBER(limits.sessions_per_address)));
  all.push_back(networks("limits.unlimited_from", "[\"127.0.0.0/8\", \"::1\"]", MEMBER(limits.unlimited_from)));
  all.push_back(duration("limits.command_timeout", "\"5m\"", seconds(1), hours(1), MEMBER(limits.command_timeout)));
  all.push_back(duration("limits.data_timeout", "\"3m\"", seconds(1), hours(1), MEMBER(limits.data_timeout)));
  all.push_back(duration("limits.message_duration", "\"1h\"", minutes(1), hours(24), MEMBER(limits.message_duration)));
  all.push_back(
      number("limits.login_failures_per_address", "20", 1, million, MEMBER(limits.login_failures_per_address)));
  all.push_back(
      number("limits.login_failures_per_account", "20", 1, million, MEMBER(limits.login_failures_per_account)));
  all.push_back(duration("limits.login_window", "\"10m\"", seconds(10), days(1), MEMBER(limits.login_window)));
  all.push_back(duration("limits.login_block", "\"5m\"", seconds(1), days(1), MEMBER(limits.login_block)));
  all.push_back(duration("limits.login_block_max", "\"1h\"", seconds(1), days(7), MEMBER(limits.login_block_max)));
  all.push_back(number("limits.recipients_per_hour", "0", 0, 100 * million, MEMBER(limits.recipients_per_hour)));
  all.push_back(number("limits.recipients_per_day", "0", 0, 100 * million, MEMBER(limits.recipients_per_day)));

  all.push_back(choice("deliver.via", "\"direct\"", "direct smarthost", MEMBER(deliver.via)));
  all.push_back(smarthost("deliver.smarthost", "", MEMBER(deliver.smarthost)));
  all.push_back(text("deliver.username", "", MEMBER(deliver.username)));
  all.push_back(text("deliver.password_file", "", MEMBER(deliver.password_file)));
  all.push_back(
      choice("deliver.tls", "\"opportunistic\"", "never opportunistic required verified", MEMBER(deliver.tls)));
  all.push_back(text("deliver.tls_ca", "", MEMBER(deliver.tls_ca)));
  all.push_back(yes_no("deliver.dane", "true", MEMBER(deliver.dane)));
  all.push_back(yes_no("deliver.mta_sts", "true", MEMBER(deliver.mta_sts)));
  all.push_back(number("deliver.mta_sts_port", "443", 1, 65535, MEMBER(deliver.mta_sts_port)));
  all.push_back(source_address("deliver.source_ipv4", Family::v4, MEMBER(deliver.source_ipv4)));
  all.push_back(source_address("deliver.source_ipv6", Family::v6, MEMBER(deliver.source_ipv6)));
  all.push_back(number("deliver.port", "25", 1, 65535, MEMBER(deliver.port)));
  all.push_back(yes_no("deliver.check_recipient_domains", "true", MEMBER(deliver.check_recipient_domains)));
  all.push_back(yes_no("deliver.check_sender_domain", "true", MEMBER(deliver.check_sender_domain)));
  all.push_back(duration("deliver.lifetime", "\"5d\"", minutes(1), days(60), MEMBER(deliver.lifetime)));
  all.push_back(duration("deliver.retry_first", "\"10m\"", seconds(1), hours(24), MEMBER(deliver.retry_first)));
  all.push_back(duration("deliver.retry_max", "\"4h\"", seconds(1), days(2), MEMBER(deliver.retry_max)));
  all.push_back(duration("deliver.delay_notice", "\"4h\"", Duration(0), days(30), MEMBER(deliver.delay_notice)));
  all.push_back(duration("deliver.null_host_skip", "\"1h\"", Duration(0), days(7), MEMBER(deliver.null_host_skip)));
  all.push_back(
      duration("deliver.refused_lifetime", "\"1d\"", Duration(0), days(30), MEMBER(deliver.refused_lifetime)));
  all.push_back(
      number("deliver.connections_per_destination", "20", 1, 10000, MEMBER(deliver.connections_per_destination)));
  all.push_back(number("deliver.connections", "500", 1, 100000, MEMBER(deliver.connections)));
  all.push_back(
      number("deliver.recipients_per_transaction", "100", 1, 10000, MEMBER(deliver.recipients_per_transaction)));
  all.push_back(number("deliver.messages_per_connection", "1000", 1, million, MEMBER(deliver.messages_per_connection)));
  all.push_back(
      duration("deliver.connect_timeout", "\"30s\"", seconds(1), minutes(10), MEMBER(deliver.connect_timeout)));
  all.push_back(duration("deliver.greeting_timeout", "\"5m\"", seconds(1), hours(1), MEMBER(deliver.greeting_timeout)));
  all.push_back(duration("deliver.command_timeout", "\"5m\"", seconds(1), hours(1), MEMBER(deliver.command_timeout)));
  all.push_back(duration("deliver.data_timeout", "\"2m\"", seconds(1), hours(1), MEMBER(deliver.data_timeout)));
  all.push_back(duration("deliver.block_timeout", "\"3m\"", seconds(1), hours(1), MEMBER(deliver.block_timeout)));
  all.push_back(duration("deliver.end_timeout", "\"10m\"", seconds(1), hours(2), MEMBER(deliver.end_timeout)));
  all.push_back(
      duration("deliver.idle_connection", "\"3s\"", Duration(0), minutes(5), MEMBER(deliver.idle_connection)));

  all.push_back(checked_text("tls_reports.contact", "", "mailbox", MEMBER(tls_reports.contact), is_mailbox));
  all.push_back(text("tls_reports.organization", "", MEMBER(tls_reports.organization)));
  all.push_back(duration("tls_reports.window", "\"4h\"", Duration(0), hours(12), MEMBER(tls_reports.window)));

  all.push_back(yes_no("suppress.automatic", "false", MEMBER(suppress.automatic)));
  all.push_back(duration("suppress.lifetime", "\"30d\"", Duration(0), days(3650), MEMBER(suppress.lifetime)));

  all.push_back(resolvers("dns.resolver", "[]", MEMBER(dns.resolver)));
  all.push_back(yes_no("dns.validate", "true", MEMBER(dns.validate)));
  all.push_back(text("dns.trust_anchor", "", MEMBER(dns.trust_anchor)));
  all.push_back(duration("dns.timeout", "\"15s\"", seconds(1), minutes(5), MEMBER(dns.timeout)));

  all.push_back(path_of("spool.folder", "\"/var/spool/postil\"", MEMBER(spool.folder)));
  all.push_back(size("spool.segment_size", "\"64M\"", 1 << 20, std::uint64_t{2} << 30, MEMBER(spool.segment_octets)));
  all.push_back(size("spool.watermark", "\"256M\"", 0, 1024 * tebibyte, MEMBER(spool.watermark_octets)));
  all.push_back(socket("control.socket", "\"/run/postil/control\"", MEMBER(control_socket)));
  all.push_back(socket("control.submit_socket", "\"/run/postil/submit\"", MEMBER(submit_socket)));
  all.push_back(listen("metrics.listen", "[\"127.0.0.1:9825\"]", MEMBER(metrics_listen)));
  all.push_back(listen("web.listen", "[]", MEMBER(web_listen)));
  all.push_back(checked_text("web.url", "", "url", MEMBER(web_url), web_address));
  all.push_back(checked_text("log.events", "\"stderr\"", "events", MEMBER(events), event_target));
  all.push_back(choice("log.level", "\"info\"", "debug info notice warning error", MEMBER(event_level)));
  all.push_back(checked_text("receipts.url", "", "url", MEMBER(receipt_url), web_address));
  all.push_back(path_of("history.folder", "\"/var/lib/postil/history\"", MEMBER(history_folder)));
  all.push_back(size("history.size", "\"1G\"", 1 << 20, 1024 * tebibyte, MEMBER(history_octets)));
  all.push_back(duration("history.age", "\"30d\"", hours(1), days(3650), MEMBER(history_age)));
  return all;
}

}  // namespace

const std::vector<Row>& rows() {
  static const std::vector<Row> all = make_rows();
  return all;
}

std::span<const Key> keys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> list;
    for (const auto& row : rows()) list.push_back(row.key);
    return list;
  }();
  return all;
}

const Key* find_key(std::string_view path) {
  for (const auto all : {keys(), entry_keys()}) {
    const auto found = std::ranges::find(all, path, &Key::path);
    if (found != all.end()) return &*found;
  }
  return nullptr;
}

std::string nearest_key(std::string_view path) {
  std::string best;
  std::size_t distance = 4;
  for (const auto all : {keys(), entry_keys()}) {
    for (const auto& key : all) {
      const auto d = edit_distance(key.path, path);
      if (d < distance && d * 2 < path.size()) {
        distance = d;
        best = key.path;
      }
    }
  }
  if (!best.empty()) return best;
  // The right name in the wrong table, or in none, is the other usual slip.
  const auto table = path.substr(0, path.find('.') + 1);
  const auto last = path.substr(path.rfind('.') + 1);
  const bool entry =
      !table.empty() && std::ranges::any_of(entry_keys(), [&](const Key& k) { return k.path.starts_with(table); });
  for (const auto& key : entry ? entry_keys() : keys()) {
    const auto dot = key.path.rfind('.');
    if (dot != std::string_view::npos && key.path.substr(dot + 1) == last) return std::string(key.path);
  }
  return best;
}

bool Config::has_job(std::string_view job) const {
  return std::ranges::find(jobs, job) != jobs.end();
}

std::string Config::place(std::string_view key) const {
  const auto found = places.find(std::string(key));
  return found == places.end() ? "default" : found->second;
}

}  // namespace postil::config
