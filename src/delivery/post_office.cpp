#include "delivery/post_office.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "base/assert.hpp"
#include "delivery/next_hop.hpp"
#include "delivery/tell.hpp"

namespace postil::delivery {

namespace asio = boost::asio;

struct PostOffice::State {
  State(PostOffice& office, std::shared_ptr<const Settings> given, queue::EngineSettings engine_settings,
        ReportWriter& writer)
      : services(office.services_),
        executor(office.executor_),
        settings(std::move(given)),
        refused_us_lifetime(engine_settings.refused_us_lifetime),
        engine(std::move(engine_settings)),
        reports(writer),
        finder(services),
        alarm(services.timers.make(executor)),
        sweeper(services.timers.make(executor)),
        idle(services.timers.make(executor)) {
    pool_of({});
  }

  Services& services;
  env::Executor executor;
  std::shared_ptr<const Settings> settings;
  Duration refused_us_lifetime;  // as the engine has it: reports name the end of the waiting
  queue::Engine engine;
  ReportWriter& reports;
  // What leaves by one source rule shares no connections with what leaves by another. Pools stay to the end: attempts
  // refer to them.
  struct Way {
    SourceRule source;  // without its conditions
    ConnectionPool pool;
    std::shared_ptr<const Settings> from, settings;                    // `settings` is `from` with the source in it
    std::map<const Route*, std::shared_ptr<const Settings>> by_route;  // into `settings`
    explicit Way(Services& with) : pool(with) {}
  };
  std::vector<std::unique_ptr<Way>> ways;
  HostFinder finder;
  std::unique_ptr<env::Timer> alarm;       // the engine's WakeAt
  std::unique_ptr<env::Timer> sweeper;     // idle connections
  std::unique_ptr<env::Timer> idle;        // cancelled whenever attempts or batches end, for stop()
  MonoTime refresh_at{};                   // MTA-STS policies
  MonoTime wake_at = never;                // when the engine wants to be asked again
  MonoTime alarm_at = never;               // what the alarm waits for: not later than wake_at
  std::uint64_t running = 0;               // attempts
  bool ending = false;                     // stop() was called: what the disk refused is tried again soon, not late
  bool stopping = false;                   // and its time is over
  std::unordered_set<env::Timer*> pauses;  // of batches that the disk refused
  std::optional<AttemptId> put_back;       // by the step just made

  // Under load many arrive before the engine's thread gets its turn: they wake it once.
  std::mutex arrivals_mutex;
  std::vector<queue::Envelope> arrivals;

  struct Writing {
    queue::Persist persist;
    std::function<void()> written;  // may be empty
  };
  std::unordered_map<MessageId, std::deque<Writing>> batches;

  queue::Now now() const { return {services.clock.now(), services.clock.wall()}; }
  // The batches that an input caused call `written` once each when they are durable; gives their number.
  std::size_t step(queue::Input input, std::function<void()> written = {});
  void take_arrivals();
  Way& pool_of(SourceRule source);
  static std::shared_ptr<const Settings> settings_of(Way& way, const std::string& site);
  void start(queue::StartAttempt attempt);
  void persist(queue::Persist persist, std::function<void()> written);
  env::Awaitable<void> write_batches(MessageId id);
  env::Awaitable<bool> write_one(const queue::Persist& persist, std::vector<queue::Envelope>& made);
  env::Awaitable<std::vector<history::Suppressed>> to_suppress(const queue::Persist& persist);
  env::Awaitable<void> keep_time();
  env::Awaitable<void> sweep();
};

std::size_t PostOffice::State::step(queue::Input input, std::function<void()> written) {
  std::size_t persists = 0;
  for (auto& effect : engine.step(now(), std::move(input))) {
    if (auto* attempt = std::get_if<queue::StartAttempt>(&effect)) {
      start(std::move(*attempt));
    } else if (const auto* back = std::get_if<queue::PutBack>(&effect)) {
      put_back = back->attempt;
    } else if (const auto* changed = std::get_if<queue::PaceChanged>(&effect)) {
      tell_pace(services, *changed);
    } else if (auto* batch = std::get_if<queue::Persist>(&effect)) {
      ++persists;
      persist(std::move(*batch), written);
    } else {
      wake_at = std::get<queue::WakeAt>(effect).at;
      if (wake_at < alarm_at) alarm->cancel();
    }
  }
  return persists;
}

void PostOffice::State::take_arrivals() {
  std::vector<queue::Envelope> all;
  {
    const std::lock_guard lock(arrivals_mutex);
    all.swap(arrivals);
  }
  for (const auto& envelope : all) step(queue::Arrived{&envelope, nullptr});
}

PostOffice::State::Way& PostOffice::State::pool_of(SourceRule source) {
  source.from.clear();
  source.to.clear();
  source.accounts.clear();
  auto found = std::ranges::find(ways, source, [](const auto& way) { return way->source; });
  if (found == ways.end()) {
    ways.push_back(std::make_unique<Way>(services));
    ways.back()->source = source;
    found = std::prev(ways.end());
  }
  Way& way = **found;
  if (way.from == settings) return way;
  way.from = way.settings = settings;
  way.by_route.clear();
  if (source == SourceRule{}) return way;
  auto own = std::make_shared<Settings>(*settings);
  if (!source.ipv4.empty()) own->source_ipv4 = source.ipv4;
  if (!source.ipv6.empty()) own->source_ipv6 = source.ipv6;
  if (!source.host_name.empty()) own->client.host_name = source.host_name;
  way.settings = std::move(own);
  return way;
}

std::shared_ptr<const Settings> PostOffice::State::settings_of(Way& way, const std::string& site) {
  const Route* route = route_for(way.settings->routes, site);
  if (route == nullptr) return way.settings;
  auto& made = way.by_route[route];
  if (!made) made = settings_for(*way.settings, *route);
  return made;
}

void PostOffice::State::start(queue::StartAttempt attempt) {
  ++running;
  const SourceRule* source = source_for(settings->sources, attempt.sender, attempt.login, attempt.site);
  Way& way = pool_of(source ? *source : SourceRule{});
  auto with_settings = settings_of(way, attempt.site);
  auto connection = way.pool.take(attempt.site);
  if (!connection) {
    for (const auto& one : ways) {  // in its own pool there may be one to share
      if (one.get() != &way) one->pool.make_room(attempt.hosts);
    }
  }
  const auto shared = connection ? std::optional(connection->executor()) : way.pool.executor_of(attempt.hosts);
  const env::Executor where = shared ? *shared : services.pick_executor();
  auto whole = [](State* state, queue::StartAttempt what, std::unique_ptr<Connection> reused,
                  std::shared_ptr<const Settings> with, ConnectionPool* pool) -> env::Awaitable<void> {
    bool back = false;
    AttemptServices given{state->services, *pool, state->finder, std::move(with)};
    given.found = [state, &back](AttemptId id, std::vector<std::string> hosts) -> env::Awaitable<bool> {
      auto ask = [state, id, names = std::move(hosts)]() mutable {
        state->put_back.reset();
        state->step(queue::SiteFound{id, std::move(names)});
        return state->put_back == id;
      };
      back = co_await env::on(state->executor, std::move(ask));
      co_return !back;
    };
    queue::AttemptDone done = co_await run_attempt(std::move(given), std::move(what), std::move(reused));
    asio::post(state->executor, [state, back, done = std::move(done)]() mutable {
      --state->running;
      if (!back) state->step(std::move(done));
      state->idle->cancel();
    });
  };
  asio::co_spawn(where, whole(this, std::move(attempt), std::move(connection), std::move(with_settings), &way.pool),
                 asio::detached);
}

void PostOffice::State::persist(queue::Persist persist, std::function<void()> written) {
  const MessageId id = persist.changes.id;
  auto& waiting = batches[id];
  waiting.push_back({std::move(persist), std::move(written)});
  if (waiting.size() == 1) asio::co_spawn(executor, write_batches(id), asio::detached);
}

env::Awaitable<void> PostOffice::State::write_batches(MessageId id) {
  auto pause = services.timers.make(executor);
  Duration wait = seconds(1);
  for (;;) {
    const auto found = batches.find(id);
    POSTIL_ASSERT(found != batches.end() && !found->second.empty());
    const queue::Persist what = found->second.front().persist;
    std::vector<queue::Envelope> made;
    const std::vector<history::Suppressed> lost = co_await to_suppress(what);  // the message may go with the batch
    const bool durable = co_await write_one(what, made);
    if (!durable) {
      // Nothing is lost: the old state is on disk, and this one is written when the disk takes it again.
      if (!stopping) {
        if (ending) wait = seconds(1);
        pauses.insert(pause.get());
        co_await pause->wait_until(services.clock.now() + wait);
        pauses.erase(pause.get());
      }
      if (stopping) break;
      wait = std::min<Duration>(wait * 2, minutes(1));
      continue;
    }
    wait = seconds(1);
    tell_results(services, what);
    for (const auto& one : lost) {
      const auto added = co_await services.suppressions->add(one);
      if (added == history::Suppressions::Change::done)
        tell(services, id, {event::Name::address_suppressed, {{"address", one.address}, {"reply", one.why}}});
    }
    auto& waiting = batches.find(id)->second;
    auto written = std::move(waiting.front().written);
    waiting.pop_front();
    if (written) written();
    for (const auto& report : made) {
      tell(services, id,
           {event::Name::bounce_queued, {{"report", to_string(report.id)}, {"to", report.recipients[0].address}}});
      step(queue::Arrived{&report, nullptr});
    }
    if (batches.find(id)->second.empty()) break;
  }
  batches.erase(id);
  idle->cancel();
}

// One batch: the changed states (or the deletion) and the reports asked for.
env::Awaitable<bool> PostOffice::State::write_one(const queue::Persist& persist, std::vector<queue::Envelope>& made) {
  env::Batch batch;
  const MessageId id = persist.changes.id;
  const std::pair<ReportKind, const std::vector<std::uint32_t>*> wanted[] = {{ReportKind::failed, &persist.failed},
                                                                             {ReportKind::delayed, &persist.delayed},
                                                                             {ReportKind::relayed, &persist.relayed}};
  for (const auto& [kind, indices] : wanted) {
    if (indices->empty()) continue;
    auto original = co_await services.store.read_envelope(id);
    if (!original) {
      services.events.emit({event::Name::spool_corrupt, {{"id", to_string(id)}, {"what", std::string("envelope")}}});
      if (original.error() == env::StoreError::stopped) co_return false;
      break;  // nobody is left to be told to; the result itself is still written
    }
    ReportRequest request{kind, {}, refused_us_lifetime};
    for (const auto& state : persist.changes.recipients) {
      if (std::ranges::find(*indices, state.index) != indices->end()) request.recipients.push_back(state);
    }
    auto report = co_await reports.write(settings, std::move(*original), std::move(request));
    if (!report) co_return false;
    made.push_back(report->envelope);
    batch.push_back(std::move(*report));
  }
  if (persist.finished) {
    batch.push_back(env::DeleteMessage{id});
  } else {
    batch.push_back(env::UpdateState{persist.changes});
  }
  const auto durable = co_await services.store.commit(std::move(batch));
  co_return durable.has_value();
}

// Addresses of which the batch says that there is no such mailbox.
env::Awaitable<std::vector<history::Suppressed>> PostOffice::State::to_suppress(const queue::Persist& persist) {
  std::vector<history::Suppressed> out;
  if (services.suppressions == nullptr || !settings->suppress_automatically) co_return out;
  std::vector<const queue::RecipientState*> gone;
  for (const auto& state : persist.changes.recipients) {
    if (state.status != queue::RecipientStatus::failed || !state.diagnostic_remote) continue;
    const bool no_mailbox =
        services.no_such_mailbox ? services.no_such_mailbox(state) : state.code == reply::EnhancedCode{5, 1, 1};
    if (no_mailbox) gone.push_back(&state);
  }
  if (gone.empty()) co_return out;
  const auto envelope = co_await services.store.read_envelope(persist.changes.id);
  if (!envelope) co_return out;
  const WallTime now_wall = services.clock.wall();
  for (const auto* state : gone) {
    if (state->index >= envelope->recipients.size()) continue;
    const WallTime until = settings->suppress_for > Duration(0) ? now_wall + settings->suppress_for : WallTime{};
    out.push_back({envelope->recipients[state->index].address, now_wall, until, false, state->diagnostic});
  }
  co_return out;
}

env::Awaitable<void> PostOffice::State::keep_time() {
  while (!stopping) {
    alarm_at = wake_at;
    const bool came = co_await alarm->wait_until(alarm_at);
    if (stopping) co_return;
    if (!came || services.clock.now() < wake_at) continue;  // a new WakeAt
    wake_at = never;
    step(queue::TimeCame{});
  }
}

env::Awaitable<void> PostOffice::State::sweep() {
  while (!stopping) {
    co_await sweeper->wait_until(services.clock.now() + seconds(1));
    for (const auto& way : ways) way->pool.sweep(settings->idle_connection_max);
    if (services.clock.now() < refresh_at) continue;
    refresh_at = services.clock.now() + minutes(1);
    asio::co_spawn(executor, finder.policies().refresh(settings), asio::detached);
  }
}

PostOffice::PostOffice(Services& services, std::shared_ptr<const Settings> settings, queue::EngineSettings engine,
                       ReportWriter& reports, env::Executor executor)
    : executor_(std::move(executor)), services_(services) {
  state_ = std::make_unique<State>(*this, std::move(settings), std::move(engine), reports);
}

PostOffice::~PostOffice() = default;

queue::Now PostOffice::now() const {
  return state_->now();
}
const queue::Engine& PostOffice::engine_of(State* state) {
  return state->engine;
}

env::Awaitable<env::StoreResult<std::uint64_t>> PostOffice::open() {
  auto whole = [](State* state) -> env::Awaitable<env::StoreResult<std::uint64_t>> {
    std::function<void(env::Waiting&&)> each = [state](env::Waiting&& waiting) {
      state->step(queue::Arrived{&waiting.envelope, &waiting.state});
    };
    co_await state->finder.policies().load();
    auto leased = co_await state->services.store.lease_all(std::move(each));
    asio::co_spawn(state->executor, state->keep_time(), asio::detached);
    asio::co_spawn(state->executor, state->sweep(), asio::detached);
    co_return leased;
  };
  co_return co_await asio::co_spawn(executor_, whole(state_.get()), asio::use_awaitable);
}

void PostOffice::arrived(queue::Envelope envelope) {
  {
    const std::lock_guard lock(state_->arrivals_mutex);
    state_->arrivals.push_back(std::move(envelope));
    if (state_->arrivals.size() > 1) return;
  }
  asio::post(executor_, [state = state_.get()] { state->take_arrivals(); });
}

void PostOffice::set_settings(std::shared_ptr<const Settings> settings, queue::EngineSettings engine) {
  asio::post(executor_, [state = state_.get(), settings = std::move(settings), engine = std::move(engine)]() mutable {
    state->settings = std::move(settings);
    state->refused_us_lifetime = engine.refused_us_lifetime;
    state->step(queue::SettingsChanged{std::move(engine)});
  });
}

env::Awaitable<void> PostOffice::stop(Duration grace) {
  auto whole = [](State* state, Duration patience) -> env::Awaitable<void> {
    state->engine.stop_starting();
    state->ending = true;
    for (auto* pause : state->pauses) pause->cancel();
    const MonoTime soft = state->services.clock.now() + patience;
    while (state->running > 0 && state->services.clock.now() < soft) co_await state->idle->wait_until(soft);
    for (const auto& way : state->ways) way->pool.stop();
    const MonoTime hard = state->services.clock.now() + seconds(10);
    while ((state->running > 0 || !state->batches.empty()) && state->services.clock.now() < hard) {
      co_await state->idle->wait_until(hard);
    }
    state->stopping = true;
    for (auto* pause : state->pauses) pause->cancel();
    state->alarm->cancel();
    state->sweeper->cancel();
  };
  co_await asio::co_spawn(executor_, whole(state_.get(), grace), asio::use_awaitable);
}

env::Awaitable<std::vector<MessageId>> PostOffice::act(queue::Admin::Action action, queue::Filter filter) {
  auto whole = [](State* state, queue::Admin::Action what,
                  queue::Filter which) -> env::Awaitable<std::vector<MessageId>> {
    std::vector<MessageId> ids = state->engine.changed_by(what, state->engine.select(which, state->now(), 1'000'000));
    auto begin = [&](env::Resume<bool> resume) {
      // Goes on when the last of the batches that this action causes is durable.
      struct Wait {
        env::Resume<bool> resume;
        std::size_t open = 1;
        void one_less() {
          if (--open == 0) resume(true);
        }
      };
      auto wait = std::make_shared<Wait>();
      wait->resume = std::move(resume);
      wait->open += state->step(queue::Admin{what, ids}, [wait] { wait->one_less(); });
      wait->one_less();
    };
    co_await env::async<bool>(begin);
    for (const auto id : ids) {
      tell(state->services, id, {event::Name::admin_action, {{"action", admin_word(what)}}});
    }
    co_return ids;
  };
  co_return co_await asio::co_spawn(executor_, whole(state_.get(), action, std::move(filter)), asio::use_awaitable);
}

}  // namespace postil::delivery
