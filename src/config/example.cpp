// Example files, one per job: complete, and checked by a test.
#include "config/config.hpp"

namespace postil::config {

std::string example(std::string_view job) {
  if (job == "null") {
    return R"(# A host that takes no mail: it says so with 521, and a correct client returns the message at once.
job      = "null"
hostname = "host7.example.net"
contact  = "https://example.net/contact"
)";
  }
  if (job == "relay") {
    return R"(# A relay for the programs and machines of an office.
job      = "relay"
hostname = "relay.example.org"

[relay]
networks = ["10.0.0.0/8", "2001:db8:7::/48"]   # who may send without a login

[aliases]
postmaster = "admin@example.org"               # root follows it

[deliver]
via           = "smarthost"                    # or "direct": to the hosts that DNS names
smarthost     = "submission://smtp.provider.example"
username      = "u123"
password_file = "/etc/postil/smarthost.password"

[[expect]]                                     # a test, which "postil config check" runs: strangers may not relay
from_ip = "192.0.2.9"
rcpt    = "someone@example.net"
reply   = "554"
)";
  }
  if (job == "submission") {
    return R"(# People and programs log in here and send.
job      = "submission"
hostname = "mail.example.org"

[tls]
certificate = "/etc/letsencrypt/live/mail.example.org/fullchain.pem"
key         = "/etc/letsencrypt/live/mail.example.org/privkey.pem"

[submission]                                   # ports 465 and 587
users = "/etc/postil/users"                    # postil user add alice@example.org

[aliases]
postmaster = "admin@example.org"               # root follows it

[deliver]
via = "direct"                                 # to the hosts that DNS names

[[expect]]                                     # a test, which "postil config check" runs: nobody sends without a login
rcpt  = "someone@example.net"
reply = "530 5.7.0"
)";
  }
  return {};
}

}  // namespace postil::config
