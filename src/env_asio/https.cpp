#include "env_asio/https.hpp"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>

#include <algorithm>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "base/bytes.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/curl_library.hpp"

namespace postil::env_asio {
namespace {

using crypto::TlsFault;
using env::HttpsError;
using env::HttpsFailure;
using env::HttpsRequest;
using env::HttpsResponse;
using env::HttpsResult;

constexpr std::size_t header_octets_max = 64 * 1024;
constexpr std::size_t waiting_max = 1000;

// One request under way. Does not move: libcurl has pointers into it.
struct Transfer {
  explicit Transfer(const CurlLibrary& library) : curl(library) {}
  ~Transfer() {
    if (easy != nullptr) curl.easy_cleanup(easy);
    curl.slist_free_all(resolve);
    curl.slist_free_all(headers);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  const CurlLibrary& curl;
  CURL* easy = nullptr;
  curl_slist* resolve = nullptr;
  curl_slist* headers = nullptr;
  HttpsRequest request;
  env::Resume<HttpsResult> resume;
  HttpsResponse response;
  std::size_t header_octets = 0;
  bool too_large = false;
  char error[CURL_ERROR_SIZE] = {};
};

std::size_t take_body(char* data, std::size_t, std::size_t octets, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  if (octets > transfer.request.octets_max - transfer.response.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, octets);
  return octets;
}

std::size_t take_header(char*, std::size_t, std::size_t octets, void* to) {
  auto& transfer = *static_cast<Transfer*>(to);
  transfer.header_octets += octets;
  if (transfer.header_octets <= header_octets_max) return octets;
  transfer.too_large = true;
  return 0;
}

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : fmt::format("[{}]", address);
}

// False: out of memory, or an option that this libcurl does not know.
bool prepare(Transfer& transfer, Duration left) {
  const auto& curl = transfer.curl;
  const auto& request = transfer.request;
  transfer.easy = curl.easy_init();
  if (transfer.easy == nullptr) return false;
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good &= curl.easy_setopt(transfer.easy, option, value) == CURLE_OK;
  };
  std::string addresses;
  for (const auto& address : request.addresses) addresses += (addresses.empty() ? "" : ",") + bracketed(address);
  transfer.resolve = curl.slist_append(nullptr, fmt::format("{}:{}:{}", request.host, request.port, addresses).c_str());
  set(CURLOPT_URL, fmt::format("https://{}:{}{}", request.host, request.port, request.path).c_str());
  set(CURLOPT_RESOLVE, transfer.resolve);
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!request.ca_file.empty()) {
    set(CURLOPT_CAINFO, request.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  const auto left_ms = std::chrono::duration_cast<milliseconds>(left).count();
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::clamp<std::int64_t>(left_ms, 1, 24L * 3600 * 1000)));
  set(CURLOPT_USERAGENT, "postil");
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_ERRORBUFFER, transfer.error);
  if (request.post) {
    transfer.headers = curl.slist_append(nullptr, fmt::format("Content-Type: {}", request.post->content_type).c_str());
    transfer.headers = curl.slist_append(transfer.headers, "Expect:");
    set(CURLOPT_HTTPHEADER, transfer.headers);
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.post->body.size()));
    set(CURLOPT_POSTFIELDS, request.post->body.data());
  }
  return good && transfer.resolve != nullptr;
}

TlsFault fault_of(const Transfer& transfer) {
  long verified = X509_V_OK;
  transfer.curl.easy_getinfo(transfer.easy, CURLINFO_SSL_VERIFYRESULT, &verified);
  switch (verified) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:  // libcurl compares the name by itself, before it asks for the result
      return TlsFault::host_mismatch;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsFault::expired;
    default:
      return TlsFault::not_trusted;
  }
}

HttpsResult result_of(Transfer& transfer, CURLcode code) {
  const auto fail = [&](HttpsError error, TlsFault fault = TlsFault::none) {
    const char* text = transfer.error[0] != '\0' ? transfer.error : transfer.curl.easy_strerror(code);
    return std::unexpected(HttpsFailure{error, printable(text, 300), fault});
  };
  if (transfer.too_large) {
    return std::unexpected(
        HttpsFailure{HttpsError::too_large, fmt::format("more than {} octets came", transfer.request.octets_max)});
  }
  switch (code) {
    case CURLE_OK: {
      long status = 0;
      const char* type = nullptr;
      transfer.curl.easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
      transfer.curl.easy_getinfo(transfer.easy, CURLINFO_CONTENT_TYPE, &type);
      transfer.response.status = static_cast<int>(status);
      if (type != nullptr) transfer.response.content_type = printable(type, 200);
      return std::move(transfer.response);
    }
    case CURLE_COULDNT_RESOLVE_HOST:
      return fail(HttpsError::no_address);
    case CURLE_COULDNT_CONNECT:
      return fail(HttpsError::connect);
    case CURLE_OPERATION_TIMEDOUT:
      return fail(HttpsError::timed_out);
    case CURLE_PEER_FAILED_VERIFICATION:
      return fail(HttpsError::certificate, fault_of(transfer));
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      return fail(HttpsError::tls, TlsFault::other);
    case CURLE_OUT_OF_MEMORY:
      return fail(HttpsError::unavailable);
    default:
      return fail(HttpsError::protocol);
  }
}

HttpsResult unavailable(std::string detail) {
  return std::unexpected(HttpsFailure{HttpsError::unavailable, std::move(detail)});
}

}  // namespace

// The thread owns the multi handle and the transfers; what comes in waits behind the mutex.
class CurlHttps::Engine {
 public:
  explicit Engine(std::size_t requests_max) : requests_max_(requests_max) {}
  ~Engine() { stop(); }

  void ask(HttpsRequest request, MonoTime deadline, env::Resume<HttpsResult> resume) {
    std::unique_lock lock(mutex_);
    if (stopping_) {
      lock.unlock();
      resume(unavailable("the program stops"));
      return;
    }
    if (waiting_.size() >= waiting_max) {
      lock.unlock();
      resume(unavailable("too many requests wait"));
      return;
    }
    if (!thread_.joinable()) {
      // Loading the library takes a while: on the thread.
      thread_ = std::jthread([this] { run(); });
    }
    waiting_.push_back({std::move(request), deadline, std::move(resume)});
    wake();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Waiting {
    HttpsRequest request;
    MonoTime deadline;
    env::Resume<HttpsResult> resume;
  };

  void wake() {  // under the mutex
    if (multi_ != nullptr) curl_->multi_wakeup(multi_);
  }

  void run() {
    ::pthread_setname_np(::pthread_self(), "https");
    const auto library = CurlLibrary::get();
    {
      const std::lock_guard lock(mutex_);
      if (library) {
        curl_ = *library;
        multi_ = curl_->multi_init();
      }
    }
    while (multi_ != nullptr && begin_waiting()) {
      int running = 0;
      curl_->multi_perform(multi_, &running);
      end_finished();
      curl_->multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
    end_all(library ? "the program stops" : library.error());
  }

  // False: the program stops.
  bool begin_waiting() {
    std::unique_lock lock(mutex_);
    while (!stopping_ && !waiting_.empty() && transfers_.size() < requests_max_) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      begin(std::move(next));
      lock.lock();
    }
    return !stopping_;
  }

  void begin(Waiting next) {
    const auto left = next.deadline == never ? Duration(hours(1)) : next.deadline - SystemClock::mono_now();
    if (next.request.addresses.empty()) {
      next.resume(std::unexpected(HttpsFailure{HttpsError::no_address, "the host has no address"}));
      return;
    }
    if (left <= Duration(0)) {
      next.resume(std::unexpected(HttpsFailure{HttpsError::timed_out, "no time was left"}));
      return;
    }
    auto transfer = std::make_unique<Transfer>(*curl_);
    transfer->request = std::move(next.request);
    transfer->resume = std::move(next.resume);
    if (!prepare(*transfer, left) || curl_->multi_add_handle(multi_, transfer->easy) != CURLM_OK) {
      transfer->resume(unavailable("libcurl could not begin the request"));
      return;
    }
    transfers_.push_back(std::move(transfer));
  }

  void end_finished() {
    int left = 0;
    while (auto* message = curl_->multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found = std::ranges::find(transfers_, message->easy_handle, [](const auto& one) { return one->easy; });
      auto transfer = std::move(*found);
      transfers_.erase(found);
      curl_->multi_remove_handle(multi_, transfer->easy);
      transfer->resume(result_of(*transfer, code));
    }
  }

  void end_all(const std::string& why) {
    for (auto& transfer : transfers_) {
      curl_->multi_remove_handle(multi_, transfer->easy);
      transfer->resume(unavailable(why));
    }
    transfers_.clear();
    std::deque<Waiting> rest;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      rest.swap(waiting_);
      if (multi_ != nullptr) curl_->multi_cleanup(std::exchange(multi_, nullptr));
    }
    for (auto& one : rest) one.resume(unavailable(why));
  }

  const std::size_t requests_max_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::deque<Waiting> waiting_;
  const CurlLibrary* curl_ = nullptr;
  CURLM* multi_ = nullptr;
  std::list<std::unique_ptr<Transfer>> transfers_;  // the thread's
  std::jthread thread_;
};

CurlHttps::CurlHttps(std::size_t requests_max) : engine_(std::make_shared<Engine>(requests_max)) {}
CurlHttps::~CurlHttps() {
  engine_->stop();
}

env::Awaitable<HttpsResult> CurlHttps::exchange(HttpsRequest request, MonoTime deadline) {
  auto start = [&](env::Resume<HttpsResult> resume) { engine_->ask(std::move(request), deadline, std::move(resume)); };
  co_return co_await env::async<HttpsResult>(start);
}

}  // namespace postil::env_asio
