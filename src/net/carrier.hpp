// What one exchange needs of whatever carries it: an HTTP/1.1 connection, or one stream of an HTTP/2
// connection.
#pragma once

#include "net/read_status.hpp"
#include "proto/http1.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/http/message.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::net {

/// A request that is fit for the wire, for either protocol.
class outgoing {
public:
    outgoing() = default;
    std::shared_ptr<const http::request> request;
    proto::request_defaults defaults;
    std::string head; ///< as proto::write_request_head made it
};

/// After a failure every call fails. Used by one thread; a task that it returned must not outlive it.
class carrier {
public:
    virtual ~carrier() = default;

    /// Starts an exchange. @param what  must stay valid until completion. Errors: those of stream::send, and
    /// config when the protocol forbids a field. What the server said before it stopped listening can still
    /// be read; then call end_after_this().
    [[nodiscard]] virtual task<result<void>> send(const outgoing& what, time_point deadline) = 0;
    /// True: the head of the response is there. False: wait.
    /// Errors: connect when the connection was lost before the head, protocol when it was lost later or the
    /// bytes are not HTTP.
    virtual result<bool> try_read_head() = 0;
    /// The next bytes of the body, valid until the next call. Errors: protocol, also for a body that was cut
    /// short.
    virtual result<read_status> try_read(std::string_view& slice) = 0;
    /// Completes when the last try_ function would make progress. Errors: timed_out, canceled.
    [[nodiscard]] virtual task<result<void>> wait(time_point deadline) = 0;

    /// @pre try_read_head() was true
    [[nodiscard]] virtual int status() const noexcept = 0;
    [[nodiscard]] virtual http::headers take_headers() noexcept = 0;
    /// Length of the body when the head announced it and there is one.
    [[nodiscard]] virtual std::optional<std::uint64_t> body_length() const noexcept = 0;

    /// Whether the server has shown life since the request. One on a used connection that dies without it
    /// has met a connection that the server had already given up.
    [[nodiscard]] virtual bool has_answer() const noexcept = 0;
    /// The server has said that it did not act on the request, so it may be sent again elsewhere.
    [[nodiscard]] virtual bool is_unprocessed() const noexcept = 0;
    /// The request did not go out whole: the connection ends with this exchange.
    virtual void end_after_this() noexcept = 0;
    /// Ends the exchange at once.
    virtual void close() noexcept = 0;
};

} // namespace modelmesh::net
