#include "support/bare_server.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::test {
namespace {

std::uint64_t number(const std::string& text) {
  return std::stoull(text);
}

bool yes(const std::string& text) {
  POSTIL_ASSERT(text == "yes" || text == "no");
  return text == "yes";
}

smtp::Job job_of(const std::string& text) {
  if (text == "submission") return smtp::Job::submission;
  if (text == "relay") return smtp::Job::relay;
  if (text == "inbound") return smtp::Job::inbound;
  if (text == "null") return smtp::Job::null_host;
  POSTIL_ASSERT(text == "local");
  return smtp::Job::local;
}

constexpr std::string_view peer_keys[] = {"early", "client_certificate"};

}  // namespace

// The job sets what a listener of that kind has; keys behind it change that.
smtp::ServerSettings bare_settings(const std::map<std::string, std::string>& settings) {
  smtp::ServerSettings made;
  const auto job = settings.find("job");
  made.job = job == settings.end() ? smtp::Job::submission : job_of(job->second);
  made.host_name = "mx.example.org";
  made.starttls = made.auth_offered = made.require_tls = made.require_auth = made.job == smtp::Job::submission;
  if (made.job == smtp::Job::submission) made.hold_max = days(30);
  made.help = [](std::string_view topic) {
    std::vector<std::string> lines;
    if (topic == "556") lines.emplace_back("The domain's DNS says that it takes no mail.");
    return lines;
  };
  for (const auto& [key, value] : settings) {
    if (key == "job" || std::ranges::find(peer_keys, key) != std::end(peer_keys)) continue;
    if (key == "starttls")
      made.starttls = yes(value);
    else if (key == "implicit_tls")
      made.implicit_tls = yes(value);
    else if (key == "auth")
      made.auth_offered = yes(value);
    else if (key == "auth_without_tls")
      made.auth_without_tls = yes(value);
    else if (key == "require_tls")
      made.require_tls = yes(value);
    else if (key == "require_auth")
      made.require_auth = yes(value);
    else if (key == "hide_client")
      made.hide_client = yes(value);
    else if (key == "xclient") {
      if (yes(value)) made.xclient_from = {*address::Network::parse("192.0.2.0/24")};
    } else if (key == "receipt_url")
      made.receipt_url = value;
    else if (key == "mechanisms") {
      for (const auto name : split(value, ',')) made.mechanisms.emplace_back(name);
    } else if (key == "size")
      made.message_octets_max = number(value);
    else if (key == "recipients")
      made.recipients_max = static_cast<std::uint32_t>(number(value));
    else if (key == "line")
      made.text_line_octets_max = static_cast<std::uint32_t>(number(value));
    else if (key == "header")
      made.header_octets_max = static_cast<std::uint32_t>(number(value));
    else if (key == "hops")
      made.hops_max = static_cast<std::uint32_t>(number(value));
    else if (key == "errors")
      made.errors_max = static_cast<std::uint32_t>(number(value));
    else if (key == "commands")
      made.commands_max = static_cast<std::uint32_t>(number(value));
    else if (key == "auth_failures")
      made.auth_failures_max = static_cast<std::uint32_t>(number(value));
    else if (key == "hold_days")
      made.hold_max = days(number(value));
    else if (key == "priority")
      made.priority_max = static_cast<std::int8_t>(number(value));
    else {
      fmt::print(stderr, "SETTINGS has no key \"{}\"\n", key);
      POSTIL_ASSERT(!"a known key");
    }
  }
  return made;
}

smtp::PeerFacts bare_peer(const std::map<std::string, std::string>& settings) {
  smtp::PeerFacts peer;
  peer.session = SessionId{1};
  peer.address = "192.0.2.1";
  peer.local_address = "192.0.2.25";
  const auto value = [&](const char* key) {
    const auto found = settings.find(key);
    return found == settings.end() ? std::string() : found->second;
  };
  peer.started = wall_from_microseconds(1'795'328'432'000'000);
  peer.readable_before_greeting = value("early") == "yes";
  if (value("implicit_tls") == "yes") peer.tls = std::make_unique<crypto::TlsFacts>(bare_tls(settings));
  if (value("job") == "local") {
    peer.address = "local";
    peer.local_login = "alice@example.org";
  }
  return peer;
}

crypto::TlsFacts bare_tls(const std::map<std::string, std::string>& settings) {
  crypto::TlsFacts facts;
  facts.version = "TLSv1.3";
  facts.cipher = "TLS_AES_256_GCM_SHA384";
  facts.exporter = std::string(32, 'e');
  facts.server_end_point = std::string(32, 'c');
  const auto certificate = settings.find("client_certificate");
  if (certificate != settings.end()) facts.peer_identity = certificate->second;
  return facts;
}

BareServer::BareServer(std::map<std::string, std::string> settings, std::size_t cut)
    : tls_facts_(bare_tls(settings)), cut_(cut) {
  session_ = std::make_unique<smtp::ServerSession>(
      std::make_shared<const smtp::ServerSettings>(bare_settings(settings)), bare_peer(settings), random_);
  run(session_->start(now_));
}

void BareServer::write(std::string_view output) {
  output_ += output;
  transcript_ += output;
  largest_write_ = std::max(largest_write_, output.size());
}

void BareServer::run(smtp::Action action) {
  reading_ = handshake_ = false;
  for (;;) {
    for (auto& told : session_->take_events()) events_.push_back(std::move(told));
    for (auto& refusal : session_->take_refusals()) refusals_.push_back(std::move(refusal));
    if (auto* read = std::get_if<smtp::Read>(&action)) {
      write(read->output);
      deadline_ = read->deadline;
      if (!read->flush) {
        reading_ = true;
        return;
      }
      action = session_->written(now_);
    } else if (auto* tls = std::get_if<smtp::StartTls>(&action)) {
      write(tls->output);
      deadline_ = tls->deadline;
      handshake_ = true;
      return;
    } else if (auto* ask = std::get_if<smtp::Ask>(&action)) {
      auto answer = policy_.answer(std::move(ask->question));
      action = session_->answer(std::move(answer), now_);
    } else {
      write(std::get<smtp::Close>(action).output);
      closed_ = true;
      return;
    }
  }
}

void BareServer::send(std::string_view octets) {
  const auto cut = cut_ == 0 ? std::size_t{64 * 1024} : cut_;
  while (!octets.empty() && reading_ && !closed_) {
    const auto part = octets.substr(0, cut);
    octets.remove_prefix(part.size());
    run(session_->bytes(part, now_));
  }
}

std::optional<std::string> BareServer::read_line() {
  const auto end = output_.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  auto line = output_.substr(0, end + 2);
  output_.erase(0, end + 2);
  return line;
}

bool BareServer::start_tls() {
  if (!handshake_) return false;
  run(session_->tls_done(tls_facts_, now_));
  return true;
}

void BareServer::fail_tls(std::string_view why) {
  POSTIL_ASSERT(handshake_);
  run(session_->tls_failed(why, now_));
}

void BareServer::shut_down(reply::Reply why) {
  POSTIL_ASSERT(reading_);
  run(session_->shut_down(std::move(why), now_));
}

void BareServer::hang_up() {
  if (!closed_) run(session_->closed(now_));
}

bool BareServer::wait_seconds(std::size_t count) {
  now_ += seconds(count);
  if (reading_ && now_ >= deadline_) run(session_->timed_out(now_));
  return true;
}

std::optional<std::vector<std::string>> BareServer::accepted() {
  std::vector<std::string> messages;
  for (const auto& message : policy_.stored()) messages.push_back(message.octets);
  return messages;
}

std::string BareServer::fault() const {
  if (!policy_.faults().empty()) return policy_.faults().front();
  if (!closed_) return "the session is not over";
  if (policy_.message_open()) return "a message was begun, and neither committed nor aborted";
  return {};
}

}  // namespace postil::test
