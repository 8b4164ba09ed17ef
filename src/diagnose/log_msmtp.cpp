// msmtp's log: one line for each mail, in fields of its own.
#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"
#include "diagnose/reading.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

// The words in "smtpmsg='550 it's full' errormsg=...": an apostrophe within them is not marked.
std::string_view words_of(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return {};
  const auto rest = line.substr(at + key.size());
  for (auto end = rest.find("' "); end != std::string_view::npos; end = rest.find("' ", end + 1)) {
    const auto next = rest.substr(end + 2);
    if (next.starts_with("errormsg=") || next.starts_with("exitcode=")) return rest.substr(0, end);
  }
  return {};
}

Stage stage_of_error(std::string_view error) {
  static constexpr std::pair<std::string_view, Stage> stages[] = {
      {"recipient address ", Stage::rcpt},
      {"envelope from address ", Stage::mail},
      {"authentication ", Stage::auth},
      {"the server did not accept the mail", Stage::message},
      {"cannot connect to ", Stage::connect}};
  for (const auto& [words, stage] : stages) {
    if (error.find(words) != std::string_view::npos) return stage;
  }
  return Stage::any;
}

}  // namespace

// host=smtp.example.net tls=on auth=on from=a@b recipients=c@d,e@f smtpstatus=550 smtpmsg='550 5.1.1 no'
// errormsg='recipient address c@d not accepted by the server' exitcode=EX_DATAERR
std::optional<LogLine> read_msmtp(std::string_view line) {
  static constexpr std::string_view key = " recipients=";
  const auto at = line.find(key);
  const auto result = value_of(line, "exitcode");
  if (at == std::string_view::npos || result.empty() || value_of(line, "tls").empty()) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "msmtp";
  const auto error = words_of(line, "errormsg='");
  const auto reply = words_of(line, "smtpmsg='");
  const auto listed = line.substr(at + key.size());
  auto addresses = split(listed.substr(0, listed.find(' ')), ',');
  // One refused recipient is named, and the others were not asked for.
  const auto named = error.find("recipient address ") == std::string_view::npos ? std::string() : find_address(error);
  if (!named.empty()) addresses.assign(1, named);
  for (const auto address : addresses) {
    if (out.recipients.size() >= recipients_max) break;
    Observed observed;
    observed.refusal.address = find_address(address);
    observed.action = result == "EX_OK" ? Action::delivered : Action::failed;
    fill_from_quote(observed, reply.empty() ? error : reply);
    observed.refusal.host = to_lower(value_of(line, "host"));
    observed.refusal.side = observed.refusal.code != 0 ? Side::remote : Side::local;
    if (observed.refusal.stage == Stage::any) observed.refusal.stage = stage_of_error(error);
    out.recipients.push_back(std::move(observed));
  }
  return out;
}

}  // namespace postil::diagnose
