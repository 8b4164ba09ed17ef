// One run of `postil send`: the command (send.cpp), where the message goes (send_route.cpp), what was said and what it
// means (send_dialogue.cpp), and what becomes of the message in the demo (send_follow.cpp).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/answer_text.hpp"
#include "cli/command.hpp"
#include "cli/mail_client.hpp"
#include "cli/mail_route.hpp"
#include "cli/password_source.hpp"
#include "cli/running_server.hpp"
#include "cli/story.hpp"

namespace postil::cli {

struct SendOptions {
  std::vector<std::string> to, headers;
  std::string from, server, tls, user, mechanism, subject, body, file, stop_after, ca_file, helo, resolver;
  PasswordOptions password;
  bool no_verify = false, verbose = false, json = false, demo = false;
  std::uint32_t timeout_seconds = 60;
  std::uint16_t port = 0;  // 0 = the usual one
};

class Send {
 public:
  Send(const Context& context, SendOptions options) : context_(context), options_(std::move(options)) {}
  int run();

 private:
  using Stage = knowledge::Stage;
  // What is told at the end.
  struct Stop {
    std::string id;    // stable
    std::string text;  // a sentence
    int code = exit_software;
  };

  // send.cpp
  std::optional<Stop> prepare_demo();
  std::optional<Stop> prepare_server();
  std::optional<Stop> prepare_login();
  std::optional<Stop> prepare_envelope();
  std::optional<Stop> prepare_message();
  // send_route.cpp
  std::optional<Stop> prepare_route();
  std::optional<Stop> no_route(const std::string& domain, const MailRoute& route);
  void show_route(const std::string& domain);
  void hand_over();  // to the server, or to the first host that takes a session
  bool next_host_is_due() const;
  std::string server_shown() const;
  // send_dialogue.cpp
  std::optional<Stop> not_sent() const;  // no reply says why
  Stop trouble(const smtp::Outcome& outcome) const;
  int conclude();
  int code_of(const smtp::Outcome& outcome) const;
  void show_dialogue();
  void explain(const reply::RemoteReply& reply, Stage stage);
  void show(const diagnose::Answer& answer);
  int finish(std::optional<Stop> stop, int code);
  // send_follow.cpp
  int follow();  // the exit code of the message's end
  void tell_meaning(const Story& story);
  void wait_for_bounce();
  std::string text(std::string_view key, const i18n::Args& args = {}) const {
    return context_.tr.text("send." + std::string(key), args);
  }

  const Context& context_;
  SendOptions options_;
  MailTask task_;
  bool by_mx_ = false;  // the recipients' domain says in DNS which hosts are asked
  MailRoute route_;
  MailResult result_;
  json::object said_;  // the JSON form
  std::string inbox_;  // of the demo
  std::set<std::string> inbox_before_;
};

// The messages of the demo's inbox: paths; none where there is no such folder.
std::set<std::string> files_in(const std::string& folder);

}  // namespace postil::cli
