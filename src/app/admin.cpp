#include "app/admin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/admin_json.hpp"
#include "app/app.hpp"
#include "queue/schedule.hpp"

namespace postil::app {

namespace json = control::json;
using control::failure;

namespace {

json::value seconds_json(const std::optional<Duration>& duration) {
  if (!duration) return nullptr;
  return std::chrono::duration_cast<seconds>(*duration).count();
}

bool true_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_bool() && value->as_bool();
}

// The filter of a request; an error names what cannot be read.
std::expected<queue::Filter, std::string> filter_of(const json::object& request) {
  queue::Filter filter;
  const auto* given = request.if_contains("filter");
  if (!given) return filter;
  if (!given->is_object()) return std::unexpected("filter must be an object");
  const auto& object = given->as_object();
  for (const auto& [key, value] : object) {
    if (key == "ids" && value.is_array()) {
      for (const auto& item : value.as_array()) {
        const auto id = item.is_string() ? parse_message_id(std::string_view(item.as_string())) : std::nullopt;
        if (!id) return std::unexpected("an id in filter.ids cannot be read");
        filter.ids.push_back(*id);
      }
    } else if (key == "site" && value.is_string()) {
      filter.site = std::string(value.as_string());
    } else if (key == "sender" && value.is_string()) {
      filter.sender = std::string(value.as_string());
    } else if (key == "reason" && value.is_string()) {
      filter.reason = queue::parse_reason(std::string_view(value.as_string()));
      if (!filter.reason) return std::unexpected("filter.reason is not known");
    } else if (key == "older_than" && value.is_int64()) {
      filter.older_than = seconds(value.as_int64());
    } else if (key == "held" && value.is_bool()) {
      filter.held = value.as_bool();
    } else if (key == "all" && value.is_bool()) {
      filter.all = value.as_bool();
    } else {
      return std::unexpected(fmt::format("filter.{} cannot be read", std::string_view(key)));
    }
  }
  return filter;
}

std::string_view status_word(queue::RecipientStatus status) {
  switch (status) {
    case queue::RecipientStatus::waiting:
      return "waiting";
    case queue::RecipientStatus::delivered:
      return "delivered";
    case queue::RecipientStatus::failed:
      return "failed";
    case queue::RecipientStatus::expired:
      return "expired";
    case queue::RecipientStatus::removed:
      return "removed";
  }
  return "waiting";
}

std::string_view kind_word(queue::Kind kind) {
  switch (kind) {
    case queue::Kind::mail:
      return "mail";
    case queue::Kind::bounce:
      return "bounce";
    case queue::Kind::delay_notice:
      return "delay_notice";
    case queue::Kind::success_report:
      return "success_report";
    case queue::Kind::tls_report:
      return "tls_report";
  }
  return "mail";
}

std::string_view job_word(smtp::Job job) {
  switch (job) {
    case smtp::Job::submission:
      return "submission";
    case smtp::Job::relay:
      return "relay";
    case smtp::Job::inbound:
      return "inbound";
    case smtp::Job::null_host:
      return "null";
    case smtp::Job::local:
      return "local";
  }
  return "submission";
}

json::object recipient_json(const queue::Recipient& recipient, const queue::RecipientState& state,
                            const std::vector<queue::Engine::Row>& rows, WallTime given_up_at) {
  json::object out{{"address", recipient.address},
                   {"status", status_word(state.status)},
                   {"reason", queue::to_string(state.reason)},
                   {"code", reply::to_string(state.code)},
                   {"attempts", state.attempts},
                   {"last_attempt", time_json(state.last_attempt)},
                   {"remote", state.remote},
                   {"diagnostic", state.diagnostic},
                   {"next_in", nullptr},
                   {"given_up_at", nullptr},
                   {"running", false}};
  if (state.status == queue::RecipientStatus::waiting) out["given_up_at"] = time_json(given_up_at);
  const auto row = std::ranges::find(rows, state.index, &queue::Engine::Row::index);
  if (row != rows.end()) {
    out["next_in"] = seconds_json(row->next_in);
    out["running"] = row->running;
    out["reason"] = queue::to_string(row->reason);
    out["attempts"] = row->attempts;
  }
  return out;
}

// What `postil queue` says above its table.
struct Sums {
  queue::Totals totals;
  std::uint64_t delivered_last_minute = 0;
};

Sums sums_of(const queue::Engine& engine, queue::Now now) {
  return {engine.totals(), engine.delivered_last_minute(now)};
}

json::object totals_json(const Sums& sums) {
  const queue::Totals& totals = sums.totals;
  return {{"messages", totals.messages},
          {"recipients", totals.recipients},
          {"held", totals.held},
          {"oldest", totals.messages ? time_json(totals.oldest) : nullptr},
          {"delivered_last_minute", sums.delivered_last_minute}};
}

double per_minute(double rate) {
  return std::round(rate * 60 * 100) / 100;
}

json::object change_json(const queue::PaceChange& change) {
  return {{"at", time_json(change.at)},
          {"cause", queue::to_string(change.cause)},
          {"connections_before", change.connections_before},
          {"connections", change.connections},
          {"per_minute_before", per_minute(change.rate_before)},
          {"per_minute", per_minute(change.rate)},
          {"remote", change.remote},
          {"reply", change.said}};
}

json::object pace_json(const queue::PaceRow& pace) {
  json::array changes, hosts;
  for (const auto& change : pace.changes) changes.push_back(change_json(change));
  for (const auto& host : pace.hosts) hosts.push_back(json::string(host));
  return {{"running", pace.running},
          {"connections", pace.connections},
          {"connections_max", pace.limits.connections},
          {"messages_per_connection", pace.limits.messages_per_connection},
          {"per_minute", per_minute(pace.messages_per_second)},
          {"per_minute_max", per_minute(pace.limits.messages_per_second)},
          {"slowed", pace.slowed},
          {"rule", pace.rule},
          {"hosts", std::move(hosts)},
          {"domains", pace.domains},
          {"changes", std::move(changes)}};
}

constexpr Duration age_bounds[] = {minutes(10), hours(1), hours(4), hours(12), hours(24), hours(48), hours(120)};

}  // namespace

env::Awaitable<json::object> Admin::handle(json::object request, control::Caller) {
  const std::string call = string_of(request, "call");
  json::object answer;
  if (call == "status") {
    answer = co_await status();
  } else if (call == "queue.summary") {
    answer = co_await summary(std::move(request));
  } else if (call == "queue.list") {
    answer = co_await list(std::move(request));
  } else if (call == "queue.show") {
    answer = co_await show(std::move(request));
  } else if (call == "queue.act") {
    answer = co_await act(std::move(request));
  } else if (call == "suppress.list") {
    answer = suppressed(request);
  } else if (call == "suppress.add" || call == "suppress.remove") {
    answer = co_await suppress(std::move(request), call == "suppress.add");
  } else if (call == "trace") {
    answer = co_await trace(std::move(request));
  } else if (call == "explain") {
    answer = co_await explain(std::move(request));
  } else if (call == "receipts") {
    answer = co_await receipts(std::move(request));
  } else if (call == "reload" && app_.extras().reload) {
    answer = co_await app_.extras().reload();
  } else if (call == "demo" && !app_.extras().demo.empty()) {
    answer = app_.extras().demo;
    answer["ok"] = true;
  } else {
    answer = failure("unknown_call", fmt::format("there is no call \"{}\"", call.substr(0, 64)));
  }
  co_return answer;
}

json::object Admin::tls_reports() const {
  const auto reports = app_.tls_reporter().summary();
  return {{"on", !app_.config().tls_reports.contact.empty()},
          {"domains", reports.domains},
          {"sessions", reports.sessions},
          {"failed", reports.failed},
          {"waiting", reports.waiting},
          {"sent", reports.sent},
          {"given_up", reports.given_up},
          {"dropped", reports.dropped},
          {"last_sent", time_json(reports.last_sent)}};
}

env::Awaitable<json::object> Admin::status() {
  const Sums sums = co_await app_.post_office().ask(sums_of);
  const queue::Totals& totals = sums.totals;
  json::array listeners;
  for (const auto& [plan, at] : app_.listening()) {
    listeners.push_back(
        json::object{{"address", to_string(at)}, {"job", job_word(plan.job)}, {"tls", plan.implicit_tls}});
  }
  json::array jobs;
  for (const auto& job : app_.config().jobs) jobs.push_back(json::string(job));
  const auto refuses = app_.store().refuses_mail();
  const auto up = std::chrono::duration_cast<seconds>(app_.ports().clock.now() - app_.started_at());
  co_return json::object{{"ok", true},
                         {"version", POSTIL_VERSION},
                         {"host", app_.config().host_name},
                         {"contact", app_.config().contact},
                         {"jobs", std::move(jobs)},
                         {"uptime", up.count()},
                         {"listeners", std::move(listeners)},
                         {"messages", totals.messages},
                         {"recipients", totals.recipients},
                         {"held", totals.held},
                         {"attempts", totals.attempts_running},
                         {"delivered_last_minute", sums.delivered_last_minute},
                         {"sessions", app_.registry().sessions()},
                         {"tls_reports", tls_reports()},
                         {"accepting", !refuses},
                         {"refusing", refuses ? json::value(env::to_string(*refuses)) : json::value(nullptr)}};
}

env::Awaitable<json::object> Admin::summary(json::object request) {
  const std::string by = string_of(request, "by");
  if (by == "age") {
    json::object by_age = co_await ages();
    co_return by_age;
  }
  if (!by.empty() && by != "reason" && by != "site") co_return failure("bad_request", "by is reason, site or age");
  struct View {
    Sums sums;
    std::vector<queue::GroupRow> rows;
    std::vector<std::optional<queue::PaceRow>> paces;  // of the rows, by site
  };
  auto read = [site = by == "site"](const queue::Engine& engine, queue::Now now) {
    View out{sums_of(engine, now), site ? engine.by_site(now) : engine.by_reason(now), {}};
    for (std::size_t i = 0; site && i < out.rows.size(); ++i) out.paces.push_back(engine.pace_of(out.rows[i].site));
    return out;
  };
  const View view = co_await app_.post_office().ask(read);
  json::array rows;
  for (std::size_t i = 0; i < view.rows.size(); ++i) {
    const auto& row = view.rows[i];
    json::object told{{"reason", queue::to_string(row.reason)},
                      {"site", row.site},
                      {"sites", row.sites},
                      {"messages", row.messages},
                      {"recipients", row.recipients},
                      {"oldest", time_json(row.oldest)},
                      {"next_in", seconds_json(row.next_in)},
                      {"last_reply", row.last_reply}};
    if (i < view.paces.size() && view.paces[i]) told["pace"] = pace_json(*view.paces[i]);
    rows.push_back(std::move(told));
  }
  co_return json::object{{"ok", true}, {"totals", totals_json(view.sums)}, {"rows", std::move(rows)}};
}

// Domains and ages: where much of one age stands in one row, something happened at that time.
env::Awaitable<json::object> Admin::ages() {
  struct View {
    Sums sums;
    std::vector<queue::AgeRow> rows;
  };
  auto read = [](const queue::Engine& engine, queue::Now now) {
    return View{sums_of(engine, now), engine.by_age(now, age_bounds, 1000)};
  };
  const View view = co_await app_.post_office().ask(read);
  json::array bounds;
  for (const auto bound : age_bounds) bounds.push_back(std::chrono::duration_cast<seconds>(bound).count());
  json::array rows;
  for (const auto& row : view.rows) {
    json::array counts(row.by_age.begin(), row.by_age.end());
    rows.push_back(json::object{{"site", row.site}, {"messages", row.messages}, {"by_age", std::move(counts)}});
  }
  co_return json::object{
      {"ok", true}, {"totals", totals_json(view.sums)}, {"bounds", std::move(bounds)}, {"rows", std::move(rows)}};
}

env::Awaitable<std::optional<json::object>> Admin::message(MessageId id) {
  const auto envelope = co_await app_.store().read_envelope(id);
  if (!envelope) co_return std::nullopt;
  const auto state = co_await app_.store().read_state(id);
  if (!state) co_return std::nullopt;
  auto read = [id](const queue::Engine& engine, queue::Now now) { return engine.rows(id, now); };
  const auto rows = co_await app_.post_office().ask(read);
  json::array recipients;
  bool held = state->held;
  for (const auto& row : rows) held = held || row.held;
  for (std::uint32_t i = 0; i < envelope->recipients.size(); ++i) {
    queue::RecipientState one;
    one.index = i;
    const auto found = std::ranges::find(state->recipients, i, &queue::RecipientState::index);
    if (found != state->recipients.end()) one = *found;
    const WallTime until = queue::given_up_at(*envelope, one, app_.config().deliver.refused_lifetime);
    recipients.push_back(recipient_json(envelope->recipients[i], one, rows, until));
  }
  co_return json::object{{"id", to_string(id)},
                         {"sender", envelope->sender},
                         {"login", envelope->login},
                         {"client", envelope->client},
                         {"size", envelope->size_octets},
                         {"arrived", time_json(envelope->arrived)},
                         {"expires", time_json(envelope->expires)},
                         {"held", held},
                         {"release", envelope->hold_request.empty() ? nullptr : time_json(envelope->release)},
                         {"kind", kind_word(envelope->kind)},
                         {"recipients", std::move(recipients)}};
}

env::Awaitable<json::object> Admin::list(json::object request) {
  const auto filter = filter_of(request);
  if (!filter) co_return failure("bad_request", filter.error());
  const auto count = std::clamp<std::int64_t>(number_of(request, "count").value_or(100), 1, 10000);
  const auto after = parse_message_id(string_of(request, "after")).value_or(MessageId{});
  auto read = [which = *filter](const queue::Engine& engine, queue::Now now) {
    return engine.select(which, now, 10'000'000);
  };
  std::vector<MessageId> ids = co_await app_.post_office().ask(std::move(read));
  std::ranges::sort(ids);
  const auto from = std::ranges::upper_bound(ids, after);
  json::array messages;
  bool more = false;
  for (auto it = from; it != ids.end(); ++it) {
    if (messages.size() >= static_cast<std::size_t>(count)) {
      more = true;
      break;
    }
    auto one = co_await message(*it);
    if (one) messages.push_back(std::move(*one));
  }
  co_return json::object{{"ok", true}, {"messages", std::move(messages)}, {"more", more}};
}

env::Awaitable<json::object> Admin::show(json::object request) {
  const auto id = parse_message_id(string_of(request, "id"));
  if (!id) co_return failure("bad_request", "id cannot be read");
  auto found = co_await message(*id);
  if (!found) co_return failure("not_found", "no such message in the queue");
  const auto envelope = co_await app_.store().read_envelope(*id);
  std::string header;
  if (envelope) {
    auto octets = co_await app_.store().read_body(*id, 0, std::min<std::size_t>(envelope->header_octets, 64 * 1024));
    if (octets) header = std::move(*octets);
  }
  (*found)["header"] = header;
  co_return json::object{{"ok", true}, {"message", std::move(*found)}};
}

env::Awaitable<json::object> Admin::act(json::object request) {
  const auto filter = filter_of(request);
  if (!filter) co_return failure("bad_request", filter.error());
  using Action = queue::Admin::Action;
  const std::pair<std::string_view, Action> words[] = {{"retry", Action::retry},
                                                       {"hold", Action::hold},
                                                       {"release", Action::release},
                                                       {"return", Action::return_to_sender},
                                                       {"drop", Action::drop}};
  const std::string word = string_of(request, "action");
  const auto action = std::ranges::find(words, word, &std::pair<std::string_view, Action>::first);
  if (action == std::end(words)) co_return failure("bad_request", "action is retry, hold, release, return or drop");
  struct View {
    std::vector<MessageId> ids;
    std::uint64_t held = 0, later = 0;  // are not tried: held by an admin, or to leave later
  };
  auto read = [which = *filter, what = action->second](const queue::Engine& engine, queue::Now now) {
    std::vector<MessageId> found = engine.select(which, now, 1'000'000);
    const std::size_t all = found.size();
    const std::uint64_t later = what == Action::retry ? engine.leave_later(found) : 0;
    View out{engine.changed_by(what, std::move(found)), all - later, later};
    out.held -= out.ids.size();
    return out;
  };
  View view = co_await app_.post_office().ask(std::move(read));
  if (!true_of(request, "preview")) view.ids = co_await app_.post_office().act(action->second, *filter);
  json::array changed;
  for (const auto id : view.ids) changed.push_back(json::string(to_string(id)));
  co_return json::object{{"ok", true}, {"changed", std::move(changed)}, {"held", view.held}, {"later", view.later}};
}

}  // namespace postil::app
