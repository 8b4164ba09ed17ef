// What becomes of a message that the demo has taken.
#include "cli/send_run.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <thread>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "cli/config_files.hpp"
#include "cli/follow.hpp"
#include "diagnose/explain.hpp"

namespace postil::cli {
namespace {

// The id in "250 2.0.0 queued, on disk, as 7Q3K-9F2M-4T8XB".
std::string id_in(const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    for (const auto word : split(line, ' ')) {
      if (word.size() == 15 && word[4] == '-' && parse_message_id(word)) return std::string(word);
    }
  }
  return {};
}

}  // namespace

std::set<std::string> files_in(const std::string& folder) {
  std::set<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) out.insert(entry.path().string());
  return out;
}

int Send::follow() {
  const auto* end = result_.last(Stage::message);
  const std::string id = end ? id_in(end->reply.lines) : std::string();
  if (id.empty()) return exit_ok;
  auto& out = context_.out;
  if (!options_.json) out << text("follow", {{"id", id}}) << '\n' << std::flush;
  const auto followed = follow_message(context_, {.config = {}, .socket = {}, .demo = true}, id, seconds(30),
                                       [&](const Story& story, std::size_t told) {
                                         if (options_.json) return;
                                         write_lines(out, story.lines, told);
                                         out.flush();
                                       });
  constexpr std::string_view words[] = {"open", "delivered", "returned", "failed", "removed"};
  json::object message{{"id", id}};
  if (!followed) {
    message["error"] = json::object{{"id", followed.error().word}, {"message", followed.error().text}};
    if (!options_.json) context_.err << followed.error().text << '\n';
    said_["message"] = std::move(message);
    return followed.error().exit_code;
  }
  const Story& story = followed->story;
  const std::string word(words[static_cast<std::size_t>(story.end)]);
  message["end"] = word;
  message["records"] = followed->records;
  said_["message"] = std::move(message);
  if (!options_.json) out << '\n' << text("end." + word, {{"program", context_.program_name}, {"id", id}}) << '\n';
  if (story.end == MessageEnd::returned) wait_for_bounce();
  tell_meaning(story);
  return story.end == MessageEnd::delivered ? exit_ok : story.end == MessageEnd::open ? exit_temporary : exit_refused;
}

// Of the refusal; where all went well, of the code that the demo was asked for: 354@demo.test asks for 354.
void Send::tell_meaning(const Story& story) {
  if (story.end != MessageEnd::delivered) {
    if (!options_.json) {
      context_.out << '\n';
      return write_meaning(context_.out, story, context_.tr);
    }
    const auto reply = diagnose::read_reply(story.last_reply);
    if (story.last_by_reply && reply) explain(*reply, Stage::any);
    return;
  }
  for (const auto& to : options_.to) {
    const std::string code = to.substr(0, to.find('@'));
    if (code.size() != 3 || !std::ranges::all_of(code, is_digit)) continue;
    const auto answer = diagnose::explain(code, Stage::any);
    if (!answer) continue;
    if (!options_.json) context_.out << '\n';
    show(*answer);
  }
}

void Send::wait_for_bounce() {
  for (int i = 0; i < 25; ++i) {
    for (const auto& file : files_in(inbox_)) {
      // A delay notice may have come before it.
      if (inbox_before_.contains(file) || read_file(file).value_or("").find("\nAction: failed") == std::string::npos) {
        continue;
      }
      said_["message"].as_object()["bounce"] = file;
      if (!options_.json) context_.out << text("bounce", {{"path", file}}) << '\n';
      return;
    }
    std::this_thread::sleep_for(milliseconds(200));
  }
}

}  // namespace postil::cli
