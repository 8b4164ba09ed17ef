#include "delivery/words.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace postil::delivery {
namespace {

std::string_view words_of(smtp::Stage stage) {
  switch (stage) {
    case smtp::Stage::connect:
      return "while connecting";
    case smtp::Stage::greeting:
      return "while waiting for the greeting";
    case smtp::Stage::ehlo:
      return "at EHLO";
    case smtp::Stage::starttls:
      return "at STARTTLS";
    case smtp::Stage::tls:
      return "in the TLS handshake";
    case smtp::Stage::auth:
      return "at AUTH";
    case smtp::Stage::mail:
      return "at MAIL";
    case smtp::Stage::rcpt:
      return "at RCPT";
    case smtp::Stage::data:
      return "at DATA";
    case smtp::Stage::body:
      return "inside the message";
    case smtp::Stage::end_of_data:
      return "after the end of the message";
    case smtp::Stage::quit:
      return "at QUIT";
    case smtp::Stage::idle:
      return "between two messages";
  }
  return "";
}

}  // namespace

std::string words_of(const smtp::Outcome& outcome) {
  if (outcome.reply) return outcome.reply->one_line();
  const std::string text = outcome.detail.empty() ? std::string(smtp::to_string(outcome.trouble)) : outcome.detail;
  std::string words = printable(text, 800);
  if (words.ends_with('.')) words.pop_back();
  if (words.starts_with("connect: ")) words.erase(0, 9);  // the stage says it
  return fmt::format("{} ({})", words, words_of(outcome.stage));
}

std::string words_of(smtp::Missing missing, const smtp::Extensions& offered, std::uint64_t size_octets) {
  switch (missing) {
    case smtp::Missing::eight_bit_mime:
      return "the server does not offer 8BITMIME, and the message has 8-bit text";
    case smtp::Missing::binarymime:
      return "the server does not offer BINARYMIME, and the message is binary";
    case smtp::Missing::smtputf8_address:
      return "the server does not offer SMTPUTF8, and an address has letters outside ASCII";
    case smtp::Missing::smtputf8_header:
      return "the server does not offer SMTPUTF8, and the header has letters outside ASCII";
    case smtp::Missing::size:
      return fmt::format("the server takes at most {} octets, and the message has {}", offered.size_max, size_octets);
    case smtp::Missing::deliverby:
      return offered.deliverby ? "the server does not promise delivery within the time that is left (DELIVERBY)"
                               : "the server does not offer DELIVERBY, and the message is to be delivered by a time";
    case smtp::Missing::none:
      break;
  }
  return "";
}

}  // namespace postil::delivery
