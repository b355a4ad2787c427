// Where requests go: an origin and how its certificate is checked, worked out once and shared by all
// requests.
#pragma once

#include "net/connect.hpp"
#include "net/proxy.hpp"
#include "net/url.hpp"

#include <modelmesh/core/clock.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace modelmesh::net {

enum class http2_use : std::uint8_t {
    automatic,       ///< where the server chooses it during the TLS handshake
    off,             ///< never
    prior_knowledge, ///< always, also without TLS
};

/// How the connections to an endpoint are used.
struct connection_rules {
    /// How many requests that may be sent twice (http::request::is_replayable) may be under way on one HTTP/1.1
    /// connection, each behind the other. 1: no pipelining.
    std::size_t pipeline_depth = 1;
    /// These take the place of what pool_limits say, whose names they have.
    std::optional<std::size_t> connections{};
    std::optional<duration> queue_time{};
    std::optional<duration> idle_time{};

    friend bool operator==(const connection_rules&, const connection_rules&) = default;
};

/// Immutable. Endpoints with the same origin and settings share connections, which are kept while one of them lives.
class endpoint {
public:
    /// @param via  connections are tunnels through this proxy.
    explicit endpoint(origin where, tls_settings tls = tls_settings(), http2_use http2 = http2_use::automatic,
                      std::optional<proxy> via = std::nullopt, connection_rules rules = {})
        : where_(std::move(where)), tls_(std::move(tls)), http2_(http2), via_(std::move(via)), rules_(rules),
          name_(to_string(where_)), host_(host_header(where_)) {
        tls_.offer_http2 = http2 != http2_use::off;
    }
    endpoint(const endpoint&) = default;
    endpoint& operator=(const endpoint&) = delete;
    ~endpoint() { ended_.fetch_add(1, std::memory_order_release); }

    /// How many have ended: when it is another number than before, connections may have lost their last one.
    [[nodiscard]] static std::uint64_t ended() noexcept { return ended_.load(std::memory_order_acquire); }

    [[nodiscard]] const origin& where() const noexcept { return where_; }
    [[nodiscard]] const tls_settings& tls() const noexcept { return tls_; }
    [[nodiscard]] http2_use http2() const noexcept { return http2_; }
    [[nodiscard]] const std::optional<proxy>& via() const noexcept { return via_; }
    [[nodiscard]] const connection_rules& rules() const noexcept { return rules_; }
    /// Whether it is the same server, reached in the same way, however its connections are used.
    [[nodiscard]] bool is_same_server(const endpoint& other) const noexcept {
        tls_settings its = other.tls_;
        its.offer_http2 = tls_.offer_http2;
        return where_ == other.where_ && tls_ == its && via_ == other.via_;
    }
    [[nodiscard]] bool shares_connections_with(const endpoint& other) const noexcept {
        return is_same_server(other) && http2_ == other.http2_ && rules_ == other.rules_;
    }
    /// host:port, for messages.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Value of the Host field.
    [[nodiscard]] const std::string& host() const noexcept { return host_; }

private:
    /// Any thread ends one; each client looks. Release and acquire: who sees the number sees that it has expired.
    static inline std::atomic<std::uint64_t> ended_{0};

    origin where_;
    tls_settings tls_;
    http2_use http2_;
    std::optional<proxy> via_;
    connection_rules rules_;
    std::string name_;
    std::string host_;
};

} // namespace modelmesh::net
