// The oracles of the main job: what all sides wrote down must agree, for each recipient.
//
//   250 was said          it ends once: delivered, or failed for a reason, and both stand in our events
//   it was refused        nothing of it goes on, and the refusal explains itself
//   it arrived twice      the 250 to the first copy got lost, or we died before its result was on disk, and soon after
//   it was returned       once, if its sender wanted that, with what he asked for; never before its time
#pragma once

#include "diagnose/explain.hpp"
#include "main_job.hpp"

namespace postil::test {

// The documented window: from the remote's 250 to the sync of its result. Faults of the disk prolong it by some tries.
inline constexpr Duration result_window = minutes(2);

class Ledgers {
 public:
  explicit Ledgers(MainJob& job) : job_(job) {
    for (const Domain& domain : job.domains) {
      for (const auto& host : domain.hosts) {
        for (const RemoteMessage& message : host->taken()) {
          for (const std::string& to : message.recipients) copies_[to].push_back(&message);
        }
        for (const std::string& complaint : host->complaints()) ADD_FAILURE() << domain.name << ": " << complaint;
        EXPECT_LE(host->counts().sessions_most, 3u + 3u) << domain.name << ": attempts and what still idles or breaks";
      }
    }
    read_events();
    for (const RemoteMessage& message : job.home->taken()) read_report(message);
  }

  void check() {
    for (const auto& one : job_.sent) {
      const std::set<std::string> taken(one->result.taken.begin(), one->result.taken.end());
      for (std::size_t i = 0; i < one->what.recipients.size(); ++i) {
        const std::string& to = one->what.recipients[i];
        check_one(*one, to, one->what.parameters[i], taken.contains(to));
      }
      for (const auto& [to, reply] : one->result.refused) check_refusal(reply, to);
      const auto& last = one->result.last_reply;
      if (one->result.end == SubmissionResult::End::refused && !last.starts_with('2')) check_refusal(last, "");
    }
    for (const auto& [id, copies] : report_copies_) check_copies("report " + id, copies);
    std::printf("    %zu messages: %zu delivered, %zu returned, %zu twice, %zu crashes, %zu deferrals\n",
                job_.sent.size(), delivered_, returned_, twice_, job_.crashes.size(), deferrals_);
    EXPECT_LE(unknown_, job_.crashes.size()) << "accepted messages of which no event tells";
    EXPECT_EQ(job_.world.internet().counts.clear_after_tls, 0u);
  }

 private:
  using Copies = std::vector<const RemoteMessage*>;
  struct Durable {  // the result of a recipient, on disk
    MonoTime when;
    bool delivered = false;
    std::string reason, status;
  };

  static std::string field(const event::Event& event, std::string_view key) {
    for (const auto& one : event.fields) {
      if (one.key != key) continue;
      if (const auto* text = std::get_if<std::string>(&one.value)) return *text;
      if (const auto* number = std::get_if<std::int64_t>(&one.value)) return std::to_string(*number);
    }
    return {};
  }

  // Which address an index of a message stands for: what was accepted, and the reports that we made of it.
  void read_events() {
    std::map<std::string, std::vector<std::string>> addresses;
    for (const auto& [when, event] : job_.server.told()) {
      const std::string id = field(event, "id");
      switch (event.name) {
        case event::Name::message_accepted: {
          const std::string all = field(event, "to");
          for (const auto to : split(all, ' ')) addresses[id].emplace_back(to);
          break;
        }
        case event::Name::bounce_queued:
          addresses[field(event, "report")] = {"report " + field(event, "report")};
          break;
        case event::Name::command_refused:
          refusals_.emplace(field(event, "receipt"), field(event, "recipient"));
          break;
        case event::Name::pace_slowed:
        case event::Name::pace_raised:
          break;
        case event::Name::recipient_deferred:
          ++deferrals_;
          check_reason(event, id);
          break;
        default: {
          const bool delivered = event.name == event::Name::recipient_delivered;
          if (!delivered) check_reason(event, id);
          const auto known = addresses.find(id);
          if (known == addresses.end()) break;  // accepted just before a crash: nobody told of it
          const auto index = std::stoul(field(event, "recipient"));
          ASSERT_LT(index, known->second.size()) << id;
          durable_[known->second[index]].push_back({when, delivered, field(event, "reason"), field(event, "status")});
        }
      }
    }
  }

  // Who waits and who was returned has a reason of which something can be told.
  static void check_reason(const event::Event& event, const std::string& id) {
    const auto reason = queue::parse_reason(field(event, "reason"));
    ASSERT_TRUE(reason) << id << " failed for " << field(event, "reason");
    EXPECT_NE(*reason, queue::Reason::new_message) << id;
    EXPECT_NE(*reason, queue::Reason::delivered) << id;
    const std::string status = field(event, "status");
    const bool failed = event.name == event::Name::recipient_failed;
    EXPECT_TRUE(status.starts_with('4') || (failed && status.starts_with('5'))) << id << ": " << status;
  }

  void read_report(const RemoteMessage& message) {
    if (!message.sender.empty()) ADD_FAILURE() << "a report with a sender: " << message.sender;
    std::string id, recipient, action, envid;
    for (std::string_view line : split(message.octets, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.starts_with("Message-ID: <") && id.empty()) id = line.substr(13, line.find('@') - 13);
      if (line.starts_with("Original-Envelope-Id: ")) envid = line.substr(22);
      if (line.starts_with("Final-Recipient: rfc822;")) recipient = trim(line.substr(24));
      if (!line.starts_with("Action: ")) continue;
      action = line.substr(8);
      if (action == "failed") returns_[recipient][id] = &message;
      if (action == "relayed") relayed_.insert(recipient);
      envids_[recipient] = envid;
    }
    EXPECT_FALSE(action.empty()) << message.octets;
    report_copies_[id].push_back(&message);
  }

  void check_refusal(const std::string& reply, const std::string& to) const {
    const auto read = diagnose::read_reply(reply);
    ASSERT_TRUE(read) << reply;
    const auto found = diagnose::explain_reply(*read, knowledge::Stage::any);
    ASSERT_NE(found.own, nullptr) << "not one of ours: " << reply;
    EXPECT_NE(found.reason, knowledge::Reason::unknown) << reply;
    if (!found.own->receipt) return;
    const auto open = reply.rfind('(');
    ASSERT_NE(open, std::string::npos) << reply;
    const auto receipt = refusals_.find(reply.substr(open + 1, 15));
    ASSERT_NE(receipt, refusals_.end()) << "no receipt for " << reply;
    EXPECT_EQ(receipt->second, to) << reply;
  }

  bool crashed_in_window(MonoTime from) const {
    return std::ranges::any_of(job_.crashes, [&](MonoTime at) { return at >= from && at <= from + result_window; });
  }

  // Copies of one recipient (or report), against its result: all but the one that the result is about need an excuse.
  void check_copies(const std::string& to, const Copies& copies) {
    const auto& results = durable_[to];
    EXPECT_LE(results.size(), 1u) << to << " ended twice";
    std::size_t free = results.empty() || results[0].delivered ? 1 : 0;
    std::size_t without = 0;
    for (const RemoteMessage* copy : copies) {
      if (!results.empty()) {
        EXPECT_LE(copy->when, results[0].when) << to << " was sent again after its result was on disk";
      }
      const bool heard = copy->answered && copy->confirmed;
      if (heard && !crashed_in_window(copy->when)) ++without;
    }
    twice_ += copies.size() > 1;
    EXPECT_LE(without, free) << to << " arrived " << copies.size() << " times, and nothing excuses it";
  }

  void check_one(const Sent& sent, const std::string& to, const std::string& parameters, bool taken_by_us) {
    const auto& copies = copies_[to];
    const auto& returns = returns_[to];
    using Ended = SubmissionResult::End;
    const bool sure = sent.result.end == Ended::accepted && taken_by_us;
    const bool refused = sent.result.end == Ended::refused || sent.result.end == Ended::not_sent || !taken_by_us;
    if (refused && sent.result.end != Ended::doubtful) {
      EXPECT_TRUE(copies.empty() && returns.empty()) << to << " was refused, and sent on: " << sent.result.last_reply;
      return;
    }
    delivered_ += !copies.empty();
    returned_ += !returns.empty();
    check_copies(to, copies);
    check_content(sent, to, parameters, copies);
    check_returns(sent, to, parameters);
    if (!sure) return;
    const auto& results = durable_[to];
    unknown_ += results.empty();
    if (results.empty()) {
      EXPECT_FALSE(copies.empty() && returns.empty()) << to << " was answered 250 and lost";
    } else {
      EXPECT_EQ(results[0].delivered, !copies.empty() && results[0].delivered) << to << " is said to have arrived";
    }
  }

  static void check_content(const Sent& sent, const std::string& to, const std::string& parameters,
                            const Copies& copies) {
    for (const RemoteMessage* copy : copies) {
      EXPECT_TRUE(copy->octets.ends_with(sent.what.octets)) << to << " got other octets";
      EXPECT_EQ(copy->sender, sent.what.sender);
      const bool asked = !sent.envid.empty();
      EXPECT_EQ(copy->mail_line.find("ENVID=" + sent.envid) != std::string::npos, copy->dsn && asked)
          << copy->mail_line;
      for (const auto& line : copy->rcpt_lines) {
        if (line.find("<" + to + ">") == std::string::npos) continue;
        const auto notify = parameters.substr(0, parameters.find(' '));
        if (copy->dsn && notify.starts_with("NOTIFY=")) {
          EXPECT_NE(line.find(notify), std::string::npos) << line;
        }
        if (!copy->dsn) {
          EXPECT_EQ(line.find("NOTIFY="), std::string::npos) << line;
        }
      }
    }
  }

  void check_returns(const Sent& sent, const std::string& to, const std::string& parameters) {
    const auto& returns = returns_[to];
    const auto& results = durable_[to];
    const bool asked = parameters.starts_with("NOTIFY=");
    const std::string notify = parameters.substr(0, parameters.find(' '));
    const bool wanted = !sent.what.sender.empty() && (!asked || notify.find("FAILURE") != std::string::npos);
    const bool failed = !results.empty() && !results[0].delivered;
    if (!results.empty()) {
      EXPECT_EQ(!returns.empty(), failed && wanted) << to << " " << parameters;
    }
    EXPECT_TRUE(wanted || returns.empty()) << to << " was returned, and nobody wanted it: " << parameters;
    EXPECT_LE(returns.size(), 1u) << to << " was returned again and again";
    for (const auto& [id, report] : returns) {
      EXPECT_EQ(report->recipients.at(0),
                sent.what.sender.starts_with("root@") ? "admin@home.example" : sent.what.sender);
      EXPECT_EQ(envids_[to], sent.envid) << to;
      const bool whole = report->octets.find(sent.what.octets) != std::string::npos;
      const bool has_text = !sent.what.octets.ends_with("\r\n\r\n");
      EXPECT_EQ(whole && has_text, has_text && sent.what.mail_parameters.starts_with("RET=FULL")) << to;
      const std::string domain = to.substr(to.find('@') + 1);
      for (const Domain& one : job_.domains) {
        if (one.name != domain || !one.temporary_only) continue;
        EXPECT_GE(report->when - sent.result.when, Duration(days(5)) - hours(1))
            << to << " was returned before its time: " << results.at(0).status;
      }
    }
    const bool all_without_dsn = !copies_[to].empty() && std::ranges::none_of(copies_[to], &RemoteMessage::dsn);
    if (notify.find("SUCCESS") != std::string::npos && !sent.what.sender.empty() && all_without_dsn &&
        !results.empty() && results[0].delivered) {
      EXPECT_TRUE(relayed_.contains(to)) << to << ": its sender wanted to know that it went on";
    }
  }

  MainJob& job_;
  std::map<std::string, Copies> copies_;                                        // by recipient
  std::map<std::string, Copies> report_copies_;                                 // by the report's id
  std::map<std::string, std::map<std::string, const RemoteMessage*>> returns_;  // by recipient, by the report's id
  std::map<std::string, std::vector<Durable>> durable_;
  std::map<std::string, std::string> refusals_;  // receipt -> recipient
  std::map<std::string, std::string> envids_;
  std::set<std::string> relayed_;
  std::size_t delivered_ = 0, returned_ = 0, twice_ = 0, unknown_ = 0, deferrals_ = 0;
};

}  // namespace postil::test
