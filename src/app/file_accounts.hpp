// Accounts from the users file. A change of the file counts from the next AUTH: each lookup looks at its stamp.
//
// The file is looked at and read on a thread of its own: one that hangs (a network disk that is gone) costs that thread
// alone. Who looks up somebody waits for it, but not longer than `patience` after the read began.
#pragma once

#include <condition_variable>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "accounts/file_stamp.hpp"
#include "accounts/users.hpp"
#include "event/event.hpp"
#include "server/services.hpp"

namespace postil::app {

// The text of the users file, unless it is the one that was read before: then nothing.
struct UsersFile {
  accounts::FileStamp stamp;
  std::optional<std::string> text;
};
// A sentence when it cannot be read. What is no regular file is refused, since reading a pipe waits for its writer.
std::expected<UsersFile, std::string> read_users_file(const std::string& path, const accounts::FileStamp& known);

class FileAccounts : public server::AccountSource {
 public:
  using Read = decltype(read_users_file);
  FileAccounts(std::string path, event::Sink& events, Duration patience = seconds(5),
               std::function<Read> read = read_users_file);
  ~FileAccounts() override;  // does not wait for a read that hangs
  // In the pool. Trouble is told once, until the file can be read again.
  Found lookup(const std::string& user) override;
  // Never wait for the disk: by the last file that could be used, so that who is logged in goes on.
  bool may_send_as(std::string_view login, std::string_view address) override;
  std::string language(std::string_view login) override;
  // Reads the file now; a sentence when it cannot be used. Also used at start and by `config check`.
  std::expected<void, std::string> refresh();

 private:
  struct Reader;
  std::shared_ptr<const accounts::Users> snapshot();

  event::Sink& events_;
  const Duration patience_;
  std::shared_ptr<Reader> reader_;
  std::thread thread_;
  std::mutex told_mutex_;
  std::string told_;  // the trouble that was told last; empty: there is none
};

}  // namespace postil::app
