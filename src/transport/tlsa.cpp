#include "transport/tlsa.hpp"

#include <fmt/format.h>

#include <optional>

#include "crypto/der.hpp"

namespace postil::transport {
namespace {

std::optional<TlsaFault> fault_of(const dns::Tlsa& record) {
  if (record.usage <= 1) return TlsaFault::pkix_usage;
  if (record.usage > 3) return TlsaFault::usage;
  if (record.selector > 1) return TlsaFault::selector;
  switch (record.matching) {
    case 0:
      if (record.selector == 0 && !crypto::is_certificate(record.data)) return TlsaFault::no_certificate;
      if (record.selector == 1 && !crypto::is_public_key(record.data)) return TlsaFault::no_key;
      return {};
    case 1:
      return record.data.size() == 32 ? std::nullopt : std::optional(TlsaFault::digest_length);
    case 2:
      return record.data.size() == 64 ? std::nullopt : std::optional(TlsaFault::digest_length);
    default:
      return TlsaFault::matching;
  }
}

}  // namespace

std::string_view to_string(TlsaFault fault) {
  switch (fault) {
    case TlsaFault::pkix_usage:
      return "pkix_usage";
    case TlsaFault::usage:
      return "usage";
    case TlsaFault::selector:
      return "selector";
    case TlsaFault::matching:
      return "matching";
    case TlsaFault::digest_length:
      return "digest_length";
    case TlsaFault::no_certificate:
      return "no_certificate";
    case TlsaFault::no_key:
      return "no_key";
  }
  return "usage";
}

TlsaSet sort_tlsa(std::span<const dns::Data> records) {
  TlsaSet set;
  std::size_t seen = 0;
  for (const auto& data : records) {
    const auto* record = std::get_if<dns::Tlsa>(&data);
    if (record == nullptr) continue;
    if (++seen > tlsa_records_max) break;
    if (const auto fault = fault_of(*record)) {
      set.unusable.push_back({*record, *fault});
    } else {
      set.usable.push_back(*record);
    }
  }
  return set;
}

std::string to_text(const dns::Tlsa& record) {
  std::string text = fmt::format("{} {} {} ", record.usage, record.selector, record.matching);
  for (const char c : record.data) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace postil::transport
