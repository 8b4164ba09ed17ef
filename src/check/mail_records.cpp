#include "check/mail_records.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "check/side_by_side.hpp"
#include "diagnose/mail_auth.hpp"
#include "transport/dane.hpp"
#include "transport/sts_policy.hpp"

namespace postil::check {
namespace {

using diagnose::CheckRequest;
using diagnose::Part;

template <class Machine>
env::Awaitable<void> ask_all(Notebook& notebook, Machine& machine) {
  while (const auto* question = machine.question()) {
    const auto name = question->name;
    const auto answer = co_await notebook.ask(name, question->type);
    machine.answer(answer);
  }
}

template <class Machine>
env::Awaitable<void> run(Notebook& notebook, Machine machine) {
  co_await ask_all(notebook, machine);
}

// The keys that the message's signatures name, then what DMARC asks about them.
env::Awaitable<void> ask_about_message(Notebook& notebook, const CheckRequest& request, WallTime now) {
  auto verifier = diagnose::message_verifier(request, now);
  while (const auto name = verifier.next_question()) {
    const auto answer = co_await notebook.ask(*name, dns::Type::txt);
    verifier.answer(answer);
  }
  auto spf = mailauth::SpfResult::none;
  if (!diagnose::envelope_domain(request.message).empty()) {
    auto alignment = diagnose::message_alignment_check(request);
    co_await ask_all(notebook, alignment);
    if (!request.from_ip.empty()) {
      auto check = diagnose::message_spf_check(request, now);
      co_await ask_all(notebook, check);
      spf = check.outcome().result;
    }
  }
  const auto signatures = verifier.results();
  auto check = diagnose::message_dmarc_check(request, signatures, spf);
  co_await ask_all(notebook, check);
}

// The policy, then whether reports may go where it wants them.
env::Awaitable<void> ask_dmarc(Notebook& notebook, const CheckRequest& request) {
  auto check = diagnose::dmarc_check(request);
  co_await ask_all(notebook, check);
  const auto& record = check.outcome().policy_record;
  if (!record || !record->record) co_return;
  auto reports = diagnose::report_check(*record);
  co_await ask_all(notebook, reports);
}

env::Awaitable<void> ask(Notebook& notebook, std::string name, dns::Type type) {
  co_await notebook.ask(std::move(name), type);
}

}  // namespace

env::Awaitable<void> ask_sending(Notebook& notebook, const CheckRequest& request, WallTime now) {
  std::vector<env::Awaitable<void>> works;
  const auto& parts = request.parts;
  if (parts.has(Part::spf) || parts.has(Part::parked)) {
    works.push_back(run(notebook, diagnose::spf_record_check(request, now)));
  }
  if (parts.has(Part::spf) && !diagnose::sender_ip(request).empty()) {
    works.push_back(run(notebook, diagnose::spf_sender_check(request, now)));
  }
  if (parts.has(Part::dmarc) || parts.has(Part::parked)) works.push_back(ask_dmarc(notebook, request));
  if (parts.has(Part::dkim)) {
    for (const auto& place : diagnose::dkim_places(request, now)) {
      works.push_back(ask(notebook, place.name, dns::Type::txt));
    }
  }
  const bool message = !request.message.empty() && parts.any_of({Part::dkim, Part::dmarc});
  if (message) works.push_back(ask_about_message(notebook, request, now));
  if (parts.has(Part::bimi)) works.push_back(ask(notebook, diagnose::bimi_name(request), dns::Type::txt));
  if (parts.has(Part::tls_rpt)) works.push_back(ask(notebook, diagnose::tls_rpt_name(request), dns::Type::txt));
  co_await side_by_side(std::move(works));
}

env::Awaitable<std::optional<diagnose::Fetch>> ask_sts(Notebook& notebook, const CheckRequest& request,
                                                       FetchPlan plan) {
  const std::string domain = request.subject.domain;
  const std::string record_name = transport::sts_record_name(domain);
  const auto record = co_await notebook.ask(record_name, dns::Type::txt);
  const auto parsed = transport::parse_sts_records(record.records);
  if (!parsed.record || plan.https == nullptr) co_return std::nullopt;
  env::HttpsRequest fetch;
  fetch.host = transport::sts_policy_host(domain);
  fetch.path = transport::sts_policy_path;
  fetch.ca_file = plan.ca_file;
  fetch.octets_max = transport::sts_policy_octets_max;
  constexpr dns::Type families[] = {dns::Type::aaaa, dns::Type::a};
  for (const auto type : families) {
    const auto answer = co_await notebook.ask(fetch.host, type);
    for (const auto& data : answer.records) {
      const auto* address = std::get_if<dns::Address>(&data);
      if (address != nullptr && fetch.addresses.size() < 8) fetch.addresses.push_back(address->text);
    }
  }
  diagnose::Fetch out;
  out.url = fmt::format("https://{}{}", fetch.host, fetch.path);
  auto result = co_await plan.https->exchange(std::move(fetch), plan.deadline);
  if (result) {
    out.status = static_cast<std::uint16_t>(result->status);
    out.content_type = std::move(result->content_type);
    out.body = std::move(result->body);
  } else {
    out.error = fmt::format("{}: {}", env::to_string(result.error().error), printable(result.error().detail, 300));
  }
  co_return out;
}

env::Awaitable<void> ask_tlsa(Notebook& notebook, std::string host, std::uint16_t port) {
  const auto v6 = co_await notebook.ask(host, dns::Type::aaaa);
  const auto v4 = co_await notebook.ask(host, dns::Type::a);
  transport::DaneLookup lookup(host, port, v6, v4);
  while (const auto question = lookup.next()) {
    const auto answer = co_await notebook.ask(question->name, question->type);
    lookup.answer(answer);
  }
}

}  // namespace postil::check
