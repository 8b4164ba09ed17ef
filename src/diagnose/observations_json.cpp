#include "diagnose/observations_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "diagnose/json_values.hpp"

namespace postil::diagnose {
namespace {

namespace json = boost::json;
using std::string_view;

constexpr std::string_view schema = "postil.observations/1";

// ---- writing ----

json::value record(const dns::Data& data) {
  if (const auto* mx = std::get_if<dns::Mx>(&data)) return {{"preference", mx->preference}, {"exchange", mx->exchange}};
  if (const auto* address = std::get_if<dns::Address>(&data)) return {{"address", address->text}};
  // TXT may hold any octets.
  if (const auto* text = std::get_if<dns::Text>(&data)) {
    return is_utf8(text->value) ? json::value{{"text", text->value}}
                                : json::value{{"octets", crypto::base64_encode(text->value)}};
  }
  if (const auto* target = std::get_if<dns::NameTarget>(&data)) return {{"name", target->name}};
  const auto& tlsa = std::get<dns::Tlsa>(data);
  return {{"usage", tlsa.usage},
          {"selector", tlsa.selector},
          {"matching", tlsa.matching},
          {"data", crypto::base64_encode(tlsa.data)}};
}

json::value note(const DnsNote& n) {
  json::array records;
  for (const auto& data : n.answer.records) records.push_back(record(data));
  json::object out{{"name", n.name},
                   {"type", dns::to_string(n.type)},
                   {"status", dns::to_string(n.answer.status)},
                   {"secure", n.answer.secure},
                   {"ttl_seconds", n.answer.ttl_seconds},
                   {"records", std::move(records)}};
  if (!n.answer.canonical_name.empty()) out["canonical_name"] = n.answer.canonical_name;
  if (n.answer.chain.size() > 1) out["chain"] = json_strings(n.answer.chain);
  if (!n.answer.detail.empty()) out["detail"] = printable(n.answer.detail);
  return out;
}

void add_reply(json::object& to, std::string_view key, const std::optional<reply::RemoteReply>& reply) {
  if (!reply) return;
  to[key] = json::object{{"code", reply->code}, {"lines", json_strings(reply->lines)}};
}

json::value connection(const Connection& c) {
  json::object out{{"purpose", to_string(c.purpose)}, {"address", c.address}, {"port", c.port}, {"took_ms", c.took_ms}};
  if (!c.host.empty()) out["host"] = c.host;
  if (c.implicit_tls) out["implicit_tls"] = true;
  if (!c.version.empty()) out["version"] = c.version;
  if (!c.mechanism.empty()) out["mechanism"] = c.mechanism;
  if (c.broken) {
    out["broken"] = json::object{{"stage", c.broken->stage}, {"how", c.broken->how}, {"detail", c.broken->detail}};
  }
  add_reply(out, "greeting", c.greeting);
  add_reply(out, "ehlo", c.ehlo);
  add_reply(out, "starttls", c.starttls);
  add_reply(out, "ehlo_tls", c.ehlo_tls);
  add_reply(out, "mail", c.mail);
  add_reply(out, "rcpt", c.rcpt);
  add_reply(out, "auth", c.auth);
  if (c.tls) {
    json::array chain;
    for (const auto& der : c.tls->chain) chain.push_back(json_text(crypto::base64_encode(der)).c_str());
    out["tls"] = json::object{{"version", c.tls->version},
                              {"cipher", c.tls->cipher},
                              {"chain", std::move(chain)},
                              {"chain_error", c.tls->chain_error}};
  }
  json::array transcript;
  for (const auto& line : c.transcript) {
    transcript.push_back(json::object{{"who", std::string(1, line.who)}, {"text", line.text}});
  }
  out["transcript"] = std::move(transcript);
  return out;
}

json::object request(const CheckRequest& r) {
  json::array parts;
  for (std::size_t i = 0; i < parts_count; ++i) {
    if (r.parts.has(static_cast<Part>(i))) parts.push_back(json::string(to_string(static_cast<Part>(i))));
  }
  json::object out{{"kind", to_string(r.subject.kind)},
                   {"subject", r.subject.text},
                   {"domain", r.subject.domain},
                   {"mailbox", r.subject.mailbox},
                   {"ip", r.subject.ip},
                   {"parts", std::move(parts)},
                   {"recipient", r.recipient},
                   {"login_user", r.login_user},
                   {"from_ip", r.from_ip},
                   {"selectors", json_strings(r.selectors)},
                   {"lists", json_strings(r.lists)},
                   {"tls_versions", r.tls_versions}};
  if (!r.message.empty()) out["message"] = crypto::base64_encode(r.message);
  return out;
}

// ---- reading ----

struct Bad {
  std::string what;
};

const json::object& object_of(const json::value& value, std::string_view what) {
  if (!value.is_object()) throw Bad{fmt::format("\"{}\" is no object", what)};
  return value.get_object();
}

constexpr std::size_t text_octets_max = 128 * 1024;

std::string text_at(const json::object& from, std::string_view key, std::size_t octets_max = text_octets_max) {
  const auto* value = from.if_contains(key);
  if (value == nullptr) return {};
  if (!value->is_string()) throw Bad{fmt::format("\"{}\" is no text", key)};
  const auto& text = value->get_string();
  if (text.size() > octets_max) throw Bad{fmt::format("\"{}\" is too long", key)};
  return std::string(text);
}

std::string octets_at(const json::object& from, std::string_view key) {
  auto out = crypto::base64_decode(text_at(from, key, message_octets_max / 3 * 4 + 4));
  if (!out) throw Bad{fmt::format("\"{}\" is no base64", key)};
  return std::move(*out);
}

template <class T>
T number_at(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  if (value == nullptr) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<std::int64_t>(error);
  if (error || number < 0 || number > std::int64_t{std::numeric_limits<T>::max()}) {
    throw Bad{fmt::format("\"{}\" is no number that fits", key)};
  }
  return static_cast<T>(number);
}

bool flag_at(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  if (value == nullptr) return false;
  if (!value->is_bool()) throw Bad{fmt::format("\"{}\" is neither true nor false", key)};
  return value->get_bool();
}

const json::array& array_at(const json::object& from, std::string_view key, std::size_t count_max) {
  static const json::array none;
  const auto* value = from.if_contains(key);
  if (value == nullptr) return none;
  if (!value->is_array()) throw Bad{fmt::format("\"{}\" is no list", key)};
  if (value->get_array().size() > count_max) throw Bad{fmt::format("\"{}\" is too long", key)};
  return value->get_array();
}

std::vector<std::string> texts_at(const json::object& from, std::string_view key, std::size_t count_max) {
  std::vector<std::string> out;
  for (const auto& one : array_at(from, key, count_max)) {
    if (!one.is_string() || one.get_string().size() > text_octets_max)
      throw Bad{fmt::format("\"{}\" has no texts", key)};
    out.emplace_back(one.get_string());
  }
  return out;
}

// Of an enum with a to_string(), the value for a word.
template <class E>
E word_at(const json::object& from, std::string_view key, std::initializer_list<E> all) {
  const std::string word = text_at(from, key);
  for (const E one : all) {
    if (to_string(one) == word) return one;
  }
  throw Bad{fmt::format("\"{}\" is \"{}\", which is not known", key, printable(word, 60))};
}

dns::Data read_record(const json::object& from, dns::Type type) {
  switch (type) {
    case dns::Type::mx:
      return dns::Mx{number_at<std::uint16_t>(from, "preference"), text_at(from, "exchange")};
    case dns::Type::a:
    case dns::Type::aaaa:
      return dns::Address{text_at(from, "address")};
    case dns::Type::txt:
      return dns::Text{from.contains("octets") ? octets_at(from, "octets") : text_at(from, "text")};
    case dns::Type::tlsa:
      return dns::Tlsa{number_at<std::uint8_t>(from, "usage"), number_at<std::uint8_t>(from, "selector"),
                       number_at<std::uint8_t>(from, "matching"), octets_at(from, "data")};
    default:
      return dns::NameTarget{text_at(from, "name")};
  }
}

DnsNote read_note(const json::object& from) {
  using dns::Status;
  using dns::Type;
  DnsNote out;
  out.name = text_at(from, "name");
  out.type =
      word_at(from, "type",
              {Type::a, Type::ns, Type::cname, Type::soa, Type::ptr, Type::mx, Type::txt, Type::aaaa, Type::tlsa});
  out.answer.status = word_at(from, "status",
                              {Status::ok, Status::no_data, Status::no_domain, Status::server_failure, Status::bogus,
                               Status::timed_out, Status::malformed});
  out.answer.secure = flag_at(from, "secure");
  out.answer.ttl_seconds = number_at<std::uint32_t>(from, "ttl_seconds");
  out.answer.canonical_name = text_at(from, "canonical_name");
  out.answer.chain = texts_at(from, "chain", 100);
  out.answer.detail = text_at(from, "detail");
  for (const auto& one : array_at(from, "records", 2000)) {
    out.answer.records.push_back(read_record(object_of(one, "records"), out.type));
  }
  if (out.answer.canonical_name.empty()) out.answer.canonical_name = out.name;
  return out;
}

std::optional<reply::RemoteReply> read_reply_at(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  if (value == nullptr) return std::nullopt;
  const auto& object = object_of(*value, key);
  reply::RemoteReply out;
  out.code = number_at<std::uint16_t>(object, "code");
  if (out.code < 200 || out.code > 599) throw Bad{fmt::format("\"{}\" has no reply code", key)};
  out.lines = texts_at(object, "lines", 600);
  for (auto& line : out.lines) {
    line = printable(line, 1000);
    if (const auto code = reply::leading_enhanced_code(line)) out.enhanced = *code;
  }
  return out;
}

Connection read_connection(const json::object& from) {
  Connection out;
  out.purpose = word_at(from, "purpose", {Purpose::mail, Purpose::tls_version, Purpose::login});
  out.host = text_at(from, "host");
  out.address = text_at(from, "address");
  out.port = number_at<std::uint16_t>(from, "port");
  out.implicit_tls = flag_at(from, "implicit_tls");
  out.version = text_at(from, "version");
  out.mechanism = text_at(from, "mechanism");
  out.took_ms = number_at<std::uint32_t>(from, "took_ms");
  if (const auto* broken = from.if_contains("broken")) {
    const auto& object = object_of(*broken, "broken");
    out.broken = Break{text_at(object, "stage"), text_at(object, "how"), text_at(object, "detail")};
  }
  out.greeting = read_reply_at(from, "greeting");
  out.ehlo = read_reply_at(from, "ehlo");
  out.starttls = read_reply_at(from, "starttls");
  out.ehlo_tls = read_reply_at(from, "ehlo_tls");
  out.mail = read_reply_at(from, "mail");
  out.rcpt = read_reply_at(from, "rcpt");
  out.auth = read_reply_at(from, "auth");
  if (const auto* tls = from.if_contains("tls")) {
    const auto& object = object_of(*tls, "tls");
    SeenTls seen{text_at(object, "version"), text_at(object, "cipher"), {}, text_at(object, "chain_error")};
    for (const auto& der : texts_at(object, "chain", 20)) {
      auto octets = crypto::base64_decode(der);
      if (!octets) throw Bad{"\"chain\" is no base64"};
      seen.chain.push_back(std::move(*octets));
    }
    out.tls = std::move(seen);
  }
  for (const auto& line : array_at(from, "transcript", 1000)) {
    const auto& object = object_of(line, "transcript");
    const std::string who = text_at(object, "who");
    out.transcript.push_back({who.size() == 1 ? who[0] : '*', printable(text_at(object, "text"), 1000)});
  }
  return out;
}

CheckRequest read_request(const json::object& from) {
  CheckRequest out;
  out.subject.kind =
      word_at(from, "kind", {SubjectKind::domain, SubjectKind::host, SubjectKind::address, SubjectKind::ip});
  out.subject.text = printable(text_at(from, "subject"), 400);
  out.subject.domain = text_at(from, "domain");
  out.subject.mailbox = text_at(from, "mailbox");
  out.subject.ip = text_at(from, "ip");
  for (const auto& word : texts_at(from, "parts", 100)) {
    const auto part = find_part(word);
    if (!part) throw Bad{fmt::format("\"parts\" has \"{}\", which is not known", printable(word, 60))};
    out.parts.add(*part);
  }
  out.recipient = text_at(from, "recipient");
  out.login_user = text_at(from, "login_user");
  out.from_ip = text_at(from, "from_ip");
  out.selectors = texts_at(from, "selectors", 100);
  out.lists = texts_at(from, "lists", 100);
  out.tls_versions = flag_at(from, "tls_versions");
  out.message = octets_at(from, "message");
  return out;
}

Observations read(const json::object& from) {
  if (text_at(from, "schema") != schema) throw Bad{fmt::format("its \"schema\" is not \"{}\"", schema)};
  Observations out;
  const auto* asked = from.if_contains("request");
  if (asked == nullptr) throw Bad{"it has no \"request\""};
  out.request = read_request(object_of(*asked, "request"));
  out.time = WallTime(seconds(number_at<std::uint32_t>(from, "time")));
  out.program = text_at(from, "program");
  out.resolver = text_at(from, "resolver");
  out.validating = flag_at(from, "validating");
  out.took_ms = number_at<std::uint32_t>(from, "took_ms");
  out.out_of_time = flag_at(from, "out_of_time");
  for (const auto& one : array_at(from, "dns", 2000)) out.dns.add(read_note(object_of(one, "dns")));
  for (const auto& one : array_at(from, "connections", 500)) {
    out.connections.push_back(read_connection(object_of(one, "connections")));
  }
  for (const auto& one : array_at(from, "fetches", 20)) {
    const auto& object = object_of(one, "fetches");
    out.fetches.push_back({text_at(object, "url"), number_at<std::uint16_t>(object, "status"),
                           text_at(object, "content_type"), octets_at(object, "body"), text_at(object, "error")});
  }
  out.replayed = true;
  return out;
}

}  // namespace

std::string to_json(const Observations& seen) {
  json::array notes, connections, fetches;
  for (const auto& n : seen.dns.all()) notes.push_back(note(n));
  for (const auto& c : seen.connections) connections.push_back(connection(c));
  for (const auto& f : seen.fetches) {
    fetches.push_back(json::object{{"url", f.url},
                                   {"status", f.status},
                                   {"content_type", f.content_type},
                                   {"body", crypto::base64_encode(f.body)},
                                   {"error", f.error}});
  }
  const auto since_1970 = std::chrono::duration_cast<seconds>(seen.time.time_since_epoch()).count();
  return json::serialize(json::object{{"schema", schema},
                                      {"program", seen.program},
                                      {"time", since_1970},
                                      {"request", request(seen.request)},
                                      {"resolver", seen.resolver},
                                      {"validating", seen.validating},
                                      {"took_ms", seen.took_ms},
                                      {"out_of_time", seen.out_of_time},
                                      {"dns", std::move(notes)},
                                      {"connections", std::move(connections)},
                                      {"fetches", std::move(fetches)}});
}

std::expected<Observations, std::string> read_observations(std::string_view text) {
  if (text.size() > observations_octets_max) return std::unexpected("The file is too long.");
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 12;
  const auto value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error || !value.is_object()) return std::unexpected("The file is no JSON object.");
  try {
    return read(value.get_object());
  } catch (const Bad& bad) {
    return std::unexpected(fmt::format("The file holds no observations: {}.", bad.what));
  }
}

std::string to_json(const Observations& seen, const std::vector<Finding>& findings, const i18n::Translator& tr,
                    const std::vector<Word>& words) {
  json::array all;
  json::object counts;
  for (std::size_t i = 0; i < words_count; ++i) counts[to_string(static_cast<Word>(i))] = 0;
  for (const auto& finding : findings) {
    const auto& of = entry(finding.id);
    counts[to_string(of.word)].as_int64()++;
    if (!words.empty() && std::ranges::find(words, of.word) == words.end()) continue;
    json::array advice;
    for (const auto& one : finding.advice) {
      advice.push_back(json::object{{"kind", to_string(one.kind)}, {"text", json_text(one.literal)}});
    }
    json::object args;
    for (const auto& [key, value] : finding.args) args[key] = json_text(value);
    all.push_back(json::object{{"id", of.name},
                               {"word", to_string(of.word)},
                               {"area", to_string(of.area)},
                               {"part", to_string(of.part)},
                               {"about", json_strings(finding.about)},
                               {"text", json_text(text_of(finding, tr))},
                               {"args", std::move(args)},
                               {"evidence", json_strings(finding.evidence)},
                               {"advice", std::move(advice)}});
  }
  return json::serialize(json::object{
      {"schema", "postil.check/1"},
      {"ok", counts["fail"].as_int64() == 0},
      {"subject", seen.request.subject.text},
      {"kind", to_string(seen.request.subject.kind)},
      {"language", tr.language_of("check")},
      {"counts", std::move(counts)},
      {"findings", std::move(all)},
      {"dns_questions", seen.dns.all().size()},
      {"connections", seen.connections.size()},
      {"took_ms", seen.took_ms},
      {"out_of_time", seen.out_of_time},
      {"validating", seen.validating},
      {"replayed", seen.replayed},
  });
}

}  // namespace postil::diagnose
