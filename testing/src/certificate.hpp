// Certificates that live as long as the simulator: an authority and a server certificate signed by it.
#pragma once

#include <string>

namespace modelmesh::testing::detail {

/// PEM texts. The keys stay in memory; no function of the simulator writes them anywhere.
struct identity {
    std::string ca_certificate;
    std::string certificate;
    std::string private_key;
};

/// Makes a certificate authority and a certificate for localhost, 127.0.0.1 and ::1 (EC P-256).
/// @throws std::runtime_error when OpenSSL fails.
identity make_identity();

} // namespace modelmesh::testing::detail
