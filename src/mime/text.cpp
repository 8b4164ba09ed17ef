#include "mime/text.hpp"

#include <unicode/ucnv.h>

#include <memory>
#include <vector>

#include "base/bytes.hpp"

namespace postil::mime {
namespace {

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};

// ICU knows every charset of the registry by its aliases; what it does not know is nobody's.
std::string convert(std::string_view octets, const char* charset) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, CloseConverter> from(ucnv_open(charset, &status));
  if (U_FAILURE(status)) return {};
  std::vector<UChar> wide(octets.size() + 1);
  auto* wide_end = wide.data();
  const char* source = octets.data();
  ucnv_toUnicode(from.get(), &wide_end, wide.data() + wide.size(), &source, octets.data() + octets.size(), nullptr,
                 static_cast<UBool>(true), &status);
  if (U_FAILURE(status)) return {};
  status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, CloseConverter> to(ucnv_open("UTF-8", &status));
  if (U_FAILURE(status)) return {};
  std::string out(static_cast<std::size_t>(wide_end - wide.data()) * 3 + 1, '\0');
  char* target = out.data();
  const UChar* from_wide = wide.data();
  ucnv_fromUnicode(to.get(), &target, out.data() + out.size(), &from_wide, wide_end, nullptr, static_cast<UBool>(true),
                   &status);
  if (U_FAILURE(status)) return {};
  out.resize(static_cast<std::size_t>(target - out.data()));
  return out;
}

std::string without_controls(std::string text) {
  std::erase_if(text, [](char c) { return is_control(c) && c != '\n' && c != '\t'; });
  return text;
}

bool says_utf8(std::string_view charset) {
  return iequals(charset, "utf-8") || iequals(charset, "utf8");
}

}  // namespace

std::string to_utf8(std::string_view octets, std::string_view charset) {
  const bool escapes = octets.find('\x1b') != std::string_view::npos;  // ISO-2022: seven bits, and not ASCII
  const bool seven_bits = !has_8bit(octets) && !escapes && !istarts_with(charset, "utf-7") &&
                          !istarts_with(charset, "unicode-1-1-utf-7") && !istarts_with(charset, "utf-16") &&
                          !istarts_with(charset, "hz");
  if (seven_bits) return without_controls(std::string(octets));
  if (!charset.empty() && !says_utf8(charset) && !iequals(charset, "us-ascii") && charset.size() < 64) {
    const std::string name = istarts_with(charset, "unicode-1-1-utf-7") ? "UTF-7" : std::string(charset);
    auto text = convert(octets, name.c_str());
    if (!text.empty() || octets.empty()) return without_controls(std::move(text));
  }
  if (escapes && !has_8bit(octets)) {
    auto text = convert(octets, "ISO-2022-JP");
    if (!text.empty()) return without_controls(std::move(text));
  }
  if (is_utf8(octets)) return without_controls(std::string(octets));
  // Declared as UTF-8, only damaged: keep what is good of it. Otherwise the most usual mistake of old programs.
  return without_controls(convert(octets, says_utf8(charset) ? "UTF-8" : "windows-1252"));
}

std::string unify_lines(std::string_view octets) {
  std::string wide;
  if (octets.starts_with("\xff\xfe")) {
    wide = convert(octets.substr(2), "UTF-16LE");
    octets = wide;
  } else if (octets.starts_with("\xfe\xff")) {
    wide = convert(octets.substr(2), "UTF-16BE");
    octets = wide;
  } else if (octets.starts_with("\xef\xbb\xbf")) {
    octets.remove_prefix(3);
  }
  std::string out;
  out.reserve(octets.size());
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char c = octets[i];
    if (c == '\0') continue;
    if (c != '\r') {
      out += c;
      continue;
    }
    // "\r\r\n" is one end of a line as well: a file that was converted twice.
    while (i + 1 < octets.size() && octets[i + 1] == '\r' && i + 2 < octets.size() && octets[i + 2] == '\n') ++i;
    if (i + 1 < octets.size() && octets[i + 1] == '\n') ++i;
    out += '\n';
  }
  return out;
}

}  // namespace postil::mime
