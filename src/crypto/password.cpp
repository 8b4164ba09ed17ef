#include "crypto/password.hpp"

#include <argon2.h>
#include <crypt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/digest.hpp"

namespace postil::crypto {
namespace {

// Argon2id as OWASP and RFC 9106 4 would have it for a server with many logins at once.
constexpr std::uint32_t argon2_passes = 2;
constexpr std::uint32_t argon2_memory_kib = 19 * 1024;
constexpr std::uint32_t argon2_lanes = 1;
constexpr std::size_t argon2_hash_octets = 32;
// A file may bring foreign hashes; these bound what one login can cost.
constexpr std::uint32_t argon2_memory_kib_max = 1024 * 1024;
constexpr std::uint32_t argon2_passes_max = 100;
constexpr std::size_t hash_octets_max = 384;  // CRYPT_OUTPUT_SIZE

constexpr std::array<std::string_view, 8> crypt_prefixes = {"$y$", "$gy$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$"};

bool hashable(std::string_view password) {
  return password.size() <= password_octets_max && password.find('\0') == std::string_view::npos;
}

bool is_crypt(std::string_view hash) {
  return std::ranges::any_of(crypt_prefixes, [hash](std::string_view prefix) { return hash.starts_with(prefix); });
}

// crypt_rn's workspace: 32 KiB, too much for the stack of a pool's thread, and it holds the password after the call.
struct Workspace {
  crypt_data data{};
  ~Workspace() { explicit_bzero(&data, sizeof data); }
};

std::string crypt_string(std::string_view password, std::string_view setting) {
  const auto work = std::make_unique<Workspace>();
  std::string phrase(password);
  const std::string set(setting);
  const char* result = crypt_rn(phrase.c_str(), set.c_str(), &work->data, sizeof work->data);
  wipe(phrase);
  return result == nullptr || result[0] == '*' ? std::string() : std::string(result);
}

// The number behind "m=" or "t=" of an argon2 string.
std::optional<std::uint32_t> argon2_cost(std::string_view hash, std::string_view name) {
  const auto at = hash.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint32_t value = 0;
  const char* begin = hash.data() + at + name.size();
  const auto [end, error] = std::from_chars(begin, hash.data() + hash.size(), value);
  if (error != std::errc() || end == begin) return std::nullopt;
  return value;
}

std::optional<argon2_type> argon2_kind(std::string_view hash) {
  std::optional<argon2_type> kind;
  if (hash.starts_with("$argon2id$")) kind = Argon2_id;
  if (hash.starts_with("$argon2i$")) kind = Argon2_i;
  if (!kind) return std::nullopt;
  const auto memory = argon2_cost(hash, "$m=");
  const auto passes = argon2_cost(hash, ",t=");
  if (!memory || *memory > argon2_memory_kib_max || !passes || *passes > argon2_passes_max) return std::nullopt;
  return kind;
}

std::string hash_argon2id(std::string_view password, std::string_view salt) {
  std::string out(argon2_encodedlen(argon2_passes, argon2_memory_kib, argon2_lanes,
                                    static_cast<std::uint32_t>(salt.size()), argon2_hash_octets, Argon2_id),
                  '\0');
  const int error =
      argon2id_hash_encoded(argon2_passes, argon2_memory_kib, argon2_lanes, password.data(), password.size(),
                            salt.data(), salt.size(), argon2_hash_octets, out.data(), out.size());
  if (error != ARGON2_OK) return {};
  out.resize(std::strlen(out.c_str()));
  return out;
}

// Where the hash proper begins, behind scheme, cost and salt.
std::size_t hash_begins(std::string_view hash) {
  constexpr std::size_t bcrypt_setting_octets = 29;  // no '$' between its salt and its hash
  if (hash.starts_with("$2")) return bcrypt_setting_octets;
  const auto dollar = hash.rfind('$');
  return dollar == std::string_view::npos ? hash.size() : dollar + 1;
}

}  // namespace

std::string hash_password(std::string_view password, std::string_view salt_random, Scheme scheme) {
  POSTIL_ASSERT(salt_random.size() == password_salt_octets);
  if (!hashable(password)) return {};
  if (scheme == Scheme::argon2id) return hash_argon2id(password, salt_random);
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  const char* made = crypt_gensalt_rn("$y$", 0, salt_random.data(), static_cast<int>(salt_random.size()),
                                      setting.data(), static_cast<int>(setting.size()));
  POSTIL_ASSERT(made != nullptr);
  return crypt_string(password, made);
}

bool known_hash(std::string_view hash) {
  if (hash.size() >= hash_octets_max || hash.find('\0') != std::string_view::npos) return false;
  if (hash.starts_with("$argon2")) return argon2_kind(hash).has_value();
  if (!is_crypt(hash) || hash_begins(hash) >= hash.size()) return false;
  // To libxcrypt, $5$ is "legacy": nothing to make, but what people bring with them.
  const int kind = crypt_checksalt(std::string(hash).c_str());
  return kind == CRYPT_SALT_OK || kind == CRYPT_SALT_METHOD_LEGACY;
}

bool verify_password(std::string_view hash, std::string_view password) {
  if (!hashable(password) || !known_hash(hash)) return false;
  if (const auto kind = argon2_kind(hash))
    return argon2_verify(std::string(hash).c_str(), password.data(), password.size(), *kind) == ARGON2_OK;
  const std::string made = crypt_string(password, hash);
  return !made.empty() && constant_time_equal(made, hash);
}

std::string unmatchable_hash(std::string_view like) {
  std::string hash(like);
  const std::size_t begin = hash_begins(hash);
  if (begin >= hash.size()) return dummy_hash();
  // Another first letter that every alphabet in use has. The password that gives `like` is then wrong, and to find
  // one that gives this means to break the hash.
  hash[begin] = hash[begin] == 'A' ? 'B' : 'A';
  return hash;
}

std::string dummy_hash() {
  // Not the hash of anything: its last part was written by hand.
  return "$y$j9T$PostilNobodyUsesThis00$NobodyHasThisPasswordNoOneAtAllNobodyDoesIt";
}

}  // namespace postil::crypto
