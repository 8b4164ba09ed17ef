// The table of keys: what a value may be and where it goes. Inside of the module.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace postil::config {

// A TOML value without the parser's types.
using Value = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

struct Wrong {
  std::string text_key;
  i18n::Args args;
};

struct Row {
  Key key;
  std::function<std::optional<Wrong>(Config&, const Value&)> set;
};
const std::vector<Row>& rows();

// A key of an entry of [[dkim]].
struct DkimRow {
  Key key;
  bool required = false;
  std::function<std::optional<Wrong>(Dkim&, const Value&)> set;
};
const std::vector<DkimRow>& dkim_rows();
// A key of an entry of [[tls_policy]].
struct TlsPolicyRow {
  Key key;
  bool required = false;
  std::function<std::optional<Wrong>(TlsPolicy&, const Value&)> set;
};
const std::vector<TlsPolicyRow>& tls_policy_rows();
// A key of an entry of [[site]], and of [[source]].
struct SiteRow {
  Key key;
  bool required = false;
  std::function<std::optional<Wrong>(Site&, const Value&)> set;
};
const std::vector<SiteRow>& site_rows();
struct SourceRow {
  Key key;
  bool required = false;
  std::function<std::optional<Wrong>(Source&, const Value&)> set;
};
const std::vector<SourceRow>& source_rows();
// A key of an entry of [[expect]].
struct ExpectRow {
  Key key;
  bool required = false;
  std::function<std::optional<Wrong>(Expect&, const Value&)> set;
};
const std::vector<ExpectRow>& expect_rows();
// "2027-01-31" (its beginning in UTC) or "2027-01-31T12:00:00Z", also with an offset.
std::optional<WallTime> parse_date(std::string_view text);

}  // namespace postil::config
