// One folder of the real file system.
#pragma once

#include "env/disk.hpp"

namespace postil::env_asio {

class FolderDisk : public env::Disk {
 public:
  // The process must ignore SIGXFSZ, or a file over RLIMIT_FSIZE kills it instead of being no_space.
  // Opens the folder, which must exist. Thread-safe from then on; a File is not.
  static env::DiskResult<std::unique_ptr<FolderDisk>> open_folder(const std::string& path);
  ~FolderDisk() override;
  FolderDisk(const FolderDisk&) = delete;
  FolderDisk& operator=(const FolderDisk&) = delete;

  env::DiskResult<std::unique_ptr<env::File>> create(std::string_view name) override;
  env::DiskResult<std::unique_ptr<env::File>> open(std::string_view name, bool writable) override;
  env::DiskResult<void> rename(std::string_view from, std::string_view to) override;
  env::DiskResult<void> remove(std::string_view name) override;
  env::DiskResult<std::vector<std::string>> list() override;  // without the lock file
  env::DiskResult<void> sync_folder() override;
  env::DiskResult<Space> space() override;
  env::DiskResult<std::unique_ptr<env::DirectoryLock>> lock() override;  // the file "lock", with our pid in it

 private:
  FolderDisk(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

env::DiskError disk_error(int error_number);

}  // namespace postil::env_asio
