// MAIL and RCPT as they are sent: only the parameters that the server offered to take. [rfc5321 4.1.1.11]
#pragma once

#include <string>

#include "smtp/client_session.hpp"

namespace postil::smtp {

// What the server cannot take of this transaction; none when it may be sent. A UTF-8 domain behind an ASCII local part
// needs no SMTPUTF8: it is sent in its ASCII form.
Missing missing_for(const Transaction& transaction, const Extensions& extensions, bool chunking);
// Whether envelope or header need the SMTPUTF8 parameter [rfc6531 3.4].
bool needs_smtputf8(const Transaction& transaction);

// With CRLF. ENVID, RET, NOTIFY and ORCPT go to servers with DSN only, as they came [rfc3461 5.2].
std::string mail_line(const Transaction& transaction, const Extensions& extensions);
std::string rcpt_line(const RcptCommand& rcpt, const Extensions& extensions, bool smtputf8);

}  // namespace postil::smtp
