#include "cli/follow.hpp"

#include <thread>

namespace postil::cli {

std::expected<Followed, CallFailure> follow_message(const Context& context, const ServerAt& at, const std::string& id,
                                                    Duration patience,
                                                    const std::function<void(const Story&, std::size_t)>& tell) {
  const auto end = std::chrono::steady_clock::now() + patience;
  Followed followed;
  std::size_t told = 0;
  for (;;) {
    auto answer = call_server(context, at, {{"call", "trace"}, {"id", id}}, seconds(5));
    // History is written behind: right after the 250 there may be nothing yet.
    if (!answer && answer.error().word != "not_found") return std::unexpected(std::move(answer.error()));
    if (answer) {
      if (const auto* records = answer->if_contains("records"); records && records->is_array()) {
        followed.records = records->as_array();
      }
      followed.story = tell_story(followed.records, context.tr, false);
      if (followed.story.lines.size() > told) {
        if (tell) tell(followed.story, told);
        told = followed.story.lines.size();
      }
      if (followed.story.end != MessageEnd::open) return followed;
    }
    if (std::chrono::steady_clock::now() >= end) return followed;
    std::this_thread::sleep_for(milliseconds(200));
  }
}

}  // namespace postil::cli
