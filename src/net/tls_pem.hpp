// PEM texts into OpenSSL's objects. For the two kinds of TLS context only: it shows OpenSSL's own types.
#pragma once

#include "net/tls_identity.hpp"

#include <modelmesh/core/result.hpp>

#include <openssl/ssl.h>

#include <string>
#include <string_view>

namespace modelmesh::net {

/// Every certificate of a PEM text into the store. False: there is none, or one of them is broken.
[[nodiscard]] bool trust_pem(X509_STORE* store, const std::string& pem);
/// The certificate that the context shows, those that lead from it to an authority, and its key. Errors:
/// config, one of them is missing, cannot be read, is encrypted, or they do not belong together.
[[nodiscard]] result<void> use_identity(SSL_CTX* context, const tls_identity& who);

/// errc::config, "TLS settings: <what>: <OpenSSL's reason>"; empties the error queue.
[[nodiscard]] fault unusable_tls(std::string_view what);

} // namespace modelmesh::net
