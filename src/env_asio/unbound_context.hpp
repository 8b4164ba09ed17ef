// One libunbound context with its options, and its answers as dns::Answer. All calls on the io_context's thread.
#pragma once

#include <unbound.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "dns/answer.hpp"
#include "env_asio/resolver.hpp"

namespace postil::env_asio {

class UnboundContext : public std::enable_shared_from_this<UnboundContext> {
 public:
  using Done = std::move_only_function<void(dns::Answer)>;

  static std::expected<std::shared_ptr<UnboundContext>, std::string> make(boost::asio::io_context& io,
                                                                          const ResolverOptions& options,
                                                                          bool validate);
  ~UnboundContext();

  // Calls done once, later, never inside; not at all after cancel() or close(). done must not close this context.
  // Gives a handle for cancel(); 0 when libunbound would not take the question (done is not called).
  std::uint64_t ask(const std::string& name, dns::Type type, Done done);
  void cancel(std::uint64_t handle);
  void close();

 private:
  struct Pending {
    UnboundContext* context = nullptr;
    std::uint64_t handle = 0;
    int async_id = 0;
    std::string name;
    dns::Type type = dns::Type::a;
    Done done;
  };
  explicit UnboundContext(boost::asio::io_context& io) : descriptor_(io) {}
  std::expected<void, std::string> configure(const ResolverOptions& options, bool validate);
  void wait();
  static void answered(void* data, int error, ub_result* result);

  ub_ctx* context_ = nullptr;
  boost::asio::posix::stream_descriptor descriptor_;  // libunbound's; released, not closed
  std::map<std::uint64_t, std::unique_ptr<Pending>> pending_;
  std::uint64_t last_handle_ = 0;
};

}  // namespace postil::env_asio
