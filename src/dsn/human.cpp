#include "dsn/human.hpp"

#include <algorithm>
#include <initializer_list>
#include <map>

#include "base/bytes.hpp"
#include "dsn/encoding.hpp"
#include "i18n/columns.hpp"
#include "i18n/translator.hpp"
#include "message/date.hpp"
#include "message/header_block.hpp"
#include "mime/message.hpp"

namespace postil::dsn {
namespace {

constexpr std::size_t columns = 72;
constexpr std::size_t recipients_shown_max = 50;  // the status part has them all
constexpr std::size_t header_fields_max = 200;    // of the original, among which its Subject is looked for
constexpr std::size_t subject_octets_max = 200;

// "2026-11-22 06:20 +0000": read alike in every language.
std::string date_for_people(WallTime time, int zone_minutes) {
  const auto zone = message::rfc5322_date(time, zone_minutes);
  const auto local = message::rfc3339_date(time + minutes(zone_minutes));
  return local.substr(0, 10) + " " + local.substr(11, 5) + " " + zone.substr(zone.size() - 5);
}

// Of the reader's list of languages. Catalogues are read once: a report takes less time than reading one.
const i18n::Translator& translator_of(std::string_view list) {
  static const std::map<std::string_view, i18n::Translator> all = [] {
    std::map<std::string_view, i18n::Translator> made{{"en", i18n::Translator("en")}};
    for (const auto language : i18n::known_languages()) made.emplace(language, i18n::Translator(language));
    return made;
  }();
  const auto found = all.find(i18n::match_accept_language(list));
  return found == all.end() ? all.at("en") : found->second;
}

std::string key(std::string_view prefix, std::string_view id, std::string_view suffix = "") {
  return std::string(prefix) + std::string(id) + std::string(suffix);
}

// The whole text in one language.
class Text {
 public:
  Text(const Report& report, const i18n::Translator& translator) : report_(report), tr_(translator) {}

  std::string write() && {
    paragraph(tr_.count(key("bounce.intro.", to_string(report_.kind)), report_.recipients.size()));
    about();
    const auto shown = std::min(report_.recipients.size(), recipients_shown_max);
    for (std::size_t i = 0; i < shown; ++i) recipient(report_.recipients[i], told_of(report_, i));
    if (const auto more = report_.recipients.size() - shown; more > 0) paragraph(tr_.count("bounce.more", more));
    paragraph(tr_.text("bounce.end", {{"host", safe_text(report_.host)}, {"id", to_string(report_.original.id)}}));
    return std::move(out_);
  }

 private:
  std::string date(WallTime time) const { return date_for_people(time, report_.zone_minutes); }

  void lines(std::string_view text, std::string_view indent) {
    for (const auto& line : i18n::wrap(text, columns - indent.size())) out_ += std::string(indent) + line + "\n";
  }
  void paragraph(std::string_view text) {
    lines(text, "");
    out_ += "\n";
  }
  // Sentences about a recipient, as one paragraph.
  void block(std::initializer_list<std::string> sentences) {
    std::string text;
    for (const auto& sentence : sentences) text += (text.empty() ? "" : " ") + sentence;
    lines(text, "  ");
    out_ += "\n";
  }

  // Which message it was: what its sender knows it by.
  void about() {
    const auto header = message::header_block(report_.original_header);
    const auto fields = mime::parse_fields(header, header_fields_max);
    const auto subject = safe_text(trim(mime::find_field(fields, "Subject")), subject_octets_max);
    if (!subject.empty()) lines(tr_.text("bounce.about.subject", {{"subject", subject}}), "  ");
    lines(tr_.text("bounce.about.sent", {{"date", date(report_.original.arrived)}}), "  ");
    out_ += "\n";
  }

  void recipient(const queue::RecipientState& state, const Told& told) {
    out_ += "<" + safe_text(report_.original.recipients[state.index].address) + ">\n\n";
    switch (report_.kind) {
      case Kind::failed:
        failed(state, told);
        break;
      case Kind::delayed:
        delayed(state, told);
        break;
      case Kind::relayed:
        block({tr_.text(report_.original.by == queue::By::none ? "bounce.relayed" : "bounce.relayed_by")});
        break;
      case Kind::delivered:
        block({tr_.text("bounce.delivered")});
        break;
    }
    said(state);
  }

  std::string what(const Told& told) const {
    std::string text;
    for (const auto& sentence : told.what) text += (text.empty() ? "" : " ") + tr_.text(sentence);
    return text;
  }

  void delayed(const queue::RecipientState& state, const Told& told) {
    block({what(told), tr_.count("bounce.delayed", attempts(state), {{"until", date(retry_until(report_, state))}})});
    // What this side's administrator can mend does not mend itself.
    if (told.who == "your_admin") {
      block({tr_.text("bounce.delayed_admin")});
      if (!told.act.empty()) block({tr_.text(told.act)});
      block({tr_.text(key("bounce.who.", told.who))});
    } else {
      block({tr_.text("bounce.delayed_wait")});
    }
  }

  void failed(const queue::RecipientState& state, const Told& told) {
    const bool in_vain = state.attempts > 1 || state.reason == queue::Reason::expired ||
                         (state.reason == queue::Reason::deliver_by_over && state.attempts > 0) ||
                         status_of(report_.kind, state).klass == 4;
    const auto last = state.last_attempt == WallTime{} ? report_.time : state.last_attempt;
    block({what(told),
           in_vain ? tr_.count("bounce.expired", attempts(state), {{"date", date(last)}}) : tr_.text("bounce.final")});
    block({tr_.text(told.act)});
    block({tr_.text(key("bounce.who.", told.who))});
  }

  void said(const queue::RecipientState& state) {
    if (state.diagnostic.empty()) return;
    const auto remote = safe_text(state.remote, 300);
    if (!state.diagnostic_remote) {
      block({remote.empty() ? tr_.text("bounce.noted") : tr_.text("bounce.noted_of", {{"remote", remote}})});
    } else if (state.diagnostic_time != WallTime{}) {
      block({tr_.text("bounce.said_before", {{"remote", remote}, {"date", date(state.diagnostic_time)}})});
    } else if (remote.empty()) {
      block({tr_.text("bounce.said_by_unknown")});
    } else {
      block({tr_.text("bounce.said", {{"remote", remote}})});
    }
    lines(safe_text(state.diagnostic), "    ");
    out_ += "\n";
  }

  static std::uint64_t attempts(const queue::RecipientState& state) {
    return std::max<std::uint64_t>(state.attempts, 1);
  }

  const Report& report_;
  const i18n::Translator& tr_;
  std::string out_;
};

}  // namespace

HumanPart human_part(const Report& report) {
  HumanPart part;
  const auto& reader = translator_of(report.language);
  const auto language = reader.language_of("bounce");
  part.subject = reader.text(key("bounce.subject.", to_string(report.kind)));
  part.text = Text(report, reader).write();
  part.languages = {language};
  if (language == "en") return part;
  // Whoever else has to act may not read the sender's language.
  part.text += std::string(columns, '-') + "\n\n" + Text(report, translator_of("en")).write();
  part.languages.push_back("en");
  return part;
}

}  // namespace postil::dsn
