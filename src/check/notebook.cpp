#include "check/notebook.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::check {

env::Awaitable<dns::Answer> Notebook::ask(std::string name, dns::Type type) {
  name = to_lower(name);
  while (name.ends_with('.')) name.pop_back();
  if (const auto* known = notes_.find(name, type)) co_return *known;
  dns::Answer answer;
  if (asked_ >= questions_max || name.empty() || name.size() > 253) {
    answer.detail = asked_ >= questions_max ? "too many questions" : "not a name that can be asked for";
  } else {
    ++asked_;
    const MonoTime deadline = std::min(deadline_, clock_.now() + patience_);
    answer = co_await resolver_.query(name, type, deadline);
  }
  notes_.add({name, type, answer});
  co_return answer;
}

}  // namespace postil::check
