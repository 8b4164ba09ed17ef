#include "mime_reader.hpp"

#include <gmime/gmime.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace postil::dsn {
namespace {

std::string text_or_empty(const char* text) {
  return text == nullptr ? "" : text;
}

std::string content_of(GMimeDataWrapper* wrapper) {
  GMimeStream* stream = g_mime_stream_mem_new();
  g_mime_data_wrapper_write_to_stream(wrapper, stream);
  const GByteArray* array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
  std::string out(reinterpret_cast<const char*>(array->data), array->len);
  g_object_unref(stream);
  return out;
}

std::string object_text(GMimeObject* object) {
  char* text = g_mime_object_to_string(object, nullptr);
  std::string out = text_or_empty(text);
  g_free(text);
  return out;
}

void add_fields(GMimeObject* object, Fields& fields) {
  GMimeHeaderList* headers = g_mime_object_get_header_list(object);
  for (int i = 0; i < g_mime_header_list_get_count(headers); ++i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(headers, i);
    fields.emplace_back(g_mime_header_get_name(header), text_or_empty(g_mime_header_get_value(header)));
  }
}

ReadPart read_part(GMimeObject* object) {
  ReadPart part;
  GMimeContentType* type = g_mime_object_get_content_type(object);
  part.type = text_or_empty(g_mime_content_type_get_media_type(type)) + "/" +
              text_or_empty(g_mime_content_type_get_media_subtype(type));
  part.encoding = text_or_empty(g_mime_object_get_header(object, "Content-Transfer-Encoding"));
  part.language = text_or_empty(g_mime_object_get_header(object, "Content-Language"));
  if (GMIME_IS_PART(object)) {
    part.content = content_of(g_mime_part_get_content(GMIME_PART(object)));
  } else if (GMIME_IS_MESSAGE_PART(object) && g_mime_message_part_get_message(GMIME_MESSAGE_PART(object)) != nullptr) {
    part.content = object_text(GMIME_OBJECT(g_mime_message_part_get_message(GMIME_MESSAGE_PART(object))));
  }
  return part;
}

}  // namespace

ReadMessage read_message(std::string_view octets) {
  static const bool ready = (g_mime_init(), true);
  (void)ready;
  ReadMessage read;
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(octets.data(), octets.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
  add_fields(GMIME_OBJECT(message), read.header);
  GMimeObject* top = g_mime_message_get_mime_part(message);
  if (top != nullptr) add_fields(top, read.header);  // GMime keeps Content-* there
  if (top != nullptr && GMIME_IS_MULTIPART(top)) {
    GMimeContentType* type = g_mime_object_get_content_type(top);
    read.type = text_or_empty(g_mime_content_type_get_media_type(type)) + "/" +
                text_or_empty(g_mime_content_type_get_media_subtype(type));
    read.report_type = text_or_empty(g_mime_content_type_get_parameter(type, "report-type"));
    for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(top)); ++i)
      read.parts.push_back(read_part(g_mime_multipart_get_part(GMIME_MULTIPART(top), i)));
  }
  g_object_unref(message);
  g_object_unref(parser);
  g_object_unref(stream);
  return read;
}

std::string ReadMessage::field(std::string_view name) const {
  return find(header, name);
}

std::string find(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields)
    if (iequals(key, name)) return value;
  return "";
}

std::size_t count(const Fields& fields, std::string_view name) {
  std::size_t n = 0;
  for (const auto& [key, value] : fields) n += iequals(key, name);
  return n;
}

std::vector<Fields> read_status(std::string_view content) {
  std::vector<Fields> groups(1);
  for (auto line : split(content, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) {
      if (!groups.back().empty()) groups.emplace_back();
      continue;
    }
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (groups.back().empty()) {
        ADD_FAILURE() << "folded line without a field: " << line;
        continue;
      }
      groups.back().back().second += line;
      continue;
    }
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) {
      ADD_FAILURE() << "no field: " << line;
      continue;
    }
    groups.back().emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  if (groups.back().empty()) groups.pop_back();
  return groups;
}

}  // namespace postil::dsn
