// The calls of the control API about what was: traces, receipts, the suppression list.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "address/path.hpp"
#include "app/admin.hpp"
#include "app/admin_json.hpp"
#include "app/app.hpp"

namespace postil::app {

namespace json = control::json;
using control::failure;

namespace {

json::value repeats_json(const std::optional<history::Repeats>& repeats) {
  if (!repeats) return nullptr;
  return json::object{{"number", repeats->number}, {"count", repeats->count}, {"last", time_json(repeats->last)}};
}

json::array parsed(const std::vector<std::string>& lines) {
  json::array out;
  for (const auto& line : lines) {
    boost::system::error_code error;
    json::value value = json::parse(line, error);
    if (!error) out.push_back(std::move(value));
  }
  return out;
}

// Where it is set: a table (the aliases) where its first entry stands.
std::string place_of(const config::Config& config, const std::string& rule) {
  std::string first = config.place(rule);
  if (config::find_key(rule) != nullptr) return first;
  std::optional<std::int64_t> least;
  for (const auto& [key, place] : config.places) {
    const auto colon = place.rfind(':');
    if (!key.starts_with(rule + ".") || colon == std::string::npos) continue;
    const auto line = std::strtoll(place.c_str() + colon + 1, nullptr, 10);
    if (least && *least <= line) continue;
    least = line;
    first = place;
  }
  return first;
}

}  // namespace

json::object Admin::suppressed(const json::object& request) {
  auto* list = app_.suppressions();
  if (list == nullptr) return failure("unknown_call", "this server sends no mail");
  const auto count =
      static_cast<std::size_t>(std::clamp<std::int64_t>(number_of(request, "count").value_or(1000), 1, 10000));
  const auto found = list->list(string_of(request, "after"), count + 1, app_.ports().clock.wall());
  json::array addresses;
  for (std::size_t i = 0; i < std::min(found.size(), count); ++i) {
    const auto& one = found[i];
    addresses.push_back(json::object{{"address", one.address},
                                     {"since", time_json(one.since)},
                                     {"until", time_json(one.until)},
                                     {"by", one.by_hand ? "hand" : "reply"},
                                     {"why", one.why}});
  }
  return {{"ok", true}, {"addresses", std::move(addresses)}, {"more", found.size() > count}};
}

env::Awaitable<json::object> Admin::suppress(json::object request, bool add) {
  auto* list = app_.suppressions();
  if (list == nullptr) co_return failure("unknown_call", "this server sends no mail");
  const auto* given = request.if_contains("addresses");
  if (given == nullptr || !given->is_array()) co_return failure("bad_request", "addresses is a list");
  const std::string why = string_of(request, "why");
  json::array changed, unchanged;
  for (const auto& item : given->as_array()) {
    const std::string_view text = item.is_string() ? std::string_view(item.as_string()) : std::string_view();
    const auto path = address::parse_address(text, true);
    if (!path || path->domain.empty()) co_return failure("bad_request", "an address cannot be read");
    const std::string address = path->address;
    history::Suppressed one{address, app_.ports().clock.wall(), {}, true, why};
    auto change = history::Suppressions::Change::nothing;
    if (add) {
      change = co_await list->add(std::move(one));
    } else {
      change = co_await list->remove(address);
    }
    if (change == history::Suppressions::Change::not_durable) co_return failure("disk", "the disk does not take it");
    if (change == history::Suppressions::Change::full) co_return failure("full", "the list is full");
    const bool done = change == history::Suppressions::Change::done;
    (done ? changed : unchanged).push_back(json::string(address));
  }
  co_return json::object{{"ok", true}, {"changed", std::move(changed)}, {"unchanged", std::move(unchanged)}};
}

env::Awaitable<json::object> Admin::trace(json::object request) {
  const auto id = parse_message_id(string_of(request, "id"));
  if (!id) co_return failure("bad_request", "id cannot be read");
  const std::vector<std::string> lines = co_await app_.history().find(*id);
  if (lines.empty()) {
    const auto known = co_await app_.store().read_envelope(*id);
    if (!known) co_return failure("not_found", "nothing is known of this message");
  }
  co_return json::object{{"ok", true}, {"records", parsed(lines)}};
}

// The setting that decided, as it is now; null where none did.
json::value Admin::setting(const std::string& rule) const {
  if (rule.empty()) return nullptr;
  json::object out{{"key", rule}};
  if (const auto* key = config::find_key(rule)) out["value"] = key->shown(app_.config());
  const std::string place = place_of(app_.config(), rule);
  if (place != "default" || out.contains("value")) out["place"] = place;  // else it is no setting
  return out;
}

env::Awaitable<json::object> Admin::explain(json::object request) {
  const std::string text = string_of(request, "id");
  if (const auto receipt = parse_receipt_id(text)) {
    const std::vector<std::string> lines = co_await app_.history().find(*receipt);
    json::array records = parsed(lines);
    if (records.empty()) co_return failure("not_found", "no such receipt");
    json::object told{{"ok", true}, {"kind", "receipt"}, {"receipt", records.front()}, {"setting", nullptr}};
    if (records.front().is_object()) told["setting"] = setting(string_of(records.front().as_object(), "rule"));
    const auto repeats = co_await app_.history().repeats_of(*receipt);
    told["repeats"] = repeats_json(repeats);
    co_return told;
  }
  const auto id = parse_message_id(text);
  if (!id) co_return failure("bad_request", "id cannot be read");
  // In this order: a message that ends in between has its end on record.
  auto found = co_await message(*id);
  const std::vector<std::string> lines = co_await app_.history().find(*id);
  if (!found && lines.empty()) co_return failure("not_found", "nothing is known of this message");
  json::object answer{{"ok", true}, {"kind", "message"}, {"records", parsed(lines)}, {"message", nullptr}};
  if (found) answer["message"] = std::move(*found);
  co_return answer;
}

env::Awaitable<json::object> Admin::receipts(json::object request) {
  const auto count = std::clamp<std::int64_t>(number_of(request, "count").value_or(20), 1, 1000);
  const std::vector<std::string> lines = co_await app_.history().newest_receipts(static_cast<std::size_t>(count));
  co_return json::object{{"ok", true}, {"receipts", parsed(lines)}};
}

}  // namespace postil::app
