// Follows a message of a running server to its end.
#pragma once

#include <functional>

#include "cli/running_server.hpp"
#include "cli/story.hpp"

namespace postil::cli {

struct Followed {
  Story story;
  json::array records;
};

// Asks for the message's events every 200 ms until no recipient waits any more or `patience` is over; then the story's
// end is `open`. tell: called with the story and the number of lines that were told before.
std::expected<Followed, CallFailure> follow_message(const Context& context, const ServerAt& at, const std::string& id,
                                                    Duration patience,
                                                    const std::function<void(const Story&, std::size_t)>& tell);

}  // namespace postil::cli
