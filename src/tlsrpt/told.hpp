// A TLS report that came, in a person's language: what terminal and page show alike, and its JSON (docs/commands.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "i18n/translator.hpp"
#include "tlsrpt/received.hpp"

namespace postil::tlsrpt {

// Of all failures under a policy that have the same reason: one explanation, and where it happened.
struct FailureKind {
  std::string result;  // "certificate-expired"
  std::uint64_t sessions = 0;
  std::vector<const Failure*> where;  // most sessions first; they belong to the policy
};
std::vector<FailureKind> kinds_of(const Policy& policy);  // most sessions first

// All texts in the translator's language. what: "what" or "do".
std::string result_text(const std::string& result, std::string_view what, const i18n::Translator& tr);
std::string role_text(const std::string& result, const i18n::Translator& tr);  // who acts
std::string policy_text(const Policy& policy, const i18n::Translator& tr);     // what kind of policy it is
std::string effect_text(const Policy& policy, const i18n::Translator& tr);     // what became of the mail
std::string heading_text(const Report& report, const i18n::Translator& tr);
std::string covers_text(const Report& report, const i18n::Translator& tr);   // which time it is about
std::string verdict_text(const Report& report, const i18n::Translator& tr);  // whether all is well
std::string host_of(const Failure& failure);  // "mx1.example.net [192.0.2.1]", of what is there

// "postil.tls_report/1"
std::string told_as_json(const Received& received, const i18n::Translator& tr);

}  // namespace postil::tlsrpt
