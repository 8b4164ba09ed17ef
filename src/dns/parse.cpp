#include "dns/parse.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/bytes.hpp"

namespace postil::dns {
namespace {

constexpr std::size_t header_octets = 12;
constexpr std::size_t name_octets_max = 255;  // on the wire [rfc1035 2.3.4]
constexpr int pointers_max = 128;             // in one name: it cannot have more labels
constexpr std::uint16_t class_in = 1;
constexpr std::uint32_t ttl_max = 0x7fffffff;  // [rfc2181 8]: the top bit set means 0

// A place in the packet. Every read is checked; after one that failed, `good()` is false and all reads give zero.
class Reader {
 public:
  Reader(std::string_view packet, std::size_t at) : packet_(packet), at_(at) {}
  bool good() const { return good_; }
  std::size_t at() const { return at_; }
  std::size_t left() const { return packet_.size() - at_; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return number(4); }
  std::string_view octets(std::size_t count) {
    if (!good_ || count > left()) {
      good_ = false;
      return {};
    }
    const auto part = packet_.substr(at_, count);
    at_ += count;
    return part;
  }
  // A name, compressed or not [rfc1035 4.1.4]. Each pointer must point before the place where the part that it
  // stands in began: so every walk ends.
  std::string name();

 private:
  std::uint32_t number(int octets_count) {
    const auto part = octets(static_cast<std::size_t>(octets_count));
    std::uint32_t value = 0;
    for (const char c : part) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  std::string_view packet_;
  std::size_t at_;
  bool good_ = true;
};

void append_label(std::string& out, std::string_view label) {
  for (const char c : label) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '.' || c == '\\') {
      out += '\\';
      out += c;
    } else if (octet <= 32 || octet >= 127) {
      fmt::format_to(std::back_inserter(out), "\\{:03}", octet);
    } else {
      out += ascii_lower(c);
    }
  }
}

std::string Reader::name() {
  std::string out;
  std::size_t wire_octets = 1;  // the root label
  std::size_t part_start = at_;
  int pointers = 0;
  std::optional<std::size_t> after;  // where reading goes on, once a pointer was followed
  for (;;) {
    const auto length = u8();
    if (!good_) return {};
    if (length == 0) break;
    if ((length & 0xc0) == 0xc0) {
      const std::size_t target = (length & 0x3fu) << 8 | u8();
      if (!after) after = at_;
      if (!good_ || target >= part_start || target < header_octets || ++pointers > pointers_max) {
        good_ = false;
        return {};
      }
      part_start = at_ = target;
      continue;
    }
    wire_octets += length + 1u;
    const auto label = (length & 0xc0) != 0 ? std::string_view() : octets(length);
    if (label.empty() || wire_octets > name_octets_max) {
      good_ = false;
      return {};
    }
    if (!out.empty()) out += '.';
    append_label(out, label);
  }
  if (after) at_ = *after;
  return out;
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::uint32_t ttl = 0;
  std::size_t data_at = 0;
  std::size_t data_length = 0;
};

std::optional<Record> read_record(Reader& in) {
  Record record;
  record.owner = in.name();
  record.type = in.u16();
  record.record_class = in.u16();
  record.ttl = in.u32();
  if (record.ttl > ttl_max) record.ttl = 0;
  record.data_length = in.u16();
  record.data_at = in.at();
  in.octets(record.data_length);
  if (!in.good()) return std::nullopt;
  return record;
}

// The data of one record. A name in it may point back into the packet, but must end where the data ends.
class DataReader {
 public:
  DataReader(std::string_view packet, const Record& record)
      : in_(packet.substr(0, record.data_at + record.data_length), record.data_at) {}

  std::optional<Data> read(Type type) {
    Data data;
    switch (type) {
      case Type::a:
        data = address(AF_INET, 4);
        break;
      case Type::aaaa:
        data = address(AF_INET6, 16);
        break;
      case Type::mx: {
        const auto preference = in_.u16();
        data = Mx{preference, in_.name()};
        break;
      }
      case Type::txt:
        data = text();
        break;
      case Type::tlsa: {
        Tlsa tlsa{in_.u8(), in_.u8(), in_.u8(), {}};
        tlsa.data = in_.octets(in_.left());
        data = std::move(tlsa);
        break;
      }
      case Type::soa: {
        NameTarget primary{in_.name()};
        in_.name();
        in_.octets(20);
        data = std::move(primary);
        break;
      }
      case Type::ns:
      case Type::cname:
      case Type::ptr:
        data = NameTarget{in_.name()};
        break;
    }
    if (!in_.good() || in_.left() != 0) return std::nullopt;
    return data;
  }

  // MINIMUM of an SOA.
  std::optional<std::uint32_t> soa_minimum() {
    in_.name();
    in_.name();
    in_.octets(16);
    const auto minimum = in_.u32();
    if (!in_.good() || in_.left() != 0) return std::nullopt;
    return std::min(minimum, ttl_max);
  }

 private:
  Address address(int family, std::size_t length) {
    const auto octets = in_.octets(length);
    char text[INET6_ADDRSTRLEN] = {};
    if (in_.good()) ::inet_ntop(family, octets.data(), text, sizeof text);
    return {text};
  }
  Text text() {
    Text out;
    do {  // at least one string [rfc1035 3.3.14]
      out.value += in_.octets(in_.u8());
    } while (in_.good() && in_.left() > 0);
    return out;
  }

  Reader in_;
};

struct Sections {
  std::vector<Record> answers;
  std::vector<Record> authorities;
};

Answer malformed(std::string detail) {
  Answer answer;
  answer.status = Status::malformed;
  answer.detail = std::move(detail);
  return answer;
}

struct Message {
  std::uint16_t flags = 0;
  std::string question;
  std::uint16_t question_type = 0;
  std::uint16_t question_class = 0;
  Sections sections;
};

std::expected<Message, std::string> read_message(std::string_view packet) {
  if (packet.size() < header_octets || packet.size() > packet_octets_max) {
    return std::unexpected(fmt::format("a packet of {} octets", packet.size()));
  }
  Reader in(packet, 2);
  Message message;
  message.flags = in.u16();
  const auto questions = in.u16();
  const auto answers = in.u16();
  const auto authorities = in.u16();
  in.u16();
  if ((message.flags & 0x8000) == 0) return std::unexpected("a query, not a response");
  if ((message.flags & 0x7800) != 0) return std::unexpected("another opcode than QUERY");
  if (questions != 1) return std::unexpected(fmt::format("{} questions", questions));
  message.question = in.name();
  message.question_type = in.u16();
  message.question_class = in.u16();
  if (!in.good()) return std::unexpected("the question is cut off");
  for (auto [count, out] :
       {std::pair{answers, &message.sections.answers}, std::pair{authorities, &message.sections.authorities}}) {
    for (std::uint16_t i = 0; i < count; ++i) {
      auto record = read_record(in);
      if (!record) return std::unexpected(fmt::format("record {} is cut off", i + 1));
      if (record->record_class == class_in) out->push_back(std::move(*record));
    }
  }
  return message;
}

// [rfc2308 5]
std::optional<std::uint32_t> negative_ttl(std::string_view packet, const Sections& sections) {
  for (const auto& record : sections.authorities) {
    if (record.type != static_cast<std::uint16_t>(Type::soa)) continue;
    if (const auto minimum = DataReader(packet, record).soa_minimum()) return std::min(*minimum, record.ttl);
  }
  return std::nullopt;
}

// Follows CNAMEs through the answer section, whatever its order. False: a loop, a chain too long, or a bad record.
bool follow_chain(std::string_view packet, const std::vector<Record>& answers, Answer& answer, std::uint32_t& ttl) {
  std::map<std::string_view, const Record*> aliases;
  for (const auto& record : answers) {
    if (record.type == static_cast<std::uint16_t>(Type::cname)) aliases.emplace(record.owner, &record);
  }
  while (true) {
    const auto alias = aliases.find(answer.canonical_name);
    if (alias == aliases.end()) return true;
    const auto data = DataReader(packet, *alias->second).read(Type::cname);
    if (!data) return answer.detail = "a CNAME record cannot be read", false;
    auto target = std::get<NameTarget>(*data).name;
    if (answer.chain.size() > cname_chain_max) {
      return answer.detail = fmt::format("more than {} CNAME records in a row", cname_chain_max), false;
    }
    if (std::find(answer.chain.begin(), answer.chain.end(), target) != answer.chain.end()) {
      return answer.detail = "the CNAME records go round in a circle", false;
    }
    ttl = std::min(ttl, alias->second->ttl);
    answer.chain.push_back(target);
    answer.canonical_name = std::move(target);
  }
}

// The records of the asked type at the end of the chain. Of a broken record set nothing is used.
bool take_records(std::string_view packet, const std::vector<Record>& answers, Type type, Answer& answer,
                  std::uint32_t& ttl) {
  for (const auto& record : answers) {
    if (record.type != static_cast<std::uint16_t>(type) || record.owner != answer.canonical_name) continue;
    auto data = DataReader(packet, record).read(type);
    if (!data) {
      answer.records.clear();
      answer.detail = fmt::format("a record of type {} cannot be read", to_string(type));
      return false;
    }
    ttl = std::min(ttl, record.ttl);
    if (answer.records.size() < records_max) answer.records.push_back(std::move(*data));
  }
  return true;
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::a:
      return "A";
    case Type::ns:
      return "NS";
    case Type::cname:
      return "CNAME";
    case Type::soa:
      return "SOA";
    case Type::ptr:
      return "PTR";
    case Type::mx:
      return "MX";
    case Type::txt:
      return "TXT";
    case Type::aaaa:
      return "AAAA";
    case Type::tlsa:
      return "TLSA";
  }
  return "?";
}

std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::no_data:
      return "no_data";
    case Status::no_domain:
      return "no_domain";
    case Status::server_failure:
      return "server_failure";
    case Status::bogus:
      return "bogus";
    case Status::timed_out:
      return "timed_out";
    case Status::malformed:
      return "malformed";
  }
  return "?";
}

std::string normal_name(std::string_view name) {
  if (name.ends_with('.') && !name.ends_with("\\.")) name.remove_suffix(1);
  return to_lower(name);
}

std::optional<std::string> reverse_name(std::string_view address) {
  const std::string text(address);
  unsigned char octets[16];
  if (::inet_pton(AF_INET, text.c_str(), octets) == 1) {
    return fmt::format("{}.{}.{}.{}.in-addr.arpa", octets[3], octets[2], octets[1], octets[0]);
  }
  if (::inet_pton(AF_INET6, text.c_str(), octets) != 1) return std::nullopt;
  std::string out;
  for (int i = 15; i >= 0; --i) fmt::format_to(std::back_inserter(out), "{:x}.{:x}.", octets[i] & 15, octets[i] >> 4);
  return out + "ip6.arpa";
}

Answer parse_answer(std::string_view packet, std::string_view asked_name, Type type) {
  const auto message = read_message(packet);
  if (!message) return malformed(message.error());
  const auto name = normal_name(asked_name);
  if (message->question != name || message->question_type != static_cast<std::uint16_t>(type) ||
      message->question_class != class_in) {
    return malformed("an answer to another question");
  }
  Answer answer;
  answer.canonical_name = name;
  answer.chain = {name};
  const unsigned rcode = message->flags & 15u;
  if (rcode != 0 && rcode != 3) {
    answer.status = Status::server_failure;
    answer.detail = rcode == 2 ? "SERVFAIL" : rcode == 5 ? "REFUSED" : fmt::format("RCODE {}", rcode);
    return answer;
  }
  if ((message->flags & 0x0200) != 0) return malformed("a truncated answer");
  std::uint32_t ttl = ttl_max;
  if (type != Type::cname && !follow_chain(packet, message->sections.answers, answer, ttl)) {
    answer.status = Status::malformed;
    return answer;
  }
  if (!take_records(packet, message->sections.answers, type, answer, ttl)) {
    answer.status = Status::malformed;
    return answer;
  }
  if (!answer.records.empty() && rcode == 0) {
    answer.status = Status::ok;
    answer.ttl_seconds = ttl;
    return answer;
  }
  answer.records.clear();
  answer.status = rcode == 3 ? Status::no_domain : Status::no_data;
  answer.ttl_seconds = std::min(ttl, negative_ttl(packet, message->sections).value_or(0));
  return answer;
}

}  // namespace postil::dns
