// A connected byte stream: the one interface between the protocol code and TCP, TLS, the ring and the
// reactor.
#pragma once

#include "net/chunk.hpp"
#include "net/waiter.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace modelmesh::net {

enum class io_status : std::uint8_t {
    ready,       ///< the chunk has at least one byte
    would_block, ///< nothing has arrived yet: wait_readable
    end,         ///< the peer closed in order (TCP FIN; under TLS: close_notify)
};

/// Up to four runs of bytes that go out one behind the other, without being joined first.
class gather {
public:
    static constexpr std::size_t capacity = 4;

    gather() noexcept = default;
    gather(std::string_view first, std::string_view second = {}, std::string_view third = {},
           std::string_view fourth = {}) noexcept
        : parts_{first, second, third, fourth} {}

    [[nodiscard]] bool empty() const noexcept {
        for (const std::string_view part : parts_)
            if (!part.empty()) return false;
        return true;
    }
    [[nodiscard]] std::array<std::string_view, capacity>& parts() noexcept { return parts_; }
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t all = 0;
        for (const std::string_view part : parts_) all += part.size();
        return all;
    }
    /// Drops the first n bytes.
    void consume(std::size_t n) noexcept {
        for (std::string_view& part : parts_) {
            const std::size_t taken = n < part.size() ? n : part.size();
            part.remove_prefix(taken);
            n -= taken;
        }
    }

private:
    std::array<std::string_view, capacity> parts_;
};

/// Told once when a connection has ended while its owner was busy with something else.
class end_watcher {
public:
    /// From the event loop; must not close the stream.
    virtual void peer_has_gone() noexcept = 0;
    /// Bytes wait to be read, and hide an end behind them. True: they were taken, the watch goes on.
    virtual bool bytes_arrived() noexcept { return false; }

protected:
    ~end_watcher() = default;
};

/// In bytes on the wire, those of TLS and of a proxy's tunnel included.
class send_progress {
public:
    send_progress() = default;
    send_progress(std::uint64_t s, std::uint64_t a) noexcept : sent(s), acknowledged(a) {}
    std::uint64_t sent = 0;         ///< the kernel has taken them
    std::uint64_t acknowledged = 0; ///< and the peer's system, or the proxy's
};

/// Owned by one connection, used by one thread, at most one reader and one writer at a time.
/// Destroying a stream closes it at once; buffers that chunks still hold stay valid until those chunks die.
class stream {
public:
    virtual ~stream() = default;

    /// Takes bytes that have already arrived; never suspends, never allocates after warm-up.
    /// Errors: connect (reset, or under TLS an end without close_notify), protocol (what has come is not TLS, or
    /// was changed on its way), canceled after close().
    virtual result<io_status> try_receive(chunk& out) = 0;

    /// For a reader whom try_receive has answered would_block: ready when asking again is worth while,
    /// timed_out at `deadline`, canceled when the awaiting coroutine is cancelled or close() is called. It
    /// does not see that the coroutine was cancelled before it began.
    [[nodiscard]] virtual wait_operation wait_readable(time_point deadline) = 0;

    /// Takes bytes off the front of `parts`, in order and in one segment where they fit; never suspends.
    /// True: the kernel has taken them all. False: wait_writable, then again with what is left; until then
    /// `parts` itself and the bytes must stay, for they may be taken meanwhile. It may be nothing that is
    /// left, and the answer false all the same. Errors as for receiving; a stream whose send failed, or was
    /// given up before it was done, is dead.
    virtual result<bool> try_send(gather& parts) = 0;
    /// For a writer whom try_send has answered false. Outcomes as for reading. A wait that timed out may be
    /// repeated; try_send instead finds the stream dead.
    [[nodiscard]] virtual wait_operation wait_writable(time_point deadline) = 0;

    /// Sends it all, waiting where the kernel does not take it at once. Completes when it has. The parts must
    /// stay valid and the stream alive until completion. Errors: those of try_send, and timed_out.
    [[nodiscard]] task<result<void>> send(gather parts, time_point deadline);
    /// As the other, but the peer is given up only when its system acknowledges nothing for so long. Whoever
    /// takes little by little may take as long as it needs.
    [[nodiscard]] task<result<void>> send(gather parts, const clock& time, duration patience);

    /// How far what was sent has got. The acknowledged part grows long before a full socket becomes writable
    /// again: Linux waits until a third of its buffer is free, which may be more than a megabyte. Of no use
    /// after send_last(), end_output() or close().
    [[nodiscard]] virtual send_progress progress() const noexcept = 0;

    /// Sends what the kernel takes at once and forgets the rest: for a protocol's goodbye just before
    /// close().
    virtual void send_last(std::string_view bytes) noexcept { static_cast<void>(bytes); }

    /// Nothing more will be sent: the peer reads the end behind what it was sent. Receiving goes on.
    virtual void end_output() noexcept {}

    /// Has `who` told when the peer closes or resets the connection, whether or not anybody reads; nullptr
    /// ends it. Bytes that arrive meanwhile are kept. While it is set the event loop has work. Best effort:
    /// behind many unread bytes the end may stay unseen.
    virtual void watch_end(end_watcher* who) { static_cast<void>(who); }

    /// Aborts pending operations (they complete with canceled) and closes the connection.
    virtual void close() noexcept = 0;

    /// As close(), but the peer sees a failure instead of an end in order: what it has is not the whole.
    virtual void reset() noexcept { close(); }

    /// For a connection at rest in a pool: lets go of what keeps the event loop alive and of receive buffers.
    virtual void park() noexcept = 0;
    /// Takes a stream, parked or not, into use for another exchange. False: the peer closed it or sent bytes
    /// nobody asked for, and try_receive has them; where nothing may come between exchanges, discard it.
    virtual bool unpark() noexcept = 0;

    /// The application protocol that the peer chose by ALPN; empty: none.
    [[nodiscard]] virtual std::string_view alpn() const noexcept { return {}; }
};

} // namespace modelmesh::net
