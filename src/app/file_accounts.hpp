// Accounts from the users file. A change of the file counts from the next AUTH: each lookup looks at its stamp.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "accounts/file_stamp.hpp"
#include "accounts/users.hpp"
#include "event/event.hpp"
#include "server/services.hpp"

namespace postil::app {

class FileAccounts : public server::AccountSource {
 public:
  FileAccounts(std::string path, event::Sink& events) : path_(std::move(path)), events_(events) {}
  Found lookup(const std::string& user) override;  // in the pool
  bool may_send_as(std::string_view login, std::string_view address) override;
  std::string language(std::string_view login) override;
  // Reads the file now; a sentence when it cannot be used. Also used at start and by `config check`.
  std::expected<void, std::string> refresh();

 private:
  std::shared_ptr<const accounts::Users> snapshot();

  std::string path_;
  event::Sink& events_;
  std::mutex mutex_;
  accounts::FileStamp stamp_;
  std::shared_ptr<const accounts::Users> users_;  // null: never read, or the newest file cannot be used
};

}  // namespace postil::app
