// Next hops by configuration: which mail goes where, and how they are spoken to. Pure.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "delivery/services.hpp"

namespace postil::delivery {

// Where mail for the domain (small letters) goes in place of what DNS or the smarthost say; null: nowhere else. Into
// `routes`.
const Route* route_for(std::span<const Route> routes, std::string_view domain);
// The settings for mail that goes by the route. A login is the smarthost's alone; a Unix socket has no TLS.
std::shared_ptr<const Settings> settings_for(const Settings& settings, const Route& route);

}  // namespace postil::delivery
