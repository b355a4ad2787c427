// Who one side of a TLS connection proves to be.
#pragma once

#include <string>

namespace modelmesh::net {

/// A certificate and its key, each as PEM text or as the name of a PEM file; the text wins. The key must not
/// be encrypted.
struct tls_identity {
    tls_identity() = default;

    std::string certificate_pem; ///< the certificate, then those that lead from it to an authority
    std::string certificate_file;
    std::string key_pem;
    std::string key_file;

    [[nodiscard]] bool is_given() const noexcept {
        return !certificate_pem.empty() || !certificate_file.empty() || !key_pem.empty() || !key_file.empty();
    }
    friend bool operator==(const tls_identity&, const tls_identity&) = default;
};

} // namespace modelmesh::net
