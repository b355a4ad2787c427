// What one exchange needs of whatever carries it: an HTTP/1.1 connection, or one stream of an HTTP/2
// connection.
#pragma once

#include "net/read_status.hpp"
#include "net/waiter.hpp"
#include "proto/http1.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace modelmesh::net {

/// A request that is fit for the wire, for either protocol. What it names stays valid until it was sent.
class outgoing {
public:
    outgoing(std::shared_ptr<const http::request> r, proto::request_defaults d)
        : request(std::move(r)), defaults(d) {}
    std::shared_ptr<const http::request> request; ///< proto::check_request found nothing wrong with it
    proto::request_defaults defaults;
};

/// After a failure every call fails. Used by one thread.
class carrier {
public:
    virtual ~carrier() = default;

    /// Starts an exchange. True: the request is out. False: wait_sent, then try_send_rest. Errors: those of
    /// stream::try_send, and config when the protocol forbids a field. What the server said before it stopped
    /// listening can still be read; then call end_after_this().
    virtual result<bool> try_send(const outgoing& what) = 0;
    virtual result<bool> try_send_rest() = 0;
    [[nodiscard]] virtual wait_operation wait_sent(time_point deadline) = 0;

    /// Of a request with a body source, whose body try_send has left out: its next bytes, which stay valid
    /// until they were taken, and its end. Answers and errors as for try_send; connect also when the server
    /// wants no more of it. Meanwhile the answer may be read.
    virtual result<bool> try_send_piece(std::string_view piece) = 0;
    virtual result<bool> try_send_end() = 0;

    /// Of the request: grows while the server takes what it is sent. May cost a system call.
    [[nodiscard]] virtual std::uint64_t taken() const noexcept = 0;

    /// True: the head of the response is there. False: wait.
    /// Errors: connect when the connection was lost before the head, protocol when it was lost later or the
    /// bytes are not HTTP.
    virtual result<bool> try_read_head() = 0;
    /// The next bytes of the body, valid until the next call. Errors: protocol, also for a body that was cut
    /// short.
    virtual result<read_status> try_read(std::string_view& slice) = 0;
    /// For a reader whom a try_ function told to wait: ready when asking again is worth while. It does not
    /// see that the coroutine was cancelled before it began.
    [[nodiscard]] virtual wait_operation wait(time_point deadline) = 0;

    /// @pre try_read_head() was true
    [[nodiscard]] virtual int status() const noexcept = 0;
    /// Exchanges `into` for the fields of the head: its memory serves the next one.
    virtual void swap_headers(http::headers& into) noexcept = 0;
    /// The same with the fields behind the body. @pre try_read() has found the end
    virtual void swap_trailers(http::headers& into) noexcept = 0;
    /// Length of the body when the head announced it and there is one.
    [[nodiscard]] virtual std::optional<std::uint64_t> body_length() const noexcept = 0;

    /// Whether the server has shown life since the request. One on a used connection that dies without it
    /// has met a connection that the server had already given up.
    [[nodiscard]] virtual bool has_answer() const noexcept = 0;
    /// The request may be sent again elsewhere: the server has said that it did not act on it, or it was lost
    /// behind others and may be sent twice.
    [[nodiscard]] virtual bool is_unprocessed() const noexcept = 0;
    /// Of one that is unprocessed: whether some of it may have gone out.
    [[nodiscard]] virtual bool has_begun() const noexcept { return false; }
    /// The server has said that it wants HTTP/1.1 instead.
    [[nodiscard]] virtual bool needs_http1() const noexcept { return false; }
    /// The request did not go out whole, and the rest of it never will: the connection ends with this
    /// exchange.
    virtual void end_after_this() noexcept = 0;
    /// Ends the exchange at once.
    virtual void close() noexcept = 0;
    /// As close(), but it is the caller who wants no more: a connection that others share may go on.
    virtual void abandon() noexcept { close(); }
};

/// An exchange on a connection that others share.
class shared_exchange : public carrier {
public:
    /// Whether the server has answered others here, so that a connection which dies without a byte of this
    /// answer may have been given up before it came.
    [[nodiscard]] virtual bool follows_others() const noexcept { return false; }
    /// The reader wants no more, and the rest is at most the end of the answer.
    virtual void leave() noexcept = 0;
};

} // namespace modelmesh::net
