#include "cli/queue.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <istream>
#include <memory>
#include <ostream>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "cli/answer_text.hpp"
#include "cli/running_server.hpp"
#include "cli/story.hpp"
#include "cli/table.hpp"
#include "config/config.hpp"
#include "queue/reason.hpp"

namespace postil::cli {
namespace {

struct Options {
  ServerAt at;
  bool json = false, yes = false;
  std::string by = "reason";
  // the filter
  std::vector<std::string> ids;
  std::string site, sender, reason, older;
  bool held = false, all = false;
  std::uint32_t count = 100;
};

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array none;
  const auto* value = object.if_contains(key);
  return value && value->is_array() ? value->as_array() : none;
}

std::uint64_t count_of(const json::object& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_of(object, key).value_or(0)));
}

bool true_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_bool() && value->as_bool();
}

// "2026-11-22T10:02:11Z" to how long ago that was, "2h10m"; "" for none.
std::string age(const std::string& time, const i18n::Translator& tr) {
  std::tm parts{};
  if (::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return {};
  const auto ago = std::time(nullptr) - ::timegm(&parts);
  return short_duration(static_cast<std::uint64_t>(std::max<std::time_t>(0, ago)), tr);
}

// "550 5.1.1 no such user" to its codes, which tell the expert enough; other words stay.
std::string short_reply(const std::string& text) {
  return printable(text, 300);
}

class Queue {
 public:
  Queue(const Context& context, const Options& options) : context_(context), options_(options), tr_(context.tr) {}
  int summary();
  int ages(const json::object& answer);
  int list(bool compact);
  int show();
  int act(const std::string& action);

 private:
  std::expected<json::object, CallFailure> filter(bool all_by_default) const;
  CallFailure usage(std::string text) const { return {"usage", std::move(text), exit_usage}; }
  int tell(const CallFailure& failure) const { return tell_failure(context_, failure, options_.json, "queue"); }
  int as_json(json::object answer) const;
  std::string next_try(const json::object& row) const;
  std::string connections(const json::object& row) const;
  void tell_slowed(const json::array& rows);
  std::size_t cells() const { return context_.out_is_terminal ? terminal_cells() : 0; }
  void write_recipient(const json::object& recipient, bool with_end);
  void tell_held(const json::object& answer);
  bool confirmed() const;
  std::string text(std::string_view key, const i18n::Args& args = {}) const {
    return tr_.text("queue." + std::string(key), args);
  }

  const Context& context_;
  const Options& options_;
  const i18n::Translator& tr_;
};

std::expected<json::object, CallFailure> Queue::filter(bool all_by_default) const {
  json::object out;
  if (!options_.ids.empty()) {
    json::array ids;
    for (const auto& id : options_.ids) {
      if (!parse_message_id(id)) return std::unexpected(usage(text("error.id", {{"id", printable(id, 60)}})));
      ids.push_back(json::string(id));
    }
    out["ids"] = std::move(ids);
  }
  if (!options_.site.empty()) out["site"] = to_lower(options_.site);
  if (!options_.sender.empty()) out["sender"] = options_.sender;
  if (!options_.reason.empty()) {
    if (!queue::parse_reason(options_.reason)) {
      return std::unexpected(usage(text("error.reason", {{"reason", printable(options_.reason, 60)}})));
    }
    out["reason"] = options_.reason;
  }
  if (!options_.older.empty()) {
    const auto older = config::parse_duration(options_.older);
    if (!older) return std::unexpected(usage(text("error.older", {{"value", printable(options_.older, 60)}})));
    out["older_than"] = std::chrono::duration_cast<seconds>(*older).count();
  }
  if (options_.held) out["held"] = true;
  if (options_.all || (out.empty() && all_by_default)) out["all"] = true;
  if (out.empty()) return std::unexpected(usage(text("error.no_filter")));
  return out;
}

int Queue::as_json(json::object answer) const {
  answer["schema"] = "postil.queue/1";
  context_.out << answer << '\n';
  return exit_ok;
}

std::string Queue::next_try(const json::object& row) const {
  if (true_of(row, "held")) return text("held");
  if (true_of(row, "running")) return text("being_tried");
  const auto wait = number_of(row, "next_in");
  if (!wait) return {};
  return *wait <= 0 ? text("now") : short_duration(static_cast<std::uint64_t>(*wait), tr_);
}

int Queue::summary() {
  auto answer = call_server(context_, options_.at, {{"call", "queue.summary"}, {"by", options_.by}});
  if (!answer) return tell(answer.error());
  if (options_.json) return as_json(std::move(*answer));
  auto& out = context_.out;
  const auto* totals = answer->if_contains("totals");
  const json::object none;
  const json::object& sums = totals && totals->is_object() ? totals->as_object() : none;
  const auto messages = count_of(sums, "messages");
  const auto delivered = number_of(sums, "delivered_last_minute").value_or(0);
  const std::string pace = delivered > 0   ? " " + text("go_on", {{"rate", fmt::to_string(delivered)}})
                           : messages == 0 ? std::string()
                                           : " " + text("none_go_out");
  if (messages == 0) {
    out << text("empty") << pace << '\n';
    return exit_ok;
  }
  out << tr_.count("queue.waiting", messages, {{"age", age(string_of(sums, "oldest"), tr_)}}) << pace << '\n';
  if (const auto held = count_of(sums, "held")) out << tr_.count("queue.are_held", held) << '\n';
  if (options_.by == "age") return ages(*answer);
  const bool by_site = options_.by == "site";
  std::vector<Table::Column> columns = {{text("column.why"), false},   {text("column.messages"), true},
                                        {text("column.oldest"), true}, {text("column.next"), true},
                                        {text("column.where"), false}, {text("column.reply"), false}};
  if (by_site) {
    std::swap(columns[0], columns[4]);
    columns.insert(columns.begin() + 4, {text("column.connections"), true});
  }
  Table table(std::move(columns));
  for (const auto& item : array_in(*answer, "rows")) {
    if (!item.is_object()) continue;
    const auto& row = item.as_object();
    const auto sites = count_of(row, "sites");
    std::string where = string_of(row, "site");
    if (where.empty() || sites > 1) where = tr_.count("queue.domains", sites);
    std::string why = reason_label(string_of(row, "reason"), tr_);
    if (by_site) std::swap(where, why);
    std::vector<std::string> line = {
        why,   fmt::to_string(count_of(row, "messages")), age(string_of(row, "oldest"), tr_), next_try(row),
        where, short_reply(string_of(row, "last_reply"))};
    if (by_site) line.insert(line.begin() + 4, connections(row));
    table.add(std::move(line));
  }
  table.write(out, cells());
  if (by_site) tell_slowed(array_in(*answer, "rows"));
  if (context_.out_is_terminal) out << text("more", {{"program", context_.program_name}}) << '\n';
  return exit_ok;
}

// "3/20": in use, allowed now.
std::string Queue::connections(const json::object& row) const {
  const auto* pace = row.if_contains("pace");
  if (pace == nullptr || !pace->is_object()) return {};
  return fmt::format("{}/{}", count_of(pace->as_object(), "running"), count_of(pace->as_object(), "connections"));
}

// Why sites get less than they might.
void Queue::tell_slowed(const json::array& rows) {
  for (const auto& item : rows) {
    const auto* pace = item.is_object() ? item.as_object().if_contains("pace") : nullptr;
    if (pace == nullptr || !pace->is_object()) continue;
    const auto& told = pace->as_object();
    const auto* slowed = told.if_contains("slowed");
    if (slowed == nullptr || !slowed->is_bool() || !slowed->as_bool()) continue;
    const json::object* last = nullptr;  // the change that slowed it
    for (const auto& change : array_in(told, "changes")) {
      if (change.is_object() && string_of(change.as_object(), "cause") != "recovered") last = &change.as_object();
    }
    if (last == nullptr) continue;
    const auto* rate = told.if_contains("per_minute");
    const double per_minute = rate && rate->is_number() ? rate->to_number<double>() : 0;
    i18n::Args args{{"site", printable(string_of(item.as_object(), "site"), 255)},
                    {"connections", fmt::to_string(count_of(told, "connections"))},
                    {"limit", fmt::to_string(count_of(told, "connections_max"))},
                    {"rate", fmt::format("{:.3g}", per_minute)},
                    {"age", age(string_of(*last, "at"), tr_)},
                    {"remote", printable(string_of(*last, "remote"), 300)}};
    context_.out << '\n';
    const std::string said = text(per_minute > 0 ? "slowed_rate" : "slowed", std::move(args));
    write_lines(context_.out, {{"", said, printable(string_of(*last, "reply"), 400)}}, 0);
  }
}

// Domains by ages.
int Queue::ages(const json::object& answer) {
  std::vector<Table::Column> columns = {{text("column.where"), false}, {text("column.messages"), true}};
  for (const auto& bound : array_in(answer, "bounds")) {
    columns.push_back({"<" + short_duration(static_cast<std::uint64_t>(bound.to_number<std::int64_t>()), tr_), true});
  }
  columns.push_back({text("column.older"), true});
  const auto width = columns.size();
  Table table(std::move(columns));
  std::vector<std::uint64_t> sums(width - 1);
  std::vector<std::vector<std::string>> lines;
  for (const auto& item : array_in(answer, "rows")) {
    if (!item.is_object()) continue;
    const auto& row = item.as_object();
    std::vector<std::uint64_t> counts = {count_of(row, "messages")};
    for (const auto& one : array_in(row, "by_age")) counts.push_back(one.to_number<std::uint64_t>());
    counts.resize(width - 1);
    std::vector<std::string> line = {string_of(row, "site")};
    for (std::size_t i = 0; i < counts.size(); ++i) {
      sums[i] += counts[i];
      line.push_back(counts[i] == 0 ? std::string() : fmt::to_string(counts[i]));
    }
    lines.push_back(std::move(line));
  }
  if (lines.size() > 1) {
    std::vector<std::string> all = {text("all_domains")};
    for (const auto sum : sums) all.push_back(sum == 0 ? std::string() : fmt::to_string(sum));
    table.add(std::move(all));
  }
  for (auto& line : lines) table.add(std::move(line));
  table.write(context_.out, cells());
  return exit_ok;
}

int Queue::list(bool compact) {
  auto which = filter(true);
  if (!which) return tell(which.error());
  auto answer =
      call_server(context_, options_.at, {{"call", "queue.list"}, {"filter", *which}, {"count", options_.count}});
  if (!answer) return tell(answer.error());
  if (options_.json) return as_json(std::move(*answer));
  auto& out = context_.out;
  const auto& messages = array_in(*answer, "messages");
  if (messages.empty()) {
    out << text(which->contains("all") ? "empty" : "none_match") << '\n';
    return exit_ok;
  }
  Table table({{text("column.id"), false},
               {text("column.age"), true},
               {text("column.size"), true},
               {text("column.from"), false},
               {text("column.to"), false},
               {text("column.next"), true},
               {text("column.why"), false}});
  for (const auto& item : messages) {
    if (!item.is_object()) continue;
    const auto& message = item.as_object();
    const bool held = true_of(message, "held");
    bool first = true;
    std::size_t waiting = 0;
    for (const auto& r : array_in(message, "recipients")) waiting += string_of(r.as_object(), "status") == "waiting";
    for (const auto& r : array_in(message, "recipients")) {
      const auto& recipient = r.as_object();
      if (string_of(recipient, "status") != "waiting") continue;
      std::string to = string_of(recipient, "address");
      if (compact && waiting > 1) to += fmt::format(" (+{})", waiting - 1);
      const std::string sender = string_of(message, "sender");
      std::string why = reason_label(string_of(recipient, "reason"), tr_);
      if (const auto said = string_of(recipient, "diagnostic"); !said.empty() && !compact)
        why += ": " + short_reply(said);
      table.add({first ? string_of(message, "id") : " ", first ? age(string_of(message, "arrived"), tr_) : " ",
                 first ? short_size(count_of(message, "size")) : " ", first ? (sender.empty() ? "<>" : sender) : " ",
                 to, held ? text("held") : next_try(recipient), why});
      first = false;
      if (compact) break;
    }
  }
  table.write(out, cells());
  if (true_of(*answer, "more")) out << text("list_goes_on", {{"count", fmt::to_string(options_.count)}}) << '\n';
  return exit_ok;
}

// When all that waits of the message is given up; "" where the recipients differ.
std::string common_end(const json::object& message) {
  std::string out;
  for (const auto& item : array_in(message, "recipients")) {
    const std::string at = string_of(item.as_object(), "given_up_at");
    if (at.empty()) continue;
    if (!out.empty() && at != out) return {};
    out = at;
  }
  return out;
}

bool waits_for_release(const json::object& message) {
  return std::ranges::any_of(array_in(message, "recipients"), [](const json::value& recipient) {
    return string_of(recipient.as_object(), "reason") == queue::to_string(queue::Reason::held_by_sender);
  });
}

void Queue::write_recipient(const json::object& recipient, bool with_end) {
  const std::string status = string_of(recipient, "status");
  Rows rows;
  rows.add(string_of(recipient, "address"), text("status." + status));
  if (status == "waiting") {
    rows.add("", reason_label(string_of(recipient, "reason"), tr_));
    const auto next = next_try(recipient);
    if (!next.empty()) rows.add("", text("next_try", {{"wait", next}}));
  }
  if (const auto attempts = count_of(recipient, "attempts")) rows.add("", tr_.count("queue.attempts", attempts));
  if (with_end) rows.add(text("show.expires"), string_of(recipient, "given_up_at"));
  rows.add("", string_of(recipient, "remote"));
  rows.add("", printable(string_of(recipient, "diagnostic"), 1000));
  rows.write(context_.out);
}

int Queue::show() {
  const std::string& id = options_.ids.front();
  if (!parse_message_id(id)) return tell(usage(text("error.id", {{"id", printable(id, 60)}})));
  auto answer = call_server(context_, options_.at, {{"call", "queue.show"}, {"id", id}});
  if (!answer) return tell(answer.error());
  if (options_.json) return as_json(std::move(*answer));
  const auto* found = answer->if_contains("message");
  if (!found || !found->is_object()) return exit_software;
  const auto& message = found->as_object();
  auto& out = context_.out;
  const std::string sender = string_of(message, "sender");
  out << string_of(message, "id") << (true_of(message, "held") ? "  " + text("held") : std::string()) << "\n\n";
  Rows rows;
  rows.add(text("show.from"), sender.empty() ? "<>" : sender);
  rows.add(text("show.login"), string_of(message, "login"));
  rows.add(text("show.client"), string_of(message, "client"));
  rows.add(text("show.size"), short_size(count_of(message, "size")));
  rows.add(text("show.arrived"), string_of(message, "arrived"));
  if (waits_for_release(message)) rows.add(text("show.release"), string_of(message, "release"));
  // Hosts that refuse us are waited for less long than others: then each recipient has its own time.
  const std::string given_up = common_end(message);
  rows.add(text("show.expires"), given_up);
  rows.write(out);
  out << '\n';
  for (const auto& recipient : array_in(message, "recipients"))
    write_recipient(recipient.as_object(), given_up.empty());
  out << '\n';
  const std::string header = string_of(message, "header");
  for (const auto line : split(header, '\n')) {
    std::string shown(line.substr(0, line.find('\r')));
    std::ranges::replace(shown, '\t', ' ');
    if (!shown.empty()) out << "  " << printable(shown, 1000) << '\n';
  }
  return exit_ok;
}

bool Queue::confirmed() const {
  if (options_.yes) return true;
  if (options_.json || !context_.out_is_terminal || ::isatty(STDIN_FILENO) != 1) return false;
  context_.out << text("do_it") << ' ' << std::flush;
  std::string answer;
  std::getline(context_.in, answer);
  return !answer.empty() && (answer == text("yes_letter") || answer == "y" || answer == "yes");
}

int Queue::act(const std::string& action) {
  const auto which = filter(false);
  if (!which) return tell(which.error());
  json::object request{{"call", "queue.act"}, {"action", action}, {"filter", *which}, {"preview", true}};
  auto preview = call_server(context_, options_.at, request);
  if (!preview) return tell(preview.error());
  const auto count = array_in(*preview, "changed").size();
  if (count == 0) {
    const int code = options_.ids.empty() ? exit_ok : exit_finding;
    if (options_.json) {
      (*preview)["done"] = false;
      as_json(std::move(*preview));
    } else if (count_of(*preview, "held") + count_of(*preview, "later") > 0) {
      tell_held(*preview);
    } else {
      context_.out << text("none_match") << '\n';
    }
    return code;
  }
  if (!options_.json && !options_.yes) {
    context_.out << tr_.count("queue.would." + action, count) << '\n';
    std::size_t shown = 0;
    for (const auto& id : array_in(*preview, "changed")) {
      if (shown++ == 5) break;
      context_.out << "  " << std::string_view(id.as_string()) << '\n';
    }
    if (count > 5) context_.out << "  " << tr_.count("queue.and_others", count - 5) << '\n';
  }
  if (!options_.json && !options_.yes) tell_held(*preview);
  if (!confirmed()) {
    if (options_.json) {
      (*preview)["done"] = false;
      return as_json(std::move(*preview));
    }
    context_.out << text("nothing_done") << '\n';
    return exit_ok;
  }
  request.erase("preview");
  auto done = call_server(context_, options_.at, std::move(request), minutes(5));
  if (!done) return tell(done.error());
  if (options_.json) {
    (*done)["done"] = true;
    return as_json(std::move(*done));
  }
  context_.out << tr_.count("queue.done." + action, array_in(*done, "changed").size()) << '\n';
  tell_held(*done);
  return exit_ok;
}

// Those that "retry" leaves alone.
void Queue::tell_held(const json::object& answer) {
  const auto held = count_of(answer, "held");
  if (held > 0) context_.out << tr_.count("queue.stay_held", held, {{"program", context_.program_name}}) << '\n';
  const auto later = count_of(answer, "later");
  if (later > 0) context_.out << tr_.count("queue.stay_later", later, {{"program", context_.program_name}}) << '\n';
}

void add_filter(CLI::App& command, Options& options, const i18n::Translator& tr) {
  command.add_option("--id", options.ids, tr.text("queue.option.id"));
  command.add_option("--to-domain", options.site, tr.text("queue.option.to_domain"));
  command.add_option("--from", options.sender, tr.text("queue.option.from"));
  command.add_option("--reason", options.reason, tr.text("queue.option.reason"));
  command.add_option("--older", options.older, tr.text("queue.option.older"));
  command.add_flag("--held", options.held, tr.text("queue.option.held"));
  command.add_flag("--all", options.all, tr.text("queue.option.all"));
}

}  // namespace

int show_mail_queue(const Context& context, const ServerAt& at, bool as_json) {
  Options options;
  options.at = at;
  options.json = as_json;
  options.count = 10000;
  return Queue(context, options).list(true);
}

void add_queue(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* queue = app.add_subcommand("queue", tr.text("queue.about"));
  queue->require_subcommand(0, 1);
  queue->fallthrough();
  add_server_options(*queue, options->at, tr);
  queue->add_flag("--json", options->json, tr.text("cli.option.json"));
  queue->add_option("--by", options->by, tr.text("queue.option.by"))->check(CLI::IsMember({"reason", "site", "age"}));
  queue->callback([&chosen, options] {
    if (!chosen.run) chosen.run = [options](const Context& context) { return Queue(context, *options).summary(); };
  });

  auto* list = queue->add_subcommand("list", tr.text("queue.command.list"));
  add_filter(*list, *options, tr);
  list->add_option("--count", options->count, tr.text("queue.option.count"))->check(CLI::Range(1, 10000));
  list->callback([&chosen, options] {
    chosen.run = [options](const Context& context) { return Queue(context, *options).list(false); };
  });
  auto* show = queue->add_subcommand("show", tr.text("queue.command.show"));
  show->add_option("ID", options->ids, tr.text("queue.option.id"))->required()->expected(1);
  show->callback([&chosen, options] {
    chosen.run = [options](const Context& context) { return Queue(context, *options).show(); };
  });
  for (const std::string action : {"retry", "hold", "release", "return", "drop"}) {
    auto* command = queue->add_subcommand(action, tr.text("queue.command." + action));
    add_filter(*command, *options, tr);
    command->add_flag("--yes", options->yes, tr.text("queue.option.yes"));
    command->callback([&chosen, options, action] {
      chosen.run = [options, action](const Context& context) { return Queue(context, *options).act(action); };
    });
  }
  for (auto* each : queue->get_subcommands({})) {
    each->group(tr.text("cli.commands_heading"));
    for (auto* option : each->get_options()) option->type_name("");
  }
}

}  // namespace postil::cli
