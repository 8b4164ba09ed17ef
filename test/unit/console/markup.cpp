#include "markup.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::console::test {
namespace {

const std::set<std::string, std::less<>> void_elements = {"meta", "link", "input", "br", "hr", "img"};

class Reader {
 public:
  explicit Reader(std::string_view html) : html_(html) {}

  Document read() {
    while (at_ < html_.size()) {
      if (html_[at_] == '<') {
        tag();
      } else {
        text();
      }
    }
    for (const auto open : open_) problem("not closed: " + out_.elements[open].name);
    return std::move(out_);
  }

 private:
  void problem(const std::string& what) { out_.problems.push_back(what); }

  std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '<') problem("bare < in: " + std::string(text.substr(0, 60)));
      if (text[i] != '&') {
        out += text[i];
        continue;
      }
      static const std::map<std::string_view, std::string_view> entities = {
          {"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"},  {"&quot;", "\""},
          {"&#39;", "'"}, {"&nbsp;", " "}, {"&#10;", "\n"}};
      const auto end = text.find(';', i);
      const auto at = entities.find(end == std::string_view::npos ? "" : text.substr(i, end - i + 1));
      if (at == entities.end()) {
        problem("bare & in: " + std::string(text.substr(i, 40)));
        continue;
      }
      out += at->second;
      i = end;
    }
    return out;
  }

  void text() {
    const auto end = std::min(html_.find('<', at_), html_.size());
    const auto words = decoded(html_.substr(at_, end - at_));
    at_ = end;
    bool literal = false;
    for (const auto open : open_) {
      auto& element = out_.elements[open];
      element.text += words;
      literal = literal || element.name == "pre" || element.name == "code" || element.name == "q" ||
                (element.attributes.contains("translate")) || element.attributes.contains("hreflang");
    }
    if (!open_.empty() && out_.elements[open_.back()].language != page_language()) literal = true;
    if (!literal) out_.text += words + "\n";
  }

  std::string page_language() const { return out_.elements.empty() ? "" : out_.elements.front().language; }

  void tag() {
    if (html_.substr(at_).starts_with("<!doctype html>")) {
      at_ += 15;
      return;
    }
    const bool closing = html_.substr(at_).starts_with("</");
    at_ += closing ? 2 : 1;
    const auto name_end = html_.find_first_of(" >\n", at_);
    if (name_end == std::string_view::npos || !is_alpha(html_[at_])) {
      problem("no tag: " + std::string(html_.substr(at_, 40)));
      at_ = html_.size();
      return;
    }
    Element element;
    element.name = html_.substr(at_, name_end - at_);
    at_ = name_end;
    attributes(element);
    if (closing) return close(element.name);
    const auto own = element.attributes.find("lang");
    element.language = own != element.attributes.end() ? own->second
                       : open_.empty()                 ? ""
                                                       : out_.elements[open_.back()].language;
    out_.elements.push_back(std::move(element));
    if (!void_elements.contains(out_.elements.back().name)) open_.push_back(out_.elements.size() - 1);
  }

  void attributes(Element& element) {
    while (at_ < html_.size() && html_[at_] != '>') {
      if (html_[at_] == ' ' || html_[at_] == '\n') {
        ++at_;
        continue;
      }
      const auto end = std::min(html_.find_first_of("= >\n", at_), html_.size());
      const std::string name(html_.substr(at_, end - at_));
      at_ = end;
      std::string value;
      if (at_ < html_.size() && html_[at_] == '=') {
        if (html_.substr(at_, 2) != "=\"") problem("attribute without quotes: " + name);
        const auto close = html_.find('"', at_ + 2);
        if (close == std::string_view::npos) {
          problem("attribute not closed: " + name);
          at_ = html_.size();
          return;
        }
        value = decoded(html_.substr(at_ + 2, close - at_ - 2));
        at_ = close + 1;
      }
      if (!element.attributes.emplace(name, value).second) problem("attribute twice: " + name);
    }
    ++at_;
  }

  void close(const std::string& name) {
    if (open_.empty() || out_.elements[open_.back()].name != name) {
      problem("closes " + name + (open_.empty() ? "" : " in " + out_.elements[open_.back()].name));
      return;
    }
    open_.pop_back();
  }

  std::string_view html_;
  std::size_t at_ = 0;
  Document out_;
  std::vector<std::size_t> open_;
};

}  // namespace

std::vector<const Element*> Document::all(std::string_view name) const {
  std::vector<const Element*> out;
  for (const auto& element : elements) {
    if (element.name == name) out.push_back(&element);
  }
  return out;
}

const Element* Document::first(std::string_view name) const {
  const auto found = all(name);
  return found.empty() ? nullptr : found.front();
}

Document read(std::string_view html) {
  return Reader(html).read();
}

}  // namespace postil::console::test
