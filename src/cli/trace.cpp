#include "cli/trace.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <sstream>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "cli/answer_text.hpp"
#include "cli/running_server.hpp"
#include "cli/story.hpp"
#include "diagnose/explain.hpp"
#include "diagnose/json.hpp"
#include "i18n/columns.hpp"

namespace postil::cli {
namespace {

using knowledge::Stage;

struct Options {
  ServerAt at;
  std::string id;
  bool json = false, long_form = false;
};

const json::object* object_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_object() ? &value->as_object() : nullptr;
}

const json::array* array_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_array() ? &value->as_array() : nullptr;
}

// What the queue still knows of the envelope, for what the trace does not say.
Envelope envelope_of(const json::object* message) {
  Envelope out;
  if (message == nullptr) return out;
  out.sender = string_of(*message, "sender");
  out.size_octets = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_of(*message, "size").value_or(0)));
  if (const auto* recipients = array_in(*message, "recipients")) {
    for (const auto& one : *recipients) {
      if (one.is_object()) out.recipients.push_back(string_of(one.as_object(), "address"));
    }
  }
  return out;
}

std::string end_word(MessageEnd end) {
  constexpr std::string_view words[] = {"open", "delivered", "returned", "failed", "removed"};
  return std::string(words[static_cast<std::size_t>(end)]);
}

// The queue knows nothing of it any more, and no record tells of its end: the server was killed before it was written.
bool end_unrecorded(const Story& story, const json::object* message) {
  return message == nullptr && story.end == MessageEnd::open;
}

void write_head(std::ostream& out, const std::string& id, const Story& story, bool unrecorded,
                const i18n::Translator& tr) {
  std::string to = story.envelope.recipients.empty() ? "?" : story.envelope.recipients.front();
  if (story.envelope.recipients.size() > 1) to += fmt::format(" (+{})", story.envelope.recipients.size() - 1);
  std::string head = fmt::format("{}  {} -> {}", id, story.envelope.sender.empty() ? "<>" : story.envelope.sender, to);
  if (story.envelope.size_octets > 0) head += "  " + short_size(story.envelope.size_octets);
  const std::string state = tr.text("trace.state." + (unrecorded ? std::string("unrecorded") : end_word(story.end)));
  const auto used = i18n::width_cells(head) + i18n::width_cells(state);
  const auto cells = line_cells_of(out);
  out << head << std::string(used + 3 <= cells ? cells - used : 3, ' ') << state << '\n';
}

int show_message(const Context& context, const std::string& id, const json::array& records, const json::object* message,
                 bool long_form) {
  const Story story = tell_story(records, context.tr, long_form, envelope_of(message));
  const bool unrecorded = end_unrecorded(story, message);
  write_head(context.out, id, story, unrecorded, context.tr);
  write_lines(context.out, story.lines, 0);
  if (unrecorded) {
    context.out << '\n';
    write_paragraph(context.out, context.tr.text("trace.unrecorded"));
  } else {
    std::ostringstream meaning;
    meaning.copyfmt(context.out);  // with the terminal's width
    write_meaning(meaning, story, context.tr);
    if (!meaning.str().empty()) context.out << '\n' << meaning.str();
  }
  return exit_ok;
}

// A refusal of our own: what was answered to whom, and which rule decided.
int show_receipt(const Context& context, const std::string& id, const json::object& told, const json::object& receipt) {
  const auto& tr = context.tr;
  const auto* setting = object_in(told, "setting");
  const auto* repeats = object_in(told, "repeats");
  const std::string reply = string_of(receipt, "reply");
  const std::string first = string_of(receipt, "time");
  const auto number = repeats ? number_of(*repeats, "number").value_or(1) : 1;
  context.out << id << (number > 1 ? "" : "  " + first) << "\n\n";
  Rows rows;
  for (const std::string_view key : {"peer", "login", "helo", "sender", "recipient"}) {
    rows.add(tr.text(fmt::format("trace.receipt.{}", key)), printable(string_of(receipt, key), 400));
  }
  if (setting != nullptr) {
    const std::string value = string_of(*setting, "value");
    const std::string place = string_of(*setting, "place");
    rows.add(tr.text("trace.receipt.rule"), string_of(*setting, "key") + (value.empty() ? "" : " = " + value));
    rows.add(tr.text("trace.receipt.place"), place == "default" ? tr.text("config.from_default") : place);
  } else {
    rows.add(tr.text("trace.receipt.rule"), tr.text("trace.receipt.protocol"));
  }
  if (repeats != nullptr) {
    rows.add(tr.text("trace.receipt.count"),
             tr.text("trace.receipt.repeats", {{"number", fmt::to_string(number)},
                                               {"count", fmt::to_string(number_of(*repeats, "count").value_or(1))},
                                               {"first", first},
                                               {"last", string_of(*repeats, "last")}}));
  }
  rows.write(context.out);
  if (!rows.empty()) context.out << '\n';
  const auto stage = knowledge::find_stage(string_of(receipt, "stage")).value_or(Stage::any);
  const auto answer = diagnose::explain_receipt(string_of(receipt, "key"), reply, stage);
  if (answer) write_answer_head(context.out, *answer, tr, false);
  return exit_ok;
}

int run_trace(const Context& context, const Options& options) {
  if (!parse_message_id(options.id) && !parse_receipt_id(options.id)) {
    const std::string said = context.tr.text("trace.bad_id", {{"id", printable(options.id, 60)}});
    return tell_failure(context, {"usage", said, exit_usage}, options.json, "trace");
  }
  const auto answer = call_server(context, options.at, {{"call", "explain"}, {"id", options.id}});
  if (!answer) return tell_failure(context, answer.error(), options.json, "trace");
  if (options.json) {
    json::object said = *answer;
    if (const auto* records = array_in(*answer, "records")) {
      const Story story = tell_story(*records, context.tr, false);
      const bool unrecorded = end_unrecorded(story, object_in(*answer, "message"));
      said["end"] = unrecorded ? "unrecorded" : end_word(story.end);
    }
    said["schema"] = "postil.trace/1";
    said["id"] = options.id;
    context.out << said << '\n';
    return exit_ok;
  }
  if (const auto* receipt = object_in(*answer, "receipt")) return show_receipt(context, options.id, *answer, *receipt);
  const auto* records = array_in(*answer, "records");
  return show_message(context, options.id, records ? *records : json::array(), object_in(*answer, "message"),
                      options.long_form);
}

json::object explained(const json::object& answer, const Context& context) {
  json::object out = answer;
  std::string reply, key;
  if (const auto* receipt = object_in(answer, "receipt")) {
    reply = string_of(*receipt, "reply");
    key = string_of(*receipt, "key");
  } else if (const auto* records = array_in(answer, "records")) {
    const Story story = tell_story(*records, context.tr, false);
    const bool unrecorded = end_unrecorded(story, object_in(answer, "message"));
    out["end"] = unrecorded ? "unrecorded" : end_word(story.end);
    if (story.last_by_reply && !unrecorded && story.end != MessageEnd::delivered) reply = story.last_reply;
  }
  if (reply.empty()) return out;
  if (const auto known = diagnose::explain_receipt(key, reply)) {
    out["explanation"] = json::parse(diagnose::to_json(*known, context.tr));
  }
  return out;
}

}  // namespace

int explain_running(const Context& context, const ServerAt& at, const std::string& id, bool as_json) {
  auto answer = call_server(context, at, {{"call", "explain"}, {"id", id}});
  if (!answer && answer.error().word == "not_running" && at.config.empty() && at.socket.empty() && !at.demo) {
    auto demo = call_server(context, {.config = {}, .socket = {}, .demo = true}, {{"call", "explain"}, {"id", id}});
    if (demo || demo.error().word != "not_running") answer = std::move(demo);
  }
  if (!answer) return tell_failure(context, answer.error(), as_json, "explain");
  if (as_json) {
    json::object said = explained(*answer, context);
    said["schema"] = "postil.explain-id/1";
    said["id"] = id;
    context.out << said << '\n';
    return exit_ok;
  }
  if (const auto* receipt = object_in(*answer, "receipt")) return show_receipt(context, id, *answer, *receipt);
  const auto* records = array_in(*answer, "records");
  return show_message(context, id, records ? *records : json::array(), object_in(*answer, "message"), false);
}

void add_trace(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("trace", tr.text("trace.about"));
  sub->add_option("ID", options->id, tr.text("trace.option.id"))->required();
  add_server_options(*sub, options->at, tr);
  sub->add_flag("--long", options->long_form, tr.text("cli.option.long"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->callback(
      [options, &chosen] { chosen.run = [options](const Context& context) { return run_trace(context, *options); }; });
}

}  // namespace postil::cli
