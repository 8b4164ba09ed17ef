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

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (out.size() > 1 ? ", " : "") + quoted(text);
  return out + "]";
}

Wrong wants(std::string_view what) {
  return {fmt::format("config.wants.{}", what), {}};
}

// A single string counts as a list of one.
std::optional<std::vector<std::string>> strings(const Value& value) {
  if (const auto* one = std::get_if<std::string>(&value)) return std::vector<std::string>{*one};
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  return {};
}

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

std::string show(const ListenAddress& at) {
  return at.address.find(':') == std::string::npos ? fmt::format("{}:{}", at.address, at.port)
                                                   : fmt::format("[{}]:{}", at.address, at.port);
}

template <class Get>
Row text(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "text", default_text, "", [get](const Config& c) { return quoted(get(const_cast<Config&>(c))); }},
          [get](Config& c, const Value& value) -> std::optional<Wrong> {
            const auto* given = std::get_if<std::string>(&value);
            if (!given) return wants("text");
            get(c) = *given;
            return {};
          }};
}

template <class Get>
Row choice(std::string_view path, std::string_view default_text, std::string_view choices, Get get) {
  return {
      {path, "choice", default_text, choices, [get](const Config& c) { return quoted(get(const_cast<Config&>(c))); }},
      [get, choices](Config& c, const Value& value) -> std::optional<Wrong> {
        const auto* given = std::get_if<std::string>(&value);
        const auto all = split(choices, ' ');
        if (!given || std::ranges::find(all, std::string_view(*given)) == all.end()) {
          return Wrong{"config.wants.choice", {{"choices", fmt::format("{}", fmt::join(all, ", "))}}};
        }
        get(c) = *given;
        return {};
      }};
}

template <class Get>
Row yes_no(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "yes or no", default_text, "",
           [get](const Config& c) -> std::string { return get(const_cast<Config&>(c)) ? "true" : "false"; }},
          [get](Config& c, const Value& value) -> std::optional<Wrong> {
            const auto* given = std::get_if<bool>(&value);
            if (!given) return wants("yes_no");
            get(c) = *given;
            return {};
          }};
}

template <class Get>
Row number(std::string_view path, std::string_view default_text, std::int64_t low, std::int64_t high, Get get) {
  return {{path, "number", default_text, "",
           [get](const Config& c) { return fmt::to_string(get(const_cast<Config&>(c))); }},
          [get, low, high](Config& c, const Value& value) -> std::optional<Wrong> {
            const auto* given = std::get_if<std::int64_t>(&value);
            if (!given || *given < low || *given > high) {
              return Wrong{"config.wants.number", {{"low", fmt::to_string(low)}, {"high", fmt::to_string(high)}}};
            }
            get(c) = static_cast<std::uint64_t>(*given);
            return {};
          }};
}

template <class Get>
Row duration(std::string_view path, std::string_view default_text, Duration low, Duration high, Get get) {
  return {{path, "duration", default_text, "",
           [get](const Config& c) { return quoted(format_duration(get(const_cast<Config&>(c)))); }},
          [get, low, high](Config& c, const Value& value) -> std::optional<Wrong> {
            const auto* given = std::get_if<std::string>(&value);
            const auto parsed = given ? parse_duration(*given) : std::nullopt;
            if (!parsed) return wants("duration");
            if (*parsed < low || *parsed > high) {
              return Wrong{"config.wants.duration_between",
                           {{"low", format_duration(low)}, {"high", format_duration(high)}}};
            }
            get(c) = *parsed;
            return {};
          }};
}

template <class Get>
Row size(std::string_view path, std::string_view default_text, std::uint64_t low, Get get) {
  return {{path, "size", default_text, "",
           [get](const Config& c) { return quoted(format_size(get(const_cast<Config&>(c)))); }},
          [get, low](Config& c, const Value& value) -> std::optional<Wrong> {
            std::optional<std::uint64_t> parsed;
            if (const auto* given = std::get_if<std::string>(&value)) parsed = parse_size(*given);
            if (const auto* given = std::get_if<std::int64_t>(&value); given && *given >= 0)
              parsed = static_cast<std::uint64_t>(*given);
            if (!parsed) return wants("size");
            if (*parsed < low) return Wrong{"config.wants.size_from", {{"low", format_size(low)}}};
            get(c) = *parsed;
            return {};
          }};
}

template <class Get>
Row texts(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "list of texts", default_text, "",
           [get](const Config& c) { return quoted_list(get(const_cast<Config&>(c))); }},
          [get](Config& c, const Value& value) -> std::optional<Wrong> {
            auto given = strings(value);
            if (!given) return wants("texts");
            get(c) = std::move(*given);
            return {};
          }};
}

template <class Get>
Row listen(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "list of addresses", default_text, "",
           [get](const Config& c) {
             std::vector<std::string> all;
             for (const auto& at : get(const_cast<Config&>(c))) all.push_back(show(at));
             return quoted_list(all);
           }},
          [get](Config& c, const Value& value) -> std::optional<Wrong> {
            const auto given = strings(value);
            if (!given) return wants("addresses");
            std::vector<ListenAddress> parsed;
            for (const auto& one : *given) {
              const auto at = listen_address(one);
              if (!at) return Wrong{"config.wants.address", {{"value", one}}};
              parsed.push_back(*at);
            }
            get(c) = std::move(parsed);
            return {};
          }};
}

template <class Get>
Row networks(std::string_view path, std::string_view default_text, Get get) {
  return {{path, "list of networks", default_text, "",
           [get](const Config& c) {
             std::vector<std::string> all;
             for (const auto& network : get(const_cast<Config&>(c))) all.push_back(network.text());
             return quoted_list(all);
           }},
          [get](Config& c, const Value& value) -> std::optional<Wrong> {
            const auto given = strings(value);
            if (!given) return wants("networks");
            std::vector<address::Network> parsed;
            for (const auto& one : *given) {
              const auto network = address::Network::parse(one);
              if (!network) return Wrong{"config.wants.network", {{"value", one}}};
              parsed.push_back(*network);
            }
            get(c) = std::move(parsed);
            return {};
          }};
}

std::optional<Wrong> set_jobs(Config& c, const Value& value) {
  const auto given = strings(value);
  if (!given || given->empty()) return wants("job");
  for (const auto& job : *given) {
    if (job != "submission" && job != "relay" && job != "null") {
      return Wrong{"config.wants.choice", {{"choices", "submission, relay, null"}}};
    }
  }
  c.jobs = *given;
  return {};
}

std::optional<Wrong> set_host_name(Config& c, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || !address::valid_domain(*given) || !address::qualified(*given) || has_8bit(*given))
    return wants("host_name");
  c.host_name = to_lower(*given);
  return {};
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
  all.push_back(
      {{"hostname", "host name", "", "", [](const Config& c) { return quoted(c.host_name); }}, set_host_name});
  all.push_back(text("contact", "", MEMBER(contact)));
  all.push_back(choice("language", "\"en\"", offered_languages(), MEMBER(language)));
  all.push_back(number("threads", "0", 0, 256, MEMBER(threads)));

  all.push_back(text("tls.certificate", "", MEMBER(tls.certificate)));
  all.push_back(text("tls.key", "", MEMBER(tls.key)));
  all.push_back(text("tls.client_ca", "", MEMBER(tls.client_ca)));

  all.push_back(listen("submission.listen", "[\"0.0.0.0:587\", \"[::]:587\"]", MEMBER(submission.listen)));
  all.push_back(listen("submission.listen_tls", "[\"0.0.0.0:465\", \"[::]:465\"]", MEMBER(submission.listen_tls)));
  all.push_back(text("submission.users", "\"/etc/postil/users\"", MEMBER(submission.users)));
  all.push_back(texts("submission.mechanisms", "[]", MEMBER(submission.mechanisms)));
  all.push_back(yes_no("submission.auth_without_tls", "false", MEMBER(submission.auth_without_tls)));
  all.push_back(yes_no("submission.local", "true", MEMBER(submission.local)));
  all.push_back(choice("submission.local_senders", "\"any\"", "any own", MEMBER(submission.local_senders)));
  all.push_back(yes_no("submission.hide_client_address", "false", MEMBER(submission.hide_client_address)));

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
  all.push_back(text("deliver.smarthost", "", MEMBER(deliver.smarthost)));
  all.push_back(text("deliver.username", "", MEMBER(deliver.username)));
  all.push_back(text("deliver.password_file", "", MEMBER(deliver.password_file)));
  all.push_back(
      choice("deliver.tls", "\"opportunistic\"", "never opportunistic required verified", MEMBER(deliver.tls)));
  all.push_back(text("deliver.tls_ca", "", MEMBER(deliver.tls_ca)));
  all.push_back(yes_no("deliver.dane", "true", MEMBER(deliver.dane)));
  all.push_back(yes_no("deliver.mta_sts", "true", MEMBER(deliver.mta_sts)));
  all.push_back(number("deliver.mta_sts_port", "443", 1, 65535, MEMBER(deliver.mta_sts_port)));
  all.push_back(text("deliver.source_ipv4", "", MEMBER(deliver.source_ipv4)));
  all.push_back(text("deliver.source_ipv6", "", MEMBER(deliver.source_ipv6)));
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

  all.push_back(yes_no("suppress.automatic", "false", MEMBER(suppress.automatic)));
  all.push_back(duration("suppress.lifetime", "\"30d\"", Duration(0), days(3650), MEMBER(suppress.lifetime)));

  all.push_back(texts("dns.resolver", "[]", MEMBER(dns.resolver)));
  all.push_back(yes_no("dns.validate", "true", MEMBER(dns.validate)));
  all.push_back(text("dns.trust_anchor", "", MEMBER(dns.trust_anchor)));
  all.push_back(duration("dns.timeout", "\"15s\"", seconds(1), minutes(5), MEMBER(dns.timeout)));

  all.push_back(text("spool.folder", "\"/var/spool/postil\"", MEMBER(spool.folder)));
  all.push_back(size("spool.segment_size", "\"64M\"", 1 << 20, MEMBER(spool.segment_octets)));
  all.push_back(size("spool.watermark", "\"256M\"", 0, MEMBER(spool.watermark_octets)));
  all.push_back(text("control.socket", "\"/run/postil/control\"", MEMBER(control_socket)));
  all.push_back(text("control.submit_socket", "\"/run/postil/submit\"", MEMBER(submit_socket)));
  all.push_back(listen("metrics.listen", "[\"127.0.0.1:9825\"]", MEMBER(metrics_listen)));
  all.push_back(listen("web.listen", "[]", MEMBER(web_listen)));
  all.push_back(text("web.url", "", MEMBER(web_url)));
  all.push_back(text("log.events", "\"stderr\"", MEMBER(events)));
  all.push_back(choice("log.level", "\"info\"", "debug info notice warning error", MEMBER(event_level)));
  all.push_back(text("receipts.url", "", MEMBER(receipt_url)));
  all.push_back(text("history.folder", "\"/var/lib/postil/history\"", MEMBER(history_folder)));
  all.push_back(size("history.size", "\"1G\"", 1 << 20, MEMBER(history_octets)));
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
