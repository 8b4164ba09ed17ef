#include "diagnose/findings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <span>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "dns/mx.hpp"
#include "i18n/list.hpp"

namespace postil::diagnose {
namespace {

constexpr std::size_t about_max = 40;
constexpr std::size_t evidence_max = 40;
constexpr std::size_t findings_max = 500;

bool same(const Finding& a, const Finding& b) {
  const auto literals = [](const Finding& f) {
    std::vector<std::string> out;
    for (const auto& advice : f.advice) out.push_back(advice.literal);
    return out;
  };
  return a.id == b.id && a.args == b.args && a.evidence == b.evidence && literals(a) == literals(b);
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

struct DataLine {
  std::string_view name;
  std::string operator()(const dns::Mx& mx) const {
    return record_line(name, "MX", fmt::format("{} {}.", mx.preference, mx.exchange));
  }
  std::string operator()(const dns::Address& address) const {
    return record_line(name, address.text.find(':') == std::string::npos ? "A" : "AAAA", address.text);
  }
  std::string operator()(const dns::Text& text) const { return txt_line(name, text.value); }
  std::string operator()(const dns::NameTarget& target) const { return record_line(name, "PTR", target.name + "."); }
  std::string operator()(const dns::Tlsa& tlsa) const {
    return record_line(name, "TLSA",
                       fmt::format("{} {} {} {}", tlsa.usage, tlsa.selector, tlsa.matching,
                                   hex(std::string_view(tlsa.data).substr(0, 128))));
  }
};

}  // namespace

std::string_view to_string(Word word) {
  constexpr std::string_view words[] = {"ok", "fail", "warn", "info", "skip", "unknown"};
  return words[static_cast<std::size_t>(word)];
}

std::optional<Word> find_word(std::string_view word) {
  for (std::size_t i = 0; i < words_count; ++i) {
    if (to_string(static_cast<Word>(i)) == word) return static_cast<Word>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Area area) {
  constexpr std::string_view words[] = {"receiving", "sending", "login"};
  return words[static_cast<std::size_t>(area)];
}

std::string_view to_string(Advice::Kind kind) {
  constexpr std::string_view words[] = {"publish", "run", "configure"};
  return words[static_cast<std::size_t>(kind)];
}

const std::vector<FindingEntry>& finding_entries() {
  static const std::vector<FindingEntry> all = {
#define FINDING(key, name, word, area, part) {FindingId::key, #key, name, Word::word, Area::area, Part::part},
#include "diagnose/findings.def"
#undef FINDING
  };
  return all;
}

const FindingEntry& entry(FindingId id) {
  return finding_entries()[static_cast<std::size_t>(id)];
}

const FindingEntry* find_finding(std::string_view name) {
  const auto& all = finding_entries();
  const auto at = std::ranges::find_if(all, [&](const FindingEntry& e) { return iequals(e.name, name); });
  return at == all.end() ? nullptr : &*at;
}

std::string record_line(std::string_view name, std::string_view type, std::string_view data) {
  return fmt::format("{}.  {}  {}", name, type, data);
}

std::string txt_line(std::string_view name, std::string_view value) {
  constexpr std::size_t string_octets_max = 255;  // [rfc1035 3.3]
  std::string strings;
  std::string_view rest = value;
  do {
    std::string quoted;
    for (const char c : rest.substr(0, string_octets_max)) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    strings += fmt::format("{}\"{}\"", strings.empty() ? "" : " ", printable(quoted, 2 * string_octets_max));
    rest.remove_prefix(std::min(rest.size(), string_octets_max));
  } while (!rest.empty() && strings.size() < 5000);
  if (!rest.empty()) strings += " ...";
  return record_line(name, "TXT", strings);
}

std::vector<std::string> record_lines(std::string_view name, const dns::Answer& answer) {
  std::vector<std::string> out;
  for (const auto& record : answer.records) {
    if (out.size() == evidence_max) {
      out.emplace_back("...");
      break;
    }
    out.push_back(std::visit(DataLine{name}, record));
  }
  return out;
}

void Finding::add_list(std::string_view name, const std::vector<std::string>& items) {
  args.emplace_back(name, fmt::format("{}", fmt::join(items, ", ")));
  lists.push_back({name, items});
}

std::string text_of(const Finding& finding, const i18n::Translator& tr) {
  auto args = finding.args;
  for (const auto& list : finding.lists) {
    const auto at = std::ranges::find(args, list.name, &i18n::Arg::first);
    if (at != args.end()) at->second = i18n::list(list.items, tr);
  }
  for (const auto& phrase : finding.phrases) {
    auto text = tr.text("check_detail." + phrase.key);
    if (!phrase.literal.empty()) text += ": " + phrase.literal;
    const auto at = std::ranges::find(args, phrase.name, &i18n::Arg::first);
    if (at != args.end()) at->second = std::move(text);
  }
  return tr.text(fmt::format("check.finding.{}.text", entry(finding.id).key), args);
}

Phrase dns_phrase(std::string_view name, const dns::Answer& answer) {
  return {name, fmt::format("dns.{}", dns::to_string(answer.status)), printable(answer.detail, 200)};
}

namespace {

struct Meaning {
  std::string_view words;  // of OpenSSL, in small letters
  std::string_view key;
};

// The first whose words stand in the text; "" = none does.
std::string_view meaning_of(std::string_view text, std::span<const Meaning> meanings) {
  const std::string low = to_lower(text);
  const auto at =
      std::ranges::find_if(meanings, [&](const Meaning& one) { return low.find(one.words) != std::string::npos; });
  return at == meanings.end() ? std::string_view() : at->key;
}

// What a handshake failed by.
constexpr Meaning handshake_meanings[] = {{"wrong version number", "no_tls"}, {"unexpected eof", "ended"},
                                          {"protocol version", "version"},    {"unsupported protocol", "version"},
                                          {"handshake failure", "no_method"}, {"no shared cipher", "no_method"},
                                          {"internal error", "their_fault"}};
// Why a chain leads to no trusted authority.
constexpr Meaning chain_meanings[] = {{"self-signed certificate in certificate chain", "unknown_root"},
                                      {"self-signed certificate", "self_signed"},
                                      {"local issuer certificate", "no_issuer"},
                                      {"unable to get issuer certificate", "no_issuer"},
                                      {"first certificate", "no_issuer"},
                                      {"has expired", "expired"},
                                      {"not yet valid", "not_yet"},
                                      {"invalid ca", "no_authority"},
                                      {"too weak", "weak"},
                                      {"signature failure", "bad_signature"},
                                      {"certificate purpose", "purpose"}};

}  // namespace

std::vector<Phrase> chain_phrases(std::string_view name, std::string_view error) {
  const auto key = meaning_of(error, chain_meanings);
  if (key.empty()) return {};
  return {{name, fmt::format("chain.{}", key)}};
}

Phrase break_phrase(std::string_view name, const Break& broken) {
  if (broken.how == "tls") {
    if (const auto key = meaning_of(broken.detail, handshake_meanings); !key.empty()) {
      return {name, fmt::format("handshake.{}", key)};
    }
  }
  // What was said stands in quotation marks; the parser's words about it are in no language but one.
  if (broken.how == "malformed" || broken.how == "too_long") {
    const auto end = broken.detail.rfind('"');
    const bool quoted = broken.detail.starts_with('"') && end > 0;
    return {name, "net." + broken.how, quoted ? printable(broken.detail.substr(0, end + 1), 200) : std::string()};
  }
  // These say all that the system's words behind them say.
  constexpr std::string_view plain[] = {"refused", "timed_out", "unreachable", "closed", "reset"};
  const bool whole = std::ranges::find(plain, broken.how) != std::end(plain);
  return {name, "net." + broken.how, whole ? std::string() : printable(broken.detail, 200)};
}

bool domain_exists(const Observations& seen) {
  const auto* mx = seen.dns.find(seen.request.subject.domain, dns::Type::mx);
  return mx == nullptr || mx->status != dns::Status::no_domain;
}

bool takes_mail(const Observations& seen) {
  using Kind = dns::MxSet::Kind;
  const auto* mx = seen.dns.find(seen.request.subject.domain, dns::Type::mx);
  const auto kind = mx == nullptr ? Kind::implicit : dns::classify_mx(*mx).kind;
  return kind != Kind::null_mx && kind != Kind::only_stray_null;
}

bool may_have_mail_host(const Observations& seen) {
  if (!takes_mail(seen)) return false;
  const auto kind = seen.request.subject.kind;
  const auto* mx = seen.dns.find(seen.request.subject.domain, dns::Type::mx);
  const bool by_mx = kind == SubjectKind::domain || kind == SubjectKind::address;
  if (by_mx && (mx == nullptr || !mx->definite())) return true;
  const auto nowhere = [&](const TargetHost& host, dns::Type type) {
    const auto* answer = seen.dns.find(host.name, type);
    return answer != nullptr && answer->definite() && answer->records.empty();
  };
  return std::ranges::any_of(target_hosts(seen), [&](const TargetHost& host) {
    return !nowhere(host, dns::Type::a) || !nowhere(host, dns::Type::aaaa);
  });
}

std::string dns_trouble(const dns::Answer& answer) {
  const std::string status(dns::to_string(answer.status));
  return answer.detail.empty() ? status : fmt::format("{}: {}", status, printable(answer.detail, 200));
}

std::string where(const Connection& connection) {
  const std::string at = connection.port == 25 ? connection.address
                         : connection.address.find(':') == std::string::npos
                             ? fmt::format("{}:{}", connection.address, connection.port)
                             : fmt::format("[{}]:{}", connection.address, connection.port);
  return connection.host.empty() || connection.host == connection.address ? at
                                                                          : fmt::format("{} {}", connection.host, at);
}

std::string plain_name(std::string_view name, std::string_view otherwise) {
  const bool plain = !name.empty() && name.front() != '-' && std::ranges::all_of(name, [](char c) {
    return is_alnum(c) || std::string_view(".-_:").find(c) != std::string_view::npos;
  });
  return std::string(plain ? name : otherwise);
}

std::string said(const reply::RemoteReply& reply) {
  return "S: " + printable(reply.one_line(), 400);
}

std::string day(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time.time_since_epoch());
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

void Findings::add(Finding finding) {
  using Id = FindingId;
  // Why the parts that were asked for say nothing is told whatever was asked for.
  const bool always = finding.id == Id::domain_none || finding.id == Id::no_host || finding.id == Id::hosts_unknown;
  if ((!always && !wants(entry(finding.id).part)) || all_.size() >= findings_max) return;
  if (finding.evidence.size() > evidence_max) finding.evidence.resize(evidence_max);
  for (auto& before : all_) {
    if (!same(before, finding)) continue;
    for (auto& one : finding.about) {
      if (before.about.size() < about_max && std::ranges::find(before.about, one) == before.about.end())
        before.about.push_back(std::move(one));
    }
    return;
  }
  all_.push_back(std::move(finding));
}

std::vector<Finding> Findings::take() {
  std::ranges::stable_sort(all_, {}, [](const Finding& f) {
    const auto& of = entry(f.id);
    return std::pair(of.area, of.part);
  });
  return std::move(all_);
}

namespace {

// Why the parts that were asked for say nothing: what they need was not reached, or there is nothing of the kind.
Finding nothing_found(const Observations& seen) {
  const bool doubt = seen.out_of_time ||
                     std::ranges::any_of(seen.connections, [](const Connection& c) { return c.broken.has_value(); }) ||
                     std::ranges::any_of(seen.dns.all(), [](const DnsNote& note) { return !note.answer.definite(); });
  return {.id = doubt ? FindingId::not_tested : FindingId::not_applicable,
          .about = {},
          .args = {},
          .evidence = {},
          .advice = {}};
}

}  // namespace

CheckOutcome check_outcome(const Observations& seen, const std::vector<Finding>& findings) {
  bool told = false, doubt = false;
  bool login_untold = false, recipient_untold = false, login = false, recipient = false;
  for (const auto& finding : findings) {
    const auto& of = entry(finding.id);
    if (of.word == Word::fail) return CheckOutcome::fails;
    const bool unknown = of.word == Word::unknown;
    doubt = doubt || unknown;
    told = told || (!unknown && of.word != Word::skip);
    login_untold = login_untold || (unknown && of.part == Part::login);
    recipient_untold = recipient_untold || (unknown && of.part == Part::recipient);
    login = login || finding.id == FindingId::login_ok;
    recipient = recipient || (!unknown && of.part == Part::recipient);
  }
  const auto& parts = seen.request.parts;
  if (parts.has(Part::login) && login_untold && !login) return CheckOutcome::untested;
  if (parts.has(Part::recipient) && recipient_untold && !recipient) return CheckOutcome::untested;
  return told || !doubt ? CheckOutcome::good : CheckOutcome::untested;
}

std::vector<Finding> find_all(const Observations& seen) {
  Findings out(seen);
  find_mx(out);
  find_hosts(out);
  find_tls(out);
  find_dane(out);
  if (domain_exists(seen)) {
    find_sts(out);
    find_tls_rpt(out);
    find_spf(out);
    find_dkim(out);
    find_bimi(out);
    find_parked(out);
  }
  find_dmarc(out);
  find_message(out);
  find_reverse(out);
  find_lists(out);
  find_login(out);
  auto all = out.take();
  if (all.empty()) all.push_back(nothing_found(seen));
  for (auto& finding : all) advise(finding, seen);
  return all;
}

}  // namespace postil::diagnose
