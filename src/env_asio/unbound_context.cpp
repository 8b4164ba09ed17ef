#include "env_asio/unbound_context.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "dns/parse.hpp"

namespace postil::env_asio {
namespace {

constexpr int class_in = 1;

// libunbound's thread makes a few with its first question, and libevent ends the program where it gets none.
bool has_descriptors() {
  std::array<int, 16> spare{};
  for (int& fd : spare) fd = ::eventfd(0, EFD_CLOEXEC);
  for (const int fd : spare) {
    if (fd >= 0) ::close(fd);
  }
  return std::ranges::all_of(spare, [](int fd) { return fd >= 0; });
}

bool on_this_host(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("::1");
}

bool asks_localhost(const ResolverOptions& options) {
  return options.allow_localhost || std::any_of(options.forwarders.begin(), options.forwarders.end(), on_this_host) ||
         std::any_of(options.stubs.begin(), options.stubs.end(),
                     [](const auto& stub) { return on_this_host(stub.second); });
}

bool has_anchor(const ResolverOptions& options) {
  return !options.root_key_file.empty() || !options.trust_anchors.empty();
}

// What libunbound found, as an answer of ours.
dns::Answer answer_of(int error, const ub_result* result, const std::string& name, dns::Type type) {
  dns::Answer answer;
  answer.canonical_name = dns::normal_name(name);
  answer.chain = {answer.canonical_name};
  if (error != 0 || result == nullptr) {
    answer.detail = fmt::format("libunbound: {}", ub_strerror(error));
    return answer;
  }
  if (result->bogus != 0) {
    answer.status = dns::Status::bogus;
    answer.detail = result->why_bogus != nullptr ? printable(result->why_bogus) : "validation failed";
    return answer;
  }
  // A failure's packet is only a header, without the question.
  if (result->rcode != 0 && result->rcode != 3) {
    answer.detail = result->rcode == 2 ? "SERVFAIL" : fmt::format("RCODE {}", result->rcode);
    return answer;
  }
  if (result->answer_packet == nullptr || result->answer_len <= 0) {
    answer.detail = "libunbound: no packet";
    return answer;
  }
  answer = dns::parse_answer(
      {static_cast<const char*>(result->answer_packet), static_cast<std::size_t>(result->answer_len)}, name, type);
  answer.secure = result->secure != 0 && answer.definite();
  return answer;
}

}  // namespace

std::expected<std::shared_ptr<UnboundContext>, std::string> UnboundContext::make(boost::asio::io_context& io,
                                                                                 const ResolverOptions& options,
                                                                                 bool validate) {
  if (!has_descriptors()) return std::unexpected("The DNS resolver cannot be set up: too many open files.");
  std::shared_ptr<UnboundContext> made(new UnboundContext(io));
  made->context_ = ub_ctx_create();
  if (made->context_ == nullptr) return std::unexpected("The DNS resolver cannot be set up: out of memory.");
  if (auto configured = made->configure(options, validate); !configured) {
    return std::unexpected(std::move(configured.error()));
  }
  boost::system::error_code error;
  made->descriptor_.assign(ub_fd(made->context_), error);
  if (error) return std::unexpected(fmt::format("The DNS resolver cannot be set up: {}.", error.message()));
  made->wait();
  // The first question now, while there are descriptors: what libunbound answers by itself.
  made->ask("localhost", dns::Type::a, [](const dns::Answer&) {});
  return made;
}

UnboundContext::~UnboundContext() {
  close();
}

std::expected<void, std::string> UnboundContext::configure(const ResolverOptions& options, bool validate) {
  std::string trouble;
  const auto must = [&](int error, std::string_view what, const std::string& value) {
    if (error != 0 && trouble.empty()) {
      trouble = fmt::format("The DNS resolver does not take the {} \"{}\": {}.", what, value, ub_strerror(error));
    }
  };
  const auto set = [&](const char* option, const std::string& value) {
    must(ub_ctx_set_option(context_, option, value.c_str()), option, value);
  };
  must(ub_ctx_async(context_, 1), "thread", "");
  ub_ctx_debugout(context_, nullptr);  // says nothing on stderr
  set("qname-minimisation:", "yes");
  set("edns-buffer-size:", "1232");
  set("msg-cache-size:", "16m");
  set("rrset-cache-size:", "32m");
  const bool validator = validate && has_anchor(options);
  set("module-config:", validator ? "validator iterator" : "iterator");
  if (asks_localhost(options)) set("do-not-query-localhost:", "no");
  // Answered NXDOMAIN by libunbound itself, so that no root is asked for 10.in-addr.arpa [rfc6303]: a resolver that is
  // named may well know the networks behind it. The root signs their absence.
  if (!options.forwarders.empty()) {
    set("unblock-lan-zones:", "yes");
    set("insecure-lan-zones:", "yes");
  }
  if (!options.root_hints.empty()) set("root-hints:", options.root_hints);
  for (const auto& forwarder : options.forwarders) {
    must(ub_ctx_set_fwd(context_, forwarder.c_str()), "forwarder", forwarder);
  }
  for (const auto& [zone, address] : options.stubs) {
    must(ub_ctx_set_stub(context_, zone.c_str(), address.c_str(), 0), "stub", zone + " " + address);
  }
  if (validator) {
    if (!options.root_key_file.empty()) {
      must(ub_ctx_add_ta_file(context_, options.root_key_file.c_str()), "root key file", options.root_key_file);
    }
    for (const auto& anchor : options.trust_anchors)
      must(ub_ctx_add_ta(context_, anchor.c_str()), "trust anchor", anchor);
    for (const auto* zones : {&options.insecure_zones, &options.unblock_zones}) {
      for (const auto& zone : *zones) set("domain-insecure:", zone);
    }
  }
  if (!trouble.empty()) return std::unexpected(std::move(trouble));
  // From here on libunbound has read the options above, and the files.
  for (const auto& zone : options.unblock_zones) {
    must(ub_ctx_zone_remove(context_, zone.c_str()), "zone to unblock", zone);
  }
  for (const auto& record : options.local_data) must(ub_ctx_data_add(context_, record.c_str()), "local record", record);
  if (!trouble.empty()) return std::unexpected(std::move(trouble));
  return {};
}

void UnboundContext::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](const boost::system::error_code& error) {
                           if (error || self->context_ == nullptr) return;
                           ub_process(self->context_);
                           self->wait();
                         });
}

std::uint64_t UnboundContext::ask(const std::string& name, dns::Type type, Done done) {
  if (context_ == nullptr) return 0;
  auto pending = std::make_unique<Pending>(Pending{this, ++last_handle_, 0, name, type, std::move(done)});
  const char* question = name.empty() ? "." : pending->name.c_str();
  if (ub_resolve_async(context_, question, static_cast<int>(type), class_in, pending.get(), answered,
                       &pending->async_id) != 0) {
    return 0;
  }
  pending_.emplace(pending->handle, std::move(pending));
  return last_handle_;
}

void UnboundContext::cancel(std::uint64_t handle) {
  const auto found = pending_.find(handle);
  if (found == pending_.end()) return;
  ub_cancel(context_, found->second->async_id);
  // libunbound goes on behind it, and puts what it finds into its cache; the callback is not called any more.
  pending_.erase(found);
}

void UnboundContext::close() {
  if (context_ == nullptr) return;
  if (descriptor_.is_open()) descriptor_.release();
  ub_ctx_delete(std::exchange(context_, nullptr));  // ends its thread
  pending_.clear();
}

void UnboundContext::answered(void* data, int error, ub_result* result) {
  auto* pending = static_cast<Pending*>(data);
  auto node = pending->context->pending_.extract(pending->handle);
  auto answer = answer_of(error, result, pending->name, pending->type);
  if (result != nullptr) ub_resolve_free(result);
  pending->done(std::move(answer));
}

}  // namespace postil::env_asio
