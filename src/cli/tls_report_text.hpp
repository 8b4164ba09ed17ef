// A TLS report that came, in the terminal.
#pragma once

#include <iosfwd>

#include "i18n/translator.hpp"
#include "tlsrpt/received.hpp"

namespace postil::cli {

// Who reports of which time, whether all is well; then each policy with its sessions, and of each kind of failure what
// it is, who acts and what is to be done. long_form: with the policies' texts and all hosts.
void write_tls_report(std::ostream& out, const tlsrpt::Received& received, const i18n::Translator& tr, bool long_form);
// One line for each policy, and one for each kind of failure.
void write_tls_report_lines(std::ostream& out, const tlsrpt::Received& received, const i18n::Translator& tr);

}  // namespace postil::cli
