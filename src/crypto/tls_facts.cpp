#include "crypto/tls_facts.hpp"

namespace postil::crypto {

std::string_view to_string(TlsFault fault) {
  switch (fault) {
    case TlsFault::none:
      return "none";
    case TlsFault::host_mismatch:
      return "host_mismatch";
    case TlsFault::not_trusted:
      return "not_trusted";
    case TlsFault::expired:
      return "expired";
    case TlsFault::dane_mismatch:
      return "dane_mismatch";
    case TlsFault::other:
      return "other";
  }
  return "other";
}

}  // namespace postil::crypto
