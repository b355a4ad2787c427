// A connected byte stream: the one interface between the protocol code and TCP, TLS, the ring and the
// reactor.
#pragma once

#include "net/chunk.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <string_view>

namespace modelmesh::net {

enum class io_status : std::uint8_t {
    ready,       ///< the chunk has at least one byte
    would_block, ///< nothing has arrived yet: wait_readable
    end,         ///< the peer closed in order (TCP FIN; under TLS: close_notify)
};

/// Owned by one connection, used by one thread, at most one reader and one writer at a time.
/// Destroying a stream closes it at once; buffers that chunks still hold stay valid until those chunks die.
class stream {
public:
    virtual ~stream() = default;

    /// Takes bytes that have already arrived; never suspends, never allocates after warm-up.
    /// Errors: connect (reset, or under TLS an end without close_notify is `protocol`), canceled after
    /// close().
    virtual result<io_status> try_receive(chunk& out) = 0;

    /// Completes when try_receive would no longer answer would_block.
    /// Errors: timed_out at `deadline`; canceled when the awaiting coroutine is cancelled or close() is
    /// called.
    virtual task<result<void>> wait_readable(time_point deadline) = 0;

    /// Sends head and then body, in one segment where they fit. Both must stay valid until completion.
    /// Completes when the kernel has taken every byte. Errors as for receiving; a stream whose send failed is
    /// dead.
    virtual task<result<void>> send(std::string_view head, std::string_view body, time_point deadline) = 0;

    /// Sends what the kernel takes at once and forgets the rest: for a protocol's goodbye just before
    /// close().
    virtual void send_last(std::string_view bytes) noexcept { static_cast<void>(bytes); }

    /// Aborts pending operations (they complete with canceled) and closes the connection.
    virtual void close() noexcept = 0;

    /// For a connection at rest in a pool: lets go of what keeps the event loop alive and of receive buffers.
    virtual void park() noexcept = 0;
    /// Takes a stream, parked or not, into use for another exchange. False: the peer closed it or sent bytes
    /// nobody asked for; discard it.
    virtual bool unpark() noexcept = 0;
};

} // namespace modelmesh::net
