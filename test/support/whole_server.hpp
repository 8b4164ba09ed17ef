// The dialogues against a whole program: what each needs of its configuration, accounts and DNS (the names are those of
// test/dialogue/README.md), and which of them a whole program cannot be brought to.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "app/app.hpp"
#include "config/config.hpp"
#include "support/dialogue.hpp"

namespace postil::test {

// Why no configuration makes a whole program do what the dialogue is about; nothing when one does.
// real: the driver has real time and sockets.
std::optional<std::string> unreachable_for_a_program(const Dialogue& dialogue, bool real);
// Steps that need what only the bare session's policy can do are taken out (a password pool that is full).
Dialogue for_a_program(Dialogue dialogue);

// certificate, key: for load_tls. socket: of the sendmail command, where the job is `local`. Listens at `at`.
config::Config configuration_for(const Dialogue& dialogue, const env::Endpoint& at, const std::string& certificate,
                                 const std::string& key, const std::string& socket);

class DialogueAccounts : public server::AccountSource {
 public:
  Found lookup(const std::string& user) override;
  bool may_send_as(std::string_view login, std::string_view address) override;
  std::string language(std::string_view) override { return {}; }
};

// nullmx.example has a null MX; of all else no server answers, so that mail is taken and stays in the queue.
class DialogueResolver : public env::Resolver {
 public:
  env::Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime deadline) override;
};

app::Extras extras_for_dialogues(server::AccountSource& accounts);

// The messages in the store, in the order in which they were taken.
env::Awaitable<std::vector<std::string>> stored_messages(env::Store& store);

// Runs the *.smtp files of a folder (or those named) by `run`, which gives "" or what went wrong. Prints what fails and
// what is passed over with its reason; the program's exit code.
int run_corpus(int count, char** arguments, bool real, const std::function<std::string(const Dialogue&)>& run);

}  // namespace postil::test
