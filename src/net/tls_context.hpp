// TLS settings, and what connections with the same settings share: trust, options, sessions to resume.
#pragma once

#include "net/tls_identity.hpp"

#include <modelmesh/core/result.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

// OpenSSL's own names, so that its headers stay out of ours.
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace modelmesh::net {

/// How a client makes sure whom it talks to. The defaults are those of a careful client.
/// The identity is shown to servers that ask for one.
struct tls_settings : tls_identity {
    tls_settings() = default;

    bool verify = true;       ///< check the chain and that the certificate names the host
    std::string ca_file;      ///< PEM file of authorities to trust besides the system's
    std::string ca_pem;       ///< the same as text
    std::string server_name;  ///< name to ask for and to check instead of the origin's host
    bool offer_http2 = false; ///< by ALPN, before http/1.1

    friend bool operator==(const tls_settings&, const tls_settings&) = default;
};

/// TLS 1.2 or newer, no renegotiation. Threads: one event loop's.
class tls_context {
public:
    /// Errors: config, when an authority cannot be read.
    static result<std::shared_ptr<tls_context>> create(const tls_settings& settings);
    ~tls_context();
    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;

    [[nodiscard]] const tls_settings& settings() const noexcept { return settings_; }
    [[nodiscard]] ssl_ctx_st* native() const noexcept { return native_; }

    /// Offers the last session with this peer to a new connection.
    void offer_session(const std::string& peer, ssl_st* connection);
    /// Keeps a session; takes over one reference.
    void keep_session(const std::string& peer, ssl_session_st* session);

private:
    static constexpr std::size_t kept_sessions = 256;

    explicit tls_context(const tls_settings& settings);

    tls_settings settings_;
    ssl_ctx_st* native_;
    std::unordered_map<std::string, ssl_session_st*> sessions_;
};

/// An event loop's contexts, one per distinct settings: reading the system's authorities takes milliseconds.
class tls_contexts final : public boost::asio::execution_context::service {
public:
    static inline boost::asio::execution_context::id id;

    explicit tls_contexts(boost::asio::io_context& context) : service(context) {}
    static tls_contexts& of(boost::asio::io_context& context);

    result<std::shared_ptr<tls_context>> get(const tls_settings& settings);

private:
    void shutdown() override { contexts_.clear(); }
    std::vector<std::shared_ptr<tls_context>> contexts_;
};

/// OpenSSL's newest complaint as text, and an empty error queue; `otherwise` when there is none.
[[nodiscard]] std::string take_tls_error(std::string_view otherwise);

} // namespace modelmesh::net
