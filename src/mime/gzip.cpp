#include "mime/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/assert.hpp"

namespace postil::mime {
namespace {

constexpr int gzip_window_bits = 15 + 16;  // zlib's way to say gzip
constexpr int memory_level = 8;
constexpr std::size_t piece_octets = 64 * 1024;

Bytef* input_of(std::string_view octets) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(octets.data()));
}

// Inflates up to the end of a member. True: it ended in order.
class Inflater {
 public:
  explicit Inflater(std::string_view octets) {
    stream_.next_in = input_of(octets);
    stream_.avail_in = static_cast<uInt>(octets.size());
    POSTIL_ASSERT(inflateInit2(&stream_, gzip_window_bits) == Z_OK);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::expected<void, GunzipError> member(std::string& out, std::size_t octets_max) {
    for (;;) {
      const std::size_t before = out.size();
      // One octet of room beyond the limit tells "just full" and "too much" apart.
      const std::size_t room = std::min(piece_octets, octets_max - before + 1);
      out.resize(before + room);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = static_cast<uInt>(room);
      const int end = inflate(&stream_, Z_NO_FLUSH);
      out.resize(before + room - stream_.avail_out);
      if (out.size() > octets_max) return std::unexpected(GunzipError::too_large);
      if (end == Z_STREAM_END) return {};
      if (end != Z_OK || (stream_.avail_in == 0 && stream_.avail_out != 0)) {
        return std::unexpected(GunzipError::damaged);
      }
    }
  }
  // Octets behind the member that begin another one.
  bool more() const { return stream_.avail_in >= 2 && stream_.next_in[0] == 0x1f && stream_.next_in[1] == 0x8b; }
  void next() { POSTIL_ASSERT(inflateReset(&stream_) == Z_OK); }

 private:
  z_stream stream_{};
};

}  // namespace

std::string gzip(std::string_view octets) {
  POSTIL_ASSERT(octets.size() <= std::numeric_limits<uInt>::max());
  z_stream stream{};
  POSTIL_ASSERT(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_window_bits, memory_level,
                             Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(octets.size())), '\0');
  stream.next_in = input_of(octets);
  stream.avail_in = static_cast<uInt>(octets.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  POSTIL_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::expected<std::string, GunzipError> gunzip(std::string_view octets, std::size_t octets_max) {
  if (!is_gzip(octets) || octets.size() > std::numeric_limits<uInt>::max()) {
    return std::unexpected(GunzipError::damaged);
  }
  std::string out;
  Inflater inflater(octets);
  for (;;) {
    const auto done = inflater.member(out, octets_max);
    if (!done) return std::unexpected(done.error());
    if (!inflater.more()) return out;
    inflater.next();
  }
}

bool is_gzip(std::string_view octets) {
  return octets.starts_with("\x1f\x8b");
}

}  // namespace postil::mime
