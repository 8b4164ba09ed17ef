// What EHLO announces: the rows of extensions.def that are for servers, as far as they hold for this session now.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "message/date.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

enum class Extension : std::uint8_t {
#define EXTENSION(identifier, ...) identifier,
#define PROTOCOL(...)
#include "smtp/extensions.def"
#undef EXTENSION
#undef PROTOCOL
};

struct Announced {
  Extension id;
  std::string_view keyword;
  bool in;
};
constexpr Announced announced[] = {
#define EXTENSION(identifier, keyword, specification, in, ...) {Extension::identifier, keyword, in},
#define PROTOCOL(...)
#include "smtp/extensions.def"
#undef EXTENSION
#undef PROTOCOL
};

}  // namespace

std::vector<std::string> ServerSession::State::extensions() const {
  // What stands behind the keyword; nothing: it is not offered.
  const auto value = [this](Extension id) -> std::optional<std::string> {
    const auto only_if = [](bool holds) { return holds ? std::optional<std::string>("") : std::nullopt; };
    switch (id) {
      case Extension::size:
        return fmt::to_string(settings_->message_octets_max);
      case Extension::limits:  // [rfc9422 4.2]
        return fmt::format("RCPTMAX={}", settings_->recipients_max);
      case Extension::deliver_by:
        return fmt::to_string(settings_->by_seconds_min);
      case Extension::future_release:  // [rfc4865 3]
        if (settings_->hold_max <= Duration(0)) return std::nullopt;
        return fmt::format("{} {}", std::chrono::floor<seconds>(settings_->hold_max).count(),
                           message::rfc3339_date(wall() + settings_->hold_max));
      case Extension::starttls:
        return only_if(settings_->starttls && !tls_);  // [rfc3207 4.2]
      case Extension::requiretls:
        return only_if(tls_ != nullptr);  // [rfc8689 2]
      case Extension::auth: {
        const auto mechanisms = usable_mechanisms();
        if (mechanisms.empty()) return std::nullopt;
        return fmt::format("{}", fmt::join(mechanisms, " "));
      }
      case Extension::xclient:
        if (!xclient_allowed_) return std::nullopt;
        return std::string(xclient_attributes);
      default:
        return "";
    }
  };
  std::vector<std::string> list;
  for (const auto& row : announced) {
    const auto given = row.in ? value(row.id) : std::nullopt;
    if (!given) continue;
    list.push_back(given->empty() ? std::string(row.keyword) : fmt::format("{} {}", row.keyword, *given));
  }
  return list;
}

}  // namespace postil::smtp
