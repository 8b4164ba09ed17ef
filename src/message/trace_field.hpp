// The Received field that we put on top of every accepted message [rfc5321 4.4].
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace postil::message {

struct ReceivedFacts {
  std::string helo;         // what the client said in HELO/EHLO; any octets, made safe here; "" when it said nothing
  std::string client_ip;    // canonical text; "" leaves the from clause's address out (privacy of submitters)
  std::string client_name;  // by reverse DNS, verified; "" when unknown
  std::string host;         // ours
  bool esmtp = true;
  bool lmtp = false;
  bool tls = false;
  std::string tls_version;  // "TLSv1.3"; for the comment
  std::string tls_cipher;   // "TLS_AES_256_GCM_SHA384"
  bool authenticated = false;
  bool smtputf8 = false;         // the transaction asked for it
  bool local = false;            // by our sendmail command or API, no SMTP: "with local"
  std::string id;                // to_string(MessageId) or an id of the session's
  std::optional<int> priority;   // MT-PRIORITY, -9 to 9 [rfc6710 4.1]
  std::string single_recipient;  // for the "for" clause; "" when there are several [rfc5321 7.2]
  WallTime time;
  int zone_minutes = 0;  // east of UTC
};

// The keyword of the with clause: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA [rfc3848], UTF8SMTP... [rfc6531 4.3], LMTP...
std::string with_keyword(const ReceivedFacts& facts);

// "Received: from helo (name [192.0.2.1])<CRLF><HTAB>by host ... ; date<CRLF>": a whole field, folded under 78 columns
// where words allow; never a control octet but its CRLFs; 8-bit only when smtputf8.
std::string received_field(const ReceivedFacts& facts);

// "Return-Path: <...><CRLF>" for final delivery; path is as Path::address.
std::string return_path_field(std::string_view path);

}  // namespace postil::message
