#include "env/disk.hpp"

#include <array>

namespace postil::env {

std::string_view to_string(DiskError error) {
  switch (error) {
    case DiskError::no_space:
      return "no_space";
    case DiskError::io:
      return "io";
    case DiskError::not_found:
      return "not_found";
    case DiskError::exists:
      return "exists";
    case DiskError::busy:
      return "busy";
    case DiskError::permission:
      return "permission";
    case DiskError::limit:
      return "limit";
    case DiskError::other:
      return "other";
  }
  return "other";
}

DiskResult<std::string> read_file(Disk& disk, std::string_view name, std::size_t octets_max) {
  auto file = disk.open(name, false);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  const DiskFailure wrong{DiskError::other, std::string(name) + " is not as long as it should be"};
  if (*size > octets_max) return std::unexpected(wrong);
  std::string text(*size, '\0');
  for (std::size_t at = 0; at < text.size();) {
    const auto octets = (*file)->read(at, std::span(text).subspan(at));
    if (!octets) return std::unexpected(octets.error());
    if (*octets == 0) return std::unexpected(wrong);
    at += *octets;
  }
  return text;
}

DiskResult<void> replace_file(Disk& disk, std::string_view name, std::string_view text) {
  const std::string fresh = std::string(name) + ".new";
  if (auto removed = disk.remove(fresh); !removed && removed.error().error != DiskError::not_found) return removed;
  auto file = disk.create(fresh);
  if (!file) return std::unexpected(file.error());
  const std::array parts{text};
  if (auto done = (*file)->write(0, parts); !done) return done;
  if (auto done = (*file)->sync_data(); !done) return done;
  if (auto done = disk.rename(fresh, name); !done) return done;
  return disk.sync_folder();
}

}  // namespace postil::env
