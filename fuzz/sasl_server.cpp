// links: sasl crypto
// Every mechanism with messages that a client made up. The first octet chooses the mechanism, the second the
// circumstances; messages are separated by 0xfe (not UTF-8, so no good message has one).
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "sasl/scram_keys.hpp"
#include "sasl/server.hpp"

using namespace postil;

namespace {

sasl::Credentials account(unsigned circumstances) {
  static const auto sha1 = sasl::make_scram_keys(crypto::Hash::sha1, "pencil", "0123456789abcdef", 4096);
  static const auto sha256 = sasl::make_scram_keys(crypto::Hash::sha256, "pencil", "0123456789abcdef", 4096);
  sasl::Credentials found{.exists = (circumstances & 1) != 0, .user = "user", .disabled = (circumstances & 2) != 0};
  if (circumstances & 4) found.scram_sha1 = sha1;
  if (circumstances & 4) found.scram_sha256 = sha256;
  if (circumstances & 8) found.password_hash = "$y$";
  if (circumstances & 16) found.mechanisms_off = {"PLAIN", "SCRAM-SHA-1"};
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto& mechanism = sasl::mechanisms()[data[0] % sasl::mechanisms().size()];
  const unsigned circumstances = data[1];
  const sasl::ServerContext context{
      .tls = true,
      .tls_facts = {.exporter = "exporter", .server_end_point = "end point", .peer_identity = "user"},
      .plus_offered = (circumstances & 32) != 0,
      .nonce = "3rfcNHYJY1ZVvWVs7j"};
  const auto server = sasl::make_server(mechanism, context);
  const auto messages = split({reinterpret_cast<const char*>(data) + 2, size - 2}, '\xfe');
  std::size_t next = 0;
  bool initial = (circumstances & 64) != 0;
  sasl::Step step = initial ? server->start(messages[next++]) : server->start(std::nullopt);
  for (;;) {
    if (std::holds_alternative<sasl::Challenge>(step)) {
      if (next == messages.size()) return 0;
      step = server->respond(messages[next++]);
    } else if (const auto* lookup = std::get_if<sasl::Lookup>(&step)) {
      POSTIL_ASSERT(!lookup->user.empty() && is_utf8(lookup->user));
      const bool available = (circumstances & 128) == 0;
      step = server->account(available ? sasl::LookupOutcome::answered : sasl::LookupOutcome::unavailable,
                             account(circumstances));
    } else if (const auto* verify = std::get_if<sasl::Verify>(&step)) {
      POSTIL_ASSERT(!verify->password_hash.empty() && !verify->password.empty());
      step = server->verified(verify->password == "pencil");
    } else {
      if (std::holds_alternative<sasl::Done>(step)) POSTIL_ASSERT((circumstances & 1) != 0 && (circumstances & 2) == 0);
      return 0;
    }
  }
}
