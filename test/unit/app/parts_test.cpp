// Limits over time, the users file, the event log.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include <boost/json.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "accounts/users_text.hpp"
#include "app/event_log.hpp"
#include "app/file_accounts.hpp"
#include "app/help.hpp"
#include "app/rate_limits.hpp"
#include "crypto/password.hpp"

namespace postil::app {
namespace {

using testing::HasSubstr;

TEST(Help, tells_who_acts_in_short_ascii_lines) {
  EXPECT_THAT(help_lines("556"), testing::Contains(testing::StartsWith("Sender: Check the part of the address")));
  EXPECT_THAT(help_lines("250"), testing::Contains(testing::StartsWith("Nothing has to be done.")));
  EXPECT_THAT(help_lines("235 vs 521").front(),
              testing::StartsWith("235 comes from the server that you log in to; 521"));
  EXPECT_EQ(help_lines("235 vs 521").size(), 3u);
  EXPECT_THAT(help_lines("mx-null").back(), HasSubstr("RFC 7505"));
  EXPECT_EQ(help_lines("user_unknown").front(), "Mailbox does not exist");
  for (const char* topic : {"nonsense", "7Q3K-9F2M-4T8XB", "null mx", "550 551 552 553", "4xx vs 5xx", ""})
    EXPECT_TRUE(help_lines(topic).empty()) << topic;
  for (const char* topic :
       {"550", "5.7.26", "5xx", "x.7.z", "550 5.1.1", "550 551 554", "SPF-LOOKUPS", "relay_denied"}) {
    const auto lines = help_lines(topic);
    EXPECT_GE(lines.size(), 2u) << topic;
    for (const auto& line : lines) {
      EXPECT_LE(line.size(), 400u) << line;
      EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= ' ' && c < 127; })) << line;
    }
  }
}

const MonoTime start{hours(1000)};

config::Limits limits() {
  config::Limits out;
  out.login_failures_per_address = 3;
  out.login_failures_per_account = 5;
  out.login_window = minutes(10);
  out.login_block = minutes(5);
  out.login_block_max = hours(1);
  out.recipients_per_hour = 10;
  out.recipients_per_day = 1000;
  return out;
}

TEST(RateLimits, FailedLoginsBlockTheAddress) {
  RateLimits rates(limits(), 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(rates.login_blocked("192.0.2.1", "alice", start)) << i;
    rates.login_ended("192.0.2.1", "alice", false, start);
  }
  const auto wait = rates.login_blocked("192.0.2.1", "bob", start);
  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, minutes(5));
  EXPECT_GT(*wait, minutes(4));
  EXPECT_FALSE(rates.login_blocked("192.0.2.2", "bob", start));
  EXPECT_FALSE(rates.login_blocked("192.0.2.1", "bob", start + minutes(6)));
}

TEST(RateLimits, RecipientsOfAnAccount) {
  RateLimits rates(limits(), 1);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(rates.count_recipient("alice", start)) << i;
  const auto over = rates.count_recipient("alice", start);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->limit, 10u);
  EXPECT_EQ(over->period, "hour");
  EXPECT_FALSE(rates.count_recipient("bob", start));
  EXPECT_FALSE(rates.count_recipient("alice", start + hours(3)));
}

TEST(RateLimits, AReloadKeepsCountsWhoseLimitIsTheSame) {
  RateLimits rates(limits(), 1);
  for (int i = 0; i < 3; ++i) rates.login_ended("192.0.2.1", "alice", false, start);
  for (int i = 0; i < 10; ++i) rates.count_recipient("alice", start);
  auto same = limits();
  same.message_octets = 5;
  rates.set(same);
  EXPECT_TRUE(rates.login_blocked("192.0.2.1", "bob", start));
  EXPECT_TRUE(rates.count_recipient("alice", start));
  auto more = limits();
  more.recipients_per_hour = 20;
  rates.set(more);
  EXPECT_TRUE(rates.login_blocked("192.0.2.1", "bob", start)) << "another limit's counts stay";
  EXPECT_FALSE(rates.count_recipient("alice", start));
}

TEST(RateLimits, NoLimitIsNone) {
  auto none = limits();
  none.recipients_per_hour = none.recipients_per_day = none.login_failures_per_address =
      none.login_failures_per_account = 0;
  RateLimits rates(none, 1);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_FALSE(rates.count_recipient("alice", start));
    rates.login_ended("192.0.2.1", "alice", false, start);
  }
  EXPECT_FALSE(rates.login_blocked("192.0.2.1", "alice", start));
}

struct KeptEvents : event::Sink {
  void emit(const event::Event& event) override { names.push_back(event.name); }
  std::vector<event::Name> names;
};

class FileAccountsTest : public testing::Test {
 protected:
  FileAccountsTest() {
    char name[] = "/tmp/postil-test-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/users";
  }
  ~FileAccountsTest() override { std::filesystem::remove_all(folder); }
  void write(const std::string& text) {
    // As editors and `postil user` do it: a new file over the old one.
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }
  static std::string sample(const std::string& name) {
    static const std::string hash = crypto::hash_password("secret", "0123456789abcdef");
    accounts::UserRecord record;
    record.name = name;
    record.password_hash = hash;
    const auto text =
        accounts::add_user(accounts::with_head("", std::string(accounts::server_key_octets, 'k')), record);
    EXPECT_TRUE(text);
    return text.value_or("");
  }
  std::string folder, path;
  KeptEvents events;
};

TEST_F(FileAccountsTest, AChangeCountsFromTheNextLookup) {
  FileAccounts accounts(path, events);
  EXPECT_FALSE(accounts.refresh()) << "no file";
  EXPECT_FALSE(accounts.lookup("alice@example.org").available);
  EXPECT_FALSE(accounts.may_send_as("alice@example.org", "alice@example.org"));
  EXPECT_FALSE(events.names.empty());

  write(sample("alice@example.org"));
  ASSERT_TRUE(accounts.refresh()) << accounts.refresh().error();
  auto found = accounts.lookup("alice@example.org");
  ASSERT_TRUE(found.available);
  EXPECT_TRUE(found.credentials.exists);
  EXPECT_TRUE(crypto::verify_password(found.credentials.password_hash, "secret"));
  EXPECT_TRUE(accounts.may_send_as("alice@example.org", "alice@example.org"));
  EXPECT_FALSE(accounts.may_send_as("alice@example.org", "bob@example.org"));
  found = accounts.lookup("bob@example.org");
  EXPECT_TRUE(found.available);
  EXPECT_FALSE(found.credentials.exists);
  EXPECT_FALSE(found.credentials.password_hash.empty()) << "made up, so that answers look alike";

  write(sample("bob@example.org"));
  EXPECT_TRUE(accounts.lookup("bob@example.org").credentials.exists);
  EXPECT_FALSE(accounts.lookup("alice@example.org").credentials.exists);
}

TEST_F(FileAccountsTest, ABrokenFileIsNoAccountAtAll) {
  FileAccounts accounts(path, events);
  write(sample("alice@example.org"));
  ASSERT_TRUE(accounts.refresh());
  write("this is no users file\n");
  const auto read = accounts.refresh();
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error(), HasSubstr(path));
  EXPECT_FALSE(accounts.lookup("alice@example.org").available) << "454, not a login by what stood there once";
  EXPECT_EQ(events.names.back(), event::Name::resource_trouble);
  write(sample("alice@example.org"));
  EXPECT_TRUE(accounts.lookup("alice@example.org").available);
  std::filesystem::remove(path);
  EXPECT_FALSE(accounts.lookup("alice@example.org").available);
}

TEST_F(FileAccountsTest, APipeIsNotWaitedFor) {
  FileAccounts accounts(path, events);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(accounts.lookup("alice@example.org").available);
  EXPECT_FALSE(accounts.lookup("alice@example.org").available);
  EXPECT_EQ(events.names.size(), 1u) << "told once";
  EXPECT_THAT(accounts.refresh().error(), HasSubstr("no regular file"));
  std::filesystem::remove(path);
  write(sample("alice@example.org"));
  EXPECT_TRUE(accounts.lookup("alice@example.org").available);
}

// As of a network disk that is gone.
TEST_F(FileAccountsTest, AReadThatHangsHoldsUpNobody) {
  struct Hang {
    std::mutex mutex;
    std::condition_variable changed;
    bool hangs = false;
  };
  auto hang = std::make_shared<Hang>();
  const auto read = [hang](const std::string& at, const accounts::FileStamp& known) {
    std::unique_lock lock(hang->mutex);
    hang->changed.wait(lock, [&] { return !hang->hangs; });
    return read_users_file(at, known);
  };
  const auto set = [&](bool hangs) {
    const std::lock_guard lock(hang->mutex);
    hang->hangs = hangs;
    hang->changed.notify_all();
  };
  write(sample("alice@example.org"));
  FileAccounts accounts(path, events, milliseconds(50), read);
  while (!accounts.lookup("alice@example.org").available) {
  }
  const auto told = events.names.size();
  set(true);
  EXPECT_FALSE(accounts.lookup("alice@example.org").available) << "454, in a bounded time";
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(accounts.lookup("alice@example.org").available) << "at once from now on";
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10)) << "not 1,000 times 50 ms";
  EXPECT_EQ(events.names.size(), told + 1);
  EXPECT_TRUE(accounts.may_send_as("alice@example.org", "alice@example.org")) << "who is logged in goes on";
  set(false);
  while (!accounts.lookup("alice@example.org").available) {
  }
  set(true);
  EXPECT_FALSE(accounts.lookup("alice@example.org").available);
  EXPECT_EQ(events.names.size(), told + 2) << "a new trouble is told again";
  set(false);
}

// ---- the log

struct FixedClock : env::Clock {
  MonoTime now() const override { return start; }
  WallTime wall() const override { return wall_from_microseconds(1'795'000'000'000'000); }
};

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends), 0); }
  ~Pipe() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void end() { ::close(std::exchange(ends[1], -1)); }
  std::string all() {
    std::string text;
    char octets[65536];
    for (long n; (n = ::read(ends[0], octets, sizeof octets)) > 0;) text.append(octets, static_cast<std::size_t>(n));
    return text;
  }
  int ends[2]{};
};

TEST(EventLog, JsonLines) {
  FixedClock clock;
  Pipe pipe;
  {
    EventLog log(pipe.ends[1], event::Level::debug, clock);
    log.emit({event::Name::message_accepted, {{"id", "a\"b\n"}, {"size", std::int64_t{5}}}});
    log.emit({event::Name::server_started, {}});
    EXPECT_EQ(log.count(event::Name::message_accepted), 1u);
  }
  pipe.end();
  const std::string text = pipe.all();
  std::istringstream lines(text);
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    boost::system::error_code error;
    const auto value = boost::json::parse(line, error);
    ASSERT_FALSE(error) << line;
    EXPECT_TRUE(value.as_object().contains("event"));
    ++count;
  }
  EXPECT_EQ(count, 2);
  EXPECT_THAT(text, HasSubstr("\"id\":\"a\\\"b?\""));
}

TEST(EventLog, BelowItsLevelIsOnlyCounted) {
  FixedClock clock;
  Pipe pipe;
  {
    EventLog log(pipe.ends[1], event::Level::error, clock);
    log.emit({event::Name::message_accepted, {}});
    log.emit({event::Name::spool_full, {}});
    log.set_level(event::Level::debug);
    log.emit({event::Name::server_started, {}});
    EXPECT_EQ(log.count(event::Name::message_accepted), 1u);
  }
  pipe.end();
  const std::string text = pipe.all();
  EXPECT_THAT(text, HasSubstr("spool.full"));
  EXPECT_THAT(text, HasSubstr("server.started"));
  EXPECT_THAT(text, testing::Not(HasSubstr("message.accepted")));
}

TEST(EventLog, AReaderThatIsSlowHoldsNobodyUp) {
  FixedClock clock;
  Pipe pipe;
  std::string text;
  std::thread reader;
  {
    EventLog log(pipe.ends[1], event::Level::debug, clock);
    const std::string big(4000, 'x');
    for (int i = 0; i < 10'000; ++i) log.emit({event::Name::message_accepted, {{"id", big}}});  // 40 MB; nobody reads
    EXPECT_EQ(log.count(event::Name::message_accepted), 10'000u);
    log.emit({event::Name::spool_full, {}});
    reader = std::thread([&] { text = pipe.all(); });
  }
  pipe.end();
  reader.join();
  EXPECT_LT(text.size(), 20'000'000u);
  EXPECT_THAT(text, HasSubstr("spool.full")) << "what is loud is never dropped";
  EXPECT_THAT(text, HasSubstr("\"event\":\"log.dropped\",\"count\":"));
}

TEST(EventLog, AReaderThatStandsStillDoesNotKeepItFromEnding) {
  FixedClock clock;
  Pipe pipe;
  const std::string big(4000, 'x');
  for (int lines : {5, 100, 20'000}) {
    EventLog log(pipe.ends[1], event::Level::debug, clock);
    for (int i = 0; i < lines; ++i) log.emit({event::Name::spool_full, {{"why", big}}});  // loud ones have a bound too
    const auto began = std::chrono::steady_clock::now();
    log.finish(milliseconds(200));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2)) << lines;
    log.emit({event::Name::spool_full, {}});
    EXPECT_EQ(log.count(event::Name::spool_full), static_cast<std::uint64_t>(lines) + 1);
    if (lines == 20'000) {
      EXPECT_GE(log.dropped(), 19'900u) << "a pipe holds 64 KiB";
    }
  }
}

TEST(EventLog, ASocketIsNotWaitedForEither) {  // the journal's
  FixedClock clock;
  int ends[2]{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const std::string big(4000, 'x');
  {
    EventLog log(ends[1], event::Level::debug, clock);
    log.emit({event::Name::server_started, {}});
    for (int i = 0; i < 1000; ++i) log.emit({event::Name::message_accepted, {{"id", big}}});
    const auto began = std::chrono::steady_clock::now();
    log.finish(milliseconds(200));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
    EXPECT_GT(log.dropped(), 0u);
  }
  char octets[64] = {};
  EXPECT_GT(::read(ends[0], octets, sizeof octets - 1), 0);
  EXPECT_THAT(octets, HasSubstr("server.started"));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(EventLog, NobodyReadsAnyMore) {
  ::signal(SIGPIPE, SIG_IGN);
  FixedClock clock;
  Pipe pipe;
  ::close(std::exchange(pipe.ends[0], ::dup(pipe.ends[1])));
  EventLog log(pipe.ends[1], event::Level::debug, clock);
  for (int i = 0; i < 1000; ++i) log.emit({event::Name::message_accepted, {}});
  EXPECT_EQ(log.count(event::Name::message_accepted), 1000u);
}

TEST(EventLog, WithoutADescriptorItCounts) {
  FixedClock clock;
  EventLog log(-1, event::Level::debug, clock);
  log.emit({event::Name::message_accepted, {}});
  EXPECT_EQ(log.count(event::Name::message_accepted), 1u);
}

}  // namespace
}  // namespace postil::app
