#include "support/world/parking.hpp"

#include "base/assert.hpp"
#include "support/world/world.hpp"

namespace postil::test {

Parking::Parking(std::shared_ptr<Node> node) : node_(std::move(node)) {}
Parking::~Parking() {
  drop();
}

env::Awaitable<Woke> Parking::park(MonoTime deadline) {
  const auto start = [this, deadline](env::Resume<Woke> resume) {
    static std::uint64_t last_place = 0;
    POSTIL_ASSERT(!resume_);
    resume_ = std::move(resume);
    place_ = ++last_place;
    node_->parked_[place_] = this;
    if (deadline != never)
      event_ = node_->world_.at(deadline, node_.get(), [this] {
        event_ = 0;
        wake(Woke::timed_out);
      });
  };
  const Woke why = co_await env::async<Woke>(start);
  co_return why;
}

env::Resume<Woke> Parking::leave() {
  if (event_ != 0) node_->world_.cancel(std::exchange(event_, 0));
  node_->parked_.erase(place_);
  return std::exchange(resume_, {});
}

void Parking::wake(Woke why) {
  if (!resume_) return;
  leave()(why);
}

void Parking::drop() {
  if (resume_) leave();
}

}  // namespace postil::test
