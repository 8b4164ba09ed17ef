#include "env/disk.hpp"

namespace postil::env {

std::string_view to_string(DiskError error) {
  switch (error) {
    case DiskError::no_space:
      return "no_space";
    case DiskError::io:
      return "io";
    case DiskError::not_found:
      return "not_found";
    case DiskError::exists:
      return "exists";
    case DiskError::busy:
      return "busy";
    case DiskError::permission:
      return "permission";
    case DiskError::limit:
      return "limit";
    case DiskError::other:
      return "other";
  }
  return "other";
}

}  // namespace postil::env
