// The binary forms of envelope and state: docs/formats/spool.md, "Envelope and state".
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/assert.hpp"
#include "queue/envelope.hpp"

namespace postil::queue {
namespace {

static_assert(std::endian::native == std::endian::little, "the forms are little-endian");

constexpr std::uint8_t envelope_version =
    4;  // 1 had no body_hash, 2 no requiretls and tls_optional, 3 no release to priority
constexpr std::uint8_t state_version = 2;  // 1 had no diagnostic_time, last_reason and last_code
// What stands in a form besides its strings; a count that cannot be true is refused before memory is taken.
constexpr std::size_t recipient_octets_min = 4 + 4 + 1;
constexpr std::size_t state_octets_min = 4 + 1 + 1 + 5 + 2 + 1 + 8 + 8 + 4 + 4 + 1 + 8;  // of version 1
constexpr std::uint8_t reason_count = 0
#define REASON(identifier, text) +1
#include "queue/reason.def"
#undef REASON
    ;

class Writer {
 public:
  explicit Writer(std::size_t reserve) { out_.reserve(reserve); }
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  void number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void flag(bool value) { out_ += value ? '\1' : '\0'; }
  void time(WallTime value) { number(unix_microseconds(value)); }
  void text(std::string_view value) {
    POSTIL_ASSERT(value.size() <= std::numeric_limits<std::uint32_t>::max());
    number(static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }
  void code(reply::EnhancedCode value) {
    number(value.klass);
    number(value.subject);
    number(value.detail);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads on after a failure without harm: everything is zero then, and error() says what it was.
class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) {}
  template <class T>
  T number() {
    T value{};
    if (rest_.size() < sizeof value) {
      fail(CodecError::truncated);
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  bool flag() {
    const auto value = number<std::uint8_t>();
    if (value > 1) fail(CodecError::bad_value);
    return value == 1;
  }
  WallTime time() { return wall_from_microseconds(number<std::int64_t>()); }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (rest_.size() < size) {
      fail(CodecError::truncated);
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  template <class E>
  E choice(E last) {
    const auto value = number<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last)) {
      fail(CodecError::bad_value);
      return {};
    }
    return static_cast<E>(value);
  }
  // From -limit to limit.
  std::int8_t signed_within(std::int8_t limit) {
    const auto value = number<std::int8_t>();
    if (value < -limit || value > limit) fail(CodecError::bad_value);
    return value;
  }
  // How many things follow, each of at least `octets_min`.
  std::uint32_t count(std::size_t octets_min) {
    const auto value = number<std::uint32_t>();
    if (value > rest_.size() / octets_min) {
      fail(CodecError::truncated);
      return 0;
    }
    return value;
  }
  std::uint8_t version_octet(std::uint8_t newest) {
    const auto value = number<std::uint8_t>();
    if (failed_) return 0;
    if (value > newest) fail(CodecError::newer_version);
    if (value == 0) fail(CodecError::bad_value);
    return value;
  }
  reply::EnhancedCode code() {
    reply::EnhancedCode value;
    value.klass = number<std::uint8_t>();
    value.subject = number<std::uint16_t>();
    value.detail = number<std::uint16_t>();
    return value;
  }
  void end() {
    if (!rest_.empty()) fail(CodecError::bad_value);
  }
  bool failed() const { return failed_; }
  CodecError error() const { return error_; }

 private:
  void fail(CodecError error) {
    if (!failed_) error_ = error;
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool failed_ = false;
  CodecError error_{};
};

void write(Writer& out, const RecipientState& state) {
  out.number(state.index);
  out.number(static_cast<std::uint8_t>(state.status));
  out.number(static_cast<std::uint8_t>(state.reason));
  out.code(state.code);
  out.number(state.attempts);
  out.flag(state.delay_notified);
  out.time(state.last_attempt);
  out.time(state.next_attempt);
  out.text(state.remote);
  out.text(state.diagnostic);
  out.flag(state.diagnostic_remote);
  out.time(state.diagnostic_time);
  out.number(static_cast<std::uint8_t>(state.last_reason));
  out.code(state.last_code);
  out.time(state.refused_since);
}

RecipientState read_state(Reader& in, std::uint8_t version) {
  RecipientState state;
  state.index = in.number<std::uint32_t>();
  state.status = in.choice(RecipientStatus::removed);
  state.reason = in.choice(static_cast<Reason>(reason_count - 1));
  state.code = in.code();
  state.attempts = in.number<std::uint16_t>();
  state.delay_notified = in.flag();
  state.last_attempt = in.time();
  state.next_attempt = in.time();
  state.remote = in.text();
  state.diagnostic = in.text();
  state.diagnostic_remote = in.flag();
  if (version >= 2) {
    state.diagnostic_time = in.time();
    state.last_reason = in.choice(static_cast<Reason>(reason_count - 1));
    state.last_code = in.code();
  }
  state.refused_since = in.time();
  return state;
}

}  // namespace

std::string encode(const Envelope& envelope) {
  std::size_t size = 160 + envelope.sender.size() + envelope.envid.size() + envelope.login.size() +
                     envelope.client.size() + envelope.language.size();
  for (const auto& recipient : envelope.recipients) {
    size += recipient_octets_min + recipient.address.size() + recipient.original.size();
  }
  Writer out(size);
  out.number(envelope_version);
  out.number(envelope.id.value);
  out.number(static_cast<std::uint8_t>(envelope.kind));
  out.time(envelope.arrived);
  out.time(envelope.expires);
  out.text(envelope.sender);
  out.number(static_cast<std::uint32_t>(envelope.recipients.size()));
  for (const auto& recipient : envelope.recipients) {
    out.text(recipient.address);
    out.text(recipient.original);
    out.number(recipient.notify);
  }
  out.number(static_cast<std::uint8_t>(envelope.body));
  out.flag(envelope.smtputf8);
  out.number(static_cast<std::uint8_t>(envelope.ret));
  out.text(envelope.envid);
  out.flag(envelope.body_8bit);
  out.flag(envelope.header_utf8);
  out.number(envelope.size_octets);
  out.number(envelope.header_octets);
  out.text(envelope.login);
  out.text(envelope.client);
  out.text(envelope.language);
  out.number(envelope.report_of.value);
  out.text(envelope.body_hash);
  out.flag(envelope.requiretls);
  out.flag(envelope.tls_optional);
  out.time(envelope.release);
  out.text(envelope.hold_request);
  out.time(envelope.deliver_by);
  out.number(static_cast<std::uint8_t>(envelope.by));
  out.flag(envelope.by_trace);
  out.number(envelope.priority);
  return out.take();
}

std::expected<Envelope, CodecError> decode_envelope(std::string_view octets) {
  Reader in(octets);
  const auto version = in.version_octet(envelope_version);
  Envelope envelope;
  envelope.id.value = in.number<std::uint64_t>();
  envelope.kind = in.choice(Kind::tls_report);
  envelope.arrived = in.time();
  envelope.expires = in.time();
  envelope.sender = in.text();
  const auto count = in.count(recipient_octets_min);
  envelope.recipients.reserve(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    auto& recipient = envelope.recipients.emplace_back();
    recipient.address = in.text();
    recipient.original = in.text();
    recipient.notify = static_cast<std::uint8_t>(in.choice(static_cast<Notify>(15)));
  }
  envelope.body = in.choice(Body::binary);
  envelope.smtputf8 = in.flag();
  envelope.ret = in.choice(Return::headers);
  envelope.envid = in.text();
  envelope.body_8bit = in.flag();
  envelope.header_utf8 = in.flag();
  envelope.size_octets = in.number<std::uint64_t>();
  envelope.header_octets = in.number<std::uint32_t>();
  envelope.login = in.text();
  envelope.client = in.text();
  envelope.language = in.text();
  envelope.report_of.value = in.number<std::uint64_t>();
  if (version >= 2) envelope.body_hash = in.text();
  if (version >= 3) {
    envelope.requiretls = in.flag();
    envelope.tls_optional = in.flag();
  }
  if (version >= 4) {
    envelope.release = in.time();
    envelope.hold_request = in.text();
    envelope.deliver_by = in.time();
    envelope.by = in.choice(By::give_back);
    envelope.by_trace = in.flag();
    envelope.priority = in.signed_within(9);
  }
  in.end();
  if (in.failed()) return std::unexpected(in.error());
  return envelope;
}

std::string encode(const MessageState& state) {
  std::size_t size = 16;
  for (const auto& recipient : state.recipients) {
    size += state_octets_min + 14 + recipient.remote.size() + recipient.diagnostic.size();
  }
  Writer out(size);
  out.number(state_version);
  out.number(state.id.value);
  out.flag(state.held);
  out.number(static_cast<std::uint32_t>(state.recipients.size()));
  for (const auto& recipient : state.recipients) write(out, recipient);
  return out.take();
}

std::expected<MessageState, CodecError> decode_state(std::string_view octets) {
  Reader in(octets);
  const auto version = in.version_octet(state_version);
  MessageState state;
  state.id.value = in.number<std::uint64_t>();
  state.held = in.flag();
  const auto count = in.count(state_octets_min);
  state.recipients.reserve(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) state.recipients.push_back(read_state(in, version));
  in.end();
  if (in.failed()) return std::unexpected(in.error());
  return state;
}

}  // namespace postil::queue
