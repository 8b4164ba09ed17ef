// links: smtp sasl address message
// A server session from every state: the first octets choose the settings, a prelude that leads into a state, and
// the answers to the session's questions; the rest is what the client sends. The same input goes in whole and cut
// small, and must give the same replies. Oracles: replies are well-formed, one for each command line; the store is
// asked in order (begin, append, commit or abort), and nothing stays begun; nothing is read after the end.
#include "smtp/server_session.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

using namespace postil;

namespace {

constexpr char segment_end = 0x1d;                 // a read ends here
constexpr std::size_t compared_octets_max = 6000;  // above it AppendBody may be asked at other places
constexpr std::size_t idle_octets_max = 64 * 1024;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

constexpr std::string_view preludes[] = {
    "",
    "EHLO c.example\r\n",
    "HELO c.example\r\n",
    "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\n",
    "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n",
    "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n",
    "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 10\r\n0123456789",
    "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 1000\r\n",
    "EHLO c.example\r\nAUTH PLAIN\r\n",
    "EHLO c.example\r\nAUTH LOGIN\r\n",
    "EHLO c.example\r\nAUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eA==\r\n",
    "EHLO c.example\r\nSTARTTLS\r\n",
    "BDAT 1000\r\n",
    "XCLIENT HELO=c.example PROTO=ESMTP\r\nXCLIENT ADDR=IPV6:2001:db8::1 LOGIN=alice@example.org\r\n",
};

class Random : public smtp::SessionRandom {
 public:
  ReceiptId receipt() override { return make_receipt_id(++last_); }
  std::string nonce() override { return "fixed-nonce-of-the-server-0123456789"; }

 private:
  std::uint64_t last_ = 0;
};

struct Input {
  std::uint8_t job = 0;
  std::uint8_t flags = 0;
  std::uint8_t limits = 0;
  std::uint8_t prelude = 0;
  std::string_view answers;
  std::string_view octets;
};

smtp::ServerSettings settings_of(const Input& input) {
  constexpr smtp::Job jobs[] = {smtp::Job::relay, smtp::Job::submission, smtp::Job::inbound, smtp::Job::null_host,
                                smtp::Job::local};
  smtp::ServerSettings settings;
  settings.job = jobs[input.job % std::size(jobs)];
  settings.host_name = "mx.example.org";
  settings.starttls = (input.flags & 1) != 0;
  settings.auth_offered = (input.flags & 2) != 0;
  settings.auth_without_tls = (input.flags & 4) != 0;
  settings.require_tls = (input.flags & 8) != 0;
  settings.require_auth = (input.flags & 16) != 0;
  settings.hide_client = (input.flags & 32) != 0;
  if (input.flags & 16) settings.hold_max = days(2);
  if ((input.flags & 64) != 0) settings.receipt_url = "https://mx.example.org/r/";
  if ((input.flags & 128) != 0) settings.xclient_from = {*address::Network::parse("192.0.2.0/24")};
  if ((input.limits & 1) != 0) settings.message_octets_max = 500;
  if ((input.limits & 2) != 0) settings.recipients_max = 2;
  if ((input.limits & 4) != 0) settings.text_line_octets_max = 100;
  if ((input.limits & 8) != 0) settings.header_octets_max = 200;
  if ((input.limits & 16) != 0) settings.hops_max = 2;
  if ((input.limits & 32) != 0) settings.errors_max = 3;
  if ((input.limits & 64) != 0) settings.commands_max = 10;
  return settings;
}

// Drives one session and keeps the ledger.
class Driver {
 public:
  explicit Driver(const Input& input)
      : input_(input),
        session_(std::make_shared<const smtp::ServerSettings>(settings_of(input)), peer(input), random_) {
    run(session_.start(MonoTime{}));
  }

  // One segment, in pieces of `cut` octets; a handshake drops the rest of it.
  void feed(std::string_view octets, std::size_t cut) {
    while (!octets.empty() && !closed_) {
      const auto part = octets.substr(0, cut);
      octets.remove_prefix(part.size());
      run(session_.bytes(part, MonoTime{}));
      if (!handshake_) continue;
      handshake_ = false;
      crypto::TlsFacts facts;
      facts.version = "TLSv1.3";
      facts.cipher = "X";
      facts.exporter = std::string(32, 'e');
      run((next() & 7) == 7 ? session_.tls_failed("no", MonoTime{}) : session_.tls_done(facts, MonoTime{}));
      return;
    }
  }

  // Command lines one by one, with exactly one reply to each.
  void feed_lines(std::string_view octets) {
    bool counting = true;
    while (!octets.empty() && !closed_) {
      const auto end = octets.find("\r\n");
      if (end == std::string_view::npos) return feed(octets, octets.size());
      const auto line = octets.substr(0, end + 2);
      octets.remove_prefix(line.size());
      // What follows BDAT is counted in octets; a TLS record is answered before its line ends.
      counting = counting && !istarts_with(line, "BDAT") && line.front() != 0x16;
      const bool command = counting && !session_.in_message();
      const auto before = replies_;
      feed(line, line.size());
      const auto given = replies_ - before;
      if (command)
        require(given == 1, "one reply to a command line");
      else
        require(given <= 2 || !counting, "no more replies than commands");
    }
  }

  void finish() {
    if (!closed_) run(session_.closed(MonoTime{}));
    require(closed_, "the session ends when the client is gone");
    require(!open_, "what was begun is committed or aborted");
    check_replies();
  }

  bool closed() const { return closed_; }
  const std::string& transcript() const { return transcript_; }

 private:
  static smtp::PeerFacts peer(const Input& input) {
    smtp::PeerFacts facts;
    facts.session = SessionId{1};
    facts.address = "192.0.2.1";
    facts.readable_before_greeting = input.limits == 0xff;
    if (input.limits == 0xfe) {
      facts.refusal = std::make_unique<reply::Reply>(
          reply::make(reply::TextId::relay_not_for_you, {{"host", "mx.example.org"}, {"address", facts.address}}));
    }
    if (input.job % 5 == 4) facts.local_login = "alice@example.org";
    return facts;
  }

  std::uint8_t next() {
    if (input_.answers.empty()) return 0;
    return static_cast<std::uint8_t>(input_.answers[asked_++ % input_.answers.size()]);
  }

  void write(std::string_view output) {
    require(output.size() < idle_octets_max, "output is bounded");
    transcript_ += output;
    for (std::size_t from = 0; from < output.size();) {
      const auto end = output.find("\r\n", from);
      require(end != std::string_view::npos && end >= from + 3, "lines end with CRLF");
      if (end == from + 3 || output[from + 3] == ' ') ++replies_;
      from = end + 2;
    }
  }

  void run(smtp::Action action) {
    for (;;) {
      session_.take_events();
      session_.take_refusals();
      if (auto* read = std::get_if<smtp::Read>(&action)) {
        write(read->output);
        if (!read->flush) return;
        action = session_.written(MonoTime{});
      } else if (auto* tls = std::get_if<smtp::StartTls>(&action)) {
        write(tls->output);
        handshake_ = true;
        return;
      } else if (auto* ask = std::get_if<smtp::Ask>(&action)) {
        auto given = answer(std::move(ask->question));
        action = session_.answer(std::move(given), MonoTime{});
      } else {
        write(std::get<smtp::Close>(action).output);
        closed_ = true;
        return;
      }
    }
  }

  smtp::Answer answer(smtp::Question question) {
    using reply::TextId;
    const auto refuse = [](TextId text) { return smtp::Refusal{reply::make(text)}; };
    if (auto* append = std::get_if<smtp::AppendBody>(&question)) {
      require(open_, "AppendBody only inside a message");
      require(!append->octets.empty() && append->octets.size() <= 64 * 1024, "1 octet to 64 KiB");
      appended_ += append->octets.size();
      if (refuses_appends_) return refuse(TextId::message_not_durable);
      return smtp::Continue{};
    }
    if (std::holds_alternative<smtp::AbortMessage>(question)) {
      require(open_, "AbortMessage only inside a message");
      open_ = false;
      return smtp::Continue{};
    }
    const auto choice = next();
    const bool refused = (choice & 3) == 3;
    if (std::holds_alternative<smtp::LookupAccount>(question)) {
      smtp::AccountAnswer account;
      if (refused) return refuse(TextId::auth_unavailable);
      if ((choice & 4) == 0) account.outcome = sasl::LookupOutcome::answered;
      account.credentials.exists = (choice & 8) == 0;
      account.credentials.user = "alice@example.org";
      account.credentials.disabled = (choice & 16) != 0;
      account.credentials.password_hash = "hash";
      if ((choice & 32) != 0) account.credentials.mechanisms_off = {"PLAIN"};
      if ((choice & 64) != 0) {
        account.credentials.scram_sha256 = sasl::ScramKeys{"salt", 4096, std::string(32, 's'), std::string(32, 'k')};
      }
      return account;
    }
    if (std::holds_alternative<smtp::VerifyPassword>(question)) {
      return smtp::PasswordAnswer{(choice & 4) == 0, (choice & 8) == 0};
    }
    if (std::holds_alternative<smtp::CommitMessage>(question)) {
      require(open_, "CommitMessage only inside a message");
      const auto& message = std::get<smtp::CommitMessage>(question).message;
      require(!message.recipients.empty(), "a message has recipients");
      require(message.size_octets == appended_, "the size is that of what was appended");
      require(message.header_octets <= message.size_octets, "the header is a part of it");
      if (refused) return refuse(TextId::message_not_durable);
      open_ = false;
      return smtp::Committed{};
    }
    if (std::holds_alternative<smtp::BeginMessage>(question)) {
      require(!open_, "one message at a time");
      if (refused) return refuse(TextId::mail_local_trouble);
      open_ = true;
      appended_ = 0;
      refuses_appends_ = (choice & 4) != 0;
      return smtp::MessageBegun{MessageId{7}, WallTime{}, 0, "nonce"};
    }
    if (auto* rcpt = std::get_if<smtp::CheckRecipient>(&question)) {
      require(rcpt->mail != nullptr && rcpt->rcpt != nullptr, "a recipient to check");
      if (refused) return refuse((choice & 4) != 0 ? TextId::rcpt_syntax : TextId::mail_local_trouble);
      smtp::RecipientTaken taken{{rcpt->rcpt->recipient.address}};
      if ((choice & 8) != 0) taken.addresses.emplace_back("alias@example.org");
      return taken;
    }
    if (refused) return refuse(TextId::mail_local_trouble);
    return smtp::Continue{};
  }

  void check_replies() const {
    std::string_view code;
    for (std::size_t from = 0; from < transcript_.size();) {
      const auto end = transcript_.find("\r\n", from);
      const auto line = std::string_view(transcript_).substr(from, end - from);
      from = end + 2;
      require(line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) && is_digit(line[2]), "a code");
      require(code.empty() || code == line.substr(0, 3), "one code in a reply");
      for (const char c : line) require(!is_control(c) && !is_8bit(c), "ASCII");
      require(line.starts_with("334") || line.size() <= 510, "512 octets");
      code = line.size() > 3 && line[3] == '-' ? line.substr(0, 3) : std::string_view();
    }
    require(code.empty(), "replies are whole");
  }

  const Input& input_;
  Random random_;
  smtp::ServerSession session_;
  std::string transcript_;
  std::size_t asked_ = 0;
  std::size_t replies_ = 0;
  std::uint64_t appended_ = 0;
  bool refuses_appends_ = false;
  bool open_ = false;
  bool handshake_ = false;
  bool closed_ = false;
};

std::string run(const Input& input, std::size_t cut) {
  Driver driver(input);
  driver.feed(preludes[input.prelude % std::size(preludes)], static_cast<std::size_t>(-1));
  auto rest = input.octets;
  while (!rest.empty() && !driver.closed()) {
    const auto end = rest.find(segment_end);
    driver.feed(rest.substr(0, end), cut);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  driver.finish();
  return driver.transcript();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t answers = 6;
  if (size < 4 + answers) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const Input input{data[0], data[1], data[2], data[3], all.substr(4, answers), all.substr(4 + answers)};
  const auto whole = run(input, static_cast<std::size_t>(-1));
  if (input.octets.size() <= compared_octets_max) {
    for (const std::size_t cut : {1, 5}) {
      const auto pieces = run(input, cut);
      if (pieces != whole) std::fprintf(stderr, "whole:\n%s\ncut:\n%s\n", whole.c_str(), pieces.c_str());
      require(pieces == whole, "input cut small gives the same replies");
    }
  }
  Driver lines(input);
  lines.feed_lines(input.octets);
  lines.finish();
  return 0;
}
