#include "sasl/prepare.hpp"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <vector>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::sasl {
namespace {

const UStringPrepProfile* profile() {
  static const UStringPrepProfile* const opened = [] {
    UErrorCode status = U_ZERO_ERROR;
    const UStringPrepProfile* made = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
    POSTIL_ASSERT(U_SUCCESS(status));
    return made;
  }();
  return opened;
}

std::string to_utf8(const std::vector<UChar>& text, std::int32_t size) {
  std::string out(static_cast<std::size_t>(size) * 3, '\0');
  std::int32_t used = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8(out.data(), static_cast<std::int32_t>(out.size()), &used, text.data(), size, &status);
  POSTIL_ASSERT(U_SUCCESS(status));
  out.resize(static_cast<std::size_t>(used));
  return out;
}

}  // namespace

std::expected<std::string, PrepareError> saslprep(std::string_view utf8) {
  if (utf8.empty()) return std::unexpected(PrepareError::empty);
  if (std::ranges::any_of(utf8, is_control)) return std::unexpected(PrepareError::prohibited);
  if (!has_8bit(utf8)) return std::string(utf8);
  if (!is_utf8(utf8)) return std::unexpected(PrepareError::bad_utf8);

  std::vector<UChar> wide(utf8.size());
  std::int32_t wide_size = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8(wide.data(), static_cast<std::int32_t>(wide.size()), &wide_size, utf8.data(),
                static_cast<std::int32_t>(utf8.size()), &status);
  if (U_FAILURE(status)) return std::unexpected(PrepareError::bad_utf8);

  // NFKC makes at most 18 units of one (U+FDFA).
  std::vector<UChar> prepared(static_cast<std::size_t>(wide_size) * 18 + 1);
  status = U_ZERO_ERROR;
  const std::int32_t size =
      usprep_prepare(profile(), wide.data(), wide_size, prepared.data(), static_cast<std::int32_t>(prepared.size()),
                     USPREP_ALLOW_UNASSIGNED, nullptr, &status);
  if (U_FAILURE(status)) return std::unexpected(PrepareError::prohibited);
  if (size == 0) return std::unexpected(PrepareError::empty);
  return to_utf8(prepared, size);
}

}  // namespace postil::sasl
