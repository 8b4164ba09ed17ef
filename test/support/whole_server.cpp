#include "support/whole_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/digest.hpp"
#include "crypto/password.hpp"
#include "sasl/scram_keys.hpp"

namespace postil::test {
namespace {

std::string setting(const Dialogue& dialogue, const char* key) {
  const auto found = dialogue.settings.find(key);
  return found == dialogue.settings.end() ? std::string() : found->second;
}

bool sends(const Dialogue& dialogue, std::string_view text) {
  return std::ranges::any_of(dialogue.steps, [&](const DialogueStep& step) {
    return step.kind == StepKind::send && step.text.find(text) != std::string::npos;
  });
}

const sasl::Credentials& whole_account() {
  static const sasl::Credentials credentials = [] {
    sasl::Credentials made;
    made.exists = true;
    made.password_hash = crypto::hash_password("secret", "0123456789abcdef");
    made.scram_sha1 = sasl::make_scram_keys(crypto::Hash::sha1, "secret", "0123456789abcdef", 4096);
    made.scram_sha256 = sasl::make_scram_keys(crypto::Hash::sha256, "secret", "0123456789abcdef", 4096);
    return made;
  }();
  return credentials;
}

}  // namespace

std::optional<std::string> unreachable_for_a_program(const Dialogue& dialogue, bool real) {
  const std::string job = setting(dialogue, "job");
  if (job == "inbound") return "there is no inbound job yet";
  if (!setting(dialogue, "client_certificate").empty()) return "the client has no certificate here";
  if (setting(dialogue, "hide_client") == "yes" && job == "relay") return "only submission hides clients";
  if (setting(dialogue, "auth") == "yes" && setting(dialogue, "require_auth") != "yes")
    return "a submission listener always wants a login";
  if (setting(dialogue, "early") == "yes") return "the line's latency decides who speaks first";
  const bool waits = std::ranges::any_of(dialogue.steps, [](const auto& step) { return step.kind == StepKind::wait; });
  if (waits) return real ? "it would take minutes" : "the line's latency moves the second that counts";
  if (sends(dialogue, "disk-begin@") || sends(dialogue, "diskfull@")) return "the disk does not fail by sender";
  if (sends(dialogue, "198.51.100.66")) return "this relay is for everybody";
  if (sends(dialogue, "<nobody@")) return "a program refuses mailboxes of its own host only";
  if (sends(dialogue, "AGJsb2NrZWRAZXhhbXBsZS5vcmcAd3Jvbmc=")) return "one failure does not lock a login";
  return std::nullopt;
}

Dialogue for_a_program(Dialogue dialogue) {
  std::vector<DialogueStep> kept;
  for (std::size_t i = 0; i < dialogue.steps.size(); ++i) {
    const auto& step = dialogue.steps[i];
    // The bare session's clock and client address; here others are true.
    const bool bare_only = step.text.find("22 Nov 2026") != std::string::npos || step.text == "[192.0.2.1]";
    if (step.kind == StepKind::message && bare_only) continue;
    if (step.kind == StepKind::send &&
        step.text.find("AGFsaWNlQGV4YW1wbGUub3JnAHBvb2wtZnVsbA==") != std::string::npos) {
      ++i;  // and its reply
      continue;
    }
    kept.push_back(step);
  }
  dialogue.steps = std::move(kept);
  return dialogue;
}

config::Config configuration_for(const Dialogue& dialogue, const env::Endpoint& at, const std::string& certificate,
                                 const std::string& key, const std::string& socket) {
  const auto yes = [&](const char* name) { return setting(dialogue, name) == "yes"; };
  const std::string given = setting(dialogue, "job");
  std::string job = given.empty() ? "submission" : given;
  if (job == "relay" && yes("auth")) job = "submission";
  if (job == "local") job = "relay";
  const bool tls = job == "submission" || yes("starttls");
  const std::string listen = fmt::format("[\"{}\"]", to_string(at));
  std::string toml = fmt::format("job = \"{}\"\nhostname = \"mx.example.org\"\ncontact = \"admin@example.net\"\n", job);
  if (job != "null") toml += "[aliases]\npostmaster = \"admin@example.net\"\n";
  if (tls) toml += fmt::format("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", certificate, key);
  if (job == "submission") {
    toml += fmt::format("[submission]\nusers = \"/nowhere\"\nlocal = false\n{} = {}\n{} = []\n",
                        yes("implicit_tls") ? "listen_tls" : "listen", listen,
                        yes("implicit_tls") ? "listen" : "listen_tls");
  } else if (job == "relay") {
    toml += fmt::format("[relay]\nlisten = {}\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\n", listen);
  } else {
    toml += fmt::format("[null]\nlisten = {}\n", listen);
  }
  if (yes("xclient"))
    toml += fmt::format("[xclient]\nnetworks = [\"192.0.2.0/24\", \"127.0.0.1\"]\nlisten = {}\n", listen);
  const config::SourceFile source{"dialogue.toml", toml};
  config::Loaded loaded = config::parse(std::span(&source, 1));
  for (const auto& problem : loaded.problems) {
    fmt::print("{}: {}:{} {}\n", dialogue.name, problem.file, problem.line, problem.text_key);
  }
  POSTIL_ASSERT(loaded.ok());
  config::Config config = std::move(loaded.config);
  // What follows may be less than a configuration file is allowed to ask for.
  const auto number = [&](const char* name, std::uint64_t& into) {
    if (const std::string text = setting(dialogue, name); !text.empty()) into = std::stoull(text);
  };
  number("size", config.limits.message_octets);
  number("recipients", config.limits.recipients);
  number("line", config.limits.line_octets);
  number("header", config.limits.header_octets);
  number("hops", config.limits.hops);
  number("errors", config.limits.errors);
  number("commands", config.limits.commands);
  number("auth_failures", config.limits.auth_failures);
  number("priority", config.limits.priority);
  if (const std::string text = setting(dialogue, "hold_days"); !text.empty())
    config.submission.hold_max = days(std::stoul(text));
  config.limits.login_failures_per_address = config.limits.login_failures_per_account = 0;
  config.submission.auth_without_tls = yes("auth_without_tls");
  if (const std::string names = setting(dialogue, "mechanisms"); !names.empty()) {
    for (const auto name : split(names, ',')) config.submission.mechanisms.emplace_back(name);
  }
  config.receipt_url = setting(dialogue, "receipt_url");
  config.submission.local = given == "local";
  config.submit_socket = socket;
  config.control_socket.clear();
  config.aliases = {{"postmaster", {"postmaster@example.org"}},
                    {"team@example.org", {"alice@example.org", "bob@example.org"}}};
  config.spool.segment_octets = 4 << 20;
  config.spool.watermark_octets = 1 << 20;
  return config;
}

server::AccountSource::Found DialogueAccounts::lookup(const std::string& user) {
  Found found;
  found.available = user != "store-down@example.org";
  auto& credentials = found.credentials;
  credentials = whole_account();
  credentials.user = user;
  if (user == "bob@example.org") {
    credentials.scram_sha1.reset();
    credentials.scram_sha256.reset();
  } else if (user == "carol@example.org") {
    credentials.disabled = true;
  } else if (user == "dave@example.org") {
    credentials.mechanisms_off = {"PLAIN", "LOGIN"};
  } else {
    credentials.exists = user == "alice@example.org";
  }
  return found;
}

bool DialogueAccounts::may_send_as(std::string_view, std::string_view address) {
  return !address.starts_with("mallory@");
}

env::Awaitable<dns::Answer> DialogueResolver::query(std::string name, dns::Type type, MonoTime) {
  dns::Answer answer;
  answer.canonical_name = name;
  if (name == "nullmx.example" && type == dns::Type::mx) {
    answer.status = dns::Status::ok;
    answer.records.emplace_back(dns::Mx{0, ""});
  }
  co_return answer;
}

app::Extras extras_for_dialogues(server::AccountSource& accounts) {
  app::Extras extras;
  extras.accounts = &accounts;
  extras.local_login = [](std::uint32_t) { return std::optional<std::string>("alice@example.org"); };
  extras.help = [](std::string_view topic) {
    std::vector<std::string> lines;
    if (topic == "556") lines.emplace_back("The domain's DNS says that it takes no mail.");
    return lines;
  };
  return extras;
}

env::Awaitable<std::vector<std::string>> stored_messages(env::Store& store) {
  std::vector<std::string> all;
  const MessageId first;
  auto ids = co_await store.list(first, 1000);
  if (!ids) co_return all;
  for (const auto id : *ids) {
    auto envelope = co_await store.read_envelope(id);
    if (!envelope) continue;
    auto body = co_await store.read_body(id, 0, envelope->size_octets);
    if (body) all.push_back(std::move(*body));
  }
  co_return all;
}

int run_corpus(int count, char** arguments, bool real, const std::function<std::string(const Dialogue&)>& run) {
  if (count < 2) {
    fmt::print(stderr, "{} FOLDER [NAME...]\n", arguments[0]);
    return 64;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.path().extension() != ".smtp") continue;
    const auto named = [&](const char* name) { return entry.path().stem() == name; };
    if (count == 2 || std::any_of(arguments + 2, arguments + count, named)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::size_t failed = 0, passed_over = 0;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    const auto dialogue = parse_dialogue(file.filename().string(), text.str());
    std::string fault;
    if (!dialogue) {
      fault = file.filename().string() + ": " + dialogue.error();
    } else if (const auto why = unreachable_for_a_program(*dialogue, real)) {
      ++passed_over;
      fmt::print("passed over {}: {}\n", dialogue->name, *why);
    } else {
      fault = run(for_a_program(*dialogue));
    }
    if (fault.empty()) continue;
    ++failed;
    fmt::print("FAILED {}\n", fault);
  }
  fmt::print("{} dialogues, {} passed over, {} failed\n", files.size(), passed_over, failed);
  // Most of the corpus must be reachable, or this tests nothing.
  return failed > 0 || files.empty() || passed_over * 4 > files.size() ? 1 : 0;
}

}  // namespace postil::test
