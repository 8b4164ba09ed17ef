// One attempt while it runs: private to this module, see attempt.hpp. attempt.cpp asks one host after the other,
// attempt_connect.cpp opens the connection to an address, attempt_send.cpp hands the message over, attempt_results.cpp
// keeps what came of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "delivery/attempt.hpp"
#include "route/trouble.hpp"

namespace postil::delivery {

class Attempt {
 public:
  Attempt(AttemptServices with, queue::StartAttempt what)
      : services_(with.services),
        pool_(with.pool),
        finder_(with.finder),
        settings_(std::move(with.settings)),
        found_(std::move(with.found)),
        what_(std::move(what)) {}

  env::Awaitable<queue::AttemptDone> run(std::unique_ptr<Connection> idle);

 private:
  // What one host said, or we of it.
  struct Said {
    std::string remote, words;
    bool by_remote = false;
    WallTime before{};  // when, where that was before this attempt
  };
  // A recipient that has no result yet, and what the hosts so far made of it: one of each for each host.
  struct Pending {
    std::uint32_t index = 0;
    std::vector<route::Judgement> judgements;
    std::vector<std::shared_ptr<const Said>> said;
    void add(const route::Judgement& judgement, std::shared_ptr<const Said> words) {
      judgements.push_back(judgement);
      said.push_back(std::move(words));
    }
  };

  env::Awaitable<void> try_hosts();
  // False: no worse hosts may be tried.
  env::Awaitable<bool> try_equal(std::vector<route::PlanHost> hosts, HostFinder::Security security);
  // in_clear: TLS has just failed there, and may be left out.
  env::Awaitable<void> try_address(HostAddress host, bool in_clear = false);
  // Takes the message to an idle connection that another domain's mail has left there; false: there is none for it.
  env::Awaitable<bool> try_shared(HostAddress host, transport::MessageRuling ruling);
  bool may_share(const Connection& connection, const HostAddress& host, const transport::MessageRuling& ruling) const;
  env::Awaitable<std::unique_ptr<Connection>> connect(HostAddress host, transport::Requirement requirement,
                                                      smtp::TlsUse tls);
  env::Awaitable<void> send_rest(HostAddress host, bool in_clear);
  // Whether what is known of the host rules it out for this message before it is asked.
  bool ruled_out(const HostAddress& host, const transport::MessageRuling& ruling);
  // An idle connection carries this message only if what it proved satisfies the message's and the site's policy.
  bool may_use(const Connection& connection) const;
  // REQUIRETLS may be said there [rfc8689 2].
  static bool keeps_requiretls(const Connection& connection);
  void tell_opened(const Connection& connection, const transport::Requirement& requirement);
  // may_go_on: mail goes there though TLS failed.
  void tell_tls(const Connection& connection, const smtp::Outcome& outcome, bool may_go_on);
  // Sends to all that are pending, in as many transactions as the server's LIMITS ask for. Those that it puts off stay
  // pending; those that this connection can have no more are in unsent_.
  env::Awaitable<void> send(std::unique_ptr<Connection> connection, bool reused);
  env::Awaitable<void> transact(Connection& connection, bool reused);
  std::vector<std::size_t> fitting_in(const Connection& connection, const std::vector<Pending>& waiting) const;
  void take_fitting(const Connection& connection, std::vector<Pending>& waiting);
  std::vector<smtp::RcptCommand> commands_for(const std::vector<Pending>& recipients) const;
  smtp::Transaction transaction(const Connection& connection) const;
  void set_deliver_by(smtp::Transaction& out, const smtp::Extensions& offered) const;
  bool tells_relayed(const Connection& connection) const;
  env::Awaitable<bool> make_outgoing();
  void apply(const smtp::TransactionResult& result, const Connection& connection, const route::Context& context);
  void host_failed(const route::Judgement& judgement, Said said);
  void host_counts(const route::Judgement& judgement, Said said);
  // For what it said 521 to before. Told once for each time that it said so, not in each attempt.
  void tell_skipped(const std::string& remote, const route::HostMemory::Heard& heard);
  void tell_put_off(const Said& said, route::Cause cause, std::size_t recipients);
  void finish(Pending& pending, const route::Judgement& judgement, const Said& said);
  void fail_all(route::Cause cause, std::string words);
  static Said own_words(const std::string& about, route::Cause cause);
  void note_throttle(const route::Judgement& judgement, const smtp::Outcome& outcome, const std::string& remote,
                     bool reused = false);
  // Those on the suppression list have failed.
  void leave_out_suppressed();
  void conclude();
  route::Context context() const;

  Services& services_;
  ConnectionPool& pool_;
  HostFinder& finder_;
  std::shared_ptr<const Settings> settings_;
  std::function<env::Awaitable<bool>(AttemptId, std::vector<std::string>)> found_;
  queue::StartAttempt what_;
  queue::Envelope envelope_;
  std::shared_ptr<OutgoingMessage> outgoing_;  // of the first send on
  std::vector<Pending> pending_;
  std::vector<Pending> unsent_;                // after a send
  std::vector<route::Judgement> hosts_;        // judgements at the scope of hosts, of all hosts asked
  std::vector<HostAddress> null_before_;       // said 521 some time ago; asked again only if all else fails
  std::unordered_set<std::string> asked_;      // addresses; one that is behind two names is asked once
  std::unordered_set<std::string> deferring_;  // addresses that put recipients off, and not for a trouble of their own
  bool stop_ = false;                          // no further hosts in this attempt
  bool any_good_ = false;                      // a host was ready for a transaction
  bool stale_ = false;                         // the last send found its reused connection ended
  bool room_made_ = false;                     // among idle connections, for one of our own
  queue::AttemptDone done_;
};

}  // namespace postil::delivery
