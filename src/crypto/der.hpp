// Whether octets are one certificate or one public key in DER, and no more. By OpenSSL; for octets from anywhere.
#pragma once

#include <string_view>

namespace postil::crypto {

bool is_certificate(std::string_view der);  // X.509, with a public key that can be read
bool is_public_key(std::string_view der);   // SubjectPublicKeyInfo of an algorithm that OpenSSL knows

}  // namespace postil::crypto
