#include "diagnose/reading.hpp"

namespace postil::diagnose {

std::string_view to_string(Input input) {
  switch (input) {
    case Input::reply:
      return "reply";
    case Input::log_line:
      return "log_line";
    case Input::bounce:
      return "bounce";
  }
  return "reply";
}

}  // namespace postil::diagnose
