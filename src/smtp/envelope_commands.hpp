// The arguments of MAIL and RCPT to values, or the reply that says what is wrong with them. Pure.
#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

#include "reply/catalogue.hpp"
#include "smtp/params.hpp"

namespace postil::smtp {

// argument: "FROM:<a@b> SIZE=12". esmtp: the client said EHLO; after HELO no parameter is known.
std::expected<MailCommand, reply::Reply> parse_mail(std::string_view argument, bool esmtp);
// argument: "TO:<a@b> NOTIFY=NEVER". smtputf8: MAIL asked for it.
std::expected<RcptCommand, reply::Reply> parse_rcpt(std::string_view argument, bool esmtp, bool smtputf8);

}  // namespace postil::smtp
