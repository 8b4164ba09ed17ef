// DKIM: tag lists, key records, header fields, and the verifier over a whole message with an answer of the peer's.
// What relaxed form gives is its own relaxed form, and a hash does not depend on the cuts.
// links: mailauth
#include <cstdint>
#include <cstdlib>

#include "mailauth/dkim_sign.hpp"
#include "mailauth/dkim_verify.hpp"

namespace {

using namespace postil;

void tags(std::string_view text) {
  const auto found = mailauth::parse_dkim_tags(text);
  if (!found && found.error().position > text.size()) abort();
  const auto key = mailauth::parse_dkim_key(text);
  if (!key && key.error().position > text.size()) abort();
  if (key && !mailauth::looks_like_dkim_key(text)) abort();
}

void header(std::string_view text) {
  for (const auto& field : mailauth::header_fields(text)) {
    const auto once = mailauth::relaxed_field(field.whole);
    if (mailauth::relaxed_field(once) != once) abort();
    mailauth::author_domains(field.value());
  }
}

void hash(std::string_view text) {
  for (const auto form : {mailauth::DkimForm::simple, mailauth::DkimForm::relaxed}) {
    mailauth::DkimBodyHash whole(form), cut(form);
    whole.feed(text);
    for (const char c : text) cut.feed({&c, 1});
    if (whole.finish() != cut.finish()) abort();
  }
}

// text: the message, and behind a zero octet the key record that DNS gives.
void verify(std::string_view text) {
  const auto zero = text.find('\0');
  const auto record = zero == text.npos ? std::string_view() : text.substr(zero + 1);
  const auto message = text.substr(0, zero);
  const auto end = message.find("\r\n\r\n");
  mailauth::DkimVerifier verifier(message.substr(0, end), {});
  if (end != message.npos) verifier.body(message.substr(end + 4));
  verifier.end_of_body();
  for (int asked = 0; verifier.next_question(); ++asked) {
    if (asked > 10) abort();
    dns::Answer answer;
    answer.status = dns::Status::ok;
    answer.records.emplace_back(dns::Text{std::string(record)});
    verifier.answer(answer);
  }
  for (const auto& one : verifier.results())
    if (one.result == mailauth::DkimResult::none) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tags(text);
  header(text);
  hash(text);
  verify(text);
  return 0;
}
