#include "diagnose/told.hpp"

#include "diagnose/explain.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Role;
using queue::Reason;

// What the reason says of where the remote said it; nothing where we found the cause ourselves.
std::optional<knowledge::Stage> stage_of(Reason reason) {
  switch (reason) {
    case Reason::recipient_refused:
    case Reason::recipient_deferred:
      return knowledge::Stage::rcpt;
    case Reason::message_refused:
    case Reason::message_deferred:
    case Reason::host_deferred:
    case Reason::rate_limited:
    case Reason::greylisted:
    case Reason::refused_us:
      return knowledge::Stage::any;
    default:
      return std::nullopt;
  }
}

std::string_view reader_of(Role role) {
  switch (role) {
    case Role::nobody:
    case Role::sender:
      return "you";
    case Role::sender_admin:
    case Role::developer:
      return "your_admin";
    case Role::recipient:
      return "recipient";
    case Role::recipient_admin:
    case Role::host_owner:
      return "their_admin";
  }
  return "you";
}

}  // namespace

std::optional<dsn::Told> told(const queue::RecipientState& state) {
  if (!state.diagnostic_remote || state.diagnostic.empty()) return std::nullopt;
  const auto stage = stage_of(state.reason == Reason::expired ? state.last_reason : state.reason);
  if (!stage) return std::nullopt;
  const auto answer = explain(state.diagnostic, *stage);
  if (!answer || !answer->reply || answer->reply->reason == knowledge::Reason::unknown) return std::nullopt;
  const auto& reply = *answer->reply;
  // That hosts refuse us is known; only words without doubt say more, and none that they take no mail from anybody: the
  // message waits because that is not believed of a 554 or of a 521 that names another cause.
  const bool believed =
      reply.confidence == Confidence::certain && reply.reason != knowledge::Reason::host_accepts_no_mail;
  if (state.refused_since != WallTime{} && !believed) return std::nullopt;
  if (reply.act == Role::nobody) return std::nullopt;  // a report asks somebody to do something
  const bool over = state.reason == Reason::expired && only_to_wait(reply.reason);
  return dsn::Told{answer->what, over ? std::string(do_when_given_up) : reply.act_text, reader_of(reply.act),
                   reply.reason};
}

}  // namespace postil::diagnose
