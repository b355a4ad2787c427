// The I/O engine of one event loop: chooses between our ring and Asio's reactor, and drives both from inside
// an ordinary io_context.
#pragma once

#include "core/timer.hpp"
#include "net/buffer_pool.hpp"
#include "net/stream.hpp"
#include "net/waiter.hpp"

#include <modelmesh/core/function.hpp>
#include <modelmesh/core/result.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::uring {
class ring_core;
}

namespace modelmesh::net {

class ring_lender;
class socket_stream;

/// A socket in use: the engine takes leave of it before it ends itself.
class engine_part : public list_hook {
public:
    /// The event loop is being destroyed: closes.
    virtual void leave_engine() noexcept = 0;

protected:
    ~engine_part() = default;
};

using corked_hook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<class corked_tag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// A send that waits until the coroutines of its turn have run. Ends with it when it is destroyed.
class corked_send : public corked_hook {
public:
    virtual void uncork() = 0;

protected:
    ~corked_send() = default;
};

enum class engine_kind : std::uint8_t {
    automatic, ///< the ring where it works, else the reactor
    uring,     ///< the ring, or a fault
    epoll,     ///< Asio's reactor
};

struct engine_settings {
    engine_settings() = default;
    explicit engine_settings(engine_kind which) : kind(which) {}

    engine_kind kind = engine_kind::automatic;
    std::uint32_t ring_entries = 256;
    std::uint32_t ring_buffers = 256; ///< a power of two
    std::uint32_t ring_buffer_size = 16384;
    std::uint32_t kept_buffers = 64; ///< idle owned buffers to keep for reuse
    /// A stream that has this many received buffers waiting stops receiving until its reader has caught up.
    std::uint16_t queue_limit = 8;
    /// After an event: how long to look for the next one before sleeping. Saves the wake-up, which across
    /// cores is most of a short round trip, and keeps a core busy meanwhile.
    duration busy_poll{};
};

struct engine_counters {
    std::size_t open_streams = 0;
    std::size_t waiters = 0;        ///< coroutines suspended in the transport
    std::size_t lent_buffers = 0;   ///< ring buffers that the kernel does not have, and owned buffers in use
    std::uint64_t enters = 0;       ///< io_uring_enter
    std::uint64_t sends = 0;        ///< sendmsg
    std::uint64_t receives = 0;     ///< recv, where the ring does not receive for us
    std::uint64_t dry = 0;          ///< receives that found the ring without buffers
    std::uint64_t throttled = 0;    ///< receives stopped because a reader fell behind
    std::uint64_t copied_bytes = 0; ///< payload copied by the layers above, as they report it
};

/// A service of its io_context: made on first use, destroyed with it. While only parked streams remain,
/// nothing of it counts as work, so `io_context::run()` returns. Threads: one at a time; the io_context must
/// be run by one thread, and not from inside one of its own coroutines: what they wait for would not come.
class engine final : public boost::asio::execution_context::service {
public:
    static inline boost::asio::execution_context::id id;

    /// The context's engine, made at first use as MODELMESH_IO says (auto, uring, epoll; default auto) and
    /// MODELMESH_BUSY_POLL_US (engine_settings::busy_poll in microseconds, at most a second; default 0).
    /// @throws error  config: a variable has another value, or demands a ring that cannot be had; or the
    /// system refuses what a loop needs.
    static engine& of(boost::asio::io_context& context);
    /// Makes the context's engine explicitly; before the first of(). Errors: config.
    static result<engine*> create(boost::asio::io_context& context, const engine_settings& settings);

    explicit engine(boost::asio::io_context& context);
    engine(boost::asio::io_context& context, const engine_settings& settings);
    ~engine() override;

    [[nodiscard]] std::string_view name() const noexcept { return ring_ ? "uring" : "epoll"; }
    /// Why the ring is not used; empty when it is, or was not asked for.
    [[nodiscard]] const std::string& fallback_reason() const noexcept { return fallback_reason_; }
    [[nodiscard]] engine_counters counters() const noexcept;
    void note_copied(std::size_t bytes) noexcept { counters_.copied_bytes += bytes; }

    /// Takes over a connected or connecting TCP socket. @param peer  names it in messages, "host:port".
    [[nodiscard]] std::unique_ptr<socket_stream> adopt(int socket, std::string peer);

    /// Takes over a listening socket: it is told before the event loop ends.
    void attach(engine_part& part) { parts_.push_back(part); }

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] buffer_pool& pool() noexcept { return *pool_; }

    // For the streams.
    [[nodiscard]] core::timer_queue& timers() noexcept { return timers_; }
    [[nodiscard]] uring::ring_core* ring() noexcept { return ring_.get(); }
    [[nodiscard]] ring_lender& lender() noexcept { return *lender_; }
    [[nodiscard]] engine_counters& tally() noexcept { return counters_; }
    [[nodiscard]] const engine_settings& settings() const noexcept { return settings_; }
    void reap() noexcept;
    /// Runs a turn once everything that is ready now has run: resumes coroutines, then brings submissions,
    /// watches and timers up to date.
    void turn_later();
    void waiter_added(waiter& w);
    /// Resumes its coroutine in the next turn. Coroutines are resumed in the order of these calls, and not by
    /// a posted handler each: that would cost an allocation and two trips through the loop's queue.
    void waiter_completed(waiter& w) noexcept;
    /// A completed waiter is being destroyed: resumes its coroutine with canceled.
    void resume_without(waiter& w) noexcept;
    /// Whether a send should wait for the end of the turn: another coroutine is to run in it. The sends of a
    /// turn then leave one right behind the other, and find their receivers awake. Woken by each, those would
    /// cost more than the send: sleeping and waking across cores is what dear machines are dear at.
    [[nodiscard]] bool corks() const noexcept { return in_turn_ && !resuming_.empty(); }
    /// Has it uncorked at the end of this turn, or of the next one where none is going on.
    void cork(corked_send& what);
    /// Somebody is to be told of an event without waiting for it.
    void work_added();
    void work_removed() noexcept;

private:
    void shutdown() override;
    void open_ring();
    void turn();
    void resume_ready();
    [[nodiscard]] bool uncork();
    [[nodiscard]] bool looks_on(bool had_event);
    void watch_ring();
    void watch_timers();

    using part_list = boost::intrusive::list<engine_part, boost::intrusive::constant_time_size<false>>;
    using waiter_list = boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>>;
    using corked_list = boost::intrusive::list<corked_send, boost::intrusive::base_hook<corked_hook>,
                                               boost::intrusive::constant_time_size<false>>;

    boost::asio::io_context& context_;
    engine_settings settings_;
    std::string fallback_reason_;
    engine_counters counters_;
    buffer_pool::handle pool_;
    ring_lender* lender_ = nullptr; // owns itself once abandoned
    std::unique_ptr<uring::ring_core> ring_;
    boost::asio::posix::stream_descriptor ring_watch_; // the ring's descriptor, borrowed
    boost::asio::steady_timer tick_;
    time_point tick_at_{};
    std::uint64_t tick_serial_ = 0;
    time_point look_until_{}; // busy polling
    core::timer_queue timers_;
    part_list parts_;
    waiter_list waiters_;
    std::size_t waiting_ = 0;
    waiter_list ready_;    ///< to be resumed in the next turn
    waiter_list resuming_; ///< to be resumed in this turn
    corked_list corked_;
    std::vector<function<void(wait_outcome)>> orphans_; ///< to be resumed in the next turn, canceled
    bool watching_ring_ = false;
    bool ticking_ = false;
    bool is_turn_posted_ = false;
    bool in_turn_ = false;
    bool is_looking_ = false; // busy polling
    bool shut_down_ = false;
};

} // namespace modelmesh::net
