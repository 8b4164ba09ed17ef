// Asks DNS and keeps the answers. A question is asked once, however many parts of a check need it.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "diagnose/observations.hpp"
#include "env/clock.hpp"
#include "env/resolver.hpp"

namespace postil::check {

inline constexpr std::size_t questions_max = 600;  // of one check; further ones are answered server_failure, unasked

class Notebook {
 public:
  // deadline: of the whole check. patience: of one question.
  Notebook(env::Resolver& resolver, const env::Clock& clock, diagnose::DnsNotes& notes, MonoTime deadline,
           Duration patience)
      : resolver_(resolver), clock_(clock), notes_(notes), deadline_(deadline), patience_(patience) {}

  // By value: the notes may grow meanwhile.
  env::Awaitable<dns::Answer> ask(std::string name, dns::Type type);
  std::size_t asked() const { return asked_; }

 private:
  env::Resolver& resolver_;
  const env::Clock& clock_;
  diagnose::DnsNotes& notes_;
  MonoTime deadline_;
  Duration patience_;
  std::size_t asked_ = 0;
};

}  // namespace postil::check
