// `postil catalog export`: the reference as a static site, or as JSON.
#include "cli/catalog.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

#include "cli/running_server.hpp"
#include "console/assets.hpp"
#include "console/catalogue.hpp"
#include "console/web.hpp"

namespace postil::cli {
namespace {

struct Options {
  std::string format = "html";
  std::string folder;
  std::string url;
  bool json = false;
};

// Writes files below one folder; remembers the first that could not be written.
class Folder {
 public:
  explicit Folder(std::filesystem::path root) : root_(std::move(root)) {}
  void write(std::string_view name, std::string_view content) {
    if (!failed_.empty()) return;
    const auto path = root_ / name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) failed_ = path.string();
    ++count_;
  }
  const std::string& failed() const { return failed_; }
  std::size_t count() const { return count_; }

 private:
  std::filesystem::path root_;
  std::string failed_;
  std::size_t count_ = 0;
};

void write_html(Folder& out, const console::Site& site) {
  for (const auto& place : site.places()) {
    if (const auto page = site.page(place)) out.write(console::file_of(place), page->html);
  }
  // A web server can be told to show it; its links are those of a page at the root.
  out.write("404.html", site.not_found("en", "").html);
  for (const auto& file : web_files()) {
    if (file.name.starts_with("assets/")) out.write(file.name, file.content);
  }
  for (const auto& language : site.languages()) {
    out.write(fmt::format("assets/search-{}.js", language), console::search_index(site, language));
  }
  out.write("llms.txt", console::llms_text(site));
  out.write("robots.txt", console::robots(site));
  const auto map = console::sitemap(site);
  if (!map.empty()) out.write("sitemap.xml", map);
}

void write_json(Folder& out, const console::Site& site) {
  for (const auto& language : site.languages()) {
    out.write(fmt::format("{}.json", language), console::catalogue_json(site, language));
  }
}

int run_export(const Context& context, const Options& options) {
  const auto fail = [&](std::string id, std::string said, int code) {
    return tell_failure(context, {std::move(id), std::move(said), code}, options.json, "catalog");
  };
  if (!options.url.empty() && !options.url.starts_with("https://") && !options.url.starts_with("http://")) {
    return fail("url", context.tr.text("catalog.error.url"), exit_usage);
  }
  const console::Site site({.url = options.url, .files = true});
  Folder out(options.folder);
  if (options.format == "json") {
    write_json(out, site);
  } else {
    write_html(out, site);
  }
  if (!out.failed().empty()) {
    return fail("write", context.tr.text("catalog.error.write", {{"path", out.failed()}}), exit_no_permission);
  }
  if (options.json) {
    const boost::json::object said{
        {"schema", "postil.catalog/1"}, {"ok", true}, {"folder", options.folder}, {"files", out.count()}};
    context.out << said << '\n';
    return exit_ok;
  }
  context.out << context.tr.count("catalog.written", out.count(), {{"folder", options.folder}}) << '\n';
  return exit_ok;
}

}  // namespace

void add_catalog(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* group = app.add_subcommand("catalog", tr.text("catalog.about"));
  group->require_subcommand(1);
  auto* sub = group->add_subcommand("export", tr.text("catalog.export.about"));
  sub->add_option("--format", options->format, tr.text("catalog.export.format"))
      ->check(CLI::IsMember({"html", "json"}));
  sub->add_option("--url", options->url, tr.text("catalog.export.url"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->add_option("FOLDER", options->folder, tr.text("catalog.export.folder"))->required();
  sub->callback(
      [options, &chosen] { chosen.run = [options](const Context& context) { return run_export(context, *options); }; });
}

}  // namespace postil::cli
