#include "support/world/mail_client.hpp"

#include "crypto/base64.hpp"
#include "sasl/client.hpp"
#include "support/world/world.hpp"

namespace postil::test {
namespace {

class Conversation {
 public:
  Conversation(std::shared_ptr<Node> node, env::StreamPtr stream)
      : node_(std::move(node)), stream_(std::move(stream)) {}

  // Sends and reads one reply: its last line; "" when the connection is gone.
  env::Awaitable<std::string> ask(std::string text) {
    const MonoTime deadline = node_->clock().now() + minutes(5);
    if (!text.empty()) {
      auto written = co_await stream_->write(text, deadline);
      if (!written) co_return std::string();
    }
    for (;;) {
      const std::size_t end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        if (line.size() < 4 || line[3] != '-') co_return line;
        continue;
      }
      auto octets = co_await stream_->read(deadline);
      if (!octets) co_return std::string();
      buffer_ += *octets;
    }
  }
  env::Awaitable<bool> start_tls() {
    env::TlsClientRequest request;
    request.server_name = "relay.postil.example";
    auto facts = co_await stream_->tls_connect(std::move(request), node_->clock().now() + minutes(1));
    co_return facts.has_value();
  }
  void close() { stream_->close(); }

 private:
  std::shared_ptr<Node> node_;
  env::StreamPtr stream_;
  std::string buffer_;
};

std::string with_dots(const std::string& octets) {
  std::string out;
  bool line_begins = true;
  for (const char c : octets) {
    if (line_begins && c == '.') out += '.';
    out += c;
    line_begins = c == '\n';
  }
  return out + ".\r\n";
}

// The whole exchange; the reply that ended it.
env::Awaitable<std::string> log_in(Conversation& with, SubmissionLogin login) {
  sasl::ClientLogin client;
  client.user = std::move(login.user);
  client.password = std::move(login.password);
  client.nonce = "the-nonce-of-a-client-of-the-world";
  const auto mechanism = sasl::make_client(login.mechanism, std::move(client));
  std::string line = "AUTH " + login.mechanism;
  if (const auto initial = mechanism->initial()) line += " " + crypto::base64_encode(*initial);
  for (;;) {
    std::string reply = co_await with.ask(line + "\r\n");
    if (!reply.starts_with("334 ")) co_return reply;
    const auto challenge = crypto::base64_decode(std::string_view(reply).substr(4));
    const auto answer = challenge ? mechanism->respond(*challenge) : std::unexpected(std::string("no base64"));
    line = answer ? crypto::base64_encode(*answer) : "*";
  }
}

// What comes before MAIL. Gives the last reply; a positive one when all went well.
env::Awaitable<std::string> begin(Conversation& with, Submission what) {
  if (what.tls == Submission::Tls::implicit) {
    const bool up = co_await with.start_tls();
    if (!up) co_return std::string();
  }
  std::string reply = co_await with.ask("");
  if (!reply.starts_with('2')) co_return reply;
  reply = co_await with.ask("EHLO client.example\r\n");
  if (!reply.starts_with('2')) co_return reply;
  if (what.tls == Submission::Tls::starttls) {
    reply = co_await with.ask("STARTTLS\r\n");
    if (!reply.starts_with('2')) co_return reply;
    const bool up = co_await with.start_tls();
    if (!up) co_return std::string();
    reply = co_await with.ask("EHLO client.example\r\n");
    if (!reply.starts_with('2')) co_return reply;
  }
  if (what.login) reply = co_await log_in(with, std::move(*what.login));
  co_return reply;
}

env::Awaitable<SubmissionResult> converse(Conversation& with, Submission what) {
  SubmissionResult result;
  const auto said = [&](const std::string& reply, char wanted) {
    result.last_reply = reply;
    if (!reply.empty() && reply[0] == wanted) return true;
    result.end = reply.empty() ? SubmissionResult::End::not_sent : SubmissionResult::End::refused;
    return false;
  };
  std::string reply = co_await begin(with, what);
  if (!said(reply, '2')) co_return result;
  const std::string parameters = what.mail_parameters.empty() ? "" : " " + what.mail_parameters;
  reply = co_await with.ask("MAIL FROM:<" + what.sender + ">" + parameters + "\r\n");
  if (!said(reply, '2')) co_return result;
  for (std::size_t i = 0; i < what.recipients.size(); ++i) {
    std::string command = "RCPT TO:<" + what.recipients[i] + ">";
    if (i < what.parameters.size() && !what.parameters[i].empty()) command += " " + what.parameters[i];
    reply = co_await with.ask(command + "\r\n");
    if (reply.empty()) co_return result;
    if (reply[0] == '2') {
      result.taken.push_back(what.recipients[i]);
    } else {
      result.refused.emplace_back(what.recipients[i], reply);
    }
  }
  result.end = SubmissionResult::End::refused;
  if (result.taken.empty()) co_return result;
  reply = co_await with.ask("DATA\r\n");
  if (!said(reply, '3')) co_return result;
  reply = co_await with.ask(with_dots(what.octets));
  result.last_reply = reply;
  result.end = reply.empty()     ? SubmissionResult::End::doubtful
               : reply[0] == '2' ? SubmissionResult::End::accepted
                                 : SubmissionResult::End::refused;
  if (!reply.empty()) co_await with.ask("QUIT\r\n");
  co_return result;
}

}  // namespace

env::Awaitable<SubmissionResult> submit(std::shared_ptr<Node> from, env::Endpoint to, Submission what) {
  SubmissionResult result;
  auto stream = co_await from->network().connect(std::move(to), "", from->clock().now() + seconds(30));
  if (stream) {
    Conversation conversation(from, std::move(*stream));
    result = co_await converse(conversation, std::move(what));
    conversation.close();
  }
  result.when = from->clock().now();
  co_return result;
}

}  // namespace postil::test
