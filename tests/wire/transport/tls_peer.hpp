// A TLS server on a thread.
#pragma once

#include "loopback.hpp"

#include "support/identity.hpp"

#include <openssl/ssl.h>

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace modelmesh::net::testing {

using support::identity;

/// Accepts `connections` clients one after the other, runs the script on each, and joins at destruction.
/// Tickets that it issued are good for all of its connections.
class tls_server {
public:
    using script = std::function<void(SSL*, raw_socket&)>;

    tls_server(const identity& who, const identity* intermediate, int connections, script each,
               int max_version = TLS1_3_VERSION)
        : context_(SSL_CTX_new(TLS_server_method())) {
        SSL_CTX_set_max_proto_version(context_, max_version);
        // What is older than 1.2 signs with SHA-1, which OpenSSL leaves out at its usual level.
        if (max_version < TLS1_2_VERSION) {
            SSL_CTX_set_min_proto_version(context_, max_version);
            SSL_CTX_set_security_level(context_, 0);
        }
        SSL_CTX_use_certificate(context_, who.certificate());
        SSL_CTX_use_PrivateKey(context_, who.key());
        if (intermediate != nullptr) SSL_CTX_add1_chain_cert(context_, intermediate->certificate());
        SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("test"), 4);
        SSL_CTX_set_alpn_select_cb(
            context_,
            [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned,
               void*) {
                *out = in + 1;
                *size = in[0];
                return SSL_TLSEXT_ERR_OK;
            },
            nullptr);
        thread_ = std::thread([this, connections, each = std::move(each)] {
            // OpenSSL writes with write(2). Only on this thread: our own code must not need it.
            sigset_t broken_pipe;
            sigemptyset(&broken_pipe);
            sigaddset(&broken_pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
            for (int i = 0; i < connections; ++i) {
                raw_socket socket = listener_.accept();
                const timeval limit{20, 0}; // a client that never comes must not hang the suite
                ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
                SSL* const ssl = SSL_new(context_);
                SSL_set_fd(ssl, socket.fd());
                if (SSL_accept(ssl) == 1) each(ssl, socket);
                SSL_free(ssl);
            }
        });
    }
    ~tls_server() {
        thread_.join();
        SSL_CTX_free(context_);
    }
    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

    static std::string read(SSL* ssl, std::size_t size) {
        std::string got;
        char buffer[16384];
        while (got.size() < size) {
            const int n = SSL_read(ssl, buffer, static_cast<int>(std::min(sizeof buffer, size - got.size())));
            if (n <= 0) break;
            got.append(buffer, static_cast<std::size_t>(n));
        }
        return got;
    }
    static void write(SSL* ssl, std::string_view bytes) {
        if (!bytes.empty()) SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
    }

private:
    raw_listener listener_;
    SSL_CTX* context_;
    std::thread thread_;
};

} // namespace modelmesh::net::testing
