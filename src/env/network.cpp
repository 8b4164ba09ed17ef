#include "env/network.hpp"

#include <fmt/format.h>

namespace postil::env {

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.local()) return endpoint.address;
  if (endpoint.address.find(':') != std::string::npos) return fmt::format("[{}]:{}", endpoint.address, endpoint.port);
  return fmt::format("{}:{}", endpoint.address, endpoint.port);
}

std::string_view to_string(NetError error) {
  switch (error) {
    case NetError::closed:
      return "closed";
    case NetError::reset:
      return "reset";
    case NetError::refused:
      return "refused";
    case NetError::unreachable:
      return "unreachable";
    case NetError::timed_out:
      return "timed_out";
    case NetError::cancelled:
      return "cancelled";
    case NetError::tls:
      return "tls";
    case NetError::limit:
      return "limit";
    case NetError::address_in_use:
      return "address_in_use";
    case NetError::permission:
      return "permission";
    case NetError::other:
      return "other";
  }
  return "other";
}

}  // namespace postil::env
