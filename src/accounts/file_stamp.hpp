// Whether a file is still the one that was read: compared before each lookup, so that a change is seen at once and
// an unchanged file is not read again.
#pragma once

#include <cstdint>

namespace postil::accounts {

struct FileStamp {
  std::int64_t mtime_ns = 0;  // since 1970
  std::uint64_t size_octets = 0;
  std::uint64_t inode = 0;  // another one after each replacement by rename
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

}  // namespace postil::accounts
