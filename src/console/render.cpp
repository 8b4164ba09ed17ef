#include "console/render.hpp"

#include <ctemplate/template.h>
#include <ctemplate/template_cache.h>
#include <ctemplate/template_dictionary.h>

#include "base/assert.hpp"
#include "console/assets.hpp"

namespace postil::console {
namespace {

ctemplate::TemplateString view(std::string_view text) {
  return {text.data(), text.size()};
}

const ctemplate::TemplateCache& templates() {
  static const auto cache = [] {
    auto out = std::make_unique<ctemplate::TemplateCache>();
    for (const auto& file : web_files()) {
      if (!file.name.starts_with("templates/")) continue;
      const bool good =
          out->StringToTemplateCache(view(file.name.substr(10)), view(file.content), ctemplate::STRIP_BLANK_LINES);
      POSTIL_ASSERT(good);
    }
    out->Freeze();
    return out;
  }();
  return *cache;
}

}  // namespace

void Fields::set(std::string_view name, std::string_view value) {
  POSTIL_ASSERT(!name.ends_with("_HTML"));
  dictionary_->SetValue(view(name), view(value));
}

void Fields::set(std::string_view name, const Markup& markup) {
  POSTIL_ASSERT(name.ends_with("_HTML"));
  dictionary_->SetValue(view(name), view(markup.html));
}

void Fields::show(std::string_view section) {
  dictionary_->ShowSection(view(section));
}

Fields Fields::add(std::string_view section) {
  return Fields(dictionary_->AddSectionDictionary(view(section)));
}

Fields Fields::include(std::string_view name, std::string_view template_file) {
  auto* inside = dictionary_->AddIncludeDictionary(view(name));
  inside->SetFilename(view(template_file));
  return Fields(inside);
}

Sheet::Sheet() : dictionary_(std::make_unique<ctemplate::TemplateDictionary>("page")) {}
Sheet::~Sheet() = default;

Fields Sheet::fields() {
  return Fields(dictionary_.get());
}

std::string Sheet::expand(std::string_view template_file) const {
  std::string out;
  // The cache is frozen: expanding changes nothing in it.
  auto& cache = const_cast<ctemplate::TemplateCache&>(templates());
  const bool good =
      cache.ExpandWithData(view(template_file), ctemplate::STRIP_BLANK_LINES, dictionary_.get(), nullptr, &out);
  POSTIL_ASSERT(good);
  return out;
}

}  // namespace postil::console
