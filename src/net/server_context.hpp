// What the connections of one server share, whatever version of HTTP they speak.
#pragma once

#include "core/time_limit.hpp"
#include "net/engine.hpp"
#include "net/exchange.hpp"
#include "net/http_date.hpp"
#include "proto/http1_server.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/task.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace modelmesh::net {

/// Runs a connection of a server.
class connection_owner {
public:
    /// From the event loop: the coroutine of the connection's serve() is to be cancelled, later.
    virtual void cancel_later() noexcept = 0;

protected:
    ~connection_owner() = default;
};

/// How long a client may take, and how much it may send.
class server_limits {
public:
    server_limits() = default;
    proto::request_limits request;
    std::size_t connections = 10'000;              ///< at a time; more wait in the kernel's backlog
    std::uint32_t streams = 128;                   ///< requests at a time on one HTTP/2 connection
    duration handshake = std::chrono::seconds(10); ///< TLS
    duration head = std::chrono::seconds(10);      ///< from a request's first byte to the end of its head
    duration idle = std::chrono::seconds(75);      ///< between requests; above what clients' pools keep
    duration body_gap = std::chrono::seconds(30);  ///< silence inside a request's body
    duration body = std::chrono::minutes(10);      ///< waiting for a request's body, in sum
    duration write = std::chrono::seconds(30); ///< in which the client takes nothing; seen after 60 s at most
    duration linger = std::chrono::milliseconds(1000); ///< for the client to read the last answer
    bool http2 = true; ///< spoken, too: over TLS by ALPN, else with those that begin with it
};

struct server_counters {
    std::uint64_t accepted = 0; ///< connections
    std::uint64_t handshakes_failed = 0;
    std::uint64_t requests = 0; ///< given to the handler
    std::uint64_t refused = 0;  ///< requests that are not HTTP or beyond a limit
    std::uint64_t slow = 0;     ///< connections, and requests of HTTP/2, given up: the client took too long
    std::uint64_t gone = 0;     ///< clients that left before they had their answer
    std::uint64_t failed = 0;   ///< handlers that threw, or left no whole answer
    std::size_t open = 0;       ///< connections now
    std::size_t handling = 0;   ///< requests now
};

using request_handler = function<task<void>(exchange&)>;

/// Outlives the connections.
class server_context {
public:
    server_context(engine& e, server_limits given, request_handler h, const clock& c)
        : io(e), limits(given), handler(std::move(h)), time(c) {}

    /// The end of a limit that begins now.
    [[nodiscard]] time_point in(duration limit) const noexcept { return core::after(time.now(), limit); }

    engine& io;
    server_limits limits;
    request_handler handler;
    const clock& time;
    http_date date;
    server_counters counters;
};

} // namespace modelmesh::net
