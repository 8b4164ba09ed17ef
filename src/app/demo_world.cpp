#include "app/demo_world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/bytes.hpp"

namespace postil::app {

const std::vector<DemoDomain>& demo_domains() {
  static const std::vector<DemoDomain> all = {
      {211, "end", "2.0.0", "message taken; a 211 answers HELP with the state of a server"},
      {214, "end", "2.0.0", "message taken; a 214 answers HELP"},
      {220, "end", "2.0.0", "message taken; the 220 was the greeting"},
      {221, "end", "2.0.0", "message taken; the 221 comes with QUIT"},
      {235, "end", "2.0.0", "message taken; the 235 was your own server's, when you logged in"},
      {250, "end", "2.0.0", "message taken"},
      {251, "rcpt", "2.1.5", "user not local; will forward"},
      {252, "end", "2.0.0", "message taken; a 252 answers VRFY"},
      {334, "end", "2.0.0", "message taken; the 334 was your own server's, if your login had more than one step"},
      {354, "end", "2.0.0", "message taken; the 354 came before it, as the answer to DATA"},
      {421, "greeting", "", "service not available, try again later"},
      {432, "mail", "4.7.12", "a password transition is needed"},
      {450, "rcpt", "4.2.1", "mailbox busy, try again later"},
      {451, "rcpt", "4.7.1", "greylisted, try again later"},
      {452, "end", "4.3.1", "insufficient system storage"},
      {454, "mail", "4.7.0", "temporary authentication failure"},
      {455, "mail", "4.5.4", "unable to accommodate the parameters now"},
      {500, "mail", "5.5.2", "syntax error, command unrecognized"},
      {501, "mail", "5.5.4", "syntax error in parameters"},
      {502, "data", "5.5.1", "command not implemented"},
      {503, "data", "5.5.1", "bad sequence of commands"},
      {504, "mail", "5.5.4", "command parameter not implemented"},
      {521, "greeting", "", "does not accept mail"},
      {530, "mail", "5.7.0", "must issue a STARTTLS command first"},
      {534, "mail", "5.7.9", "authentication mechanism is too weak"},
      {535, "mail", "5.7.8", "authentication credentials invalid"},
      {538, "mail", "5.7.11", "encryption required for the requested authentication mechanism"},
      {550, "rcpt", "5.1.1", "no such mailbox here"},
      {551, "rcpt", "5.1.6", "user not local; please try another address"},
      {552, "end", "5.3.4", "message size exceeds fixed limit"},
      {553, "rcpt", "5.1.3", "mailbox name not allowed"},
      {554, "greeting", "", "no SMTP service for you here"},
      {555, "rcpt", "5.5.4", "RCPT TO parameters not recognized or not implemented"},
      {556, "dns", "5.1.10", ""},
  };
  return all;
}

const DemoDomain& demo_inbox() {
  static const DemoDomain inbox{250, "end", "2.0.0", "message taken"};
  return inbox;
}

std::string demo_domain_name(const DemoDomain& domain) {
  return fmt::format("{}.demo.test", domain.code);
}

std::string demo_address(const DemoDomain& domain) {
  return fmt::format("127.0.{}.{}", domain.code / 100, domain.code % 100 + 1);
}

env::Awaitable<dns::Answer> DemoResolver::query(std::string name, dns::Type type, MonoTime) {
  dns::Answer answer;
  answer.canonical_name = name;
  answer.chain = {name};
  answer.ttl_seconds = 60;
  const std::string_view host_prefix = "mx.";
  const bool host = name.starts_with(host_prefix);
  const std::string_view domain_name =
      host ? std::string_view(name).substr(host_prefix.size()) : std::string_view(name);
  const auto& all = demo_domains();
  const auto found = std::ranges::find(all, domain_name, demo_domain_name);
  const bool own = domain_name == "demo.test" || domain_name == "mail.demo.test";
  if (found == all.end()) {
    answer.status = own ? dns::Status::no_data : dns::Status::no_domain;
    if (own && type == dns::Type::a) {
      answer.status = dns::Status::ok;
      answer.records.push_back(dns::Address{"127.0.0.1"});
    }
    co_return answer;
  }
  answer.status = dns::Status::no_data;
  const bool null_mx = found->stage == "dns";
  if (!host && type == dns::Type::mx) {
    answer.status = dns::Status::ok;
    answer.records.push_back(null_mx ? dns::Mx{0, ""} : dns::Mx{10, "mx." + std::string(domain_name)});
  } else if (host && type == dns::Type::a && !null_mx) {
    answer.status = dns::Status::ok;
    answer.records.push_back(dns::Address{demo_address(*found)});
  }
  co_return answer;
}

namespace {

class DemoSession {
 public:
  DemoSession(env::StreamPtr stream, const DemoDomain& domain, env::Clock& clock, DemoInbox inbox)
      : stream_(std::move(stream)), domain_(domain), clock_(clock), inbox_(std::move(inbox)) {}

  env::Awaitable<void> run() {
    const bool refused = domain_.stage == "greeting";
    const std::string greeting = refused
                                     ? fmt::format("{} mx.{} {}", domain_.code, demo_domain_name(domain_), domain_.text)
                                     : fmt::format("220 mx.{} ESMTP demo", demo_domain_name(domain_));
    co_await say(greeting);
    if (domain_.code == 421) co_return;
    for (;;) {
      const auto line = co_await read_line();
      if (!line) co_return;
      const bool go_on = co_await command(*line, refused);
      if (!go_on) co_return;
    }
  }

 private:
  MonoTime deadline() const { return clock_.now() + minutes(1); }

  env::Awaitable<void> say(std::string text) {
    text += "\r\n";
    co_await stream_->write(text, deadline());
  }

  env::Awaitable<std::optional<std::string>> read_line() {
    for (;;) {
      const auto end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        co_return line;
      }
      if (buffer_.size() > line_octets_max) co_return std::nullopt;
      const auto octets = co_await stream_->read(deadline());
      if (!octets) co_return std::nullopt;
      buffer_.append(*octets);
    }
  }

  // The reply of this stage: the domain's own one where this is its stage.
  std::string reply(std::string_view stage, std::string_view usual) const {
    if (domain_.stage != stage) return std::string(usual);
    // A code that no host gives to a message: it is taken, and the text says where the code is met.
    const int code = domain_.stage == "end" && domain_.code < 400 ? 250 : domain_.code;
    return fmt::format("{} {}{}{}", code, domain_.enhanced, domain_.enhanced.empty() ? "" : " ", domain_.text);
  }

  // 599@demo.test is nobody's alias and comes to the inbox: it looks like a code of the demo, and is none.
  std::string rcpt_reply(std::string_view line) const {
    const auto local = line.substr(std::min(line.find('<'), line.size() - 1) + 1).substr(0, 4);
    const bool code =
        inbox_ && local.size() == 4 && local[3] == '@' && std::ranges::all_of(local.substr(0, 3), is_digit);
    if (!code) return reply("rcpt", "250 2.1.5 recipient taken");
    std::string known;
    for (const auto& domain : demo_domains()) known += fmt::format(" {}", domain.code);
    return "550 5.1.1 the demo has only these:" + known;
  }

  env::Awaitable<bool> command(std::string line, bool refused) {
    if (istarts_with(line, "QUIT")) {
      co_await say("221 2.0.0 goodbye");
      co_return false;
    }
    if (refused) {
      co_await say(fmt::format("{} {}", domain_.code == 521 ? "521 5.3.2" : "503 5.5.1", "only QUIT is served here"));
    } else if (istarts_with(line, "EHLO") || istarts_with(line, "HELO")) {
      co_await say("250-mx." + demo_domain_name(domain_) +
                   "\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES");
    } else if (istarts_with(line, "MAIL")) {
      recipients_ = false;
      co_await say(reply("mail", "250 2.1.0 sender taken"));
    } else if (istarts_with(line, "RCPT")) {
      const std::string answer = rcpt_reply(line);
      recipients_ = recipients_ || answer.starts_with('2');
      co_await say(answer);
    } else if (istarts_with(line, "DATA")) {
      co_await message();
    } else {
      co_await say("250 2.0.0 OK");
    }
    co_return true;
  }

  env::Awaitable<void> message() {
    if (!recipients_ || domain_.stage == "mail") {
      co_await say("554 5.5.1 no valid recipients");
      co_return;
    }
    if (domain_.stage == "data") {
      co_await say(reply("data", ""));
      co_return;
    }
    co_await say("354 end with a dot");
    std::string text;
    for (;;) {
      const auto line = co_await read_line();
      if (!line) co_return;
      if (*line == ".") break;
      if (inbox_ && text.size() < (1u << 20)) text += (line->starts_with(".") ? line->substr(1) : *line) + "\r\n";
    }
    if (inbox_) inbox_(text);
    co_await say(reply("end", "250 2.0.0 message taken"));
  }

  static constexpr std::size_t line_octets_max = 1u << 20;

  env::StreamPtr stream_;
  const DemoDomain& domain_;
  env::Clock& clock_;
  DemoInbox inbox_;
  std::string buffer_;
  bool recipients_ = false;  // of the transaction, at least one taken
};

env::Awaitable<void> run_session(env::StreamPtr stream, const DemoDomain& domain, env::Clock& clock, DemoInbox inbox) {
  DemoSession session(std::move(stream), domain, clock, std::move(inbox));
  co_await session.run();
}

}  // namespace

env::Awaitable<void> serve_demo_host(std::shared_ptr<env::Listener> listener, const DemoDomain& domain,
                                     env::Clock& clock, DemoInbox inbox) {
  const env::Executor executor = co_await boost::asio::this_coro::executor;
  for (;;) {
    auto stream = co_await listener->accept(executor);
    if (!stream) co_return;
    boost::asio::co_spawn(executor, run_session(std::move(*stream), domain, clock, inbox), boost::asio::detached);
  }
}

}  // namespace postil::app
