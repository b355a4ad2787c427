// TLS settings of a server, and what its connections share.
#pragma once

#include "net/tls_identity.hpp"

#include <modelmesh/core/result.hpp>

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace modelmesh::net {

struct tls_server_settings : tls_identity {
    tls_server_settings() = default;

    std::string client_ca_pem; ///< with either of these, clients need a certificate signed by one of them
    std::string client_ca_file;
    std::vector<std::string> alpn{"h2", "http/1.1"}; ///< protocols to offer, the preferred one first
};

/// TLS 1.2 or newer, session tickets, no renegotiation. A client that offers protocols of which we speak none
/// is refused; one that offers nothing gets what it asked for, HTTP/1.1. Threads: one event loop's.
class tls_server_context {
public:
    /// Errors: config, when a certificate or key cannot be read, or they do not belong together.
    static result<std::shared_ptr<tls_server_context>> create(const tls_server_settings& settings);
    ~tls_server_context();
    tls_server_context(const tls_server_context&) = delete;
    tls_server_context& operator=(const tls_server_context&) = delete;

    [[nodiscard]] ssl_ctx_st* native() const noexcept { return native_; }
    [[nodiscard]] bool verifies_clients() const noexcept { return verifies_clients_; }

private:
    tls_server_context();
    result<void> demand_certificates(const tls_server_settings& settings);

    ssl_ctx_st* native_;
    std::string alpn_; ///< as on the wire: each name with its length before it
    bool verifies_clients_ = false;
};

} // namespace modelmesh::net
