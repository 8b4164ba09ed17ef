// Templates (web/templates) filled with fields, by ctemplate: every value is escaped by where it stands (text,
// attribute, address). Templates are in the program; the first use reads them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace ctemplate {
class TemplateDictionary;
}

namespace postil::console {

// Markup of our own making (console/prose.hpp); the only thing that goes into a page as it is. In templates its names
// end with _HTML and have the modifier :none.
struct Markup {
  std::string html;
};

// The values of one template or of one repetition of a section. A view: valid as long as its Sheet.
class Fields {
 public:
  explicit Fields(ctemplate::TemplateDictionary* dictionary) : dictionary_(dictionary) {}
  void set(std::string_view name, std::string_view value);
  void set(std::string_view name, const Markup& markup);
  void show(std::string_view section);                                    // once, without values of its own
  Fields add(std::string_view section);                                   // one more repetition
  Fields include(std::string_view name, std::string_view template_file);  // a template inside

 private:
  ctemplate::TemplateDictionary* dictionary_;
};

// One page in the making. Not shared by threads.
class Sheet {
 public:
  Sheet();
  ~Sheet();
  Fields fields();
  // template_file: "frame.html". A template that does not exist or is not well-formed aborts: tests expand all of them.
  std::string expand(std::string_view template_file) const;

 private:
  std::unique_ptr<ctemplate::TemplateDictionary> dictionary_;
};

}  // namespace postil::console
