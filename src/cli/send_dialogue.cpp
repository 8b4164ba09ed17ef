// What was said: shown, explained, and turned into an exit code and the JSON form.
#include "cli/send_run.hpp"

#include <algorithm>
#include <ostream>

#include "diagnose/explain.hpp"
#include "diagnose/json.hpp"

namespace postil::cli {
namespace {

using knowledge::Stage;

Stage stage_of(smtp::Stage stage) {
  switch (stage) {
    case smtp::Stage::connect:
    case smtp::Stage::greeting:
      return Stage::connect;
    case smtp::Stage::ehlo:
      return Stage::ehlo;
    case smtp::Stage::starttls:
    case smtp::Stage::tls:
      return Stage::starttls;
    case smtp::Stage::auth:
      return Stage::auth;
    case smtp::Stage::mail:
      return Stage::mail;
    case smtp::Stage::rcpt:
      return Stage::rcpt;
    case smtp::Stage::data:
      return Stage::data;
    case smtp::Stage::body:
    case smtp::Stage::end_of_data:
      return Stage::message;
    default:
      return Stage::any;
  }
}

}  // namespace

// The commands that matter and their replies; the whole dialogue was shown already with -v.
void Send::show_dialogue() {
  auto& out = context_.out;
  if (!options_.verbose) {
    out << text(result_.tls ? "connected_tls" : "connected",
                {{"server", server_shown()}, {"tls", result_.tls ? result_.tls->version : std::string()}})
        << '\n';
  }
  for (const auto& given : result_.replies) {
    const bool login = given.stage == Stage::auth && given.reply.code == 235;
    if (!options_.verbose && given.stage != Stage::quit && (given.stage > Stage::ehlo || !given.reply.positive())) {
      if (!given.command.empty()) out << "C: " << given.command << '\n';
      out << "S: " << given.reply.one_line() << '\n';
    }
    if (!login) continue;
    if (const auto answer = diagnose::explain("235 2.7.0", Stage::auth))
      write_paragraph(out, what_text(*answer, context_.tr));
  }
  out << '\n';
}

Send::Stop Send::trouble(const smtp::Outcome& outcome) const {
  using smtp::Trouble;
  const int code = outcome.trouble == Trouble::timed_out || outcome.trouble == Trouble::connection_lost ? exit_temporary
                   : outcome.trouble == Trouble::body_line_ends                                         ? exit_data
                                                                : exit_unavailable;
  std::string word(smtp::to_string(outcome.trouble));
  if (outcome.trouble == Trouble::timed_out && result_.replies.empty() && !result_.tls) word += "_at_connect";
  std::string said = text("trouble." + word, {{"server", server_shown()}, {"detail", outcome.detail}});
  if (outcome.trouble == Trouble::tls_failed && task_.verify) said += ' ' + text("trouble.verify_hint");
  return {word, said, code};
}

std::optional<Send::Stop> Send::not_sent() const {
  const i18n::Args args{{"server", task_.host}, {"address", server_shown()}, {"detail", result_.detail}};
  switch (result_.reached) {
    case MailResult::Reached::nothing:
      return Stop{"no_address", text("error.no_address", args), exit_unavailable};
    case MailResult::Reached::no_server:
      return Stop{"not_reached", text("error.not_reached", args), exit_unavailable};
    case MailResult::Reached::no_right:
      return Stop{"no_permission", text("error.no_right", args), exit_no_permission};
    case MailResult::Reached::server:
      break;
  }
  return {};
}

int Send::code_of(const smtp::Outcome& outcome) const {
  if (!outcome.reply) return trouble(outcome).code;
  if (outcome.ok()) return exit_ok;
  return outcome.reply->permanence() == reply::Permanence::temporary ? exit_temporary : exit_refused;
}

void Send::explain(const reply::RemoteReply& reply, Stage stage) {
  if (const auto answer = diagnose::explain(reply.one_line(), stage)) show(*answer);
}

void Send::show(const diagnose::Answer& answer) {
  if (!options_.json) {
    write_answer_head(context_.out, answer, context_.tr, false);
    return;
  }
  auto& all = said_["explanations"];
  if (!all.is_array()) all = json::array();
  all.as_array().push_back(json::parse(diagnose::to_json(answer, context_.tr)));
}

int Send::conclude() {
  if (!options_.json) show_dialogue();
  if (result_.stopped) {
    // The last reply may have been a refusal all the same.
    const auto bad = std::ranges::find_if(result_.replies, [](const GivenReply& g) { return g.reply.code >= 400; });
    if (bad == result_.replies.end()) {
      if (!options_.json) context_.out << text("stopped", {{"stage", options_.stop_after}}) << '\n';
      return finish({}, exit_ok);
    }
    explain(bad->reply, bad->stage);
    return finish({}, bad->reply.code < 500 ? exit_temporary : exit_refused);
  }
  std::vector<smtp::Outcome> outcomes;
  if (result_.result) outcomes = result_.result->recipients;
  if (result_.end) outcomes.push_back(*result_.end);
  if (result_.result && result_.result->missing != smtp::Missing::none) {
    constexpr std::string_view words[] = {"none", "eight_bit_mime", "binarymime", "smtputf8_address", "smtputf8_header",
                                          "size"};
    const std::string word(words[static_cast<std::size_t>(result_.result->missing)]);
    return finish(Stop{"missing_" + word, text("missing." + word, {{"server", result_.address}}), exit_refused},
                  exit_refused);
  }
  int worst = exit_ok;
  std::set<std::string> explained;
  bool any_taken = false;
  std::optional<Stop> stop;
  json::array recipients;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& outcome = outcomes[i];
    const int code = code_of(outcome);
    any_taken = any_taken || code == exit_ok;
    if (worst == exit_ok || (worst == exit_temporary && code != exit_ok)) worst = code;
    if (result_.result) {
      recipients.push_back(
          json::object{{"address", task_.transaction.recipients[i].recipient.address},
                       {"taken", code == exit_ok},
                       {"reply", outcome.reply ? json::value(outcome.reply->one_line()) : json::value()}});
    }
    if (code == exit_ok) continue;
    if (!outcome.reply) {
      stop = trouble(outcome);
    } else if (explained.insert(outcome.reply->one_line()).second) {
      if (explained.size() > 1 && !options_.json) context_.out << '\n';
      explain(*outcome.reply, stage_of(outcome.stage));
    }
  }
  if (!recipients.empty()) said_["recipients"] = std::move(recipients);
  if (any_taken && !stop) {
    if (!explained.empty() && !options_.json) context_.out << '\n';
    if (options_.demo) {
      const int end = follow();
      if (worst == exit_ok) worst = end;
    } else if (!options_.json) {
      context_.out << text("taken") << '\n';
    }
  }
  return finish(stop, worst);
}

int Send::finish(std::optional<Stop> stop, int code) {
  if (stop && code == exit_ok) code = stop->code;
  if (!options_.json) {
    if (stop && !stop->text.empty()) context_.err << stop->text << '\n';
    return code;
  }
  said_["ok"] = code == exit_ok;
  said_["exit"] = code;
  if (stop) said_["error"] = json::object{{"id", stop->id}, {"message", stop->text}};
  if (!result_.address.empty()) {
    json::object server{{"host", task_.host}, {"address", result_.address}};
    if (result_.tls)
      server["tls"] = json::object{
          {"version", result_.tls->version}, {"cipher", result_.tls->cipher}, {"verified", result_.tls->peer_verified}};
    said_["server"] = std::move(server);
    json::array dialogue;
    for (const auto& line : result_.dialogue) {
      dialogue.push_back(json::object{{"who", std::string(1, line.who)}, {"text", line.text}});
    }
    said_["dialogue"] = std::move(dialogue);
    json::array replies;
    for (const auto& given : result_.replies) {
      replies.push_back(json::object{{"stage", knowledge::to_string(given.stage)},
                                     {"command", given.command},
                                     {"code", given.reply.code},
                                     {"enhanced", reply::to_string(given.reply.enhanced)},
                                     {"reply", given.reply.one_line()}});
    }
    said_["replies"] = std::move(replies);
  }
  context_.out << said_ << '\n';
  return code;
}

}  // namespace postil::cli
