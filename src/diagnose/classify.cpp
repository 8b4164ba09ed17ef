#include "diagnose/classify.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/block_lists.hpp"
#include "diagnose/fold.hpp"
#include "diagnose/rules.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Reason;
using knowledge::Stage;

// What the report's other words say is said without reserve only where there is no text beside them.
constexpr double beside_text_max = 0.75;
constexpr double beside_words_max = 0.7;
constexpr std::ptrdiff_t word_octets_min = 4;
constexpr double sure_max = 0.98;
constexpr double agreement = 0.05;
constexpr double disagreement_max = 0.78;
constexpr double waiting = 0.55;

std::string because(std::string_view key) {
  return "explain.because." + std::string(key);
}

Cause unknown(std::string_view why) {
  Cause out;
  out.who = knowledge::entry(Reason::unknown).act;
  out.action = knowledge::entry(Reason::unknown).action;
  out.because = because(why);
  return out;
}

Cause of_code(Reason reason, double confidence, std::string_view why) {
  Cause out;
  out.reason = reason;
  out.who = knowledge::entry(reason).act;
  out.action = knowledge::entry(reason).action;
  out.confidence = confidence;
  out.rule = "code";
  out.because = because(why);
  return out;
}

bool is_temporary(const Refusal& refusal) {
  if (refusal.code != 0) return reply::permanence_of(refusal.code) == reply::Permanence::temporary;
  return refusal.enhanced.klass == 4;
}

std::optional<Reason> reason_of(const knowledge::Status* status, const Refusal& refusal) {
  if (status == nullptr || !status->reason) return std::nullopt;
  return is_temporary(refusal) && status->reason_temporary ? *status->reason_temporary : *status->reason;
}

// The enhanced codes of logging in are used at other times for policies of all kinds.
bool is_of_login(Reason reason) {
  return reason == Reason::auth_credentials || reason == Reason::auth_mechanism || reason == Reason::auth_required ||
         reason == Reason::sender_account_limited;
}
bool is_login(const Refusal& refusal) {
  if (refusal.stage == Stage::auth) return true;
  const auto* code = knowledge::find_code(refusal.code);
  return code != nullptr && std::ranges::find(code->stages, Stage::auth) != code->stages.end();
}

// A report's status beside a reply without one is what the program made of the basic code.
bool is_derived(const Refusal& refusal) {
  return refusal.enhanced_of_report && refusal.code != 0;
}

// Causes that come and go, beside which it says more that the time was over.
bool says_little(Reason reason) {
  return reason == Reason::server_busy || reason == Reason::server_error || reason == Reason::connect_failed ||
         reason == Reason::connection_dropped;
}

// What the codes alone tell, where no rule does. [rfc3463] [rfc5248]
Cause of_facts(const Refusal& refusal) {
  const auto* status =
      refusal.enhanced ? knowledge::find_status(refusal.enhanced.subject, refusal.enhanced.detail) : nullptr;
  if (const auto reason = reason_of(status, refusal)) {
    if (*reason == Reason::recipient_null_mx) return unknown("5110_other");
    if (*reason == Reason::policy_other) {
      // X.7.1 goes with refusals of all kinds; a code of logging in says more.
      const auto* of_basic = refusal.code == 0 ? nullptr : knowledge::find_code(refusal.code);
      const bool login =
          of_basic != nullptr && of_basic->reason && !of_basic->ambiguous && is_of_login(*of_basic->reason);
      return login ? of_code(*of_basic->reason, 0.7, "code") : of_code(*reason, 0.4, "x71");
    }
    if (is_of_login(*reason) && !is_login(refusal)) return of_code(*reason, 0.5, "ambiguous_status");
    // X.5.Z beside a code for mailboxes and messages is mostly a habit.
    const bool loose = refusal.enhanced.subject == 5 && refusal.code >= 550 && refusal.code <= 554;
    if (status->ambiguous || loose || is_derived(refusal)) return of_code(*reason, 0.6, "ambiguous_status");
    return of_code(*reason, 0.8, "status");
  }
  const auto* code = refusal.code == 0 ? nullptr : knowledge::find_code(refusal.code);
  if (code == nullptr) {
    if (refusal.code != 0) return unknown("unknown_code");
    if (refusal.enhanced) return unknown("generic_status");
    return unknown(refusal.text.empty() && refusal.more.empty() ? "no_words" : "no_known_words");
  }
  if (code->reason && !code->ambiguous) return of_code(*code->reason, refusal.enhanced ? 0.7 : 0.8, "code");
  return unknown(refusal.enhanced ? "generic_status" : "no_detail");
}

class Classifier {
 public:
  explicit Classifier(const Refusal& refusal)
      : refusal_(refusal), text_(fold(refusal.text)), hits_(rules_.ask({&refusal_, text_.text})) {}

  Cause run() {
    Cause out = decide();
    if (out.vendor.empty()) out.vendor = hits_.vendor;
    if (out.vendor.empty()) out.vendor = more_hits_.vendor;
    if (out.stage == Stage::any) out.stage = refusal_.stage;
    expire(out);
    return out;
  }

 private:
  Cause of(const RuleSet::Hit& hit, const Folded& folded, std::string_view source) const {
    const Rule& rule = *hit.rule;
    Cause out;
    out.reason = rule.reason;
    out.confidence = rule.confidence;
    out.rule = rule.id;
    out.vendor = rule.vendor;
    out.matched = folded.original(source, hit.from, hit.to);
    out.stage = rule.tells;
    out.because = rule.because;
    out.note = rule.note;
    const auto& usual = knowledge::entry(rule.reason);
    out.who = rule.who.value_or(usual.act);
    out.action = rule.action.value_or(usual.action);
    return out;
  }
  bool has_words() const {
    return std::ranges::count_if(text_.text, [](char c) { return is_alnum(c) || is_8bit(c); }) >= word_octets_min;
  }
  Cause of_text(const RuleSet::Hit& hit) const { return of(hit, text_, refusal_.text); }

  Cause decide() {
    if (hits_.first.rule != nullptr) return agreed(of_text(hits_.first));
    Cause best = hits_.code.rule != nullptr ? of_text(hits_.code) : of_facts(refusal_);
    // Words that no rule knows may say more than the code does; 5.7.26 and the like are not given by habit.
    if (hits_.code.rule == nullptr && refusal_.enhanced.subject != 7 && has_words()) {
      best.confidence = std::min(best.confidence, refusal_.enhanced ? beside_text_max : beside_words_max);
    }
    const auto offer = [&best](Cause other) {
      if (other.confidence >= best.confidence) best = std::move(other);
    };
    if (hits_.weak.rule != nullptr) offer(of_text(hits_.weak));
    if (refusal_.more.empty()) return best;
    ask_more();
    const auto& hit = more_hits_.first.rule != nullptr ? more_hits_.first : more_hits_.weak;
    if (hit.rule == nullptr || (hit.rule->weak && hits_.weak.rule != nullptr)) return best;
    // Somebody answered, and for good: what is told beside it about the network is another attempt's.
    const bool answered = refusal_.code >= 500 && has_words();
    if (answered && knowledge::entry(hit.rule->reason).group == knowledge::Group::network) return best;
    Cause other = of(hit, more_, refusal_.more);
    if (!text_.text.empty()) other.confidence = std::min(other.confidence, beside_text_max);
    offer(std::move(other));
    return best;
  }

  void ask_more() {
    more_ = fold(refusal_.more);
    more_hits_ = rules_.ask({&refusal_, more_.text});
  }

  // A code that says the same as the words makes them surer, one that says something else less sure. What a provider
  // means by its codes is in its rules.
  Cause agreed(Cause out) const {
    if (hits_.rival.rule != nullptr) out.confidence = std::min(out.confidence, disagreement_max);
    const auto* status =
        refusal_.enhanced ? knowledge::find_status(refusal_.enhanced.subject, refusal_.enhanced.detail) : nullptr;
    const auto reason = reason_of(status, refusal_);
    // "450 user unknown": it may pass, whatever the words say.
    const bool for_good = knowledge::entry(out.reason).persistence == knowledge::Persistence::permanent;
    if (is_temporary(refusal_) && for_good && reason != out.reason && hits_.first.rule->tier == Tier::wording) {
      out.confidence = std::min(out.confidence, disagreement_max);
    }
    // X.0.0 beside it: the program that refused, or the one that reports, did not know a class for it.
    if (refusal_.enhanced && refusal_.enhanced.subject == 0 && hits_.first.rule->tier == Tier::wording) {
      out.confidence = std::min(out.confidence, disagreement_max);
    }
    if (!reason || *reason == Reason::policy_other) return out;
    if (*reason == out.reason) {
      out.confidence = std::min(sure_max, out.confidence + agreement);
    } else if (hits_.first.rule->tier == Tier::wording && !is_derived(refusal_)) {
      out.confidence = std::min(out.confidence, disagreement_max);
    }
    return out;
  }

  // What passes by itself has become final because the time was over; anything else is the reason itself.
  void expire(Cause& out) {
    // The other side's words tell the cause, those of the program beside them that it has given up.
    if (says_little(out.reason) && !refusal_.delayed && !refusal_.more.empty() && more_.text.empty()) ask_more();
    const auto* hit = hits_.expired.rule != nullptr ? &hits_.expired : &more_hits_.expired;
    const bool by_code = refusal_.enhanced.subject == 4 && refusal_.enhanced.detail == 7;
    if (hit->rule == nullptr && !by_code) return;
    // While it is tried again, the words are about the time so far: nobody could be asked yet, most likely.
    if (refusal_.delayed) {
      const bool by_code_alone = out.reason == Reason::expired_in_queue && hit->rule == nullptr;
      if (out.reason == Reason::unknown || by_code_alone)
        out = of_code(Reason::connect_failed, waiting, "general_words");
      return;
    }
    out.expired = true;
    const auto& cause = knowledge::entry(out.reason);
    const bool passes =
        cause.persistence == knowledge::Persistence::transient || out.reason == Reason::expired_in_queue;
    if (out.reason != Reason::unknown && out.confidence >= 0.5 && !passes) return;
    const Reason underlying = passes && out.reason != Reason::expired_in_queue ? out.reason : Reason::unknown;
    std::string vendor = std::move(out.vendor);
    const Stage stage = out.stage;
    if (hit->rule != nullptr) {
      out = hit == &hits_.expired ? of_text(*hit) : of(*hit, more_, refusal_.more);
    } else {
      out = of_code(Reason::expired_in_queue, 0.8, "status");
    }
    out.expired = true;
    out.underlying = underlying;
    out.vendor = std::move(vendor);
    out.stage = stage;
  }

  const RuleSet& rules_ = RuleSet::built_in();
  const Refusal& refusal_;
  Folded text_;
  RuleSet::Hits hits_;
  Folded more_;
  RuleSet::Hits more_hits_;
};

}  // namespace

std::string_view to_string(Side side) {
  switch (side) {
    case Side::unknown:
      return "unknown";
    case Side::remote:
      return "remote";
    case Side::local:
      return "local";
  }
  return "unknown";
}

Cause classify(const Refusal& refusal) {
  Cause out = Classifier(refusal).run();
  if (out.reason == Reason::dnsbl_listed || out.reason == Reason::dnsbl_misconfigured_receiver ||
      out.reason == Reason::url_listed) {
    out.list = named_list(refusal.text);
  }
  return out;
}

}  // namespace postil::diagnose
