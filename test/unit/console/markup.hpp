// A strict reader of our own pages: what a parser that mends everything would hide.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postil::console::test {

struct Element {
  std::string name;
  std::map<std::string, std::string, std::less<>> attributes;  // decoded
  std::string text;                                            // of this element and all in it, decoded
  std::string language;                                        // by the nearest lang attribute
};

struct Document {
  std::vector<Element> elements;  // in the order of their start tags
  std::string text;               // everything outside tags, decoded, without <pre>, <code>, <q> and what has lang="en"
  std::vector<std::string> problems;  // not closed, closed twice, unknown entity, bare & or <

  std::vector<const Element*> all(std::string_view name) const;
  const Element* first(std::string_view name) const;
};

Document read(std::string_view html);

}  // namespace postil::console::test
