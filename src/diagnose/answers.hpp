// What the knowledge says of one code, class or reply that explain() has read. Pure; any thread.
#pragma once

#include <cstdint>

#include "diagnose/explain.hpp"
#include "knowledge/codes.hpp"
#include "reply/catalogue.hpp"
#include "reply/reply.hpp"

namespace postil::diagnose {

Answer of_code(knowledge::Code code);
// klass: 0 when it is not given.
Answer of_status(unsigned klass, std::uint16_t subject, std::uint16_t detail);
Answer of_pair(knowledge::Code code, reply::EnhancedCode enhanced);
// A code that no registry has may be one provider's own. `answer` is what the registry makes of it; code: 0, not given.
Answer with_provider_meaning(Answer answer, knowledge::Code code, reply::EnhancedCode enhanced);
// first_digit: 2 to 5; "5xx".
Answer of_class(unsigned first_digit);
// "x.7.z"; klass: 0 when it is not given.
Answer of_subject(unsigned klass, unsigned subject);
Answer of_reason(const knowledge::ReasonEntry& reason);
// own: the entry of our catalogue, where it is known; null: what the words say.
Answer of_reply(const reply::RemoteReply& reply, knowledge::Stage stage, const reply::Entry* own = nullptr);

}  // namespace postil::diagnose
