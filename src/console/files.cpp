// Files beside the pages: llms.txt, sitemap.xml, robots.txt, the index that the search script reads.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "console/draft.hpp"
#include "console/web.hpp"
#include "knowledge/pairs.hpp"

namespace postil::console {
namespace {

std::string link_to(const Site& site, const Place& place) {
  auto address = site.address(place);
  if (!address.empty()) return address;
  return (site.options().files ? "" : "/") + (site.options().files ? file_of(place) : path_of(place));
}

void add_line(std::string& out, const Site& site, const Place& place, const std::string& title,
              const std::string& more) {
  if (!site.exists(place)) return;
  out += fmt::format("- [{}]({}): {}\n", title, link_to(site, place), more);
}

}  // namespace

std::string llms_text(const Site& site) {
  const auto& tr = site.translator("en");
  std::string out = fmt::format("# Postil\n\n> {}\n\n{}\n", tr.text("web.frame.tagline"), tr.text("web.home.intro"));
  if (!site.options().files) {
    out += fmt::format(
        "\n## API\n\n- [OpenAPI]({0}api/v1/openapi.json): explain, compare and the whole catalogue as JSON\n"
        "- [Catalogue]({0}api/v1/codes): every code\n",
        site.options().url.empty() ? "/" : site.options().url);
  }
  out += fmt::format("\n## {}\n\n", tr.text("web.codes.basic"));
  for (const auto& code : knowledge::basic_codes()) {
    const auto number = fmt::to_string(code.code);
    add_line(out, site, {View::code, "en", number}, number + " " + tr.text(fmt::format("code.{}.title", number)),
             tr.text(fmt::format("code.{}.meaning", number)));
  }
  out += fmt::format("\n## {}\n\n", tr.text("web.codes.enhanced"));
  for (const auto& status : knowledge::statuses()) {
    add_line(out, site, {View::status, "en", status.key().substr(7)},
             status.key().substr(7) + " " + tr.text(status.key() + ".title"), tr.text(status.key() + ".meaning"));
  }
  out += fmt::format("\n## {}\n\n", tr.text("web.comparisons.title"));
  for (const auto& pair : knowledge::reviewed_pairs()) {
    const auto item = comparison_item(std::vector<std::string>{pair.a, pair.b});
    add_line(out, site, {View::comparison, "en", item}, pair.a + " / " + pair.b, tr.text(pair.key() + ".verdict"));
  }
  if (site.exists({View::guides, "en", {}})) {
    out += fmt::format("\n## {}\n\n", tr.text("web.guides.title"));
    for (const auto& guide : knowledge::guides()) {
      add_line(out, site, {View::guide, "en", guide_item(guide.name)}, tr.text(guide.text("title")),
               tr.text(guide.text("intro")));
    }
  }
  return out;
}

std::string sitemap(const Site& site) {
  if (site.options().url.empty()) return {};
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n";
  for (const auto& place : site.places()) {
    if (place.view == View::card) continue;
    if (place.view == View::entry && !site.options().files) continue;  // a server leads on from there
    if (place.view == View::comparison) {
      const auto codes = codes_of_comparison(place.item);
      if (codes.size() != 2 || knowledge::find_pair(codes[0], codes[1]) == nullptr) continue;
    }
    out += fmt::format("<url><loc>{}</loc></url>\n", escaped(site.address(place)));
  }
  return out + "</urlset>\n";
}

std::string robots(const Site& site) {
  std::string out = "User-agent: *\nAllow: /\n";
  if (!site.options().url.empty()) out += fmt::format("Sitemap: {}sitemap.xml\n", site.options().url);
  return out;
}

std::string search_index(const Site& site, std::string_view language) {
  const auto& tr = site.translator(language);
  boost::json::array rows;
  const auto add = [&](View view, const std::string& item, const std::string& title, const std::string& code) {
    const Place place{view, std::string(language), item};
    if (!site.exists(place)) return;
    const auto address = site.options().files ? file_of(place) : path_of(place);
    rows.push_back(
        boost::json::array{boost::json::string(title), boost::json::string(address), boost::json::string(code)});
  };
  for (const auto& code : knowledge::basic_codes()) {
    const auto number = fmt::to_string(code.code);
    add(View::code, number, tr.text(fmt::format("code.{}.title", number)), number);
  }
  for (const auto& status : knowledge::statuses()) {
    const auto code = status.key().substr(7);
    add(View::status, code, tr.text(status.key() + ".title"), code);
  }
  for (const auto& pair : knowledge::reviewed_pairs()) {
    add(View::comparison, comparison_item(std::vector<std::string>{pair.a, pair.b}),
        tr.text("web.code.compare_with", {{"a", pair.a}, {"b", pair.b}}), "");
  }
  for (const auto& guide : knowledge::guides())
    add(View::guide, guide_item(guide.name), tr.text(guide.text("title")), "");
  for (const auto& item : provider_items()) add(View::provider, item, provider_of(item)->name, "");
  for (const std::string_view view : {"codes", "guides", "glossary", "reasons", "comparisons", "providers"}) {
    const View at = view == "codes"       ? View::codes
                    : view == "guides"    ? View::guides
                    : view == "glossary"  ? View::glossary
                    : view == "reasons"   ? View::reasons
                    : view == "providers" ? View::providers
                                          : View::comparisons;
    add(at, {}, tr.text(fmt::format("web.{}.title", view)), "");
  }
  return "globalThis.postil_index = " + boost::json::serialize(rows) + ";\n";
}

}  // namespace postil::console
