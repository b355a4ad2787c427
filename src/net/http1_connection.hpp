// One HTTP/1.1 connection: drives the response parser with what a stream receives.
#pragma once

#include "net/read_status.hpp"
#include "net/stream.hpp"
#include "proto/http1.hpp"

#include <memory>
#include <string_view>

namespace modelmesh::net {

/// What has become of a message whose reader wants no more of it.
enum class leftover : std::uint8_t {
    none,    ///< it has ended, and another request may follow
    pending, ///< its end has not arrived
    useless, ///< no other request may follow, whatever arrives
};

/// Carries one exchange at a time. After a failure the connection is closed and every call fails.
/// Used by one thread; a task that it returned must not outlive it.
class http1_connection {
public:
    explicit http1_connection(std::unique_ptr<stream> transport) : stream_(std::move(transport)) {}

    /// Starts an exchange. @param head, body  must stay valid until completion. @param to_head  the method is
    /// HEAD. Errors: those of stream::send. What the server said before it stopped listening can still be
    /// read; then call end_after_this().
    [[nodiscard]] task<result<void>> send(std::string_view head, std::string_view body, bool to_head,
                                          time_point deadline);

    /// True: the head of the response is there. False: wait.
    /// Errors: connect when the connection was lost before the first byte, protocol when it was lost later or
    /// the bytes are not HTTP.
    result<bool> try_read_head();
    /// The next bytes of the body, valid until the next call. Errors: protocol, also for a body that was cut
    /// short.
    result<read_status> try_read(std::string_view& slice);
    /// Completes when the last try_ function would make progress. Errors: timed_out, canceled.
    [[nodiscard]] task<result<void>> wait(time_point deadline);

    [[nodiscard]] proto::response_parser& response() noexcept { return parser_; }
    /// Whether a byte of the current response was seen. A request on a reused connection that dies without
    /// one has met a connection that the server had already given up.
    [[nodiscard]] bool has_answer() const noexcept { return parser_.started(); }
    /// Whether the last message ended exactly at its boundary and another request may follow.
    [[nodiscard]] bool is_reusable() const noexcept;

    /// The request did not go out whole, so no other one may follow.
    void end_after_this() noexcept { is_last_ = true; }

    /// Takes what has arrived of a message whose reader wants no more of it. Gives up on a body that goes on:
    /// reading it would cost more than a new connection.
    [[nodiscard]] leftover try_finish() noexcept;

    void close() noexcept;
    void park() noexcept;
    /// False: the peer closed the connection, or sent bytes that nobody asked for.
    [[nodiscard]] bool unpark() noexcept { return stream_->unpark(); }

private:
    result<proto::response_parser::event> advance(std::string_view& slice);
    fault fail(fault why) noexcept;
    fault lost(const fault& why);

    std::unique_ptr<stream> stream_; // first: chunks are given back before it dies, and may also outlive it
    proto::response_parser parser_;
    chunk chunk_;
    bool is_dead_ = false;
    bool is_last_ = false;
};

} // namespace modelmesh::net
