#include "cli/compare.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/fact_rows.hpp"
#include "diagnose/json.hpp"
#include "diagnose/redact.hpp"
#include "i18n/columns.hpp"
#include "i18n/list.hpp"

namespace postil::cli {
namespace {

using diagnose::Answer;
using diagnose::Comparison;
using i18n::Translator;

struct Options {
  std::vector<std::string> codes;
  bool json = false;
  bool quiet = false;
};

std::string stages(const Answer& side, const Translator& tr) {
  std::vector<std::string> out;
  for (auto stage : side.stages) out.push_back(tr.text(fmt::format("explain.stage.{}", knowledge::to_string(stage))));
  return i18n::list(out, tr);
}

std::string actors(const Answer& side, const Translator& tr) {
  std::vector<std::string> out;
  // What others may do all the same is advice for later.
  if (!side.steps.empty() && side.steps.front().who == knowledge::Role::nobody) return tr.text("explain.role.nobody");
  for (const auto& step : side.steps)
    out.push_back(tr.text(fmt::format("explain.role.{}", knowledge::to_string(step.who))));
  return i18n::list(out, tr);
}

std::string defined(const Answer& side, const Translator& tr) {
  std::vector<std::string> out;
  for (const auto& [document, section] : side.defined) {
    const bool rfc = std::ranges::all_of(document, is_digit);
    const auto name = (rfc ? "RFC " : "") + document;
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  }
  return i18n::list(out, tr);
}

using Cells = std::vector<std::string>;

// A row of the table; cells are wrapped side by side.
void write_row(std::ostream& out, const Cells& cells, const std::vector<std::size_t>& widths) {
  std::vector<std::vector<std::string>> wrapped;
  std::size_t height = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    wrapped.push_back(i18n::wrap(cells[i], widths[i]));
    height = std::max(height, wrapped.back().size());
  }
  for (std::size_t line = 0; line < height; ++line) {
    std::string text;
    for (std::size_t i = 0; i < wrapped.size(); ++i) {
      text += i18n::pad(line < wrapped[i].size() ? wrapped[i][line] : "", widths[i]);
      text += "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  }
}

void write_table(const Comparison& comparison, const Context& context) {
  const auto& tr = context.tr;
  std::vector<Cells> rows;
  const auto row = [&](std::string label, auto cell_of) {
    Cells cells{std::move(label)};
    bool any = false;
    for (const auto& side : comparison.sides) {
      cells.push_back(cell_of(side));
      any = any || !cells.back().empty();
      if (cells.back().empty()) cells.back() = "-";
    }
    if (any) rows.push_back(std::move(cells));
  };
  row("", [&](const Answer& side) { return side.subject + "  " + tr.text(side.title); });
  row(tr.text("compare.row.means"), [&](const Answer& side) { return tr.text(side.what.front()); });
  row(tr.text("compare.row.result"), [&](const Answer& side) { return tr.text(diagnose::outcome_text_key(side)); });
  row(tr.text("compare.row.answers"), [&](const Answer& side) { return stages(side, tr); });
  row(tr.text("compare.row.emitters"), [&](const Answer& side) { return emitters_text(side, tr); });
  row(tr.text("compare.row.act"), [&](const Answer& side) { return actors(side, tr); });
  row(tr.text("compare.row.retried"), [&](const Answer& side) {
    return tr.text(fmt::format("compare.short_retry.{}", knowledge::to_string(side.retry)));
  });
  row(tr.text("compare.row.persistence"), [&](const Answer& side) { return persistence_text(side, tr); });
  row(tr.text("compare.row.enhanced"), [&](const Answer& side) { return i18n::list(side.enhanced, tr); });
  row(tr.text("compare.row.defined"), [&](const Answer& side) { return defined(side, tr); });

  std::vector<std::size_t> widths(1);
  for (const auto& cells : rows) widths[0] = std::max(widths[0], i18n::width_cells(cells[0]));
  const std::size_t count = comparison.sides.size();
  const std::size_t room = line_cells_of(context.out) - widths[0] - 2 * count;
  widths.resize(count + 1, room / count);
  for (const auto& cells : rows) write_row(context.out, cells, widths);
}

void write_text(const Comparison& comparison, const Context& context) {
  const auto& tr = context.tr;
  auto& out = context.out;
  for (const auto& pair : comparison.pairs) write_wrapped(out, tr.text(pair.verdict.text, pair.verdict.args));
  out << '\n';
  write_table(comparison, context);
  for (const auto& pair : comparison.pairs) {
    out << '\n';
    if (comparison.pairs.size() > 1) out << pair.a << " / " << pair.b << "  ";
    out << tr.text("compare.can_both") << '\n';
    write_wrapped(out, tr.text(pair.session.text, pair.session.args));
    write_wrapped(out, tr.text(pair.delivery.text, pair.delivery.args));
    for (const auto& line : pair.transcript) out << "  " << line << '\n';
  }
  out << '\n';
  for (std::size_t i = 0; i < comparison.sides.size(); ++i) {
    const auto label = tr.text("compare.if_you_see", {{"code", comparison.sides[i].subject}}) + ": ";
    write_wrapped(out, label + tr.text(comparison.if_you_see[i].text, comparison.if_you_see[i].args));
  }
}

// "235-vs-521", "550,551", "550 vs 554" are written for two codes as well.
std::vector<std::string> codes_in(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (std::string word : words) {
    for (auto at = word.find("-vs-"); at != std::string::npos; at = word.find("-vs-")) word.replace(at, 4, ",");
    for (const auto part : split(word, ',')) {
      if (!part.empty() && part != "vs" && part != "vs.") out.emplace_back(part);
    }
  }
  return out;
}

int run_compare(const Context& context, const Options& options) {
  const auto codes = codes_in(options.codes);
  if (codes.size() < 2 || codes.size() > diagnose::compared_max) {
    const auto message = context.tr.text("compare.count");
    if (options.json) {
      context.out << diagnose::error_json("compare", "count", message, exit_usage) << '\n';
    } else {
      context.err << message << '\n';
    }
    return exit_usage;
  }
  const auto comparison = diagnose::compare(codes);
  if (!comparison) {
    const auto code = printable(diagnose::redacted(codes[comparison.error().which]), 60);
    const auto message = context.tr.text("compare.error", {{"code", code}});
    if (options.json) {
      const auto why = diagnose::to_string(comparison.error().why);
      context.out << diagnose::error_json("compare", why, message, exit_usage) << '\n';
    } else {
      context.err << message << '\n';
    }
    return exit_usage;
  }
  write_comparison(context, *comparison, options.json ? Form::json : options.quiet ? Form::quiet : Form::text);
  return exit_ok;
}

}  // namespace

void write_comparison(const Context& context, const Comparison& comparison, Form form) {
  if (form == Form::json) {
    context.out << diagnose::to_json(comparison, context.tr) << '\n';
  } else if (form == Form::quiet) {
    for (const auto& pair : comparison.pairs) {
      context.out << pair.a << " / " << pair.b << "  " << context.tr.text(pair.verdict.text, pair.verdict.args) << '\n';
    }
  } else {
    write_text(comparison, context);
  }
}

void add_compare(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("compare", tr.text("compare.about"));
  sub->add_option("CODE", options->codes, tr.text("compare.what"))->required();
  sub->add_flag("-q,--quiet", options->quiet, tr.text("cli.option.quiet"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->callback([options, &chosen] {
    chosen.run = [options](const Context& context) { return run_compare(context, *options); };
  });
}

}  // namespace postil::cli
