// links: mailauth
// SPF: any text as a record, and the check with any answers: it comes to an end within its limits.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "mailauth/spf.hpp"

namespace {

using namespace postil;
using namespace postil::mailauth;

// Hands out the input line by line.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  std::string next() {
    const auto end = text_.find('\n');
    const auto line = text_.substr(0, end);
    text_ = end == std::string_view::npos ? std::string_view() : text_.substr(end + 1);
    return std::string(line);
  }

 private:
  std::string_view text_;
};

dns::Answer answer_from(Lines& lines, dns::Type type) {
  dns::Answer answer;
  auto line = lines.next();
  if (line.empty()) return answer.status = dns::Status::no_data, answer;
  const char what = line.front();
  line.erase(0, 1);
  if (what == '!') return answer.status = dns::Status::server_failure, answer;
  if (what == '0') return answer.status = dns::Status::no_domain, answer;
  answer.status = dns::Status::ok;
  if (type == dns::Type::txt) {
    answer.records.push_back(dns::Text{what == '=' ? "v=spf1 " + line : line});
  } else if (type == dns::Type::mx) {
    for (int i = 0; i < what % 13; ++i) answer.records.push_back(dns::Mx{10, line + std::to_string(i)});
  } else if (type == dns::Type::ptr) {
    for (int i = 0; i < what % 13; ++i) answer.records.push_back(dns::NameTarget{line + std::to_string(i)});
  } else {
    answer.records.push_back(dns::Address{line});
  }
  return answer;
}

void judge(const SpfRecord& record) {
  POSTIL_ASSERT(record.errors.size() <= spf_findings_max && record.remarks.size() <= spf_findings_max);
  for (const auto& error : record.errors) POSTIL_ASSERT(error.where.position + error.where.length <= record.raw.size());
  for (const auto& remark : record.remarks)
    POSTIL_ASSERT(remark.where.position + remark.where.length <= record.raw.size());
  for (const auto& mechanism : record.mechanisms) POSTIL_ASSERT(!record.text(mechanism.where).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Lines lines(text);
  if (is_spf_record(text)) judge(parse_spf_record(text));
  resembles_spf_record(text);
  const bool counting = (data[0] & 1) != 0;
  const auto client = *address::Ip::parse((data[0] & 2) != 0 ? "192.0.2.1" : "2001:db8::1");
  const auto helo = lines.next();
  SpfCheck check(spf_mail_from(client, helo, lines.next()), {},
                 counting ? SpfMode::count_everything : SpfMode::check_host);
  int questions = 0;
  while (const auto* question = check.question()) {
    POSTIL_ASSERT(++questions <= 250);
    POSTIL_ASSERT(!question->name.empty());
    check.answer(answer_from(lines, question->type));
  }
  const auto& outcome = check.outcome();
  POSTIL_ASSERT(!outcome.nodes.empty() && outcome.nodes.front().result == outcome.result);
  POSTIL_ASSERT(counting || outcome.lookups <= 11);
  POSTIL_ASSERT(outcome.result != SpfResult::pass || !outcome.matched_text().empty());
  for (const auto& node : outcome.nodes)
    if (node.record) judge(*node.record);
  return 0;
}
