#include "mailauth/dkim_verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "address/path.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"

namespace postil::mailauth {
namespace {

constexpr std::size_t shown_octets_max = 255;
constexpr std::int64_t clock_skew_seconds = 300;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return {};
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  if (error != std::errc()) return {};
  return value;
}

bool within(std::string_view domain, std::string_view parent) {
  if (iequals(domain, parent)) return true;
  if (domain.size() <= parent.size() + 1) return false;
  const auto tail = domain.substr(domain.size() - parent.size());
  return iequals(tail, parent) && domain[domain.size() - parent.size() - 1] == '.';
}

// The header as the signature wants it hashed; the signature's own field with an empty b=. [rfc6376 3.7]
std::string signed_text(const std::vector<HeaderField>& fields, std::size_t own, DkimForm form,
                        const std::vector<std::string>& names, std::size_t b_begin, std::size_t b_end) {
  std::string out;
  FieldPicker picker(fields, own);
  for (const auto& name : names) {
    const auto* picked = picker.next(name);
    if (picked == nullptr) continue;
    out += form == DkimForm::relaxed ? relaxed_field(picked->whole) : std::string(picked->whole);
    if (!out.ends_with('\n')) out += "\r\n";  // the last one of a block may come without
  }
  std::string self(fields[own].whole);
  self.erase(b_begin, b_end - b_begin);
  if (form == DkimForm::relaxed) return out + relaxed_field(self);
  while (self.ends_with('\n') || self.ends_with('\r')) self.pop_back();
  return out + self;
}

}  // namespace

std::string_view to_string(DkimResult result) {
  switch (result) {
    case DkimResult::none:
      return "none";
    case DkimResult::pass:
      return "pass";
    case DkimResult::fail:
      return "fail";
    case DkimResult::temperror:
      return "temperror";
    case DkimResult::permerror:
      break;
  }
  return "permerror";
}

std::string_view to_string(DkimFault fault) {
  constexpr std::string_view names[] = {
      "none",     "tags",     "version",      "missing_tag", "bad_tag",   "algorithm", "from_not_signed",
      "identity", "expired",  "query_method", "body_length", "body_hash", "signature", "no_key",
      "key",      "key_type", "dns"};
  return names[static_cast<std::size_t>(fault)];
}

std::string_view to_string(DkimWarning warning) {
  constexpr std::string_view names[] = {"body_length", "testing", "short_key", "from_future", "simple_form"};
  return names[static_cast<std::size_t>(warning)];
}

struct DkimVerifier::State {
  // One signature on its way.
  struct Case {
    DkimSignature said;
    std::size_t field = 0;
    DkimForm header_form = DkimForm::simple, body_form = DkimForm::simple;
    crypto::KeyType type = crypto::KeyType::rsa;
    std::string signature, body_hash;
    std::size_t b_begin = 0, b_end = 0;  // in the field
    bool asked = false;                  // its key has come, or is not needed
  };
  struct Hash {
    DkimForm form;
    std::optional<std::uint64_t> length;
    DkimBodyHash hash;
    std::string value;
  };

  void read(Case& one);
  bool read_tags(Case& one, const DkimTags& tags, std::string_view text);
  bool read_optional(Case& one, const DkimTags& tags);
  void check_key(Case& one, const DkimKeyRecord& record);
  Hash& hash_of(const Case& one);
  static bool stop(Case& one, DkimResult result, DkimFault fault, std::string detail = {}, std::size_t position = 0);

  std::string header;
  std::vector<HeaderField> fields;
  std::vector<Case> cases;
  std::vector<Hash> hashes;
  std::int64_t now_seconds = 0;
  bool body_ended = false;
};

// Always false, for returning.
bool DkimVerifier::State::stop(Case& one, DkimResult result, DkimFault fault, std::string detail,
                               std::size_t position) {
  one.said.result = result;
  one.said.fault = fault;
  one.said.detail = std::move(detail);
  one.said.position = position;
  one.asked = true;
  return false;
}

void DkimVerifier::State::read(Case& one) {
  const std::string_view text = fields[one.field].value();
  const auto tags = parse_dkim_tags(text);
  if (!tags) {
    stop(one, DkimResult::permerror, DkimFault::tags, std::string(to_string(tags.error().error)),
         tags.error().position);
    return;
  }
  const auto shown = [&](std::string_view name) {
    const auto* tag = find_tag(*tags, name);
    return tag ? printable(without_white_space(tag->value), shown_octets_max) : std::string();
  };
  one.said.domain = to_lower(shown("d"));
  one.said.selector = to_lower(shown("s"));
  one.said.identity = shown("i");
  one.said.algorithm = to_lower(shown("a"));
  one.said.signature_start = shown("b").substr(0, 8);
  if (!read_tags(one, *tags, text) || !read_optional(one, *tags)) return;
  one.said.key_name = dkim_key_name(one.said.selector, one.said.domain);
  hash_of(one);
}

bool DkimVerifier::State::read_tags(Case& one, const DkimTags& tags, std::string_view text) {
  const auto wrong = [&](DkimFault fault, std::string_view tag) {
    const auto* found = find_tag(tags, tag);
    return stop(one, DkimResult::permerror, fault, std::string(tag), found ? found->position : text.size());
  };
  for (const std::string_view name : {"v", "a", "b", "bh", "d", "h", "s"}) {
    const auto* tag = find_tag(tags, name);
    if (tag == nullptr || tag->value.empty()) return wrong(DkimFault::missing_tag, name);
  }
  if (find_tag(tags, "v")->value != "1") return wrong(DkimFault::version, "v");
  if (one.said.algorithm == "ed25519-sha256") {
    one.type = crypto::KeyType::ed25519;
  } else if (one.said.algorithm != "rsa-sha256") {
    return wrong(DkimFault::algorithm, "a");
  }
  const auto* b = find_tag(tags, "b");
  const auto signature = crypto::base64_decode(without_white_space(b->value));
  if (!signature) return wrong(DkimFault::bad_tag, "b");
  one.signature = *signature;
  const std::size_t value_at = fields[one.field].colon + 1;
  one.b_begin = value_at + b->raw_begin;
  one.b_end = value_at + b->raw_end;
  // The line end belongs to the field, not to the tag.
  std::string_view whole = fields[one.field].whole;
  if (whole.ends_with('\n')) whole.remove_suffix(1);
  if (whole.ends_with('\r')) whole.remove_suffix(1);
  one.b_end = std::min(one.b_end, whole.size());
  const auto hash = crypto::base64_decode(without_white_space(find_tag(tags, "bh")->value));
  if (!hash || hash->size() != crypto::digest_octets(crypto::Hash::sha256)) return wrong(DkimFault::bad_tag, "bh");
  one.body_hash = *hash;
  if (!address::valid_domain(one.said.domain) || has_8bit(one.said.domain)) return wrong(DkimFault::bad_tag, "d");
  if (!valid_selector(one.said.selector)) return wrong(DkimFault::bad_tag, "s");
  for (const auto name : dkim_list(find_tag(tags, "h")->value)) one.said.signed_fields.push_back(to_lower(name));
  if (std::ranges::find(one.said.signed_fields, "from") == one.said.signed_fields.end()) {
    return wrong(DkimFault::from_not_signed, "h");
  }
  return true;
}

bool DkimVerifier::State::read_optional(Case& one, const DkimTags& tags) {
  const auto value = [&](std::string_view name) {
    const auto* tag = find_tag(tags, name);
    return tag ? std::optional(without_white_space(tag->value)) : std::nullopt;
  };
  const auto wrong = [&](DkimFault fault, std::string_view tag, DkimResult result = DkimResult::permerror) {
    return stop(one, result, fault, std::string(tag), find_tag(tags, tag)->position);
  };
  if (const auto c = value("c")) {
    const auto slash = c->find('/');
    const auto form = [](std::string_view word) -> std::optional<DkimForm> {
      if (iequals(word, "simple")) return DkimForm::simple;
      if (iequals(word, "relaxed")) return DkimForm::relaxed;
      return {};
    };
    const auto header_form = form(std::string_view(*c).substr(0, slash));
    const auto body_form = slash == std::string::npos ? DkimForm::simple : form(std::string_view(*c).substr(slash + 1));
    if (!header_form || !body_form) return wrong(DkimFault::bad_tag, "c");
    one.header_form = *header_form;
    one.body_form = *body_form;
  }
  if (one.header_form == DkimForm::simple) one.said.warnings.push_back(DkimWarning::simple_form);
  if (const auto i = value("i")) {
    const auto at = i->rfind('@');
    if (at == std::string::npos) return wrong(DkimFault::bad_tag, "i");
    if (!within(std::string_view(*i).substr(at + 1), one.said.domain)) return wrong(DkimFault::identity, "i");
  }
  if (const auto q = value("q")) {
    const auto methods = dkim_list(*q);
    const bool known = std::ranges::any_of(methods, [](std::string_view m) { return iequals(m, "dns/txt"); });
    if (!known) return wrong(DkimFault::query_method, "q");
  }
  if (const auto l = value("l")) {
    one.said.body_octets = number(*l);
    if (!one.said.body_octets) return wrong(DkimFault::bad_tag, "l");
    one.said.warnings.push_back(DkimWarning::body_length);
  }
  const auto time = [](std::uint64_t seconds) {  // RFC 6376 asks for a year past 200,000
    return static_cast<std::int64_t>(std::min<std::uint64_t>(seconds, INT64_MAX));
  };
  if (const auto t = value("t")) {
    const auto seconds = number(*t);
    if (!seconds) return wrong(DkimFault::bad_tag, "t");
    one.said.signed_at = time(*seconds);
    if (*one.said.signed_at > now_seconds + clock_skew_seconds) one.said.warnings.push_back(DkimWarning::from_future);
  }
  if (const auto x = value("x")) {
    const auto seconds = number(*x);
    if (!seconds) return wrong(DkimFault::bad_tag, "x");
    one.said.expires = time(*seconds);
    if (one.said.signed_at && *one.said.expires <= *one.said.signed_at) return wrong(DkimFault::bad_tag, "x");
    if (*one.said.expires < now_seconds) return wrong(DkimFault::expired, "x", DkimResult::fail);
  }
  return true;
}

DkimVerifier::State::Hash& DkimVerifier::State::hash_of(const Case& one) {
  const auto found = std::ranges::find_if(
      hashes, [&](const Hash& hash) { return hash.form == one.body_form && hash.length == one.said.body_octets; });
  if (found != hashes.end()) return *found;
  hashes.push_back({one.body_form, one.said.body_octets, DkimBodyHash(one.body_form, one.said.body_octets), {}});
  return hashes.back();
}

DkimVerifier::DkimVerifier(std::string_view header, WallTime now) : state_(std::make_unique<State>()) {
  state_->header = std::string(header);
  state_->now_seconds = unix_microseconds(now) / 1'000'000;
  state_->fields = header_fields(state_->header);
  for (std::size_t i = 0; i < state_->fields.size() && state_->cases.size() < signatures_max; ++i) {
    if (!iequals(state_->fields[i].name, "DKIM-Signature")) continue;
    auto& one = state_->cases.emplace_back();
    one.field = i;
    state_->read(one);
  }
}

DkimVerifier::~DkimVerifier() = default;
DkimVerifier::DkimVerifier(DkimVerifier&&) noexcept = default;

void DkimVerifier::body(std::string_view octets) {
  POSTIL_ASSERT(!state_->body_ended);
  for (auto& hash : state_->hashes) hash.hash.feed(octets);
}

void DkimVerifier::end_of_body() {
  POSTIL_ASSERT(!state_->body_ended);
  state_->body_ended = true;
  for (auto& hash : state_->hashes) hash.value = hash.hash.finish();
  for (auto& one : state_->cases) {
    if (one.asked) continue;
    const auto& hash = state_->hash_of(one);
    if (one.said.body_octets && *one.said.body_octets > hash.hash.canonical_octets()) {
      State::stop(one, DkimResult::permerror, DkimFault::body_length, "l");
    } else if (hash.value != one.body_hash) {
      State::stop(one, DkimResult::fail, DkimFault::body_hash, "bh");
    }
  }
}

std::optional<std::string> DkimVerifier::next_question() const {
  POSTIL_ASSERT(state_->body_ended);
  const auto open = std::ranges::find(state_->cases, false, &State::Case::asked);
  if (open == state_->cases.end()) return {};
  return open->said.key_name;
}

void DkimVerifier::State::check_key(Case& one, const DkimKeyRecord& record) {
  one.said.key_bits = record.key.bits();
  if (record.testing) one.said.warnings.push_back(DkimWarning::testing);
  if (record.key.type() != one.type) {
    stop(one, DkimResult::permerror, DkimFault::key_type);
    return;
  }
  if (one.type == crypto::KeyType::rsa && record.key.bits() < dkim_key_bits_should) {
    one.said.warnings.push_back(DkimWarning::short_key);
  }
  const auto at = one.said.identity.rfind('@');
  if (record.exact_domain && at != std::string::npos && !iequals(one.said.identity.substr(at + 1), one.said.domain)) {
    stop(one, DkimResult::permerror, DkimFault::identity, "i");
    return;
  }
  const std::string text =
      signed_text(fields, one.field, one.header_form, one.said.signed_fields, one.b_begin, one.b_end);
  const bool good =
      record.key.verify(one.type == crypto::KeyType::ed25519 ? crypto::sha256(text) : text, one.signature);
  if (good) {
    one.said.result = DkimResult::pass;
    one.asked = true;
  } else {
    stop(one, DkimResult::fail, DkimFault::signature, "b");
  }
}

void DkimVerifier::answer(const dns::Answer& answer) {
  const auto name = next_question();
  POSTIL_ASSERT(name);
  for (auto& one : state_->cases) {
    if (one.asked || one.said.key_name != *name) continue;
    if (!answer.definite()) {
      State::stop(one, DkimResult::temperror, DkimFault::dns,
                  answer.detail.empty() ? std::string(dns::to_string(answer.status)) : answer.detail);
      continue;
    }
    // Of several records any may be the one [rfc6376 3.6.2.2]; the first that is meant as a key is tried until one
    // fits.
    State::stop(one, DkimResult::permerror, DkimFault::no_key);
    std::size_t tried = 0;
    for (const auto& data : answer.records) {
      const auto* text = std::get_if<dns::Text>(&data);
      if (text == nullptr || !looks_like_dkim_key(text->value)) continue;
      if (++tried > 4 || one.said.result == DkimResult::pass) break;
      auto record = parse_dkim_key(text->value);
      if (record) {
        one.said.warnings.erase(
            std::remove_if(one.said.warnings.begin(), one.said.warnings.end(),
                           [](DkimWarning w) { return w == DkimWarning::testing || w == DkimWarning::short_key; }),
            one.said.warnings.end());
        one.said.fault = DkimFault::none;
        one.said.detail.clear();
        one.said.key_problem.reset();
        state_->check_key(one, *record);
      } else if (tried == 1) {
        one.said.fault = DkimFault::key;
        one.said.detail = std::string(to_string(record.error().error));
        one.said.key_problem = record.error();
      }
    }
  }
}

std::vector<DkimSignature> DkimVerifier::results() const {
  std::vector<DkimSignature> out;
  for (const auto& one : state_->cases) out.push_back(one.said);
  return out;
}

}  // namespace postil::mailauth
