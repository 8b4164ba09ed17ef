#include "cli/story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "i18n/columns.hpp"

namespace postil::cli {

std::string string_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_int64()) return {};
  return value->as_int64();
}

namespace {

bool begins_with_code(std::string_view text) {
  return text.size() >= 3 && text[0] >= '2' && text[0] <= '5' && is_digit(text[1]) && is_digit(text[2]) &&
         (text.size() == 3 || text[3] == ' ');
}

// "2026-11-22T10:02:11Z" beside a record: its time of the same day, or with its day.
std::string clock_of(const std::string& time, const json::object& record) {
  if (time.size() < 19) return printable(time, 40);
  const bool same_day = string_of(record, "time").starts_with(time.substr(0, 10));
  return (same_day ? "" : time.substr(0, 10) + ' ') + time.substr(11, 8);
}

class Teller {
 public:
  Teller(const i18n::Translator& tr, bool long_form, Envelope envelope) : tr_(tr), long_form_(long_form) {
    story_.envelope = std::move(envelope);
  }
  Story tell(const json::array& records);

 private:
  void accepted(const json::object& record);
  void connection(const json::object& record, const json::object* next);
  void connected(const json::object& record);
  void recipient(const json::object& record, std::string_view event);
  void pace(const json::object& record, bool slowed);
  std::string address(const json::object& record) const;
  void add(const json::object& record, std::string text, std::string remote = {});

  const i18n::Translator& tr_;
  bool long_form_;
  Story story_;
  std::string connected_to_, tls_;  // the newest connection
  bool any_failed_ = false, any_removed_ = false, unreported_ = false, finished_ = false;
};

void Teller::add(const json::object& record, std::string text, std::string remote) {
  const std::string time = string_of(record, "time");
  std::string clock = time.size() >= 20 ? time.substr(11) : time;
  if (clock.ends_with('Z')) clock.pop_back();
  story_.lines.push_back({std::move(clock), std::move(text), printable(remote, 1000)});
}

std::string Teller::address(const json::object& record) const {
  const auto index = number_of(record, "recipient").value_or(0);
  if (index >= 0 && static_cast<std::size_t>(index) < story_.envelope.recipients.size()) {
    return story_.envelope.recipients[static_cast<std::size_t>(index)];
  }
  return fmt::format("#{}", index + 1);
}

void Teller::accepted(const json::object& record) {
  story_.envelope.sender = string_of(record, "sender");
  story_.envelope.size_octets =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_of(record, "size").value_or(0)));
  const std::string list = string_of(record, "to");
  if (!list.empty()) story_.envelope.recipients.clear();
  for (const auto one : split(list, ' ')) {
    if (!one.empty()) story_.envelope.recipients.emplace_back(one);
  }
  const std::string login = string_of(record, "login");
  i18n::Args args{
      {"peer", string_of(record, "peer")}, {"login", login}, {"size", short_size(story_.envelope.size_octets)}};
  std::string told = tr_.text(login.empty() ? "trace.accepted" : "trace.accepted_login", args);
  const std::string later = string_of(record, "held_until");
  if (!later.empty()) told += " " + tr_.text("trace.leaves_later", {{"time", later}});
  add(record, std::move(told));
}

void Teller::connected(const json::object& record) {
  tls_ = string_of(record, "tls");
  connected_to_ = string_of(record, "remote");
  if (!long_form_) return;
  const std::string proven = string_of(record, "proven");
  const std::string key = tls_.empty()            ? "trace.connected"
                          : proven == "dane"      ? "trace.connected_dane"
                          : proven == "authority" ? "trace.connected_verified"
                                                  : "trace.connected_tls";
  add(record, tr_.text(key, {{"remote", connected_to_}, {"tls", tls_}}));
}

// What the recipients' result says again is told there.
void Teller::connection(const json::object& record, const json::object* next) {
  const std::string words = string_of(record, "reply");
  const bool told_next =
      next == nullptr || (string_of(*next, "event").starts_with("recipient.") && string_of(*next, "reply") == words);
  if (told_next && !long_form_) return;
  i18n::Args args{{"remote", string_of(record, "remote")}};
  const std::string event = string_of(record, "event");
  if (event == "host.put_off") {
    const auto count =
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, number_of(record, "recipients").value_or(1)));
    add(record, tr_.count("trace.put_off", count, args), words);
  } else if (event == "host.skipped") {
    args.emplace_back("time", clock_of(string_of(record, "said"), record));
    add(record, tr_.text("trace.host_skipped", args), words);
  } else {
    const bool by_name = !string_of(record, "remote").empty();  // or DNS, or we, had something against it
    add(record, tr_.text(by_name ? "trace.connection_failed" : "trace.host_not_asked", args), words);
  }
}

void Teller::recipient(const json::object& record, std::string_view event) {
  const std::string remote = string_of(record, "remote");
  const std::string words = string_of(record, "reply");
  const std::string reason = string_of(record, "reason");
  i18n::Args args{{"recipient", address(record)}, {"remote", remote}, {"status", string_of(record, "status")}};
  std::string text;
  if (event == "recipient.delivered") {
    const bool in_tls = !remote.empty() && remote == connected_to_ && !tls_.empty();
    args.emplace_back("tls", tls_);
    text = tr_.text(remote.empty() ? "trace.delivered_nowhere"
                    : in_tls       ? "trace.delivered_tls"
                                   : "trace.delivered",
                    args);
  } else if (event == "recipient.removed") {
    const bool back = reason == "returned_by_admin";
    (back ? any_failed_ : any_removed_) = true;
    if (back) {
      story_.last_reason = reason;
      story_.last_by_reply = false;
    }
    text = tr_.text("trace.removed", args);
  } else {
    if (reason == "expired" && story_.last_reason != reason) {
      story_.waited_for = story_.last_reason;
      story_.waited_status = story_.last_status;
    }
    story_.last_reply = words;
    story_.last_reason = reason;
    story_.last_status = string_of(record, "status");
    story_.last_by_reply = begins_with_code(words);
    const bool failed = event == "recipient.failed";
    any_failed_ = any_failed_ || failed;
    args.emplace_back("reason", reason_label(reason, tr_));
    const auto wait = number_of(record, "next_in_seconds");
    args.emplace_back("wait",
                      short_duration(static_cast<std::uint64_t>(std::max<std::int64_t>(0, wait.value_or(0))), tr_));
    text = tr_.text(failed ? "trace.failed" : "trace.deferred", args);
    const std::string said = string_of(record, "said");
    if (!remote.empty() && said.empty()) text += ' ' + tr_.text("trace.at_host", args);
    if (!remote.empty() && !said.empty()) {
      args.emplace_back("time", clock_of(said, record));
      text += ' ' + tr_.text("trace.host_skipped", args);
    }
  }
  add(record, std::move(text), words);
}

// The site asked for less, or takes more again.
void Teller::pace(const json::object& record, bool slowed) {
  const auto number = [&](const char* key) { return fmt::to_string(number_of(record, key).value_or(0)); };
  const bool rate = number_of(record, "per_minute").value_or(0) > 0;
  i18n::Args args{{"site", string_of(record, "site")},
                  {"remote", string_of(record, "remote")},
                  {"before", number("connections_before")},
                  {"connections", number("connections")},
                  {"rate", number("per_minute")}};
  const char* key = slowed ? (rate ? "trace.pace_slowed_rate" : "trace.pace_slowed")
                           : (rate ? "trace.pace_raised_rate" : "trace.pace_raised");
  add(record, tr_.text(key, std::move(args)), string_of(record, "reply"));
}

Story Teller::tell(const json::array& records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i].is_object()) continue;
    const auto& record = records[i].as_object();
    const std::string event = string_of(record, "event");
    const json::object* next =
        i + 1 < records.size() && records[i + 1].is_object() ? &records[i + 1].as_object() : nullptr;
    if (event == "message.accepted") {
      accepted(record);
    } else if (event == "connection.failed" || event == "host.skipped" || event == "host.put_off") {
      connection(record, next);
    } else if (event == "connection.opened") {
      connected(record);
    } else if (event == "message.signed") {
      if (long_form_) add(record, tr_.text("trace.signed", {{"keys", string_of(record, "keys")}}));
    } else if (event.starts_with("recipient.")) {
      recipient(record, event);
    } else if (event == "bounce.queued") {
      add(record,
          tr_.text("trace.bounce_queued", {{"sender", string_of(record, "to")}, {"id", string_of(record, "report")}}));
    } else if (event == "bounce.dropped") {
      unreported_ = true;
      add(record, tr_.text("trace.bounce_dropped"));
    } else if (event == "pace.slowed" || event == "pace.raised") {
      pace(record, event == "pace.slowed");
    } else if (event == "admin.action") {
      add(record, tr_.text("trace.admin", {{"action", string_of(record, "action")}}));
    } else if (event == "message.finished") {
      finished_ = true;
      if (long_form_) add(record, tr_.text("trace.finished"));
    }
  }
  if (finished_) {
    story_.end = any_failed_    ? (unreported_ ? MessageEnd::failed : MessageEnd::returned)
                 : any_removed_ ? MessageEnd::removed
                                : MessageEnd::delivered;
  }
  return std::move(story_);
}

}  // namespace

std::string reason_label(std::string_view word, const i18n::Translator& tr) {
  const std::string key = fmt::format("queue.reason.{}", word);
  return tr.has(key) ? tr.text(key) : printable(word, 60);
}

std::string short_duration(std::uint64_t seconds, const i18n::Translator& tr) {
  const auto whole = [](std::uint64_t n) { return fmt::to_string(n); };
  const std::uint64_t m = seconds / 60, h = m / 60, d = h / 24;
  if (seconds < 60) return tr.text("queue.age.s", {{"s", whole(seconds)}});
  if (m < 60) return tr.text("queue.age.m", {{"m", whole(m)}});
  if (h < 24 && m % 60 == 0) return tr.text("queue.age.h", {{"h", whole(h)}});
  if (h < 24) return tr.text("queue.age.hm", {{"h", whole(h)}, {"m", whole(m % 60)}});
  if (h % 24 == 0) return tr.text("queue.age.d", {{"d", whole(d)}});
  return tr.text("queue.age.dh", {{"d", whole(d)}, {"h", whole(h % 24)}});
}

std::string short_size(std::uint64_t octets) {
  if (octets < 1000) return fmt::format("{} B", octets);
  if (octets < 1000 * 1000) return fmt::format("{:.1f} kB", static_cast<double>(octets) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(octets) / 1e6);
}

Story tell_story(const json::array& records, const i18n::Translator& tr, bool long_form, Envelope envelope) {
  return Teller(tr, long_form, std::move(envelope)).tell(records);
}

void write_lines(std::ostream& out, const std::vector<StoryLine>& lines, std::size_t from) {
  constexpr std::size_t indent = 14;
  for (std::size_t i = from; i < lines.size(); ++i) {
    std::string start = i18n::pad(lines[i].time, indent);
    for (const auto& part : i18n::wrap(lines[i].text, line_cells_of(out) - indent)) {
      out << start << part << '\n';
      start.assign(indent, ' ');
    }
    if (lines[i].remote.empty()) continue;
    start.assign(indent, ' ');
    start += begins_with_code(lines[i].remote) ? "> " : "* ";  // the host's words, or ours
    for (const auto& part : i18n::wrap(lines[i].remote, line_cells_of(out) - indent - 2)) {
      out << start << part << '\n';
      start.assign(indent + 2, ' ');
    }
  }
}

}  // namespace postil::cli
