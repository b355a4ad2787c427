// The HTTP client of one event loop: sends a request over a pooled connection and reads the answer, whole or
// in slices as it arrives.
#pragma once

#include "net/client_endpoint.hpp"
#include "net/connection_pool.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace modelmesh::net {

class engine;

/// How long one exchange may take, in whole and in its phases, and how much a body read as a whole may hold.
class exchange_limits {
public:
    static constexpr duration default_total = std::chrono::seconds(300);

    /// @param until  when the exchange must be over, waiting for a connection included.
    explicit exchange_limits(time_point until) : deadline(until) {}

    time_point deadline;
    duration connect = std::chrono::seconds(10);    ///< name, TCP and TLS
    duration first_byte = std::chrono::seconds(60); ///< from the request to the head of the response
    duration gap = std::chrono::seconds(30);        ///< silence inside the body
    std::size_t max_body = 64 * 1024 * 1024;        ///< of exchange(); a stream is not limited
};

/// A response whose head has arrived. Destroying it closes the connection, unless the body was read to its
/// end. Used on the client's thread; a task that it returned must not outlive it, nor run while it is moved.
class response_stream {
public:
    response_stream(response_stream&&) noexcept;
    response_stream& operator=(response_stream&&) noexcept;
    ~response_stream();

    [[nodiscard]] int status() const noexcept;
    [[nodiscard]] const http::headers& headers() const noexcept;
    [[nodiscard]] http::headers take_headers() noexcept;
    /// Fields behind the body; none before its end was read.
    [[nodiscard]] const http::headers& trailers() const noexcept;
    /// Length of the body when the head announced it and there is one.
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept;

    /// Takes bytes of the body that have arrived; never suspends. The slice is valid until the next call of
    /// any reading function, and chunk::padding bytes past it may be read. Errors: protocol when the body was
    /// cut short or malformed; timed_out; they repeat.
    result<read_status> try_read(std::string_view& slice);
    /// Completes when try_read would not answer would_block. Errors: timed_out, canceled; the connection is
    /// closed.
    [[nodiscard]] task<result<void>> wait();
    /// The next slice, or nothing at the end. Lifetime and errors as above.
    [[nodiscard]] task<result<std::optional<std::string_view>>> read();

    /// The reader has all it wants, and the rest of the body is at most its end. The connection is used again
    /// if that end has arrived by then; nothing waits for it. Reading afterwards finds the end.
    void done() noexcept;

private:
    friend class client;
    struct state;
    struct recycle {
        void operator()(state* used) const noexcept;
    };
    using handle = std::unique_ptr<state, recycle>;
    explicit response_stream(handle s) noexcept;
    handle state_;
};

/// One per event loop; all calls on that loop's thread. Exchanges in flight may outlive it.
class client {
public:
    using dialer =
        function<task<result<std::unique_ptr<stream>>>(std::shared_ptr<const endpoint>, time_point)>;

    /// Connects through the engine, which must outlive the client.
    explicit client(engine& io, pool_limits limits = pool_limits(), const clock& time = clock::system());
    /// @param dial  makes the connections instead.
    client(engine& io, pool_limits limits, const clock& time, dialer dial);
    client(client&&) noexcept;
    client& operator=(client&&) noexcept;
    /// Closes the connections at rest.
    ~client();

    /// Sends a request and reads the whole answer, whatever its status.
    /// Errors name the host, never headers or bodies: config (the request cannot be put on the wire),
    /// connect, timed_out, canceled, protocol, overloaded (the queue for connections is full), bad_request
    /// (the body's source has another length than it said), and what the source reports. Cancellation:
    /// all types; the connection is closed. The request is sent again only when a reused connection turned
    /// out dead before the first byte of an answer; one whose body comes from a source, only if that can be
    /// rewound. An answer other than success ends the reading of the source. Where the endpoint allows it
    /// replayable requests share an HTTP/1.1 connection; those behind one that is lost or canceled are sent
    /// once more on others.
    [[nodiscard]] task<result<http::response>> exchange(std::shared_ptr<const endpoint> to,
                                                        std::shared_ptr<const http::request> request,
                                                        exchange_limits limits);
    /// The same, and completes when the head of the answer is there, but not before the request is out unless
    /// the server refuses it: a server whose success does not wait for the request's end has to wait to be read.
    [[nodiscard]] task<result<response_stream>> open(std::shared_ptr<const endpoint> to,
                                                     std::shared_ptr<const http::request> request,
                                                     exchange_limits limits);

    /// Opens connections and lets them rest for requests to come: up to `count`, one where HTTP/2 serves all,
    /// none where as many rest already, the pool's limits forbid, or another request is about to make the one
    /// that serves all. One after the other, so that a server is not met with a burst.
    /// @param patience  for each. Errors: connect, timed_out, canceled; connections made before stay.
    [[nodiscard]] task<result<void>> warm_up(std::shared_ptr<const endpoint> to, std::size_t count,
                                             duration patience);

    /// Sum over all origins.
    [[nodiscard]] pool_counters counters() const noexcept;

private:
    friend class response_stream;
    struct state;
    class call;
    enum class reading : bool { in_slices, whole };
    static task<result<response_stream>> start(std::shared_ptr<state> self,
                                               std::shared_ptr<const endpoint> to,
                                               std::shared_ptr<const http::request> request,
                                               exchange_limits limits, reading how);
    static task<result<void>> warm(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                   std::size_t count, duration patience);
    static task<result<http::response>> collect(std::shared_ptr<state> self,
                                                std::shared_ptr<const endpoint> to,
                                                std::shared_ptr<const http::request> request,
                                                exchange_limits limits);
    std::shared_ptr<state> state_;
};

} // namespace modelmesh::net
