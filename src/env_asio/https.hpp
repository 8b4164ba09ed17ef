// HTTPS by libcurl, which is loaded at the first request (dlopen): commands that ask for nothing do not pay for it.
// One thread runs all requests of an object, side by side.
#pragma once

#include <memory>

#include "env/https.hpp"

namespace postil::env_asio {

class CurlHttps : public env::Https {
 public:
  // requests_max: at the same time; one more waits for its turn, within its deadline.
  explicit CurlHttps(std::size_t requests_max = 50);
  ~CurlHttps() override;  // what is under way ends as unavailable
  CurlHttps(const CurlHttps&) = delete;
  CurlHttps& operator=(const CurlHttps&) = delete;

  env::Awaitable<env::HttpsResult> exchange(env::HttpsRequest request, MonoTime deadline) override;

 private:
  class Engine;
  std::shared_ptr<Engine> engine_;
};

}  // namespace postil::env_asio
