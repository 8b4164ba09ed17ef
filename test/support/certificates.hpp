// Certificates for tests, made when the test runs, as PEM files in a folder of their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace postil::test {

// A folder under the system's temporary folder, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // Writes the file (mode 0600) and gives its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

struct CertificateFiles {
  std::string certificate;  // PEM: the certificate (then nothing: our CA is a root)
  std::string key;          // PEM, unencrypted
};

struct CertificateRequest {
  std::vector<std::string> names;      // DNS names or IP addresses, for subjectAltName; the first is the CN
  std::vector<std::string> mailboxes;  // rfc822Name
  long valid_from_seconds = -3600;     // against now
  long valid_to_seconds = 7 * 86400;
};

// A certification authority with an EC key, whose files stand in `folder`, which must outlive it.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const TemporaryFolder& folder, const std::string& name = "test-ca");
  ~CertificateAuthority();
  const CertificateFiles& files() const;  // its own certificate: what a verifying peer is given as CA file
  // Files FILE.pem and FILE.key in the folder.
  CertificateFiles make(const std::string& file, const CertificateRequest& request) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The key again, encrypted with a passphrase.
std::string encrypt_key(const std::string& key_path, const std::string& out_path);

}  // namespace postil::test
