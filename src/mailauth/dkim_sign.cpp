#include "mailauth/dkim_sign.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "address/domain.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "mailauth/header_fields.hpp"

namespace postil::mailauth {
namespace {

constexpr std::size_t line_octets_max = 76;
constexpr std::size_t same_field_max = 20;  // of one name; no honest message has more

// Named once more than they are there: nobody may add one. [rfc6376 5.4.1, 8.15]
constexpr std::array always_named = {
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
};
// As above where there is one. Lists and gateways on the way add them rightly where there is none.
constexpr std::array named_if_there = {
    "Sender",         "Content-ID",        "Content-Language",      "List-Id",
    "List-Help",      "List-Unsubscribe",  "List-Unsubscribe-Post", "List-Subscribe",
    "List-Post",      "List-Owner",        "List-Archive",          "Feedback-ID",
    "Auto-Submitted", "TLS-Report-Domain", "TLS-Report-Submitter",
};

bool belongs(std::string_view domain, const DkimKey& key) {
  if (domain.empty()) return false;
  if (domain == key.domain) return true;
  return key.subdomains && domain.size() > key.domain.size() && domain.ends_with(key.domain) &&
         domain[domain.size() - key.domain.size() - 1] == '.';
}

// The one author's domain; "" when there is none, or doubt.
std::string author_domain(std::string_view header) {
  const HeaderField* from = nullptr;
  const auto fields = header_fields(header);
  for (const auto& field : fields) {
    if (!iequals(field.name, "From")) continue;
    if (from != nullptr) return {};
    from = &field;
  }
  if (from == nullptr) return {};
  auto domains = author_domains(from->value());
  if (domains.empty()) return {};
  const bool same = std::ranges::all_of(domains, [&](const std::string& one) { return one == domains.front(); });
  return same ? std::move(domains.front()) : std::string();
}

std::vector<std::string_view> names_to_sign(const std::vector<HeaderField>& fields) {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view name, bool if_there) {
    const auto count = static_cast<std::size_t>(
        std::ranges::count_if(fields, [&](const HeaderField& field) { return iequals(field.name, name); }));
    if (if_there && count == 0) return;
    for (std::size_t i = 0; i < std::min(count, same_field_max) + 1; ++i) names.push_back(name);
  };
  for (const auto* name : always_named) add(name, false);
  for (const auto* name : named_if_there) add(name, true);
  return names;
}

// Folded before each piece that would make the line too long.
class FoldedField {
 public:
  explicit FoldedField(std::string begin) : text_(std::move(begin)), line_(text_.size()) {}
  void piece(std::string_view piece, bool space = true) {
    if (line_ + piece.size() + 1 > line_octets_max) {
      text_ += "\r\n\t";
      line_ = 1;
    } else if (space) {
      text_ += ' ';
      ++line_;
    }
    text_ += piece;
    line_ += piece.size();
  }
  void base64(std::string_view tag, std::string_view value) {
    piece(tag);
    constexpr std::size_t step = 8;
    for (std::size_t at = 0; at < value.size(); at += step) piece(value.substr(at, step), false);
  }
  std::string& text() { return text_; }

 private:
  std::string text_;
  std::size_t line_;
};

}  // namespace

std::vector<const DkimKey*> DkimKeys::for_message(const DkimMessage& message, WallTime now) const {
  std::vector<const DkimKey*> found;
  if (keys_.empty()) return found;
  const std::string author = author_domain(message.header);
  if (author.empty()) return found;
  const auto ascii = address::to_ascii(message.envelope_domain);
  const std::string envelope = ascii ? *ascii : std::string();
  std::size_t nearest = 0;  // octets of the longest domain
  for (const auto& key : keys_) {
    if ((key.from && now < *key.from) || (key.until && now >= *key.until)) continue;
    if (key.by != DkimSignBy::envelope && !belongs(author, key)) continue;
    if (key.by != DkimSignBy::from && !belongs(envelope, key)) continue;
    if (key.domain.size() > nearest) found.clear();
    nearest = std::max(nearest, key.domain.size());
    if (key.domain.size() == nearest) found.push_back(&key);
  }
  return found;
}

std::string sign_dkim(const DkimKey& key, std::string_view header, std::string_view body_hash, WallTime now) {
  const auto fields = header_fields(header);
  const bool ed25519 = key.key.type() == crypto::KeyType::ed25519;
  FoldedField field("DKIM-Signature: v=1;");
  field.piece(ed25519 ? "a=ed25519-sha256;" : "a=rsa-sha256;");
  field.piece("c=relaxed/relaxed;");
  field.piece(fmt::format("d={};", key.domain));
  field.piece(fmt::format("s={};", key.selector));
  field.piece(fmt::format("t={};", unix_microseconds(now) / 1'000'000));

  const auto names = names_to_sign(fields);
  std::string signed_text;
  FieldPicker picker(fields);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const auto* picked = picker.next(names[i])) signed_text += relaxed_field(picked->whole) + "\r\n";
    const std::string_view before = i == 0 ? "h=" : "";
    const std::string_view after = i + 1 == names.size() ? ";" : ":";
    field.piece(fmt::format("{}{}{}", before, names[i], after), i == 0);
  }
  field.base64("bh=", crypto::base64_encode(body_hash) + ";");
  field.piece("b=");
  signed_text += relaxed_field(field.text());
  // Ed25519 signs the hash, as RSA does by itself [rfc8463 3].
  const std::string signature = key.key.sign(ed25519 ? crypto::sha256(signed_text) : signed_text);
  const std::string value = crypto::base64_encode(signature);
  for (std::size_t at = 0; at < value.size(); at += 8) field.piece(std::string_view(value).substr(at, 8), false);
  return field.text() + "\r\n";
}

}  // namespace postil::mailauth
