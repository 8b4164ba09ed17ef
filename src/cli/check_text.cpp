#include "cli/check_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "diagnose/finding_help.hpp"
#include "i18n/columns.hpp"
#include "i18n/list.hpp"

namespace postil::cli {
namespace {

using diagnose::Advice;
using diagnose::Area;
using diagnose::Finding;
using diagnose::Word;

class Writer {
 public:
  Writer(std::ostream& out, const diagnose::Observations& seen, const i18n::Translator& tr, const CheckShown& shown)
      : out_(out), seen_(seen), tr_(tr), shown_(shown) {
    for (std::size_t i = 0; i < diagnose::words_count; ++i) {
      word_cells_ = std::max(word_cells_, i18n::width_cells(word(static_cast<Word>(i))));
    }
  }

  void write(const std::vector<Finding>& findings) {
    if (shown_.heading) out_ << seen_.request.subject.text << '\n';
    for (std::size_t i = 0; i < diagnose::areas_count; ++i) write_area(findings, static_cast<Area>(i));
    write_summary(findings);
  }

 private:
  std::string word(Word w) const { return tr_.text(fmt::format("check.word.{}", to_string(w))); }

  void write_area(const std::vector<Finding>& findings, Area area) {
    std::uint64_t problems = 0;
    bool any = false, untested = false;
    std::size_t name_cells = 0;
    for (const auto& finding : findings) {
      const auto& of = entry(finding.id);
      if (of.area != area) continue;
      any = true;
      problems += of.word == Word::fail || of.word == Word::warn ? 1 : 0;
      untested = untested || of.word == Word::unknown;
      if (shown_.visible(of.word)) name_cells = std::max(name_cells, of.name.size());
    }
    if (!any) return;
    const std::string heading = tr_.text(fmt::format("check.area.{}", to_string(area)));
    const std::string verdict = problems > 0 ? tr_.count("check.problems", problems)
                                : untested   ? tr_.text("check.untested")
                                             : tr_.text("check.no_problem");
    out_ << i18n::pad(heading, word_cells_ + 3) << ' ' << verdict << '\n';
    for (const auto& finding : findings) {
      const auto& of = entry(finding.id);
      if (of.area == area && shown_.visible(of.word)) write_finding(finding, of, name_cells);
    }
  }

  void write_finding(const Finding& finding, const diagnose::FindingEntry& of, std::size_t name_cells) {
    std::string text = text_of(finding, tr_);
    if (!finding.about.empty()) text = fmt::format("{}: {}", i18n::list(finding.about, tr_), text);
    const std::size_t indent = 2 + word_cells_ + 2 + name_cells + 2;
    std::string head = "  " + i18n::pad(word(of.word), word_cells_) + "  " + i18n::pad(of.name, name_cells) + "  ";
    const std::size_t room = std::max<std::size_t>(30, 100 - std::min<std::size_t>(indent, 70));
    for (const auto& line : i18n::wrap(text, room)) {
      out_ << head << line << '\n';
      head = std::string(indent, ' ');
    }
    const std::string margin(2 + word_cells_ + 2, ' ');
    const bool calm = of.word == Word::ok || of.word == Word::info;
    // What stands right above is not shown again.
    const bool short_form = finding.evidence.size() == 1 || of.part == diagnose::Part::spf;  // SPF: each include
    if ((!calm || shown_.long_form || short_form) && finding.evidence != evidence_) {
      for (const auto& line : finding.evidence) out_ << margin << line << '\n';
    }
    evidence_ = finding.evidence;
    const auto same = [](const Advice& a, const Advice& b) { return a.literal == b.literal; };
    if (std::ranges::equal(finding.advice, advice_, same)) return;
    advice_ = finding.advice;
    for (const auto& advice : finding.advice) {
      std::string label = tr_.text(fmt::format("check.advice.{}", to_string(advice.kind)));
      for (const auto line : split(advice.literal, '\n')) {
        out_ << margin << i18n::pad(label, name_cells) << "  " << line << '\n';
        label.clear();
      }
    }
  }

  void write_conversations() {
    for (const auto& c : seen_.connections) {
      const std::string at = fmt::format("{} {} {}", c.host, c.address, c.port);
      out_ << '\n' << at << '\n';
      for (const auto& line : c.transcript) out_ << "  " << line.who << ": " << line.text << '\n';
      if (c.broken) out_ << "  *: " << c.broken->stage << ": " << c.broken->how << ' ' << c.broken->detail << '\n';
    }
  }

  void write_summary(const std::vector<Finding>& findings) {
    std::vector<std::string> counts;
    for (const Word w : {Word::fail, Word::warn, Word::unknown, Word::info, Word::ok, Word::skip}) {
      const auto n = std::ranges::count_if(findings, [&](const Finding& f) { return entry(f.id).word == w; });
      if (n > 0) counts.push_back(fmt::format("{}: {}", word(w), n));
    }
    if (counts.empty()) counts.push_back(tr_.text("check.no_problem"));
    out_ << tr_.text("check.summary", {{"counts", i18n::list(counts, tr_)},
                                       {"questions", fmt::to_string(seen_.dns.all().size())},
                                       {"connections", fmt::to_string(seen_.connections.size())},
                                       {"seconds", fmt::format("{:.1f}", seen_.took_ms / 1000.0)}})
         << '\n';
    out_ << tr_.text(seen_.validating ? "check.dnssec_validated" : "check.dnssec_off") << '\n';
    if (seen_.replayed) out_ << tr_.text("check.replayed", {{"day", day()}}) << '\n';
    if (seen_.out_of_time) out_ << tr_.text("check.out_of_time") << '\n';
    if (shown_.long_form) write_conversations();
  }

  std::string day() const {
    const auto days = std::chrono::floor<std::chrono::days>(seen_.time.time_since_epoch());
    const std::chrono::year_month_day date{std::chrono::sys_days(days)};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
  }

  std::ostream& out_;
  const diagnose::Observations& seen_;
  const i18n::Translator& tr_;
  const CheckShown& shown_;
  std::size_t word_cells_ = 0;
  std::vector<std::string> evidence_;  // of the finding above
  std::vector<Advice> advice_;         // likewise
};

}  // namespace

bool CheckShown::visible(Word word) const {
  return words.empty() || std::ranges::find(words, word) != words.end();
}

bool CheckShown::named(diagnose::FindingId id) const {
  using Id = diagnose::FindingId;
  const bool always = id == Id::not_tested || id == Id::hosts_unknown || id == Id::domain_none;
  return ids.empty() || always || parts.has(entry(id).part) || std::ranges::find(ids, id) != ids.end();
}

void write_check(std::ostream& out, const diagnose::Observations& seen, const std::vector<Finding>& findings,
                 const i18n::Translator& tr, const CheckShown& shown) {
  Writer(out, seen, tr, shown).write(findings);
}

void write_finding_help(std::ostream& out, const diagnose::FindingEntry& finding, const i18n::Translator& tr) {
  out << finding.name << "  " << tr.text(fmt::format("check.word.{}", to_string(finding.word))) << "  "
      << tr.text(fmt::format("check.meaning.{}", to_string(finding.word))) << '\n';
  write_paragraph(out, diagnose::example_text(finding, tr));
  out << '\n';
  write_paragraph(out, diagnose::more_text(finding, tr));
}

}  // namespace postil::cli
