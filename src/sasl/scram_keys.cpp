#include "sasl/scram_keys.hpp"

namespace postil::sasl {

ScramKeys make_scram_keys(crypto::Hash hash, std::string_view prepared_password, std::string_view salt,
                          int iterations) {
  std::string salted = crypto::pbkdf2(hash, prepared_password, salt, iterations);
  std::string client_key = crypto::hmac(hash, salted, "Client Key");
  ScramKeys keys{.salt = std::string(salt),
                 .iterations = iterations,
                 .stored_key = crypto::digest(hash, client_key),
                 .server_key = crypto::hmac(hash, salted, "Server Key")};
  crypto::wipe(salted);
  crypto::wipe(client_key);
  return keys;
}

}  // namespace postil::sasl
