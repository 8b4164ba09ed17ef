// TOML to Config: every problem at once, each with file, line and column.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>
#include <tuple>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/draft.hpp"
#include "config/schema.hpp"
#include "config/toml_text.hpp"
#include "i18n/list.hpp"
#include "i18n/translator.hpp"

namespace postil::config {
namespace {

class Reader {
 public:
  Loaded read(std::span<const SourceFile> files);

 private:
  void defaults();
  void file(const SourceFile& source);
  void table(const toml::table& table, const std::string& prefix);
  void inner_table(const std::string& path, const toml::key& key, const toml::table& inner);
  void value(const std::string& path, const toml::key& key, const toml::node& node);
  void aliases(const toml::table& table);
  void alias(const std::string& name, const toml::node& node);
  void domain_languages(const toml::table& table);
  bool array_of_tables(const std::string& path, const toml::key& key, const toml::node& node);
  // An array of tables: one entry each.
  template <class Entry>
  void entries(const std::string& name, const toml::key& key, const toml::node& node,
               const std::vector<RowOf<Entry>>& rows, std::vector<Entry>& out);
  template <class Target>
  void take(const RowOf<Target>& row, Target& target, const toml::node& node);
  void unknown(const std::string& path, const toml::key& key);
  void unknown_table(const std::string& path, const toml::key& key);
  Place place_of(const toml::source_region& region) const { return {file_, region.begin.line, region.begin.column}; }
  void add(const toml::source_region& at, std::string text_key, i18n::Args args = {}) {
    draft_.add(place_of(at), std::move(text_key), std::move(args));
  }

  Draft draft_;
  std::string file_;
  bool broken_ = false;  // something of the file, or of one before it, is no TOML
};

template <class T>
std::string as_text(const T& date_or_time) {
  std::ostringstream out;
  out << date_or_time;
  return out.str();
}

std::optional<Value> value_of(const toml::node& node, std::string_view kind) {
  if (const auto text = node.value_exact<std::string>()) return Value(*text);
  if (const auto number = node.value_exact<std::int64_t>()) return Value(*number);
  if (const auto yes = node.value_exact<bool>()) return Value(*yes);
  if (kind != "date") return {};
  if (const auto* date = node.as_date()) return Value(as_text(date->get()));
  if (const auto* time = node.as_date_time()) return Value(as_text(time->get()));
  return {};
}

// Of a list: its texts, where they stand in it, and where other things stand.
struct Items {
  std::vector<std::string> texts;
  std::vector<std::size_t> at, others;
};

Items items_of(const toml::array& array) {
  Items out;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (const auto text = array[i].value_exact<std::string>()) {
      out.texts.push_back(*text);
      out.at.push_back(i);
    } else {
      out.others.push_back(i);
    }
  }
  return out;
}

void Reader::defaults() {
  for (const auto& row : rows()) {
    if (row.key.default_text.empty()) continue;
    const auto parsed = toml::parse(fmt::format("v = {}", row.key.default_text));
    file_ = fmt::format("default of {}", row.key.path);
    take(row, draft_.loaded.config, *parsed.table().get("v"));
  }
}

void Reader::unknown(const std::string& path, const toml::key& key) {
  const auto nearest = nearest_key(path);
  if (nearest.empty()) return add(key.source(), "config.unknown_key", {{"key", path}});
  add(key.source(), "config.unknown_key_near", {{"key", path}, {"nearest", nearest}});
}

// Sets it, and tells all that is wrong with the value, each at its place.
template <class Target>
void Reader::take(const RowOf<Target>& row, Target& target, const toml::node& node) {
  const auto tell = [&](Wrong wrong, const toml::node& at) {
    wrong.args.emplace_back("key", row.key.path);
    wrong.args.emplace_back("kind", row.key.kind);
    add(at.source(), std::move(wrong.text_key), std::move(wrong.args));
  };
  const auto* array = node.as_array();
  const auto items = array ? items_of(*array) : Items{};
  if (array && (items.others.empty() || row.key.kind.starts_with("list"))) {
    for (const auto other : items.others) tell({"config.wants.item", {}}, (*array)[other]);
    for (auto& wrong : row.set(target, Value(items.texts))) {
      tell(wrong, wrong.item ? (*array)[items.at.at(*wrong.item)] : node);
    }
    return;
  }
  const auto given = array ? std::nullopt : value_of(node, row.key.kind);
  if (!given) return tell({"config.wants.other", {}}, node);
  for (auto& wrong : row.set(target, *given)) tell(wrong, node);
}

void Reader::value(const std::string& path, const toml::key& key, const toml::node& node) {
  const auto& all = rows();
  const auto row = std::ranges::find_if(all, [&](const Row& r) { return r.key.path == path; });
  if (row == all.end()) return node.is_array_of_tables() ? unknown_table(path, key) : unknown(path, key);
  if (const auto before = draft_.at.find(path); before != draft_.at.end()) {
    return add(key.source(), "config.twice",
               {{"key", path}, {"place", fmt::format("{}:{}", before->second.file, before->second.line)}});
  }
  draft_.place(path, place_of(key.source()));
  take(*row, draft_.loaded.config, node);
}

void Reader::domain_languages(const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const auto domain = address::to_ascii(name);
    if (!domain || !address::valid_domain(*domain)) {
      add(key.source(), "config.language_domain", {{"name", name}});
      continue;
    }
    const auto tag = node.value_exact<std::string>();
    const auto language = tag ? i18n::match_language(*tag) : std::string_view();
    if (language.empty()) {
      add(node.source(), "config.language_unknown",
          {{"name", name}, {"languages", fmt::format("{}", fmt::join(i18n::known_languages(), ", "))}});
      continue;
    }
    draft_.place("languages." + *domain, place_of(key.source()));
    draft_.loaded.config.domain_languages[to_lower(*domain)] = language;
  }
}

void Reader::aliases(const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string name = to_lower(key.str());
    if (draft_.loaded.config.aliases.contains(name)) {
      add(key.source(), "config.twice",
          {{"key", "aliases." + name}, {"place", draft_.loaded.config.place("aliases." + name)}});
      continue;
    }
    const bool plain =
        std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
    if (!plain && !address::parse_address(name, true)) {
      add(key.source(), "config.alias_name", {{"name", name}});
      continue;
    }
    // Also where a target is wrong: the name is set, so that nothing is said to be missing.
    draft_.place("aliases." + name, place_of(key.source()));
    alias(name, node);
  }
}

void Reader::alias(const std::string& name, const toml::node& node) {
  auto& targets = draft_.loaded.config.aliases[name];
  const auto take_one = [&](const toml::node& one) {
    const auto text = one.value_exact<std::string>();
    const auto path = text ? address::parse_address(*text, true) : std::unexpected(address::PathError{});
    if (!path) return add(one.source(), "config.alias_target", {{"name", name}});
    targets.push_back(path->address);
  };
  const auto* array = node.as_array();
  if (array == nullptr || array->empty()) return take_one(node);
  for (const auto& one : *array) take_one(one);
}

template <class Entry>
void Reader::entries(const std::string& name, const toml::key& key, const toml::node& node,
                     const std::vector<RowOf<Entry>>& rows, std::vector<Entry>& out) {
  const auto* all = node.as_array();
  if (all == nullptr || !all->is_array_of_tables()) {
    const bool own_words = name == "dkim" || name == "tls_policy";
    return add(key.source(), own_words ? fmt::format("config.{}_form", name) : "config.entry_form", {{"table", name}});
  }
  for (const auto& item : *all) {
    const auto& table = *item.as_table();
    const std::string at = fmt::format("{}.{}", name, out.size());
    draft_.place(at, place_of(item.source()));
    Entry entry;
    for (const auto& [inner, value] : table) {
      const std::string path = fmt::format("{}.{}", name, inner.str());
      const auto row = std::ranges::find_if(rows, [&](const auto& r) { return r.key.path == path; });
      if (row == rows.end()) {
        unknown(path, inner);
        continue;
      }
      draft_.place(fmt::format("{}.{}", at, inner.str()), place_of(inner.source()));
      take(*row, entry, value);
    }
    for (const auto& row : rows) {
      const auto last = row.key.path.substr(row.key.path.find('.') + 1);
      if (!row.required || table.contains(last) || broken_) continue;
      add(item.source(), name == "dkim" ? "config.dkim_missing" : "config.entry_missing",
          {{"key", std::string(row.key.path)}});
    }
    out.push_back(std::move(entry));
  }
}

bool Reader::array_of_tables(const std::string& path, const toml::key& key, const toml::node& node) {
  auto& config = draft_.loaded.config;
  if (path == "site") return entries(path, key, node, site_rows(), config.sites), true;
  if (path == "source") return entries(path, key, node, source_rows(), config.sources), true;
  if (path == "route") return entries(path, key, node, route_rows(), config.routes), true;
  if (path == "expect") return entries(path, key, node, expect_rows(), config.expectations), true;
  if (path == "tls_policy") return entries(path, key, node, tls_policy_rows(), config.tls_policies), true;
  if (path == "dkim") return entries(path, key, node, dkim_rows(), config.dkim), true;
  return false;
}

void Reader::inner_table(const std::string& path, const toml::key& key, const toml::table& inner) {
  if (unread_table(path)) return;
  if (path == "aliases") return aliases(inner);
  if (path == "languages") return domain_languages(inner);
  if (std::ranges::any_of(keys(), [&](const Key& k) { return k.path.starts_with(path + "."); })) {
    return table(inner, path + ".");
  }
  unknown_table(path, key);
}

void Reader::unknown_table(const std::string& path, const toml::key& key) {
  std::string best;
  std::size_t distance = 3;
  const auto look = [&](std::string_view name) {
    const auto d = edit_distance(name, path);
    if (d >= distance || d * 2 >= path.size()) return;
    distance = d;
    best = name;
  };
  for (const auto all : {keys(), entry_keys()}) {
    for (const auto& k : all) {
      if (const auto dot = k.path.find('.'); dot != std::string_view::npos) look(k.path.substr(0, dot));
    }
  }
  for (const auto* name : {"aliases", "languages"}) look(name);
  if (best.empty()) return add(key.source(), "config.unknown_table", {{"table", path}});
  add(key.source(), "config.unknown_table_near", {{"table", path}, {"nearest", best}});
}

void Reader::table(const toml::table& table, const std::string& prefix) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string(key.str());
    if (array_of_tables(path, key, node)) continue;
    if (const auto* inner = node.as_table()) {
      inner_table(path, key, *inner);
    } else {
      value(path, key, node);
    }
  }
}

void Reader::file(const SourceFile& source) {
  file_ = source.name;
  const auto text = read_toml(source.text, source.name);
  for (const auto& error : text.errors) {
    draft_.add({file_, error.line, error.column}, "config.syntax", {{"detail", error.detail}});
  }
  if (text.more) draft_.add({file_, text.errors.back().line, text.errors.back().column}, "config.syntax_more");
  broken_ = broken_ || !text.errors.empty();
  table(text.table, "");
}

Loaded Reader::read(std::span<const SourceFile> files) {
  defaults();
  auto& loaded = draft_.loaded;
  if (!files.empty()) loaded.config.file = files.front().name;
  for (const auto& source : files) file(source);
  // After a syntax error a part of the file is missing: what is said of the whole would mislead.
  if (!broken_) check_whole(draft_);
  const auto place = [&](const Problem& p) {
    return std::tuple(std::ranges::find(files, p.file, &SourceFile::name) - files.begin(), p.line, p.column);
  };
  std::ranges::stable_sort(loaded.problems, {}, place);
  return std::move(loaded);
}

}  // namespace

Loaded parse(std::span<const SourceFile> files) {
  return Reader().read(files);
}

bool Loaded::ok() const {
  return std::ranges::all_of(problems, [](const Problem& p) { return p.warning; });
}

namespace {

// Lists stand in arguments with commas; the reader's language may write them otherwise.
i18n::Args with_lists(i18n::Args args, const i18n::Translator& tr) {
  constexpr std::string_view lists[] = {"choices", "languages", "names"};
  for (auto& [name, value] : args) {
    if (std::ranges::find(lists, name) == std::end(lists)) continue;
    std::vector<std::string_view> items;
    for (const auto item : split(value, ',')) items.push_back(trim(item));
    std::string text = i18n::list(items, tr);
    value = std::move(text);
  }
  return args;
}

}  // namespace

std::string text_of(const Problem& problem, const i18n::Translator& tr) {
  const auto args = with_lists(problem.args, tr);
  if (problem.count) return tr.count(problem.text_key, *problem.count, args);
  return tr.text(problem.text_key, args);
}

std::string to_string(const Problem& problem, const i18n::Translator& tr) {
  const std::string text = text_of(problem, tr);
  const std::string said = problem.warning ? tr.text("config.warning", {{"text", text}}) : text;
  if (problem.line == 0) return fmt::format("{}  {}", problem.file, said);
  return fmt::format("{}:{}:{}  {}", problem.file, problem.line, problem.column, said);
}

}  // namespace postil::config
