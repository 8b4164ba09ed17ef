#include "mailauth/dkim_key.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "address/path.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"

namespace postil::mailauth {
namespace {

bool lists(const DkimTags& tags, std::string_view tag, std::string_view wanted) {
  const auto* found = find_tag(tags, tag);
  if (found == nullptr) return false;
  return std::ranges::any_of(dkim_list(found->value), [&](std::string_view one) { return iequals(one, wanted); });
}

std::expected<crypto::KeyType, DkimKeyProblem> key_type(const DkimTags& tags) {
  const auto* k = find_tag(tags, "k");
  if (k == nullptr || iequals(k->value, "rsa")) return crypto::KeyType::rsa;
  if (iequals(k->value, "ed25519")) return crypto::KeyType::ed25519;
  return std::unexpected(DkimKeyProblem{DkimKeyError::key_type, k->position});
}

}  // namespace

std::string_view to_string(DkimKeyError error) {
  switch (error) {
    case DkimKeyError::tags:
      return "tags";
    case DkimKeyError::version:
      return "version";
    case DkimKeyError::no_key:
      return "no_key";
    case DkimKeyError::revoked:
      return "revoked";
    case DkimKeyError::key_type:
      return "key_type";
    case DkimKeyError::bad_base64:
      return "bad_base64";
    case DkimKeyError::bad_key:
      return "bad_key";
    case DkimKeyError::key_too_small:
      return "key_too_small";
    case DkimKeyError::hash:
      return "hash";
    case DkimKeyError::service:
      break;
  }
  return "service";
}

std::expected<DkimKeyRecord, DkimKeyProblem> parse_dkim_key(std::string_view record) {
  const auto wrong = [](DkimKeyError error, std::size_t position) {
    return std::unexpected(DkimKeyProblem{error, position});
  };
  const auto tags = parse_dkim_tags(record);
  if (!tags) {
    return std::unexpected(DkimKeyProblem{DkimKeyError::tags, tags.error().position, tags.error().error});
  }
  if (const auto* v = find_tag(*tags, "v"); v && (v->value != "DKIM1" || v != &tags->front())) {
    return wrong(DkimKeyError::version, v->position);
  }
  const auto* p = find_tag(*tags, "p");
  if (p == nullptr) return wrong(DkimKeyError::no_key, record.size());
  if (p->value.empty()) return wrong(DkimKeyError::revoked, p->position);
  if (const auto* h = find_tag(*tags, "h"); h && !lists(*tags, "h", "sha256")) {
    return wrong(DkimKeyError::hash, h->position);
  }
  if (const auto* s = find_tag(*tags, "s"); s && !lists(*tags, "s", "email") && !lists(*tags, "s", "*")) {
    return wrong(DkimKeyError::service, s->position);
  }
  const auto type = key_type(*tags);
  if (!type) return std::unexpected(type.error());
  const auto octets = crypto::base64_decode(without_white_space(p->value));
  if (!octets) return wrong(DkimKeyError::bad_base64, p->position);
  auto key = crypto::PublicKey::from_octets(*type, *octets);
  if (!key) return wrong(DkimKeyError::bad_key, p->position);
  if (*type == crypto::KeyType::rsa && key->bits() < dkim_key_bits_min) {
    return wrong(DkimKeyError::key_too_small, p->position);
  }
  const auto* n = find_tag(*tags, "n");
  return DkimKeyRecord{std::move(*key), lists(*tags, "t", "y"), lists(*tags, "t", "s"),
                       n ? std::string(n->value) : std::string()};
}

bool looks_like_dkim_key(std::string_view record) {
  const auto tags = parse_dkim_tags(record);
  if (!tags) return trim_folding(record).starts_with("v=DKIM1");
  return find_tag(*tags, "p") != nullptr || (!tags->empty() && tags->front().value == "DKIM1");
}

std::string dkim_key_name(std::string_view selector, std::string_view domain) {
  return fmt::format("{}._domainkey.{}", selector, domain);
}

bool valid_selector(std::string_view selector) {
  return selector.size() <= 200 && !has_8bit(selector) && address::valid_domain(selector);
}

std::string dkim_key_record(const crypto::PrivateKey& key) {
  return fmt::format("v=DKIM1; k={}; p={}", crypto::to_string(key.type()), crypto::base64_encode(key.public_octets()));
}

std::string dkim_zone_line(std::string_view name, std::string_view record) {
  constexpr std::size_t string_octets_max = 255;  // [rfc1035 3.3.14]
  std::string out = fmt::format("{}. IN TXT (", name);
  for (std::size_t at = 0; at < record.size(); at += string_octets_max) {
    out += fmt::format("\n  \"{}\"", record.substr(at, string_octets_max));
  }
  return out + " )";
}

}  // namespace postil::mailauth
