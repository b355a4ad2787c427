// An HTTP server on one event loop: accepts, secures, and runs a handler for each request.
#pragma once

#include "net/acceptor.hpp"
#include "net/exchange.hpp"
#include "net/server_context.hpp"
#include "net/tls_server_context.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace modelmesh::net {

/// All calls on the engine's thread. Everything it starts is over when serve() completes. A handler that
/// throws, or ends without a whole answer, is answered with 500 if nothing was said, else its connection is
/// cut off.
class server {
public:
    /// The engine must outlive the task of serve(); the clock must outlive everything that is served.
    server(engine& io, request_handler handler, server_limits limits = server_limits(),
           const clock& time = clock::system());
    /// As stop(); but a serve() that has begun still has to run to its end.
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Takes the address; connections are accepted by serve(). HTTP/2 is offered if both the limits and `tls`
    /// say so. Errors: config, connect.
    result<void> listen(const listen_settings& where,
                        const std::optional<tls_server_settings>& tls = std::nullopt);
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Serves until drain() or stop(), and completes when the last connection is over. Once.
    /// Errors: connect, the listening socket is broken. Cancellation: every type that the awaiting coroutine
    /// lets through, as stop(); it still completes only when the last connection is over, and never throws.
    /// @pre listen() has succeeded
    [[nodiscard]] task<result<void>> serve();

    /// Accepts no more, closes idle connections, and lets requests that have begun come to their end: the
    /// answers that start from now on say that theirs is the last. What is left after `limit` is cut off.
    void drain(duration limit);
    /// Cuts everything off.
    void stop() { drain(duration::zero()); }

    [[nodiscard]] server_counters counters() const noexcept;

private:
    struct session;
    struct state;
    static task<result<void>> run(std::shared_ptr<state> self);
    std::shared_ptr<state> state_;
};

} // namespace modelmesh::net
