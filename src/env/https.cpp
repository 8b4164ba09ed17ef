#include "env/https.hpp"

namespace postil::env {

std::string_view to_string(HttpsError error) {
  switch (error) {
    case HttpsError::no_address:
      return "no_address";
    case HttpsError::connect:
      return "connect";
    case HttpsError::timed_out:
      return "timed_out";
    case HttpsError::certificate:
      return "certificate";
    case HttpsError::tls:
      return "tls";
    case HttpsError::too_large:
      return "too_large";
    case HttpsError::protocol:
      return "protocol";
    case HttpsError::unavailable:
      return "unavailable";
  }
  return "unavailable";
}

}  // namespace postil::env
