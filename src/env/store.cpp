#include "env/store.hpp"

namespace postil::env {

std::string_view to_string(StoreError error) {
  switch (error) {
    case StoreError::no_space:
      return "no_space";
    case StoreError::limit:
      return "limit";
    case StoreError::failed:
      return "failed";
    case StoreError::stopped:
      return "stopped";
    case StoreError::not_found:
      return "not_found";
    case StoreError::corrupt:
      return "corrupt";
  }
  return "failed";
}

}  // namespace postil::env
