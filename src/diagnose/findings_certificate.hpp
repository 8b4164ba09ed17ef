// A server's certificate, judged under the ids of the place where it was met.
#pragma once

#include "crypto/certificate.hpp"
#include "diagnose/findings_areas.hpp"

namespace postil::diagnose {

struct CertificateIds {
  FindingId ok, name, chain, self_signed, expired, not_yet, soon, weak;
};
// connection.tls is set. Each fault is a finding of its own.
void find_certificate(Findings& out, const Connection& connection, const CertificateIds& ids);
// Keys and signatures that current clients refuse.
bool weak(const crypto::CertificateFacts& facts);

}  // namespace postil::diagnose
