// PEM texts into OpenSSL's objects. For the two kinds of TLS context only: it shows OpenSSL's own types.
#pragma once

#include <modelmesh/core/result.hpp>

#include <openssl/ssl.h>

#include <string>
#include <string_view>

namespace modelmesh::net {

/// Every certificate of a PEM text into the store. False: there is none, or one of them is broken.
[[nodiscard]] bool trust_pem(X509_STORE* store, const std::string& pem);
/// The certificate of the server, and those that lead from it to an authority. False: none, or broken.
[[nodiscard]] bool use_chain_pem(SSL_CTX* context, const std::string& pem);
/// For OpenSSL's callbacks: nobody is there to be asked for the password of a key.
int no_password(char* buffer, int size, int writes, void* user);
/// False: broken, encrypted, or not the certificate's key.
[[nodiscard]] bool use_key_pem(SSL_CTX* context, const std::string& pem);

/// errc::config, "TLS settings: <what>: <OpenSSL's reason>"; empties the error queue.
[[nodiscard]] fault unusable_tls(std::string_view what);

} // namespace modelmesh::net
